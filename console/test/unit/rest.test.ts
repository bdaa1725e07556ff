import { describe, expect, it } from 'vitest';
import { browser } from '../../src/lib/browser';
import { href, parse } from '../../src/lib/route';
import { beside } from '../../src/lib/beside';
import { grouped } from '../../src/lib/number';
import { exact, hour, relative } from '../../src/lib/time';
import { type Watch, minute, rates, see } from '../../src/lib/watch';
import type { StreamLine, What } from '../../src/lib/types';

describe('addresses', () => {
  it('lead back to where they came from', () => {
    for (const rest of [[], ['echo'], ['echo', 's-1'], ['a/b', 'ü #?']]) expect(parse(href('chat', ...rest))).toEqual({ page: 'chat', rest });
  });

  it('bear half a character', () => {
    expect(parse(href('chat', 'a\ud800b')).rest).toEqual(['a\ufffdb']);
  });

  it('that say nothing lead to the chat', () => {
    for (const hash of ['', '#', '#/']) expect(parse(hash)).toEqual({ page: 'chat', rest: [] });
  });

  it('that are no page\'s lead nowhere, and those of a page that is still to come are none', () => {
    for (const hash of ['#/nowhere/x', '#//evil.example', '#javascript:alert(1)', '#/%', '#/%zz', '#/incidents', '#/labels/x', '#/signIn', '#/SignIn']) expect(parse(hash)).toEqual({ page: null, rest: [] });
    expect(parse(`#/chat/${'x/'.repeat(100)}`).rest).toHaveLength(4);
  });
});

describe('browsers', () => {
  it('are called as people call them, and by their own words where nothing is known', () => {
    expect(browser('Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36')).toBe('Chrome on Linux');
    expect(browser('Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0')).toBe('Edge on Windows');
    expect(browser('Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1')).toBe('Safari on iPhone');
    expect(browser('Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0')).toBe('Firefox on Android');
    for (const own of ['', 'curl/8.5.0', 'a Firefox/ of mine on Linux', 'Mozilla/5.0 (Plan9)']) expect(browser(own)).toBe(own);
  });
});

describe('what was found of a text', () => {
  const then = 'a\n- one\nb\n- two\nc';
  const at = (now: string) => [2, 4].map(beside(then, now));
  it('stays beside its lines while others are written', () => {
    expect(at(then)).toEqual([2, 4]);
    expect(at('\n\n' + then)).toEqual([4, 6]);
    expect(at(then.replace('b\n', ''))).toEqual([2, 3]);
    expect(at(then.replace('b\n', 'b\nb\n'))).toEqual([2, 5]);
    expect(at(then + '\nd')).toEqual([2, 4]);
  });
  it('is not beside a line that is another by now', () => {
    expect(at(then.replace('- one', '- own'))).toEqual([null, 4]);
    expect(at(then.replace('- two\n', ''))).toEqual([2, null]);
    expect(at('')).toEqual([null, null]);
    expect(at(then.replace('- one', '- two'))).toEqual([null, 4]);
  });
});

describe('times', () => {
  const now = Date.parse('2026-11-21T12:00:00Z');
  it('are said as people say them', () => {
    expect(relative('2026-11-21T12:00:00.2Z', now)).toBe('now');
    expect(relative('2026-11-21T11:55:00Z', now)).toBe('5 minutes ago');
    expect(relative('2026-11-22T11:30:00Z', now)).toBe('in 23 hours');
    expect(relative('2024-10-01T12:00:00Z', now)).toBe('2 years ago');
    expect(relative('no time', now)).toBe('no time');
  });

  it('are the words that the language has for them', () => {
    const now = Date.parse('2026-11-21T12:00:00Z');
    const words = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
    const at = (seconds: number) => relative(new Date(now + seconds * 1000).toISOString(), now);
    const UNITS: [Intl.RelativeTimeFormatUnit, number, number][] = [['second', 1, 60], ['minute', 60, 60], ['hour', 3600, 24], ['day', 86_400, 7], ['week', 604_800, 4], ['month', 4.35 * 604_800, 12], ['year', 12 * 4.35 * 604_800, 90]];
    for (const [unit, size, most] of UNITS) {
      for (let count = 1; count < most; count += 1) {
        // A little beyond, so that nothing falls short of a whole unit.
        for (const sign of [1, -1]) expect(at(sign * (count * size + 0.2))).toBe(words.format(sign * count, unit));
      }
    }
    expect(at(0)).toBe('now');
  });

  it('and numbers are made without what takes a phone so long', () => {
    const files = Object.entries(import.meta.glob<string>('../../src/**/*.{ts,svelte}', { query: '?raw', import: 'default', eager: true }));
    expect(files.length).toBeGreaterThan(50);
    expect(files.filter(([, text]) => /\bIntl\.|\.toLocale\w*String\(/.test(text)).map(([name]) => name)).toEqual([]);
  });

  it('and numbers look as elsewhere', () => {
    const time = new Date(2026, 10, 2, 7, 5, 9);
    expect([exact(time.toISOString()), hour(time.toISOString())]).toEqual(['2 Nov 2026, 07:05:09', '07:05']);
    expect(exact(time.toISOString())).toBe(new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' }).format(time));
    expect([exact('no time'), hour('no time'), relative('no time', 0)]).toEqual(['no time', 'no time', 'no time']);
    for (const number of [0, 7, 999, 1_000, 12_345, 100_000, 1_234_567, -1_234]) expect(grouped(number)).toBe(number.toLocaleString('en'));
  });
});

describe('the watch', () => {
  const line = (agent: string, what: What): StreamLine => ({ seq: 0, session: 's', turn: 't', agent, ...what });
  const action = { verb: 'file.read', resource: { kind: 'path', name: '/a b' }, args: {} };

  it('lights what goes on and counts it', () => {
    const watch: Watch = new Map();
    see(watch, line('echo', { type: 'proposal', proposal: 'p', action }), 1_000);
    expect(watch.get('echo')?.open.size).toBe(1);
    see(watch, line('echo', { type: 'verdict', proposal: 'p', decision: 'permit', reasons: [], micros: 5 }), 1_000);
    expect(watch.get('echo')?.last).toMatchObject({ verb: 'file.read', resource: 'path:/a b', decision: 'permit' });
    see(watch, line('echo', { type: 'outcome', proposal: 'p', status: 'done', labels: [], summary: '' }), 1_000);
    expect(watch.get('echo')?.open.size).toBe(0);
    see(watch, line('echo', { type: 'verdict', proposal: 'q', decision: 'deny', reasons: [], micros: 5 }), 12_000);
    expect(rates(minute(watch.get('echo'), 12_000))).toEqual({ actions: 2, stops: 1 });
    expect(rates(minute(watch.get('echo'), 65_000))).toEqual({ actions: 1, stops: 1 });
    expect(rates(minute(watch.get('echo'), 300_000))).toEqual({ actions: 0, stops: 0 });
    expect(minute(undefined, 0)).toHaveLength(12);
  });

  it('knows what waits until it no longer does', () => {
    const watch: Watch = new Map();
    see(watch, line('echo', { type: 'approval', approval: 'a', state: 'waiting', binding: '', action: '' }), 0);
    expect(watch.get('echo')?.held.size).toBe(1);
    see(watch, line('echo', { type: 'approval', approval: 'a', state: 'denied', binding: '', action: '' }), 0);
    expect(watch.get('echo')?.held.size).toBe(0);
  });

  it('does not grow without end', () => {
    const watch: Watch = new Map();
    for (let index = 0; index < 2_000; index += 1) {
      see(watch, line(`agent-${index}`, { type: 'proposal', proposal: 'p', action }), 0);
      see(watch, line('agent-0', { type: 'proposal', proposal: `p-${index}`, action }), index * 5_000);
      see(watch, line('agent-0', { type: 'verdict', proposal: `p-${index}`, decision: 'permit', reasons: [], micros: 1 }), index * 5_000);
    }
    expect(watch.size).toBe(500);
    expect(watch.get('agent-0')?.open.size).toBeLessThanOrEqual(200);
    expect(watch.get('agent-0')?.bars.length).toBe(12);
    expect(see(watch, { type: 'missed', count: 1, message: '' }, 0)).toBeNull();
  });
});
