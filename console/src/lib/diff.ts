// What two texts differ in, line by line, with a little of what is around it.

import { diffLines } from 'diff';

export type Piece = { kind: 'same' | 'added' | 'removed'; lines: string[] } | { kind: 'left out'; count: number };

/** How many lines that are the same stand around a change. */
const AROUND = 3;

/** How long a comparison may take, in milliseconds. */
const PATIENCE = 2_000;

/** `null` when they are too different to be set against each other in time. */
export function compared(before: string, now: string): Piece[] | null {
  const changes = diffLines(before, now, { timeout: PATIENCE }) as ReturnType<typeof diffLines> | undefined;
  if (changes === undefined) return null;
  const pieces: Piece[] = [];
  for (const [index, change] of changes.entries()) {
    const lines = change.value.replace(/\n$/, '').split('\n');
    if (change.added || change.removed) {
      pieces.push({ kind: change.added ? 'added' : 'removed', lines });
      continue;
    }
    const head = index === 0 ? 0 : AROUND;
    const tail = index === changes.length - 1 ? 0 : AROUND;
    if (lines.length <= head + tail + 1) pieces.push({ kind: 'same', lines });
    else {
      if (head > 0) pieces.push({ kind: 'same', lines: lines.slice(0, head) });
      pieces.push({ kind: 'left out', count: lines.length - head - tail });
      if (tail > 0) pieces.push({ kind: 'same', lines: lines.slice(-tail) });
    }
  }
  return pieces;
}
