// What somebody may do to an agent. The gateway decides; this says what is worth showing.

import type { Me } from './types';

/** Administrators may with agents that came since they were asked about, too. */
export function may(me: Me | null, act: 'stop' | 'pause' | 'resume' | 'soul', agent: string): boolean {
  return me !== null && (me.administrator || me.may[act].includes(agent));
}
