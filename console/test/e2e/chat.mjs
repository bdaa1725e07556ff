// What a person sees of an agent's work, and what waits for somebody else.
import { readFileSync, writeFileSync } from 'node:fs';
import { another } from './another.mjs';
import { PASSWORD, holds, same } from './stage.mjs';

export async function chatWithItsActions(stage) {
  const ada = await stage.signedIn('ada');
  const { page } = ada;
  await ada.ask('echo', 'Write about the handbook');
  const reply = page.locator('.reply');
  await ada.answered();
  holds('an agent is marked as one', (await reply.innerText()).includes('Written by an agent. It can be wrong.'));
  same('the table of the answer', await reply.locator('td').allInnerTexts(), ['invoice', '10 years', 'chat', '90 days']);
  same('the code of the answer', (await reply.locator('pre').innerText()).trim(), 'bulkhead audit verify');
  holds('a link says where it leads', (await reply.innerText()).includes('(wiki.example.org)'));

  // The write into the workspace was permitted and is shown, the one outside was not, each with its reasons.
  const lines = page.locator('details.act');
  const denied = page.locator('details.act.deny');
  holds('several actions', (await lines.count()) >= 3);
  same('denied', await denied.count(), 1);
  await denied.locator('summary').click();
  holds('why', /\S/.test(await denied.locator('section li').first().innerText()));
  holds('the argument is shown', (await denied.innerText()).includes('/etc/cron.d/late'));
  await ada.shot('chat');
  await ada.accessible('the chat');

  // After a reload the words are there again, from the gateway.
  holds('the conversation has its own address', /#\/chat\/echo\/s-/.test(page.url()));
  await page.reload();
  await page.locator('.reply').waitFor();
  holds('what was said', (await page.locator('.log').innerText()).includes('Write about the handbook'));
  const kept = await page.evaluate(() => JSON.stringify({ ...localStorage }));
  holds('no words are kept in the browser', !kept.includes('handbook') && !kept.includes('invoice'));
}

/** What this person can do with what was said, and with what is being said. */
export async function conversationsAreFoundStoppedAndTakenUp(stage) {
  const ada = await stage.signedIn('ada');
  const { page } = ada;
  const box = page.getByLabel('Message to helper');
  await ada.ask('helper', 'Read the page about time off');
  await ada.answered();

  // What was read for an answer opens the action that read it.
  await page.locator('.reply .source').first().click();
  const opened = page.locator('details.act[open]');
  holds('the passage is opened', (await opened.innerText()).includes('time-off.md'));
  same('and nothing else is', await opened.count(), 1);
  const passage = opened.getByRole('region', { name: 'What was read' }).getByText('28 days a year');
  await passage.waitFor();

  // The same after the page is loaded anew: each action, the labels, and what the answer is drawn from.
  const told = () => page.locator('details.act > summary').evaluateAll((all) => all.map((one) => one.textContent.replace(/\s+/g, ' ').trim()));
  const before = await told();
  holds('there is something to keep', before.length >= 3);
  await page.waitForFunction(() => location.hash.split('/').length === 4);
  await page.reload();
  await page.locator('.reply .source').first().waitFor();
  same('the actions', await told(), before);
  await page.locator('.reply .source').first().click();
  await passage.waitFor();
  await ada.accessible('a citation that is opened');

  await ada.ask('helper', 'Something else altogether');
  await page.locator('.reply').waitFor();
  const list = page.getByRole('list', { name: 'Your conversations' });
  await list.getByText('Something else altogether').waitFor();
  same('both, the newest first', (await list.locator('.words').allInnerTexts()).map((one) => one.slice(0, 9)), ['Something', 'Read the ']);
  await page.getByRole('searchbox').fill('OFF time');
  await page.keyboard.press('Enter');
  const found = page.getByRole('list', { name: 'What was found' });
  await found.getByRole('link').first().waitFor();
  same('one place', [await found.getByRole('link').count(), await found.locator('mark').innerText()], [1, 'off']);
  await ada.shot('search');
  await ada.accessible('what was found');
  await found.getByRole('link').click();
  await page.locator('.said.sought', { hasText: 'Read the page about time off' }).waitFor();
  holds('it has an address', /#\/chat\/helper\/s-[^/]+\/[0-9]+$/.test(page.url()));
  await page.getByRole('searchbox').fill('no such words anywhere');
  await page.keyboard.press('Enter');
  await page.getByText('Nothing in your conversations has these words.').waitFor();
  await page.getByRole('button', { name: 'End the search' }).click();
  same('the field is empty', await page.getByRole('searchbox').inputValue(), '');
  // Another browser of hers has the same.
  const other = await stage.elsewhere('ada');
  await other.go('chat/helper');
  await other.page.locator('.begun .words').nth(1).waitFor();
  same('elsewhere too', await other.page.locator('.begun .words').count(), 2);

  await page.getByRole('link', { name: 'New conversation' }).click();
  await page.waitForFunction(() => location.hash === '#/chat/helper');
  // A text file goes along between fences; what is no text does not.
  await page.locator('input[type=file]').setInputFiles({ name: 'notes.md', mimeType: 'text/markdown', buffer: Buffer.from('one\n```\ntwo\n') });
  await page.waitForFunction(() => document.querySelector('textarea')?.value.includes('notes.md:'));
  holds('fenced', (await box.inputValue()).endsWith('notes.md:\n````\none\n```\ntwo\n````\n'));
  await page.locator('input[type=file]').setInputFiles({ name: 'picture.png', mimeType: 'image/png', buffer: Buffer.from([0x89, 0x50, 0xff, 0xfe]) });
  await page.getByRole('alert').getByText('is no text').waitFor();
  await ada.shot('conversations');
  await ada.accessible('the conversations');
}

/** A message is written anew, a question asked again, and a way gone on elsewhere; what was said stays, and agents are given what is shown. */
export async function conversationsGoOnFromAnother(stage) {
  const ada = await stage.signedIn('ada');
  const { page } = ada;
  const box = page.getByLabel('Message to echo');
  const here = () => page.evaluate(() => location.hash.split('/')[3] ?? '');
  const elsewhere = async (from) => {
    await page.waitForFunction((left) => { const id = location.hash.split('/')[3]; return id !== undefined && id !== left; }, from);
    return here();
  };
  const said = (words) => page.locator('.said', { hasText: words });
  const messages = async () => (await page.locator('.said .words > p:first-child').allInnerTexts()).map((one) => one.trim());
  const answered = async (count) => {
    await page.locator('.reply').nth(count - 1).waitFor();
    await page.locator('.working').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Send' }).waitFor();
  };
  const prompt = (session) =>
    stage.run('audit', 'query', '--json', '--content', '--kind', 'proposal', '--action', 'model.call', '--session', session).trim().split('\n').at(-1);
  const given = (what, session, there, gone) => {
    const words = prompt(session);
    for (const one of there) holds(`${what}: ${one} is given`, words.includes(one));
    for (const one of gone) holds(`${what}: ${one} is not given`, !words.includes(one));
  };

  await ada.ask('echo', 'alpaca first');
  await answered(1);
  for (const [nth, words] of ['badger second', 'camel third'].entries()) {
    await box.fill(words);
    await page.keyboard.press('Enter');
    await answered(nth + 2);
  }
  const first = await here();

  // The second of three, by the keyboard.
  await said('badger second').getByRole('button', { name: 'Write anew' }).focus();
  await page.keyboard.press('Enter');
  await page.getByText('goes on in a new conversation from before that message').waitFor();
  await page.waitForFunction(() => document.activeElement?.tagName === 'TEXTAREA');
  same('its words', await box.inputValue(), 'badger second');
  await ada.accessible('a message that is written anew');
  await page.getByRole('button', { name: 'Leave it as it was' }).click();
  same('left as it was', await box.inputValue(), '');
  await said('badger second').getByRole('button', { name: 'Write anew' }).click();
  await box.fill('dingo instead');
  await page.keyboard.press('Enter');
  const second = await elsewhere(first);
  await said('dingo instead').waitFor();
  await answered(2);
  same('what is there', await messages(), ['alpaca first', 'dingo instead']);
  given('written anew', second, ['alpaca first', 'dingo instead'], ['badger', 'camel']);
  await page.getByText('From here on this conversation is its own').waitFor();
  await page.getByRole('list', { name: 'Your conversations' }).getByText('dingo instead').waitFor();
  await ada.shot('branch');
  await ada.accessible('a conversation that goes on from another');

  // The same question again, from the same point.
  await page.getByRole('button', { name: 'Ask the same again' }).click();
  const again = await elsewhere(second);
  await said('dingo instead').waitFor();
  await answered(2);
  same('asked again', await messages(), ['alpaca first', 'dingo instead']);
  given('asked again', again, ['alpaca first', 'dingo instead'], ['badger', 'camel']);
  same('once', prompt(again).split('dingo instead').length, 2);

  // It says where it comes from, and that is as it was.
  await page.locator('.origin').getByRole('link', { name: 'dingo instead' }).click();
  await elsewhere(again);
  await page.locator('.origin').getByRole('link', { name: 'alpaca first' }).click();
  await elsewhere(second);
  same('back where it came from', await here(), first);
  await answered(3);
  same('it is as it was', await messages(), ['alpaca first', 'badger second', 'camel third']);

  // A way of its own after the second, with its past after the page is loaded anew and before anything is said.
  await said('badger second').getByRole('button', { name: 'Go on elsewhere' }).click();
  const third = await elsewhere(first);
  await answered(2);
  same('up to there', await messages(), ['alpaca first', 'badger second']);
  await page.reload();
  await answered(2);
  same('after the page is loaded anew', await messages(), ['alpaca first', 'badger second']);
  await box.fill('emu fourth');
  await page.keyboard.press('Enter');
  await said('emu fourth').waitFor();
  await answered(3);
  given('gone on elsewhere', third, ['alpaca first', 'badger second', 'emu fourth'], ['camel', 'dingo']);
  await page.reload();
  await answered(3);
  same('and its own', await messages(), ['alpaca first', 'badger second', 'emu fourth']);
  const order = await page.locator('.lines > .said, .lines > .own-from').evaluateAll((all) => all.map((one) => one.classList.contains('own-from')));
  same('where its own begins', order, [false, false, true, false]);
  const list = page.getByRole('list', { name: 'Your conversations' });
  await list.getByText('emu fourth').waitFor();
  same('which go on from another', await list.getByText('goes on from another').count(), 3);

  // A message of the past is written anew, too.
  await said('alpaca first').getByRole('button', { name: 'Write anew' }).click();
  await box.fill('gecko');
  await page.keyboard.press('Enter');
  const fourth = await elsewhere(third);
  await said('gecko').waitFor();
  await answered(1);
  given('anew from the beginning', fourth, ['gecko'], ['alpaca', 'badger', 'emu']);

  // What was erased is not shown here any more, and it is said.
  stage.run('audit', 'erase', 'request', '--session', first, '--reason', 'a test');
  await ada.go(`chat/echo/${third}`);
  await page.reload();
  await page.getByText('Goes on from a conversation that was erased.').waitFor();
  await said('emu fourth').waitFor();
  same('its own is left', await messages(), ['emu fourth']);
  await ada.accessible('a conversation whose past was erased');
}

/** An answer comes part by part. Stopped by its button or by the agent's lever in the middle, it goes no further, and what came stays. */
export async function anAnswerComesInParts(stage) {
  const ada = await stage.signedIn('ada');
  const { page } = ada;
  const reply = page.locator('.reply');
  const rest = (words) => reply.locator('.rest', { hasText: words }).waitFor();
  const parts = () => stage.run('audit', 'query', '--kind', 'outcome', '--action', 'reply.part', '--json').trim().split('\n').length;

  await ada.ask('echo', 'Tell me');
  await reply.locator('td').getByText('ten years').waitFor();
  await rest('More is coming');
  holds('and no half of a fence', (await reply.locator('pre').count()) === 0);
  await ada.shot('chat-part');
  await ada.accessible('an answer that comes in parts');
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await rest('The rest did not come');
  const told = async () => [await reply.locator('.markdown').innerText(), await reply.locator('.rest').innerText(), await page.locator('details.act').count()];
  const before = await told();
  await page.waitForFunction(() => location.hash.split('/').length === 4);
  await page.reload();
  await rest('The rest did not come');
  same('the same after the page is loaded anew', await told(), before);

  await ada.ask('echo', 'And that');
  await rest('More is coming');
  await page.getByRole('button', { name: 'Stop echo', exact: true }).click();
  await rest('More is coming');
  await page.getByRole('button', { name: 'Stop echo now' }).click();
  await rest('The rest did not come');
  same('its agent is stopped', stage.json('agents', 'show', 'echo').state, 'killed');
  await page.locator('.working').waitFor({ state: 'detached' });
  same('the table, and nothing behind it', await reply.locator('.markdown > *').count(), 2);
  same('each on the record', parts(), 2);
  stage.run('agents', 'resume', 'echo');

  // What has been read out stays the same element: only what is new is read out.
  await ada.ask('echo', 'All of it');
  await rest('More is coming');
  await reply.locator('.markdown > p').first().evaluate((one) => (one.dataset.heard = 'once'));
  writeFileSync(`${stage.home}/seen`, '');
  await reply.getByText('That is all.').waitFor();
  await page.locator('.working').waitFor({ state: 'detached' });
  same('one answer', [await reply.count(), await reply.locator('[data-heard]').count(), await reply.locator('.rest').count()], [1, 1, 0]);
  same('its code', (await reply.locator('pre').innerText()).trim(), 'bulkhead audit verify');
  const all = await reply.locator('.markdown').innerText();
  await page.waitForFunction(() => location.hash.split('/').length === 4);
  await page.reload();
  await reply.getByText('That is all.').waitFor();
  same('once, after the page is loaded anew', [await reply.count(), await reply.locator('.markdown').innerText()], [1, all]);
}

/** What a person has to see first is held whole: nothing of it is in the page of whoever asked before somebody else's yes. */
export async function anAnswerIsHeldWhole(stage) {
  const ada = await stage.signedIn('ada');
  const bob = await stage.signedIn('bob');
  const { page } = ada;
  const reply = page.locator('.reply');
  const rest = (words) => reply.locator('.rest', { hasText: words }).waitFor();
  const held = 'The whole answer waits for a person to decide';
  const shown = async () => (await page.locator('body').textContent()).includes('shares');

  await ada.ask('careful', 'Tell me');
  await reply.getByText('All is well.').waitFor();
  await rest('More is coming');
  writeFileSync(`${stage.home}/seen`, '');
  await rest(held);
  await page.getByRole('status').getByRole('link', { name: 'Look and decide' }).waitFor();
  same('nothing of what waits', [await shown(), await reply.count()], [false, 1]);
  await ada.shot('chat-reply-held');
  await ada.accessible('an answer that waits');
  await page.waitForFunction(() => location.hash.split('/').length === 4);
  await page.reload();
  await rest(held);
  same('nor when the page is loaded anew', await shown(), false);

  await bob.go('approvals');
  await bob.page.locator('[data-key=item]').first().click();
  const sheet = bob.page.locator('.sheet article');
  await sheet.getByText('You should sell your shares now.').first().waitFor();
  await sheet.getByRole('button', { name: 'Approve exactly this' }).click();
  await reply.getByText('You should sell your shares now.').waitFor();
  await reply.getByText('The end').waitFor();
  await page.locator('.working').waitFor({ state: 'detached' });
  same('one answer, whole', [await reply.count(), await reply.locator('.rest').count()], [1, 0]);
}

/** An answer that is on its way is stopped, and only that. */
export async function anAnswerIsStopped(stage) {
  const bob = await stage.signedIn('bob');
  const { page } = bob;
  await bob.ask('echo', 'Go on and on');
  await page.locator('details.act').nth(1).waitFor();
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await page.getByRole('button', { name: 'Send' }).waitFor();
  await page.locator('.working').waitFor({ state: 'detached' });
  holds('the agent is not stopped', ['idle', 'running'].includes(stage.json('agents', 'show', 'echo').state));
  const [told] = stage.run('audit', 'query', '--event', 'turn.stopped', '--json').trim().split('\n').map((one) => JSON.parse(one));
  same('and it is on the record', [told.person, told.facts.own], ['bob', true]);
}

/** Who decides on a write sees what it changes, as the file was when the agent asked. */
export async function aHeldWriteIsShownAsWhatItChanges(stage) {
  const path = `${stage.home}/agents/echo/workspace/draft.md`;
  writeFileSync(path, 'one\ntwo\nthree\n');
  const ada = await stage.signedIn('ada');
  const bob = await stage.signedIn('bob');
  await ada.ask('echo', 'Write it');
  await ada.page.locator('details.act.held').waitFor();
  await bob.go('approvals');
  await bob.page.locator('[data-key=item]').first().click();
  const sheet = bob.page.locator('.sheet article');
  await sheet.locator('.diff').waitFor();
  const lines = (kind) => sheet.locator(`.diff ${kind} .exact`).allInnerTexts();
  same('what goes and what comes', [await lines('del'), await lines('ins')], [['two'], ['new']]);
  // Who could read the file by their rights, and nobody else.
  const seen = sheet.getByRole('region', { name: 'Who will see it' });
  await seen.getByText('owners: ada, bob').waitFor();
  await seen.getByText('readers: cid').waitFor();
  same('and no other group', await seen.getByRole('listitem').count(), 2);
  await bob.shot('approval-diff');
  await bob.accessible('an approval with a diff');
  // Somebody writes meanwhile: what they wrote is not written over.
  writeFileSync(path, 'theirs\n');
  await sheet.getByRole('button', { name: 'Approve exactly this' }).click();
  await ada.page.locator('.reply').waitFor();
  same('theirs is there', readFileSync(path, 'utf8'), 'theirs\n');
  holds('the diff stays', (await sheet.locator('.diff').count()) === 1);
}

/** Ada asks, the action is held, and bob decides on the whole of it. */
export async function heldAndApprovedByASecondPerson(stage) {
  const ada = await stage.signedIn('ada');
  const bob = await stage.signedIn('bob');
  await ada.ask('echo', 'Announce it');
  await ada.page.locator('details.act.held').waitFor();
  await ada.page.getByText('Waits for a person to decide').waitFor();
  await ada.shot('chat-held');

  await bob.go('approvals');
  await bob.page.locator('[data-key=item]').first().click();
  const sheet = bob.page.locator('.sheet article');
  await sheet.waitFor();
  const words = await sheet.innerText();
  for (const part of ['echo wants to post to', 'board:content-team', 'ada', 'internal', 'U+202E', 'U+200B', 'message.post']) {
    holds(`the sheet says ${part}`, words.includes(part));
  }
  // Above all of it that some of it does not show; and so in the conversation that it came from.
  await sheet.getByRole('alert').getByText(/^Careful: [2-9] characters here do not show/).waitFor();
  await ada.page.locator('details.act.held').getByText(/^[2-9] characters that do not show/).waitFor({ state: 'attached' });
  await bob.shot('approvals');
  await bob.accessible('the approvals');
  await sheet.getByRole('button', { name: 'Approve exactly this' }).click();
  await sheet.getByText('approved', { exact: false }).first().waitFor();
  await ada.page.locator('.reply').waitFor();
  same('nothing waits any more', await ada.page.locator('details.act.held').count(), 0);
  same('it was posted once', stage.json('approvals', 'list', '--all').map((one) => one.state), ['used']);
}

/** What a queue wants two people for happens after the second yes, and each sees the other's. */
export async function twoPeopleSayYes(stage) {
  const ada = await stage.signedIn('ada');
  const bob = await stage.signedIn('bob');
  const carl = await stage.signedIn('carl');
  await ada.ask('echo', 'Announce it');
  await ada.page.locator('details.act.held').waitFor();
  for (const seat of [bob, carl]) {
    await seat.go('approvals');
    await seat.page.locator('[data-key=item]').first().click();
    await seat.page.locator('.sheet article').getByText('0 of 2').waitFor();
  }
  await bob.page.getByRole('button', { name: 'Approve exactly this' }).click();
  await bob.page.getByText('You said yes. Somebody else has to as well.').waitFor();
  same('one yes is not enough', stage.json('approvals', 'list', '--all').map((one) => one.state), ['waiting']);
  same('and nobody says it twice', await bob.page.getByRole('button', { name: 'Approve' }).count(), 0);
  await carl.page.getByText('1 of 2: bob').waitFor();
  await carl.shot('approvals-two');
  await carl.page.getByRole('button', { name: 'Approve exactly this' }).click();
  await ada.page.locator('.reply').waitFor();
  same('it was posted once', stage.json('approvals', 'list', '--all').map((one) => one.state), ['used']);
  // The first yes is one, too.
  await ada.go('record/figures');
  const deciders = ada.page.locator('figure', { has: ada.page.getByRole('heading', { name: 'Decided by people', exact: true }) });
  await deciders.getByText('1 yes, 0 no').first().waitFor();
  same('who decided', (await deciders.locator('dt').allInnerTexts()).toSorted(), ['bob', 'carl']);
}

export async function nobodyApprovesTheirOwnAndANoHasItsReason(stage) {
  const ada = await stage.signedIn('ada');
  await ada.ask('echo', 'Announce it');
  await ada.page.getByRole('link', { name: 'Look and decide' }).first().click();
  const sheet = ada.page.locator('.sheet article');
  await sheet.getByText('You asked for this yourself').waitFor();
  same('no way to say yes', await sheet.getByRole('button', { name: 'Approve' }).count(), 0);
  await sheet.getByRole('button', { name: 'Deny' }).click();
  await sheet.getByLabel('Reason').fill('not before Monday');
  await sheet.getByRole('button', { name: 'Deny' }).click();
  await sheet.getByText('denied by a person').waitFor();
  same('state', stage.json('approvals', 'list', '--all')[0].state, 'denied');
}

/** A turn waits, whoever began it writes on, and somebody else is about to decide and has begun to say why. */
async function bothWriting(stage, ada) {
  await ada.ask('echo', 'Announce it');
  await ada.page.locator('details.act.held').waitFor();
  await ada.page.getByLabel('Message to echo').fill('a draft of mine');
  const bob = await stage.signedIn('bob');
  await bob.go('approvals');
  await bob.page.locator('[data-key=item]').first().click();
  const sheet = bob.page.locator('.sheet article');
  await sheet.getByRole('button', { name: 'Deny' }).click();
  await sheet.getByLabel('Reason').fill('not before Monday');
  return { bob, sheet };
}

/** The gateway comes back where it was, so that the pages that are open find it. */
function keepsItsAddress(stage) {
  const settings = `${stage.home}/bulkhead.toml`;
  writeFileSync(settings, readFileSync(settings, 'utf8').replace('127.0.0.1:0', new URL(stage.base).host));
}

/** The gateway dies and comes back while a page is open and a turn waits. */
export async function overARestart(stage) {
  const ada = await stage.signedIn('ada');
  const { page } = ada;
  const { bob, sheet } = await bothWriting(stage, ada);
  process.kill(stage.json('gateway', 'status').pid, 'SIGKILL');
  await page.getByText('The gateway does not answer.').waitFor();
  // A page that follows nothing finds out when it asks again.
  await bob.page.getByText('The gateway does not answer.').waitFor();
  await ada.shot('gateway-away');
  keepsItsAddress(stage);
  stage.run('gateway', 'start');
  await page.getByText('The gateway was restarted.').waitFor();
  same('the draft is still there', await page.getByLabel('Message to echo').inputValue(), 'a draft of mine');
  await page.getByText('trying to follow it again').waitFor();
  await page.getByText('Connected again').waitFor();
  await bob.page.getByText('The gateway was restarted.').waitFor();
  same('his reason is still there', await sheet.getByLabel('Reason').inputValue(), 'not before Monday');
  await sheet.getByRole('button', { name: 'Deny' }).click();
  await sheet.getByText('denied by a person').waitFor();
  await page.locator('.reply').waitFor();
  await page.getByRole('button', { name: 'Send' }).waitFor();
}

/** Another build of the gateway takes the place of this one while pages are open and a turn waits. */
export async function overAnUpgrade(stage) {
  const ada = await stage.signedIn('ada');
  const { page } = ada;
  const { version: before } = stage.json('gateway', 'status');
  const version = `${before.slice(0, -1)}${before.endsWith('9') ? '8' : '9'}`;
  const program = `${stage.home}/another`;
  const script = another(stage.binary, program, before, version);
  const scripts = () => page.evaluate(() => [...document.scripts].map((one) => one.src.split('/').at(-1)));
  holds('the page has the script of its own build', !(await scripts()).includes(script));
  const { bob, sheet } = await bothWriting(stage, ada);

  keepsItsAddress(stage);
  stage.binary = program;
  stage.run('gateway', 'restart');
  same('another version answers', stage.json('gateway', 'status').version, version);

  // Both pages say so, keep what was being written, and do their work with it.
  for (const seat of [ada, bob]) await seat.page.getByText(`The gateway is now version ${version}.`).waitFor();
  same('his reason is still there', await sheet.getByLabel('Reason').inputValue(), 'not before Monday');
  await sheet.getByRole('button', { name: 'Deny' }).click();
  await sheet.getByText('denied by a person').waitFor();
  await page.locator('.reply').first().waitFor();
  same('the draft is still there', await page.getByLabel('Message to echo').inputValue(), 'a draft of mine');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.locator('.reply').nth(1).waitFor();
  holds('by the page of before', !(await scripts()).includes(script));

  // A page that had not come yet is another's by now, until all of it is loaded again.
  await ada.go('health');
  await page.getByRole('alert').getByText('Load this page again').waitFor();
  await ada.shot('upgraded');
  await page.getByRole('main').getByRole('button', { name: 'Load again' }).click();
  await page.getByText('Ready: messages are taken').waitFor();
  await page.getByText(version, { exact: true }).waitFor();
  same('by the page of now', (await scripts()).includes(script), true);
  const started = stage.run('audit', 'query', '--event', 'gateway.started', '--json').trim().split('\n').map((line) => JSON.parse(line).facts.version);
  // Its style is gone as its script is, which Chromium says in words of its own.
  ada.faults = ada.faults.filter((fault) => !/Refused to apply style from '[^']*\/assets\/Health-/.test(fault));
  same('both are on the record', started.toSorted(), [before, version].toSorted());
}

/** Somebody who is taken out of the settings is out of the page. */
export async function leaver(stage) {
  const bob = await stage.signedIn('bob');
  await bob.go('approvals');
  await bob.page.getByText('Nothing waits for you.').waitFor();
  const settings = `${stage.home}/bulkhead.toml`;
  writeFileSync(settings, readFileSync(settings, 'utf8').replace('id = "bob"', 'id = "rob"'));
  await bob.page.getByRole('button', { name: 'Sign in', exact: true }).waitFor();
}
