// What a page shows of what somebody may not: no button for it, no answer by its address, and a no to who asks all the same.
import { holds, same } from './stage.mjs';

/** What the gateway answers this person's own browser: the status. */
function asks(seat, method, path, body = {}) {
  return seat.page.evaluate(
    async ([method, path, body]) => {
      const sent = method === 'GET' ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
      const answer = await fetch(`/api/v1/${path}`, { method, ...sent });
      await answer.text();
      return answer.status;
    },
    [method, path, body],
  );
}

/** Goes to a place by its address alone, as from a link that somebody sent. */
async function opens(seat, place) {
  await seat.page.goto('about:blank');
  await seat.go(place);
}

/** Bob's post waits; where that is for others. */
async function bobsPost(stage) {
  const bob = await stage.signedIn('bob');
  await bob.ask('echo', 'Announce it');
  await bob.page.locator('details.act.held').waitFor();
  const [{ id, session }] = stage.json('approvals', 'list');
  return { bob, id, session };
}

/** Nothing of bob's, and nothing of an administrator's, whatever the address. */
async function seesNothingOfOthers(seat, { id, session }) {
  const { page } = seat;
  await opens(seat, `approvals/${id}`);
  await page.getByText('This approval is not there, or not yours to see.').waitFor();
  same('what waits for them', await page.getByText('Nothing waits for you.').count(), 1);
  same('buttons to decide', await page.getByRole('button', { name: /Approve|Deny|same again/ }).count(), 0);
  await opens(seat, `chat/echo/${session}`);
  await page.getByText('This conversation is not there any more, or is not yours.').waitFor();
  await opens(seat, 'record/1');
  await page.getByText('There is no such record, or it is not yours to see.').waitFor();
  await page.getByText('You see the records that name you').waitFor();
  same('a way to export', await page.getByRole('button', { name: 'Export' }).count(), 0);
  await opens(seat, 'record/verify');
  await page.locator('.whole .note').waitFor();
  same('a way to verify', await page.getByRole('button', { name: /Verify/ }).count(), 0);
  await opens(seat, `record/session/${session}`);
  await page.getByRole('alert').or(page.locator('.note.bad')).first().waitFor();
  await opens(seat, 'people');
  await page.getByText('this browser').waitFor();
  for (const name of ['Everybody', 'Grants']) {
    same(`the heading ${name}`, await page.getByRole('heading', { name }).count(), 0);
  }
  await seat.accessible('the page of somebody without rights');
  holds('none of bob’s words came', !(await page.content()).includes('Announce it'));
  const text = 'A draft is ready';
  same('what is not theirs', [
    await asks(seat, 'GET', `approvals/${id}`), await asks(seat, 'POST', `approvals/${id}/approve`, { digest: '0'.repeat(64) }),
    await asks(seat, 'POST', `approvals/${id}/deny`, { reason: text }), await asks(seat, 'GET', `sessions/${session}`),
    await asks(seat, 'GET', `records?session=${session}`), await asks(seat, 'POST', 'content', { records: [1] }),
    await asks(seat, 'GET', 'people'), await asks(seat, 'GET', 'grants'), await asks(seat, 'POST', 'people/bob/invite'),
    await asks(seat, 'PUT', 'agents/echo/soul', { text, version: '0'.repeat(64) }), await asks(seat, 'POST', 'shutdown', { pending: 'keep' }),
  ], [404, 404, 404, 404, 403, 403, 403, 403, 403, 403, 403]);
}

/** An operator keeps agents running and stops them; what they say and are, and what waits, is others'. */
export async function anOperatorStopsAndNothingMore(stage) {
  const bobs = await bobsPost(stage);
  const opi = await stage.signedIn('opi');
  const { page } = opi;
  await opi.go('people');
  await page.locator('.me .tag', { hasText: 'operator' }).waitFor();
  await seesNothingOfOthers(opi, bobs);

  // They read what an agent is, and have no way to write it.
  await opens(opi, 'agents/echo');
  const soul = page.getByRole('textbox', { name: /SOUL.md/ });
  await soul.waitFor();
  holds('the text is not to be written', !(await soul.isEditable()));
  same('a way to change it', await page.getByRole('button', { name: /Look at the changes|Give up the changes|Versions/ }).count(), 0);
  // They ask no agent anything, though they see it.
  await opi.ask('echo', 'Announce it for me');
  await page.getByText('has no right to ask').first().waitFor();

  await opi.go('live');
  await page.getByText('Following').waitFor();
  const words = await page.locator('.rooms').innerText();
  holds(`what happens is seen and not what is said: ${words}`, !words.includes('Announce'));
  await page.getByRole('button', { name: 'Pause echo' }).click();
  await page.getByRole('button', { name: 'Resume echo' }).click();
  await page.getByRole('button', { name: 'Pause echo' }).waitFor();
  same('what waits does so still', stage.json('approvals', 'show', bobs.id).state, 'waiting');
  await page.getByRole('button', { name: 'Stop echo', exact: true }).click();
  await page.getByRole('button', { name: 'Stop echo now' }).click();
  await page.getByText(/1 agent stopped/).waitFor();
  same('what waited', stage.json('approvals', 'show', bobs.id).state, 'cancelled');
  await bobs.bob.page.getByText('This agent has been stopped.').waitFor();
  same('who stopped it', stage.run('audit', 'query', '--event', 'agent.killed', '--json').trim().split('\n').map((line) => JSON.parse(line).person), ['opi']);
  await opi.shot('operator');
}

/** A member whom one agent is granted knows of no other, and of nothing that is an administrator's. */
export async function aMemberSeesWhatTheyMay(stage) {
  const bobs = await bobsPost(stage);
  const eve = await stage.signedIn('eve');
  const { page } = eve;
  const names = async () => [...new Set(await page.locator('.rooms h2, .agents .name').allInnerTexts())].sort();
  for (const place of ['chat', 'live', 'agents']) {
    await eve.go(place);
    await page.locator('.rooms h2, .agents .name').first().waitFor();
    same(`agents on ${place}`, await names(), ['helper']);
  }
  await eve.go('live');
  await page.getByText('Their single actions are shown to administrators and operators.').waitFor();
  same('levers', await page.getByRole('button', { name: /Stop|Pause|Resume/ }).count(), 0);
  await seesNothingOfOthers(eve, bobs);

  await opens(eve, 'agents/echo');
  await page.getByText('there is no agent').waitFor();
  same('a text of it', await page.getByRole('textbox').count(), 0);
  await opens(eve, 'agents/helper');
  const soul = page.getByRole('textbox', { name: /SOUL.md/ });
  await soul.waitFor();
  holds('her own agent’s is not to be written', !(await soul.isEditable()));
  same('what she may not do to agents', [
    await asks(eve, 'GET', 'agents/echo'), await asks(eve, 'GET', 'agents/echo/soul'), await asks(eve, 'POST', 'agents/echo/kill'),
    await asks(eve, 'POST', 'agents/helper/kill'), await asks(eve, 'POST', 'agents/helper/pause'), await asks(eve, 'POST', 'kill'),
    await asks(eve, 'GET', 'events'),
  ], [404, 404, 403, 403, 403, 403, 403]);
  await eve.ask('echo', 'Announce it');
  await page.getByText('has no right to ask').first().waitFor();
  // What is granted to her works.
  await eve.ask('helper', 'Hello');
  await page.locator('.reply').first().waitFor();
  await opens(eve, 'health');
  await page.getByText('Ready: messages are taken').waitFor();
}

/** A queue that wants two of whom one may: who asked, who decides and the administrator read that it can only be a no. */
export async function aQueueThatCanOnlyEndInANo(stage) {
  const { bob, id } = await bobsPost(stage);
  const ada = await stage.signedIn('ada');
  for (const seat of [ada, bob]) {
    await opens(seat, `approvals/${id}`);
    await seat.page.getByText('One of the yeses that this takes nobody is there to say.').waitFor();
  }
  await ada.accessible('an approval that nobody can give');
  await opens(ada, 'health');
  await ada.page.getByText('The queue publishing needs 2 to say yes to echo, and only 1 of its approvers may.').waitFor();
  await ada.accessible('the health page with such a queue');
  await opens(bob, 'health');
  await bob.page.getByText('Ready: messages are taken').waitFor();
  same('a member is told of no queue', await bob.page.getByText('The queue publishing').count(), 0);
}
