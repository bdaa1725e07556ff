// A SOUL.md that somebody reads or changes: the text that lies there, the text as it is being written, what the checker says of that.

import { Refused, api } from '../lib/api';
import { beside } from '../lib/beside';
import type { CheckReport, Diagnostic } from '../lib/types';

/** How long nobody types before the text is checked, in milliseconds. */
const PAUSE = 350;

export class Draft {
  /** What lies there, and its version. */
  base = $state('');
  version = $state('');
  text = $state('');
  loaded = $state(false);
  checking = $state(false);
  report = $state.raw<CheckReport | null>(null);
  /** The text that it is about. */
  #checked = $state.raw('');
  problem = $state('');
  /** Another version lies there by now. */
  conflict = $state(false);
  saved = $state('');
  busy = $state(false);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stop = new AbortController();

  constructor(readonly agent: string) {}

  get changed(): boolean {
    return this.loaded && this.text !== this.base;
  }

  async load(): Promise<void> {
    if (this.changed) return;
    await this.#take(false);
    this.check();
  }

  async #take(keep: boolean): Promise<void> {
    try {
      const there = await api.soul(this.agent);
      this.base = there.text;
      this.version = there.version;
      if (!keep) this.text = there.text;
      this.loaded = true;
      this.conflict = false;
      this.problem = '';
    } catch (error) {
      this.problem = (error as Error).message;
    }
  }

  /** Sets what was written here against what lies there now. */
  compare(): Promise<void> {
    return this.#take(true);
  }

  /** Gives up what was written here. */
  async discard(): Promise<void> {
    await this.#take(false);
    this.check();
  }

  typed(): void {
    this.saved = '';
    if (!this.conflict) this.problem = '';
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.check(), PAUSE);
  }

  /** Asks what the text comes to; an answer to an older text is not waited for. */
  check(): void {
    clearTimeout(this.#timer);
    this.#stop.abort();
    const stop = new AbortController();
    this.#stop = stop;
    this.checking = true;
    const { text } = this;
    api.checkSoul(this.agent, text, stop.signal).then(
      (report) => {
        if (stop.signal.aborted) return;
        this.report = report;
        this.#checked = text;
        this.checking = false;
      },
      (error: unknown) => {
        if (stop.signal.aborted) return;
        this.checking = false;
        this.problem = (error as Error).message;
      },
    );
  }

  /** Where a line that the checker speaks of stands by now; none where it is being written. */
  get beside(): (line: number) => number | null {
    return beside(this.#checked, this.text);
  }

  /** Writes it; whether it is written. */
  async save(): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    this.problem = '';
    const { text } = this;
    try {
      const { version } = await api.changeSoul(this.agent, text, this.version);
      this.base = text;
      this.version = version;
      this.saved = version;
      this.check();
      return true;
    } catch (error) {
      this.problem = (error as Error).message;
      if (error instanceof Refused) {
        this.conflict = error.problem.status === 409;
        const errors = error.problem.errors as Diagnostic[];
        if (errors.length > 0 && this.report !== null) {
          this.report = { ...this.report, valid: false, errors };
          this.#checked = text;
        }
      }
      return false;
    } finally {
      this.busy = false;
    }
  }

  leave(): void {
    clearTimeout(this.#timer);
    this.#stop.abort();
  }
}

/** What is being written, until the page is closed: going to look at something else loses nothing. */
const drafts = new Map<string, Draft>();

export function draft(person: string, agent: string): Draft {
  const key = `${person} ${agent}`;
  const there = drafts.get(key) ?? new Draft(agent);
  drafts.set(key, there);
  return there;
}
