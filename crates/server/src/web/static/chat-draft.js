// What is written and not sent yet survives a reload, and always a look at another conversation.
//
// The id of a draft is that of its conversation, `null` for a new one. Drafts in the fields of a message
// add to it, after dots: the id of the message, and which field it is.

const PREFIX = "freeway.chat.draft.";
/** The names of stored drafts, the one written last at the end. */
const ORDER = "freeway.chat.drafts";
const MAX_DRAFT_CHARS = 100_000;
/** The oldest beyond these are dropped. */
export const MAX_DRAFTS = 200;
const NEW = "new";

/** Drafts that this browser does not keep: they last as long as the page. */
const onPage = new Map();
let tell = () => {};

const nameOf = (id) => PREFIX + (id ?? NEW);
const idOf = (name) => name.slice(PREFIX.length);

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
    localStorage.setItem(name, text);
    moveToEnd(name);
    return null;
  } catch {
    return "This browser has no room for what you write: a reload of this page loses it.";
  }
}

/** Makes a draft the last that was written, and drops the oldest beyond the limit. */
function moveToEnd(name) {
  const order = readOrder();
  // So it is with each letter but the first.
  if (order.at(-1) === name) return;
  const stored = storedNames();
  const listed = order.filter((one) => one !== name && stored.has(one));
  // What no order has another tab wrote at the same moment, or an earlier version of this page.
  const known = new Set([...listed, name]);
  const all = [...[...stored].filter((one) => !known.has(one)), ...listed, name];
  for (const oldest of all.slice(0, -MAX_DRAFTS)) localStorage.removeItem(oldest);
  localStorage.setItem(ORDER, JSON.stringify(all.slice(-MAX_DRAFTS)));
}

function readOrder() {
  try {
    const order = JSON.parse(localStorage.getItem(ORDER));
    return Array.isArray(order) ? order : [];
  } catch {
    return [];
  }
}

const storedNames = () => new Set(Object.keys(localStorage).filter((name) => name.startsWith(PREFIX)));

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

/** The ids of all drafts. */
function draftIds() {
  let names = [...onPage.keys()];
  try {
    names = names.concat([...storedNames()]);
  } catch {
    // Then the page alone has some.
  }
  return [...new Set(names)].map(idOf);
}

/** What was written in a conversation, or in the fields of a message (`conversation.message`): texts by
 * id of the draft. */
export function draftsOf(id) {
  const ids = draftIds().filter((one) => one === id || one.startsWith(`${id}.`));
  return new Map(ids.map((one) => [one, draftOf(one)]));
}

export function forgetDraftsOf(id) {
  for (const one of draftsOf(id).keys()) forgetDraft(one);
}

/** Forgets the drafts of all conversations but these; that of a new one stays. */
export function forgetDraftsExcept(conversations) {
  const known = new Set([NEW, ...conversations]);
  for (const id of draftIds()) {
    if (!known.has(id.split(".", 1)[0])) forgetDraft(id);
  }
}
