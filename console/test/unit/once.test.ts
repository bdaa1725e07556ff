// What makes something carries a key; the same again does until its answer was heard.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Once } from '../../src/lib/once';

describe('a key', () => {
  it('is the same for the same until that was done', () => {
    const once = new Once();
    const first = once.key('POST /tokens {}', 0);
    expect(first).toMatch(/^[0-9a-f]{32}$/);
    expect(once.key('POST /tokens {}', 1_000)).toBe(first);
    expect(once.key('POST /tokens {"a":1}', 1_000)).not.toBe(first);
    once.done('POST /tokens {}');
    expect(once.key('POST /tokens {}', 2_000)).not.toBe(first);
  });

  it('is another when it is long ago, and however many there are', () => {
    const once = new Once();
    const first = once.key('a', 1_000);
    expect(once.key('a', 1_000 + 5 * 60_000 - 1)).toBe(first);
    const later = once.key('a', 1_000 + 5 * 60_000);
    expect(later).not.toBe(first);
    // A clock that was set back says nothing of how long ago it is.
    expect(once.key('a', 0)).not.toBe(later);
    for (let nth = 0; nth < 200; nth += 1) once.key(`b${nth}`, 1);
    const again = once.key('a', 2);
    for (let nth = 0; nth < 99; nth += 1) once.key(`c${nth}`, 2);
    expect(once.key('a', 2)).toBe(again);
    // The oldest goes first.
    once.key('c99', 2);
    expect(once.key('c99', 2)).toBe(once.key('c99', 2));
    expect(once.key('a', 2)).not.toBe(again);
  });
});

describe('what is asked of the gateway', () => {
  let asked: { path: string; key: string | null }[] = [];
  let answer: (path: string) => Promise<Response>;
  const made = async () => new Response(JSON.stringify({ token: 'bh_x', made: {} }));
  const lost = async () => Promise.reject(new TypeError('Failed to fetch'));
  const page = async () => (await import('../../src/lib/api')).api;
  const wanted = { name: 'ci', scopes: ['read'], days: 1 };

  beforeEach(() => {
    vi.resetModules();
    asked = [];
    answer = made;
    vi.stubGlobal('fetch', (path: string, init: RequestInit) => {
      asked.push({ path, key: new Headers(init.headers).get('idempotency-key') });
      return answer(path);
    });
  });
  afterEach(() => vi.unstubAllGlobals());

  const keys = () => asked.map((one) => one.key);

  it('carries one key until an answer was heard', async () => {
    const api = await page();
    answer = lost;
    await expect(api.newToken(wanted)).rejects.toThrow();
    answer = async () => new Response(new ReadableStream({ start: (body) => body.error(new Error('reset')) }));
    await expect(api.newToken(wanted)).rejects.toThrow();
    answer = async () => new Response(JSON.stringify({ detail: 'being done', kind: 'conflict' }), { status: 409 });
    await expect(api.newToken(wanted)).rejects.toThrow();
    // Something else meanwhile is another thing, and not the same.
    await expect(api.newToken({ ...wanted, name: 'other' })).rejects.toThrow();
    expect(keys().at(-1)).not.toBe(keys()[0]);
    asked.pop();
    answer = made;
    await api.newToken(wanted);
    expect(new Set(keys()).size).toBe(1);
    expect(keys()[0]).not.toBeNull();
    await api.newToken(wanted);
    await api.newToken({ ...wanted, name: 'cd' });
    expect(new Set(keys()).size).toBe(3);
  });

  it('carries another key once it is known that what was made is shown to nobody again', async () => {
    const api = await page();
    answer = lost;
    await expect(api.newToken(wanted)).rejects.toThrow();
    answer = async () => new Response(JSON.stringify({ detail: 'the token `k-1` was made', kind: 'shown' }), { status: 409 });
    await expect(api.newToken(wanted)).rejects.toThrow('the token `k-1` was made');
    expect(keys()[1]).toBe(keys()[0]);
    answer = made;
    await api.newToken(wanted);
    expect(keys()[2]).not.toBe(keys()[0]);
  });

  it('carries one key until a stream has said something', async () => {
    const api = await page();
    const say = async () => {
      for await (const told of api.say('echo', 'hi', null, new AbortController().signal)) void told;
    };
    answer = lost;
    await expect(say()).rejects.toThrow();
    answer = async () => new Response(new ReadableStream({ start: (body) => body.error(new Error('reset')) }));
    await expect(say()).rejects.toThrow();
    answer = async () => new Response('data: {"type":"end"}\n\n');
    await say();
    expect(new Set(keys()).size).toBe(1);
    await say();
    expect(new Set(keys()).size).toBe(2);
  });

  it('has a key where it makes something, and none where the same again must happen again', async () => {
    const api = await page();
    answer = async () => new Response('{}');
    await api.invite('bob');
    await api.changeSoul('echo', 'x', 'v');
    await api.rollSoulBack('echo', 1, 'v');
    await api.exported('jsonl', []);
    answer = async () => new Response('data: {"type":"end"}\n\n');
    for await (const told of api.say('echo', 'hi', null, new AbortController().signal)) void told;
    expect(keys().every((key) => key !== null)).toBe(true);
    expect(new Set(keys()).size).toBe(5);
    asked = [];
    answer = async () => new Response('{}');
    // A stop that was lost and asked for again must stop again, whatever happened between.
    await api.kill('echo');
    await api.killAll();
    await api.pause('echo');
    await api.resume('echo');
    await api.content([1]);
    await api.signIn('ada', 'x');
    await api.me();
    expect(keys().every((key) => key === null)).toBe(true);
  });
});
