// What two texts differ in, line by line, with a little of what is around it: of a text that is being written, which the
// gateway does not have yet. It tells the same of two that it has, in the same form.

import { diffLines } from 'diff';
import type { Piece } from './types';

/** How many lines that are the same stand around a change. */
const AROUND = 3;

/** How long a comparison may take, in milliseconds. */
const PATIENCE = 2_000;

const skipped = (count: number): Piece => ({ kind: 'skipped', lines: [], count, unended: false });

/** `null` when they are too different to be set against each other in time. */
export function compared(before: string, now: string): Piece[] | null {
  const changes = diffLines(before, now, { timeout: PATIENCE }) as ReturnType<typeof diffLines> | undefined;
  if (changes === undefined) return null;
  const pieces: Piece[] = [];
  for (const [index, change] of changes.entries()) {
    const unended = !change.value.endsWith('\n');
    const lines = change.value.replace(/\n$/, '').split('\n');
    const piece = (kind: Piece['kind'], some: string[], last: boolean): Piece => ({ kind, lines: some, count: some.length, unended: last && unended });
    if (change.added || change.removed) {
      pieces.push(piece(change.added ? 'added' : 'removed', lines, true));
      continue;
    }
    const head = index === 0 ? 0 : AROUND;
    const tail = index === changes.length - 1 ? 0 : AROUND;
    if (lines.length <= head + tail + 1) pieces.push(piece('same', lines, true));
    else {
      if (head > 0) pieces.push(piece('same', lines.slice(0, head), false));
      pieces.push(skipped(lines.length - head - tail));
      if (tail > 0) pieces.push(piece('same', lines.slice(-tail), true));
    }
  }
  return pieces;
}
