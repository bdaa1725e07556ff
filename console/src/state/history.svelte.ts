// This person's conversations, as the gateway has them. Each list is a look that the record may name: nothing here is asked for again
// and again by itself.

import { api } from '../lib/api';
import type { ConversationRow } from '../lib/types';
import { session } from './session.svelte';

/** How many are asked for at once, and the most that are shown of one agent. */
const PAGE = 50;
export const MAX_KNOWN = 1_000;

class History {
  agent = $state<string | null>(null);
  rows = $state.raw<ConversationRow[]>([]);
  more = $state(false);
  problem = $state('');
  #before: string | null = null;
  #of: string | null = null;

  /** The newest of an agent's, for who is here now. */
  async open(agent: string): Promise<void> {
    const person = session.me?.person ?? null;
    if (this.agent !== agent || this.#of !== person) this.rows = [];
    this.agent = agent;
    this.#of = person;
    this.#before = null;
    await this.#page(true);
  }

  /** Older ones. */
  async further(): Promise<void> {
    if (this.more) await this.#page(false);
  }

  /** The turn that goes on or waits in a conversation. */
  turn(id: string): string | null {
    return this.rows.find((one) => one.session === id)?.turn ?? null;
  }

  async #page(first: boolean): Promise<void> {
    const { agent } = this;
    try {
      const told = await api.sessions(agent, first ? null : this.#before, PAGE);
      if (agent !== this.agent) return;
      this.rows = (first ? told.sessions : [...this.rows, ...told.sessions]).slice(0, MAX_KNOWN);
      this.#before = told.before;
      this.more = told.before !== null && this.rows.length < MAX_KNOWN;
      this.problem = '';
    } catch (error) {
      this.problem = (error as Error).message;
    }
  }
}

export const history = new History();
