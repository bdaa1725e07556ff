// What the whole gateway does, agent by agent, as its events tell it: for the plan of the ship.

import type { Decision, StreamLine } from './types';

/** How far back the plan looks, in seconds, and how much of that one bar stands for. */
export const WINDOW = 60;
export const STEP = 5;

/** The most agents and open actions that are followed. */
const MAX_AGENTS = 500;
const MAX_OPEN = 200;

export interface Bar {
  /** Which step of the clock. */
  step: number;
  permits: number;
  stops: number;
}

export interface Compartment {
  agent: string;
  /** Actions under way: proposal to verb. */
  open: Map<string, string>;
  /** Approvals that wait. */
  held: Set<string>;
  bars: Bar[];
  last: { verb: string; resource: string; decision: Decision; micros: number | null; at: number } | null;
  /** Counts up with each action, so that a lamp can blink anew. */
  beat: number;
}

export type Watch = Map<string, Compartment>;

const compartment = (agent: string): Compartment => ({
  agent,
  open: new Map(),
  held: new Set(),
  bars: [],
  last: null,
  beat: 0,
});

/** Takes in one event that came at `now` (milliseconds), and gives the agent that it is of. */
export function see(watch: Watch, line: StreamLine, now: number): string | null {
  if (line.type === 'missed' || line.type === 'ended') return null;
  let here = watch.get(line.agent);
  if (here === undefined) {
    if (watch.size >= MAX_AGENTS) return null;
    here = compartment(line.agent);
    watch.set(line.agent, here);
  }
  switch (line.type) {
    case 'proposal':
      if (here.open.size >= MAX_OPEN) here.open.clear();
      here.open.set(line.proposal, `${line.action.verb} ${line.action.resource.kind}:${line.action.resource.name}`);
      here.beat += 1;
      break;
    case 'verdict': {
      const [verb = '', resource = ''] = split(here.open.get(line.proposal) ?? '');
      here.last = { verb, resource, decision: line.decision, micros: line.micros ?? null, at: now };
      count(here, line.decision, now);
      if (line.decision === 'deny' || line.decision === 'kill') here.open.delete(line.proposal);
      here.beat += 1;
      break;
    }
    case 'outcome':
      here.open.delete(line.proposal);
      break;
    case 'approval':
      if (line.state === 'waiting') here.held.add(line.approval);
      else here.held.delete(line.approval);
      break;
    case 'error':
    case 'end':
      here.open.clear();
      break;
  }
  return line.agent;
}

/** Events were not heard: what was under way may be over by now. What was counted was counted at its time. */
export function lose(watch: Watch): void {
  for (const here of watch.values()) {
    here.open.clear();
    here.held.clear();
  }
}

function split(action: string): [string, string] {
  const at = action.indexOf(' ');
  return at < 0 ? [action, ''] : [action.slice(0, at), action.slice(at + 1)];
}

function count(here: Compartment, decision: Decision, now: number): void {
  const step = Math.floor(now / 1000 / STEP);
  let bar = here.bars.at(-1);
  if (bar === undefined || bar.step < step) {
    bar = { step, permits: 0, stops: 0 };
    here.bars.push(bar);
    if (here.bars.length > WINDOW / STEP) here.bars.shift();
  }
  if (decision === 'permit') bar.permits += 1;
  else bar.stops += 1;
}

/** The bars of the last minute, oldest first, with the empty ones. */
export function minute(here: Compartment | undefined, now: number): Bar[] {
  const last = Math.floor(now / 1000 / STEP);
  return Array.from({ length: WINDOW / STEP }, (_, index) => {
    const step = last - (WINDOW / STEP - 1) + index;
    return here?.bars.find((bar) => bar.step === step) ?? { step, permits: 0, stops: 0 };
  });
}

/** How many actions and how many of them not permitted in the last minute. */
export function rates(bars: Bar[]): { actions: number; stops: number } {
  const stops = bars.reduce((sum, bar) => sum + bar.stops, 0);
  return { actions: stops + bars.reduce((sum, bar) => sum + bar.permits, 0), stops };
}
