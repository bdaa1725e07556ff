// How much of the console a browser fetches before anything is asked for, and in all: gzipped, fonts as they are.
import { readFileSync, readdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

/** The most that may come before lazily loaded pages, in bytes. */
const MOST = 200_000;

const web = new URL('../dist/web/', import.meta.url);
const size = (name) => {
  const bytes = readFileSync(new URL(name, web));
  return name.endsWith('.woff2') ? bytes.length : gzipSync(bytes, { level: 9 }).length;
};
const page = readFileSync(new URL('index.html', web), 'utf8');
const assets = readdirSync(new URL('assets/', web))
  .filter((name) => !name.endsWith('.gz'))
  .map((name) => `assets/${name}`);
const fonts = assets.filter((name) => name.endsWith('.woff2'));
const first = ['index.html', ...assets.filter((name) => page.includes(name)), ...fonts];
const sum = (names) => names.reduce((total, name) => total + size(name), 0);
const bytes = sum(first);
console.log(`first: ${bytes} bytes, of which fonts ${sum(fonts)}; all pages: ${sum(['index.html', ...assets])}`);
if (bytes > MOST) {
  console.error(`more than ${MOST} bytes come before anything is asked for`);
  process.exit(1);
}
