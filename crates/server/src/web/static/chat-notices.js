// What the page has to tell above the field to write in, once for each name.

import { button, el } from "./chat-dom.js";

export class Notices {
  constructor(root) {
    this.root = root;
  }

  named(name) {
    return this.root.querySelector(`[data-name="${name}"]`);
  }

  show(name, text, action = null) {
    const close = button("×", "notice-close", () => this.hide(name), { "aria-label": "Dismiss" });
    const made = el("div", { class: "notice", role: "status", "data-name": name }, el("p", { text }), action, close);
    const old = this.named(name);
    if (old) old.replaceWith(made);
    else this.root.append(made);
  }

  hide(name) {
    this.named(name)?.remove();
  }
}
