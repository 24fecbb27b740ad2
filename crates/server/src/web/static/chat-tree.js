// A conversation: a tree of messages, of which one path is shown. An edited message and an answer
// that is asked for again are siblings of the first one, so nothing is overwritten.

/** What a new conversation begins with. */
export const NO_SETTINGS = Object.freeze({
  model: "auto", effort: "", system: "", temperature: "", maxTokens: "", tools: "", schema: "",
});
const MAX_TITLE_CHARS = 60;
/** The parent of the first messages. */
const ROOT = "";

export const newId = () => crypto.randomUUID?.() ?? `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;

export function newConversation(settings, now = Date.now(), id = newId()) {
  return {
    id,
    title: "",
    createdAt: now,
    updatedAt: now,
    settings: { ...NO_SETTINGS, ...settings },
    messages: {},
    /** By parent: which of its children is shown. */
    selected: {},
  };
}

/** Adds a message below another one (`null`: at the beginning) and shows it. */
export function addMessage(conversation, parent, message, now = Date.now()) {
  const added = { id: newId(), createdAt: now, ...message, parent: parent ?? ROOT, changedAt: now };
  conversation.messages[added.id] = added;
  conversation.selected[added.parent] = added.id;
  touch(conversation, now);
  if (conversation.title === "" && added.role === "user") conversation.title = titleOf(added.content);
  return added;
}

export function changeMessage(conversation, id, changes, now = Date.now()) {
  const message = conversation.messages[id];
  if (!message) return;
  Object.assign(message, changes, { changedAt: now });
  touch(conversation, now);
}

function touch(conversation, now) {
  conversation.updatedAt = Math.max(conversation.updatedAt, now);
}

export function titleOf(text) {
  const line = text.trim().split("\n", 1)[0].replace(/\s+/g, " ");
  const letters = [...line];
  return letters.length > MAX_TITLE_CHARS ? `${letters.slice(0, MAX_TITLE_CHARS - 1).join("")}…` : line;
}

/** The children of every message, the oldest first. */
function childrenOf(conversation) {
  const children = new Map();
  for (const message of Object.values(conversation.messages)) {
    const siblings = children.get(message.parent) ?? [];
    siblings.push(message);
    children.set(message.parent, siblings);
  }
  for (const siblings of children.values()) {
    siblings.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
  }
  return children;
}

/** The messages that are shown, each with its siblings: `{message, siblings}`. */
export function shownPath(conversation) {
  const children = childrenOf(conversation);
  const path = [];
  let parent = ROOT;
  for (;;) {
    const siblings = children.get(parent);
    // A stored tree that loops ends here as well.
    if (!siblings || path.length > Object.keys(conversation.messages).length) return path;
    const message = siblings.find((one) => one.id === conversation.selected[parent]) ?? siblings.at(-1);
    path.push({ message, siblings });
    parent = message.id;
  }
}

/** Shows a message in place of its siblings. */
export function select(conversation, id) {
  const message = conversation.messages[id];
  if (message) conversation.selected[message.parent] = id;
}

/** The messages from the beginning to this one. */
export function pathTo(conversation, id) {
  const path = [];
  const seen = new Set();
  for (let at = conversation.messages[id]; at && !seen.has(at.id); at = conversation.messages[at.parent]) {
    seen.add(at.id);
    path.unshift(at);
  }
  return path;
}

/** The calls of a message that came whole. Those of an answer that was stopped, broke off or used up its
 * tokens may have ended within their arguments, so that nobody can run them. */
export function wholeCalls({ status, meta, toolCalls }) {
  return status === "done" && meta?.finish !== "length" ? toolCalls ?? [] : [];
}

/** The whole calls of a message that have no result on the path behind it. */
export function openCalls(path, index) {
  const { message } = path[index];
  const answered = new Set();
  for (let next = index + 1; path[next]?.message.role === "tool"; next += 1) {
    answered.add(path[next].message.toolCallId);
  }
  return wholeCalls(message).filter((call) => !answered.has(call.id));
}

/** What two tabs made of the same conversation, together: every message of both, of each the later
 * version. */
export function merged(mine, stored) {
  const messages = { ...stored.messages };
  for (const [id, message] of Object.entries(mine.messages)) {
    const other = messages[id];
    if (!other || other.changedAt <= message.changedAt) messages[id] = message;
  }
  return {
    ...stored,
    ...mine,
    updatedAt: Math.max(mine.updatedAt, stored.updatedAt),
    messages,
    selected: { ...stored.selected, ...mine.selected },
  };
}
