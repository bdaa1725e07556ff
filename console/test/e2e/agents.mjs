// What an agent is: read, changed into an error, mended, written; and what somebody else wrote meanwhile.
import { readFileSync, writeFileSync } from 'node:fs';
import { PASSWORD, holds, same } from './stage.mjs';

const strengths = (page) => page.locator('.margin .tag').allInnerTexts();

export async function soulIsChangedIntoAnErrorAndMended(stage) {
  const ada = await stage.signedIn('ada');
  const { page } = ada;
  const path = `${stage.home}/agents/echo/SOUL.md`;
  const before = readFileSync(path, 'utf8');
  await ada.go('agents');
  await page.getByRole('link', { name: 'SOUL.md of echo' }).click();
  await page.getByText(/^It compiles: \d+ rules\.$/).waitFor();
  const text = page.getByLabel('The text of SOUL.md');
  same('the text', await text.inputValue(), before);
  const was = await strengths(page);
  same('beside each rule its strength', was, stage.json('check', 'echo').rules.map((rule) => rule.strength));
  await ada.shot('soul');
  await ada.accessible('the editor');

  // What is beside a rule stays beside it while something is written above, and before that is checked.
  const lines = () => page.locator('.margin > span').evaluateAll((all) => all.flatMap((one, nth) => (one.querySelector('.tag') === null ? [] : [nth])));
  const beside = await lines();
  let checked;
  const unchecked = new Promise((done) => (checked = done));
  await page.route('**/soul/check', async (route) => {
    await unchecked;
    await route.continue().catch(() => undefined);
  });
  await text.focus();
  await page.keyboard.press('Control+Home');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  same('each beside its rule', await lines(), beside.map((nth) => nth + 2));
  await page.keyboard.type('- ');
  await page.keyboard.press('Control+End');
  same('and none beside what is not checked', [await lines(), (await strengths(page)).length], [beside.map((nth) => nth + 2), was.length]);
  checked();
  await page.unrouteAll({ behavior: 'wait' });

  // Into an error, as one types: it is named, and where.
  await text.fill(before.replace('- file-writer:', '- file-writr:'));
  await page.getByText(/^It does not compile: \d+ error/).waitFor();
  const line = before.split('\n').findIndex((one) => one.startsWith('- file-writer:')) + 1;
  await page.getByRole('button', { name: `line ${line}` }).first().click();
  same('the cursor is there', await text.evaluate((area) => area.value.slice(0, area.selectionStart).split('\n').length), line);
  await ada.shot('soul-error');
  await page.getByRole('button', { name: 'Look at the changes' }).click();
  await page.getByRole('button', { name: 'Write SOUL.md' }).click();
  await page.getByRole('alert').waitFor();
  same('nothing was written', readFileSync(path, 'utf8'), before);
  await page.getByRole('button', { name: 'Go on writing' }).click();

  // Mended, with a rule more: its strength stands beside it before anything is written.
  const rule = '- Never access external networks';
  const mended = before.replace('## Skills', `${rule}\n\n## Skills`).replace('\n\n- Never access external', '\n- Never access external');
  await text.fill(mended);
  await page.getByText(/^It compiles: /).waitFor();
  await page.waitForFunction((count) => document.querySelectorAll('.margin .tag').length === count, was.length + 1);
  same('the new rule', (await strengths(page)).at(-1), 'enforced');
  await page.getByRole('button', { name: 'Look at the changes' }).click();
  same('what is added', (await page.locator('.diff ins .exact').allInnerTexts()).filter((one) => one !== ''), [rule]);
  await ada.shot('soul-diff');
  await ada.accessible('the changes');
  await page.getByRole('button', { name: 'Write SOUL.md' }).click();
  await page.getByText('It is written, and on the record.').waitFor();
  same('it is written', readFileSync(path, 'utf8'), mended);
  const [told] = stage.run('audit', 'query', '--event', 'soul.changed', '--json').trim().split('\n').map((one) => JSON.parse(one));
  same('and on the record, by whom', [told.agent, told.person], ['echo', 'ada']);
}

/** What is written is a version; what it differs in from what lies there is seen, and it is brought back. */
export async function aSoulIsChangedComparedAndBroughtBack(stage) {
  const ada = await stage.signedIn('ada');
  const { page } = ada;
  const path = `${stage.home}/agents/echo/SOUL.md`;
  const before = readFileSync(path, 'utf8');
  await ada.go('agents/echo');
  await page.getByLabel('The text of SOUL.md').fill(before.replace('Blog Content Writer', 'Writer of Letters'));
  await page.getByRole('button', { name: 'Look at the changes' }).click();
  await page.getByRole('button', { name: 'Write SOUL.md' }).click();
  await page.getByText('It is written, and on the record.').waitFor();

  await page.getByRole('button', { name: 'Versions' }).click();
  const list = page.getByRole('list', { name: 'What it was' });
  await list.getByRole('button').nth(1).waitFor();
  const told = (await list.getByRole('button').allInnerTexts()).map((one) => one.split('\n').slice(0, 2).map((line) => line.replaceAll('\u2002', ' ').trim()));
  same('who wrote which', told, [['Version 2 now', 'by ada'], ['Version 1', 'by hand, on the machine']]);
  await list.getByRole('button').nth(1).click();
  await page.locator('.diff del', { hasText: 'Blog Content Writer' }).waitFor();
  await page.locator('.diff ins', { hasText: 'Writer of Letters' }).waitFor();
  await ada.shot('soul-versions');
  await ada.accessible('the versions');

  // One step is none: what it means is said first.
  await page.getByRole('button', { name: 'Bring version 1 back' }).click();
  await page.getByText('becomes what the agent is').waitFor();
  holds('nothing was written', readFileSync(path, 'utf8') !== before);
  // Somebody was faster: what they wrote is not written over unseen.
  const theirs = before.replace('Blog Content Writer', 'Writer of Novels');
  writeFileSync(path, theirs);
  await page.getByRole('button', { name: 'Write version 1 as the new one' }).click();
  await page.getByText('is another by now').waitFor();
  same('theirs is there', readFileSync(path, 'utf8'), theirs);
  await list.getByRole('button').nth(1).click();
  await page.locator('.diff ins', { hasText: 'Writer of Novels' }).waitFor();
  await page.getByRole('button', { name: 'Bring version 1 back' }).click();
  await page.getByRole('button', { name: 'Write version 1 as the new one' }).click();
  await page.getByText('It is written, and on the record.').waitFor();
  same('it is back', readFileSync(path, 'utf8'), before);
  same('the editor has it', await page.getByLabel('The text of SOUL.md').inputValue(), before);
  const changes = stage.run('audit', 'query', '--event', 'soul.changed', '--json').trim().split('\n').map((one) => JSON.parse(one));
  same('the record says by whom and from which', changes.filter((one) => one.facts.from === 1).map((one) => one.person), ['ada']);
}

export async function twoPeopleWriteOneSoul(stage) {
  const ada = await stage.signedIn('ada');
  const { page } = ada;
  const path = `${stage.home}/agents/echo/SOUL.md`;
  const before = readFileSync(path, 'utf8');
  await ada.go('agents/echo');
  const text = page.getByLabel('The text of SOUL.md');
  await text.fill(before.replace('Blog Content Writer', 'Writer of Notes'));
  const theirs = before.replace('Blog Content Writer', 'Writer of Letters');
  writeFileSync(path, theirs);
  await page.getByRole('button', { name: 'Look at the changes' }).click();
  await page.getByRole('button', { name: 'Write SOUL.md' }).click();
  await page.getByText('is another by now').waitFor();
  same('theirs is there', readFileSync(path, 'utf8'), theirs);
  await page.getByRole('button', { name: 'Set mine against it' }).click();
  await page.locator('.diff del', { hasText: 'Writer of Letters' }).waitFor();
  same('mine is kept', (await page.locator('.diff ins .exact').innerText()).trim(), '- Role: Writer of Notes');
  await page.getByRole('button', { name: 'Write SOUL.md' }).click();
  await page.getByText('It is written, and on the record.').waitFor();
  holds('mine is there', readFileSync(path, 'utf8').includes('Writer of Notes'));
}

/** Without a password within the last minutes, nothing that matters happens. */
export async function thePasswordIsAskedForAgain(stage) {
  const ada = await stage.signedIn('ada');
  const { page } = ada;
  // Whoever signed in a moment ago is not asked; so the first no is put before the gateway, and all that follows is its own.
  let asked = 0;
  await page.route('**/api/v1/agents/echo/soul', async (route) => {
    if (route.request().method() !== 'PUT' || asked > 0) return route.continue();
    asked += 1;
    return route.fulfill({ status: 403, contentType: 'application/problem+json', body: JSON.stringify({ status: 403, title: '', detail: 'the password is needed again', kind: 'unconfirmed' }) });
  });
  const path = `${stage.home}/agents/echo/SOUL.md`;
  const before = readFileSync(path, 'utf8');
  await ada.go('agents/echo');
  await page.getByLabel('The text of SOUL.md').fill(before.replace('Blog Content Writer', 'Writer of Notes'));
  await page.getByRole('button', { name: 'Look at the changes' }).click();
  await page.getByRole('button', { name: 'Write SOUL.md' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Password').fill('no password of hers');
  await dialog.getByRole('button', { name: 'Confirm' }).click();
  await dialog.getByRole('alert').waitFor();
  same('nothing was written', readFileSync(path, 'utf8'), before);
  await dialog.getByLabel('Password').fill(PASSWORD);
  await dialog.getByRole('button', { name: 'Confirm' }).click();
  await page.getByText('It is written, and on the record.').waitFor();
  holds('it is written', readFileSync(path, 'utf8').includes('Writer of Notes'));
}
