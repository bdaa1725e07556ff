// A gateway that is none, for work on the page: `node test/mock.mjs [PORT]` serves dist/ under the real policy.
import { createReadStream, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

const dist = new URL('../dist/web/', import.meta.url).pathname;
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types svelte-trusted-html";
const KINDS = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' };
const now = () => new Date().toISOString();
const later = (hours) => new Date(Date.now() + hours * 3600e3).toISOString();
const agents = [
  ['echo', 'Drafts and edits text for the content team', 'idle', ['files', 'message']],
  ['sage', 'Answers engineers on the internal forum', 'running', ['files', 'web', 'exec']],
  ['ledger', 'Reconciles invoices against orders', 'idle', ['files']],
  ['scout', 'Reads release notes and says what changed', 'paused', ['web', 'files']],
  ['harbor', 'Sorts the support inbox', 'killed', ['message', 'files']],
].map(([name, role, state, skills]) => ({ name, role, state, version: '7f3a'.repeat(16), sessions: state === 'running' ? 1 : 0, skills, last_active: later(-0.2), errors_today: name === 'scout' ? 2 : 0, anomalies: name === 'harbor' ? 1 : 0, problem: null }));
agents.push({ name: 'draft', role: '', state: 'idle', version: null, sessions: 0, skills: [], last_active: null, errors_today: 0, anomalies: 0, problem: 'agents/draft/SOUL.md:14: `Skils` is no section; did you mean `Skills`?' });
const approvals = new Map();
const followers = new Set();
let signedIn = false, seq = 0, ids = 0;
const id = (prefix) => `${prefix}-${(ids++).toString(36).padStart(8, '0')}`;
const sessions = new Map();
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

function tell(place, what, to) {
  const event = { seq: seq++, ...place, ...what };
  to?.write(`id: 1-${event.seq}\ndata: ${JSON.stringify(event)}\n\n`);
  for (const one of followers) one.write(`data: ${JSON.stringify(what.type === 'proposal' ? { ...event, action: { ...event.action, args: {} } } : event)}\n\n`);
}
async function act(place, to, verb, kind, name, args, decision, reasons, summary = '', status = 'done') {
  const proposal = id('p');
  tell(place, { type: 'proposal', proposal, action: { verb, resource: { kind, name }, args } }, to);
  await wait(120);
  tell(place, { type: 'verdict', proposal, decision, reasons, micros: 240 + Math.floor(Math.random() * 400) }, to);
  if (decision === 'permit') { await wait(150); tell(place, { type: 'outcome', proposal, status, labels: ['internal'], summary }, to); }
  return proposal;
}
const why = (layer, policy, message) => [{ layer, policy, message }];
const ANSWER = `Here is what the handbook says about **retention**:\n\n1. Invoices are kept for *ten years*.\n2. Chat logs for \`90\` days.\n\n| kind | kept | where |\n|---|--:|---|\n| invoice | 10 years | archive |\n| chat | 90 days | gateway |\n| draft | 7 days | workspace |\n\n> Ask the archive before you delete anything.\n\n\`\`\`sh\nbulkhead audit query --agent echo --since 24h\n\`\`\`\n\nSee [the policy](https://wiki.example.org/retention?x=1).`;

async function turn(agent, session, text, to) {
  const place = { session, turn: id('t'), agent };
  const said = sessions.get(session).said;
  await act(place, to, 'model.call', 'model', 'ollama/llama3', {}, 'permit', why('policy', 'grant:model', 'the agent may use its model'));
  if (/break/.test(text)) { to.destroy(); return; }
  await act(place, to, 'file.read', 'path', '/srv/handbook/retention.md', { path: '/srv/handbook/retention.md' }, 'permit', why('policy', 'rule:11', 'granted: read /srv/handbook'), '2,114 bytes');
  await act(place, to, 'file.read', 'path', '/etc/shadow', { path: '/etc/shadow' }, 'deny', why('rights', 'rights:read', '`ada` has no right to read `/etc/shadow`'));
  if (/post/.test(text)) {
    const action = { verb: 'message.post', resource: { kind: 'channel', name: 'board:content-team' }, args: { channel: 'board:content-team', text: 'The draft is ready.\nPlease \u202eyadot\u202c read it, and p\u0430y the\u200b invoice.' } };
    const proposal = id('p'), approval = id('a');
    const reasons = why('policy', 'rule:17', 'what leaves the conversation waits for a person');
    tell(place, { type: 'proposal', proposal, action }, to);
    tell(place, { type: 'verdict', proposal, decision: 'ask', reasons, micros: 411 }, to);
    const decided = new Promise((done) => approvals.set(approval, { view: { id: approval, agent, asked_by: 'ada', action, digest: 'c0ffee'.repeat(10) + 'abcd', reasons, labels: ['internal', 'employee-personal-data'], expires: later(23), state: 'waiting', session, turn: place.turn, queue: 'posts', risk: 'medium', needed: 1, approved_by: [], since: now(), escalates: later(2), escalated: false, missing: 0, decidable: true, patternable: true }, done }));
    const announce = (state) => tell(place, { type: 'approval', approval, state, binding: 'c0ffee', action: 'message.post channel:board:content-team' }, to);
    announce('waiting');
    const state = await decided;
    announce(state);
    if (state === 'approved') { tell(place, { type: 'verdict', proposal, decision: 'permit', reasons: why('approval', 'approval:' + approval, '`ada` approved exactly this'), micros: 310 }, to); announce('used'); tell(place, { type: 'outcome', proposal, status: 'done', labels: ['internal'], summary: 'posted to board:content-team' }, to); }
    else { tell(place, { type: 'verdict', proposal, decision: 'deny', reasons: why('approval', 'approval:denied', '`ada` said no: not yet'), micros: 120 }, to); tell(place, { type: 'outcome', proposal, status: 'denied', labels: ['internal'], summary: '' }, to); }
  }
  if (/notice/.test(text)) tell(place, { type: 'notice', message: '4 older messages of this conversation were left out: with them it is longer than the model\'s context window; no rule was left out' }, to);
  if (/fail/.test(text)) tell(place, { type: 'error', message: 'the model server `ollama` at 127.0.0.1:11434 does not answer; start it or name another in bulkhead.toml' }, to);
  else { await act(place, to, 'reply', 'person', 'ada', { text: '' }, 'permit', why('flow', 'flow:clearance', '`ada` is cleared for internal')); said.push({ time: now(), by: 'agent', text: ANSWER }); tell(place, { type: 'reply', text: ANSWER }, to); }
  tell(place, { type: 'end' }, to);
  to.end();
}

// Something goes on by itself, so that the plan of the ship can be looked at.
setInterval(() => {
  if (followers.size === 0) return;
  const agent = ['sage', 'sage', 'echo', 'ledger'][Math.floor(Math.random() * 4)];
  if (agents.find((one) => one.name === agent).state === 'killed') return;
  const bad = Math.random() < 0.2;
  act({ session: 's-1', turn: 't-1', agent }, null, ['file.read', 'model.call', 'web.get'][Math.floor(Math.random() * 3)], 'path', '/srv/handbook', {}, bad ? 'deny' : 'permit', []);
}, 700).unref();

const problem = (response, status, detail, kind) => { response.writeHead(status, { 'content-type': 'application/problem+json' }); response.end(JSON.stringify({ type: 'about:blank', title: '', status, detail, kind })); };
const routes = [
  ['POST', /^\/sign-in(\/code)?$/, (m, body, response) => { if (body.password === 'wrong password') return problem(response, 401, 'that person and password do not go together', 'unauthenticated'); signedIn = true; return { person: 'ada' }; }],
  ['POST', /^\/sign-out$/, () => { signedIn = false; return {}; }],
  ['POST', /^\/confirm$/, () => ({})],
  ['GET', /^\/me$/, () => ({ person: 'ada', groups: ['content', 'review'], administrator: true, roles: [], may: { approve: ['*'], content: [], stop: [], pause: [], resume: [], soul: [], stop_all: true, follow: true, people: true, export: true, erase: true, record: true }, confirms: ['password'], confirmed_until: null, containment: 'full', version: '0.5.0', solo: true })],
  ['GET', /^\/agents$/, () => agents],
  ['POST', /^\/agents\/([^/]+)\/(kill|pause|resume)$/, (m) => { const a = agents.find((one) => one.name === m[1]); a.state = { kill: 'killed', pause: 'paused', resume: 'idle' }[m[2]]; return { killed: [{ agent: m[1], processes: 2, left: 0, ms: 3.2 }] }; }],
  ['POST', /^\/kill$/, () => { for (const a of agents) a.state = 'killed'; return { killed: agents.map((a) => ({ agent: a.name, processes: 1, left: 0, ms: 4.1 })) }; }],
  ['GET', /^\/waiting$/, () => { const all = [...approvals.values()].map((one) => one.view).filter((v) => v.state === 'waiting'); return { waiting: all.length, agents: Object.fromEntries(all.map((v) => [v.agent, all.filter((w) => w.agent === v.agent).length])) }; }],
  ['GET', /^\/approvals$/, (m, b, r, url) => [...approvals.values()].map((one) => one.view).filter((v) => url.searchParams.has('all') || v.state === 'waiting')],
  ['GET', /^\/approvals\/([^/]+)$/, (m) => approvals.get(m[1])?.view],
  ['POST', /^\/approvals\/([^/]+)\/(approve|deny)$/, (m) => { const one = approvals.get(m[1]); one.view.state = m[2] === 'approve' ? 'approved' : 'denied'; one.done(one.view.state); return one.view; }],
  ['GET', /^\/accounts$/, () => [{ id: 'd-1', person: 'cid', made_by: 'scim', external: null, shown: 'Cid Example', active: true, groups: { 'd-2': 'platform-team' }, created: now(), modified: now() }]],
  ['GET', /^\/patterns$/, () => [...approvals.values()].filter((one) => one.view.state === 'approved').map(({ view }) => ({ id: view.id, agent: view.agent, asked_by: 'ada', approved_by: 'ada', verb: view.action.verb, resource: view.action.resource, digest: view.digest, since: now(), expires: later(1), uses: 2 }))],
  ['GET', /^\/approvers$/, () => { const spent = (decisions, approved, risks) => ({ decisions, approved, busiest_hour: decisions, look_median_ms: 4200, look_p10_ms: 900, high_risk: 6, high_risk_look_median_ms: 3100, unseen: risks.length, untimed: 0, risks }); return { thresholds: { an_hour: 30, look_ms: 10000, approved_percent: 98, decisions: 50 }, whole: true, after: null, items: [{ person: 'bob', hour: spent(3, 3, []), day: spent(41, 41, ['too-many']), month: spent(96, 95, ['too-many', 'too-fast', 'nearly-always-yes']) }, { person: 'ada', hour: spent(0, 0, []), day: spent(2, 1, []), month: spent(14, 9, []) }] }; }],
  ['GET', /^\/sessions\/([^/]+)$/, (m) => sessions.get(m[1])],
  ['GET', /^\/sign-ins$/, () => [{ id: 'i-1', person: 'ada', how: 'password', created: later(-2), seen: later(-0.01), expires: later(10), agent: 'Chromium on Linux', current: true }, { id: 'i-2', person: 'ada', how: 'code', created: later(-30), seen: later(-5), expires: later(1), agent: 'Firefox on Android', current: false }]],
  ['GET', /^\/tokens$/, () => [{ id: 'k-1', name: 'nightly report', scopes: ['read', 'record'], created: later(-300), expires: later(4000), person: 'ada', used: later(-9) }]],
  ['POST', /^\/tokens$/, () => ({ token: 'bh_k2_' + 'x7'.repeat(20), made: { id: 'k-2', person: 'ada', name: 'x', scopes: ['read'], created: now(), expires: later(720), used: null } })],
  ['POST', /^\/(tokens|sign-ins)\/([^/]+)\/end$/, () => ({})],
  ['POST', /^\/me\/password$/, () => ({})],
  ['GET', /^\/people$/, () => [{ id: 'ada', groups: ['content', 'review'], roles: [], administrator: true, clearance: ['restricted'], sign_ins: 2, tokens: 1, password: true }, { id: 'bob', groups: ['content'], roles: ['operator'], administrator: false, clearance: ['internal'], sign_ins: 0, tokens: 0, password: false }]],
  ['GET', /^\/grants$/, () => ({ groups: [{ name: 'content', people: ['ada', 'bob'] }, { name: 'review', people: ['ada'] }], after: null, items: [{ right: 'agents', resource: 'echo', groups: ['content'], wider: [] }, { right: 'agents', resource: 'helper', groups: [], wider: [] }, { right: 'approve', resource: 'echo', groups: ['review'], wider: [] }, { right: 'read', resource: '/srv', groups: ['review'], wider: [] }, { right: 'read', resource: '/srv/docs', groups: ['content'], wider: ['review'] }] })],
  ['POST', /^\/people\/([^/]+)\/invite$/, () => ({ code: 'k3mx-7q2p-w9ra-5tzb', expires: later(24) })],
  ['GET', /^\/health$/, () => ({ ok: false, age_seconds: 3, findings: [{ check: 'layer:landlock', state: 'ok', message: 'Landlock is there', mend: '' }, { check: 'files', state: 'unsafe', message: 'other users may read `/srv/home/data`', mend: 'chmod go-rwx /srv/home/data' }] })],
  ['GET', /^\/status$/, () => ({ version: '0.5.0', pid: 4711, address: '127.0.0.1:7400', containment: 'full', ready: true, why: null, short: [], person: 'ada', exports: [{ name: 'siem', format: 'ocsf', to: 'tcp+tls://siem.example.org:6514', local: false, taken: 18233, behind: 12, failing_since: null, last_error: null, late: false }, { name: 'archive', format: 'jsonl', to: '/mnt/archive/record.jsonl', local: true, taken: 17020, behind: 1225, failing_since: later(-1), last_error: 'No space left on device (os error 28)', late: true }] })],
];

createServer(async (request, response) => {
  const url = new URL(request.url, 'http://localhost');
  response.setHeader('content-security-policy', CSP);
  if (!url.pathname.startsWith('/api/v1')) {
    const file = join(dist, normalize(url.pathname === '/' ? '/index.html' : url.pathname));
    if (!existsSync(file)) { response.writeHead(404); response.end(); return; }
    response.writeHead(200, { 'content-type': KINDS[extname(file)] ?? 'application/octet-stream' });
    createReadStream(file).pipe(response);
    return;
  }
  const path = url.pathname.slice(7);
  let text = '';
  for await (const piece of request) text += piece;
  const body = text === '' ? {} : JSON.parse(text);
  if (!signedIn && !path.startsWith('/sign-in')) return problem(response, 401, 'sign in first', 'unauthenticated');
  if (path === '/events') { response.writeHead(200, { 'content-type': 'text/event-stream' }); response.flushHeaders(); followers.add(response); response.on('close', () => followers.delete(response)); return; }
  const message = /^\/agents\/([^/]+)\/messages$/.exec(path);
  if (message) {
    const session = body.session ?? id('s');
    if (!sessions.has(session)) sessions.set(session, { session, agent: message[1], labels: ['internal'], waiting: null, said: [] });
    sessions.get(session).said.push({ time: now(), by: 'person', text: body.text });
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    return turn(message[1], session, body.text, response);
  }
  for (const [method, form, handler] of routes) {
    const found = form.exec(path);
    if (found === null || method !== request.method) continue;
    const given = handler(found, body, response, url);
    const answer = Array.isArray(given) ? { items: given, after: null } : given;
    if (response.writableEnded) return;
    if (answer === undefined) break;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer));
    return;
  }
  problem(response, 404, 'there is nothing at this address', 'not_found');
}).listen(Number(process.argv[2] ?? 7398), '127.0.0.1', function () { console.log(`http://127.0.0.1:${this.address().port}/`); });
