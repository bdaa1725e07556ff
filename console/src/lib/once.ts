// Keys for what makes something: what is asked for again, since nobody knows what became of it, is not made twice.

/** For how long the same is taken for the same again, in milliseconds; the gateway keeps its answers for ten minutes. */
const AGAIN = 5 * 60_000;

/** The most that is open at once. */
const MAX_OPEN = 100;

interface Open {
  key: string;
  since: number;
}

/** A key that nobody else makes up. `randomUUID` is there on some addresses only. */
function fresh(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export class Once {
  readonly #open = new Map<string, Open>();

  /** The key for what is asked for at `now`: the one of before, where the same was asked for and has had no answer. */
  key(asks: string, now: number): string {
    for (const [other, { since }] of this.#open) if (now - since >= AGAIN || now < since) this.#open.delete(other);
    const there = this.#open.get(asks);
    if (there !== undefined) return there.key;
    const [oldest] = this.#open.keys();
    if (oldest !== undefined && this.#open.size >= MAX_OPEN) this.#open.delete(oldest);
    const key = fresh();
    this.#open.set(asks, { key, since: now });
    return key;
  }

  /** It was done, and that was heard: the same once more is another thing. */
  done(asks: string): void {
    this.#open.delete(asks);
  }
}
