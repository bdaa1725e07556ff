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
  | { type: 'verdict'; proposal: string; decision: Decision; reasons: Reason[]; micros?: number }
  | { type: 'outcome'; proposal: string; status: Status; labels: string[]; summary: string }
  | { type: 'approval'; approval: string; state: ApprovalState; binding: string; action: string }
  | { type: 'part'; proposal: string; text: string }
  | { type: 'reply'; text: string }
  | { type: 'notice'; message: string }
  | { type: 'error'; message: string; stopped?: boolean }
  | { type: 'end' };

export type TurnEvent = Place & What;

/** A follower was too slow; it is no event of a turn. */
export interface Missed {
  type: 'missed';
  /** How many; `null` when nobody knows. */
  count: number | null;
  message: string;
}

/** Whoever follows may do so no longer; nothing more comes. */
export interface Ended {
  type: 'ended';
  message: string;
}

export type StreamLine = TurnEvent | Missed | Ended;

/** One page of a list, and where it goes on when there is more. */
export interface Page<T> {
  items: T[];
  after: string | null;
}

export interface Agent {
  name: string;
  role: string;
  state: string;
  version: string | null;
  sessions: number;
  skills: string[];
  last_active: string | null;
  errors_today: number;
  reduced: boolean;
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
  /** The queue that it waits in; none where none has it. */
  queue: string | null;
  risk: 'low' | 'medium' | 'high';
  /** How many people have to say yes, and who has so far. */
  needed: number;
  approved_by: string[];
  since: string | null;
  /** When more people are asked, and whether they are by now. */
  escalates: string | null;
  escalated: boolean;
  /** How many of the yeses that it still takes nobody is there to say. */
  missing: number;
  /** Whether whoever is shown this may say yes now. */
  decidable: boolean;
  /** Whether that yes may also be for exactly the same again. */
  patternable: boolean;
  /** Who has a right to read what it would write, where it is shown by itself. */
  readers?: { name: string; people: string[] }[] | null;
  /** The model that is told its words or what comes back of it, and whether that is on another machine. */
  model?: { name: string; remote: boolean } | null;
  /** What a write would change, where it is shown by itself to who decides on it. */
  change?: FileChange | null;
}

/** What may happen again without another look, and on whose word. */
export interface Pattern {
  id: string;
  agent: string;
  asked_by: string;
  approved_by: string;
  verb: string;
  resource: Resource;
  digest: string;
  since: string;
  expires: string;
  uses: number;
}

/** What a held write would change, by the file as it was when the agent asked. */
export interface FileChange {
  created: boolean;
  bytes: number;
  labels: string[];
  diff: TextDiff | null;
  why: string | null;
}

/** How much somebody decided within some time, and how long they looked. */
export interface Spent {
  decisions: number;
  approved: number;
  busiest_hour: number;
  look_median_ms: number | null;
  look_p10_ms: number | null;
  high_risk: number;
  high_risk_look_median_ms: number | null;
  unseen: number;
  untimed: number;
  risks: ('too-many' | 'too-fast' | 'nearly-always-yes')[];
}

export interface Thresholds {
  an_hour: number;
  look_ms: number;
  approved_percent: number;
  decisions: number;
}

export interface Budget {
  person: string;
  hour: Spent;
  day: Spent;
  month: Spent;
}

export interface Budgets extends Page<Budget> {
  thresholds: Thresholds;
  /** Whether all of thirty days was read. */
  whole: boolean;
}

export interface Said {
  /** Its place in the conversation. */
  seq: number;
  /** In which conversation it was said: another one in a past. */
  session: string;
  turn: string | null;
  time: string;
  by: string;
  text: string | null;
}

export interface Conversation {
  session: string;
  agent: string;
  labels: string[];
  waiting: string | null;
  branch: Branch | null;
  said: Said[];
}

/** Where a conversation came from that goes on from another. */
export interface Branch {
  session: string;
  /** The last turn of its past. */
  upto: string | null;
  /** Whether that conversation is still there. */
  there: boolean;
  title: string | null;
  /** Whether something of the past was erased. */
  erased: boolean;
}

/** A conversation that began and goes on from another. */
export interface Branched {
  session: string;
  agent: string;
  labels: string[];
  branch: Branch | null;
}

/** One thing that happened on the way to an answer, as an event told it. */
export type Step = What & { seq: number; time: string; turn: string };

export interface Steps {
  steps: Step[];
  before: number | null;
}

/** What an action read. */
export interface Passage {
  proposal: string;
  verb: string;
  resource: Resource;
  labels: string[];
  text: string | null;
  cut: boolean;
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
  /** Queues in which fewer may decide than have to. */
  short: { queue: string; agent: string; needed: number; there: number }[];
  person: string;
}

export interface Finding {
  check: string;
  state: 'ok' | 'warning' | 'missing' | 'unsafe';
  message: string;
  /** Empty when nothing is to be done. */
  mend: string;
}

/** What `bulkhead doctor` finds. */
export interface Health {
  ok: boolean;
  findings: Finding[];
  age_seconds: number;
}

export interface Me {
  person: string;
  groups: string[];
  administrator: boolean;
  /** Those that `[[role]]` gives. */
  roles: string[];
  may: {
    approve: string[]; content: string[]; stop: string[]; pause: string[]; resume: string[]; soul: string[];
    stop_all: boolean; follow: boolean; people: boolean; export: boolean; erase: boolean; record: boolean;
  };
  confirmed_until: string | null;
  containment: string;
  version: string;
  solo: boolean;
  /** With what they show again that it is they, before dangerous acts. */
  confirms: ('passkey' | 'password' | 'provider')[];
}

export interface Ways {
  password: boolean;
  /** The origin at which passkeys work. */
  passkeys: string | null;
  /** What the identity provider is called. */
  provider: string | null;
  /** Whether this browser carries a sign-in, which may be over. */
  carried: boolean;
}

export interface Passkey {
  id: string;
  person: string;
  name: string;
  site: string;
  created: string;
  used: string | null;
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

/** How much waits, and nothing of what it is. */
export interface HowMany {
  waiting: number;
  /** Of each agent of which something waits. */
  agents: Record<string, number>;
}

export interface PersonRow {
  id: string;
  groups: string[];
  /** Those that `[[role]]` gives. */
  roles: string[];
  administrator: boolean;
  clearance: string[];
  sign_ins: number;
  tokens: number;
  passkeys: number;
  password: boolean;
}

/** An account of the organisation's directory. */
export interface Account {
  id: string;
  person: string;
  made_by: string;
  /** What people call them. */
  shown: string | null;
  /** Whether its person may come in. */
  active: boolean;
  groups: Record<string, string>;
  created: string;
}

/** A resource that is granted, or an agent that nobody may ask. */
export interface GrantRow {
  right: string;
  resource: string;
  groups: string[];
  /** Groups that have it by a wider grant. */
  wider: string[];
}

export interface Grants extends Page<GrantRow> {
  groups: { name: string; people: string[] }[];
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
  /** What is wrong with what was sent, piece by piece, where the gateway says so. */
  errors: unknown[];
}

/** A token that was just made; its secret is in no later answer. */
export interface NewToken {
  token: string;
  made: Token;
}

/** A conversation in a list. */
export interface ConversationRow {
  session: string;
  agent: string;
  started: string | null;
  last: string | null;
  turns: number;
  labels: string[];
  turn: string | null;
  waiting: string | null;
  title: string | null;
  branch: Branch | null;
}

export interface Conversations {
  sessions: ConversationRow[];
  before: string | null;
}

/** Something said that has the words of a search, and what stands around the first of them. */
export interface Passage {
  session: string;
  agent: string;
  title: string | null;
  /** Its place in the conversation. */
  seq: number;
  time: string;
  by: 'person' | 'agent';
  before: string;
  word: string;
  after: string;
}

/** What a search found, and how far back it has come where there is more. */
export interface Recalled {
  items: Passage[];
  after: number | null;
  until: string | null;
}

export type Fact = string | number | boolean | string[];

/** What is known of a model call without its words. */
export interface ModelCall {
  model: string | null;
  prompt_tokens: number;
  completion_tokens: number;
  finish: string | null;
  fault: string | null;
  options?: Record<string, unknown>;
}

/** A record's metadata, as `bulkhead audit query --json` prints it. */
export interface RecordRow {
  seq: number;
  time: string;
  kind: string;
  event: string | null;
  facts?: Record<string, Fact>;
  session: string | null;
  turn: string | null;
  proposal: string | null;
  agent: string | null;
  person: string | null;
  action: { verb: string | null; resource: Resource | null } | null;
  decision: Decision | null;
  reasons: { layer: string; policy: string }[];
  status: string | null;
  labels: string[] | null;
  policy_version: string | null;
  call: ModelCall | null;
  prev: string;
  hash: string;
  erased?: boolean;
  erased_by?: number;
  erases?: unknown;
}

/** The conditions on records; those that are empty are none. */
export interface RecordQuery {
  agent?: string;
  person?: string;
  session?: string;
  kind?: string;
  event?: string;
  decision?: string;
  action?: string;
  label?: string;
  since?: string;
  until?: string;
  before?: number;
  after?: number;
  limit?: number;
}

export interface Records {
  records: RecordRow[];
  before: number | null;
  after: number | null;
}

export interface Look {
  seq: number;
  record: RecordRow | null;
  content: unknown;
  erased: boolean;
  refused: string | null;
}

export type Verified =
  | { type: 'progress'; records: number; total: number }
  | { type: 'report'; ok: boolean; records: number; first_bad: { seq: number | null; why: string } | null; checkpoint: { records: number; hash: string } }
  | { type: 'failed'; message: string }
  | { type: 'ended'; message: string };

export interface Soul {
  text: string;
  version: string;
}

/** A version of a SOUL.md; `by` is nobody when it was written by hand. */
export interface SoulVersion {
  number: number;
  version: string;
  time: string;
  by: string | null;
  /** The version whose text was brought back. */
  from: number | null;
  bytes: number;
}

/** Lines one after another that share their fate. */
export interface Piece {
  kind: 'same' | 'skipped' | 'added' | 'removed';
  lines: string[];
  count: number;
  /** The last of them is the end of its text, and has no line break. */
  unended: boolean;
}

export interface TextDiff {
  pieces: Piece[];
  added: number;
  removed: number;
  /** It goes on after the last piece. */
  cut: boolean;
}

/** What a version and another, or what lies there, differ in; `version` is the second one's. */
export interface SoulDiff {
  from: number;
  to: number | null;
  version: string;
  diff: TextDiff;
}

/** What is wrong with a SOUL.md, and where. */
export interface Diagnostic {
  line: number;
  column: number;
  message: string;
  help: string;
}

/** A rule, and how strong it is. */
export interface RuleReport {
  text: string;
  line: number;
  strength: 'enforced' | 'screened' | 'advisory';
  by: string[];
  policy: string | null;
}

export interface CheckReport {
  agent: string | null;
  path: string;
  valid: boolean;
  errors: Diagnostic[];
  rules: RuleReport[];
  skills: { name: string; grants: Record<string, string[]>; default: boolean }[];
}
