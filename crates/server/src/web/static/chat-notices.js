// What the page has to tell above the field to write in, once for each name.

import { button, el } from "./chat-dom.js";

export class Notices {
  constructor(root) {
    this.root = root;
    /** By name: what is shown, and what was told last, be it dismissed or not. */
    this.shown = new Map();
    this.told = new Map();
  }

  show(name, text, action = null) {
    const close = button("×", "notice-close", () => this.dismiss(name), { "aria-label": "Dismiss" });
    const made = el("div", { class: "notice", role: "status", "data-name": name }, el("p", { text }), action, close);
    const old = this.shown.get(name);
    if (old) old.replaceWith(made);
    else this.root.append(made);
    this.shown.set(name, made);
    this.told.set(name, text);
  }

  /** For a state that is told again and again, such as with each letter: screen readers read it once,
   * and who dismissed it sees it again when it is another one, or was over. */
  showState(name, text, action = null) {
    if (this.told.get(name) !== text) this.show(name, text, action);
  }

  dismiss(name) {
    this.shown.get(name)?.remove();
    this.shown.delete(name);
  }

  /** To be called when what was told is over. */
  hide(name) {
    this.dismiss(name);
    this.told.delete(name);
  }
}

/** Tells of a conversation that is not kept, first of the one that is shown. */
export function showUnkept(notices, keeper, shown) {
  const failures = keeper.failures();
  const first = failures.find(({ conversation }) => conversation === shown) ?? failures[0];
  if (!first) {
    notices.hide("keep");
    return;
  }
  const { conversation, error } = first;
  const about = conversation === shown ? "" : `“${conversation.title}”: `;
  const again = () => {
    notices.hide("keep");
    return keeper.retry();
  };
  // One that is too long does not get shorter.
  const action = error.kind === "too-large" ? null : button("Try again", "button", again);
  notices.showState("keep", `${about}${error.message}`, action);
}
