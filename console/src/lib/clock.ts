// What time it is at the gateway, whose times these pages show: a browser's own clock may be hours off. What only measures how long
// something took here goes by the browser's clock, which is the same at both ends.

/** A `Date` header has whole seconds: on average half of one has gone by since. */
const HALF = 500;

/** Clocks that are no further apart than this, in milliseconds, agree: a header's second and the way here are no more exact. */
const AGREED = 2_000;

let ahead = 0;

/** The head of an answer has come, with this as its `Date`. */
export function dated(date: string | null): void {
  const at = Date.parse(date ?? '');
  if (Number.isNaN(at)) return;
  const apart = at + HALF - Date.now();
  ahead = Math.abs(apart) > AGREED ? apart : 0;
}

/** What the gateway's clock says now, in milliseconds, as far as its answers tell. */
export function now(): number {
  return Date.now() + ahead;
}
