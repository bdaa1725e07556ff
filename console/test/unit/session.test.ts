// What is asked of the gateway while nobody is there: nothing that would keep a sign-in from running out.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { Watch } from '../../src/lib/watch';

type Answer = (path: string, init: RequestInit) => Response | Promise<Response>;

const json = (value: unknown) => new Response(JSON.stringify(value));
const ME = { person: 'ada', groups: [], administrator: true, roles: [], may: { approve: [], content: [], stop: [], pause: [], resume: [], soul: [], stop_all: true, follow: true, people: true, export: true, erase: false, record: true }, confirms: ['password'], confirmed_until: null, containment: 'full', version: '1', solo: true };
const STATUS = { version: '1', pid: 7, address: '', containment: 'full', ready: true, why: null, exports: [], person: 'ada' };
const MINUTE = 60_000;

let asked: string[] = [];
let hands: Record<string, () => void> = {};
const visible = { visibilityState: 'visible' };

/** A stream that only says that it is there. */
const beating = (init: RequestInit) =>
  new Response(
    new ReadableStream<Uint8Array>({
      start(controller) {
        const beat = setInterval(() => controller.enqueue(new TextEncoder().encode(':\n\n')), 15_000);
        init.signal?.addEventListener('abort', () => {
          clearInterval(beat);
          controller.error(new Error('aborted'));
        });
      },
    }),
  );

let answer: Answer;
const usual: Answer = (path, init) => {
  if (path.endsWith('/me')) return json(ME);
  if (path.endsWith('/status')) return json(STATUS);
  if (path.endsWith('/events')) return beating(init);
  if (path.endsWith('/sign-in/ways')) return json({ password: true, passkeys: null, provider: null, carried: true });
  if (path.endsWith('/waiting')) return json({ waiting: 0, agents: {} });
  return json({ items: [], after: null });
};

/** The page's own modules, as a fresh page has them. */
async function page() {
  vi.resetModules();
  const { session } = await import('../../src/state/session.svelte');
  const { live } = await import('../../src/state/live.svelte');
  session.begin();
  await vi.advanceTimersByTimeAsync(10);
  expect(session.state).toBe('in');
  return { session, live };
}

const since = async (milliseconds: number) => {
  asked = [];
  await vi.advanceTimersByTimeAsync(milliseconds);
  return asked;
};

beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  hands = {};
  answer = usual;
  visible.visibilityState = 'visible';
  vi.stubGlobal('document', visible);
  vi.stubGlobal('requestAnimationFrame', () => 1);
  vi.stubGlobal('cancelAnimationFrame', () => undefined);
  vi.stubGlobal('addEventListener', (kind: string, deed: () => void) => {
    const before = hands[kind];
    hands[kind] = () => {
      before?.();
      deed();
    };
  });
  vi.stubGlobal('fetch', async (path: string, init: RequestInit) => {
    asked.push(path);
    return answer(path, init);
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('a page that is opened', () => {
  const NOBODY = () => new Response(JSON.stringify({ status: 401, title: '', detail: 'you are not signed in: sign in', kind: 'unidentified' }), { status: 401 });
  const ways = (carried: boolean): Answer => (path, init) => (path.endsWith('/sign-in/ways') ? json({ password: true, passkeys: null, provider: null, carried }) : path.endsWith('/me') && !carried ? NOBODY() : usual(path, init));

  /** A browser that keeps what it is given to keep. */
  const storage = () => {
    const all = new Map<string, string>();
    vi.stubGlobal('localStorage', { getItem: (name: string) => all.get(name) ?? null, setItem: (name: string, text: string) => all.set(name, text), removeItem: (name: string) => all.delete(name) });
    return all;
  };

  async function opened() {
    vi.resetModules();
    const { session } = await import('../../src/state/session.svelte');
    asked = [];
    session.begin();
    await vi.advanceTimersByTimeAsync(10);
    return session;
  }

  it('where nobody was signed in asks nothing to which the answer is a no', async () => {
    storage();
    answer = ways(false);
    const session = await opened();
    expect([session.state, asked]).toEqual(['out', ['/api/v1/sign-in/ways']]);
    expect(session.why).toBe('');
  });

  it('finds a sign-in of which this browser keeps nothing, and asks at once for one of which it does', async () => {
    const all = storage();
    answer = ways(true);
    expect((await opened()).state).toBe('in');
    expect(asked.slice(0, 2)).toEqual(['/api/v1/sign-in/ways', '/api/v1/me']);
    const session = await opened();
    expect([session.state, asked[0]]).toEqual(['in', '/api/v1/me']);
    // Its end is the end of that, too.
    answer = ways(false);
    await session.look();
    expect([session.state, [...all]]).toEqual(['out', []]);
  });

  it('waits for a gateway that does not answer, and then asks who is here', async () => {
    storage();
    answer = () => Promise.reject(new TypeError('refused'));
    const session = await opened();
    expect([session.state, session.link]).toEqual(['asking', 'lost']);
    answer = ways(true);
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect([session.state, session.link]).toEqual(['in', 'up']);
  });
});

describe('a page that nobody is at', () => {
  it('follows nothing, and goes on once somebody is back', async () => {
    const { live } = await page();
    const end = live.follow();
    await since(5_000);
    expect(live.following).toBe(true);
    expect(new Set(await since(11 * MINUTE))).toEqual(new Set(['/api/v1/status']));
    expect(live.following).toBe(false);
    expect(await since(60 * MINUTE)).toEqual([]);
    asked = [];
    hands.pointerdown?.();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(asked).toContain('/api/v1/events');
    expect(asked).toContain('/api/v1/me');
    expect(live.following).toBe(true);
    end();
  });

  it('that is hidden follows nothing either', async () => {
    const { live } = await page();
    visible.visibilityState = 'hidden';
    const end = live.follow();
    expect(await since(5 * MINUTE)).toEqual([]);
    end();
  });

  it('asks only whether a gateway that was away is well again', async () => {
    const { session, live } = await page();
    const end = live.follow();
    await since(10 * MINUTE);
    // The gateway dies while nobody looks, which is noticed by what was still asked.
    answer = () => Promise.reject(new TypeError('refused'));
    await expect(live.refresh()).resolves.toBeUndefined();
    expect(session.link).toBe('lost');
    expect(new Set(await since(MINUTE))).toEqual(new Set(['/healthz']));
    answer = usual;
    const then = await since(30 * MINUTE);
    expect(new Set(then)).toEqual(new Set(['/healthz']));
    expect(session.link).toBe('up');
    asked = [];
    answer = (path, init) => (path.endsWith('/status') ? json({ ...STATUS, pid: 8 }) : usual(path, init));
    hands.keydown?.();
    await vi.advanceTimersByTimeAsync(10);
    expect(asked).toContain('/api/v1/me');
    expect(session.news).toBe('restarted');
    end();
  });
});

describe('a gateway that was back at once', () => {
  it('is noticed by a page that asks for nothing else, with its version', async () => {
    const { session } = await page();
    await since(MINUTE);
    expect(session.news).toBe('');
    answer = (path, init) => (path.endsWith('/status') ? json({ ...STATUS, pid: 8 }) : usual(path, init));
    await since(5_000);
    expect(session.news).toBe('restarted');
    answer = (path, init) => (path.endsWith('/status') ? json({ ...STATUS, pid: 9, version: '2' }) : usual(path, init));
    await since(5_000);
    expect([session.news, session.version, session.link]).toEqual(['upgraded', '2', 'up']);
  });
});

describe('the tab of a page that nobody looks at', () => {
  const waits = (count: number): Answer => (path, init) => (path.endsWith('/waiting') ? json({ waiting: count, agents: { echo: count } }) : usual(path, init));
  const watching = async () => {
    const { session } = await page();
    const { approvals } = await import('../../src/state/approvals.svelte');
    const end = approvals.watch();
    await since(10);
    return { session, approvals, end };
  };

  it('says how much waits, by asking for that alone', async () => {
    const { approvals, end } = await watching();
    answer = waits(2);
    visible.visibilityState = 'hidden';
    const then = await since(5 * MINUTE);
    expect(new Set(then)).toEqual(new Set(['/api/v1/waiting']));
    expect(then.length).toBeGreaterThanOrEqual(4);
    expect(then.length).toBeLessThanOrEqual(5);
    expect([approvals.count, [...approvals.agents], approvals.waiting]).toEqual([2, [['echo', 2]], []]);
    // Somebody is there again: then it is asked for as often as before.
    answer = usual;
    visible.visibilityState = 'visible';
    expect(await since(5_000)).toContain('/api/v1/waiting');
    expect(approvals.count).toBe(0);
    end();
  });

  it('says it also where nobody has touched the page for long', async () => {
    const { approvals, end } = await watching();
    answer = waits(1);
    await since(11 * MINUTE);
    expect(new Set(await since(3 * MINUTE))).toEqual(new Set(['/api/v1/waiting']));
    expect(approvals.count).toBe(1);
    end();
  });

  it('asks nothing more once the sign-in has run out', async () => {
    const { session, end } = await watching();
    answer = (path, init) => (path.endsWith('/waiting') ? new Response(JSON.stringify({ status: 401, detail: 'over' }), { status: 401 }) : usual(path, init));
    visible.visibilityState = 'hidden';
    await since(2 * MINUTE);
    expect([session.state, session.why]).toEqual(['out', 'over']);
    expect(await since(30 * MINUTE)).toEqual([]);
    end();
  });
});

describe('what waits', () => {
  const held = (id: string, agent: string) => ({ id, agent, state: 'waiting', expires: '2026-11-22T12:00:00Z' });
  const LISTS = /\/approvals/;

  it('is shown where it is seen, and is counted without being shown everywhere else', async () => {
    await page();
    const { approvals } = await import('../../src/state/approvals.svelte');
    answer = (path, init) => {
      if (path.endsWith('/waiting')) return json({ waiting: 2, agents: { echo: 2 } });
      return LISTS.test(path) ? json({ items: [held('a-1', 'echo'), held('a-2', 'echo'), held('a-3', 'constructor')], after: null }) : usual(path, init);
    };
    asked = [];
    const end = approvals.watch();
    const elsewhere = [...asked, ...(await since(MINUTE))];
    expect(elsewhere.filter((path) => LISTS.test(path))).toEqual([]);
    expect(elsewhere.filter((path) => path.endsWith('/waiting')).length).toBeGreaterThanOrEqual(15);
    expect([approvals.count, approvals.asked, approvals.waiting]).toEqual([2, false, []]);

    asked = [];
    const close = approvals.open();
    const there = [...asked, ...(await since(MINUTE))];
    expect(there.filter((path) => LISTS.test(path)).length).toBeGreaterThanOrEqual(15);
    expect(there.filter((path) => path.endsWith('/waiting'))).toEqual([]);
    expect([approvals.count, [...approvals.agents], approvals.waiting.length]).toEqual([3, [['echo', 2], ['constructor', 1]], 3]);
    // Nobody looks at what is behind another window.
    visible.visibilityState = 'hidden';
    expect((await since(5 * MINUTE)).filter((path) => LISTS.test(path))).toEqual([]);
    visible.visibilityState = 'visible';
    expect((await since(5_000)).filter((path) => LISTS.test(path)).length).toBe(1);

    close();
    expect([approvals.asked, approvals.waiting]).toEqual([false, []]);
    expect((await since(MINUTE)).filter((path) => LISTS.test(path))).toEqual([]);
    end();
  });
});

describe('what is followed', () => {
  it('goes on behind what was heard last when the connection broke', async () => {
    const { live } = await page();
    const behind: (string | null)[] = [];
    answer = (path, init) => {
      if (!path.endsWith('/events')) return usual(path, init);
      behind.push(new Headers(init.headers).get('last-event-id'));
      return behind.length === 1 ? new Response('id: 7-3\ndata: {"type":"end","seq":3,"session":"s","turn":"t","agent":"echo"}\n\n') : beating(init);
    };
    const end = live.follow();
    await since(10_000);
    expect(behind).toEqual([null, '7-3']);
    end();
  });

  describe('after a pause', () => {
    const denied = (seq: number) =>
      `id: 7-${seq}\ndata: {"type":"proposal","seq":${seq},"session":"s","turn":"t","agent":"echo","proposal":"p-${seq}","action":{"verb":"file.read","resource":{"kind":"path","name":"/a"},"args":{}}}\n\n` +
      `id: 7-${seq + 1}\ndata: {"type":"verdict","seq":${seq + 1},"session":"s","turn":"t","agent":"echo","proposal":"p-${seq}","decision":"ask","reasons":[]}\n\n`;
    /** A stream that tells one denial at once, and those that were kept to whoever goes on behind another; `cut` breaks it off. */
    const telling = (behind: (string | null)[]) => {
      const hold: { cut?: (error: Error) => void } = {};
      answer = (path, init) => {
        if (!path.endsWith('/events')) return usual(path, init);
        const since = new Headers(init.headers).get('last-event-id');
        behind.push(since);
        return new Response(
          new ReadableStream<Uint8Array>({
            start(controller) {
              const text = behind.length === 1 ? denied(3) : since === null ? '' : denied(5).repeat(40);
              if (text !== '') controller.enqueue(new TextEncoder().encode(text));
              hold.cut = (error) => controller.error(error);
              init.signal?.addEventListener('abort', () => controller.error(new Error('aborted')));
            },
          }),
        );
      };
      return hold;
    };
    const counts = async (live: { watch: Watch }) => {
      const { minute, rates } = await import('../../src/lib/watch');
      const echo = live.watch.get('echo');
      return { ...rates(minute(echo, Date.now())), open: echo?.open.size };
    };

    it('begins from now: what happened meanwhile is not of the last minute', async () => {
      const { live } = await page();
      const behind: (string | null)[] = [];
      telling(behind);
      const end = live.follow();
      await since(10);
      expect(await counts(live)).toEqual({ actions: 1, stops: 1, open: 1 });
      visible.visibilityState = 'hidden';
      await since(10 * MINUTE);
      visible.visibilityState = 'visible';
      hands.pointerdown?.();
      await since(5_000);
      expect(live.following).toBe(true);
      expect(behind).toEqual([null, null]);
      expect(await counts(live)).toEqual({ actions: 0, stops: 0, open: 0 });
      end();
    });

    it('on another page of the console begins from now', async () => {
      const { live } = await page();
      const behind: (string | null)[] = [];
      telling(behind);
      const first = live.follow();
      await since(1_000);
      first();
      await since(2 * MINUTE);
      hands.pointerdown?.();
      const end = live.follow();
      await since(5_000);
      expect(behind.slice(1).filter((one) => one !== null)).toEqual([]);
      expect(await counts(live)).toMatchObject({ actions: 0, open: 0 });
      end();
    });

    it('in which the machine slept begins from now', async () => {
      const { live } = await page();
      const behind: (string | null)[] = [];
      const hold = telling(behind);
      const end = live.follow();
      await since(1_000);
      // The clock goes on, and nothing of the page ran.
      vi.setSystemTime(Date.now() + 5 * MINUTE);
      hold.cut?.(new TypeError('network changed'));
      await since(5_000);
      expect(behind).toEqual([null, null]);
      expect(await counts(live)).toEqual({ actions: 0, stops: 0, open: 0 });
      end();
    });
  });

  it('says that it missed what nobody has counted', async () => {
    const { live } = await page();
    let told = 0;
    answer = (path, init) => {
      if (!path.endsWith('/events')) return usual(path, init);
      told += 1;
      return told === 1 ? new Response('data: {"type":"missed","count":null,"message":"some"}\n\n') : beating(init);
    };
    const end = live.follow();
    await since(5_000);
    expect([live.missed, live.missedSome]).toEqual([0, true]);
    end();
  });

  it('is not said to be before the gateway has answered', async () => {
    const { live } = await page();
    let letIn: (response: Response) => void = () => undefined;
    answer = (path, init) => (path.endsWith('/events') ? new Promise((done) => (letIn = done)) : usual(path, init));
    const end = live.follow();
    await since(5_000);
    expect(asked).toEqual(['/api/v1/status']);
    expect(live.following).toBe(false);
    letIn(beating({}));
    await since(10);
    expect(live.following).toBe(true);
    end();
  });
});

describe('an answer', () => {
  const never = () => new Response(new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode('{')) }));

  it('that begins and does not end is given up', async () => {
    const { session } = await page();
    const { api, Unreachable } = await import('../../src/lib/api');
    answer = (path, init) => {
      if (!path.includes('/agents?')) return usual(path, init);
      const response = never();
      const aborted = new Promise<string>((_, fail) => init.signal?.addEventListener('abort', () => fail(new Error('aborted'))));
      return Object.assign(response, { text: () => aborted });
    };
    const waits = api.agents().then(
      () => 'came',
      (error: unknown) => error,
    );
    await vi.advanceTimersByTimeAsync(59_000);
    expect(session.link).toBe('up');
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await waits).toBeInstanceOf(Unreachable);
    // It was noticed, and the gateway was found well again.
    expect(session.news).toBe('back');
  });

  it('that goes on and on and falls silent is given up', async () => {
    await page();
    const { api } = await import('../../src/lib/api');
    const { BrokenStream } = await import('../../src/lib/stream');
    answer = () => new Response(new ReadableStream({ start: () => undefined }));
    const heard = (async () => {
      for await (const told of api.turn('t-1', null, new AbortController().signal)) expect(told).toBeUndefined();
    })().catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(46_000);
    expect(await heard).toBeInstanceOf(BrokenStream);
  });

  it('to a question that was put again says behind what it goes on', async () => {
    await page();
    const { api } = await import('../../src/lib/api');
    let head = new Headers();
    answer = (_, init) => {
      head = new Headers(init.headers);
      return new Response('id: 7-3\ndata: {"type":"end"}\n\n');
    };
    const found: unknown[] = [];
    for await (const told of api.turn('t-1', '7-2', new AbortController().signal)) found.push(...told);
    expect([head.get('accept'), head.get('last-event-id')]).toEqual(['text/event-stream', '7-2']);
    expect(found).toEqual([{ id: '7-3', line: { type: 'end' } }]);
  });
});
