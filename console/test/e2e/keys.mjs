// What people do all day, by the keyboard alone: no scene here touches the page with a pointer.
import { readFileSync, writeFileSync } from 'node:fs';
import { holds, same } from './stage.mjs';

const told = (stage, ...query) =>
  stage.run('audit', 'query', ...query, '--json').trim().split('\n').filter((line) => line !== '').map((line) => JSON.parse(line));

/** Goes to a page by its two keys, out of whatever field it is in. */
async function goes(seat, key, heading) {
  const { keyboard } = seat.page;
  await keyboard.press('Escape');
  await keyboard.press('g');
  await keyboard.press(key);
  await seat.page.getByRole('heading', { name: heading, level: 1 }).first().waitFor();
}

/** Opens the first of a list and waits for what it shows. */
async function opensFirst(seat, what) {
  await seat.page.keyboard.press('j');
  await seat.page.keyboard.press('Enter');
  await what.waitFor();
}

export async function whatWaitsIsDecidedByTheKeyboard(stage) {
  const ada = await stage.signedIn('ada');
  const bob = await stage.signedIn('bob');
  const { keyboard } = bob.page;
  const sheet = bob.page.locator('.sheet article');
  const link = bob.page.locator('.queue li a', { hasText: 'Silence is a no' });
  for (const [button, reason, state] of [['Approve exactly this', null, 'used'], ['Deny', 'not on a Friday', 'denied']]) {
    await ada.go('agents');
    await ada.ask('echo', 'Announce it');
    await ada.page.locator('details.act.held').waitFor();
    await goes(bob, 'a', 'Approvals');
    await link.first().waitFor();
    const [{ id }] = stage.json('approvals', 'list');
    await opensFirst(bob, sheet);
    await bob.tabTo(button);
    await keyboard.press('Enter');
    if (reason !== null) {
      const field = bob.page.getByLabel('Reason, for the asker and the record');
      await field.waitFor();
      await bob.tabTo('Reason', () => field.evaluate((element) => element === document.activeElement));
      await keyboard.type(reason);
      await keyboard.press('Enter');
    }
    await sheet.getByRole('status').first().waitFor();
    await ada.page.locator('.reply').waitFor();
    same(`what became of it by ${button}`, stage.json('approvals', 'show', id).state, state);
  }
  const denied = told(stage, '--event', 'approval.denied');
  same('who said no', denied.map((row) => row.person), ['bob']);
  await ada.page.locator('.log').getByText('not on a Friday').waitFor();
}

export async function aSoulIsWrittenByTheKeyboard(stage) {
  const ada = await stage.signedIn('ada');
  const { page } = ada;
  const { keyboard } = page;
  const path = `${stage.home}/agents/echo/SOUL.md`;
  const before = readFileSync(path, 'utf8');
  await goes(ada, 'e', 'Agents');
  await page.getByRole('link', { name: 'SOUL.md of echo' }).waitFor();
  await ada.tabTo('SOUL.md of echo');
  await keyboard.press('Enter');
  await page.getByText(/^It compiles: /).waitFor();
  await ada.tabTo('The text of SOUL.md');
  await keyboard.press('Control+Home');
  const added = '<!-- written without a pointer -->';
  await keyboard.type(`${added}\n`);
  await page.getByText('not written yet').waitFor();
  // A tab leaves the text: nobody is caught in it.
  await keyboard.press('Tab');
  holds('out of the text', await page.evaluate(() => document.activeElement?.tagName !== 'TEXTAREA'));
  await keyboard.press('Shift+Tab');
  await keyboard.press('Control+s');
  await page.getByRole('button', { name: 'Write SOUL.md' }).waitFor();
  same('nothing is written yet', readFileSync(path, 'utf8'), before);
  await ada.tabTo('Write SOUL.md');
  await keyboard.press('Enter');
  await page.getByText('It is written, and on the record.').waitFor();
  same('it is written', readFileSync(path, 'utf8'), `${added}\n${before}`);
  same('by whom', told(stage, '--event', 'soul.changed').map((row) => row.person), ['ada']);
}

export async function theRecordIsFilteredByTheKeyboard(stage) {
  const ada = await stage.signedIn('ada');
  const { page } = ada;
  const { keyboard } = page;
  await ada.ask('echo', 'Write about the handbook');
  await page.locator('.reply').waitFor();
  await goes(ada, 'r', 'Record');
  await page.locator('.view li').first().waitFor();
  await ada.tabTo('Agent', () => page.getByLabel('Agent', { exact: true }).evaluate((element) => element === document.activeElement));
  await keyboard.type('echo');
  await keyboard.press('Escape');
  const decision = page.getByRole('combobox', { name: 'Decision' });
  await ada.tabTo('Decision', () => decision.evaluate((element) => element === document.activeElement));
  // The letter that its choice begins with.
  await keyboard.type('denied');
  await keyboard.press('Tab');
  const wanted = told(stage, '--agent', 'echo', '--decision', 'deny');
  same('one was denied', wanted.length, 1);
  await page.getByText('1 record', { exact: true }).waitFor();
  same('the choice', await decision.inputValue(), 'deny');
  await opensFirst(ada, page.locator('.sheet article'));
  holds('it is opened', page.url().endsWith(`#/record/${wanted[0].seq}`));
  await ada.tabTo('No conditions', undefined, 'Shift+Tab');
  await keyboard.press('Enter');
  await page.getByText(/^\d+ records$/).waitFor();
  same('no condition is left', [await page.getByLabel('Agent', { exact: true }).inputValue(), await decision.inputValue()], ['', '']);
}

/** An action's arguments and its outcome, where they are longer than their room, are stops that the arrow keys scroll; what fits is none. */
export async function aLongActionIsReadByTheKeyboard(stage) {
  writeFileSync(`${stage.home}/handbook/time-off.md`, 'a\n'.repeat(200));
  const ada = await stage.signedIn('ada');
  const { page } = ada;
  const { keyboard } = page;
  for (const [agent, verb, name, shown] of [['echo', 'file.write', 'content', '.value'], ['helper', 'file.read', 'Result', '.summary']]) {
    await ada.go('agents');
    await ada.ask(agent, 'Go on');
    await page.locator('.reply').waitFor();
    const act = page.locator('details.act').filter({ has: page.locator('.foot code', { hasText: verb }) });
    await act.locator('summary').focus();
    await keyboard.press('Enter');
    const long = act.locator(`${shown}[tabindex]`);
    await long.waitFor();
    same('only what is too long is a stop', await act.locator(`${shown}[tabindex]`).count(), 1);
    await ada.accessible(`a long action: ${verb}`);
    await act.locator('summary').focus();
    await ada.tabTo(name);
    holds(`${name} has the focus`, await long.evaluate((element) => element === document.activeElement));
    await keyboard.press('End');
    await page.waitForFunction(() => { const here = document.activeElement; return here.scrollTop > 0 && here.scrollTop + here.clientHeight >= here.scrollHeight - 2; });
  }
}
