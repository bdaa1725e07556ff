// Searching what was said in this person's own conversations. Each search is a look that the record names, so that only what somebody
// sends off is searched for, and not each letter.

import { api } from '../lib/api';
import type { Passage } from '../lib/types';
import { session } from './session.svelte';

/** How many are asked for at once. */
const PAGE = 20;

/** How often one search goes further back by itself while it has found nothing. */
const MAX_STEPS = 10;

class Recall {
  /** What is searched for; empty while nothing is. */
  text = $state('');
  items = $state.raw<Passage[]>([]);
  /** How far back it has come, where there is more. */
  until = $state<string | null>(null);
  busy = $state(false);
  problem = $state('');
  #after: number | null = null;
  #of: string | null = null;
  #nth = 0;

  /** Whether there is something to show, for who is here now. */
  get open(): boolean {
    return this.text !== '' && this.#of === (session.me?.person ?? null);
  }

  get more(): boolean {
    return this.until !== null;
  }

  async search(text: string): Promise<void> {
    this.clear();
    this.text = text.trim();
    this.#of = session.me?.person ?? null;
    if (this.text !== '') await this.further();
  }

  /** Older ones. */
  async further(): Promise<void> {
    const nth = (this.#nth += 1);
    const had = this.items.length;
    this.busy = true;
    this.problem = '';
    try {
      for (let step = 0; step < MAX_STEPS; step += 1) {
        const found = await api.recall(this.text, this.#after, PAGE);
        // Meanwhile something else may be searched for.
        if (nth !== this.#nth) return;
        this.items = [...this.items, ...found.items];
        this.#after = found.after;
        this.until = found.after === null ? null : found.until;
        if (found.after === null || this.items.length > had) break;
      }
    } catch (error) {
      if (nth === this.#nth) this.problem = (error as Error).message;
    } finally {
      if (nth === this.#nth) this.busy = false;
    }
  }

  clear(): void {
    this.#nth += 1;
    this.text = '';
    this.items = [];
    this.until = null;
    this.#after = null;
    this.problem = '';
    this.busy = false;
  }
}

export const recall = new Recall();
