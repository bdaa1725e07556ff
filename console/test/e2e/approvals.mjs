// What waits, what happens again without a look, and how people decide.
import { readFileSync, writeFileSync } from 'node:fs';
import { PASSWORD, PHONE, holds, same } from './stage.mjs';

const POSTED = 'That is what became of it.';

/** Asks in a conversation of its own. */
async function asksAnew(seat) {
  await seat.go('agents');
  await seat.ask('echo', 'Announce it');
}

/** Somebody says yes to exactly the same for an hour, sees it used, and takes it back. */
export async function sameAgainForAnHour(stage) {
  const ada = await stage.signedIn('ada');
  const bob = await stage.signedIn('bob');
  await ada.ask('echo', 'Announce it');
  await ada.page.locator('details.act.held').waitFor();
  const again = bob.page.getByRole('region', { name: 'Happens again without a look' });
  await bob.go('approvals');
  await bob.page.locator('.queue li a', { hasText: 'Silence is a no' }).first().click();
  const sheet = bob.page.locator('.sheet article');
  await sheet.getByText('Anything else waits as before').waitFor();
  same('nothing happens again yet', await again.count(), 0);
  await bob.accessible('the approval with its pattern');
  await sheet.getByRole('button', { name: 'And the same again for an hour' }).click();
  await again.getByText('bob said yes, for ada').waitFor();
  same('a decided one has no buttons', await sheet.getByRole('button').count(), 0);
  await ada.page.locator('.reply', { hasText: POSTED }).waitFor();

  // In another conversation the same is posted without anybody.
  await asksAnew(ada);
  await ada.page.locator('.reply', { hasText: POSTED }).waitFor();
  same('nobody was asked', await ada.page.locator('details.act.held').count(), 0);
  await bob.page.reload();
  await again.getByText('used once').waitFor();
  await bob.accessible('the patterns');
  await bob.shot('patterns');

  // The asker sees it, too, and may take it back.
  await ada.go('approvals');
  const hers = ada.page.getByRole('region', { name: 'Happens again without a look' });
  await hers.getByRole('button', { name: 'Revoke: echo, message.post board:content-team' }).click();
  await hers.waitFor({ state: 'detached' });
  same('there is none', stage.json('approvals', 'patterns'), []);

  // On a page that is still open it is gone already, and it says so.
  await again.getByRole('button', { name: 'Revoke' }).click();
  await again.getByText('there is no pattern').waitFor();
  same('nothing is left to revoke', await again.getByRole('button').count(), 0);
  await asksAnew(ada);
  await ada.page.locator('details.act.held').waitFor();

  // Whoever asked has no such button.
  await ada.page.getByRole('link', { name: 'Look and decide' }).first().click();
  await ada.page.locator('.sheet article').getByText('You asked for this yourself').waitFor();
  same('none for the asker', await ada.page.getByRole('button', { name: 'And the same again' }).count(), 0);
}

/** Two decisions in no time are a risk by the settings of this home; administrators see it of everybody, others of themselves. */
export async function howPeopleDecide(stage) {
  const ada = await stage.signedIn('ada');
  const bob = await stage.signedIn('bob');
  const budget = (seat) => seat.page.getByRole('region', { name: 'How people decide' });
  await ada.go('people');
  await budget(ada).getByText('Nobody has decided anything in thirty days.').waitFor();
  const looks = () => stage.run('audit', 'query', '--event', 'approval.shown', '--person', 'bob', '--json').split('\n').filter((line) => line !== '').length;
  let looked = 0;
  for (const words of ['Approve exactly this', 'Deny']) {
    // Before there is anything to see on the page where he decided.
    await bob.go('live');
    await bob.page.getByRole('heading', { level: 1 }).first().waitFor();
    await asksAnew(ada);
    await ada.page.locator('details.act.held').waitFor();
    // That something waits is said on every page and is no look at it; the page that shows it is one.
    for (const page of ['live', 'people']) {
      await bob.go(page);
      await bob.page.reload();
      await bob.page.getByRole('navigation').locator('.count', { hasText: '1' }).waitFor();
    }
    await bob.go('live');
    await bob.page.getByRole('link', { name: '1 waits' }).waitFor();
    // However long a page is open: it asks again and again.
    for (let times = 0; times < 2; times += 1) await bob.page.waitForResponse((answer) => /\/api\/v1\/(waiting|approvals)\b/.test(answer.url()));
    same('bob has looked at nothing more', looks(), looked);
    await bob.go('approvals');
    await bob.page.locator('.queue li a', { hasText: 'Silence is a no' }).first().waitFor();
    looked += 1;
    same('and looks now', looks(), looked);
    await bob.page.locator('.queue li a', { hasText: 'Silence is a no' }).first().click();
    const sheet = bob.page.locator('.sheet article');
    await sheet.getByRole('button', { name: words }).click();
    if (words === 'Deny') await sheet.getByRole('button', { name: words }).click();
    await ada.page.locator('.reply', { hasText: POSTED }).waitFor();
  }
  await ada.go('chat/echo');
  await ada.go('people');
  await budget(ada).getByText('2 decisions within an hour, more than 1.').waitFor();
  await budget(ada).getByRole('cell', { name: '1 yes, 1 no' }).waitFor();
  same('of bob', await budget(ada).locator('tbody tr').count(), 1);
  await ada.accessible('how people decide');
  await budget(ada).scrollIntoViewIfNeeded();
  await ada.shot('budget');
  await bob.go('people');
  await budget(bob).getByText('bob', { exact: true }).first().waitFor();
}

/** Who decides on a call of a model knows whether the text leaves this machine. */
export async function aHeldCallSaysWhereItGoes(stage) {
  const ada = await stage.signedIn('ada');
  const bob = await stage.signedIn('bob');
  const sheet = bob.page.locator('.sheet article');
  const seen = sheet.getByRole('region', { name: 'Who will see it' });
  for (const [agent, words] of [
    ['away', 'Whoever runs the server of the model far/m, which is another machine: all of this text leaves this one.'],
    ['echo', 'The server of the model rehearsal/scene, which by the settings is this machine: none of this leaves it.'],
  ]) {
    await ada.go('agents');
    await ada.ask(agent, 'Go on');
    await bob.go('approvals');
    await bob.page.locator('.queue li a', { hasText: `${agent} wants to ask` }).first().click();
    await seen.getByText(words).waitFor();
    same('nothing else is said of it', await seen.locator('p, li').count(), 1);
    await bob.accessible(`a held call of ${agent}`);
    await sheet.getByRole('button', { name: 'Deny' }).click();
    await sheet.getByRole('button', { name: 'Deny' }).click();
    await sheet.getByRole('status').waitFor();
  }
}

/** What waits stands by its risk, with its queue and when more people are asked; a yes to high risk takes the password once more. */
export async function aHighRiskYesIsConfirmed(stage) {
  const ada = await stage.signedIn('ada');
  for (const agent of ['echo', 'runner']) {
    await ada.go('agents');
    await ada.ask(agent, 'Go on');
    await ada.page.locator('details.act.held').waitFor();
  }
  const bob = await stage.signedIn('bob');
  const { page } = bob;
  await bob.go('approvals');
  const high = page.getByRole('list', { name: /^High risk/ });
  const medium = page.getByRole('list', { name: /^Medium risk/ });
  await high.getByText('runner wants to run').waitFor();
  await high.getByText('Queue commands').waitFor();
  await high.getByText('More people are asked in').waitFor();
  await medium.getByText('echo wants to post to').waitFor();
  same('one of each', [await high.getByRole('listitem').count(), await medium.getByRole('listitem').count()], [1, 1]);
  same('the highest comes first', (await page.locator('.queue h2.risk').allInnerTexts()).map((text) => text.split(' ')[0]), ['High', 'Medium']);
  await bob.accessible('what waits, by risk');
  await bob.shot('approvals-by-risk');

  // That bob has confirmed is forgotten with the gateway; what waits is not.
  const settings = `${stage.home}/bulkhead.toml`;
  writeFileSync(settings, readFileSync(settings, 'utf8').replace('127.0.0.1:0', new URL(stage.base).host));
  stage.run('gateway', 'restart');
  await high.getByRole('link').click();
  const sheet = page.locator('.sheet article');
  const yes = sheet.getByRole('button', { name: 'Approve exactly this' });
  const dialog = page.getByRole('dialog');
  // Who has before them what the command writes, and who is given what comes back.
  const seen = sheet.getByRole('region', { name: 'Who will see it' });
  await seen.getByText('It has no network. What it writes here stays:').waitFor();
  await seen.getByText('/agents/runner/workspace', { exact: false }).waitFor();
  await seen.getByText('owners: ada, bob').waitFor();
  await seen.getByText("the agent's model rehearsal/scene on this machine").waitFor();
  await yes.click();
  await dialog.getByText('This needs your password again').waitFor();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await sheet.getByRole('alert').waitFor();
  same('it still waits', stage.json('approvals', 'list').length, 2);
  await yes.click();
  await dialog.locator('input').fill(PASSWORD);
  await bob.accessible('the confirmation of a yes');
  await dialog.getByRole('button', { name: 'Confirm' }).click();
  await sheet.getByRole('status').waitFor();
  await high.waitFor({ state: 'detached' });
  same('the other waits on', stage.json('approvals', 'list').map(({ agent }) => agent), ['echo']);
}

/** On a phone, by taps alone: what waits is opened, seen whole, approved, and another denied with a reason. */
export async function decidesByTap(stage) {
  const ada = await stage.signedIn('ada');
  const bob = await stage.signedIn('bob', { viewport: PHONE, isMobile: true, hasTouch: true });
  const { page } = bob;
  const sheet = page.locator('.sheet article');
  /** A finger needs room, and nothing may lie above what it meets. */
  const tap = async (what) => {
    await what.scrollIntoViewIfNeeded();
    const { x, width, height } = await what.boundingBox();
    holds(`it is as large as a finger: ${width} by ${height}`, width >= 24 && height >= 24);
    holds('it is on the screen whole', x >= 0 && x + width <= PHONE.width);
    await what.tap();
  };
  const opens = async () => {
    const back = sheet.getByRole('link', { name: 'Approvals' });
    await tap((await back.count()) > 0 ? back : page.getByRole('navigation').getByRole('link', { name: /Approvals/ }));
    await tap(page.locator('.queue li a', { hasText: 'Silence is a no' }).first());
    await sheet.getByRole('heading', { name: /echo wants to post to/ }).waitFor();
  };
  for (const words of ['Approve exactly this', 'Deny']) {
    await asksAnew(ada);
    await ada.page.locator('details.act.held').waitFor();
    await opens();
    // Every argument is there, and in reach of a thumb that scrolls down and not sideways.
    await sheet.getByText('The draft is').waitFor();
    await bob.shot(`phone-${words === 'Deny' ? 'deny' : 'approve'}`);
    await bob.accessible(`an approval on a phone, before ${words}`);
    const wide = await page.evaluate(() => Math.max(document.documentElement.scrollWidth, document.querySelector('.sheet').scrollWidth) - innerWidth);
    holds(`the sheet fits: ${wide} px too wide`, wide <= 0);
    await tap(sheet.getByRole('button', { name: words }));
    if (words === 'Deny') {
      await tap(sheet.getByLabel('Reason', { exact: false }));
      await page.keyboard.type('not on a Friday');
      await bob.shot('phone-reason');
      await tap(sheet.getByRole('button', { name: 'Deny' }));
    }
    await sheet.getByRole('status').waitFor();
    same('a decided one has no buttons', await sheet.getByRole('button').count(), 0);
    await ada.page.locator('.reply', { hasText: POSTED }).waitFor();
  }
  const kept = stage.json('approvals', 'list', '--all').map(({ state }) => state).toSorted();
  same('one was done and one was not', kept, ['denied', 'used']);
  await ada.page.getByText('not on a Friday').first().waitFor({ state: 'attached' });
}
