// Where in the console one is, as the part of the address behind `#`. It never reaches a server.

export const PAGES = ['chat', 'live', 'approvals', 'agents', 'record', 'people', 'health'] as const;
export type Page = (typeof PAGES)[number];

export interface Route {
  page: Page;
  rest: string[];
}

/** The most parts behind the page. */
const MAX_PARTS = 4;

export function parse(hash: string): Route {
  const [page = '', ...rest] = hash.replace(/^#?\/?/, '').split('/').map(decoded);
  const known = PAGES.find((one) => one === page);
  return known === undefined ? { page: 'chat', rest: [] } : { page: known, rest: rest.filter((part) => part !== '').slice(0, MAX_PARTS) };
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
