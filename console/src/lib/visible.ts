// Makes visible what a reader would not see, or see elsewhere: a person approves bytes, not a picture of them.

export interface Piece {
  /** What is shown. */
  text: string;
  /** Why it is marked; plain text has none. */
  mark?: 'hidden' | 'direction' | 'control' | 'space' | 'break' | 'foreign';
  /** The character's name, for a pointer and a screen reader. */
  name?: string;
}

const NAMES: Record<number, string> = {
  0x00: 'null',
  0x07: 'bell',
  0x08: 'backspace',
  0x09: 'tab',
  0x0a: 'line feed',
  0x0d: 'carriage return',
  0x1b: 'escape',
  0x7f: 'delete',
  0x85: 'next line',
  0xa0: 'no-break space',
  0xad: 'soft hyphen',
  0x034f: 'combining grapheme joiner',
  0x061c: 'arabic letter mark',
  0x115f: 'hangul filler',
  0x1160: 'hangul filler',
  0x180e: 'mongolian vowel separator',
  0x200b: 'zero width space',
  0x200c: 'zero width non-joiner',
  0x200d: 'zero width joiner',
  0x200e: 'left-to-right mark',
  0x200f: 'right-to-left mark',
  0x2028: 'line separator',
  0x2029: 'paragraph separator',
  0x202a: 'left-to-right embedding',
  0x202b: 'right-to-left embedding',
  0x202c: 'pop directional formatting',
  0x202d: 'left-to-right override',
  0x202e: 'right-to-left override',
  0x2060: 'word joiner',
  0x2066: 'left-to-right isolate',
  0x2067: 'right-to-left isolate',
  0x2068: 'first strong isolate',
  0x2069: 'pop directional isolate',
  0x2800: 'braille blank',
  0x3000: 'ideographic space',
  0x3164: 'hangul filler',
  0xfeff: 'byte order mark',
  0xffa0: 'halfwidth hangul filler',
};

const DIRECTION = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
// Letters that draw nothing, blanks that are no U+0020, selectors of variations and what Unicode itself calls ignorable.
const HIDDEN = /[\p{Cf}\p{Default_Ignorable_Code_Point}\u115f\u1160\u2800\u3164\uffa0\u2028\u2029]/u;
const CONTROL = /\p{Cc}/u;
const SPACE = /\p{Zs}/u;
const NOT_A_CHARACTER = /[\p{Cs}\p{Co}\p{Cn}]/u;
const MARK = /\p{M}/u;

/** The most marks of an accent that one letter may pile up before they are named. */
const MAX_MARKS = 3;

const code = (character: string) => character.codePointAt(0) ?? 0;

const hex = (number: number) => `U+${number.toString(16).toUpperCase().padStart(4, '0')}`;

function named(character: string): string {
  const number = code(character);
  const name = NAMES[number] ?? (number >= 0xe0000 && number <= 0xe007f ? 'tag character' : undefined);
  return name === undefined ? hex(number) : `${hex(number)} ${name}`;
}

function marked(character: string): Piece | null {
  const name = named(character);
  if (character === '\n') return { text: '\n', mark: 'break', name };
  if (DIRECTION.test(character)) return { text: hex(code(character)), mark: 'direction', name };
  if (HIDDEN.test(character)) return { text: hex(code(character)), mark: 'hidden', name };
  if (CONTROL.test(character)) return { text: character === '\t' ? '\t' : hex(code(character)), mark: 'control', name };
  if (character !== ' ' && SPACE.test(character)) return { text: hex(code(character)), mark: 'space', name };
  if (NOT_A_CHARACTER.test(character)) return { text: hex(code(character)), mark: 'hidden', name };
  return null;
}

const LATIN = /\p{Script=Latin}/u;
const OTHER = /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}\p{Script=Coptic}\p{Script=Lisu}]/u;
const WORD = /[\p{L}\p{M}\p{N}_]+/gu;
const LETTER = /\p{L}/u;

// Letters that look like Latin ones in the usual types, after the confusables of UTS 39: a word of nothing else reads as Latin.
const TWINS = new Set(
  'асԁеһіјӏкорԛѕуѵԝхүАВСЕНІЈКМОРЅТУХԚԜҮӀѴ' +
    'αικνορυχϲϳΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹϿ' +
    'օոսհցգզյքղԼՕՍՏ' +
    'ᎠᎡᎢᎥᎪᎫᎬᎳᎷᎻᎽᏀᏂᏃᏎᏏᏒᏔᏕᏙᏚᏞᏟᏢᏦᏧᏴᏻ' +
    'ⲀⲂⲈⲎⲒⲔⲘⲚⲞⲢⲤⲦⲨⲬⲟⲣⲥ' +
    'ꓐꓑꓓꓔꓖꓗꓙꓚꓜꓝꓟꓠꓡꓢꓣꓤꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴ',
);

// Of the Latin script, and no letter that anybody types: they pass for a and g.
const LATIN_TWINS = /[\u0251\u0261]/u;

// What stands for a slash, a colon or a hyphen in an address or a path, and is none.
const PUNCTUATION = /[\u02d0\u02d7\u2010\u2011\u2043\u2044\u2212\u2215\u2236\u29f8\ua789]/u;

// The same letter in another dress (fullwidth, mathematical, ligatures); not what is set apart by being small or in a circle.
const DRESSED = /^[A-Za-z0-9./:\\@%#?&=~$_-]+$/;
const APART = /[\u00aa\u00b2\u00b3\u00b9\u00ba\u02b0-\u02ff\u1d2c-\u1dbf\u2070-\u209c\u2460-\u24ff]/u;
const LIGATURE = /[\ufb00-\ufb06]/u;

const base = (character: string) => character.normalize('NFD').slice(0, 1);

function dressed(character: string): boolean {
  if (character < '\u0080' || APART.test(character)) return false;
  const plain = character.normalize('NFKC');
  return plain !== character && DRESSED.test(plain) && (plain.length === 1 || LIGATURE.test(character));
}

/**
 * What passes for a Latin letter or a plain sign: another script's letters in a word that also has Latin ones, words of nothing
 * but letters that look Latin, and letters in another dress. One such letter alone is a word of its own language where the
 * text has others that are plainly of it.
 */
function foreign(text: string): Set<number> {
  const found = new Set<number>();
  const words = [...text.matchAll(WORD)];
  const others = (word: string) => [...word].filter((character) => OTHER.test(character));
  const looksLatin = (word: string) => [...word].every((character) => !LETTER.test(character) || TWINS.has(base(character)));
  const isPlain = words.some(([word]) => others(word).length > 0 && !LATIN.test(word) && !looksLatin(word));
  for (const match of words) {
    const [word] = match;
    const strange = others(word);
    const mixed = strange.length > 0 && LATIN.test(word);
    const whole = strange.length > 0 && !mixed && looksLatin(word) && (strange.length > 1 || !isPlain);
    let at = match.index;
    for (const character of word) {
      if ((mixed || whole) && OTHER.test(character)) found.add(at);
      if (LATIN_TWINS.test(character)) found.add(at);
      at += character.length;
    }
  }
  let at = 0;
  for (const character of text) {
    if (PUNCTUATION.test(character) || dressed(character)) found.add(at);
    at += character.length;
  }
  return found;
}

function passesFor(character: string): string {
  const plain = character.normalize('NFKC');
  if (PUNCTUATION.test(character)) return 'a plain sign';
  return plain !== character && DRESSED.test(plain) ? `\`${plain}\`` : 'a Latin letter';
}

/** A text in pieces, everything in it that does not show marked by its code. */
export function visible(text: string): Piece[] {
  const pieces: Piece[] = [];
  const strange = foreign(text);
  let plain = '';
  let at = 0;
  let marks = 0;
  const flush = () => {
    if (plain !== '') pieces.push({ text: plain });
    plain = '';
  };
  for (const character of text) {
    marks = MARK.test(character) ? marks + 1 : 0;
    const lone = marks > MAX_MARKS ? { text: hex(code(character)), mark: 'hidden' as const, name: named(character) } : null;
    const twin = strange.has(at) ? { text: character, mark: 'foreign' as const, name: `${hex(code(character))}, passes for ${passesFor(character)}` } : null;
    const piece = marked(character) ?? lone ?? twin;
    if (piece === null) plain += character;
    else {
      flush();
      pieces.push(piece);
    }
    at += character.length;
  }
  flush();
  return pieces;
}

/** What of a text would mislead a reader: everything marked but line feeds and tabs. */
export function misleading(text: string): Piece[] {
  return visible(text).filter((piece) => piece.mark !== undefined && piece.mark !== 'break' && piece.text !== '\t');
}

/** An argument as it will be used: a text as it is, all else as JSON. */
export function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
}
