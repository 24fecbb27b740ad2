// Making elements, without ever parsing HTML.

import { plainText } from "./plain-text.js";

/** An element with properties, attributes, listeners and children.
 *
 * `options` may have `class`, `text`, `on` (listeners by event) and any attributes; `true` sets an
 * attribute without value, `false` and `null` leave it out. */
export function el(name, options = {}, ...children) {
  const { class: className, text, on, ...attributes } = options;
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = plainText(String(text));
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(attribute, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(attribute, String(value));
  }
  for (const [event, listener] of Object.entries(on ?? {})) made.addEventListener(event, listener);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function button(text, className, onClick, more = {}) {
  return el("button", { type: "button", class: className, text, on: { click: onClick }, ...more });
}

export const byId = (id) => document.getElementById(id);

/** Puts text on the clipboard, also where the page may not use the clipboard's own interface. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Over plain HTTP from another machine browsers have no clipboard for pages.
    const area = el("textarea", { class: "visually-hidden", "aria-hidden": "true" });
    area.value = text;
    const before = document.activeElement;
    document.body.append(area);
    area.select();
    const isCopied = document.execCommand("copy");
    area.remove();
    before?.focus();
    return isCopied;
  }
}

/** Tells on a button for a moment what came of it. */
export function flash(target, text) {
  const before = target.dataset.label ?? target.textContent;
  target.dataset.label = before;
  target.textContent = text;
  clearTimeout(target.flashTimer);
  target.flashTimer = setTimeout(() => {
    target.textContent = before;
  }, 1500);
}

/** Tells screen readers something, once. */
export function announce(text) {
  const status = byId("chat-status");
  // The same words twice are told twice only if they change in between.
  status.textContent = "";
  requestAnimationFrame(() => {
    status.textContent = text;
  });
}
