// What makes Markdown of an agent's words. It is half of all script, so that it comes with the first conversation; until it is
// here, and where it cannot be had, words are shown as they are.

import type { Component } from 'svelte';

class Format {
  Markdown = $state.raw<Component<{ text: string }> | null>(null);
  #asked = false;

  /** Fetches it, once. */
  async begin(): Promise<void> {
    if (this.#asked) return;
    this.#asked = true;
    try {
      this.Markdown = (await import('../parts/Markdown.svelte')).default;
    } catch {
      // A page of another version, or no gateway: asked for again with the next conversation.
      this.#asked = false;
    }
  }
}

export const format = new Format();
