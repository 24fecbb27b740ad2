// The list of conversations.

import { button, byId, el } from "./chat-dom.js";

/** A list this long gets a field to search it. */
const SEARCHED_FROM = 8;

export class Sidebar {
  /** `actions` has `open`, `remove`, `create`. */
  constructor(actions) {
    this.actions = actions;
    this.root = byId("chat-side");
    this.list = byId("conversations");
    this.search = byId("conversations-search");
    this.searchField = byId("conversations-field");
    this.empty = byId("conversations-empty");
    this.toggle = byId("side-toggle");
    this.backdrop = byId("side-backdrop");
    this.heads = [];
    this.current = null;
    this.search.addEventListener("input", () => this.render());
    this.toggle.addEventListener("click", () => this.setOpen(!this.isOpen, true));
    this.backdrop.addEventListener("click", () => this.setOpen(false, true));
    this.root.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.isOpen) return;
      event.stopPropagation();
      this.setOpen(false, true);
    });
    byId("new-chat").addEventListener("click", () => {
      this.setOpen(false);
      actions.create();
    });
  }

  get isOpen() {
    return this.root.classList.contains("is-open");
  }

  /** On narrow screens the list lies over the conversation. */
  setOpen(isOpen, movesFocus = false) {
    this.root.classList.toggle("is-open", isOpen);
    this.backdrop.hidden = !isOpen;
    this.toggle.setAttribute("aria-expanded", String(isOpen));
    if (movesFocus) (isOpen ? byId("new-chat") : this.toggle).focus();
  }

  show(heads, current) {
    this.heads = heads;
    this.current = current;
    this.render();
  }

  render() {
    const hasSearch = this.heads.length >= SEARCHED_FROM;
    this.searchField.hidden = !hasSearch;
    const words = hasSearch ? this.search.value.trim().toLowerCase() : "";
    const shown = this.heads.filter((head) => head.title.toLowerCase().includes(words));
    this.empty.hidden = shown.length > 0;
    this.empty.textContent = this.heads.length === 0 ? "No conversations yet." : "None has this in its title.";
    const focused = this.list.contains(document.activeElement) ? document.activeElement : null;
    const place = focused && { id: focused.closest("li")?.dataset.id, name: focused.dataset.name };
    this.list.replaceChildren(...shown.map((head) => this.item(head)));
    if (place) this.list.querySelector(`[data-id="${CSS.escape(place.id)}"] [data-name="${place.name}"]`)?.focus();
  }

  item(head) {
    const title = head.title || "Untitled";
    const isCurrent = head.id === this.current;
    const open = el("a", {
      class: "conversation-open", href: `#${head.id}`, dir: "auto", text: title, title: title.length > 26 ? title : null,
      "aria-current": isCurrent ? "true" : null, "data-name": "open",
      on: {
        click: (event) => {
          if (event.metaKey || event.ctrlKey || event.shiftKey) return;
          event.preventDefault();
          this.setOpen(false);
          this.actions.open(head.id);
        },
      },
    });
    const remove = button("×", "conversation-remove", () => this.remove(head.id), {
      "aria-label": `Delete “${title}”`, "data-name": "remove", title: "Delete",
    });
    return el("li", { class: isCurrent ? "conversation is-current" : "conversation", "data-id": head.id }, open, remove);
  }

  async remove(id) {
    const items = [...this.list.children];
    const index = items.findIndex((item) => item.dataset.id === id);
    const next = (items[index + 1] ?? items[index - 1])?.dataset.id;
    await this.actions.remove(id);
    const target = next && this.list.querySelector(`[data-id="${CSS.escape(next)}"] [data-name="remove"]`);
    (target ?? byId("new-chat")).focus();
  }
}
