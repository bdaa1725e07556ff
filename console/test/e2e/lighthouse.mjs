// What Lighthouse says of each page, on a desktop and on a phone with a slow network. No test: a score of performance holds for a
// machine. `scripts/pages` prints it, and fails where a score is below what is wanted.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PASSWORD, ARGS } from './stage.mjs';
import { chromium } from 'playwright-core';

/** The least that each score is to be, of 100. */
const WANTED = 95;

/** How often each view is looked at. Of performance the middle counts, of what does not depend on the machine the lowest. */
const ROUNDS = 3;

/** How often a look that saw nothing is tried again: on a busy machine a trace may miss its own beginning. */
const TRIES = 3;

const PERFORMANCE = 'performance';
const FIXED = ['accessibility', 'best-practices'];

/** What performance is made of. */
const MADE_OF = ['first-contentful-paint', 'largest-contentful-paint', 'speed-index', 'total-blocking-time', 'cumulative-layout-shift'];

const SIGN_IN = 'sign-in';
const VIEWS = [SIGN_IN, 'chat', 'chat/echo', 'live', 'approvals', 'agents', 'agents/echo', 'record', 'record/figures', 'record/verify', 'people', 'health'];

const score = (look, category) => Math.round((look.categories[category].score ?? 0) * 100);

/** A browser with a port for Lighthouse, which asks for nothing of elsewhere by itself. */
async function opened(folder) {
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: [...ARGS, '--remote-debugging-port=0', '--no-first-run'],
  });
  const [port] = readFileSync(join(folder, 'DevToolsActivePort'), 'utf8').split('\n');
  return { context, page: context.pages()[0] ?? (await context.newPage()), port: Number(port) };
}

async function signIn(stage, page) {
  const { code } = stage.json('people', 'invite', 'ada');
  await page.goto(stage.base);
  await page.getByRole('button', { name: 'With a one-time code' }).click();
  await page.getByLabel('One-time code', { exact: false }).last().fill(code);
  await page.locator('#password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Set password and sign in' }).click();
  await page.getByRole('navigation').waitFor();
}

/** What of accessibility and best practices costs something, by the names that Lighthouse gives it. */
function faults(looks) {
  const poor = (look) => FIXED.flatMap((category) => look.categories[category].auditRefs.filter(({ id, weight }) => weight > 0 && look.audits[id].score !== null && look.audits[id].score < 1).map(({ id }) => id));
  return [...new Set(looks.flatMap(poor))];
}

/** The looks at one view on one device as a row, and which scores are below what is wanted. */
function told(name, on, looks) {
  const performance = looks.map((look) => score(look, PERFORMANCE)).toSorted((one, other) => one - other);
  const half = looks.toSorted((one, other) => score(one, PERFORMANCE) - score(other, PERFORMANCE))[Math.floor(looks.length / 2)];
  const found = [[PERFORMANCE, performance[Math.floor(looks.length / 2)]], ...FIXED.map((category) => [category, Math.min(...looks.map((look) => score(look, category)))])];
  const of = MADE_OF.map((id) => half.audits[id].displayValue.replaceAll('\u00a0', ' '));
  const machine = Math.round(Math.min(...looks.map((look) => look.environment.benchmarkIndex)));
  const row = [name, on, performance.join(', '), ...found.slice(1).map(([, least]) => least), ...of, machine, faults(looks).join(', ')];
  return { row: `| ${row.join(' | ')} |`, low: found.filter(([, least]) => least < WANTED).map(([category]) => `${name}, ${on}: ${category}`) };
}

export async function lighthouse(stage) {
  const resolve = createRequire(join(stage.lighthouse, 'package.json')).resolve;
  const { default: audit } = await import(pathToFileURL(resolve('lighthouse')));
  const { default: desktop } = await import(pathToFileURL(resolve('lighthouse/core/config/desktop-config.js')));
  const views = stage.views.length > 0 ? stage.views : VIEWS;
  const unknown = views.find((view) => !VIEWS.includes(view));
  if (unknown !== undefined) throw new Error(`there is no view \`${unknown}\`; there are ${VIEWS.join(', ')}`);
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-lighthouse-'));
  const { context, page, port } = await opened(folder);
  const low = [];

  /** One look at a view, with nothing in the browser's cache. */
  async function look(name, config) {
    const url = `${stage.base}${name === SIGN_IN ? '' : `#/${name}`}`;
    for (let left = TRIES; left > 0; left -= 1) {
      const cdp = await context.newCDPSession(page);
      await cdp.send('Network.clearBrowserCache');
      await cdp.detach();
      const { lhr } = await audit(url, { port, disableStorageReset: name !== SIGN_IN, onlyCategories: [PERFORMANCE, ...FIXED], logLevel: 'error' }, config);
      if (lhr.runtimeError === undefined) return lhr;
      if (left === 1) throw new Error(`Lighthouse: ${lhr.runtimeError.message}`);
    }
    throw new Error('no look was tried');
  }

  console.log(`Lighthouse, ${ROUNDS} looks at each view; the middle performance and every other score are to be ${WANTED} or more`);
  console.log('| view | on | performance | accessibility | best practices | first paint | largest paint | speed index | blocked | moved | index of the machine | what costs |');
  console.log('|---|---|---|---|---|---|---|---|---|---|---|---|');
  try {
    for (const name of views) {
      if (name !== SIGN_IN && (await context.cookies()).length === 0) await signIn(stage, page);
      for (const [on, config] of [['desktop', desktop], ['phone', undefined]]) {
        const looks = [];
        while (looks.length < ROUNDS) looks.push(await look(name, config));
        const said = told(name, on, looks);
        low.push(...said.low);
        console.log(said.row);
      }
    }
  } finally {
    await context.close();
    rmSync(folder, { recursive: true, force: true });
  }
  if (low.length > 0) throw new Error(`below ${WANTED}: ${low.join('; ')}`);
}
