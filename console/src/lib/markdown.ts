// An agent's Markdown as a tree of known things. No text of an agent's ever becomes HTML: the page builds its
// elements from this tree, and what the tree has no name for stays the words that it is.

import MarkdownIt, { type Token } from 'markdown-it';

export type Tag =
  | 'p' | 'h3' | 'h4' | 'h5' | 'h6' | 'ul' | 'ol' | 'li' | 'blockquote'
  | 'table' | 'thead' | 'tbody' | 'tr' | 'th' | 'td' | 'em' | 'strong' | 's';

export type Node =
  | { kind: 'text'; text: string }
  | { kind: 'element'; tag: Tag; children: Node[]; align?: 'center' | 'right'; start?: number }
  | { kind: 'block'; language: string; text: string }
  | { kind: 'code'; text: string }
  | { kind: 'link'; href: string; host: string; children: Node[] }
  | { kind: 'image'; alt: string; source: string }
  | { kind: 'rule' }
  | { kind: 'break' };

/** A longer text is shown as it is: taking it apart would hold up the page. */
export const MAX_MARKDOWN = 200_000;

const parser = new MarkdownIt({ html: false, linkify: false, typographer: false, maxNesting: 40 });

const TAGS: Record<string, Tag> = {
  p: 'p', h1: 'h3', h2: 'h4', h3: 'h5', h4: 'h6', h5: 'h6', h6: 'h6', ul: 'ul', ol: 'ol', li: 'li',
  blockquote: 'blockquote', table: 'table', thead: 'thead', tbody: 'tbody', tr: 'tr', th: 'th', td: 'td',
  em: 'em', strong: 'strong', s: 's',
};

const SCHEMES = new Set(['http:', 'https:', 'mailto:']);

/** Where a link leads, or nothing when it leads nowhere that a person may be sent. */
export function destination(href: string): { href: string; host: string } | null {
  let url: URL;
  try {
    // Without a base: a link of an agent's never leads into this console.
    url = new URL(href);
  } catch {
    return null;
  }
  if (!SCHEMES.has(url.protocol) || url.username !== '' || url.password !== '') return null;
  return { href: url.href, host: url.protocol === 'mailto:' ? url.pathname : url.host };
}

/** Takes a text apart. */
export function markdown(text: string): Node[] {
  if (text.length > MAX_MARKDOWN) return [{ kind: 'block', language: '', text }];
  return tree(parser.parse(text, {}));
}

function tree(tokens: Token[]): Node[] {
  const root: Node[] = [];
  const open: Node[][] = [root];
  for (const token of tokens) {
    const here = open.at(-1) ?? root;
    if (token.nesting === -1) {
      if (open.length > 1) open.pop();
    } else if (token.nesting === 1) {
      const children: Node[] = [];
      const made = opened(token, children);
      // What has no name here keeps its words, in the place of it.
      if (made === null) open.push(here);
      else {
        here.push(made);
        open.push(children);
      }
    } else {
      here.push(...alone(token));
    }
  }
  return root;
}

function opened(token: Token, children: Node[]): Node | null {
  if (token.type === 'link_open') {
    const href = String(token.attrGet('href') ?? '');
    const to = destination(href);
    return to === null ? null : { kind: 'link', ...to, children };
  }
  const tag = TAGS[token.tag];
  if (tag === undefined || token.hidden) return null;
  const node: Node = { kind: 'element', tag, children };
  const align = /text-align:(center|right)/.exec(String(token.attrGet('style') ?? ''))?.[1];
  if (align === 'center' || align === 'right') node.align = align;
  const start = Number(token.attrGet('start') ?? '1');
  if (tag === 'ol' && Number.isSafeInteger(start) && start !== 1) node.start = start;
  return node;
}

function alone(token: Token): Node[] {
  switch (token.type) {
    case 'inline':
      return tree(token.children ?? []);
    case 'code_inline':
      return [{ kind: 'code', text: token.content }];
    case 'code_block':
    case 'fence':
      return [{ kind: 'block', language: token.info.trim().split(/\s+/)[0] ?? '', text: token.content }];
    case 'hr':
      return [{ kind: 'rule' }];
    case 'hardbreak':
      return [{ kind: 'break' }];
    case 'softbreak':
      return [{ kind: 'text', text: '\n' }];
    case 'image':
      return [{ kind: 'image', alt: token.content, source: String(token.attrGet('src') ?? '') }];
    default:
      return token.content === '' ? [] : [{ kind: 'text', text: token.content }];
  }
}

/** The words of a tree, for a comparison of what a link says with where it leads. */
export function words(nodes: Node[]): string {
  return nodes
    .map((node) => {
      if (node.kind === 'element' || node.kind === 'link') return words(node.children);
      if (node.kind === 'image') return node.alt;
      return 'text' in node ? node.text : '';
    })
    .join('');
}
