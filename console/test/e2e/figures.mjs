// What docs/benchmarks.md says of the console. No test: a figure holds for a machine. `scripts/pages` prints it.
import { MANY, many, toTheFirst } from './record.mjs';

const ROUNDS = 21;
const WHEELS = 400;

/** What the first paint on loopback is to be under, and a task is long from there on, in milliseconds. */
const PAINT = 300;
const LONG = 50;

const median = (all) => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)];
const round = (number) => Math.round(number * 10) / 10;

/** From the beginning of the navigation to the first text, in milliseconds, each time in a browser that has nothing yet. */
async function firstPaint(stage, state) {
  const found = [];
  for (let left = ROUNDS; left > 0; left -= 1) {
    const seat = await stage.seat({ storageState: state });
    await seat.page.goto(stage.base);
    await seat.page.getByRole(state === undefined ? 'button' : 'navigation').first().waitFor();
    found.push(await seat.page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN));
    await seat.context.close();
  }
  return { median: round(median(found)), most: round(Math.max(...found)), rounds: ROUNDS };
}

/** Long tasks while a list of that many records is filled, and while it is scrolled through. */
async function scrolling(ada) {
  const { page } = ada;
  await page.addInitScript(() => {
    globalThis.tasks = [];
    new PerformanceObserver((list) => globalThis.tasks.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: 'longtask' });
  });
  const tasks = () => page.evaluate(() => globalThis.tasks.splice(0));
  await many(page);
  await ada.go('record');
  await page.reload();
  await page.locator('.view li').first().waitFor();
  await tasks();
  await toTheFirst(page);
  await page.getByRole('link', { name: /^1 / }).waitFor();
  const filling = await tasks();
  await page.locator('.view').hover();
  for (let turns = 0; turns < WHEELS; turns += 1) {
    await page.mouse.wheel(0, turns < WHEELS / 2 ? -900 : 40_000 * (turns % 2 ? 1 : -1));
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(done)));
  }
  const wheeling = await tasks();
  const told = (all) => ({ count: all.length, longest: Math.max(0, ...all) });
  return { records: MANY, filling: told(filling), scrolling: { ...told(wheeling), wheels: WHEELS } };
}

export async function figures(stage) {
  const outside = await firstPaint(stage, undefined);
  const ada = await stage.signedIn('ada');
  const inside = await firstPaint(stage, await ada.context.storageState());
  const record = await scrolling(ada);
  for (const [page, { median, most, rounds }] of [['the sign-in', outside], ['the chat, signed in', inside]]) {
    console.log(`first paint of ${page}: median ${median} ms, most ${most} ms of ${rounds}, with an empty cache (wanted: under ${PAINT} ms)`);
  }
  const tasks = ({ count, longest }) => (count === 0 ? 'none' : `${count}, the longest ${longest} ms`);
  console.log(`long tasks while a list takes in ${record.records.toLocaleString('en')} records: ${tasks(record.filling)} (wanted: none over ${LONG} ms)`);
  console.log(`long tasks in ${record.scrolling.wheels} turns of the wheel through them: ${tasks(record.scrolling)} (wanted: none over ${LONG} ms)`);
  console.log(JSON.stringify({ firstPaint: { signIn: outside, chat: inside }, longTasks: record }));
}
