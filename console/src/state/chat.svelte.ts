// Conversations: what was said, the turn that goes on, and what becomes of it when the connection breaks.

import { Refused, type Told, Unreachable, api } from '../lib/api';
import { now } from '../lib/clock';
import { type Past, retold } from '../lib/past';
import { type Turn, answer, emptyTurn, fold } from '../lib/turn';
import type { Branch, StreamLine } from '../lib/types';
import { t } from '../strings';
import { live } from './live.svelte';
import { history } from './history.svelte';
import { session } from './session.svelte';

/** How often, and after how many milliseconds each time, a broken stream is taken up again. */
const TRIES = 600;
const PAUSE = 1_000;

export class Spoken {
  turn = $state<Turn>(emptyTurn());
  /** The last event that was heard of it. */
  last: string | null = null;
  constructor(
    readonly text: string,
    readonly time: string,
  ) {}

  /** What the record tells of a turn. */
  static of(turn: Turn, time: string): Spoken {
    const spoken = new Spoken('', time);
    spoken.turn = turn;
    return spoken;
  }
}

export type Entry = Extract<Past, { kind: 'said' }> | { kind: 'turn'; spoken: Spoken };

export class Talk {
  session = $state<string | null>(null);
  entries = $state<Entry[]>([]);
  labels = $state<string[]>([]);
  draft = $state('');
  /** One sentence about what did not work. */
  problem = $state('');
  /** An approval that an earlier turn waits for. */
  waiting = $state<string | null>(null);
  busy = $state(false);
  /** Where it came from, if it goes on from another. */
  branch = $state.raw<Branch | null>(null);
  /** The turn whose message is being written anew. */
  anew = $state<string | null>(null);
  loaded = false;
  /** Whether there is all here that was said, in one form or the other. */
  #whole = false;
  #stop: AbortController | null = null;

  constructor(
    readonly agent: string,
    id: string | null,
  ) {
    this.session = id;
  }

  /** What was said before this page was opened, and the turn that may still go on. */
  async load(): Promise<void> {
    if (this.loaded || this.session === null) return;
    this.loaded = true;
    try {
      await this.#read(this.session);
    } catch (error) {
      this.loaded = false;
      this.problem = error instanceof Refused ? t.chat.gone : (error as Error).message;
      return;
    }
    if (history.agent !== this.agent || history.rows.length === 0) await history.open(this.agent);
    const turn = history.turn(this.session);
    if (turn !== null) return this.#takeUp(turn);
    // What the record has no end of has none that could still come.
    for (const entry of this.entries) if (entry.kind === 'turn') entry.spoken.turn.ended = true;
  }

  async #read(id: string): Promise<void> {
    const told = await api.conversation(id);
    this.labels = told.labels;
    this.waiting = told.waiting;
    this.branch = told.branch;
    // What was done is beside what was said: without it, the words are there.
    const steps = await api.steps(id).catch(() => ({ steps: [], before: null }));
    this.entries = retold(told, steps).map((past) => (past.kind === 'said' ? past : { kind: 'turn', spoken: Spoken.of(past.turn, past.time) }));
    this.#whole = true;
  }

  /** Has what was said in this place in the page. What was said while it is open has no place yet: it is read anew then. */
  async show(seq: number): Promise<void> {
    const there = this.entries.some((entry) => entry.kind === 'said' && entry.said.seq === seq);
    if (there || !this.#whole || this.session === null || this.busy) return;
    try {
      await this.#read(this.session);
    } catch (error) {
      this.problem = (error as Error).message;
    }
  }

  /** A turn that went on when this page was loaded. */
  async #takeUp(id: string): Promise<void> {
    const there = this.entries.find((entry) => entry.kind === 'turn' && entry.spoken.turn.id === id);
    const spoken = there?.kind === 'turn' ? there.spoken : new Spoken('', new Date(now()).toISOString());
    const stop = new AbortController();
    this.#stop = stop;
    this.busy = true;
    try {
      const events = api.turn(id, null, stop.signal);
      const first = await events.next();
      if (first.done === true) return;
      if (there === undefined) this.entries.push({ kind: 'turn', spoken });
      this.#hear(spoken, first.value);
      for await (const told of events) this.#hear(spoken, told);
      if (!spoken.turn.ended) await this.#mend(spoken, stop);
    } catch (error) {
      if (!(error instanceof Refused) && spoken.turn.id !== null) await this.#mend(spoken, stop);
    } finally {
      this.busy = false;
    }
  }

  async say(): Promise<void> {
    const text = this.draft.trim();
    if (text === '' || this.busy) return;
    this.problem = '';
    const fresh = this.session === null;
    this.busy = true;
    this.draft = '';
    this.waiting = null;
    const spoken = new Spoken(text, new Date(now()).toISOString());
    this.entries.push({ kind: 'turn', spoken });
    const stop = new AbortController();
    this.#stop = stop;
    try {
      for await (const told of api.say(this.agent, text, this.session, stop.signal)) this.#hear(spoken, told);
      if (spoken.turn.id === null) this.#unsent(spoken, new Unreachable());
      else if (!spoken.turn.ended) await this.#mend(spoken, stop);
    } catch (error) {
      if (spoken.turn.id !== null) await this.#mend(spoken, stop);
      else this.#unsent(spoken, error as Error);
    } finally {
      this.busy = false;
      // A conversation that has only now begun is in the list from here on, and one that went on from another by its own words.
      const silent = history.rows.some((row) => row.session === this.session && row.turns === 0);
      if ((fresh || silent) && this.session !== null) void history.open(this.agent);
      void live.refresh();
    }
  }

  #unsent(spoken: Spoken, error: Error): void {
    this.entries = this.entries.filter((entry) => entry.kind !== 'turn' || entry.spoken !== spoken);
    this.draft = spoken.text;
    this.problem = error instanceof Refused ? `${t.chat.notSent} ${error.message}` : t.chat.unsure;
  }

  #hear(spoken: Spoken, told: Told<StreamLine>[]): void {
    const first = spoken.turn.id === null;
    for (const { id, line } of told) {
      if (id !== null) spoken.last = id;
      fold(spoken.turn, line);
    }
    if (!first || spoken.turn.session === null || spoken.turn.id === null) return;
    this.session = spoken.turn.session;
    this.loaded = true;
    this.#whole = true;
    void live.refresh();
  }

  /** The turn that goes on, once the gateway has named it. */
  get going(): string | null {
    const last = this.entries.at(-1);
    return last?.kind === 'turn' && !last.spoken.turn.ended ? last.spoken.turn.id : null;
  }

  /** Ends the turn that goes on, and nothing else of the agent's. */
  async stopTurn(): Promise<void> {
    const { going } = this;
    if (going === null) return;
    try {
      await api.stopTurn(going);
    } catch (error) {
      // One that is over by now needs no stopping.
      if (!(error instanceof Refused) || error.problem.status !== 404) this.problem = (error as Error).message;
    }
  }

  /** What this person said last, and the turn that it began. */
  get asked(): { text: string; turn: string } | null {
    const last = this.entries.findLast((entry) => (entry.kind === 'turn' ? entry.spoken.text !== '' : entry.said.by === 'person'));
    if (last === undefined) return null;
    const [text, turn] = last.kind === 'turn' ? [last.spoken.text, last.spoken.turn.id] : [last.said.text, last.said.turn];
    return text === null || turn === null ? null : { text, turn };
  }

  /** Where what is this conversation's own begins, among all that is shown; behind the last where nothing is. */
  get own(): number {
    const at = this.entries.findIndex((entry) => (entry.kind === 'turn' ? entry.spoken.text !== '' : entry.said.session === this.session));
    return at < 0 ? this.entries.length : at;
  }

  /** The stream broke in the middle of a turn, which goes on without it: follows it again, or says how it ended. */
  async #mend(spoken: Spoken, stop: AbortController): Promise<void> {
    const { turn } = spoken;
    if (turn.id === null || stop.signal.aborted) return;
    turn.items.push({ kind: 'notice', message: t.chat.broke });
    for (let left = TRIES; left > 0 && !turn.ended; ) {
      await new Promise((done) => setTimeout(done, PAUSE));
      if (stop.signal.aborted) return;
      // Signed out or without a gateway there is nobody to ask; both end. And while nobody is here, nothing is asked.
      if (!session.watched) continue;
      left -= 1;
      try {
        let told = false;
        for await (const heard of api.turn(turn.id, spoken.last, stop.signal)) {
          if (!told) turn.items.push({ kind: 'notice', message: t.chat.again });
          told = true;
          this.#hear(spoken, heard);
        }
      } catch (error) {
        if (error instanceof Refused && error.problem.status === 404) return this.#over(spoken);
      }
    }
  }

  async #over(spoken: Spoken): Promise<void> {
    const { turn } = spoken;
    turn.ended = true;
    turn.items.push({ kind: 'notice', message: t.chat.unknownEnd });
    if (turn.session === null) return;
    try {
      const told = await api.conversation(turn.session);
      this.labels = told.labels;
      const last = told.said.at(-1);
      const heard = turn.items.some((item) => item.kind === 'reply' && item.half !== true);
      if (!heard && last?.by === 'agent' && last.text !== null) {
        answer(turn, last.text);
      }
    } catch (error) {
      this.problem = (error as Error).message;
    }
  }

  leave(): void {
    this.#stop?.abort();
  }
}

class Chat {
  #talks: Talk[] = [];
  #of: string | null = null;

  /** The conversation at an address; without an id the newest that has none yet. */
  open(agent: string, id: string | null): Talk {
    if (this.#of !== session.me?.person) {
      // Another person at the same page starts with nothing of the one before.
      for (const talk of this.#talks) talk.leave();
      this.#talks = [];
      this.#of = session.me?.person ?? null;
    }
    const there = this.#talks.find((talk) => talk.agent === agent && talk.session === id);
    if (there !== undefined) return there;
    const talk = new Talk(agent, id);
    this.#talks.push(talk);
    return talk;
  }

  /** Begins a conversation that goes on from another, after a turn of it or before one; none, and the reason there, when it cannot be. */
  async goOn(from: Talk, turn: string, before: boolean): Promise<Talk | null> {
    if (from.session === null) return null;
    from.problem = '';
    try {
      const begun = await api.branch(from.session, turn, before);
      const talk = this.open(from.agent, begun.session);
      await Promise.all([talk.load(), history.open(from.agent)]);
      return talk;
    } catch (error) {
      from.problem = (error as Error).message;
      return null;
    }
  }
}

export const chat = new Chat();
