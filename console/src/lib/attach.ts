// A file's text as part of a message: fenced, so that nothing in it passes for the person's own words.

/** The largest file, in bytes; a message may have 256 KiB. */
export const MAX_FILE = 128 * 1024;

/** Why a file cannot go along. */
export type Unfit = 'large' | 'no text';

/** The text of a file, if it is one. */
export function asText(bytes: Uint8Array): string | Unfit {
  if (bytes.length > MAX_FILE) return 'large';
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text.includes('\0') ? 'no text' : text;
  } catch {
    return 'no text';
  }
}

/** A file in a message: its name, and its text between fences that are longer than any in it. */
export function fenced(name: string, text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  const plain = name.replace(/[\p{Cc}\p{Cf}`]/gu, '');
  return `${plain}:\n${fence}\n${text.replace(/\n$/, '')}\n${fence}\n`;
}
