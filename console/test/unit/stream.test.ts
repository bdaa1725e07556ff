import { describe, expect, it } from 'vitest';
import { BrokenStream, Lines, MAX_LINE, lines } from '../../src/lib/stream';

const body = (...pieces: Uint8Array[]) =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });

const all = async (stream: ReadableStream<Uint8Array>) => {
  const found: unknown[] = [];
  for await (const line of lines(stream)) found.push(line);
  return found;
};

describe('JSON Lines', () => {
  it('gives each line whole wherever it was cut', async () => {
    const text = new TextEncoder().encode('{"a":"é→🚢"}\n\n{"b":2}\n');
    for (let cut = 0; cut <= text.length; cut += 1) {
      expect(await all(body(text.slice(0, cut), text.slice(cut)))).toEqual([{ a: 'é→🚢' }, { b: 2 }]);
    }
  });

  it('says that a stream broke in the middle of a line', async () => {
    await expect(all(body(new TextEncoder().encode('{"a":1}\n{"b"')))).rejects.toThrow(BrokenStream);
  });

  it('says that a line is not JSON', () => {
    expect(() => new Lines().push('<html>\n')).toThrow(BrokenStream);
  });

  it('does not grow without end', () => {
    const whole = new Lines();
    expect(() => {
      for (let sent = 0; sent <= MAX_LINE; sent += 1024 * 1024) whole.push('x'.repeat(1024 * 1024));
    }).toThrow(BrokenStream);
  });

  it('ends the request when nobody reads on', async () => {
    let cancelled = false;
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new TextEncoder().encode('{}\n')),
      cancel: () => {
        cancelled = true;
      },
    });
    for await (const line of lines(stream)) {
      expect(line).toEqual({});
      break;
    }
    expect(cancelled).toBe(true);
  });
});
