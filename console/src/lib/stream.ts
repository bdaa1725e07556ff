// JSON Lines as they come: each line whole, whatever pieces the network cut them into.

/** The longest line, in characters; the gateway's own bounds on a text lie below it. */
export const MAX_LINE = 8 * 1024 * 1024;

export class BrokenStream extends Error {}

/** Takes pieces of text and gives the lines that have become whole, as JSON. */
export class Lines {
  private rest = '';

  push(piece: string): unknown[] {
    const parts = (this.rest + piece).split('\n');
    this.rest = parts.pop() ?? '';
    if (this.rest.length > MAX_LINE) throw new BrokenStream(`a line of more than ${MAX_LINE} characters`);
    return parts.filter((line) => line.trim() !== '').map(parse);
  }

  /** What came without an end is no line: the connection broke in the middle of it. */
  end(): void {
    if (this.rest.trim() !== '') throw new BrokenStream('the connection ended in the middle of a line');
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new BrokenStream('a line that is not JSON');
  }
}

/** The lines of a response's body, one after the other. Ends with the body; throws when it breaks. */
export async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<unknown> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const whole = new Lines();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      yield* whole.push(decoder.decode(value, { stream: true }));
    }
    yield* whole.push(decoder.decode());
    whole.end();
  } finally {
    // Nobody reads on: the gateway need not go on telling.
    await reader.cancel().catch(() => undefined);
  }
}
