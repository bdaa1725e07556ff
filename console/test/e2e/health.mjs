// How the gateway is, as `bulkhead doctor` would say it.
import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { same } from './stage.mjs';

/** Something that others may read stands there first, with the command that mends it; mended, it is gone. */
export async function healthIsWhatDoctorSays(stage) {
  const open = `${stage.home}/data`;
  chmodSync(open, 0o755);
  const ada = await stage.signedIn('ada');
  const { page } = ada;
  await ada.go('health');
  const findings = page.getByRole('region', { name: 'What bulkhead doctor finds' });
  const first = findings.locator('.findings li').first();
  await first.getByText('other users may read').waitFor();
  const mend = (await first.locator('.mend').innerText()).replace('Mend:', '').trim();
  for (const check of ['layer:landlock', 'settings', 'guardrails', 'agents', 'exposure', 'record', 'disk', 'clock', 'model', 'gateway', 'export']) {
    await findings.getByText(check, { exact: true }).first().waitFor();
  }
  await ada.accessible('the health');
  await ada.shot('health');
  execFileSync('sh', ['-c', mend]);
  await page.reload();
  // What was found is good for a little while.
  for (;;) {
    await findings.locator('.findings li').first().waitFor();
    if ((await findings.getByText('other users may read').count()) === 0) break;
    await findings.getByRole('button', { name: 'Look again' }).click();
    await page.waitForTimeout(500);
  }
  await findings.getByText('are closed to others').waitFor();

  // Who is neither administrator nor operator sees none of it.
  const bob = await stage.signedIn('bob');
  await bob.go('health');
  await bob.page.getByText('administrators and operators see here').waitFor();
  same('findings', await bob.page.locator('.findings').count(), 0);
}
