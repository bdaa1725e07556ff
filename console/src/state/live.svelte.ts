// The agents and what they do at this moment.

import { api } from '../lib/api';
import type { Agent } from '../lib/types';
import { type Watch, see } from '../lib/watch';
import { session } from './session.svelte';

const LOOK = 3_000;
const AGAIN = 1_500;

class Live {
  agents = $state<Agent[]>([]);
  asked = $state(false);
  problem = $state('');
  following = $state(false);
  missed = $state(0);
  /** Counts up once a frame in which something was heard, and once a second. */
  tick = $state(0);
  readonly watch: Watch = new Map();
  #frame = 0;
  /** The last event that was heard, by whom: a stream that broke goes on behind it. */
  #last: string | null = null;
  #of: string | null = null;

  async refresh(): Promise<void> {
    try {
      this.agents = await api.agents();
      this.problem = '';
    } catch (error) {
      this.problem = (error as Error).message;
    }
    this.asked = true;
  }

  /** Looks at the agents until what it gives is called. */
  look(): () => void {
    void this.refresh();
    const timer = setInterval(() => {
      if (session.watched) void this.refresh();
    }, LOOK);
    return () => clearInterval(timer);
  }

  /** Follows what everyone's agents do until what it gives is called: for administrators. */
  follow(): () => void {
    const stop = new AbortController();
    const clock = setInterval(() => (this.tick += 1), 1_000);
    void this.#listen(stop);
    return () => {
      stop.abort();
      clearInterval(clock);
      cancelAnimationFrame(this.#frame);
      this.#frame = 0;
    };
  }

  async #listen(stop: AbortController): Promise<void> {
    while (!stop.signal.aborted) {
      if (session.watched) await this.#hear(stop.signal);
      await new Promise((done) => setTimeout(done, AGAIN));
    }
  }

  /** For as long as somebody looks on: whoever follows is not away, to the gateway. */
  async #hear(stop: AbortSignal): Promise<void> {
    const gone = new AbortController();
    const looks = setInterval(() => {
      if (!session.watched) gone.abort();
    }, AGAIN);
    const who = session.me?.person ?? null;
    if (this.#of !== who) this.#last = null;
    this.#of = who;
    try {
      for await (const told of api.events(this.#last, AbortSignal.any([stop, gone.signal]), () => (this.following = true))) {
        for (const { id, line } of told) {
          if (id !== null) this.#last = id;
          if (line.type === 'missed') this.missed += line.count ?? 0;
          if (line.type === 'ended') void session.look();
          see(this.watch, line, Date.now());
        }
        this.#frame ||= requestAnimationFrame(() => {
          this.#frame = 0;
          this.tick += 1;
        });
      }
    } catch {
      // Said by `following`; tried again by the caller.
    } finally {
      clearInterval(looks);
      this.following = false;
    }
  }
}

export const live = new Live();
