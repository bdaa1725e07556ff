// Asks the gateway. The cookie is the browser's to send; no token or password is kept here.

import { dated } from './clock';
import type { Challenge } from './passkey';
import { Once } from './once';
import { part } from './route';
import { t } from '../strings';
import { BrokenStream, events } from './stream';
import type {
  Agent, Approval, Budget, Branched, Budgets, CheckReport, Conversation, Conversations, GatewayStatus, GrantRow, Grants, Health, HowMany, Invitation, KillReport, Look, Me, NewToken, Page, Passkey, Pattern, PersonRow, Problem,
  Recalled, RecordQuery, RecordRow, Records, SignInRow, Soul, StreamLine, Token, Verified, Ways,
} from './types';
import type { Account, Passage, SoulDiff, SoulVersion, Steps } from './types';

/** The gateway said no. */
export class Refused extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

/** The gateway did not answer, or not as a gateway does. */
export class Unreachable extends Error {}

/** How long an answer may take to begin, in milliseconds; the gateway's own bound is 30 s. */
const PATIENCE = 35_000;

/** How long an answer that has begun may take to its end, in milliseconds. One that goes on and on is a stream. */
const WHOLE = 60_000;

/** Something that was told, and where to go on behind it. */
export interface Told<T> {
  id: string | null;
  line: T;
}

export interface Handlers {
  /** The gateway no longer knows this browser. */
  gone: (why: string) => void;
  /** The gateway does not answer. */
  lost: () => void;
  /** What the gateway says of its containment, beside each answer. */
  contained: (reduced: boolean) => void;
  /** The gateway wants the password again; true when it was given. */
  confirm: () => Promise<boolean>;
}

let told: Handlers = { gone: () => undefined, lost: () => undefined, contained: () => undefined, confirm: async () => false };

export function listen(handlers: Handlers): void {
  told = handlers;
}

/** Ends a request that takes too long, or that nobody wants any more. */
class Bound {
  readonly #stop = new AbortController();
  readonly #wanted: AbortSignal | undefined;
  readonly #end = () => this.#stop.abort();
  #timer: ReturnType<typeof setTimeout>;

  constructor(wanted: AbortSignal | undefined) {
    this.#wanted = wanted;
    this.#timer = setTimeout(this.#end, PATIENCE);
    if (wanted?.aborted === true) this.#end();
    wanted?.addEventListener('abort', this.#end);
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** The head has come: the rest has its own time. */
  begun(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#end, WHOLE);
  }

  /** It goes on for as long as it likes; silence is the reader's to notice. */
  goesOn(): void {
    clearTimeout(this.#timer);
  }

  over(): void {
    clearTimeout(this.#timer);
    this.#wanted?.removeEventListener('abort', this.#end);
  }
}

interface Wish {
  body?: unknown;
  signal?: AbortSignal;
  /** As server-sent events. */
  stream?: boolean;
  /** The last event that was heard. */
  since?: string | null;
  /** It makes something: asked for again without an answer, it is made once. What stops something never says so. */
  once?: boolean;
}

const once = new Once();

/** What it asks for, where that is to be done once. */
function asks(method: string, path: string, wish: Wish): string | null {
  return wish.once === true ? `${method} ${path} ${JSON.stringify(wish.body)}` : null;
}

/** It was answered, and that was heard. */
function heard(method: string, path: string, wish: Wish): void {
  const what = asks(method, path, wish);
  if (what !== null) once.done(what);
}

async function send(method: string, path: string, wish: Wish, bound: Bound): Promise<Response> {
  const headers: Record<string, string> = {};
  const init: RequestInit = { method, headers, signal: bound.signal, cache: 'no-store', redirect: 'error', credentials: 'same-origin' };
  if (wish.body !== undefined) {
    headers['content-type'] = 'application/json';
    init.body = JSON.stringify(wish.body);
  }
  const what = asks(method, path, wish);
  if (what !== null) headers['idempotency-key'] = once.key(what, Date.now());
  if (wish.stream === true) headers.accept = 'text/event-stream';
  if (typeof wish.since === 'string') headers['last-event-id'] = wish.since;
  try {
    const response = await fetch(`/api/v1${path}`, init);
    bound.begun();
    dated(response.headers.get('date'));
    // Who is not known is not told.
    const contained = response.headers.get('bulkhead-containment');
    if (contained !== null) told.contained(contained !== 'full');
    return response;
  } catch (error) {
    if (wish.signal?.aborted === true) throw error;
    told.lost();
    throw new Unreachable(t.broken.silent);
  }
}

/** The whole of an answer, or that it broke off or did not come to its end in time. */
async function whole(response: Response, wish: Wish): Promise<string> {
  try {
    return await response.text();
  } catch (error) {
    if (wish.signal?.aborted === true) throw error;
    told.lost();
    throw new Unreachable(t.broken.brokeOff);
  }
}

function problem(response: Response, text: string): Problem {
  const { status } = response;
  try {
    const found = JSON.parse(text) as Partial<Problem>;
    if (typeof found.detail === 'string') {
      const errors = Array.isArray(found.errors) ? found.errors : [];
      return { status, title: found.title ?? '', detail: found.detail, kind: found.kind ?? '', errors };
    }
  } catch {
    // Not of the gateway's making: said below.
  }
  return { status, title: response.statusText, detail: t.broken.status(status), kind: '', errors: [] };
}

/** What the gateway answered, once it is no `no`; the caller says when `bound` is over. */
async function asked(method: string, path: string, wish: Wish, bound: Bound): Promise<Response> {
  const response = await send(method, path, wish, bound);
  if (response.ok) return response;
  const why = problem(response, await whole(response, wish));
  if (why.kind === 'unconfirmed') {
    // However long somebody takes to type.
    bound.goesOn();
    if (await told.confirm()) {
      const again = await send(method, path, wish, bound);
      if (again.ok) return again;
      throw new Refused(problem(again, await whole(again, wish)));
    }
  }
  if (why.status === 401 && !path.startsWith('/sign-in') && !path.startsWith('/confirm')) told.gone(why.detail);
  // It was made, and its secret is shown to nobody again: asked for once more, it is another one.
  if (why.kind === 'shown') heard(method, path, wish);
  throw new Refused(why);
}

async function text(method: string, path: string, wish: Wish = {}): Promise<string> {
  const bound = new Bound(wish.signal);
  try {
    const answer = await whole(await asked(method, path, wish, bound), wish);
    heard(method, path, wish);
    return answer;
  } finally {
    bound.over();
  }
}

async function json<T>(method: string, path: string, wish: Wish = {}): Promise<T> {
  const found = await text(method, path, wish);
  return (found === '' ? null : JSON.parse(found)) as T;
}

async function* stream<T extends { type: string }>(method: string, path: string, wish: Wish & { signal: AbortSignal }, opened?: () => void): AsyncGenerator<Told<T>[]> {
  const bound = new Bound(wish.signal);
  try {
    const response = await asked(method, path, { ...wish, stream: true }, bound);
    bound.goesOn();
    if (response.body === null) return;
    opened?.();
    for await (const some of events(response.body)) {
      // What follows is known by its own name from here on.
      heard(method, path, wish);
      yield some.map(({ id, data }) => {
        if (typeof data !== 'object' || data === null || typeof (data as { type?: unknown }).type !== 'string') {
          throw new BrokenStream(t.broken.noKind);
        }
        return { id, line: data as T };
      });
    }
  } catch (error) {
    // What the gateway said is no break, and silence may be one.
    if (!wish.signal.aborted && !(error instanceof Refused) && !(error instanceof Unreachable)) told.lost();
    throw error;
  } finally {
    bound.over();
  }
}

const get = <T>(path: string, signal?: AbortSignal) => json<T>('GET', path, signal === undefined ? {} : { signal });
const post = <T>(path: string, body: unknown = {}) => json<T>('POST', path, { body });
const make = <T>(path: string, body: unknown = {}) => json<T>('POST', path, { body, once: true });

/** The most of a list that is asked for at once; the gateway gives no more. */
const PAGE = 200;

/** The most pages of one list. What is behind them is left out: no page of the console shows so much. */
const MAX_PAGES = 50;

/** A whole list, page by page, with what stands beside it. */
async function entire<T, P extends Page<T> = Page<T>>(path: string, conditions: Record<string, string> = {}): Promise<P> {
  const first = await get<P>(`${path}${query({ ...conditions, limit: PAGE })}`);
  let { after } = first;
  for (let page = 1; page < MAX_PAGES && after !== null; page += 1) {
    const found: P = await get<P>(`${path}${query({ ...conditions, limit: PAGE, after })}`);
    first.items.push(...found.items);
    ({ after } = found);
  }
  return first;
}

const list = async <T>(path: string, conditions?: Record<string, string>) => (await entire<T>(path, conditions)).items;

/** The conditions that are given, as the end of an address. */
function query(conditions: Record<string, string | number | null | undefined>): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(conditions)) {
    if (value !== null && value !== undefined && value !== '') given.set(name, String(value));
  }
  const text = given.toString();
  return text === '' ? '' : `?${text}`;
}

export const api = {
  me: () => get<Me>('/me'),
  signIn: (person: string, password: string) => post('/sign-in', { person, password }),
  signInByCode: (code: string, password: string) => post('/sign-in/code', { code, password }),
  beginPasskeyByCode: (code: string) => post<Challenge>('/sign-in/code/passkey/begin', { code }),
  signInByCodeAndPasskey: (ticket: string, name: string, credential: unknown) => post('/sign-in/code/passkey/finish', { ticket, name, credential }),
  signOut: () => post('/sign-out'),
  ways: () => get<Ways>('/sign-in/ways'),
  beginProviderSignIn: () => post<{ url: string }>('/sign-in/provider/begin', {}),
  signInByProvider: (returned: Record<string, string>) => post('/sign-in/provider/finish', returned),
  beginPasskeySignIn: () => post<Challenge>('/sign-in/passkey/begin'),
  signInByPasskey: (ticket: string, credential: unknown) => post('/sign-in/passkey/finish', { ticket, credential }),
  beginPasskeyConfirm: () => post<Challenge>('/confirm/passkey/begin'),
  confirmByPasskey: (ticket: string, credential: unknown) => post('/confirm/passkey/finish', { ticket, credential }),
  beginProviderConfirm: () => post<{ url: string }>('/confirm/provider/begin'),
  confirmByProvider: (returned: Record<string, string>) => post('/confirm/provider/finish', returned),
  passkeys: () => list<Passkey>('/passkeys'),
  beginPasskey: () => post<Challenge>('/passkeys/begin'),
  addPasskey: (ticket: string, name: string, credential: unknown) => post<Passkey>('/passkeys/finish', { ticket, name, credential }),
  removePasskey: (id: string) => post(`/passkeys/${part(id)}/remove`),
  confirm: (password: string) => post('/confirm', { password }),
  changePassword: (old: string, fresh: string) => post('/me/password', { old, new: fresh }),
  signIns: () => list<SignInRow>('/sign-ins'),
  signInsOf: (person: string) => list<SignInRow>('/sign-ins', { person }),
  passkeysOf: (person: string) => list<Passkey>('/passkeys', { person }),
  tokensOf: (person: string) => list<Token>('/tokens', { person }),
  endSignIn: (id: string) => post(`/sign-ins/${part(id)}/end`),
  tokens: () => list<Token>('/tokens'),
  newToken: (wanted: { name: string; scopes: string[]; days: number }) => make<NewToken>('/tokens', wanted),
  endToken: (id: string) => post(`/tokens/${part(id)}/end`),
  people: () => list<PersonRow>('/people'),
  grants: () => entire<GrantRow, Grants>('/grants'),
  accounts: () => list<Account>('/accounts'),
  removeAccount: (id: string) => post<{ person: string; turns: number }>(`/accounts/${part(id)}/remove`),
  invite: (person: string) => make<Invitation>(`/people/${part(person)}/invite`),

  agents: () => list<Agent>('/agents'),
  kill: (agent: string) => post<KillReport>(`/agents/${part(agent)}/kill`),
  killAll: () => post<KillReport>('/kill'),
  pause: (agent: string) => post(`/agents/${part(agent)}/pause`),
  resume: (agent: string) => post(`/agents/${part(agent)}/resume`),
  approvals: (all: boolean) => list<Approval>('/approvals', all ? { all: 'true' } : {}),
  /** How many wait. It shows none of them and is no use of the sign-in. */
  waiting: () => get<HowMany>('/waiting'),
  approvers: () => entire<Budget, Budgets>('/approvers'),
  approval: (id: string) => get<Approval>(`/approvals/${part(id)}`),
  // With what was shown, and to whom: another action, or another person at this browser by now, is a no.
  approve: ({ id, digest }: Approval, person: string, pattern = false) => make<Approval>(`/approvals/${part(id)}/approve`, { digest, person, pattern }),
  patterns: () => list<Pattern>('/patterns'),
  revokePattern: (id: string) => post<Pattern>(`/patterns/${part(id)}/revoke`),
  deny: ({ id, digest }: Approval, person: string, reason: string) => make<Approval>(`/approvals/${part(id)}/deny`, { reason, digest, person }),
  conversation: (id: string) => get<Conversation>(`/sessions/${part(id)}`),
  branch: (id: string, turn: string, before: boolean) => post<Branched>(`/sessions/${part(id)}/branches`, { turn, before }),
  steps: (id: string) => get<Steps>(`/sessions/${part(id)}/steps`),
  passage: (session: string, proposal: string) => get<Passage>(`/sessions/${part(session)}/passages/${part(proposal)}`),
  status: () => get<GatewayStatus>('/status'),
  health: () => get<Health>('/health'),

  sessions: (agent: string | null, before: string | null, limit: number) => get<Conversations>(`/sessions${query({ agent, before, limit })}`),
  recall: (words: string, after: number | null, limit: number) => post<Recalled>('/sessions/search', { text: words, after, limit }),
  stopTurn: (id: string) => post<{ over: boolean }>(`/turns/${part(id)}/stop`),

  records: (which: RecordQuery, signal?: AbortSignal) => get<Records>(`/records${query({ ...which })}`, signal),
  record: (seq: number) => get<RecordRow>(`/records/${seq}`),
  content: (records: number[]) => post<Look[]>('/content', { records }),
  proof: (seq: number) => text('GET', `/records/${seq}/proof`),
  exported: (format: string, conditions: string[]) => make('/exports', { format, conditions }),
  verify: (checkpoints: string, signal: AbortSignal) =>
    stream<Verified>('POST', '/record/verify', { body: checkpoints === '' ? {} : { checkpoints }, signal }),

  soul: (agent: string) => get<Soul>(`/agents/${part(agent)}/soul`),
  checkSoul: (agent: string, words: string, signal: AbortSignal) =>
    json<CheckReport>('POST', `/agents/${part(agent)}/soul/check`, { body: { text: words }, signal }),
  changeSoul: (agent: string, words: string, version: string) =>
    json<{ version: string }>('PUT', `/agents/${part(agent)}/soul`, { body: { text: words, version }, once: true }),

  soulVersions: (agent: string, before: number | null) =>
    get<{ versions: SoulVersion[]; before: number | null }>(`/agents/${part(agent)}/soul/versions${before === null ? '' : `?before=${before}`}`),
  soulDiff: (agent: string, from: number) => get<SoulDiff>(`/agents/${part(agent)}/soul/diff?from=${from}`),
  rollSoulBack: (agent: string, number: number, version: string) =>
    make<{ version: string }>(`/agents/${part(agent)}/soul/rollback`, { number, version }),

  say: (agent: string, words: string, session: string | null, signal: AbortSignal) =>
    stream<StreamLine>('POST', `/agents/${part(agent)}/messages`, { body: session === null ? { text: words } : { text: words, session }, signal, once: true }),
  turn: (id: string, since: string | null, signal: AbortSignal) => stream<StreamLine>('GET', `/turns/${part(id)}/events`, { since, signal }),
  events: (since: string | null, signal: AbortSignal, opened: () => void) => stream<StreamLine>('GET', '/events', { since, signal }, opened),
};
