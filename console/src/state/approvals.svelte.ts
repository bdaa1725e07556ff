// What waits for this person. What is asked for on every page, and in a tab that nobody looks at, is how much it is: that shows
// nothing, so that no look begins with it, and keeps no sign-in alive. What it is is asked for where it is seen.

import { api } from '../lib/api';
import type { Approval, Pattern } from '../lib/types';
import { session } from './session.svelte';

const PAUSE = 4_000;

/** How often how much waits is asked for while nobody is at the page: browsers wake a page in the background about so often. */
const UNWATCHED = 60_000;

class Approvals {
  /** What waits, while a page is open that shows it. */
  waiting = $state<Approval[]>([]);
  /** How many wait; told also while nobody looks. */
  count = $state(0);
  /** How many of each agent of which something waits. */
  agents = $state.raw(new Map<string, number>());
  over = $state<Approval[]>([]);
  problem = $state('');
  patterns = $state<Pattern[]>([]);
  patternsProblem = $state('');
  asked = $state(false);
  /** Whether a page is open that shows what waits. */
  #open = false;

  async refresh(all = false): Promise<void> {
    try {
      const found = await api.approvals(all);
      const waiting = found.filter((one) => one.state === 'waiting');
      const agents = new Map<string, number>();
      for (const { agent } of waiting) agents.set(agent, (agents.get(agent) ?? 0) + 1);
      this.count = waiting.length;
      this.agents = agents;
      // The page was left meanwhile.
      if (!this.#open) return;
      this.waiting = waiting;
      if (all) this.over = found.filter((one) => one.state !== 'waiting').toSorted((a, b) => (a.expires < b.expires ? 1 : -1));
      this.problem = '';
      this.asked = true;
    } catch (error) {
      this.problem = (error as Error).message;
    }
  }

  /** Looks at what happens again without another look. */
  async lookAgain(): Promise<void> {
    try {
      this.patterns = await api.patterns();
      this.patternsProblem = '';
    } catch (error) {
      this.patternsProblem = (error as Error).message;
    }
  }

  /** Has exactly the same looked at again. */
  async revoke(id: string): Promise<void> {
    let problem = '';
    try {
      await api.revokePattern(id);
    } catch (error) {
      problem = (error as Error).message;
    }
    await this.lookAgain();
    if (problem !== '') this.patternsProblem = problem;
  }

  /** Counts what waits without showing it to anybody. */
  async #look(): Promise<void> {
    try {
      const { waiting, agents } = await api.waiting();
      this.count = waiting;
      this.agents = new Map(Object.entries(agents));
    } catch {
      // A no has ended the sign-in here, too, and silence is the session's to say.
    }
  }

  /** Shows what waits, and what is over, for as long as a page has it open: until what it gives is called. */
  open(): () => void {
    this.#open = true;
    void this.refresh(true);
    return () => {
      this.#open = false;
      this.asked = false;
      this.waiting = [];
    };
  }

  /** Goes on until what it gives is called. */
  watch(): () => void {
    void this.#look();
    let asked = Date.now();
    const timer = setInterval(() => {
      if (!session.watched && (!session.there || Date.now() - asked < UNWATCHED)) return;
      asked = Date.now();
      void (session.watched && this.#open ? this.refresh() : this.#look());
    }, PAUSE);
    return () => clearInterval(timer);
  }
}

export const approvals = new Approvals();
