// Where in the console this page is, how it looks, and which keys do what.

import { keep, kept } from '../lib/kept';
import { ENTRIES, type Page, type Route, href, parse } from '../lib/route';

export type Theme = 'auto' | 'light' | 'dark';
const THEMES: Theme[] = ['auto', 'light', 'dark'];
const THEME = 'bulkhead.theme';

/** How long after `g` the second key may come, in milliseconds. */
const CHORD = 1_500;

class Place {
  route = $state<Route>(parse(location.hash));
  theme = $state<Theme>('auto');
  help = $state(false);
  #chord = 0;

  begin(): void {
    addEventListener('hashchange', () => (this.route = parse(location.hash)));
    addEventListener('keydown', (event) => this.#key(event));
    const theme = kept(THEME);
    this.theme = THEMES.find((one) => one === theme) ?? 'auto';
    this.#paint();
  }

  go(page: Page, ...rest: string[]): void {
    location.hash = href(page, ...rest);
  }

  /** The same page under its new address: no step of its own for the browser's back. */
  become(page: Page, ...rest: string[]): void {
    location.replace(href(page, ...rest));
  }

  nextTheme(): void {
    this.theme = THEMES[(THEMES.indexOf(this.theme) + 1) % THEMES.length] ?? 'auto';
    keep(THEME, this.theme);
    this.#paint();
  }

  #paint(): void {
    if (this.theme === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.theme;
  }

  #key(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target as HTMLElement | null;
    const writing = target?.closest('input, textarea, select, [contenteditable]') !== null && target !== null;
    if (event.key === 'Escape' && writing) target.blur();
    if (writing || document.querySelector('dialog[open]') !== null) return;
    const chord = Date.now() - this.#chord < CHORD;
    this.#chord = event.key === 'g' ? Date.now() : 0;
    const entry = chord ? ENTRIES.find(({ letter }) => letter === event.key) : undefined;
    if (entry !== undefined) this.go(entry.page);
    else if (event.key === '?') this.help = true;
    else if (event.key === '/') document.querySelector<HTMLElement>('[data-key="write"]')?.focus();
    else if (event.key === 'j' || event.key === 'k') this.#step(event.key === 'j' ? 1 : -1);
    else return;
    event.preventDefault();
  }

  /** To the next or the previous of the page's list. */
  #step(by: number): void {
    const items = [...document.querySelectorAll<HTMLElement>('[data-key="item"]')];
    const here = items.indexOf(document.activeElement as HTMLElement);
    items[here < 0 ? (by > 0 ? 0 : items.length - 1) : Math.min(items.length - 1, Math.max(0, here + by))]?.focus();
  }
}

export const place = new Place();
