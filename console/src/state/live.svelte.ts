// The agents and what they do at this moment.

import { api } from '../lib/api';
import type { Agent } from '../lib/types';
import { BrokenStream } from '../lib/stream';
import { STEP, type Watch, lose, see } from '../lib/watch';
import { session } from './session.svelte';

const LOOK = 3_000;
const AGAIN = 1_500;
/** How long after the last sign of the stream it may be gone on with: what is heard then is counted as of now. */
const BREAK = STEP * 1000;

class Live {
  agents = $state<Agent[]>([]);
  asked = $state(false);
  problem = $state('');
  following = $state(false);
  missed = $state(0);
  /** Events were missed of which nobody knows how many. */
  missedSome = $state(false);
  /** Counts up once a frame in which something was heard, and once a second. */
  tick = $state(0);
  readonly watch: Watch = new Map();
  #frame = 0;
  /** The last event that was heard, by whom: a stream that broke goes on behind it. */
  #last: string | null = null;
  #of: string | null = null;
  /** When the stream was last there, as far as this page was awake to see it. */
  #there = 0;

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
    let slept = false;
    // A machine that slept finds its stream broken, and by then all of that time lies behind.
    const wakes = () => {
      slept ||= Date.now() - this.#there > BREAK;
      this.#there = Date.now();
    };
    const looks = setInterval(() => {
      if (!session.watched) gone.abort();
      if (this.following) wakes();
    }, AGAIN);
    const who = session.me?.person ?? null;
    // What happened during a pause is not of the minute that is shown: the record has it.
    if (this.#of !== who || Date.now() - this.#there > BREAK) this.#forget();
    this.#of = who;
    const opened = () => {
      this.following = true;
      this.#there = Date.now();
    };
    try {
      for await (const told of api.events(this.#last, AbortSignal.any([stop, gone.signal]), opened)) {
        for (const { id, line } of told) {
          if (id !== null) this.#last = id;
          if (line.type === 'missed') {
            this.missed += line.count ?? 0;
            this.missedSome ||= line.count === null;
            lose(this.watch);
          }
          if (line.type === 'ended') void session.look();
          see(this.watch, line, Date.now());
        }
        this.#frame ||= requestAnimationFrame(() => {
          this.#frame = 0;
          this.tick += 1;
        });
      }
    } catch (error) {
      // Said by `following`; tried again by the caller. A stream that fell silent was gone before that was noticed.
      slept ||= error instanceof BrokenStream;
    } finally {
      clearInterval(looks);
      if (this.following) wakes();
      if (slept) this.#forget();
      this.following = false;
    }
  }

  /** The next stream begins from now. */
  #forget(): void {
    this.#last = null;
    lose(this.watch);
  }
}

export const live = new Live();
