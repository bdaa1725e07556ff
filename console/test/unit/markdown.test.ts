import { describe, expect, it } from 'vitest';
import { MAX_MARKDOWN, destination, markdown, words } from '../../src/lib/markdown';

describe('Markdown', () => {
  it('becomes a tree of known things', () => {
    expect(markdown('# a\n\n**b** `c`')).toEqual([
      { kind: 'element', tag: 'h3', children: [{ kind: 'text', text: 'a' }] },
      { kind: 'element', tag: 'p', children: [{ kind: 'element', tag: 'strong', children: [{ kind: 'text', text: 'b' }] }, { kind: 'text', text: ' ' }, { kind: 'code', text: 'c' }] },
    ]);
  });

  it('keeps tables with their alignment, lists with their start, and code with its language', () => {
    const [table, list, block] = markdown('|a|b|\n|-|-:|\n|1|2|\n\n3. x\n\n```sh x\nls\n```');
    expect(JSON.stringify(table)).toContain('"tag":"td","children":[{"kind":"text","text":"2"}],"align":"right"');
    expect(list).toMatchObject({ tag: 'ol', start: 3 });
    expect(block).toEqual({ kind: 'block', language: 'sh', text: 'ls\n' });
  });

  it('leaves HTML the words that it is', () => {
    const text = '<img src=x onerror=alert(1)> <script>alert(1)</script>';
    expect(words(markdown(text))).toBe(text);
    expect(JSON.stringify(markdown(text))).not.toContain('"image"');
  });

  it('links only to where a person may be sent', () => {
    expect(destination('https://a.example/b')).toEqual({ href: 'https://a.example/b', host: 'a.example' });
    expect(destination('mailto:a@b.example')?.host).toBe('a@b.example');
    for (const no of ['javascript:alert(1)', 'JaVaScRiPt:alert(1)', 'data:text/html,x', 'vbscript:x', 'file:///etc/passwd', 'blob:https://a/b', '/api/v1/sign-out', '//evil.example', '#/live', 'https://bank.example@evil.example/', '', 'x']) {
      expect(destination(no), no).toBeNull();
      expect(JSON.stringify(markdown(`[x](<${no}>)`)), no).not.toContain('"link"');
    }
  });

  it('keeps the words of a link that leads nowhere', () => {
    expect(words(markdown('a [b *c*](javascript:x) d'))).toContain('b ');
    expect(words(markdown('a [b](/c) d'))).toBe('a b d');
  });

  it('names the picture and does not fetch it', () => {
    expect(markdown('![alt](https://evil.example/?secret)')[0]).toMatchObject({ children: [{ kind: 'image', alt: 'alt', source: 'https://evil.example/?secret' }] });
  });

  it('bears what is made to be heavy', () => {
    for (const heavy of ['['.repeat(50_000), '>'.repeat(50_000), '*a '.repeat(40_000), '`'.repeat(50_000), '![](' .repeat(20_000), '|'.repeat(50_000), '- '.repeat(30_000), '<'.repeat(50_000)]) {
      expect(Array.isArray(markdown(heavy))).toBe(true);
    }
    expect(markdown('*'.repeat(MAX_MARKDOWN + 1))).toMatchObject([{ kind: 'block' }]);
  });
});
