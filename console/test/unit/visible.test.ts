import { describe, expect, it } from 'vitest';
import { misleading, shown, visible } from '../../src/lib/visible';

const marks = (text: string) => visible(text).flatMap((piece) => (piece.mark === undefined ? [] : [piece.mark]));

describe('what does not show', () => {
  it('leaves plain words alone', () => {
    expect(visible('Grüße, 世界! naïve — “ok” Ελλάδα Россия')).toEqual([{ text: 'Grüße, 世界! naïve — “ok” Ελλάδα Россия' }]);
  });

  it('names every character that turns the direction of a text', () => {
    for (const one of ['\u202a', '\u202b', '\u202c', '\u202d', '\u202e', '\u2066', '\u2067', '\u2068', '\u2069', '\u200e', '\u200f', '\u061c']) {
      expect(marks(`a${one}b`), one).toEqual(['direction']);
    }
  });

  it('names every character that draws nothing', () => {
    for (const one of ['\u200b', '\u200c', '\u200d', '\u2060', '\ufeff', '\u00ad', '\u034f', '\u115f', '\u3164', '\uffa0', '\u2800', '\u180e', '\ufe0f', '\u{e0041}', '\u{e0100}', '\u2028', '\u2029', '\u2063', '\ufff9']) {
      expect(marks(`a${one}b`), one.codePointAt(0)?.toString(16)).toEqual(['hidden']);
    }
  });

  it('names controls, blanks that are none, and what is no character', () => {
    for (const one of ['\u0000', '\u0008', '\u001b', '\u007f', '\u009b', '\r']) expect(marks(one)).toEqual(['control']);
    for (const one of ['\u00a0', '\u2003', '\u202f', '\u3000']) expect(marks(one)).toEqual(['space']);
    for (const one of ['\ud800', '\ue000', '\u{10ffff}', '\ufdd0']) expect(marks(one)).toEqual(['hidden']);
  });

  it('names letters of another script inside a Latin word', () => {
    expect(visible('pаypal')).toEqual([{ text: 'p' }, { text: 'а', mark: 'foreign', name: 'U+0430, passes for a Latin letter' }, { text: 'ypal' }]);
    for (const word of ['Аpple', 'micrоsoft', 'αdmin', 'աpi', 'bаnk_1', 'nоté', 'ⲟk']) expect(marks(word), word).toEqual(['foreign']);
    expect(marks('слово word λόγος')).toEqual([]);
  });

  it('names whole words of letters that look Latin', () => {
    for (const word of ['аррӏе', 'расе', 'сосо', 'АВС', 'ΚΑΤΕ', 'νονα', 'օսս', 'ᎪᏢᏢᏞᎬ']) {
      expect(marks(`pay ${word}.com`), word).toEqual([...word].map(() => 'foreign'));
      expect(marks(`Привет, Ελλάδα: ${word}`), `${word} among others`).toEqual([...word].map(() => 'foreign'));
    }
    // Alone, a letter is a word of Russian or Greek where those are spoken, and nowhere else.
    expect(marks('Он сказал: я и ты, а у меня о том. Η Ελλάδα ή ο κόσμος')).toEqual([]);
    expect(marks('version а')).toEqual(['foreign']);
  });

  it('names letters and signs in another dress', () => {
    for (const one of ['ａ', '𝐚', '𝒶', 'ℂ', 'ⅰ', 'ﬁ', '\u212a', '．', '／', '⁄', '∕', '‐', '−', '꞉', 'ɡ', 'ɑ', '𝟏']) expect(marks(`x${one}y`), one).toEqual(['foreign']);
    expect(visible('／')[0]?.name).toBe('U+FF0F, passes for `/`');
    for (const one of ['²', 'ª', '①', '™', '…', '–', '—', '½', 'é', 'ß', 'ı', '世', 'あ', '한', 'ц', '€', '→']) expect(marks(`x ${one} y`), one).toEqual([]);
  });

  it('names an accent that is piled up', () => {
    expect(marks('e\u0301\u0302\u0303')).toEqual([]);
    expect(marks('e\u0301\u0302\u0303\u0304\u0305')).toEqual(['hidden', 'hidden']);
  });

  it('loses nothing', () => {
    let text = '';
    for (let number = 0; number < 0x3100; number += 1) text += String.fromCodePoint(number);
    const told = visible(text);
    const plain = told.filter((piece) => piece.mark === undefined).map((piece) => piece.text.length);
    expect(plain.reduce((sum, length) => sum + length, 0) + told.filter((piece) => piece.mark !== undefined).length).toBe(text.length);
  });

  it('counts as misleading what is more than a line or a tab', () => {
    expect(misleading('a\n\tb')).toEqual([]);
    expect(misleading('a\u202eb')).toHaveLength(1);
  });

  it('shows an argument as it will be used', () => {
    expect(shown('a')).toBe('a');
    expect(shown({ a: ['\u202e'] })).toContain('\u202e');
    expect(shown(null)).toBe('null');
  });
});
