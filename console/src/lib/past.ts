// A conversation as it was, told from the record: what was said, and between it the turns with what was done in them.

import { type Source, type Turn, emptyTurn, fold, joined, sources, toldElsewhere } from './turn';
import type { Conversation, Said, Steps } from './types';

export type Past = { kind: 'said'; said: Said; sources: Source[] | null; labels: string[] } | { kind: 'turn'; turn: Turn; time: string };

/** What was said and done, in order. Where not all steps are there, what an answer was drawn from is said of whole turns only. */
export function retold(told: Conversation, { steps, before }: Steps): Past[] {
  const cut = before === null ? null : (steps[0]?.turn ?? null);
  const turns = new Map<string, Turn>();
  const found: Past[] = [];
  const rest = steps.filter((step) => step.turn !== cut);
  let at = 0;
  const upTo = (seq: number) => {
    for (let step = rest[at]; step !== undefined && step.seq < seq; step = rest[(at += 1)]) {
      let turn = turns.get(step.turn);
      if (turn === undefined) {
        turn = emptyTurn();
        turns.set(step.turn, turn);
        found.push({ kind: 'turn', turn, time: step.time });
      }
      fold(turn, { ...step, session: told.session, agent: told.agent });
    }
  };
  for (const said of told.said) {
    upTo(said.seq);
    const last = found.at(-1);
    const turn = said.by === 'agent' && last?.kind === 'turn' ? last.turn : null;
    // What had come of it before is in it.
    if (turn !== null) toldElsewhere(turn);
    found.push({ kind: 'said', said, sources: turn === null ? null : sources(turn), labels: turn === null ? [] : joined(turn) });
  }
  upTo(Infinity);
  const open = [...turns.values()].findLast((turn) => !turn.ended);
  if (told.waiting !== null && open?.id != null) {
    fold(open, { type: 'approval', seq: 0, turn: open.id, session: told.session, agent: told.agent, approval: told.waiting, state: 'waiting', binding: '', action: '' });
  }
  return found;
}
