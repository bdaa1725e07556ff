// What a SOUL.md was, as somebody looks at it: its versions, one of them against what lies there.

import { api } from '../lib/api';
import type { SoulDiff, SoulVersion } from '../lib/types';

export class Past {
  versions = $state.raw<SoulVersion[]>([]);
  /** Before which number the list goes on. */
  before = $state<number | null>(null);
  loaded = $state(false);
  chosen = $state<number | null>(null);
  diff = $state.raw<SoulDiff | null>(null);
  /** The version that lies there, as it was when this was looked at. */
  there = $state('');
  problem = $state('');
  busy = $state(false);

  constructor(readonly agent: string) {}

  async load(): Promise<void> {
    await this.#tell(async () => {
      const [list, soul] = await Promise.all([api.soulVersions(this.agent, null), api.soul(this.agent)]);
      this.versions = list.versions;
      this.before = list.before;
      this.there = soul.version;
      this.loaded = true;
    });
  }

  async more(): Promise<void> {
    const { before } = this;
    if (before === null) return;
    await this.#tell(async () => {
      const list = await api.soulVersions(this.agent, before);
      if (this.before !== before) return;
      this.versions = [...this.versions, ...list.versions];
      this.before = list.before;
    });
  }

  /** Sets a version against what lies there. */
  async choose(number: number): Promise<void> {
    this.chosen = number;
    this.diff = null;
    await this.#tell(async () => {
      const found = await api.soulDiff(this.agent, number);
      if (this.chosen !== number) return;
      this.diff = found;
      this.there = found.version;
    });
  }

  /** Writes the chosen version anew, over the one that it was set against; the version, once it is written. */
  async write(): Promise<string | null> {
    const { diff } = this;
    if (diff === null || this.busy) return null;
    this.busy = true;
    let written: string | null = null;
    await this.#tell(async () => {
      written = (await api.rollSoulBack(this.agent, diff.from, diff.version)).version;
    });
    this.busy = false;
    return written;
  }

  async #tell(what: () => Promise<void>): Promise<void> {
    this.problem = '';
    try {
      await what();
    } catch (error) {
      this.problem = (error as Error).message;
    }
  }
}
