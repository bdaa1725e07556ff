// Which citation somebody follows: the action that read it opens, with what it read.

class Passages {
  /** The action. */
  cited = $state<string | null>(null);
}

export const passages = new Passages();
