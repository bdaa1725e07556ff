import { describe, expect, it } from 'vitest';
import { retold } from '../../src/lib/past';
import { lamp } from '../../src/lib/turn';
import type { Conversation, Step, What } from '../../src/lib/types';

const step = (seq: number, turn: string, what: What): Step => ({ seq, time: `t${seq}`, turn, ...what });
const proposal = (seq: number, turn: string, id: string, name = '/srv/a'): Step =>
  step(seq, turn, { type: 'proposal', proposal: id, action: { verb: 'file.read', resource: { kind: 'path', name }, args: { path: name } } });
const verdict = (seq: number, turn: string, id: string, decision: 'permit' | 'ask' = 'permit'): Step =>
  // The record has no microseconds.
  step(seq, turn, { type: 'verdict', proposal: id, decision, reasons: [] } as unknown as What);
const outcome = (seq: number, turn: string, id: string): Step =>
  step(seq, turn, { type: 'outcome', proposal: id, status: 'done', labels: ['internal', 'hr'], summary: 'sum' });
const end = (seq: number, turn: string): Step => step(seq, turn, { type: 'end' });
const said = (seq: number, by: string) => ({ seq, session: 's-1', turn: null, time: `t${seq}`, by, text: `${by} ${seq}` });
const conversation = (...all: ReturnType<typeof said>[]): Conversation => ({ session: 's-1', agent: 'echo', labels: [], waiting: null, branch: null, said: all });

describe('a conversation that is told from the record', () => {
  it('has each action between what was asked and what was answered, with what the answer is drawn from', () => {
    const told = retold(conversation(said(1, 'person'), said(6, 'agent'), said(8, 'person'), said(11, 'agent')), {
      steps: [proposal(2, 't-1', 'p-1'), verdict(3, 't-1', 'p-1'), outcome(4, 't-1', 'p-1'), end(7, 't-1'), end(12, 't-2')],
      before: null,
    });
    expect(told.map((one) => (one.kind === 'said' ? one.said.by : 'turn'))).toEqual(['person', 'turn', 'agent', 'person', 'agent', 'turn']);
    const [, turn, answer, , other] = told;
    expect(turn).toMatchObject({ kind: 'turn', turn: { id: 't-1', session: 's-1', ended: true, items: [{ kind: 'act', act: { status: 'done', micros: null, summary: 'sum' } }] } });
    expect(answer).toMatchObject({ sources: [{ name: 'path:/srv/a', proposal: 'p-1' }], labels: ['internal', 'hr'] });
    // Nothing is known of that one, and it is not said that nothing was read.
    expect(other).toMatchObject({ sources: null, labels: [] });
  });

  it('says nothing of a turn whose beginning is further back than the page goes', () => {
    const told = retold(conversation(said(6, 'agent'), said(8, 'person'), said(11, 'agent')), {
      steps: [outcome(4, 't-1', 'p-1'), end(7, 't-1'), proposal(9, 't-2', 'p-2'), verdict(10, 't-2', 'p-2')],
      before: 4,
    });
    expect(told.map((one) => (one.kind === 'said' ? one.sources : one.turn.id))).toEqual([null, null, 't-2', []]);
  });

  it('has the one that waits, with its approval', () => {
    const told = retold({ ...conversation(said(1, 'person')), waiting: 'a-1' }, { steps: [proposal(2, 't-1', 'p-1'), verdict(3, 't-1', 'p-1', 'ask')], before: null });
    const last = told.at(-1);
    const item = last?.kind === 'turn' ? last.turn.items[0] : undefined;
    expect(item?.kind === 'act' ? [lamp(item.act), item.act.held] : null).toEqual(['held', { approval: 'a-1', state: 'waiting' }]);
  });

  it('is what was said where nothing is told of what was done', () => {
    const told = retold(conversation(said(1, 'person'), said(2, 'agent')), { steps: [], before: null });
    expect(told.map((one) => one.kind)).toEqual(['said', 'said']);
  });
});
