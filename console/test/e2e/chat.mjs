// What a person sees of an agent's work, and what waits for somebody else.
import { readFileSync, writeFileSync } from 'node:fs';
import { holds, same } from './stage.mjs';

export async function chatWithItsActions(stage) {
  const ada = await stage.signedIn('ada');
  const { page } = ada;
  await ada.ask('echo', 'Write about the handbook');
  const reply = page.locator('.reply');
  await reply.waitFor();
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
  await bob.shot('approvals');
  await bob.accessible('the approvals');
  await sheet.getByRole('button', { name: 'Approve exactly this' }).click();
  await sheet.getByText('approved', { exact: false }).first().waitFor();
  await ada.page.locator('.reply').waitFor();
  same('nothing waits any more', await ada.page.locator('details.act.held').count(), 0);
  same('it was posted once', stage.json('approvals', 'list', '--all').map((one) => one.state), ['used']);
}

export async function nobodyApprovesTheirOwnAndANoHasItsReason(stage) {
  const ada = await stage.signedIn('ada');
  await ada.ask('echo', 'Announce it');
  await ada.page.getByRole('link', { name: 'Look and decide' }).first().click();
  const sheet = ada.page.locator('.sheet article');
  await sheet.getByRole('button', { name: 'Approve exactly this' }).click();
  await sheet.getByText('nobody approves their own request').waitFor();
  await sheet.getByRole('button', { name: 'Deny' }).click();
  await sheet.getByLabel('Reason').fill('not before Monday');
  await sheet.getByRole('button', { name: 'Deny' }).click();
  await sheet.getByText('denied by a person').waitFor();
  same('state', stage.json('approvals', 'list', '--all')[0].state, 'denied');
}

/** The gateway dies and comes back while a page is open and a turn waits. */
export async function overARestart(stage) {
  const ada = await stage.signedIn('ada');
  const { page } = ada;
  await ada.ask('echo', 'Announce it');
  await page.locator('details.act.held').waitFor();
  await page.getByLabel('Message to echo').fill('a draft of mine');
  process.kill(stage.json('gateway', 'status').pid, 'SIGKILL');
  await page.getByText('The gateway does not answer.').waitFor();
  await ada.shot('gateway-away');
  // The same address again, so that the page that is open finds it.
  const settings = `${stage.home}/bulkhead.toml`;
  writeFileSync(settings, readFileSync(settings, 'utf8').replace('127.0.0.1:0', new URL(stage.base).host));
  stage.run('gateway', 'start');
  await page.getByText('The gateway was restarted.').waitFor();
  same('the draft is still there', await page.getByLabel('Message to echo').inputValue(), 'a draft of mine');
  await page.getByText('trying to follow it again').waitFor();
  const [{ id }] = stage.json('approvals', 'list');
  stage.run('approvals', 'deny', id);
  await page.locator('.reply').waitFor();
  await page.getByRole('button', { name: 'Send' }).waitFor();
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
