// Somebody who comes by the organisation's identity provider, and has neither a password nor a passkey here.
import { readFileSync, writeFileSync } from 'node:fs';
import { withDevice } from './people.mjs';
import { same } from './stage.mjs';

/** Who the provider is told is at this browser, in place of somebody who types it there. */
async function at(seat, issuer, who) {
  seat.others = [issuer];
  await seat.context.unrouteAll();
  await seat.context.route(`${issuer}/auth?**`, (route) => {
    const url = new URL(route.request().url());
    url.searchParams.set('login_hint', who);
    return route.continue({ url: url.href });
  });
}

/** Their confirmation runs out, and the provider is what they confirm with: nothing that they were at is lost. */
export async function confirmsAtTheProvider(stage) {
  const settings = `${stage.home}/bulkhead.toml`;
  const issuer = /^issuer = "([^"]*)"/m.exec(readFileSync(settings, 'utf8'))[1];
  const { host } = new URL(stage.base);
  stage.base = stage.base.replace('127.0.0.1', 'localhost');
  const seat = await stage.seat();
  const { page } = seat;
  await at(seat, issuer, 'ada');
  await page.goto(stage.base);
  await page.getByRole('button', { name: 'Sign in with 127.0.0.1' }).click();
  await page.getByRole('navigation').waitFor();
  same('nothing of the way is left in the address', new URL(page.url()).search, '');
  await seat.go('people');
  const device = await withDevice(seat);

  // The gateway forgets in a restart who confirmed, and the page stays as it is.
  writeFileSync(settings, readFileSync(settings, 'utf8').replace('127.0.0.1:0', host));
  stage.run('gateway', 'restart');
  const name = page.getByLabel('Name', { exact: true });
  await name.fill('this laptop');
  const add = page.getByRole('button', { name: 'Add a passkey' });
  await add.click();
  const dialog = page.getByRole('dialog');
  const there = dialog.getByRole('link', { name: 'Confirm with 127.0.0.1' });
  await there.waitFor();
  same('no password is asked for', await dialog.locator('input').count(), 0);
  await seat.accessible('the confirmation by the provider');
  await seat.shot('confirm-provider');

  // Somebody else at the provider confirms nothing, and it is said in both windows.
  const goes = async (who) => {
    await at(seat, issuer, who);
    const [window] = await Promise.all([seat.context.waitForEvent('page'), there.click()]);
    return window;
  };
  const wrong = await goes('eve');
  await wrong.getByRole('alert').getByText('confirm there as').waitFor();
  await dialog.getByRole('alert').getByText('confirm there as').waitFor();
  same('no code stays in the address', new URL(wrong.url()).search, '');
  await wrong.close();
  same('nothing is made', (await device.keys()).length, 0);

  await goes('ada');
  await page.getByRole('button', { name: 'Remove the passkey this laptop' }).waitFor();
  await dialog.waitFor({ state: 'hidden' });
  same('there is a passkey', (await device.keys()).length, 1);
}
