// What the gateway answers. The names are those of its JSON.

export type Decision = 'permit' | 'ask' | 'deny' | 'kill';
export type Layer = 'policy' | 'rights' | 'flow' | 'rate' | 'advice' | 'guardrail' | 'approval';
export type Status = 'done' | 'failed' | 'denied' | 'withheld' | 'unknown' | 'late';
export type ApprovalState = 'waiting' | 'approved' | 'denied' | 'expired' | 'cancelled' | 'used' | 'void';

export interface Resource {
  kind: string;
  name: string;
}

export interface Action {
  verb: string;
  resource: Resource;
  args: Record<string, unknown>;
}

export interface Reason {
  layer: Layer;
  policy: string;
  message: string;
}

interface Place {
  seq: number;
  session: string;
  turn: string;
  agent: string;
}

export type What =
  | { type: 'proposal'; proposal: string; action: Action }
  | { type: 'verdict'; proposal: string; decision: Decision; reasons: Reason[]; micros: number }
  | { type: 'outcome'; proposal: string; status: Status; labels: string[]; summary: string }
  | { type: 'approval'; approval: string; state: ApprovalState; binding: string; action: string }
  | { type: 'reply'; text: string }
  | { type: 'notice'; message: string }
  | { type: 'error'; message: string; stopped?: boolean }
  | { type: 'end' };

export type TurnEvent = Place & What;

/** A follower was too slow; it is no event of a turn. */
export interface Missed {
  type: 'missed';
  count: number;
  message: string;
}

/** Whoever follows may do so no longer; nothing more comes. */
export interface Ended {
  type: 'ended';
  message: string;
}

export type StreamLine = TurnEvent | Missed | Ended;

export interface Agent {
  name: string;
  role: string;
  state: string;
  version: string | null;
  sessions: number;
  skills: string[];
  last_active: string | null;
  errors_today: number;
  anomalies: number;
  problem: string | null;
}

export interface Approval {
  id: string;
  agent: string;
  asked_by: string;
  action: Action;
  digest: string;
  reasons: Reason[];
  labels: string[];
  expires: string;
  state: ApprovalState;
  session: string;
  turn: string;
}

export interface Said {
  time: string;
  by: string;
  text: string | null;
}

export interface Conversation {
  session: string;
  agent: string;
  labels: string[];
  waiting: string | null;
  said: Said[];
}

export interface Killed {
  agent: string;
  processes: number;
  left: number;
  ms: number;
}

export interface KillReport {
  killed: Killed[];
}

export interface Standing {
  name: string;
  format: string;
  to: string;
  local: boolean;
  taken: number;
  behind: number;
  failing_since: string | null;
  last_error: string | null;
  late: boolean;
}

export interface GatewayStatus {
  version: string;
  pid: number;
  address: string;
  containment: string;
  ready: boolean;
  why: string | null;
  exports: Standing[];
  person: string;
}

export interface Me {
  person: string;
  groups: string[];
  administrator: boolean;
  may: { approve: string[]; content: string[]; erase: boolean };
  confirmed_until: string | null;
  containment: string;
  version: string;
  solo: boolean;
}

export interface SignInRow {
  id: string;
  person: string;
  how: string;
  created: string;
  seen: string;
  expires: string;
  agent: string;
  current: boolean;
}

export interface Token {
  id: string;
  person: string;
  name: string;
  scopes: string[];
  created: string;
  expires: string;
  used: string | null;
}

export interface PersonRow {
  id: string;
  groups: string[];
  administrator: boolean;
  clearance: string[];
  sign_ins: number;
  tokens: number;
  password: boolean;
}

export interface Invitation {
  code: string;
  expires: string;
}

/** RFC 9457, with what kind of no it is. */
export interface Problem {
  status: number;
  title: string;
  detail: string;
  kind: string;
}

/** A token that was just made; its secret is in no later answer. */
export interface NewToken {
  token: string;
  made: Token;
}
