// Every page in every light and size, and all of it by the keyboard.
import { readFileSync, writeFileSync } from 'node:fs';
import { PHONE, holds, same } from './stage.mjs';

const PAGES = ['chat', 'chat/echo', 'live', 'approvals', 'agents', 'agents/echo', 'record', 'record/figures', 'record/verify', 'people', 'health'];
const HEADINGS = { chat: 'Agents', 'chat/echo': 'echo', live: 'Live', approvals: 'Approvals', agents: 'Agents', 'agents/echo': 'SOUL.md of echo', record: 'Record', 'record/figures': 'Record', 'record/verify': 'Record', people: 'People', health: 'Health' };

/** How late the fonts come where what moves while a page loads is looked at, in milliseconds. */
const SLOW_FONTS = 500;

/** So far apart the gateway's answers come there, and never in the order in which they were asked for, in milliseconds. */
const APART = 237;
const LATEST = 700;

/** The most that a page may move while it loads: nothing that anybody sees. Web vitals call 0.1 good (https://web.dev/articles/cls). */
const MOST_MOVED = 0.001;

/** Loads each page anew and looks how far what is shown is pushed away by what comes after it. */
async function everyPageStaysInPlace(seat) {
  await seat.page.route('**/*.woff2', (route) => setTimeout(() => route.continue().catch(() => undefined), SLOW_FONTS));
  let asked = 0;
  await seat.page.route('**/api/v1/**', (route) => {
    asked += 1;
    setTimeout(() => route.continue().catch(() => undefined), (asked * APART) % LATEST);
  });
  for (const page of PAGES) {
    await seat.go(page);
    await seat.page.reload();
    await seat.page.getByRole('heading', { name: HEADINGS[page], level: 1 }).first().waitFor();
    await seat.page.waitForFunction(() => document.querySelector('[aria-busy=true]') === null);
    await seat.page.waitForLoadState('networkidle').catch(() => undefined);
    const moved = await seat.page.evaluate(() => new Promise((done) => {
      const found = { sum: 0, what: [] };
      const add = ({ value, sources }) => {
        found.sum += value;
        found.what.push(...sources.map(({ node, previousRect, currentRect }) => `${node?.nodeName} ${(node?.textContent ?? '').trim().slice(0, 30)}: ${previousRect.x},${previousRect.y} to ${currentRect.x},${currentRect.y}`));
      };
      new PerformanceObserver((list) => list.getEntries().forEach(add)).observe({ type: 'layout-shift', buffered: true });
      requestAnimationFrame(() => requestAnimationFrame(() => done(found)));
    }));
    holds(`${page} stays where it is while it loads: it moved by ${moved.sum} (${moved.what.join('; ')})`, moved.sum < MOST_MOVED);
  }
  await seat.page.unrouteAll({ behavior: 'wait' });
}

async function everyPage(stage, name, options) {
  const seat = await stage.signedIn('ada', options);
  for (const page of PAGES) {
    await seat.go(page);
    await seat.page.getByRole('heading', { name: HEADINGS[page], level: 1 }).first().waitFor();
    await seat.page.waitForLoadState('networkidle').catch(() => undefined);
    const wide = await seat.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    holds(`${page} fits (${name}): ${wide} px too wide`, wide <= 0);
    await seat.shot(`${name}-${page.replace('/', '-')}`);
    await seat.accessible(`${page} (${name})`);
  }
  return seat;
}

/** What a page is made of comes while the gateway is asked who is here. */
async function aPageComesMeanwhile({ page, stage }) {
  let known;
  const unknown = new Promise((done) => (known = done));
  await page.goto('about:blank');
  await page.route('**/api/v1/me', async (route) => {
    await unknown;
    await route.continue();
  });
  const came = page.waitForResponse((answer) => /\/assets\/Health-[^/]*\.js$/.test(answer.url()));
  await page.goto(`${stage.base}#/health`);
  await came;
  same('nobody is known yet', await page.getByRole('navigation').count(), 0);
  known();
  await page.getByRole('heading', { name: 'Health', level: 1 }).waitFor();
  await page.unrouteAll({ behavior: 'wait' });
}

export async function everyPageByDay(stage) {
  const seat = await everyPage(stage, 'day', { colorScheme: 'light' });
  await everyPageStaysInPlace(seat);
  await aPageComesMeanwhile(seat);
}

export async function everyPageByNight(stage) {
  const seat = await everyPage(stage, 'night', { colorScheme: 'dark' });
  const paper = () => seat.page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const dark = await paper();
  await seat.page.getByRole('button', { name: /Colours/ }).first().click();
  holds('the toggle turns the light on', (await paper()) !== dark);
  await seat.page.reload();
  await seat.page.getByRole('navigation').waitFor();
  holds('and it stays on', (await paper()) !== dark);
}

export async function everyPageOnAPhone(stage) {
  const seat = await everyPage(stage, 'phone', { viewport: PHONE, isMobile: true, hasTouch: true });
  await everyPageStaysInPlace(seat);
  await seat.go('chat');
  await seat.page.getByRole('link', { name: /^echo/ }).tap();
  await seat.page.getByLabel('Message to echo').fill('hi');
  await seat.page.getByRole('button', { name: 'Send' }).tap();
  await seat.page.locator('.reply').waitFor();
  await seat.shot('phone-reply');
  await seat.page.getByRole('link', { name: 'All agents' }).tap();
  await seat.page.getByRole('link', { name: /^echo/ }).waitFor();
}

/** Every page that a person who is signed in comes to says that containment is reduced when it is; none says so when it is not. */
export async function reducedIsSaidOnEveryPage(stage) {
  const WORDS = 'Containment is reduced here';
  const ada = await stage.signedIn('ada');
  const phone = await stage.seat({ viewport: PHONE, isMobile: true });
  await phone.context.addCookies(await ada.context.cookies());
  const said = async (wanted) => {
    for (const seat of [ada, phone]) {
      for (const page of PAGES) {
        await seat.go(page);
        await seat.page.getByRole('heading', { name: HEADINGS[page], level: 1 }).first().waitFor();
        const mark = seat.page.getByRole('note').filter({ hasText: WORDS });
        same(`${page}: it is said`, await mark.count(), wanted);
        if (wanted > 0) holds(`${page}: it is seen`, await mark.isVisible());
        if (wanted > 0) await seat.accessible(`${page} of a gateway with reduced containment`);
      }
    }
  };
  await said(0);
  const settings = `${stage.home}/bulkhead.toml`;
  const text = readFileSync(settings, 'utf8').replace('127.0.0.1:0', new URL(stage.base).host);
  const restarted = async (containment) => {
    writeFileSync(settings, text.replace(/^containment = "\w+"/m, `containment = "${containment}"`));
    const pid = stage.json('gateway', 'status').pid;
    stage.run('gateway', 'restart');
    holds('another gateway runs', stage.json('gateway', 'status').pid !== pid);
  };
  // A page that stands open over it says so, too, whether or not it noticed that the gateway was away for a moment.
  const open = async (state) => {
    for (const seat of [ada, phone]) await seat.page.getByRole('note').filter({ hasText: WORDS }).waitFor({ state });
  };
  await ada.go('live');
  await restarted('reduced');
  await open('visible');
  await said(1);
  await ada.shot('reduced');
  await restarted('full');
  await open('detached');
  await said(0);
}

/** No mouse: from the sign-in to an answer, and around. */
export async function keyboardOnly(stage) {
  const { code } = stage.json('people', 'invite', 'ada');
  const seat = await stage.seat();
  const { page } = seat;
  const { keyboard } = page;
  await page.goto(stage.base);
  await page.getByRole('button', { name: 'With a one-time code' }).waitFor();
  await seat.tabTo('With a one-time code');
  await keyboard.press('Enter');
  await keyboard.press('Tab');
  await keyboard.type(code);
  await keyboard.press('Tab');
  await keyboard.type('correct horse battery');
  await keyboard.press('Enter');
  await page.getByRole('navigation').waitFor();

  await keyboard.press('?');
  await page.getByRole('dialog').waitFor();
  await keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  for (const [key, heading] of [['l', 'Live'], ['a', 'Approvals'], ['e', 'Agents'], ['r', 'Record'], ['p', 'People'], ['h', 'Health'], ['c', 'Agents']]) {
    await keyboard.press('g');
    await keyboard.press(key);
    await page.getByRole('heading', { name: heading, level: 1 }).first().waitFor();
  }
  await page.getByRole('link', { name: /^echo/ }).waitFor();
  await keyboard.press('j');
  same('the first of the list', (await seat.focused()).startsWith('echo'), true);
  await keyboard.press('Enter');
  await page.getByLabel('Message to echo').waitFor();
  await keyboard.press('/');
  await keyboard.type('hi');
  await keyboard.press('Enter');
  await page.locator('.reply').waitFor();

  // The lever: one key that is held down lifts the guard and no more.
  await keyboard.press('Escape');
  await keyboard.press('g');
  await keyboard.press('l');
  await page.getByRole('button', { name: 'Stop all agents' }).waitFor();
  await seat.tabTo('Stop all agents');
  await keyboard.down('Enter');
  await keyboard.down('Enter');
  await keyboard.down('Enter');
  await keyboard.up('Enter');
  await page.getByRole('button', { name: /Stop \d agents? now/ }).waitFor();
  same('a key that is held down stops nothing', stage.json('agents', 'list').filter((agent) => agent.state === 'killed'), []);
  await keyboard.press('Escape');
  await page.getByRole('button', { name: 'Stop all agents' }).waitFor();
}
