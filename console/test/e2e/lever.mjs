// Seeing agents at work, and stopping them.
import { holds, same } from './stage.mjs';

/** How long a guard stays up, and how often the page asks for its agents, in milliseconds of its own clock. */
const GUARD = 6_000;
const LOOK = 3_000;

/** An administrator stops an agent in the middle of a turn, from the conversation. */
export async function stopInMidTurn(stage) {
  const ada = await stage.signedIn('ada');
  const { page } = ada;
  await ada.ask('echo', 'Go on and on');
  await page.locator('details.act').nth(2).waitFor();
  await page.getByRole('button', { name: 'Stop echo', exact: true }).click();
  same('one step stops nothing', stage.json('agents', 'show', 'echo').state, 'running');
  await page.getByRole('button', { name: 'Stop echo now' }).click();
  await page.getByText('This agent has been stopped.').waitFor();
  await page.locator('.working').waitFor({ state: 'detached' });
  same('state', stage.json('agents', 'show', 'echo').state, 'killed');
}

export async function liveAndTheLeverForAll(stage) {
  const ada = await stage.signedIn('ada');
  const { page } = ada;
  await ada.go('live');
  await page.getByText('Following').waitFor();
  const bob = await stage.signedIn('bob');
  await bob.ask('echo', 'Go on and on');
  const room = page.locator('li.room', { has: page.getByRole('link', { name: 'echo', exact: true }) });
  await room.locator('.beat').waitFor();
  await page.waitForFunction(() => [...document.querySelectorAll('rect.permits')].some((bar) => Number(bar.getAttribute('height')) > 0));
  await page.locator('li.room.lit').first().waitFor();
  await page.waitForFunction(() => Number(document.querySelector('.bow dd')?.textContent) >= 8);
  await ada.shot('live');
  await ada.accessible('the plan');

  // Guard up, guard down: nothing is stopped. A double click does no more than that.
  const all = page.getByRole('button', { name: 'Stop all agents' });
  await all.dblclick();
  await all.waitFor();
  holds('a double click stops nothing', stage.json('agents', 'show', 'echo').state !== 'killed');
  await all.click();
  await page.getByRole('button', { name: /Stop \d agents? now/ }).click();
  await page.getByText(/stopped, \d+ process/).waitFor();
  same('every agent is stopped', stage.json('agents', 'list').map((agent) => agent.state), ['killed', 'killed']);
  await bob.page.locator('.working').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Resume echo' }).click();
  await page.getByRole('button', { name: 'Pause echo' }).waitFor();
  same('resumed', stage.json('agents', 'show', 'echo').state, 'idle');

  // A member sees no lever.
  await bob.go('live');
  await bob.page.getByText('Their single actions are shown to administrators and operators.').waitFor();
  same('levers', await bob.page.getByRole('button', { name: /Stop/ }).count(), 0);
}

/** Two steps, and neither waits for anything: to the page no time goes by until all are stopped. A guard that was lifted alone falls. */
export async function theLeverTakesTwoStepsAndNoTime(stage) {
  const ada = await stage.signedIn('ada');
  const { page } = ada;
  await page.clock.install();
  await ada.go('live');
  await page.reload();
  const guard = page.getByRole('button', { name: 'Stop all agents' });
  const lever = page.getByRole('button', { name: /Stop \d agents? now/ });
  await guard.and(page.locator(':enabled')).waitFor();
  const states = () => stage.json('agents', 'list').map((agent) => agent.state);
  const now = () => page.evaluate(() => Date.now());
  await page.clock.pauseAt((await now()) + 60_000);

  await guard.click();
  await lever.waitFor();
  await page.clock.runFor(GUARD - 1);
  holds('the guard stays up for so long', await lever.isVisible());
  await page.clock.runFor(1);
  await guard.waitFor();
  same('and falls without having stopped anything', [await lever.count(), states().includes('killed')], [0, false]);

  for (const pull of [() => guard.click().then(() => lever.click()), () => page.keyboard.press('Enter').then(() => page.keyboard.press('Enter'))]) {
    for (const agent of ['echo', 'helper']) stage.run('agents', 'resume', agent);
    await page.clock.runFor(LOOK);
    await guard.and(page.locator(':enabled')).waitFor();
    await guard.focus();
    const before = await now();
    await pull();
    await page.getByText(/^2 agents stopped, \d+ process/).waitFor();
    same('every agent is stopped', states(), ['killed', 'killed']);
    same('no time went by on the page', (await now()) - before, 0);
  }
}

/** The lever of one compartment stops that agent; the other goes on with what it does. */
export async function oneLeverStopsOneAgent(stage) {
  const ada = await stage.signedIn('ada');
  const bob = await stage.signedIn('bob');
  const helper = await stage.elsewhere('bob');
  await bob.ask('echo', 'Go on and on');
  await helper.ask('helper', 'Go on and on');
  for (const seat of [bob, helper]) await seat.page.locator('details.act').nth(2).waitFor();
  const { page } = ada;
  await ada.go('live');
  const room = (agent) => page.locator('li.room', { has: page.getByRole('link', { name: agent, exact: true }) });
  for (const agent of ['echo', 'helper']) await page.locator('li.room.lit', { has: page.getByRole('link', { name: agent, exact: true }) }).waitFor();
  const states = () => ['echo', 'helper'].map((agent) => stage.json('agents', 'show', agent).state);

  await room('echo').getByRole('button', { name: 'Stop echo', exact: true }).click();
  same('the guard stops nothing', states(), ['running', 'running']);
  await room('echo').getByRole('button', { name: 'Stop echo now' }).click();
  await page.getByText(/^1 agent stopped, \d+ process/).waitFor();
  same('one is stopped', states(), ['killed', 'running']);
  await room('echo').getByText('sealed', { exact: true }).waitFor();
  await room('helper').getByText('at work', { exact: true }).waitFor();
  await bob.page.locator('.working').waitFor({ state: 'detached' });

  // The other works on: it does more than it had done by then.
  const done = await helper.page.locator('details.act').count();
  await helper.page.locator('details.act').nth(done + 1).waitFor();
  same('on the record one was stopped', stage.run('audit', 'query', '--event', 'agent.killed', '--json').trim().split('\n').map((line) => JSON.parse(line).agent), ['echo']);
  same('and one still works', states(), ['killed', 'running']);
  await room('helper').getByRole('button', { name: 'Stop helper', exact: true }).click();
  await room('helper').getByRole('button', { name: 'Stop helper now' }).click();
  await helper.page.locator('.working').waitFor({ state: 'detached' });
}
