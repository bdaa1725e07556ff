// What waits for this person, looked at again every few seconds while somebody looks. While nobody does, only how much it is is asked
// for, now and then: that shows nothing, and keeps no sign-in alive.

import { api } from '../lib/api';
import type { Approval, Pattern } from '../lib/types';
import { session } from './session.svelte';

const PAUSE = 4_000;

/** How often how much waits is asked for while nobody looks: browsers wake a page in the background about so often. */
const UNWATCHED = 60_000;

class Approvals {
  waiting = $state<Approval[]>([]);
  /** How many wait; told also while nobody looks. */
  count = $state(0);
  over = $state<Approval[]>([]);
  problem = $state('');
  patterns = $state<Pattern[]>([]);
  patternsProblem = $state('');
  asked = $state(false);

  async refresh(all = false): Promise<void> {
    try {
      const found = await api.approvals(all);
      this.waiting = found.filter((one) => one.state === 'waiting');
      this.count = this.waiting.length;
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
      this.count = (await api.waiting()).waiting;
    } catch {
      // A no has ended the sign-in here, too, and silence is the session's to say.
    }
  }

  /** Goes on until what it gives is called. */
  watch(): () => void {
    void this.refresh();
    let asked = Date.now();
    const timer = setInterval(() => {
      if (!session.watched && (!session.there || Date.now() - asked < UNWATCHED)) return;
      asked = Date.now();
      void (session.watched ? this.refresh() : this.#look());
    }, PAUSE);
    return () => clearInterval(timer);
  }
}

export const approvals = new Approvals();
