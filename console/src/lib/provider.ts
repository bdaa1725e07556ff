// What the identity provider sends a window back with.

/** The only page that it sends one to. */
const COME_BACK = '/sign-in/provider';

/** What is taken from the address. */
const TAKEN = ['state', 'code', 'iss', 'error'];

/** What the state of a window begins with that went there to confirm a sign-in. The gateway looks at its own list, not at this. */
const CONFIRMS = 'confirm-';

/** Over which the window that came back tells the one that waits what became of it. */
const CHANNEL = 'bulkhead.confirm';

export interface Returned {
  confirms: boolean;
  /** As the gateway takes it. */
  with: Record<string, string>;
}

/** What this window was sent back with; none where it was not. A code is good once, and stays in no history. */
export function returned(): Returned | null {
  if (location.pathname !== COME_BACK) return null;
  const query = new URLSearchParams(location.search);
  history.replaceState(null, '', '/');
  return { confirms: query.get('state')?.startsWith(CONFIRMS) === true, with: Object.fromEntries([...query].filter(([key]) => TAKEN.includes(key))) };
}

/** Tells the window that waits: nothing where it is confirmed, else why it is not. */
export function tell(problem: string): void {
  const channel = new BroadcastChannel(CHANNEL);
  channel.postMessage(problem);
  channel.close();
}

/** Hears what became of it, until what this gives is called. */
export function hear(heard: (problem: string) => void): () => void {
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = ({ data }) => heard(String(data));
  return () => channel.close();
}
