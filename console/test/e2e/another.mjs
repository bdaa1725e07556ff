// Another build of the gateway, made from the one under test: a copy that calls itself another version and whose console
// has other files. A second build would take minutes. What a build decides that a page can notice is in the binary as text:
// its version, and its console's names, contents and tags. Each is replaced by one of the same length.

import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { holds } from './stage.mjs';

const WEB = join(dirname(fileURLToPath(import.meta.url)), '../../dist/web');
const TAG_BYTES = 12;

/** The bit of a gzip header that says that a comment follows (RFC 1952, 2.3.1), and how long a header is. */
const COMMENT = 0x10;
const HEADER = 10;

/** Where the constants of an ELF file are: nothing else of it is touched. */
function constants(binary) {
  const sections = Number(binary.readBigUInt64LE(0x28));
  const at = (nth) => sections + nth * binary.readUInt16LE(0x3a);
  const part = (header) => binary.subarray(Number(binary.readBigUInt64LE(header + 0x18)), Number(binary.readBigUInt64LE(header + 0x18) + binary.readBigUInt64LE(header + 0x20)));
  const names = part(at(binary.readUInt16LE(0x3e)));
  for (let nth = 0; nth < binary.readUInt16LE(0x3c); nth += 1) {
    const name = binary.readUInt32LE(at(nth));
    if (names.subarray(name, names.indexOf(0, name)).toString() === '.rodata') return part(at(nth));
  }
  throw new Error('the binary has no constants');
}

/** Puts one in place of the other wherever it stands, and says how often that was. */
function replaced(bytes, before, after) {
  const [old, fresh] = [Buffer.from(before), Buffer.from(after)];
  holds('it is as long', old.length === fresh.length);
  let count = 0;
  for (let found = bytes.indexOf(old); found >= 0; found = bytes.indexOf(old, found + old.length)) {
    fresh.copy(bytes, found);
    count += 1;
  }
  return count;
}

/** The gzipped form of these bytes, made as long as it has to be by a comment in its header. */
function gzipped(bytes, length) {
  const short = gzipSync(bytes, { level: 9 });
  const room = length - short.length;
  if (room === 0) return short;
  holds(`another form fits: ${short.length} of ${length} bytes`, room > 0);
  const header = Buffer.from(short.subarray(0, HEADER));
  header[3] |= COMMENT;
  const long = Buffer.concat([header, Buffer.alloc(room - 1, 'x'), Buffer.from([0]), short.subarray(HEADER)]);
  holds('it is the same', gunzipSync(long).equals(bytes));
  return long;
}

const tag = (bytes) => createHash('sha256').update(bytes).digest().subarray(0, TAG_BYTES).toString('hex');

/** Writes it to a file, which is its program. Says what the console's own script is called there. */
export function another(binary, file, from, version) {
  const bytes = readFileSync(binary);
  const known = constants(bytes);
  const assets = readdirSync(join(WEB, 'assets')).filter((name) => /\.(js|css)$/.test(name)).toSorted();
  // In the order of before: the gateway's list is sorted.
  const names = assets.map((name, nth) => [name, name.replace(/-[\w-]{8}(\.\w+)$/, `-anothe${String(nth).padStart(2, '0')}$1`)]);
  const renamed = (text) => names.reduce((all, [before, after]) => all.replaceAll(before, after), text);

  for (const name of ['index.html', ...assets.map((asset) => `assets/${asset}`)]) {
    const text = readFileSync(join(WEB, name), 'utf8');
    const after = renamed(text);
    if (after === text) continue;
    const form = readFileSync(join(WEB, `${name}.gz`));
    holds(`the binary has the console of console/dist: ${name}`, replaced(known, form, gzipped(Buffer.from(after), form.length)) === 1);
    holds(`and its plain form: ${name}`, replaced(known, Buffer.from(text), Buffer.from(after)) === 1);
    replaced(known, tag(text), tag(after));
  }
  for (const [before, after] of names) holds(`it is served: ${before}`, replaced(known, before, after) > 0);
  holds('it is of that version', replaced(known, from, version) > 0);
  writeFileSync(file, bytes, { mode: 0o755 });
  return names.find(([name]) => /^index-.*\.js$/.test(name))[1];
}
