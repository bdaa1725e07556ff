import { describe, expect, it } from 'vitest';
import { BARS, conditions, figures, line, timeline, tone, words } from '../../src/lib/record';
import type { RecordRow } from '../../src/lib/types';

const T = Date.parse('2026-11-21T12:00:00Z');
let seq = 0;
const row = (at: number, more: Partial<RecordRow>): RecordRow => ({
  seq: (seq += 1), time: new Date(T + at).toISOString(), kind: 'admin', event: null, session: 's-1', turn: 't-1', proposal: null, agent: 'echo', person: 'ada', action: null,
  decision: null, reasons: [], status: null, labels: null, policy_version: null, call: null, prev: '', hash: '', ...more,
});
const wants = { verb: 'file.read', resource: { kind: 'path', name: '/a' } };
const turn = (id: string, at: number) => [
  row(at, { kind: 'message', event: 'message.received', turn: id }),
  row(at + 10, { kind: 'proposal', proposal: `p-${id}`, action: wants, turn: id }),
  row(at + 12, { kind: 'verdict', proposal: `p-${id}`, action: wants, decision: 'permit', reasons: [{ layer: 'policy', policy: 'skill:x' }], turn: id }),
  row(at + 50, { kind: 'outcome', proposal: `p-${id}`, action: wants, status: 'done', turn: id }),
  row(at + 60, { kind: 'message', event: 'turn.ended', turn: id }),
];

describe('a record in a line', () => {
  it('says what, to what and how', () => {
    expect(line(row(0, { kind: 'verdict', action: wants, decision: 'deny' }))).toMatchObject({ verb: 'file.read', resource: 'path:/a', state: 'deny' });
    expect(line(row(0, { action: { verb: null, resource: null } }))).toMatchObject({ verb: null, resource: null, state: null });
    expect([words('sign-in.refused'), words('while_stopped')]).toEqual(['sign-in refused', 'while stopped']);
    expect(['permit', 'done', 'deny', 'kill', 'ask', 'unknown', null].map(tone)).toEqual(['good', 'good', 'bad', 'bad', 'held', 'held', 'line']);
  });
});

describe('conditions', () => {
  it('are those that were filled in, and times are said in UTC', () => {
    expect(conditions({ agent: ' echo ', person: '', since: '2026-11-21T12:00:00Z', until: 'no time' })).toEqual({ agent: 'echo', since: '2026-11-21T12:00:00.000Z' });
  });
});

describe('a timeline', () => {
  it('has a stretch for each turn and a span for each action', () => {
    const found = timeline([...turn('t-1', 0), row(9_000, { event: 'content.read', turn: null }), ...turn('t-2', 10_000)]);
    expect(found.map((one) => [one.turn, one.to - one.from, one.happenings.length])).toEqual([['t-1', 60, 3], ['t-2', 1_060, 4]]);
    expect(found[0]?.happenings[1]).toMatchObject({ kind: 'span', span: { verb: 'file.read', state: 'done', reasons: [{ policy: 'skill:x' }], from: T + 10, judged: T + 12, to: T + 50 } });
  });

  it('keeps what has no outcome, and what has no proposal', () => {
    const found = timeline([row(0, { kind: 'proposal', proposal: 'p', action: wants }), row(5, { kind: 'outcome', proposal: 'q', status: 'unknown' })]);
    expect(found[0]?.happenings.map((one) => (one.kind === 'span' ? one.span.to : one.what))).toEqual([null, 'outcome']);
    expect(timeline([])).toEqual([]);
  });
});

describe('the plots', () => {
  it('count what was judged, what it cost, how long it took and who decided', () => {
    const call = { verb: 'model.call', resource: { kind: 'model', name: 'm' } };
    const rows = [
      ...turn('t-1', 0),
      row(100, { kind: 'proposal', proposal: 'p', action: call }),
      row(100, { kind: 'verdict', proposal: 'p', action: call, decision: 'ask' }),
      row(900, { kind: 'outcome', proposal: 'p', action: call, status: 'done', call: { model: 'm', prompt_tokens: 10, completion_tokens: 5, finish: 'stop', fault: null } }),
      row(950, { kind: 'approval', event: 'approval.approved', person: 'bob' }),
      row(960, { kind: 'approval', event: 'approval.denied', person: 'bob' }),
      row(965, { kind: 'approval', event: 'approval.supported', person: 'bob' }),
      row(966, { kind: 'approval', event: 'approval.supported', person: 'cid' }),
      row(970, { kind: 'approval', event: 'approval.shown', person: 'ada', facts: { approval: 'a-1', own: true } }),
      row(975, { kind: 'approval', event: 'approval.shown', person: 'bob', facts: { approval: 'a-1', own: false } }),
      // She takes back what she asked for.
      row(980, { kind: 'approval', event: 'approval.denied', person: 'ada', facts: { approval: 'a-1' } }),
    ];
    for (const order of [rows, rows.toReversed()]) {
      const found = figures(order, T, T + 1_000);
      expect([found.permitted.length, found.permitted[0], found.stopped[2], found.tokens[21]]).toEqual([BARS, 1, 1, 15]);
      expect(found.latency).toEqual([{ name: 'model', count: 1, median: 800, most: 800 }, { name: 'other', count: 1, median: 40, most: 40 }]);
      expect(found.deciders).toEqual([{ person: 'bob', yes: 2, no: 1 }, { person: 'cid', yes: 1, no: 0 }]);
    }
    // What lies before is not counted, what lies behind is in the last bar.
    expect(figures(rows, T + 20, T + 30).permitted.reduce((sum, one) => sum + one, 0)).toBe(0);
    expect(figures([], T, T).latency).toEqual([]);
  });
});
