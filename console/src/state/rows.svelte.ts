// A list that a page shows and acts on: what is in it, and what did not work, in one sentence.

import { breath } from '../lib/breath';

export class Rows<T> {
  rows = $state<T[]>([]);
  problem = $state('');
  /** Whether an answer has come, of whatever kind. */
  asked = $state(false);
  readonly #get: () => Promise<T[]>;

  constructor(get: () => Promise<T[]>) {
    this.#get = get;
  }

  /** Looks at the list anew. */
  look(): Promise<void> {
    return this.act(async () => undefined);
  }

  /** Does something, and looks at the list anew whatever came of it. */
  async act(what: () => Promise<unknown>): Promise<void> {
    let problem = '';
    let rows: T[] | null = null;
    for (const step of [what, async () => (rows = await this.#get())]) {
      try {
        await step();
      } catch (error) {
        problem ||= (error as Error).message;
      }
    }
    // Several lists of one page come at once.
    await breath();
    this.rows = rows ?? this.rows;
    this.problem = problem;
    this.asked = true;
  }
}
