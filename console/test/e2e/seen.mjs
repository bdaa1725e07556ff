// What the pages show is what happened: plots, lights, filters, and how far a verification has come.
import { holds, same } from './stage.mjs';

/** The records of a query, as the command line has them. */
const told = (stage, ...query) =>
  stage.run('audit', 'query', ...query, '--json').trim().split('\n').filter((line) => line !== '').map((line) => JSON.parse(line));

const count = (rows, of) => rows.filter(of).length;

/** Asks in a conversation of its own, whose post waits, and has it decided. */
async function decided(asker, decider, words) {
  await asker.go('agents');
  await asker.ask('echo', 'Write and announce it');
  await asker.page.locator('details.act.held').waitFor();
  await decider.go('people');
  await decider.go('approvals');
  await decider.page.locator('.queue li a', { hasText: 'Silence is a no' }).first().click();
  const sheet = decider.page.locator('.sheet article');
  await sheet.getByRole('button', { name: words }).click();
  if (words === 'Deny') await sheet.getByRole('button', { name: words }).click();
  await asker.answered();
}

/** Each conversation of this scene: two model calls of 150 and 250 tokens, a write, one that is denied, a post that waits. */
const TOKENS = 2 * (150 + 250);

export async function plotsShowWhatHappened(stage) {
  const ada = await stage.signedIn('ada');
  const bob = await stage.signedIn('bob');
  await decided(ada, bob, 'Approve exactly this');
  await decided(ada, bob, 'Deny');
  const { page } = ada;
  await ada.go('record/figures');
  const section = page.getByRole('region', { name: 'Plots' });
  await section.getByText(/^Counted from \d/).waitFor();

  const verdicts = told(stage, '--kind', 'verdict');
  const permitted = count(verdicts, (row) => row.decision === 'permit');
  const stopped = verdicts.length - permitted;
  holds('there is something of both', permitted >= 8 && stopped >= 4);
  const plot = async (name) => section.getByRole('img', { name }).waitFor();
  await plot(`Actions. permitted: ${permitted}, not permitted: ${stopped}`);
  await plot(`Tokens of models. Tokens of models: ${TOKENS}`);
  // The same numbers as bars and as tables.
  const figure = (title) => section.locator('figure', { has: page.getByRole('heading', { name: title, exact: true }) });
  for (const [title, totals] of [['Actions', [permitted, stopped]], ['Tokens of models', [TOKENS]]]) {
    await figure(title).locator('summary').click();
    const rows = await figure(title).locator('tbody tr').evaluateAll((all) => all.map((row) => [...row.cells].slice(1).map((cell) => Number(cell.textContent.replaceAll(',', '')))));
    same(`the table of ${title}`, totals.map((_, nth) => rows.reduce((sum, row) => sum + row[nth], 0)), totals);
    const drawn = await figure(title).locator('svg[role=img] rect').evaluateAll((all) => all.map((bar) => Number(bar.getAttribute('height'))));
    same(`a bar for each count of ${title}`, drawn.length, rows.flat().filter((one) => one > 0).length);
    holds('each bar has a height', drawn.every((height) => height > 0));
  }
  const done = told(stage, '--kind', 'outcome').filter((row) => row.status === 'done');
  const models = count(done, (row) => row.action.verb === 'model.call');
  same('model calls', models, 4);
  await figure('From proposal to outcome').getByText(`model calls (${models})`).waitFor();
  await figure('From proposal to outcome').getByText(`all else (${done.length - models})`).waitFor();
  await figure('Decided by people').getByText('1 yes, 1 no').waitFor();
  same('who decided', await figure('Decided by people').locator('dt').allInnerTexts(), ['bob']);
  // What happens later is there when one looks again.
  await page.getByRole('button', { name: 'Last hour' }).click();
  await plot(`Actions. permitted: ${permitted}, not permitted: ${stopped}`);
  await decided(ada, bob, 'Deny');
  await ada.go('record/figures');
  await plot(`Tokens of models. Tokens of models: ${((TOKENS / 2) * 3).toLocaleString('en')}`);
}

const room = (page, agent) => page.locator('li.room', { has: page.getByRole('link', { name: agent, exact: true }) });
const number = (room, name) => room.locator('dl div', { hasText: name }).locator('dd');

/** On the ship's plan each compartment counts its own, and is lit as an alarm by what was not permitted and by an anomaly. */
export async function aDenialAndAnAnomalyLightACompartment(stage) {
  const ada = await stage.signedIn('ada');
  const { page } = ada;
  // However long it takes here, to this page it is one minute.
  await page.clock.setFixedTime(new Date());
  await ada.go('live');
  await page.getByText('Following', { exact: true }).waitFor();
  const [echo, helper, busy] = ['echo', 'helper', 'busy'].map((agent) => room(page, agent));
  await busy.waitFor();
  same('nothing is alarming yet', await page.locator('li.room.alarm').count(), 0);

  const bob = await stage.signedIn('bob');
  await bob.ask('helper', 'Write');
  await bob.answered();
  await number(helper, 'Actions').getByText(/^[1-9]/).waitFor();
  await bob.go('agents');
  await bob.ask('echo', 'Write elsewhere');
  await bob.answered();
  const of = (agent) => {
    const verdicts = told(stage, '--kind', 'verdict', '--agent', agent);
    return [String(verdicts.length), String(count(verdicts, (row) => row.decision !== 'permit'))];
  };
  await page.locator('li.room.alarm', { has: page.getByRole('link', { name: 'echo', exact: true }) }).waitFor();
  for (const [agent, seen] of [['echo', echo], ['helper', helper]]) {
    const [actions, stops] = of(agent);
    same(`${agent} was denied something`, stops !== '0', agent === 'echo');
    await number(seen, 'Actions').getByText(actions, { exact: true }).waitFor();
    await number(seen, 'Not permitted').getByText(stops, { exact: true }).waitFor();
    await seen.getByRole('img', { name: `${actions} actions in the last minute, ${stops} not permitted` }).waitFor();
  }
  holds('a bar of it is drawn', await echo.locator('rect.stops').evaluateAll((all) => all.some((bar) => Number(bar.getAttribute('height')) > 0)));
  same('the others are not alarming', await page.locator('li.room.alarm').count(), 1);
  await ada.accessible('the plan with an alarm');

  // One that goes round and round is stopped by the gateway itself, which is an anomaly.
  await bob.go('agents');
  await bob.ask('busy', 'Go on');
  await page.locator('li.room.alarm.killed', { has: page.getByRole('link', { name: 'busy', exact: true }) }).waitFor();
  await number(busy, 'Anomalies today').getByText('1', { exact: true }).waitFor();
  same('as the command line has it', stage.json('agents', 'show', 'busy').anomalies, 1);
  same('of the others none', [await number(echo, 'Anomalies today').innerText(), await number(helper, 'Anomalies today').innerText()], ['0', '0']);
  await ada.accessible('the plan with an anomaly');
  await ada.shot('live-alarm');
}

/** The record as a stream that comes no further than its first word of progress until the test says so: everything in it is the gateway's. */
const HOLD = () => {
  const real = globalThis.fetch;
  globalThis.fetch = async (path, init) => {
    const answer = await real(path, init);
    if (!String(path).endsWith('/record/verify') || !answer.ok) return answer;
    let more;
    globalThis.goOn = () => more();
    const wait = new Promise((done) => (more = done));
    // Whoever gives it up waits for nothing.
    init.signal.addEventListener('abort', () => more());
    let rest = '';
    const slow = new TransformStream({
      async transform(bytes, out) {
        rest += new TextDecoder().decode(bytes);
        const first = /data:[^\n]*\n\n/.exec(rest);
        if (first === null) return;
        const at = first.index + first[0].length;
        const told = rest.slice(0, at);
        out.enqueue(new TextEncoder().encode(told));
        // A short record is gone through before a second word of it: the same word, further on.
        globalThis.comes = (records) => out.enqueue(new TextEncoder().encode(told.replace(/"records":\d+/, `"records":${records}`)));
        rest = rest.slice(at);
        await wait;
        if (init.signal.aborted) throw new DOMException('given up', 'AbortError');
        out.enqueue(new TextEncoder().encode(rest));
        rest = '';
      },
    });
    return new Response(answer.body.pipeThrough(slow), { status: answer.status, headers: answer.headers });
  };
};

export async function verifyingSaysHowFarItIs(stage) {
  const ada = await stage.signedIn('ada');
  const { page } = ada;
  await page.addInitScript(HOLD);
  await page.reload();
  await ada.ask('echo', 'hi');
  await ada.answered();
  await ada.go('record/verify');
  const press = page.getByRole('button', { name: 'Verify now' });
  await press.click();
  const bar = page.getByRole('progressbar', { name: 'Verify the record' });
  const seen = page.getByText(/^[\d,]+ of [\d,]+$/);
  await seen.waitFor();
  const [come, total] = (await seen.innerText()).split(' of ').map((text) => Number(text.replaceAll(',', '')));
  const { records } = stage.json('audit', 'verify');
  same('of how many', total, records);
  same('the bar', await bar.evaluate((element) => [element.value, element.max]), [come, total]);
  holds('not one too far', come <= total);
  holds('it is under way', await press.isDisabled());
  await ada.accessible('a verification under way');
  const further = total - 1;
  await page.evaluate((records) => globalThis.comes(records), further);
  await page.getByText(`${further} of ${total}`, { exact: true }).waitFor();
  same('the bar goes on', await bar.evaluate((element) => [element.value, element.max]), [further, total]);

  // Given up: nothing is said of the record.
  await page.getByRole('button', { name: 'Cancel' }).click();
  await bar.waitFor({ state: 'detached' });
  same('nothing is said', await page.locator('.note.good, .note.bad').count(), 0);

  await press.click();
  await seen.waitFor();
  await page.evaluate(() => globalThis.goOn());
  await page.getByText(`The record holds: ${records.toLocaleString('en')} records`).waitFor();
  same('it is over', await bar.count(), 0);
  holds('with the hash of its end', (await page.locator('.note.good').innerText()).includes(stage.json('audit', 'verify').checkpoint.hash));
}

/** Each condition of the page finds what the same condition of the command line finds, alone and with others. */
export async function conditionsFindWhatTheCommandLineFinds(stage) {
  const ada = await stage.signedIn('ada');
  const bob = await stage.signedIn('bob');
  await ada.ask('echo', 'Write about the handbook');
  await ada.answered();
  await bob.ask('helper', 'Write about the handbook');
  await bob.answered();
  const { page } = ada;
  const [{ session }] = told(stage, '--agent', 'echo', '--kind', 'verdict');
  await ada.go('record');
  await page.locator('.view li').first().waitFor();
  await page.getByText('More conditions').click();
  const form = page.getByRole('form', { name: 'Conditions' });
  const status = page.getByText(/^[\d,]+ records?$/);
  // What a list shows of itself: it is short enough to be whole.
  const shown = async () => page.locator('.view li .seq').evaluateAll((all) => all.map((one) => Number(one.textContent)));
  const finds = async (...query) => {
    const wanted = told(stage, ...query).map((row) => row.seq);
    holds(`${query.join(' ')} finds something`, wanted.length > 0);
    await page.getByText(`${wanted.length.toLocaleString('en')} ${wanted.length === 1 ? 'record' : 'records'}`, { exact: true }).waitFor();
    await page.locator('.view').evaluate((element) => (element.scrollTop = 0));
    const found = await shown();
    same(`the newest of ${query.join(' ')}`, found, wanted.toReversed().slice(0, found.length));
  };
  const field = (label) => form.locator('label', { has: page.getByText(label, { exact: true }) }).locator('input, select');
  const fill = async (label, value) => {
    await field(label).fill(value);
    await field(label).blur();
  };
  const clear = () => form.getByRole('button', { name: 'No conditions' }).click();
  const cases = [
    [['Agent', 'echo'], ['--agent', 'echo']],
    [['Person', 'bob'], ['--person', 'bob']],
    [['Kind', 'outcome'], ['--kind', 'outcome']],
    [['Decision', 'deny'], ['--decision', 'deny']],
    [['Action', 'file.write'], ['--action', 'file.write']],
    [['Event', 'turn.ended'], ['--event', 'turn.ended']],
    [['Label', 'internal'], ['--label', 'internal']],
    [['Conversation', session], ['--session', session]],
  ];
  const chosen = ['Kind', 'Decision', 'Action'];
  const set = ([label, value]) => (chosen.includes(label) ? field(label).selectOption(value) : fill(label, value));
  for (const [what, query] of cases) {
    await set(what);
    await finds(...query);
    await clear();
    await status.waitFor();
  }
  await set(['Agent', 'helper']);
  await set(['Decision', 'deny']);
  await finds('--agent', 'helper', '--decision', 'deny');
  // One that nothing holds to, and one that is none.
  await set(['Agent', 'nobody']);
  await page.getByText('No record holds to these conditions.').waitFor();
  await set(['Agent', 'no such name']);
  await page.getByRole('alert').waitFor();
  await clear();
  await set(['Since', '2020-01-01T00:00']);
  await set(['Until', '2020-01-02T00:00']);
  await page.getByText('No record holds to these conditions.').waitFor();
  await set(['Until', '2099-01-01T00:00']);
  await finds('--since', '2020-01-01');
}

/** A phone that is two days ahead, and one that is behind, show what waits and what happened as everybody else's does. */
export async function aClockThatIsWrong(stage) {
  const DAY = 24 * 3_600_000;
  const ada = await stage.signedIn('ada');
  await ada.ask('echo', 'Announce it');
  await ada.page.locator('details.act.held').waitFor();
  for (const ahead of [2 * DAY, -2 * DAY]) {
    const bob = await stage.signedIn('bob');
    await bob.page.clock.setSystemTime(Date.now() + ahead);
    const away = await bob.page.evaluate(() => Date.now());
    holds('this browser is elsewhere in time', Math.abs(away - Date.now()) > DAY);
    await bob.go('approvals');
    const item = bob.page.locator('.queue li a').first();
    await item.getByText(/Silence is a no in 2[34] hours|Silence is a no tomorrow/).waitFor();
    await item.click();
    const over = bob.page.locator('.sheet dl div', { hasText: 'Silence is a no' });
    await over.getByText(/^in 2[34] hours$|^tomorrow$/).waitFor();
    await ada.page.clock.setSystemTime(Date.now() + ahead);
    await ada.go('record/figures');
    await ada.page.reload();
    await ada.page.getByRole('button', { name: 'Last hour' }).click();
    await ada.page.getByRole('img', { name: /^Actions\. permitted: [1-9]/ }).waitFor();
  }
}
