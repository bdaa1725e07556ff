// Numbers for people.

/** A whole number with a comma before each three digits. By hand, for the reason that `time.ts` gives. */
export function grouped(number: number): string {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ',');
}
