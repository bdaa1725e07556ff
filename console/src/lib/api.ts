// Asks the gateway. The cookie is the browser's to send; no token or password is kept here.

import { part } from './route';
import { BrokenStream, lines } from './stream';
import type {
  Agent, Approval, Conversation, GatewayStatus, Invitation, KillReport, Me, NewToken, PersonRow, Problem, SignInRow, StreamLine, Token,
} from './types';

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

export interface Handlers {
  /** The gateway no longer knows this browser. */
  gone: (why: string) => void;
  /** The gateway does not answer. */
  lost: () => void;
  /** The gateway wants the password again; true when it was given. */
  confirm: () => Promise<boolean>;
}

let told: Handlers = { gone: () => undefined, lost: () => undefined, confirm: async () => false };

export function listen(handlers: Handlers): void {
  told = handlers;
}

async function send(method: string, path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  const waited = AbortSignal.timeout(PATIENCE);
  const late = new AbortController();
  const end = () => late.abort();
  waited.addEventListener('abort', end);
  signal?.addEventListener('abort', end);
  try {
    const init: RequestInit = { method, signal: late.signal, cache: 'no-store', redirect: 'error', credentials: 'same-origin' };
    if (body !== undefined) {
      init.headers = { 'content-type': 'application/json' };
      init.body = JSON.stringify(body);
    }
    return await fetch(`/api/v1${path}`, init);
  } catch (error) {
    if (signal?.aborted === true) throw error;
    told.lost();
    throw new Unreachable('the gateway does not answer');
  } finally {
    // A stream that has begun may go on for as long as it likes.
    waited.removeEventListener('abort', end);
  }
}

async function problem(response: Response): Promise<Problem> {
  const text = await response.text().catch(() => '');
  try {
    const found = JSON.parse(text) as Partial<Problem>;
    if (typeof found.detail === 'string') {
      return { status: response.status, title: found.title ?? '', detail: found.detail, kind: found.kind ?? '' };
    }
  } catch {
    // Not of the gateway's making: said below.
  }
  return { status: response.status, title: response.statusText, detail: `the answer was ${response.status}`, kind: '' };
}

async function asked(method: string, path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  const response = await send(method, path, body, signal);
  if (response.ok) return response;
  const why = await problem(response);
  if (why.kind === 'unconfirmed' && (await told.confirm())) {
    const again = await send(method, path, body, signal);
    if (again.ok) return again;
    throw new Refused(await problem(again));
  }
  if (why.status === 401 && !path.startsWith('/sign-in') && path !== '/confirm') told.gone(why.detail);
  throw new Refused(why);
}

async function json<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await asked(method, path, body);
  const text = await response.text().catch(() => {
    throw new Unreachable('the answer broke off');
  });
  return (text === '' ? null : JSON.parse(text)) as T;
}

/** A line of a stream that is one of the gateway's. */
function event(line: unknown): StreamLine {
  if (typeof line !== 'object' || line === null || typeof (line as { type?: unknown }).type !== 'string') {
    throw new BrokenStream('a line that is no event');
  }
  return line as StreamLine;
}

async function* stream(method: string, path: string, body: unknown, signal: AbortSignal): AsyncGenerator<StreamLine> {
  const response = await asked(method, path, body, signal);
  if (response.body === null) return;
  try {
    for await (const line of lines(response.body)) yield event(line);
  } catch (error) {
    if (!signal.aborted) told.lost();
    throw error;
  }
}

const get = <T>(path: string) => json<T>('GET', path);
const post = <T>(path: string, body: unknown = {}) => json<T>('POST', path, body);

export const api = {
  me: () => get<Me>('/me'),
  signIn: (person: string, password: string) => post('/sign-in', { person, password }),
  signInByCode: (code: string, password: string) => post('/sign-in/code', { code, password }),
  signOut: () => post('/sign-out'),
  confirm: (password: string) => post('/confirm', { password }),
  changePassword: (old: string, fresh: string) => post('/me/password', { old, new: fresh }),
  signIns: () => get<SignInRow[]>('/sign-ins'),
  signInsOf: (person: string) => get<SignInRow[]>(`/sign-ins?person=${part(person)}`),
  endSignIn: (id: string) => post(`/sign-ins/${part(id)}/end`),
  tokens: () => get<Token[]>('/tokens'),
  newToken: (wanted: { name: string; scopes: string[]; days: number }) => post<NewToken>('/tokens', wanted),
  endToken: (id: string) => post(`/tokens/${part(id)}/end`),
  people: () => get<PersonRow[]>('/people'),
  invite: (person: string) => post<Invitation>(`/people/${part(person)}/invite`),

  agents: () => get<Agent[]>('/agents'),
  kill: (agent: string) => post<KillReport>(`/agents/${part(agent)}/kill`),
  killAll: () => post<KillReport>('/kill'),
  pause: (agent: string) => post(`/agents/${part(agent)}/pause`),
  resume: (agent: string) => post(`/agents/${part(agent)}/resume`),
  approvals: (all: boolean) => get<Approval[]>(all ? '/approvals?all=true' : '/approvals'),
  approval: (id: string) => get<Approval>(`/approvals/${part(id)}`),
  approve: (id: string, digest: string) => post<Approval>(`/approvals/${part(id)}/approve`, { digest }),
  deny: (id: string, reason: string) => post<Approval>(`/approvals/${part(id)}/deny`, { reason }),
  conversation: (id: string) => get<Conversation>(`/sessions/${part(id)}`),
  status: () => get<GatewayStatus>('/status'),

  say: (agent: string, text: string, session: string | null, signal: AbortSignal) =>
    stream('POST', `/agents/${part(agent)}/messages`, session === null ? { text } : { text, session }, signal),
  turn: (id: string, signal: AbortSignal) => stream('GET', `/turns/${part(id)}/events`, undefined, signal),
  events: (signal: AbortSignal) => stream('GET', '/events', undefined, signal),
};
