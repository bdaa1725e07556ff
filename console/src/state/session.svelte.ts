// Who is at this page, and whether the gateway answers.

import { api, listen } from '../lib/api';
import { keep, kept } from '../lib/kept';
import type { Me, Ways } from '../lib/types';

/** How often a gateway that does not answer is tried, in milliseconds: first, and at most. */
const FIRST_TRY = 500;
const SLOWEST_TRY = 5_000;

/** How often it is looked whether the same gateway answers, in milliseconds. */
const COMPARE = 5_000;

/** Without a hand on the page for this long, in milliseconds, nothing is asked: to look on is not to be there. */
const IDLE = 10 * 60_000;

/** By which this browser knows that somebody was signed in here. */
const WAS_IN = 'bulkhead.in';

class Session {
  state = $state<'asking' | 'out' | 'in'>('asking');
  me = $state<Me | null>(null);
  /** With what somebody can sign in, once that was asked. */
  ways = $state.raw<Ways | null>(null);
  /** Said on the sign-in page, when somebody was sent there. */
  why = $state('');
  link = $state<'up' | 'lost'>('up');
  /** What became of the gateway while it did not answer; shown until it is closed. */
  news = $state<'' | 'back' | 'restarted' | 'upgraded'>('');
  /** Whether an agent may run without a layer of containment, as the newest answer has it. */
  reduced = $state(false);
  confirming = $state<{ done: (given: boolean) => void } | null>(null);
  #who: string | null = null;
  #pid: number | null = null;
  #version = '';
  #touched = Date.now();
  /** The gateway was away, and nobody has looked since. */
  #unseen = false;

  begin(): void {
    listen({
      gone: (why) => this.#gone(why),
      lost: () => this.#lost(),
      contained: (reduced) => (this.reduced = reduced),
      confirm: () => new Promise((done) => (this.confirming = { done })),
    });
    for (const kind of ['pointerdown', 'keydown', 'scroll', 'focus']) {
      addEventListener(kind, () => this.#touch(), { capture: true, passive: true });
    }
    // Another tab of this browser may have signed somebody else in: the cookie is one for all of them.
    for (const kind of ['visibilitychange', 'focus']) {
      addEventListener(kind, () => {
        if (this.state === 'in' && this.link === 'up' && document.visibilityState === 'visible') void this.look();
      });
    }
    // One that was back before this page asked for anything is noticed, too.
    setInterval(() => {
      // A no makes this `out`, silence makes the link `lost`.
      if (this.watched) this.#compare().catch(() => undefined);
    }, COMPARE);
    void this.#enter();
  }

  /** Whether somebody will be signed in, as far as this browser knows before the gateway has said so. */
  get expected(): boolean {
    return this.state === 'in' || kept(WAS_IN) !== null;
  }

  /** Asks who is here. Where nobody was, it is asked first whether there is a sign-in at all: a no would be an error to the browser. */
  async #enter(): Promise<void> {
    if (!this.expected) {
      try {
        this.ways = await api.ways();
        if (!this.ways.carried) this.state = 'out';
      } catch {
        // Silence has made the link `lost`, and who is here is asked once it is back.
        if (this.link === 'up') this.state = 'out';
      }
      if (this.state === 'out' || this.link === 'lost') return;
    }
    await this.look();
  }

  /** Whether somebody is signed in at a gateway that answers. */
  get there(): boolean {
    return this.state === 'in' && this.link === 'up';
  }

  /** Whether somebody is there to look at what would be fetched. */
  get watched(): boolean {
    return this.there && this.#manned;
  }

  /** Whether a hand was on this page a short while ago. */
  get #manned(): boolean {
    return document.visibilityState === 'visible' && Date.now() - this.#touched < IDLE;
  }

  #touch(): void {
    const back = !this.#manned;
    this.#touched = Date.now();
    // Whoever comes back sees at once whether they are still signed in, and what became of the gateway.
    if ((back || this.#unseen) && this.state === 'in' && this.link === 'up') void this.look();
  }

  /** Asks the gateway who this is. */
  async look(): Promise<void> {
    this.#unseen = false;
    try {
      const me = await api.me();
      // Nothing that somebody else was shown stays on the page.
      if (this.#who !== null && this.#who !== me.person) return location.reload();
      this.#who = me.person;
      this.me = me;
      this.state = 'in';
      this.why = '';
      keep(WAS_IN, 'yes');
      await this.#compare();
    } catch {
      // A no has made this `out`, silence has made the link `lost`.
      if (this.link === 'up' && this.state === 'asking') this.state = 'out';
    }
  }

  /** Looks whether it is still the same gateway that answers. */
  async #compare(): Promise<void> {
    const { pid, version } = await api.status();
    if (this.#pid !== null && this.#pid !== pid) this.news = 'restarted';
    if (this.#version !== '' && this.#version !== version) this.news = 'upgraded';
    this.#pid = pid;
    this.#version = version;
  }

  get version(): string {
    return this.#version;
  }

  async signOut(): Promise<void> {
    await api.signOut();
    this.me = null;
    this.why = '';
    this.#out();
  }

  #gone(why: string): void {
    if (this.state === 'in') this.why = why;
    this.#out();
  }

  #out(): void {
    this.state = 'out';
    // What there is to sign in with may be another by now.
    this.ways = null;
    keep(WAS_IN, null);
  }

  #lost(): void {
    if (this.link === 'lost') return;
    this.link = 'lost';
    this.news = '';
    void this.#probe(FIRST_TRY);
  }

  async #probe(pause: number): Promise<void> {
    await new Promise((done) => setTimeout(done, pause));
    try {
      // Health needs no sign-in, so that asking for it keeps nobody signed in.
      const answer = await fetch('/healthz', { cache: 'no-store', signal: AbortSignal.timeout(SLOWEST_TRY) });
      if (!answer.ok) throw new Error(answer.statusText);
    } catch {
      return this.#probe(Math.min(pause * 2, SLOWEST_TRY));
    }
    this.link = 'up';
    this.news = 'back';
    // Who is not there is not asked after: that would keep their sign-in alive. An empty page has none to keep.
    if (this.state === 'in' && !this.#manned) this.#unseen = true;
    else await this.look();
  }
}

export const session = new Session();
