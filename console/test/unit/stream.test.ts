import { describe, expect, it } from 'vitest';
import { BrokenStream, Events, MAX_EVENT, events } from '../../src/lib/stream';

const body = (...pieces: Uint8Array[]) =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });

const all = async (stream: ReadableStream<Uint8Array>) => {
  const found: unknown[] = [];
  for await (const heard of events(stream)) found.push(...heard);
  return found;
};

const bytes = (text: string) => new TextEncoder().encode(text);

describe('server-sent events', () => {
  it('come whole wherever they were cut', async () => {
    const text = bytes('id: 7-1\ndata: {"a":"é→🚢"}\n\n: still there\n\ndata:{"b":2}\r\nretry: 5\r\n\r\n');
    for (let cut = 0; cut <= text.length; cut += 1) {
      expect(await all(body(text.slice(0, cut), text.slice(cut)))).toEqual([
        { id: '7-1', data: { a: 'é→🚢' } },
        { id: null, data: { b: 2 } },
      ]);
    }
  });

  it('that broke off in the middle are said to have', async () => {
    for (const text of ['data: {"a":1}\n\ndata: {"b"', 'data: {"a":1}\n', 'data: {"a":1}']) await expect(all(body(bytes(text)))).rejects.toThrow(BrokenStream);
  });

  it('that are not JSON are none', () => {
    expect(() => new Events().push('data: <html>\n\n')).toThrow(BrokenStream);
  });

  it('do not grow without end, in one line or in many', () => {
    for (const piece of ['x'.repeat(1024 * 1024), `data: ${'x'.repeat(1024 * 1024)}\n`]) {
      const whole = new Events();
      expect(() => {
        for (let sent = 0; sent <= MAX_EVENT; sent += 1024 * 1024) whole.push(piece);
      }).toThrow(BrokenStream);
    }
  });

  it('end when nothing is heard any more, and a sign of life is enough', async () => {
    let beats = 3;
    const silent = new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        if (beats === 0) return new Promise(() => undefined);
        beats -= 1;
        await new Promise((done) => setTimeout(done, 20));
        controller.enqueue(bytes(':\n\n'));
      },
    });
    await expect(async () => {
      for await (const heard of events(silent, 200)) expect(heard).toBeUndefined();
    }).rejects.toThrow('nothing was heard');
    expect(beats).toBe(0);
  });

  it('end the request when nobody reads on', async () => {
    let cancelled = false;
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(bytes('data: {}\n\n')),
      cancel: () => {
        cancelled = true;
      },
    });
    for await (const heard of events(stream)) {
      expect(heard).toEqual([{ id: null, data: {} }]);
      break;
    }
    expect(cancelled).toBe(true);
  });
});
