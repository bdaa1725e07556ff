// The corpus in every field, in the real page under its real policy.
import { CORPUS } from './corpus.mjs';
import { holds, same } from './stage.mjs';

/** What may be found in the page, and nothing else: its own elements, and what Markdown is made of. */
const ELEMENTS = new Set(
  ('html head meta title link script noscript body div a aside p svg path rect span nav ul ol li button main section header footer h1 h2 h3 h4 h5 h6 ' +
    'form label input textarea small article details summary dl dt dd code pre figure figcaption table thead tbody tr th td em strong s blockquote ' +
    'hr br bdi mark time dialog kbd i fieldset legend select option datalist progress title ins del').split(' '),
);

async function watched(stage) {
  const seat = await stage.signedIn('ada');
  await seat.page.addInitScript(() => {
    globalThis.refused = [];
    addEventListener('securitypolicyviolation', (event) => globalThis.refused.push(`${event.effectiveDirective} ${event.sample}`));
  });
  return seat;
}

/** Nothing of the corpus has become anything but words. */
async function onlyWords(seat, what) {
  const found = await seat.page.evaluate((elements) => {
    const faults = [];
    if ('pwned' in globalThis) faults.push('a script ran');
    for (const refused of globalThis.refused ?? []) faults.push(`refused by the policy: ${refused}`);
    for (const element of document.querySelectorAll('*')) {
      const name = element.localName;
      if (!elements.includes(name)) faults.push(`an element ${name}`);
      const ours = (address) => address.startsWith(`${location.origin}/assets/`);
      if (name === 'script' && !ours(element.src)) faults.push(`a script of ${element.src}`);
      if (name === 'link' && !ours(element.href)) faults.push(`a link to ${element.href}`);
      for (const { name: attribute, value } of element.attributes) {
        if (attribute.startsWith('on')) faults.push(`${name} ${attribute}`);
        if (attribute === 'style') faults.push(`${name} style=${value}`);
        if (['src', 'srcset', 'action', 'formaction', 'srcdoc', 'ping', 'data', 'background'].includes(attribute) && name !== 'script') faults.push(`${name} ${attribute}=${value}`);
        if (attribute === 'href' && name === 'a' && !/^(https?:\/\/|mailto:|#)/.test(value)) faults.push(`a href=${value}`);
      }
    }
    if (innerWidth < document.documentElement.scrollWidth) {
      const wide = [...document.querySelectorAll('body *')].filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && one.closest('.scroll, pre, .log, .agents') === null);
      faults.push(`it is wider than the window: ${wide.slice(0, 3).map((one) => `${one.localName}.${one.className} ${one.textContent?.slice(0, 60)}`)}`);
    }
    return faults.slice(0, 10);
  }, [...ELEMENTS]);
  same(what, found, []);
}

const place = { session: 's-2', turn: 't-1', agent: 'echo' };
const reason = (text) => [{ layer: text, policy: text, message: text }];
const action = (text) => ({ verb: text, resource: { kind: text, name: text }, args: { [text]: text, nested: { [text]: [text] } } });
const agent = (text, index) => ({
  name: text, role: text, state: index % 2 ? text : 'idle', version: text, sessions: 1, skills: [text], last_active: text, errors_today: 0, anomalies: 0, problem: index % 3 ? null : text,
});
/** What waits may be anything that has a sentence of its own. */
const VERBS = ['file.write', 'command.run', 'model.call', 'web.get', 'message.post', 'file.read', 'reply'];
const waiting = (text, index) => ({ verb: VERBS[index % (VERBS.length + 1)] ?? text, resource: { kind: text, name: text }, args: { [text]: text, nested: { [text]: [text] }, writes: [text, [text]] } });
const approval = (text, index) => ({
  id: `a-${index}`, agent: text, asked_by: text, action: waiting(text, index), model: index % 5 ? { name: text, remote: index % 2 === 0 } : null, digest: text, reasons: reason(text), labels: [text], expires: text, state: 'waiting', session: text, turn: text,
  queue: text, risk: index % 2 ? text : 'high', needed: 2, approved_by: [text], since: text, escalates: text, escalated: index % 3 === 0, missing: index % 3, decidable: true, readers: [{ name: text, people: [text] }, { name: `${text}2`, people: [] }],
  change: { created: false, bytes: 1, labels: [text], why: index % 2 ? text : null, diff: { added: 1, removed: 1, cut: true, pieces: ['same', 'added', 'removed'].map((kind) => ({ kind, lines: [text], count: 1, unended: true })) } },
});

/** An answer that comes in parts: all of it, or no more than its first half. */
const inParts = (text, index) => {
  const half = Math.ceil(text.length / 2);
  const place = { session: 's-3', turn: 't-2', agent: 'echo' };
  const part = (text, nth) => ({ ...place, type: 'part', proposal: `q-${index}-${nth}`, text });
  return [
    { ...place, type: 'proposal', proposal: `m-${index}`, action: { ...action(text), verb: 'model.call' } },
    part(text.slice(0, half), 0),
    ...(index % 2 ? [] : [part(text.slice(half), 1)]),
  ];
};
const events = (text, index) => {
  const proposal = `p-${index}`;
  return [
    { ...place, type: 'proposal', proposal, action: action(text) },
    { ...place, type: 'verdict', proposal, decision: ['permit', 'deny', 'ask'][index % 3], reasons: reason(text), micros: 1 },
    { ...place, type: 'approval', approval: text, state: ['waiting', text][index % 2], binding: text, action: text },
    { ...place, type: 'outcome', proposal, status: index % 2 ? 'done' : text, labels: [text], summary: text },
    { ...place, type: 'notice', message: text },
    { ...place, type: 'error', message: text },
    { ...place, type: 'reply', text },
    { ...place, type: text, text },
  ];
};

/** Where a conversation came from. */
const branch = (text) => ({ session: text, upto: text, there: true, title: text, erased: true });

const recorded = (text, index) => ({
  seq: index + 1, time: index % 2 ? text : '2026-11-21T12:00:00Z', kind: ['proposal', 'verdict', 'outcome', 'admin', text][index % 5], event: index % 2 ? text : null, facts: { [text]: text, many: [text] },
  session: text, turn: text, proposal: `p-${index}`, agent: text, person: text, action: { verb: text, resource: { kind: text, name: text } }, decision: text, reasons: reason(text), status: text, labels: [text],
  policy_version: text, call: { model: text, prompt_tokens: 1, completion_tokens: 1, finish: text, fault: text }, prev: text, hash: text,
});

/** All of a list on one page. */
const one = (items) => ({ items, after: null });

async function answer(page, path, body) {
  await page.route(`**/api/v1/${path}`, (route) =>
    route.fulfill(typeof body === 'string' ? { contentType: 'text/event-stream', body } : { contentType: 'application/json', body: JSON.stringify(body) }),
  );
}

const told = (all) => all.map((one) => `data: ${JSON.stringify(one)}\n\n`).join('');

export async function hostileWordsInAChat(stage) {
  same('a corpus of at least 200', [CORPUS.length >= 200, new Set(CORPUS).size], [true, CORPUS.length]);
  const seat = await watched(stage);
  const { page } = seat;
  await answer(page, 'agents?*', one(CORPUS.map(agent)));
  await answer(page, 'sessions/*', {
    session: 's-1', agent: 'echo', labels: CORPUS, waiting: CORPUS[0], branch: branch(CORPUS[0]),
    said: CORPUS.flatMap((text, index) => ['person', 'agent'].map((by) => ({ seq: index + 1, session: index % 2 ? 's-1' : text, turn: text, time: text, by, text }))),
  });
  // In the words of the record, with each text as an argument, a reason, a summary and a message.
  await answer(page, 'sessions/*/steps', {
    steps: CORPUS.flatMap((text, index) => [...(index % 8 ? [] : inParts(text, index)), ...events(text, index).filter(({ type }) => type !== 'reply')].map((event) => ({ ...event, ...(index % 2 && event.action?.args ? { action: { ...event.action, verb: 'file.read' } } : {}), seq: index + 1, time: text }))), before: null,
  });
  await answer(page, 'sessions/*/passages/*', { proposal: 'p-1', verb: CORPUS[0], resource: { kind: CORPUS[1], name: CORPUS[2] }, labels: CORPUS, text: CORPUS.join('\n'), cut: true });
  await answer(page, 'sessions?*', {
    sessions: CORPUS.map((text, index) => ({ session: `s-${index}`, agent: 'echo', started: text, last: text, turns: 1, labels: [text], turn: null, waiting: index % 2 ? text : null, title: index % 3 ? text : null, branch: index % 2 ? null : branch(text) })), before: null,
  });
  await seat.go('chat/echo/s-1');
  await page.reload();
  await page.locator('.said').nth(CORPUS.length - 1).waitFor();
  await page.locator('.reply .markdown').first().waitFor();
  const said = await page.locator('.said .words > p:first-child').evaluateAll((all) => all.map((one) => one.textContent));
  // A lone surrogate and a zero byte cannot be put into a document; all else is there as it was said.
  const plain = (text) => text.replace(/\0/g, '\ufffd').toWellFormed();
  same('a person’s words are shown as they are', said.map(plain), CORPUS.map(plain));
  await page.locator('details.act').first().waitFor();
  await page.evaluate(() => document.querySelectorAll('details').forEach((one) => (one.open = true)));
  const passage = page.getByRole('button', { name: 'Show what was read' }).first();
  await passage.click();
  await page.getByText('It goes on: the rest is not shown here.').first().waitFor();
  holds('what came in parts is there', (await page.locator('.reply .rest').count()) >= CORPUS.length / 8);
  await onlyWords(seat, 'what was said and done earlier');

  await answer(page, 'sessions/search', {
    items: CORPUS.map((text, index) => ({ session: `s-${index}`, agent: text, title: index % 2 ? text : null, seq: index + 1, time: text, by: index % 3 ? 'person' : 'agent', before: text, word: text, after: text })),
    after: 1, until: CORPUS[0],
  });
  await page.getByRole('searchbox').fill('anything');
  await page.keyboard.press('Enter');
  await page.locator('.found li').nth(CORPUS.length - 1).waitFor();
  await onlyWords(seat, 'what was found');
  await page.getByRole('button', { name: 'End the search' }).click();

  await answer(page, 'agents/*/messages', told([...CORPUS.flatMap(events), { ...place, type: 'end' }]));
  await seat.ask('echo', 'go');
  await page.locator('.acts').nth(CORPUS.length - 1).waitFor();
  await page.evaluate(() => document.querySelectorAll('details').forEach((one) => (one.open = true)));
  await onlyWords(seat, 'a turn');
  holds('replies are there', (await page.locator('.reply').count()) >= CORPUS.length);

  // Of each, what came before the model was called again stays.
  const parts = CORPUS.flatMap(inParts);
  await answer(page, 'agents/*/messages', told([...parts, { ...parts[0], type: 'end' }]));
  await seat.ask('echo', 'go on');
  await page.locator('.reply .rest').nth(CORPUS.length - 1).waitFor();
  await page.locator('.working').waitFor({ state: 'detached' });
  await onlyWords(seat, 'answers in parts');
  same('each is there', await page.locator('.reply .rest').count(), CORPUS.length);
}

export async function hostileWordsOnEveryPage(stage) {
  const seat = await watched(stage);
  const { page } = seat;
  await answer(page, 'agents?*', one(CORPUS.map(agent)));
  await answer(page, 'events', told(CORPUS.flatMap((text, index) => events(text, index).map((event) => ({ ...event, agent: text })))));
  await answer(page, 'approvals?*', one(CORPUS.map(approval)));
  await answer(page, 'waiting', { waiting: CORPUS.length, agents: Object.fromEntries(CORPUS.map((text) => [text, 1])) });
  const row = (text, index) => ({ id: `i-${index}`, person: text, how: text, created: text, seen: text, expires: text, agent: text, current: false });
  await answer(page, 'sign-ins?*', one(CORPUS.map(row)));
  await answer(page, 'tokens?*', one(CORPUS.map((text, index) => ({ id: `k-${index}`, person: text, name: text, scopes: [text], created: text, expires: text, used: text }))));
  await answer(page, 'people?*', one(CORPUS.map((text) => ({ id: text, groups: [text], roles: [text], administrator: false, clearance: [text], sign_ins: 0, tokens: 0, password: false }))));
  await answer(page, 'accounts?*', one(CORPUS.map((text, index) => ({ id: `d-${index}`, person: text, made_by: text, external: text, shown: text, active: index % 2 === 0, groups: { [text]: text }, created: text, modified: text }))));
  await answer(page, 'grants?*', {
    groups: CORPUS.map((text) => ({ name: text, people: [text] })), ...one(CORPUS.map((text) => ({ right: text, resource: text, groups: [text], wider: [text] }))),
  });
  await answer(page, 'patterns?*', one(CORPUS.map((text, index) => ({ id: `a-${index}`, agent: text, asked_by: text, approved_by: text, verb: text, resource: { kind: text, name: text }, digest: text, since: text, expires: text, uses: index }))));
  const spent = (text) => ({ decisions: 2, approved: 1, busiest_hour: 2, look_median_ms: 1, look_p10_ms: null, high_risk: 1, high_risk_look_median_ms: 1, unseen: 1, untimed: 1, risks: ['too-many', text] });
  await answer(page, 'approvers?*', {
    thresholds: { an_hour: 1, look_ms: 1, approved_percent: 98, decisions: 1 }, whole: false,
    ...one(CORPUS.map((text) => ({ person: text, hour: spent(text), day: spent(text), month: spent(text) }))),
  });
  await answer(page, 'status', {
    version: CORPUS[0], pid: 1, address: CORPUS[1], containment: CORPUS[2], ready: false, why: CORPUS[3], person: 'ada',
    short: CORPUS.map((text, index) => ({ queue: text, agent: `${text}${index}`, needed: 2, there: index % 2 })),
    exports: CORPUS.map((text) => ({ name: text, format: text, to: text, local: false, taken: 1, behind: 1, failing_since: text, last_error: text, late: true })),
  });
  await answer(page, 'health', { ok: false, age_seconds: 1, findings: CORPUS.map((text, index) => ({ check: text, state: ['missing', text][index % 2], message: text, mend: text })) });
  await answer(page, 'records?*', { records: CORPUS.map(recorded), before: null, after: null });
  const many = { live: 'li.room', approvals: '.queue li', agents: 'li.room', people: 'table.list >> nth=2 >> tr', health: 'table.list tr' };
  for (const [where, items] of Object.entries(many)) {
    await seat.go(where);
    await page.locator(items).nth(CORPUS.length - 1).waitFor();
    if (where === 'people') for (const nth of [3, 4, 5]) await page.locator(`table.list >> nth=${nth} >> tr`).nth(CORPUS.length - 1).waitFor();
    if (where === 'health') await page.locator('.findings li').nth(CORPUS.length - 1).waitFor();
    if (where === 'approvals') await page.getByRole('button', { name: 'Revoke' }).nth(CORPUS.length - 1).waitFor();
    await onlyWords(seat, where);
  }
  for (const [index, text] of CORPUS.entries()) {
    await page.unroute('**/api/v1/approvals/*');
    await answer(page, 'approvals/*', approval(text, index));
    await seat.go(`approvals/a-${index}`);
    await page.locator(`.sheet article`).waitFor();
    await page.waitForFunction((wanted) => location.hash.endsWith(wanted), `a-${index}`);
    await onlyWords(seat, `the approval of ${text.slice(0, 40)}`);
  }

  // The record shows only the lines that are seen: each has its turn on the sheet, and all are in the timeline.
  await seat.go('record');
  await page.locator('.view li').first().waitFor();
  await onlyWords(seat, 'the record');
  await seat.go('record/figures');
  await page.locator('figure').nth(3).waitFor();
  await onlyWords(seat, 'the plots');
  for (const [index, text] of CORPUS.entries()) {
    await page.unroute('**/api/v1/records/*');
    await answer(page, 'records/*', recorded(text, index));
    // All of them are in what the first says, and each other is the reason why nothing is shown.
    const content = Object.fromEntries(CORPUS.map((one) => [one, one]));
    await answer(page, 'content', [{ seq: index + 1, record: null, content, erased: false, refused: index === 0 ? null : text }]);
    await seat.go(`record/${index + 1}`);
    await page.locator('.sheet h2', { hasText: new RegExp(`^${index + 1}`) }).waitFor();
    await page.getByRole('button', { name: 'Read its content' }).click();
    await page.getByRole('region', { name: 'Content' }).waitFor();
    await onlyWords(seat, `the record of ${text.slice(0, 40)}`);
  }
  const rules = CORPUS.map((text, index) => ({ text, line: index + 1, strength: ['enforced', text][index % 2], by: [text], policy: text }));
  const soul = { agent: CORPUS[0], path: CORPUS[0], valid: true, errors: [], rules, skills: CORPUS.map((text) => ({ name: text, grants: { [text]: [text] }, default: false })) };
  await answer(page, 'agents/*/soul', { text: CORPUS.join('\n'), version: CORPUS[0] });
  await answer(page, 'agents/*/soul/check', soul);
  await seat.go('agents/echo');
  await page.locator('.rules li').nth(CORPUS.length - 1).waitFor();
  await onlyWords(seat, 'a SOUL.md');
  await page.getByLabel('The text of SOUL.md').fill(CORPUS.toReversed().join('\n'));
  await page.unroute('**/api/v1/agents/*/soul/check');
  await answer(page, 'agents/*/soul/check', { ...soul, valid: false, rules: [], errors: CORPUS.map((text, index) => ({ line: index + 1, column: 1, message: text, help: text })) });
  await page.getByLabel('The text of SOUL.md').press('End');
  await page.getByLabel('The text of SOUL.md').pressSequentially('.');
  await page.getByText(/^It does not compile/).waitFor();
  await onlyWords(seat, 'what is wrong with a SOUL.md');
  await page.getByRole('button', { name: 'Look at the changes' }).click();
  await page.locator('.diff ins').first().waitFor();
  await onlyWords(seat, 'the changes of a SOUL.md');

  // What it was, and what has changed since.
  await answer(page, 'agents/*/soul/versions', { versions: CORPUS.map((text, index) => ({ number: index + 1, version: text, time: text, by: index % 2 ? text : null, from: index % 3 ? index : null, bytes: 1 })), before: null });
  await answer(page, 'agents/*/soul/diff?*', { from: 1, to: null, version: CORPUS[0], diff: { added: 1, removed: 1, cut: true, pieces: CORPUS.map((text, index) => ({ kind: ['same', 'added', 'removed'][index % 3], lines: [text], count: 1, unended: true })) } });
  await seat.go('agents');
  await seat.go('agents/echo');
  await page.getByRole('button', { name: 'Versions' }).click();
  await page.locator('.versions li').nth(CORPUS.length - 1).waitFor();
  await onlyWords(seat, 'the versions of a SOUL.md');
  await page.locator('.versions button').first().click();
  await page.getByText('It goes on: the rest is not shown here.').first().waitFor();
  await onlyWords(seat, 'what changed in a SOUL.md');

  // What a verification says.
  for (const [index, text] of CORPUS.entries()) {
    await page.unroute('**/api/v1/record/verify');
    const report = { type: 'report', ok: index % 50 === 0, records: 1, first_bad: { seq: index % 50 ? 1 : null, why: text }, checkpoint: { records: 1, hash: text } };
    await answer(page, 'record/verify', told([{ type: 'progress', records: 1, total: 2 }, index % 75 ? report : { type: 'failed', message: text }]));
    await seat.go('record');
    await seat.go('record/verify');
    await page.getByRole('button', { name: 'Verify now' }).click();
    await page.locator('main .note').first().waitFor();
    await onlyWords(seat, `a verification that says ${text.slice(0, 40)}`);
  }

  await page.unroute('**/api/v1/records?*');
  let given = false;
  await page.route('**/api/v1/records?*', (route) => {
    const records = given ? [] : CORPUS.map(recorded);
    given = true;
    return route.fulfill({ contentType: 'application/json', body: JSON.stringify({ records, before: null, after: CORPUS.length }) });
  });
  await seat.go(`record/session/${encodeURIComponent('s-"><img src=x onerror=pwned=1>')}`);
  await page.locator('li.event, li.span').nth(CORPUS.length - 1).waitFor();
  await onlyWords(seat, 'the timeline');
}

export async function hostileErrors(stage) {
  const seat = await watched(stage);
  const { page } = seat;
  for (const text of CORPUS) {
    await page.unroute('**/api/v1/agents/*/messages');
    await page.route('**/api/v1/agents/*/messages', (route) =>
      route.fulfill({ status: 409, contentType: 'application/problem+json', body: JSON.stringify({ status: 409, title: text, detail: text, kind: text }) }),
    );
    await seat.ask('echo', 'go');
    await page.getByRole('alert').waitFor();
    // As a browser compares text: words with one space between them, and no marks of code.
    const words = (all) => all.replaceAll('`', '').toWellFormed().replace(/\s+/g, ' ').trim();
    await page.waitForFunction((wanted) => document.querySelector('[role=alert]')?.textContent?.replaceAll('`', '').toWellFormed().replace(/\s+/g, ' ').includes(wanted), words(text));
    await onlyWords(seat, `the problem ${text.slice(0, 40)}`);
    await page.getByLabel('Message to echo').fill('');
  }
  // Answers that are no answers of a gateway at all.
  for (const [type, body] of [['text/html', `<script>globalThis.pwned=1</script>`], ['text/event-stream', 'data: {"type":"reply"'], ['text/event-stream', 'data: null\n\ndata: []\n\ndata: 7\n\n'], ['text/event-stream', '{"type":"reply"}\n'], ['application/json', '']]) {
    await page.unroute('**/api/v1/agents/*/messages');
    await page.route('**/api/v1/agents/*/messages', (route) => route.fulfill({ status: 200, contentType: type, body }));
    await seat.ask('echo', 'go');
    await page.getByRole('alert').waitFor();
    await onlyWords(seat, `an answer of ${type}`);
    await page.getByLabel('Message to echo').fill('');
  }
}
