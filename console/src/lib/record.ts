// The record as a page shows it: one line for each record, one conversation as a timeline, and what is counted for the plots.

import type { RecordQuery, RecordRow } from './types';

/** What a list needs of a record; the rest is asked for when somebody opens it. */
export interface Line {
  seq: number;
  time: string;
  kind: string;
  event: string | null;
  agent: string | null;
  person: string | null;
  verb: string | null;
  resource: string | null;
  state: string | null;
}

export function line(row: RecordRow): Line {
  const { seq, time, kind, event, agent, person, action } = row;
  const resource = action?.resource ?? null;
  return {
    seq, time, kind, event, agent, person,
    verb: action?.verb ?? null,
    resource: resource === null ? null : `${resource.kind}:${resource.name}`,
    state: row.decision ?? row.status,
  };
}

/** `sign-in.refused` as people say it. */
export const words = (event: string): string => event.replace(/[._]/g, ' ');

export function tone(state: string | null): 'good' | 'held' | 'bad' | 'line' {
  if (state === 'permit' || state === 'done') return 'good';
  if (state === 'deny' || state === 'kill' || state === 'denied') return 'bad';
  return state === null ? 'line' : 'held';
}

/** What somebody filled in as conditions; a time of the page is the browser's own, and the gateway's is UTC. */
export function conditions(filled: Record<string, string>): RecordQuery {
  const query: Record<string, string> = {};
  for (const [name, value] of Object.entries(filled)) {
    const text = value.trim();
    if (text === '') continue;
    if (name !== 'since' && name !== 'until') query[name] = text;
    else if (!Number.isNaN(Date.parse(text))) query[name] = new Date(text).toISOString();
  }
  return query;
}

/** An action in a timeline: from when it was proposed to what became of it. */
export interface Span {
  seq: number;
  proposal: string;
  verb: string;
  resource: string;
  from: number;
  judged: number | null;
  to: number | null;
  state: string | null;
  reasons: { layer: string; policy: string }[];
}

export type Happening = { kind: 'span'; span: Span } | { kind: 'event'; seq: number; at: number; what: string; person: string | null; state: string | null };

export interface Stretch {
  turn: string | null;
  from: number;
  to: number;
  happenings: Happening[];
}

/** One conversation, oldest first, a stretch for each turn. */
export function timeline(rows: RecordRow[]): Stretch[] {
  const stretches: Stretch[] = [];
  const spans = new Map<string, Span>();
  let ended = false;
  for (const row of rows) {
    let stretch = stretches.at(-1);
    // What has no time that can be read stands where it comes.
    const at = Date.parse(row.time) || stretch?.to || 0;
    // What comes behind a turn's end and is of no turn, such as a look at it, is nothing of that turn's time.
    if (stretch === undefined || (row.turn !== null && stretch.turn !== null && stretch.turn !== row.turn) || (ended && row.turn !== stretch.turn)) {
      ended = false;
      stretch = { turn: row.turn, from: at, to: at, happenings: [] };
      stretches.push(stretch);
    }
    ended ||= row.event === 'turn.ended';
    stretch.turn ??= row.turn;
    stretch.to = Math.max(stretch.to, at);
    const known = row.proposal === null ? undefined : spans.get(row.proposal);
    if (known !== undefined && (row.kind === 'verdict' || row.kind === 'outcome')) {
      if (row.kind === 'verdict') {
        known.judged ??= at;
        known.reasons = row.reasons;
      } else known.to = at;
      known.state = row.decision ?? row.status ?? known.state;
    } else if (row.kind === 'proposal' && row.proposal !== null) {
      const { verb, resource } = line(row);
      const span: Span = { seq: row.seq, proposal: row.proposal, verb: verb ?? '', resource: resource ?? '', from: at, judged: null, to: null, state: null, reasons: [] };
      spans.set(row.proposal, span);
      stretch.happenings.push({ kind: 'span', span });
    } else {
      const { verb, state, person } = line(row);
      stretch.happenings.push({ kind: 'event', seq: row.seq, at, what: row.event === null ? (verb ?? row.kind) : words(row.event), person, state });
    }
  }
  return stretches;
}

/** How many bars a plot has. */
export const BARS = 24;

export interface Figures {
  from: number;
  to: number;
  permitted: number[];
  stopped: number[];
  tokens: number[];
  /** From proposal to outcome, in milliseconds, of model calls and of all else: half were faster, and 95 of 100. */
  latency: { name: 'model' | 'other'; count: number; median: number; most: number }[];
  /** How often each person said yes and no. */
  deciders: { person: string; yes: number; no: number }[];
}

/** What a person's answer to an approval is, by its event: the first yes of two is one, too. */
const ANSWERS: Record<string, 'yes' | 'no' | undefined> = { 'approval.approved': 'yes', 'approval.supported': 'yes', 'approval.denied': 'no' };

const share = (sorted: number[], part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;

/** Counts records, in any order, between two times. */
export function figures(rows: RecordRow[], from: number, to: number): Figures {
  const bars = () => Array.from({ length: BARS }, () => 0);
  const found: Figures = { from, to, permitted: bars(), stopped: bars(), tokens: bars(), latency: [], deciders: [] };
  const add = (counts: number[], at: number, by: number) => {
    const bar = Math.min(BARS - 1, Math.floor(((at - from) / Math.max(1, to - from)) * BARS));
    if (bar >= 0) counts[bar] = (counts[bar] ?? 0) + by;
  };
  const begun = new Map<string, number>();
  const took: { model: number[]; other: number[] } = { model: [], other: [] };
  const people = new Map<string, { yes: number; no: number }>();
  /** What people were shown that they had asked for. */
  const own = new Set<string>();
  for (const row of rows.toSorted((a, b) => a.seq - b.seq)) {
    const at = Date.parse(row.time);
    if (row.kind === 'proposal' && row.proposal !== null) begun.set(row.proposal, at);
    if (row.kind === 'verdict') add(row.decision === 'permit' ? found.permitted : found.stopped, at, 1);
    if (row.kind === 'outcome') {
      const start = row.proposal === null ? undefined : begun.get(row.proposal);
      if (start !== undefined && row.status === 'done') took[row.action?.verb === 'model.call' ? 'model' : 'other'].push(at - start);
      if (row.call !== null) add(found.tokens, at, row.call.prompt_tokens + row.call.completion_tokens);
    }
    const answer = ANSWERS[row.event ?? ''];
    const approval = `${row.person ?? ''} ${String(row.facts?.approval)}`;
    if (row.event === 'approval.shown' && row.facts?.own === true) own.add(approval);
    // Who takes back what they asked for decides about nobody.
    if (row.person !== null && answer !== undefined && !(answer === 'no' && own.has(approval))) {
      const one = people.get(row.person) ?? { yes: 0, no: 0 };
      one[answer] += 1;
      people.set(row.person, one);
    }
  }
  for (const name of ['model', 'other'] as const) {
    const sorted = took[name].toSorted((a, b) => a - b);
    if (sorted.length > 0) found.latency.push({ name, count: sorted.length, median: share(sorted, 0.5), most: share(sorted, 0.95) });
  }
  found.deciders = [...people].map(([person, counts]) => ({ person, ...counts })).toSorted((a, b) => b.yes + b.no - a.yes - a.no);
  return found;
}
