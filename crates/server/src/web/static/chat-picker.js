// The choice of a model: a dialog with a search field and a list, by pointer or keyboard.

import { byId, el } from "./chat-dom.js";
import { contextWords } from "./chat-models.js";

/** Models that are listed at once; a search finds the others. */
const MAX_LISTED = 100;

export class Picker {
  constructor(models, onChoose) {
    this.models = models;
    this.onChoose = onChoose;
    this.dialog = byId("picker");
    this.input = byId("picker-search");
    this.list = byId("picker-list");
    this.count = byId("picker-count");
    this.shown = [];
    this.at = 0;
    this.input.addEventListener("input", () => this.show(0));
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.choose(Number(option.dataset.index));
    });
  }

  open(current) {
    this.current = current;
    this.input.value = "";
    const index = this.models.all.findIndex((model) => model.id === current);
    this.dialog.showModal();
    this.show(index >= 0 && index < MAX_LISTED ? index : 0);
    this.input.focus();
  }

  /** Lists anew what matches, if the dialog is open. */
  refresh() {
    if (this.dialog.open) this.show(this.at);
  }

  show(at) {
    const found = this.models.search(this.input.value);
    this.shown = found.slice(0, MAX_LISTED);
    this.list.replaceChildren(...this.shown.map((model, index) => this.option(model, index)));
    const rest = found.length - this.shown.length;
    this.count.textContent = found.length === 0
      ? "No model has this name."
      : `${found.length.toLocaleString()} ${found.length === 1 ? "model" : "models"}${rest > 0 ? `; type to see the other ${rest.toLocaleString()}` : ""}`;
    this.mark(Math.max(0, Math.min(at, this.shown.length - 1)));
  }

  option(model, index) {
    const health = this.models.healthOf(model);
    const facts = [];
    if (model.isLocal) facts.push(el("span", { class: "badge picker-here", text: "Runs here" }));
    if (!model.isAuto) facts.push(el("span", { text: contextWords(model.context) }));
    const hosts = model.providers.filter((name) => name !== "local").length;
    if (hosts > 0) facts.push(el("span", { text: `${hosts} ${hosts === 1 ? "host" : "hosts"}` }));
    facts.push(el("span", { text: health.words }));
    return el(
      "li",
      {
        role: "option", id: `picker-${index}`, class: "picker-option", "data-index": index,
        "aria-selected": String(model.id === this.current),
      },
      el("span", { class: `health health-${health.state}`, "aria-hidden": "true" }),
      el("span", { class: "picker-name", dir: "auto", text: model.isAuto ? "auto" : model.name }),
      el("span", { class: "picker-id", text: model.isAuto ? model.name : model.id }),
      el("span", { class: "picker-facts" }, ...facts),
    );
  }

  mark(index) {
    this.list.children[this.at]?.classList.remove("is-marked");
    this.at = index;
    const option = this.list.children[index];
    if (!option) {
      this.input.removeAttribute("aria-activedescendant");
      return;
    }
    option.classList.add("is-marked");
    option.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", option.id);
  }

  key(event) {
    const last = this.shown.length - 1;
    const moves = {
      ArrowDown: Math.min(this.at + 1, last),
      ArrowUp: Math.max(this.at - 1, 0),
      PageDown: Math.min(this.at + 8, last),
      PageUp: Math.max(this.at - 8, 0),
    };
    if (event.key in moves) {
      event.preventDefault();
      this.mark(moves[event.key]);
    } else if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      this.choose(this.at);
    }
  }

  choose(index) {
    const model = this.shown[index];
    if (!model) return;
    this.dialog.close();
    this.onChoose(model.id);
  }
}
