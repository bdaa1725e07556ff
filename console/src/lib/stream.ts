// Server-sent events as they come: each whole, whatever pieces the network cut it into, and each with the id by which a
// reader who was away goes on behind it.

import { t } from '../strings';

/** The longest event, in characters; the gateway's own bounds on a text lie below it. */
export const MAX_EVENT = 8 * 1024 * 1024;

/** How long nothing at all may be heard, in milliseconds. The gateway says every 15 seconds that it is there. */
export const SILENCE = 45_000;

export class BrokenStream extends Error {}

export interface Heard {
  /** Where to go on behind this; `null` for what is no event of its own. */
  id: string | null;
  data: unknown;
}

/** Takes pieces of text and gives the events that have become whole, their data as JSON. */
export class Events {
  private rest = '';
  private data: string[] = [];
  private id: string | null = null;
  private length = 0;

  push(piece: string): Heard[] {
    const parts = (this.rest + piece).split('\n');
    this.rest = parts.pop() ?? '';
    const found: Heard[] = [];
    for (const part of parts) {
      const heard = this.line(part.endsWith('\r') ? part.slice(0, -1) : part);
      if (heard !== null) found.push(heard);
    }
    if (this.length + this.rest.length > MAX_EVENT) throw new BrokenStream(t.broken.tooLong(MAX_EVENT));
    return found;
  }

  /** What came without an end is no event: the connection broke in the middle of it. */
  end(): void {
    if (this.rest !== '' || this.data.length > 0) throw new BrokenStream(t.broken.inTheMiddle);
  }

  private line(line: string): Heard | null {
    if (line === '') {
      const { data, id } = this;
      this.data = [];
      this.id = null;
      this.length = 0;
      return data.length === 0 ? null : { id, data: parse(data.join('\n')) };
    }
    const at = line.indexOf(':');
    const field = at < 0 ? line : line.slice(0, at);
    const value = at < 0 ? '' : line.slice(at + 1).replace(/^ /, '');
    this.length += value.length;
    if (field === 'data') this.data.push(value);
    else if (field === 'id' && !value.includes('\0')) this.id = value;
    // A comment says that the other end is there; other fields are not of this gateway.
    return null;
  }
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    throw new BrokenStream(t.broken.notJson);
  }
}

/** The events of a response's body, as many at a time as came together. Ends with the body; throws when it breaks or falls silent. */
export async function* events(body: ReadableStream<Uint8Array>, silence = SILENCE): AsyncGenerator<Heard[]> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const whole = new Events();
  try {
    for (;;) {
      const { done, value } = await within(reader.read(), silence);
      if (done) break;
      const heard = whole.push(decoder.decode(value, { stream: true }));
      if (heard.length > 0) yield heard;
    }
    whole.end();
  } finally {
    // Nobody reads on: the gateway need not go on telling.
    await reader.cancel().catch(() => undefined);
  }
}

async function within<T>(what: Promise<T>, silence: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new BrokenStream(t.broken.nothingHeard(silence / 1000))), silence);
  });
  try {
    return await Promise.race([what, late]);
  } finally {
    clearTimeout(timer);
  }
}
