// What is written and not sent yet survives a reload.

const PREFIX = "freeway.chat.draft.";
const MAX_DRAFT_CHARS = 100_000;
const MAX_DRAFTS = 50;

export function keepDraft(id, text) {
  try {
    const name = PREFIX + (id ?? "new");
    if (text === "") {
      localStorage.removeItem(name);
      return;
    }
    if (text.length > MAX_DRAFT_CHARS) return;
    const isNew = localStorage.getItem(name) === null;
    if (isNew && Object.keys(localStorage).filter((one) => one.startsWith(PREFIX)).length >= MAX_DRAFTS) return;
    localStorage.setItem(name, text);
  } catch {
    // Then it lasts as long as the page.
  }
}

export function draftOf(id) {
  try {
    return localStorage.getItem(PREFIX + (id ?? "new")) ?? "";
  } catch {
    return "";
  }
}
