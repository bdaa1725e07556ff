// Where in the console one is, as the part of the address behind `#`. It never reaches a server.

import type { Component } from 'svelte';

/** A page's place: its name, and the key that leads there after `g`. */
interface Place {
  readonly name: string;
  readonly letter: string;
}

/** Every place in the hull, in sections, in the order in which they stand. One without a file in `pages/` is held for
    the page that comes with its capability: until then it draws nothing and leads nowhere. */
const SECTIONS = [
  [{ name: 'chat', letter: 'c' }, { name: 'live', letter: 'l' }, { name: 'approvals', letter: 'a' }, { name: 'incidents', letter: 'i' }],
  [{ name: 'agents', letter: 'e' }, { name: 'labels', letter: 'd' }],
  [{ name: 'record', letter: 'r' }, { name: 'people', letter: 'p' }, { name: 'health', letter: 'h' }],
] as const satisfies Place[][];

export type Page = (typeof SECTIONS)[number][number]['name'];

/** A place that has its page. */
export interface Entry {
  page: Page;
  letter: string;
  /** Whether a section begins with it. */
  first: boolean;
}

export interface Route {
  /** None where the address is no page's. */
  page: Page | null;
  rest: string[];
}

/** Where nearly everybody goes: it comes with the console itself. The others come when they are asked for. */
const AT_ONCE: Page = 'chat';
const FILES = import.meta.glob<{ default: Component }>(['../pages/*.svelte', '!../pages/Chat.svelte', '!../pages/SignIn.svelte']);

/** What fetches a page; none for the one that is there at once, and for a place that is held. */
export function later(page: Page): (() => Promise<{ default: Component }>) | undefined {
  return FILES[`../pages/${page.charAt(0).toUpperCase()}${page.slice(1)}.svelte`];
}

export const ENTRIES: Entry[] = SECTIONS.flatMap((section) =>
  section
    .filter(({ name }) => name === AT_ONCE || later(name) !== undefined)
    .map(({ name, letter }, nth) => ({ page: name, letter, first: nth === 0 })),
);

/** The most parts behind the page. */
const MAX_PARTS = 4;

export function parse(hash: string): Route {
  const whole = hash.replace(/^#?\/?/, '');
  if (whole === '') return { page: AT_ONCE, rest: [] };
  const [name, ...rest] = whole.split('/').map(decoded);
  const page = ENTRIES.find((one) => one.page === name)?.page ?? null;
  return { page, rest: page === null ? [] : rest.filter((part) => part !== '').slice(0, MAX_PARTS) };
}

/** A part of an address. Half a character, which no address can hold, becomes a mark of its place. */
export const part = (text: string): string => encodeURIComponent(text.toWellFormed());

export function href(page: Page, ...rest: string[]): string {
  return `#/${[page, ...rest].map(part).join('/')}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}
