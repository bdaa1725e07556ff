// The record: found, read, followed as a timeline, proven, verified, exported.
import { readFileSync, writeFileSync } from 'node:fs';
import { holds, same } from './stage.mjs';

async function saved(page, press) {
  const [download] = await Promise.all([page.waitForEvent('download'), press()]);
  return readFileSync(await download.path(), 'utf8');
}

export async function recordIsFoundProvenAndVerified(stage) {
  const ada = await stage.signedIn('ada');
  const { page } = ada;
  await ada.ask('echo', 'Write about the handbook');
  await ada.answered();
  const checkpoint = stage.run('audit', 'checkpoint');

  await ada.go('record');
  const lines = page.locator('.view li');
  await lines.first().waitFor();
  same('the newest first', Number(await lines.first().locator('.seq').innerText()), stage.json('audit', 'verify').records);
  await page.getByLabel('Decision').selectOption('deny');
  await page.waitForFunction(() => document.querySelectorAll('.view li').length === 1);
  holds('what was denied', (await lines.first().innerText()).includes('/etc/cron.d/late'));
  const denied = (await saved(page, () => page.getByRole('button', { name: 'Export' }).click())).trim().split('\n').map((line) => JSON.parse(line));
  same('exported', denied.map((one) => [one.kind, one.decision]), [['verdict', 'deny']]);
  const [told] = stage.run('audit', 'query', '--event', 'export.made', '--json').trim().split('\n').map((line) => JSON.parse(line));
  same('and that is on the record', [told.person, told.facts.conditions], ['ada', ['decision=deny']]);
  // What was exported is said beside how many there are, and no more once others are asked for.
  const asks = page.locator('.asks');
  await asks.getByText('1 record was saved.', { exact: true }).waitFor();
  same('what is listed', await asks.getByRole('status').first().innerText(), '1 record');
  await page.getByLabel('Decision').selectOption('permit');
  await asks.getByText('1 record was saved.').waitFor({ state: 'detached' });
  await page.waitForFunction(() => document.querySelectorAll('.view li').length > 1);
  same('it is counted anew', /^\d+ records/.test(await asks.getByRole('status').innerText()), true);
  await page.getByLabel('Decision').selectOption('deny');
  await page.waitForFunction(() => document.querySelectorAll('.view li').length === 1);

  await lines.first().click();
  const sheet = page.locator('.sheet article');
  await sheet.waitFor();
  holds('why', (await sheet.innerText()).includes('skill:file-writer'));
  const seq = Number(/#\/record\/(\d+)$/.exec(page.url())[1]);
  const file = `${stage.home}/a.tlog-proof`;
  writeFileSync(file, await saved(page, () => sheet.getByRole('button', { name: 'Save its proof' }).click()));
  const proven = stage.json('audit', 'check-proof', file);
  same('the proof holds, of this record', [proven.ok, proven.seq], [true, seq]);
  await ada.accessible('the record');

  // No administrator reads content by being one.
  await sheet.getByRole('button', { name: 'Read its content' }).click();
  await sheet.getByText('may not read content').waitFor();

  await sheet.getByRole('link', { name: 'as a timeline' }).click();
  await page.getByRole('heading', { name: /^Conversation s-/ }).waitFor();
  await page.locator('li.span').first().waitFor();
  const spans = await page.locator('li.span').allInnerTexts();
  holds('each action of it', spans.some((text) => text.includes('draft.md') && text.includes('done')) && spans.some((text) => text.includes('late') && text.includes('denied')));
  await ada.shot('timeline');
  await ada.accessible('the timeline');

  await ada.go('record/figures');
  const plot = page.getByRole('img', { name: /^Actions\. permitted: \d+, not permitted: 1$/ });
  await plot.waitFor();
  await ada.shot('figures');
  await ada.accessible('the plots');

  await ada.go('record/verify');
  await page.locator('summary').click();
  await page.getByLabel('Hold it against').fill(checkpoint);
  await page.getByRole('button', { name: 'Verify now' }).click();
  await page.getByText('The record holds:').waitFor();
  await page.getByLabel('Hold it against').fill('no checkpoint');
  await page.getByRole('button', { name: 'Verify now' }).click();
  await page.locator('.note.bad').waitFor();
  await ada.shot('verify');
  await ada.accessible('the verification');
}

export async function aMemberSeesTheirOwnRecords(stage) {
  const bob = await stage.signedIn('bob');
  await bob.go('record');
  await bob.page.getByText('You see the records that name you').waitFor();
  await bob.page.locator('.view li').first().waitFor();
  same('no way to verify', await bob.page.getByRole('link', { name: 'Verify' }).count(), 0);
  await bob.go('record/1');
  await bob.page.getByText('not yours to see').waitFor();
}

/** How many records the list is fed with, and the most of them that may be in the page at once. */
export const MANY = 100_000;
const MOST = 120;

const row = (seq) => ({
  seq, time: new Date(Date.UTC(2026, 0, 1) + seq * 60_000).toISOString(), kind: 'verdict', event: null, session: 's-1', turn: 't-1', proposal: `p-${seq}`, agent: 'echo', person: 'ada',
  action: { verb: 'file.read', resource: { kind: 'path', name: `/srv/handbook/${seq}.md` } }, decision: seq % 7 ? 'permit' : 'deny', reasons: [], status: null, labels: [], policy_version: null, call: null, prev: '', hash: '',
});

/** Answers for a record of that many, page by page as the gateway does. */
export function many(page) {
  return page.route('**/api/v1/records?*', (route) => {
    const before = Number(new URL(route.request().url()).searchParams.get('before') ?? MANY + 1);
    const first = Math.max(1, before - 500);
    const records = Array.from({ length: before - first }, (_, index) => row(before - 1 - index));
    return route.fulfill({ contentType: 'application/json', body: JSON.stringify({ records, before: first > 1 ? first : null, after: null }) });
  });
}

/** To the end as it is, again and again, until there is no more. */
export function toTheFirst(page) {
  return page.locator('.view').evaluate(async (element) => {
    for (let last = -1; last !== element.scrollHeight || !document.querySelector('[role=status].number')?.textContent?.endsWith('records'); ) {
      last = element.scrollHeight;
      element.scrollTop = element.scrollHeight;
      await new Promise((done) => setTimeout(done, 5));
    }
  });
}

/** However many records there are, only those that are seen are in the page, down to the first. */
export async function aRecordWithoutEndStaysSmall(stage) {
  const ada = await stage.signedIn('ada');
  const { page } = ada;
  await many(page);
  await ada.go('record');
  await page.locator('.view li').first().waitFor();
  const view = page.locator('.view');
  await toTheFirst(page);
  await page.getByText(`${MANY.toLocaleString('en')} records`).waitFor();
  await page.getByRole('link', { name: /^1 / }).waitFor();
  holds('few are in the page', (await page.locator('.view li').count()) <= MOST);
  await view.evaluate((element) => (element.scrollTop = 0));
  await page.getByRole('link', { name: new RegExp(`^${MANY} `) }).waitFor();
  holds('and at the other end', (await page.locator('.view li').count()) <= MOST);
}
