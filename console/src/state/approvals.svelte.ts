// What waits for this person, looked at again every few seconds while somebody looks.

import { api } from '../lib/api';
import type { Approval, Pattern } from '../lib/types';
import { session } from './session.svelte';

const PAUSE = 4_000;

class Approvals {
  waiting = $state<Approval[]>([]);
  over = $state<Approval[]>([]);
  problem = $state('');
  patterns = $state<Pattern[]>([]);
  patternsProblem = $state('');
  asked = $state(false);

  async refresh(all = false): Promise<void> {
    try {
      const found = await api.approvals(all);
      this.waiting = found.filter((one) => one.state === 'waiting');
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

  /** Goes on until what it gives is called. */
  watch(): () => void {
    void this.refresh();
    const timer = setInterval(() => {
      if (session.watched) void this.refresh();
    }, PAUSE);
    return () => clearInterval(timer);
  }
}

export const approvals = new Approvals();
