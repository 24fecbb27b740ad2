// Conversations, kept in this browser and nowhere else.
//
// Several tabs may be open: each conversation is a record of its own, and a write puts together what
// this tab and others made of it. Without IndexedDB they last as long as the page.

import { merged } from "./chat-tree.js";

/** The oldest beyond these are dropped. */
export const MAX_CONVERSATIONS = 200;
/** Characters of one conversation, as JSON. */
export const MAX_CONVERSATION_CHARS = 4_000_000;
const DATABASE = "freeway-chat";
const BODIES = "conversations";
const HEADS = "heads";

/** Why something is not kept. `kind`: `too-large`, `quota`, `removed` (by this tab), `deleted` (by
 * another one) or `failed`. */
export class NotKept extends Error {
  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }
}

/** Opens the store; says with `isLasting` whether it outlives the page. */
export async function openStore() {
  try {
    return new BrowserStore(await openDatabase());
  } catch {
    return new PageStore();
  }
}

function openDatabase() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(BODIES, { keyPath: "id" });
      request.result.createObjectStore(HEADS, { keyPath: "id" });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked by another tab"));
  });
}

export const headOf = ({ id, title, createdAt, updatedAt, settings, messages }) => ({
  id, title, createdAt, updatedAt, model: settings.model, numMessages: Object.keys(messages).length,
});
export const newestFirst = (heads) => heads.sort((a, b) => b.updatedAt - a.updatedAt);

function checkSize(conversation) {
  if (JSON.stringify(conversation).length > MAX_CONVERSATION_CHARS) {
    throw new NotKept("too-large", "This conversation is too long to be kept. Export it, and go on in a new one.");
  }
}

/** What this tab deleted. An answer that still comes, or a write that was put off, must not bring it
 * back: only `restore` does. */
class Removed {
  constructor() {
    this.ids = new Set();
  }

  check({ id }) {
    if (this.ids.has(id)) throw new NotKept("removed", "This conversation was deleted.");
  }
}

class BrowserStore {
  constructor(database) {
    this.database = database;
    this.removed = new Removed();
    this.isLasting = true;
    this.channel = typeof BroadcastChannel === "function" ? new BroadcastChannel(DATABASE) : null;
    /** Conversations that this tab knows to be stored. */
    this.known = new Set();
    this.listener = () => {};
    // A later version of this page needs the database for itself.
    database.onversionchange = () => database.close();
  }

  /** Calls `listener` with `{kind: "saved" | "deleted", id}` for what other tabs do, and with `dropped` for
   * what is one too many, also by this tab. */
  onChange(listener) {
    this.listener = listener;
    this.channel?.addEventListener("message", ({ data }) => {
      if (data.kind === "dropped") this.known.delete(data.id);
      listener(data);
    });
  }

  /** What the list shows, the newest first. */
  async heads() {
    return newestFirst(await this.run("readonly", (heads) => heads.getAll()));
  }

  async get(id) {
    const found = await this.run("readonly", (_, bodies) => bodies.get(id));
    if (found) this.known.add(id);
    return found ?? null;
  }

  /** Keeps a conversation; gives it back with what other tabs added. */
  async save(conversation) {
    this.removed.check(conversation);
    checkSize(conversation);
    const { id } = conversation;
    const isKnown = this.known.has(id);
    let result = null;
    let dropped = [];
    await this.run("readwrite", (heads, bodies, then) => {
      then(bodies.get(id), (stored) => {
        if (isKnown && !stored) return;
        result = stored ? merged(conversation, stored) : conversation;
        bodies.put(result);
        heads.put(headOf(result));
        if (stored) return;
        then(heads.getAll(), (all) => {
          dropped = newestFirst(all).slice(MAX_CONVERSATIONS).filter((head) => head.id !== id);
          for (const head of dropped) {
            heads.delete(head.id);
            bodies.delete(head.id);
          }
        });
      });
    });
    if (!result) throw new NotKept("deleted", "This conversation was deleted in another tab.");
    this.known.add(id);
    this.channel?.postMessage({ kind: "saved", id });
    for (const head of dropped) {
      // Nobody wanted it gone: who goes on in it keeps it again.
      this.known.delete(head.id);
      const change = { kind: "dropped", id: head.id };
      this.channel?.postMessage(change);
      this.listener(change);
    }
    return result;
  }

  async remove(id) {
    this.removed.ids.add(id);
    try {
      await this.run("readwrite", (heads, bodies) => {
        heads.delete(id);
        return bodies.delete(id);
      });
    } catch (error) {
      this.removed.ids.delete(id);
      throw error;
    }
    this.known.delete(id);
    this.channel?.postMessage({ kind: "deleted", id });
  }

  /** Keeps a conversation again that was removed. */
  restore(conversation) {
    this.removed.ids.delete(conversation.id);
    return this.save(conversation);
  }

  /** Runs requests in a transaction; resolves to the result of the one that `work` gives back. `work`
   * gets both stores, and `then` to go on with the result of a request. */
  run(mode, work) {
    return new Promise((resolve, reject) => {
      let failure = null;
      let transaction = null;
      try {
        transaction = this.database.transaction([HEADS, BODIES], mode);
        const then = (request, next) => {
          request.onsuccess = () => {
            try {
              next(request.result);
            } catch (error) {
              failure = error;
              transaction.abort();
            }
          };
        };
        const request = work(transaction.objectStore(HEADS), transaction.objectStore(BODIES), then);
        transaction.oncomplete = () => resolve(request?.result);
        transaction.onabort = () => reject(asNotKept(failure ?? transaction.error));
      } catch (error) {
        reject(asNotKept(error));
      }
    });
  }
}

function asNotKept(error) {
  if (error?.name === "QuotaExceededError") {
    return new NotKept("quota", "This browser has no room left for conversations. Delete some, or export this one.");
  }
  return new NotKept("failed", `This browser could not keep the conversation (${error?.message ?? "unknown cause"}). Export it if you need it.`);
}

/** For browsers that keep nothing. */
class PageStore {
  constructor() {
    this.isLasting = false;
    this.removed = new Removed();
    this.conversations = new Map();
  }

  onChange() {}

  async heads() {
    return newestFirst([...this.conversations.values()].map(headOf));
  }

  async get(id) {
    return structuredClone(this.conversations.get(id)) ?? null;
  }

  async save(conversation) {
    this.removed.check(conversation);
    checkSize(conversation);
    this.conversations.set(conversation.id, structuredClone(conversation));
    return conversation;
  }

  async remove(id) {
    this.removed.ids.add(id);
    this.conversations.delete(id);
  }

  restore(conversation) {
    this.removed.ids.delete(conversation.id);
    return this.save(conversation);
  }
}
