// What is written and not sent yet survives a reload, and always a look at another conversation.

const PREFIX = "freeway.chat.draft.";
const MAX_DRAFT_CHARS = 100_000;
const MAX_DRAFTS = 200;

/** Drafts that this browser does not keep: they last as long as the page. */
const onPage = new Map();
let tell = () => {};

const nameOf = (id) => PREFIX + (id ?? "new");

/** `listener` gets with every change why the draft is not kept, or `null` if it is. */
export function onDraft(listener) {
  tell = listener;
}

export function keepDraft(id, text) {
  if (text === "") {
    forgetDraft(id);
    return;
  }
  const name = nameOf(id);
  const reason = write(name, text);
  if (reason) onPage.set(name, text);
  else onPage.delete(name);
  tell(reason);
}

/** Stores a draft; gives back why it could not be. */
function write(name, text) {
  if (text.length > MAX_DRAFT_CHARS) {
    return "What you write is too long to be kept: a reload of this page loses it.";
  }
  try {
    const isNew = localStorage.getItem(name) === null;
    if (isNew && Object.keys(localStorage).filter((one) => one.startsWith(PREFIX)).length >= MAX_DRAFTS) {
      return `${MAX_DRAFTS} drafts are kept already, so that a reload of this page loses this one.`;
    }
    localStorage.setItem(name, text);
    return null;
  } catch {
    return "This browser has no room for what you write: a reload of this page loses it.";
  }
}

export function draftOf(id) {
  const name = nameOf(id);
  if (onPage.has(name)) return onPage.get(name);
  try {
    return localStorage.getItem(name) ?? "";
  } catch {
    return "";
  }
}

/** Forgets a draft. With `text`, which was sent, only if that is what is kept: another tab may have
 * written something else under the same name. */
export function forgetDraft(id, text = null) {
  const name = nameOf(id);
  const isOurs = onPage.delete(name);
  try {
    if (text === null || isOurs || localStorage.getItem(name) === text) localStorage.removeItem(name);
  } catch {
    // Then there is none.
  }
  tell(null);
}

/** Forgets what was written in a conversation and in the fields of its messages, whose names end with
 * the message's id; gives back what that was, by name. */
export function forgetDraftsOf(conversation) {
  const isOf = (id) => id === conversation.id || Object.hasOwn(conversation.messages, id.split(".").at(-1));
  let names = [...onPage.keys()];
  try {
    names = names.concat(Object.keys(localStorage).filter((name) => name.startsWith(PREFIX)));
  } catch {
    // Then the page alone has some.
  }
  const ids = [...new Set(names)].map((name) => name.slice(PREFIX.length)).filter(isOf);
  const forgotten = ids.map((id) => [id, draftOf(id)]);
  for (const id of ids) forgetDraft(id);
  return forgotten;
}
