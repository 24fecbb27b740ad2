// The chat page: puts its parts together.

import { RunningAnswer } from "./chat-answer.js";
import { announce, button, byId, copyText, el } from "./chat-dom.js";
import { draftOf, keepDraft } from "./chat-draft.js";
import { explain } from "./chat-errors.js";
import { download, fileName, toJson, toMarkdown } from "./chat-export.js";
import { KeyField } from "./chat-key.js";
import { KeyNeeded, Models } from "./chat-models.js";
import { Picker } from "./chat-picker.js";
import { BadSetting, requestBody } from "./chat-request.js";
import { sampleButtons, samplesFor } from "./chat-samples.js";
import { Scroll } from "./chat-scroll.js";
import { SettingsDialog, lastSettings, rememberSettings } from "./chat-settings.js";
import { Sidebar } from "./chat-sidebar.js";
import { openStore } from "./chat-store.js";
import { Thread } from "./chat-thread.js";
import { addMessage, changeMessage, newConversation, openCalls, pathTo, select, shownPath } from "./chat-tree.js";

/** Answers that may come at the same time, in several conversations. */
const MAX_RUNNING = 4;
/** How often an answer that comes is kept. */
const KEEP_EVERY_MS = 3000;
/** Of a short answer screen readers are told the words. */
const MAX_ANNOUNCED_CHARS = 400;

class Chat {
  constructor(store) {
    this.store = store;
    this.models = new Models();
    /** Answers under way, by conversation. */
    this.running = new Map();
    this.prompt = byId("prompt");
    this.sendButton = byId("send");
    this.stopButton = byId("stop");
    this.effort = byId("effort");
    this.modelButton = byId("model-button");
    this.notices = byId("chat-notices");
    this.scroll = new Scroll(byId("chat-scroll"), byId("to-latest"));
    this.key = new KeyField(() => this.loadModels(true));
    this.picker = new Picker(this.models, (id) => this.set({ model: id }));
    this.settings = new SettingsDialog((settings) => this.set({ ...settings }));
    this.sidebar = new Sidebar({
      open: (id) => this.go(id),
      create: () => this.go(null),
      remove: (id) => this.remove(id),
    });
    this.thread = new Thread(this.scroll, {
      edit: (id, text) => this.edit(id, text),
      regenerate: (id) => this.answer(this.conversation.messages[id].parent),
      select: (id) => {
        select(this.conversation, id);
        this.thread.show(this.conversation);
        this.keep(this.conversation);
      },
      result: (id, results) => this.giveResults(id, results),
      // Whoever wrote the question goes on with the result.
      waits: (field) => {
        if (document.activeElement === this.prompt && this.prompt.value === "") requestAnimationFrame(() => field.focus());
      },
      act: (name, id) => this.act(name, id),
    });
    this.listen();
  }

  async start() {
    if (!this.store.isLasting) {
      this.notice("store", "This browser keeps nothing here, such as in a private window: conversations end with this page. Export what you need.");
    }
    await this.open(location.hash.slice(1) || null, new URLSearchParams(location.search).get("model"));
    byId("chat").dataset.ready = "";
    await Promise.all([this.refreshList(), this.loadModels()]);
  }

  listen() {
    byId("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    this.prompt.addEventListener("input", () => {
      keepDraft(this.draftId, this.prompt.value);
      this.fit();
    });
    this.prompt.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.send();
    });
    this.stopButton.addEventListener("click", () => this.stop());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !document.querySelector("dialog[open]")) this.stop();
    });
    this.effort.addEventListener("change", () => this.set({ effort: this.effort.value }));
    this.modelButton.addEventListener("click", () => {
      this.loadModels();
      this.picker.open(this.conversation.settings.model);
    });
    byId("open-settings").addEventListener("click", () => this.settings.open(this.conversation.settings));
    byId("open-key").addEventListener("click", () => {
      this.settings.dialog.close();
      this.key.open();
    });
    byId("export-markdown").addEventListener("click", () => this.export("md"));
    byId("export-json").addEventListener("click", () => this.export("json"));
    byId("copy-all").addEventListener("click", () => this.copyAll());
    const menu = byId("more");
    menu.addEventListener("click", (event) => {
      if (event.target.closest("button")) menu.open = false;
    });
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !menu.open) return;
      event.stopPropagation();
      menu.open = false;
      menu.querySelector("summary").focus();
    });
    document.addEventListener("click", (event) => {
      if (!menu.contains(event.target)) menu.open = false;
      const copy = event.target.closest?.(".code-copy");
      if (copy?.codeView) this.copyCode(copy);
    });
    window.addEventListener("popstate", () => this.open(location.hash.slice(1) || null));
    this.store.onChange((change) => this.changedElsewhere(change));
  }

  // Which conversation is shown.

  get draftId() {
    return this.isNew ? null : this.conversation.id;
  }

  go(id) {
    history.pushState(null, "", id ? `#${id}` : location.pathname);
    return this.open(id);
  }

  /** Shows a stored conversation, or begins a new one. */
  async open(id, model = null) {
    const stored = id ? this.running.get(id)?.conversation ?? await this.store.get(id).catch(() => null) : null;
    if (id && !stored) history.replaceState(null, "", location.pathname + location.search);
    this.isNew = !stored;
    this.conversation = stored ?? newConversation(lastSettings());
    if (!stored && model) this.conversation.settings.model = model.slice(0, 200);
    this.endOrphans();
    this.prompt.value = draftOf(this.draftId);
    this.fit();
    this.show();
    this.sidebar.show(this.sidebar.heads, this.conversation.id);
    if (window.matchMedia("(hover: hover)").matches) this.prompt.focus({ preventScroll: true });
  }

  /** Answers that came when a page was closed come no more. */
  endOrphans() {
    if (this.running.has(this.conversation.id)) return;
    const isOld = (message) => message.status === "streaming" && Date.now() - message.changedAt > 2 * KEEP_EVERY_MS;
    for (const message of Object.values(this.conversation.messages)) {
      if (message.status === "streaming" && (isOld(message) || this.isFirst !== false)) {
        changeMessage(this.conversation, message.id, { status: "stopped" });
      }
    }
    this.isFirst = false;
  }

  show() {
    this.thread.show(this.conversation);
    this.showBar();
    this.showRunning();
  }

  showBar() {
    const { settings } = this.conversation;
    const model = this.models.named(settings.model);
    const health = this.models.healthOf(model);
    byId("model-health").className = `health health-${health.state}`;
    byId("model-name").replaceChildren(el("span", { text: model.isAuto ? "auto" : model.id }));
    byId("model-words").replaceChildren(el("span", { text: `Model, ${health.words}: ` }));
    this.modelButton.title = health.words;
    this.effort.value = settings.effort;
    const active = ["system", "temperature", "maxTokens", "tools", "schema"].filter((name) => settings[name].trim() !== "");
    const count = byId("settings-count");
    count.hidden = active.length === 0;
    count.replaceChildren(String(active.length), el("span", { class: "visually-hidden", text: " in use" }));
    const samples = samplesFor(this.models.all.length === 2 && this.models.all[1].id === "demo");
    byId("samples").replaceChildren(...sampleButtons(samples, (sample) => {
      this.set(sample.settings ?? {});
      this.send(sample.title);
    }));
  }

  /** The stop button stands in for the send button while an answer comes. */
  showRunning() {
    const isRunning = this.running.has(this.conversation.id);
    const hadFocus = document.activeElement === this.sendButton || document.activeElement === this.stopButton;
    this.sendButton.hidden = isRunning;
    this.stopButton.hidden = !isRunning;
    if (hadFocus) this.prompt.focus();
  }

  fit() {
    if (CSS.supports("field-sizing", "content")) return;
    this.prompt.style.height = "auto";
    this.prompt.style.height = `${this.prompt.scrollHeight}px`;
  }

  set(settings) {
    Object.assign(this.conversation.settings, settings);
    rememberSettings({ ...this.conversation.settings, system: "", tools: "", schema: "" });
    this.showBar();
    if (!this.isNew) this.keepSoon(this.conversation);
  }

  async loadModels(isForced = false) {
    try {
      await this.models.refresh(this.key.value, isForced);
      this.unnotice("models");
      this.unnotice("key");
    } catch (error) {
      if (error instanceof KeyNeeded) {
        const words = this.key.value ? "The server does not take this key." : "This server asks for a key.";
        this.notice("key", words, button("Enter a key", "button", () => this.key.open(words)));
      } else {
        this.notice("models", "The list of models could not be read. You can still write.", button("Try again", "button", () => this.loadModels(true)));
      }
    }
    this.picker.refresh();
    this.showBar();
  }

  // Asking.

  send(words = this.prompt.value) {
    const text = words.trim();
    if (text === "" || this.running.has(this.conversation.id)) return;
    if (!this.checkSettings()) return;
    const path = shownPath(this.conversation);
    let parent = path.at(-1)?.message ?? null;
    // The API wants a result for every call.
    for (const call of parent?.role === "assistant" ? openCalls(path, path.length - 1) : []) {
      parent = this.addResult(parent.id, call, "No result was given.");
    }
    const asked = addMessage(this.conversation, parent?.id, { role: "user", content: text });
    if (words === this.prompt.value) {
      keepDraft(this.draftId, "");
      this.prompt.value = "";
      this.fit();
    }
    if (this.isNew) {
      this.isNew = false;
      history.replaceState(null, "", `#${this.conversation.id}`);
    }
    this.answer(asked.id);
    this.prompt.focus({ preventScroll: true });
  }

  /** Whether the settings can be sent; if not, shows where they are wrong. */
  checkSettings() {
    try {
      requestBody([], this.conversation.settings);
      return true;
    } catch (error) {
      if (!(error instanceof BadSetting)) throw error;
      this.settings.open(this.conversation.settings, error.field);
      return false;
    }
  }

  edit(id, text) {
    if (this.running.has(this.conversation.id) || !this.checkSettings()) return;
    const asked = addMessage(this.conversation, this.conversation.messages[id].parent, { role: "user", content: text });
    this.answer(asked.id);
    this.prompt.focus({ preventScroll: true });
  }

  addResult(parent, call, content) {
    return addMessage(this.conversation, parent, { role: "tool", toolCallId: call.id, name: call.name, content });
  }

  giveResults(id, results) {
    if (this.running.has(this.conversation.id)) return;
    let parent = id;
    for (const { call, content } of results) parent = this.addResult(parent, call, content).id;
    this.answer(parent);
    this.prompt.focus({ preventScroll: true });
  }

  /** Asks for an answer to what stands at `parent`. */
  async answer(parent) {
    const { conversation } = this;
    if (this.running.has(conversation.id) || !this.checkSettings()) return;
    if (this.running.size >= MAX_RUNNING) {
      this.notice("running", `${MAX_RUNNING} answers are coming already; wait for one of them.`);
      return;
    }
    const body = requestBody(pathTo(conversation, parent), conversation.settings);
    const message = addMessage(conversation, parent, {
      role: "assistant", content: "", reasoning: "", toolCalls: [], status: "streaming",
    });
    let keptAt = Date.now();
    const running = new RunningAnswer(conversation, message.id, () => {
      this.thread.showSoon(conversation);
      if (Date.now() - keptAt < KEEP_EVERY_MS) return;
      keptAt = Date.now();
      this.keep(conversation);
    });
    this.running.set(conversation.id, running);
    this.show();
    this.scroll.toEnd();
    announce("Answering.");
    this.keep(conversation);
    await running.run(body, this.key.value);
    this.running.delete(conversation.id);
    if (this.conversation.id === conversation.id) this.show();
    this.tellEnd(conversation.messages[message.id]);
    this.keep(conversation);
  }

  tellEnd(message) {
    if (message.status === "stopped") announce("Stopped.");
    else if (message.status === "failed") announce(explain(message.failure).title);
    else if (message.toolCalls.length > 0) announce(`The model calls ${message.toolCalls.map((call) => call.name).join(" and ")} and waits for the result.`);
    else if (message.content.length <= MAX_ANNOUNCED_CHARS) announce(`Answer: ${message.content}`);
    else announce("The answer is complete.");
  }

  stop() {
    this.running.get(this.conversation.id)?.stop();
  }

  act(name, id) {
    if (name === "retry") this.answer(this.conversation.messages[id].parent);
    else if (name === "key") this.key.open();
    else if (name === "model") this.modelButton.click();
    else this.settings.open(this.conversation.settings);
  }

  // Keeping.

  keepSoon(conversation) {
    clearTimeout(this.keepTimer);
    this.keepTimer = setTimeout(() => this.keep(conversation), 400);
  }

  /** Keeps a conversation, and takes in what other tabs added to it. */
  async keep(conversation) {
    try {
      const kept = await this.store.save(conversation);
      for (const [id, message] of Object.entries(kept.messages)) conversation.messages[id] ??= message;
      this.unnotice("keep");
    } catch (error) {
      this.notice("keep", error.message);
    }
    await this.refreshList();
  }

  async refreshList() {
    this.sidebar.show(await this.store.heads().catch(() => []), this.conversation.id);
  }

  async remove(id) {
    const conversation = await this.store.get(id).catch(() => null);
    this.running.get(id)?.stop();
    await this.store.remove(id);
    keepDraft(id, "");
    if (this.conversation.id === id) await this.go(null);
    await this.refreshList();
    if (!conversation) return;
    announce("Conversation deleted.");
    this.notice("deleted", `“${conversation.title}” is deleted.`, button("Undo", "button", async () => {
      this.unnotice("deleted");
      await this.keep(conversation);
      await this.go(id);
    }));
  }

  async changedElsewhere({ kind, id }) {
    await this.refreshList();
    if (this.conversation.id !== id || this.running.has(id) || this.isNew) return;
    if (kind === "deleted") {
      this.notice("elsewhere", "This conversation was deleted in another tab.");
      await this.go(null);
      return;
    }
    const stored = await this.store.get(id).catch(() => null);
    if (!stored || this.conversation.id !== id || this.running.has(id)) return;
    // The other tab says which answers it waits for; which path is shown is for this one to say.
    this.conversation = { ...stored, selected: { ...stored.selected, ...this.conversation.selected } };
    this.show();
  }

  // Taking along.

  export(kind) {
    const { conversation } = this;
    const path = shownPath(conversation).map(({ message }) => message);
    if (kind === "md") download(fileName(conversation, "md"), toMarkdown(conversation, path), "text/markdown;charset=utf-8");
    else download(fileName(conversation, "json"), toJson(conversation), "application/json");
  }

  async copyAll() {
    const path = shownPath(this.conversation).map(({ message }) => message);
    const isCopied = await copyText(toMarkdown(this.conversation, path));
    announce(isCopied ? "Conversation copied." : "It could not be copied.");
  }

  async copyCode(target) {
    const isCopied = await copyText(target.codeView.source);
    target.textContent = isCopied ? "Copied" : "Not copied";
    setTimeout(() => {
      target.textContent = "Copy";
    }, 1500);
  }

  // Notices.

  /** Tells something above the composer, once for each name. */
  notice(name, text, action = null) {
    const close = button("×", "notice-close", () => this.unnotice(name), { "aria-label": "Dismiss" });
    const made = el("div", { class: "notice", role: "status", "data-name": name }, el("p", { text }), action, close);
    const old = this.notices.querySelector(`[data-name="${name}"]`);
    if (old) old.replaceWith(made);
    else this.notices.append(made);
  }

  unnotice(name) {
    this.notices.querySelector(`[data-name="${name}"]`)?.remove();
  }
}

new Chat(await openStore()).start();
