// Keeping conversations. What the store does not have, yet or at all, stays here as long as the page does.

import { headOf, newestFirst } from "./chat-store.js";
import { merged } from "./chat-tree.js";

const SOON_MS = 400;

export class Keeper {
  /** `onTried` gets a conversation after every try to keep it, and why it is not kept, or `null`. */
  constructor(store, onTried) {
    this.store = store;
    this.onTried = onTried;
    /** By id what the store does not have as it is here: `{conversation, error}`. The error is that of the
     * last try, or `null` while the first one is to come. */
    this.unkept = new Map();
    /** Writes that are put off. */
    this.timers = new Map();
  }

  /** What the list shows, the newest first. */
  async heads() {
    const stored = await this.store.heads().catch(() => []);
    const heads = new Map(stored.map((head) => [head.id, head]));
    for (const [id, { conversation }] of this.unkept) heads.set(id, headOf(conversation));
    return newestFirst([...heads.values()]);
  }

  /** A conversation as it is here, or else as the store has it. */
  async get(id) {
    const before = this.unkept.get(id);
    const stored = await this.store.get(id).catch(() => null);
    // It may have been kept, or changed, while that was read.
    const here = (this.unkept.get(id) ?? before)?.conversation;
    if (here && stored) takeIn(here, stored);
    return here ?? stored;
  }

  /** Notes that the store is to get a conversation, at once or soon. */
  note(conversation) {
    const { id } = conversation;
    clearTimeout(this.timers.get(id));
    this.timers.delete(id);
    const entry = { conversation, error: this.unkept.get(id)?.error ?? null };
    this.unkept.set(id, entry);
    return entry;
  }

  soon(conversation) {
    this.note(conversation);
    this.timers.set(conversation.id, setTimeout(() => this.keep(conversation), SOON_MS));
  }

  /** Keeps a conversation, and takes in what other tabs added to it. `isRestored`: it was deleted, and
   * the user wants it back. */
  async keep(conversation, isRestored = false) {
    const { id } = conversation;
    const entry = this.note(conversation);
    let error = null;
    try {
      const kept = await (isRestored ? this.store.restore(conversation) : this.store.save(conversation));
      for (const [message, value] of Object.entries(kept.messages)) conversation.messages[message] ??= value;
    } catch (reason) {
      error = reason;
    }
    // What was deleted is to stay so. A later write says for itself how it ends.
    const isOver = !error || error.kind === "removed" || error.kind === "deleted";
    if (!isOver) entry.error = error;
    else if (this.unkept.get(id) === entry) this.forget(id);
    await this.onTried(conversation, error);
  }

  /** Tries again to keep all that could not be kept. */
  retry() {
    return Promise.all(this.failures().map(({ conversation }) => this.keep(conversation)));
  }

  /** What could not be kept: `{conversation, error}`. */
  failures() {
    return [...this.unkept.values()].filter(({ error }) => error);
  }

  async remove(id) {
    await this.store.remove(id);
    this.forget(id);
  }

  /** Puts nothing of a conversation into the store any more. */
  forget(id) {
    clearTimeout(this.timers.get(id));
    this.timers.delete(id);
    this.unkept.delete(id);
  }

  /** Takes in what another tab kept of a conversation that is shown here. */
  follow(conversation, stored) {
    const { settings } = this.unkept.has(conversation.id) ? conversation : stored;
    takeIn(conversation, stored);
    conversation.settings = settings;
  }
}

/** Changes the conversation itself: whoever is about to keep it has it in hand. */
function takeIn(conversation, stored) {
  Object.assign(conversation, merged(conversation, stored));
}
