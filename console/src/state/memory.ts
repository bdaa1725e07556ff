// Which conversations were begun in this browser: their ids, by person. No words are kept here; the gateway has them.

export interface Remembered {
  agent: string;
  session: string;
  /** When something was last said, in milliseconds. */
  at: number;
  /** The turn that was going on. */
  turn?: string;
}

/** The most conversations that are remembered for one person. */
export const MAX_REMEMBERED = 50;

const key = (person: string) => `bulkhead.talks.${person}`;

/** What a browser may hold there is whatever anybody wrote there. */
export function sound(found: unknown): Remembered[] {
  if (!Array.isArray(found)) return [];
  return found
    .flatMap((one: unknown) => {
      if (typeof one !== 'object' || one === null) return [];
      const { agent, session, at, turn } = one as Record<string, unknown>;
      if (typeof agent !== 'string' || typeof session !== 'string' || typeof at !== 'number') return [];
      return [{ agent, session, at, ...(typeof turn === 'string' ? { turn } : {}) }];
    })
    .slice(0, MAX_REMEMBERED);
}

export function remembered(person: string | undefined): Remembered[] {
  if (person === undefined) return [];
  try {
    return sound(JSON.parse(localStorage.getItem(key(person)) ?? '[]'));
  } catch {
    // Without storage, or with something else in it, there is nothing to remember.
    return [];
  }
}

export function remember(person: string | undefined, talk: Remembered): void {
  if (person === undefined) return;
  const others = remembered(person).filter((one) => one.session !== talk.session);
  try {
    localStorage.setItem(key(person), JSON.stringify([talk, ...others].slice(0, MAX_REMEMBERED)));
  } catch {
    // A browser without storage forgets: the conversation itself is the gateway's.
  }
}
