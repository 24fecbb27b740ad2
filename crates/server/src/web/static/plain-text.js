// Text of strangers, made fit to be shown: nothing invisible in it can change what the rest looks like.

// Embeddings, overrides and isolates reorder what follows them. The marks that only give a direction
// to themselves (U+200E, U+200F, U+061C) are part of honest right-to-left text and stay.
const REORDERING = /[\u202a-\u202e\u2066-\u2069]/g;
// Control characters but tab and line feed; they have no look of their own.
const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g;

/** The text with reordering characters spelled out, as in `[U+202E]`, and controls replaced. */
export function plainText(text) {
  return text
    .replace(REORDERING, (mark) => `[U+${mark.codePointAt(0).toString(16).toUpperCase()}]`)
    .replace(CONTROLS, "\ufffd");
}

/** The text with one kind of line end. */
export function withLineFeeds(text) {
  return text.replace(/\r\n?/g, "\n");
}
