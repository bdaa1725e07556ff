// The list of keys says what is bound, and all of it.
import { describe, expect, it } from 'vitest';
import { PAGES } from '../../src/lib/route';
import { t } from '../../src/strings';

const SOURCES = import.meta.glob<string>('../../src/**/*.{ts,svelte}', { query: '?raw', import: 'default', eager: true });

/** The keys that the source compares an event's with, as they are written there. */
function bound(): Set<string> {
  const found = Object.values(SOURCES).flatMap((text) => [...text.matchAll(/\.key [!=]== '([^']+)'/g)]);
  return new Set(found.map(([, key]) => key ?? ''));
}

/** Second keys, as `state/place.svelte.ts` has them. */
function letters(): string[] {
  const [, table] = /LETTERS: Record<string, Page> = \{([^}]*)\}/.exec(SOURCES['../../src/state/place.svelte.ts'] ?? '') ?? [];
  return [...(table ?? '').matchAll(/(\w): '(\w+)'/g)].map(([, letter]) => letter ?? '');
}

describe('the list of keys', () => {
  const listed = t.help.keys.flatMap(([keys]) => keys.split(', '));
  const alone = new Set(listed.flatMap((keys) => keys.split(/[ +]/)));

  it('has every key that is bound', () => {
    expect(bound().size).toBeGreaterThan(6);
    expect([...bound()].filter((key) => !alone.has(key))).toEqual([]);
    expect(letters().length).toBe(PAGES.length);
    expect(letters().filter((letter) => !listed.includes(`g ${letter}`))).toEqual([]);
  });

  it('has none that is not', () => {
    const known = new Set([...bound(), ...letters().map((letter) => `g ${letter}`)]);
    expect(listed.filter((keys) => !known.has(keys) && !known.has(keys.replace('Ctrl+', '')))).toEqual([]);
  });
});
