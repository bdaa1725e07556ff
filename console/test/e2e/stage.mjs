// A browser at the address of a real gateway. Each page is watched: what a page logs as an error, throws, asks of
// another origin, or is refused by its own policy is a fault, and no test passes with one.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** How long something that must come may take, in milliseconds: only a broken build takes so long. */
const PATIENCE = 60_000;

/** The most keys that it may take to come to something on a page. */
const MAX_TABS = 80;

/** As small as phones are, in CSS pixels. */
export const PHONE = { width: 360, height: 740 };

export const PASSWORD = 'correct horse battery';

export function holds(what, is) {
  if (!is) throw new Error(`it does not hold: ${what}`);
}

export function same(what, found, wanted) {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) {
    throw new Error(`${what}: ${JSON.stringify(found)}, wanted ${JSON.stringify(wanted)}`);
  }
}

/** Chromium asks nothing by itself; its own sandbox does not work for root. */
export const ARGS = ['--disable-background-networking', '--disable-component-update', ...(process.getuid() === 0 ? ['--no-sandbox'] : [])];

export class Stage {
  constructor(browser, { binary, home, shots, lighthouse, views = [] }) {
    this.browser = browser;
    this.binary = binary;
    this.home = home;
    this.shots = shots;
    /** The folder of npm's package, where it is there. */
    this.lighthouse = lighthouse;
    /** Which views it looks at; all of them where none is named. */
    this.views = views;
    this.seats = [];
    this.base = `http://${this.json('gateway', 'status').address}/`;
  }

  static async open(setting) {
    const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ARGS });
    return new Stage(browser, setting);
  }

  /** What a command of the real binary prints. */
  run(...args) {
    return execFileSync(this.binary, args, { env: { ...process.env, BULKHEAD_HOME: this.home, NO_COLOR: '1' }, encoding: 'utf8' });
  }

  json(...args) {
    return JSON.parse(this.run(...args, '--json'));
  }

  /** A browser of somebody's. */
  async seat(options = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce', ...options });
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    const seat = new Seat(this, context, page);
    this.seats.push(seat);
    return seat;
  }

  /** The same, signed in by a code. */
  async signedIn(person, options = {}) {
    const seat = await this.seat(options);
    const { code } = this.json('people', 'invite', person);
    await seat.page.goto(this.base);
    await seat.page.getByRole('button', { name: 'With a one-time code' }).click();
    await seat.page.getByLabel('One-time code', { exact: false }).last().fill(code);
    await seat.page.locator('#password').fill(PASSWORD);
    await seat.page.getByRole('button', { name: 'Set password and sign in' }).click();
    await seat.page.getByRole('navigation').waitFor();
    return seat;
  }

  /** Another browser of a person who has a password. */
  async elsewhere(person) {
    const seat = await this.seat();
    await seat.page.goto(this.base);
    await seat.page.getByLabel('Person').fill(person);
    await seat.page.locator('#password').fill(PASSWORD);
    await seat.page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await seat.page.getByRole('navigation').waitFor();
    return seat;
  }

  async close() {
    await this.browser.close();
  }

  faults() {
    return this.seats.flatMap((seat) => seat.faults);
  }
}

export class Seat {
  constructor(stage, context, page) {
    this.stage = stage;
    this.context = context;
    this.page = page;
    this.faults = [];
    /** Other origins that are part of the play. */
    this.others = [];
    this.watch(page);
  }

  watch(page) {
    const fault = (text) => this.faults.push(text);
    const ours = (url) => [this.stage.base, ...this.others].some((base) => url.startsWith(base)) || url === 'about:blank';
    page.on('pageerror', (error) => fault(`thrown: ${error.message}`));
    page.on('dialog', (dialog) => {
      fault(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('console', (message) => {
      // A no of the gateway's, and a gateway that is away, are part of the play.
      if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) fault(`logged: ${message.text()}`);
    });
    page.on('request', (request) => {
      if (!ours(request.url())) fault(`asked of elsewhere: ${request.url()}`);
    });
    page.on('popup', (popup) => (this.others.length > 0 ? this.watch(popup) : fault(`another window: ${popup.url()}`)));
    page.on('framenavigated', (frame) => {
      if (frame !== page.mainFrame()) fault(`a frame: ${frame.url()}`);
      else if (!ours(frame.url())) fault(`led away: ${frame.url()}`);
    });
  }

  go(place) {
    return this.page.goto(`${this.stage.base}#/${place}`);
  }

  /** A page as it is now: axe finds nothing serious by day, by night and on a phone, where it fits the screen, too. */
  async accessible(what) {
    const { page } = this;
    const size = page.viewportSize();
    const was = await page.evaluate(() => (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'));
    const other = was === 'dark' ? 'light' : 'dark';
    await this.grave(`${what} (${was})`);
    await page.emulateMedia({ colorScheme: other });
    await this.grave(`${what} (${other})`);
    if (size.width > PHONE.width) {
      await page.setViewportSize(PHONE);
      // What is laid out anew by a size has been.
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      holds(`${what} fits a phone: ${wide} px too wide`, wide <= 0);
      await this.grave(`${what} (a phone, ${other})`);
      await page.setViewportSize(size);
    }
    await page.emulateMedia({ colorScheme: was });
  }

  /** What axe finds that is serious, and headings that leave a step out, which Lighthouse counts too; nothing else does. */
  async grave(what) {
    await this.page.evaluate(axeSource);
    const found = await this.page.evaluate(async () => {
      const { violations } = await globalThis.axe.run(document, { resultTypes: ['violations'] });
      return violations.map(({ id, impact, nodes }) => ({ id, impact, at: nodes.slice(0, 3).map((node) => `${node.target.join(' ')}: ${node.failureSummary}`) }));
    });
    same(`what axe finds on ${what}`, found.filter(({ id, impact }) => impact === 'serious' || impact === 'critical' || id === 'heading-order'), []);
  }

  async shot(name) {
    if (!this.stage.shots) return;
    mkdirSync(this.stage.shots, { recursive: true });
    await this.page.screenshot({ path: `${this.stage.shots}/${name}.png` });
  }

  /** What has the focus: its label, or its words. */
  focused() {
    return this.page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent?.trim() ?? '');
  }

  /** Goes on with a key until what is so called has the focus, or what `is` knows. */
  async tabTo(name, is = async () => (await this.focused()).includes(name), key = 'Tab') {
    for (let steps = 0; steps < MAX_TABS; steps += 1) {
      await this.page.keyboard.press(key);
      if (await is()) return;
    }
    throw new Error(`no way by the keyboard to ${name}`);
  }

  async ask(agent, words) {
    await this.go(`chat/${agent}`);
    await this.page.getByLabel(`Message to ${agent}`).fill(words);
    await this.page.keyboard.press('Enter');
  }

  /** Waits for the answer, and for all of its turn to be on the record. */
  async answered() {
    await this.page.locator('.reply').waitFor();
    await this.page.locator('.working').waitFor({ state: 'detached' });
  }
}
