import { describe, expect, it } from 'vitest';
import { MAX_ITEMS, emptyTurn, fold, lamp, rest, shown, sources, toldElsewhere } from '../../src/lib/turn';
import type { StreamLine, What } from '../../src/lib/types';

let seq = 0;
const line = (what: What): StreamLine => ({ seq: seq++, session: 's-1', turn: 't-1', agent: 'echo', ...what });
const proposal = (id: string, verb = 'file.read', name = '/srv/a'): StreamLine =>
  line({ type: 'proposal', proposal: id, action: { verb, resource: { kind: 'path', name }, args: { path: name } } });
const verdict = (id: string, decision: 'permit' | 'ask' | 'deny' | 'kill'): StreamLine =>
  line({ type: 'verdict', proposal: id, decision, reasons: [{ layer: 'policy', policy: 'rule:1', message: 'why' }], micros: 3 });
const outcome = (id: string, status: 'done' | 'failed' | 'denied' = 'done'): StreamLine =>
  line({ type: 'outcome', proposal: id, status, labels: ['internal'], summary: 'sum' });
const approval = (id: string, state: 'waiting' | 'approved' | 'denied' | 'used' | 'expired'): StreamLine =>
  line({ type: 'approval', approval: id, state, binding: 'd', action: 'x' });

function folded(...told: StreamLine[]) {
  const turn = emptyTurn();
  for (const one of told) fold(turn, one);
  return turn;
}

const lamps = (...told: StreamLine[]) => folded(...told).items.flatMap((item) => (item.kind === 'act' ? [lamp(item.act)] : []));

describe('a turn', () => {
  it('is an action with its verdict and outcome, then the answer with what it was drawn from', () => {
    const turn = folded(proposal('p-1'), verdict('p-1', 'permit'), outcome('p-1'), proposal('p-2', 'file.read', '/srv/b'), verdict('p-2', 'deny'), line({ type: 'reply', text: 'so' }), line({ type: 'end' }));
    expect([turn.session, turn.id, turn.agent, turn.ended]).toEqual(['s-1', 't-1', 'echo', true]);
    expect(turn.items[0]).toMatchObject({ kind: 'act', act: { decision: 'permit', status: 'done', labels: ['internal'], summary: 'sum', micros: 3 } });
    expect(turn.items[2]).toEqual({ kind: 'reply', text: 'so', sources: [{ name: 'path:/srv/a', proposal: 'p-1' }] });
  });

  it('has a lamp for each state of an action', () => {
    expect(lamps(proposal('p'))).toEqual(['pending']);
    expect(lamps(proposal('p'), verdict('p', 'permit'))).toEqual(['permit']);
    expect(lamps(proposal('p'), verdict('p', 'deny'))).toEqual(['deny']);
    expect(lamps(proposal('p'), verdict('p', 'kill'))).toEqual(['kill']);
    expect(lamps(proposal('p'), verdict('p', 'permit'), outcome('p', 'failed'))).toEqual(['failed']);
    expect(lamps(proposal('p'), verdict('p', 'ask'))).toEqual(['held']);
    expect(lamps(proposal('p'), verdict('p', 'ask'), approval('a', 'waiting'))).toEqual(['held']);
    expect(lamps(proposal('p'), verdict('p', 'ask'), approval('a', 'waiting'), approval('a', 'approved'))).toEqual(['permit']);
    expect(lamps(proposal('p'), verdict('p', 'ask'), approval('a', 'waiting'), approval('a', 'expired'))).toEqual(['deny']);
    expect(lamps(proposal('p'), verdict('p', 'ask'), approval('a', 'waiting'), approval('a', 'denied'), verdict('p', 'deny'), outcome('p', 'denied'))).toEqual(['deny']);
  });

  it('gives each approval to the action that asked for it', () => {
    const turn = folded(proposal('p-1'), verdict('p-1', 'ask'), approval('a-1', 'waiting'), proposal('p-2'), verdict('p-2', 'ask'), approval('a-2', 'waiting'), approval('a-1', 'denied'), approval('a-2', 'approved'));
    expect(turn.items.map((item) => item.kind === 'act' && item.act.held)).toEqual([{ approval: 'a-1', state: 'denied' }, { approval: 'a-2', state: 'approved' }]);
  });

  it('takes a proposal once, however often it is told', () => {
    expect(folded(proposal('p-1'), proposal('p-1')).items).toHaveLength(1);
  });

  it('is not confused by what is told of a proposal that it never heard of, or by a kind that is new', () => {
    const strange = { ...line({ type: 'end' }), type: 'strange' } as unknown as StreamLine;
    expect(folded(verdict('p-9', 'permit'), outcome('p-9'), approval('a-9', 'waiting'), strange).items).toEqual([]);
  });

  it('says that events were missed, and how an error came', () => {
    expect(folded({ type: 'ended', message: 'you are not signed in any more' }).ended).toBe(false);
    const turn = folded({ type: 'missed', count: 3, message: '3 events were missed' }, line({ type: 'error', message: 'stopped', stopped: true }));
    expect(turn.items).toEqual([{ kind: 'notice', message: '3 events were missed' }, { kind: 'error', message: 'stopped', stopped: true }]);
  });

  it('has an end', () => {
    const turn = emptyTurn();
    for (let index = 0; index < MAX_ITEMS + 10; index += 1) fold(turn, proposal(`p-${index}`));
    expect(turn.items).toHaveLength(MAX_ITEMS);
    expect(turn.places.size).toBe(MAX_ITEMS);
  });

  it('draws from what was read, each once, and from nothing that failed', () => {
    expect(sources(folded(proposal('p-1'), verdict('p-1', 'permit'), outcome('p-1'), proposal('p-2'), verdict('p-2', 'permit'), outcome('p-2'), proposal('p-3', 'file.read', '/x'), verdict('p-3', 'permit'), outcome('p-3', 'failed'), proposal('p-4', 'model.call', 'm'), verdict('p-4', 'permit'), outcome('p-4')))).toEqual([{ name: 'path:/srv/a', proposal: 'p-1' }]);
  });

  it('names the document that was read and the words that were looked for in a collection', () => {
    const looked = (id: string, verb: string, args: Record<string, unknown>): StreamLine[] => [
      line({ type: 'proposal', proposal: id, action: { verb, resource: { kind: 'collection', name: 'handbook' }, args } }),
      verdict(id, 'permit'),
      outcome(id),
    ];
    const turn = folded(
      ...looked('p-1', 'documents.search', { query: 'days\u202e\n off' }),
      ...looked('p-2', 'documents.search', { query: 'x'.repeat(80) }),
      ...looked('p-3', 'documents.read', { document: 'time-off.md', from: 3 }),
      ...looked('p-4', 'documents.read', { document: 'time-off.md', from: 9, to: 12 }),
      ...looked('p-5', 'documents.read', { document: 'time-off.md' }),
      ...looked('p-6', 'documents.read', { to: 12, from: 9, document: 'time-off.md' }),
      // What differs only behind what is shown is another search.
      ...looked('p-7', 'documents.search', { query: `${'x'.repeat(80)} y` }),
    );
    expect(sources(turn)).toEqual([
      { name: 'collection:handbook (days off)', proposal: 'p-1' },
      { name: `collection:handbook (${'x'.repeat(60)}…)`, proposal: 'p-2' },
      { name: 'collection:handbook/time-off.md:3-', proposal: 'p-3' },
      { name: 'collection:handbook/time-off.md:9-12', proposal: 'p-4' },
      { name: 'collection:handbook/time-off.md', proposal: 'p-5' },
      { name: `collection:handbook (${'x'.repeat(60)}…)`, proposal: 'p-7' },
    ]);
  });
});

describe('an answer that comes in parts', () => {
  const part = (id: string, text: string): StreamLine => line({ type: 'part', proposal: id, text });
  const model = (id: string) => proposal(id, 'model.call', 'm');
  const replies = (turn: ReturnType<typeof folded>) => turn.items.flatMap((item) => (item.kind === 'reply' ? [[item.text, item.half === true]] : []));

  it('is one text, each part once, until the whole stands for it', () => {
    const half = [model('p-1'), part('p-2', 'one\n\n'), part('p-3', 'two\n\n'), part('p-2', 'one\n\n')];
    expect(replies(folded(...half))).toEqual([['one\n\ntwo\n\n', true]]);
    const turn = folded(...half, outcome('p-1'), proposal('p-4', 'reply'), verdict('p-4', 'permit'), line({ type: 'reply', text: 'one\n\ntwo\n\nthree' }), outcome('p-4'));
    expect(replies(turn)).toEqual([['one\n\ntwo\n\nthree', false]]);
    // Shown behind its own judgement, where the record has it.
    expect(shown(turn).map(({ item }) => item.kind)).toEqual(['act', 'act', 'reply']);
  });

  it('stays where the agent acts after it, and another answer is another', () => {
    const turn = folded(model('p-1'), part('p-2', 'I will look.\n\n'), proposal('p-3'), verdict('p-3', 'permit'), model('p-4'), part('p-5', 'So.\n\n'), line({ type: 'reply', text: 'So.\n\nThat is it.' }));
    expect(replies(turn)).toEqual([['I will look.\n\n', true], ['So.\n\nThat is it.', false]]);
    expect(rest(turn, 1)).toBe('before');
    expect(shown(turn).map(({ at }) => at)).toEqual([0, 1, 2, 3, 4]);
  });

  it('says what became of its rest', () => {
    const half = [model('p-1'), part('p-2', 'one\n\n')];
    const judged = (decision: 'ask' | 'deny') => rest(folded(...half, proposal('p-3', 'reply'), verdict('p-3', decision)), 1);
    expect(rest(folded(...half), 1)).toBe('coming');
    expect([judged('ask'), judged('deny')]).toEqual(['held', 'denied']);
    expect(rest(folded(...half, line({ type: 'error', message: 'stopped', stopped: true }), line({ type: 'end' })), 1)).toBe('missing');
  });

  it('is told once of a conversation that is told from the record', () => {
    const turn = folded(model('p-1'), part('p-2', 'one\n\n'));
    toldElsewhere(turn);
    expect(shown(turn).map(({ item }) => item.kind)).toEqual(['act']);
  });
});
