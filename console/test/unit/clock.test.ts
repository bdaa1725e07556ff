// Times on these pages are the gateway's, whatever the browser's own clock says.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const TRUE = Date.parse('2026-11-22T12:00:00Z');
const HOUR = 3_600_000;

/** The page's own modules, of a browser whose clock is that far ahead, after an answer with this head. */
async function page(ahead: number, date: string | null) {
  vi.resetModules();
  vi.setSystemTime(TRUE + ahead);
  vi.stubGlobal('fetch', async () => new Response('{"waiting":0,"agents":{}}', { headers: date === null ? {} : { date } }));
  const { api } = await import('../../src/lib/api');
  const { now } = await import('../../src/lib/clock');
  const { relative } = await import('../../src/lib/time');
  await api.waiting();
  return { api, now, relative };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('what time it is', () => {
  it.each([HOUR, -HOUR, 400 * 24 * HOUR, -400 * 24 * HOUR, 3_000])('is the gateway’s where the browser is %d ms ahead', async (ahead) => {
    const { now, relative } = await page(ahead, new Date(TRUE).toUTCString());
    expect(Math.abs(now() - TRUE)).toBeLessThanOrEqual(500);
    vi.setSystemTime(TRUE + ahead + 90_000);
    expect(Math.abs(now() - TRUE - 90_000)).toBeLessThanOrEqual(500);
    // What waits for another hour says so, and what was an hour ago, too.
    expect(relative(new Date(TRUE + 90_000 + HOUR + 30_000).toISOString())).toBe('in 1 hour');
    expect(relative(new Date(TRUE + 90_000 - HOUR - 30_000).toISOString())).toBe('1 hour ago');
  });

  it('is the browser’s where both agree as far as a header can say', async () => {
    for (const apart of [0, 900, -900, 1_400, -1_400]) {
      const { now } = await page(apart, new Date(TRUE).toUTCString());
      expect(now()).toBe(TRUE + apart);
    }
  });

  it('is the browser’s where no answer says it', async () => {
    for (const date of [null, '', 'yesterday', '<b>']) {
      const { now } = await page(HOUR, date);
      expect(now()).toBe(TRUE + HOUR);
    }
  });

  it('is the newest answer’s: a clock that is put right is believed again', async () => {
    const { api, now } = await page(HOUR, new Date(TRUE).toUTCString());
    expect(Math.abs(now() - TRUE)).toBeLessThanOrEqual(500);
    vi.setSystemTime(TRUE);
    await api.waiting();
    expect(now()).toBe(TRUE);
  });
});
