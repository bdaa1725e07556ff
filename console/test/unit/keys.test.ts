// The list of keys says what is bound, and all of it.
import { describe, expect, it } from 'vitest';
import { KEYS } from '../../src/lib/keys';
import { ENTRIES } from '../../src/lib/route';

const SOURCES = import.meta.glob<string>('../../src/**/*.{ts,svelte}', { query: '?raw', import: 'default', eager: true });

/** The keys that the source compares an event's with, as they are written there. */
function bound(): Set<string> {
  const found = Object.values(SOURCES).flatMap((text) => [...text.matchAll(/\.key [!=]== '([^']+)'/g)]);
  return new Set(found.map(([, key]) => key ?? ''));
}

const letters = ENTRIES.map(({ letter }) => letter);

describe('the list of keys', () => {
  const listed = KEYS.flatMap(([keys]) => keys.split(', '));
  const alone = new Set(listed.flatMap((keys) => keys.split(/[ +]/)));

  it('has every key that is bound', () => {
    expect(bound().size).toBeGreaterThan(6);
    expect([...bound()].filter((key) => !alone.has(key))).toEqual([]);
    expect(new Set(letters).size).toBe(ENTRIES.length);
    expect(letters.filter((letter) => !listed.includes(`g ${letter}`))).toEqual([]);
  });

  it('has none that is not', () => {
    const known = new Set([...bound(), ...letters.map((letter) => `g ${letter}`)]);
    expect(listed.filter((keys) => !known.has(keys) && !known.has(keys.replace('Ctrl+', '')))).toEqual([]);
  });
});
