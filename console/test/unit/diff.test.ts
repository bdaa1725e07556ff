import { describe, expect, it } from 'vitest';
import { compared } from '../../src/lib/diff';

const text = (from: number, to: number) => `${Array.from({ length: to - from }, (_, index) => `line ${from + index}`).join('\n')}\n`;

describe('two texts', () => {
  it('differ in lines, with a little around them', () => {
    const found = compared(text(0, 40), text(0, 20) + 'new\n' + text(21, 40));
    expect(found?.map((piece) => (piece.kind === 'skipped' ? piece.count : `${piece.kind} ${piece.lines.length}`))).toEqual([17, 'same 3', 'removed 1', 'added 1', 'same 3', 16]);
  });

  it('that are the same have nothing to show', () => {
    expect(compared(text(0, 9), text(0, 9))).toEqual([{ kind: 'skipped', lines: [], count: 9, unended: false }]);
    expect(compared('', '')).toEqual([]);
    expect(compared('a', 'a\n')?.map((piece) => [piece.kind, piece.unended])).toEqual([['removed', true], ['added', false]]);
  });

  it('that have nothing in common are bounded in time', () => {
    const many = (seed: number) => Array.from({ length: 20_000 }, (_, index) => `${(index * 7919 + seed) % 1_000_003}`).join('\n');
    const found = compared(many(1), many(500_000));
    expect(found === null || found.length > 0).toBe(true);
  });
});
