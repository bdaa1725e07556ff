// What this browser keeps for the page: how it looks, and that somebody was signed in. Nothing that tells of anybody, and nothing that
// the page cannot do without: a browser may keep nothing at all.

export function kept(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

/** Keeps it until it is another; forgets it where there is nothing to keep. */
export function keep(name: string, text: string | null): void {
  try {
    if (text === null) localStorage.removeItem(name);
    else localStorage.setItem(name, text);
  } catch {
    // It holds until the page is closed.
  }
}
