// What was found of a text stands beside the text as it is by now: somebody types on while it is looked at anew.

/**
 * Where a line of a text that was looked at stands in the text as it is, counted from 1: lines before what was changed since stay, those
 * behind it have moved. None for a line that was changed itself: nothing is known of it yet.
 */
export function beside(then: string, now: string): (line: number) => number | null {
  const [old, fresh] = [then.split('\n'), now.split('\n')];
  const shorter = Math.min(old.length, fresh.length);
  let before = 0;
  while (before < shorter && old[before] === fresh[before]) before += 1;
  let behind = 0;
  while (behind < shorter - before && old[old.length - 1 - behind] === fresh[fresh.length - 1 - behind]) behind += 1;
  return (line) => (line <= before ? line : line > old.length - behind ? line + fresh.length - old.length : null);
}
