// A turn as its events tell it: what was proposed, how it was judged, what came of it, what was said.

import type { Action, ApprovalState, Decision, Reason, Status, StreamLine } from './types';

/** One action of an agent and all that has been heard of it. */
export interface Act {
  proposal: string;
  action: Action;
  decision: Decision | null;
  reasons: Reason[];
  micros: number | null;
  status: Status | null;
  labels: string[];
  summary: string;
  held: { approval: string; state: ApprovalState } | null;
}

/** What an answer may be drawn from, and the action that brought it. */
export interface Source {
  name: string;
  proposal: string;
}

export type Item =
  | { kind: 'act'; act: Act }
  | { kind: 'reply'; text: string; sources: Source[]; half?: boolean | undefined }
  /** An answer that stands elsewhere on the page, whole. */
  | { kind: 'elsewhere' }
  | { kind: 'notice'; message: string }
  | { kind: 'error'; message: string; stopped: boolean };

export interface Turn {
  id: string | null;
  session: string | null;
  agent: string | null;
  items: Item[];
  ended: boolean;
  /** Where the answer stands in `items` that the model is making, or made last, as far as it has come. */
  saying: number | null;
  /** Proposals that were heard of, by id: where they stand in `items`. */
  places: Map<string, number>;
}

export const emptyTurn = (): Turn => ({ id: null, session: null, agent: null, items: [], ended: false, saying: null, places: new Map() });

/** The most items of one turn that are shown; a rate limit ends a turn long before. */
export const MAX_ITEMS = 2_000;

/** The verbs whose results an answer is drawn from. */
export const READING = new Set(['file.read', 'web.get', 'command.run', 'table.read', 'documents.search', 'documents.read', 'skill.call']);

const blank = (proposal: string, action: Action): Act => ({
  proposal,
  action,
  decision: null,
  reasons: [],
  micros: null,
  status: null,
  labels: [],
  summary: '',
  held: null,
});

const act = (turn: Turn, proposal: string): Act | null => {
  const place = turn.places.get(proposal);
  const item = place === undefined ? undefined : turn.items[place];
  return item?.kind === 'act' ? item.act : null;
};

function push(turn: Turn, item: Item): void {
  if (turn.items.length < MAX_ITEMS) turn.items.push(item);
}

/** The longest part of a query that names what it found. */
const MAX_NAMED = 60;

/** Which lines of a document were asked for; nothing where that was all of them. */
function stretch({ from, to }: Action['args']): string {
  if (typeof from !== 'number' && typeof to !== 'number') return '';
  return `:${typeof from === 'number' ? from : 1}-${typeof to === 'number' ? to : ''}`;
}

/** What tells two readings apart: of a collection, the words or the lines too. */
function reading({ verb, resource, args }: Action): string {
  const of = resource.kind === 'collection' ? Object.entries(args).sort(([one], [other]) => (one < other ? -1 : 1)) : null;
  return JSON.stringify(of === null ? [resource.kind, resource.name] : [verb, resource.name, of]);
}

/** What an action read, by a name: of a collection also which document, or what was looked for in it. */
function named({ verb, resource, args }: Action): string {
  const name = `${resource.kind}:${resource.name}`;
  if (verb === 'documents.read' && typeof args.document === 'string') return `${name}/${args.document}${stretch(args)}`;
  if (verb !== 'documents.search' || typeof args.query !== 'string') return name;
  // A model wrote it: nothing in it turns or hides what stands beside it.
  const words = [...args.query.replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S}]+/gu, ' ').trim()];
  return `${name} (${words.slice(0, MAX_NAMED).join('')}${words.length > MAX_NAMED ? '…' : ''})`;
}

/** What was read in this turn before now, each once: what an answer can have been drawn from. */
export function sources(turn: Turn): Source[] {
  const read = new Map<string, Source>();
  for (const item of turn.items) {
    if (item.kind !== 'act' || item.act.status !== 'done' || !READING.has(item.act.action.verb)) continue;
    const one = reading(item.act.action);
    if (!read.has(one)) read.set(one, { name: named(item.act.action), proposal: item.act.proposal });
  }
  return [...read.values()];
}

const LEVELS = ['public', 'internal', 'confidential', 'restricted'];

/** The labels of all that came back in this turn: the highest level, and every category. */
export function joined(turn: Turn): string[] {
  const all = turn.items.flatMap((item) => (item.kind === 'act' ? item.act.labels : []));
  const level = LEVELS.findLast((one) => all.includes(one));
  return [...(level === undefined ? [] : [level]), ...new Set(all.filter((one) => !LEVELS.includes(one)))];
}

/** More of the answer that the model is making. */
function more(turn: Turn, text: string): void {
  const item = turn.saying === null ? undefined : turn.items[turn.saying];
  if (item?.kind === 'reply') {
    item.text += text;
    return;
  }
  turn.saying = turn.items.length;
  push(turn, { kind: 'reply', text, sources: sources(turn), half: true });
}

/** The answer, which stands for what had come of it. */
export function answer(turn: Turn, text: string): void {
  const item = turn.saying === null ? undefined : turn.items[turn.saying];
  if (item?.kind === 'reply' && item.half === true) {
    item.text = text;
    item.half = undefined;
    item.sources = sources(turn);
    return;
  }
  push(turn, { kind: 'reply', text, sources: sources(turn) });
}

/** The answer stands elsewhere on the page. */
export function toldElsewhere(turn: Turn): void {
  if (turn.saying !== null) turn.items[turn.saying] = { kind: 'elsewhere' };
  turn.saying = null;
}

/** What becomes of the rest of an answer that has come in part. */
export type Rest = 'coming' | 'held' | 'denied' | 'missing' | 'before';

export function rest(turn: Turn, at: number): Rest {
  if (at !== turn.saying) return 'before';
  const reply = turn.items.findLast((item, place) => place > at && item.kind === 'act' && item.act.action.verb === 'reply');
  const light = reply?.kind === 'act' ? lamp(reply.act) : 'pending';
  if (light === 'held') return 'held';
  if (light === 'deny' || light === 'kill') return 'denied';
  return turn.ended || turn.items.some((item) => item.kind === 'error') ? 'missing' : 'coming';
}

/** The order in which a turn's items are shown: an answer behind its own judgement, as it stands when it is told from the record. */
export function shown(turn: Turn): { item: Exclude<Item, { kind: 'elsewhere' }>; at: number }[] {
  const found: { item: Exclude<Item, { kind: 'elsewhere' }>; at: number }[] = [];
  let late: (typeof found)[number] | null = null;
  for (const [at, item] of turn.items.entries()) {
    if (item.kind === 'elsewhere') continue;
    if (late !== null && !(item.kind === 'act' && item.act.action.verb === 'reply')) {
      found.push(late);
      late = null;
    }
    if (at === turn.saying) late = { item, at };
    else found.push({ item, at });
  }
  return late === null ? found : [...found, late];
}

/** Takes in one line of a turn's stream. An event of a kind that is not known here changes nothing. */
export function fold(turn: Turn, line: StreamLine): void {
  if (line.type === 'missed' || line.type === 'ended') {
    push(turn, { kind: 'notice', message: line.message });
    return;
  }
  turn.id ??= line.turn;
  turn.session ??= line.session;
  turn.agent ??= line.agent;
  switch (line.type) {
    case 'proposal':
      if (!turn.places.has(line.proposal) && turn.items.length < MAX_ITEMS) {
        // What the model said before belongs to another answer.
        if (line.action.verb === 'model.call') turn.saying = null;
        turn.places.set(line.proposal, turn.items.length);
        push(turn, { kind: 'act', act: blank(line.proposal, line.action) });
      }
      break;
    case 'verdict': {
      const judged = act(turn, line.proposal);
      if (judged === null) break;
      judged.decision = line.decision;
      judged.reasons = line.reasons;
      // The record does not say how long it took.
      judged.micros = line.micros ?? null;
      break;
    }
    case 'outcome': {
      const done = act(turn, line.proposal);
      if (done === null) break;
      done.status = line.status;
      done.labels = line.labels;
      done.summary = line.summary;
      break;
    }
    case 'approval':
      hold(turn, line.approval, line.state);
      break;
    case 'part':
      if (turn.places.has(line.proposal) || turn.items.length >= MAX_ITEMS) break;
      turn.places.set(line.proposal, turn.saying ?? turn.items.length);
      more(turn, line.text);
      break;
    case 'reply':
      answer(turn, line.text);
      break;
    case 'notice':
      push(turn, { kind: 'notice', message: line.message });
      break;
    case 'error':
      push(turn, { kind: 'error', message: line.message, stopped: line.stopped === true });
      break;
    case 'end':
      turn.ended = true;
      break;
  }
}

/** An approval names no proposal: it is of the one that has it already, else of the last that asked. */
function hold(turn: Turn, approval: string, state: ApprovalState): void {
  const acts = turn.items.flatMap((item) => (item.kind === 'act' ? [item.act] : []));
  const mine = acts.find((one) => one.held?.approval === approval) ?? acts.findLast((one) => one.decision === 'ask' && one.held === null);
  if (mine !== undefined) mine.held = { approval, state };
}

/** How an action stands, in one word of this page's. */
export type Lamp = 'pending' | 'permit' | 'held' | 'deny' | 'kill' | 'failed' | 'unknown';

export function lamp(one: Act): Lamp {
  if (one.held !== null && one.status === null) {
    if (one.held.state === 'waiting') return 'held';
    if (!['approved', 'used'].includes(one.held.state)) return 'deny';
  }
  if (one.decision === 'kill') return 'kill';
  if (one.decision === 'deny' || one.status === 'denied') return 'deny';
  if (one.status === 'failed') return 'failed';
  if (one.status === 'unknown' || one.status === 'late') return 'unknown';
  if (one.decision === 'ask' && one.held?.state !== 'approved' && one.held?.state !== 'used') return 'held';
  return one.decision === null ? 'pending' : 'permit';
}
