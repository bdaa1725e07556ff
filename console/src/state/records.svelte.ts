// The record as far as it has been fetched: newest first, further back as somebody scrolls.

import { api } from '../lib/api';
import { type Line, line } from '../lib/record';
import type { RecordQuery, RecordRow } from '../lib/types';

/** How many records are asked for at once; the most that the gateway gives. */
export const PAGE = 500;

/** The most pages without a record that are gone through before somebody is asked whether to go on. */
const MAX_EMPTY = 40;

/** The most records of one conversation, of what is counted for the plots, and of one export. */
export const MAX_SESSION = 5_000;
export const MAX_COUNTED = 20_000;
export const MAX_EXPORT = 100_000;

class Records {
  /** Grows at its end only; `count` says how far. */
  readonly lines: Line[] = [];
  count = $state(0);
  /** Whether the beginning of the record has been reached. */
  whole = $state(false);
  busy = $state(false);
  problem = $state('');
  query: RecordQuery = {};
  #before: number | null = null;
  #stop = new AbortController();

  /** Begins anew, at the newest. */
  async begin(query: RecordQuery): Promise<void> {
    this.#stop.abort();
    this.#stop = new AbortController();
    this.query = query;
    this.#before = null;
    this.lines.length = 0;
    this.count = 0;
    this.whole = false;
    this.busy = false;
    await this.more();
  }

  /** Fetches what comes before. */
  async more(): Promise<void> {
    if (this.busy || this.whole) return;
    const { signal } = this.#stop;
    this.busy = true;
    this.problem = '';
    try {
      for (let left = MAX_EMPTY; left > 0; left -= 1) {
        const page = await api.records({ ...this.query, limit: PAGE, ...(this.#before === null ? {} : { before: this.#before }) }, signal);
        if (signal.aborted) return;
        for (const row of page.records) this.lines.push(line(row));
        this.count = this.lines.length;
        this.#before = page.before;
        this.whole = page.before === null;
        if (this.whole || page.records.length > 0) break;
      }
    } catch (error) {
      if (signal.aborted) return;
      this.problem = (error as Error).message;
    }
    this.busy = false;
  }
}

export const records = new Records();

/** Records whole, oldest first, until there are no more or `most`; `come` hears how far it is. */
export async function all(query: RecordQuery, most: number, signal: AbortSignal, come: (rows: RecordRow[]) => void): Promise<boolean> {
  let after = 0;
  let count = 0;
  for (;;) {
    const page = await api.records({ ...query, after, limit: PAGE }, signal);
    if (page.records.length === 0) return true;
    come(page.records.slice(0, most - count));
    count += page.records.length;
    if (count >= most) return false;
    after = page.after ?? page.records.at(-1)?.seq ?? after;
  }
}

/** The newest of them, newest first. */
export async function newest(query: RecordQuery, most: number, signal: AbortSignal): Promise<{ rows: RecordRow[]; whole: boolean }> {
  const rows: RecordRow[] = [];
  let before: number | null = null;
  for (let left = Math.ceil(most / PAGE) + MAX_EMPTY; left > 0; left -= 1) {
    const page: { records: RecordRow[]; before: number | null } = await api.records({ ...query, limit: PAGE, ...(before === null ? {} : { before }) }, signal);
    rows.push(...page.records);
    before = page.before;
    if (before === null) return { rows, whole: true };
    if (rows.length >= most) break;
  }
  return { rows, whole: false };
}
