// The places of pages: those that are there, and those that are held for pages which come with what they are about.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { holds, same } from './stage.mjs';

const HERE = join(dirname(fileURLToPath(import.meta.url)), '../..');
const NOW = ['Chat', 'Live', 'Approvals', 'Agents', 'Record', 'People', 'Health'];
const THEN = ['Chat', 'Live', 'Approvals', 'Incidents', 'Agents', 'Labels', 'Record', 'People', 'Health'];
/** Those that a section begins with. */
const FIRST = ['Chat', 'Agents', 'Record'];
const STILL_TO_COME = [['incidents', 'Incidents', 'i'], ['labels', 'Labels', 'd']];

const DESKTOP = { viewport: { width: 1280, height: 800 } };
const LOW = { viewport: { width: 800, height: 560 } };
const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };
const NARROW = { viewport: { width: 320, height: 568 }, isMobile: true, hasTouch: true };

const TYPES = { '.css': 'text/css', '.html': 'text/html', '.js': 'text/javascript', '.woff2': 'font/woff2', '.svg': 'image/svg+xml', '.json': 'application/json' };

/** The console as it is once both pages have come: the same source and two files more. */
function built() {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-console-'));
  for (const one of ['src', 'public', 'index.html', 'package.json', 'tsconfig.json', 'svelte.config.js', 'vite.config.js']) cpSync(join(HERE, one), join(folder, one), { recursive: true });
  symlinkSync(join(HERE, 'node_modules'), join(folder, 'node_modules'));
  for (const [, name] of STILL_TO_COME) {
    writeFileSync(join(folder, `src/pages/${name}.svelte`), `<div class="page"><header><h1>${name}</h1></header><p>a page of the test</p></div>\n`);
  }
  execFileSync(process.execPath, [join(HERE, 'node_modules/vite/bin/vite.js'), 'build', '--logLevel', 'warn'], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  return folder;
}

/** Has the page's own files come from this build. Its address, its headers and all else are the gateway's. */
function comesFrom(folder, seat) {
  return seat.page.route(({ origin, pathname }) => origin === new URL(seat.stage.base).origin && !pathname.startsWith('/api/') && pathname !== '/healthz', async (route) => {
    const { pathname } = new URL(route.request().url());
    const file = join(folder, 'dist/web', pathname === '/' ? 'index.html' : pathname);
    const { 'content-security-policy': policy } = (await route.fetch({ url: seat.stage.base })).headers();
    return route.fulfill({ body: readFileSync(file), contentType: TYPES[extname(file)], headers: { 'content-security-policy': policy } });
  });
}

const names = (seat) => seat.page.getByRole('navigation').getByRole('link').evaluateAll((all) => all.map((one) => one.querySelector('.word').textContent));

/** Each entry is seen whole, no word is wider than its place, no two lie on each other, and the page keeps its room. */
async function theHullHolds(seat, wanted, what) {
  same(`the pages, ${what}`, await names(seat), wanted);
  const found = await seat.page.evaluate(() => {
    const box = (element) => element.getBoundingClientRect();
    const links = [...document.querySelectorAll('nav a')];
    const lies = (one, other) => one.left < other.right - 1 && other.left < one.right - 1 && one.top < other.bottom - 1 && other.top < one.bottom - 1;
    const others = [...document.querySelectorAll('.foot, .brand, #deck')].filter((one) => box(one).height > 0);
    return {
      outside: links.filter((one) => box(one).left < 0 || box(one).top < 0 || box(one).right > innerWidth || box(one).bottom > innerHeight).map((one) => one.textContent),
      tooWide: links.filter((one) => box(one.querySelector('.word')).right > box(one).right || box(one.querySelector('.word')).left < box(one).left).map((one) => one.textContent),
      onAnother: links.filter((one, nth) => [...links.slice(nth + 1), ...others].some((other) => lies(box(one), box(other)))).map((one) => one.textContent),
      small: links.filter((one) => box(one).height < 40 || box(one).width < 40).map((one) => one.textContent),
      wide: document.documentElement.scrollWidth - innerWidth,
      deck: box(document.querySelector('#deck')).height >= innerHeight / 2,
    };
  });
  same(`the hull, ${what}`, found, { outside: [], tooWide: [], onAnother: [], small: [], wide: 0, deck: true });
}

/** Every entry by the keyboard alone, in the order in which they stand. */
async function theKeyboardReaches(seat, wanted) {
  await seat.page.reload();
  await seat.page.getByRole('navigation').waitFor();
  for (const name of wanted) await seat.tabTo(name, () => seat.page.evaluate((name) => document.activeElement?.closest('nav') !== null && document.activeElement?.querySelector('.word')?.textContent === name, name));
}

/** Today neither of the two is there: nothing of them shows, no key leads there, and the address says so. */
async function noneIsThereYet(stage) {
  const ada = await stage.signedIn('ada', DESKTOP);
  const { page } = ada;
  await theHullHolds(ada, NOW, 'today');
  for (const [name, , letter] of STILL_TO_COME) {
    await ada.go('health');
    await page.getByRole('heading', { name: 'Health', level: 1 }).waitFor();
    await page.keyboard.press('g');
    await page.keyboard.press(letter);
    holds(`no key leads to ${name}`, page.url().endsWith('#/health'));
    await ada.go(name);
    await page.getByRole('heading', { name: 'No such page', level: 1 }).waitFor();
    same('and none is the one that is open', await page.locator('nav [aria-current]').count(), 0);
  }
  await page.keyboard.press('?');
  same('the list of keys names neither', await page.getByRole('dialog').getByText(/Incidents|Labels/).count(), 0);
  await page.keyboard.press('Escape');
  for (const nowhere of ['nowhere', 'Health', 'constructor', '%']) {
    await ada.go('health');
    await page.getByRole('heading', { name: 'Health', level: 1 }).waitFor();
    await ada.go(nowhere);
    await page.getByText('There is no page at this address.').waitFor();
  }
  same('the window says so', await page.title(), 'No such page · Bulkhead');
  await ada.accessible('an address without a page');
  await ada.shot('no-such-page');
  await page.getByRole('main').getByRole('link', { name: 'To the chat' }).click();
  await page.getByRole('heading', { name: 'Agents', level: 1 }).waitFor();
  return ada;
}

export async function placesAreHeldForPagesThatCome(stage) {
  const ada = await noneIsThereYet(stage);
  const storageState = await ada.context.storageState();
  const folder = built();
  try {
    for (const [size, options] of Object.entries({ desktop: DESKTOP, low: LOW, phone: PHONE, narrow: NARROW })) {
      const seat = await stage.seat({ ...options, storageState });
      await comesFrom(folder, seat);
      await seat.go('chat');
      await seat.page.getByRole('navigation').waitFor();
      await theHullHolds(seat, THEN, size);
      const begin = await seat.page.locator('nav li.first .word').allTextContents();
      same('what sections begin with', begin, FIRST);
      await theKeyboardReaches(seat, THEN);
      for (const [name, title, letter] of STILL_TO_COME) {
        await seat.go('chat');
        await seat.page.getByRole('heading', { name: 'Agents', level: 1 }).first().waitFor();
        await seat.page.keyboard.press('g');
        await seat.page.keyboard.press(letter);
        await seat.page.getByRole('heading', { name: title, level: 1 }).waitFor();
        same('where that is', await seat.page.evaluate(() => [location.hash, document.querySelector('nav [aria-current]')?.textContent.trim()]), [`#/${name}`, title]);
      }
      await seat.accessible(`the hull with all its pages (${size})`);
      await seat.shot(`hull-${size}`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
