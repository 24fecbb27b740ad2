// The chat page: puts its parts together.

import { RunningAnswer } from "./chat-answer.js";
import { announce, button, byId, el } from "./chat-dom.js";
import { draftOf, draftsOf, forgetDraft, forgetDraftsExcept, forgetDraftsOf, keepDraft, onDraft } from "./chat-draft.js";
import { explain } from "./chat-errors.js";
import { Keeper } from "./chat-keeper.js";
import { KeyField } from "./chat-key.js";
import { KeyNeeded, Models } from "./chat-models.js";
import { listenToCopies, listenToMenu } from "./chat-menu.js";
import { Notices, showUnkept } from "./chat-notices.js";
import { Picker } from "./chat-picker.js";
import { BadSetting, requestBody } from "./chat-request.js";
import { sampleButtons, samplesFor } from "./chat-samples.js";
import { Scroll } from "./chat-scroll.js";
import { SettingsDialog, lastSettings, rememberSettings } from "./chat-settings.js";
import { Sidebar } from "./chat-sidebar.js";
import { MAX_CONVERSATIONS, openStore } from "./chat-store.js";
import { Thread } from "./chat-thread.js";
import { addMessage, changeMessage, newConversation, openCalls, pathTo, select, shownPath, wholeCalls } from "./chat-tree.js";

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
    this.keeper = new Keeper(store, (conversation, error) => this.tried(conversation, error));
    this.conversation = newConversation(lastSettings());
    this.isNew = true;
    /** The conversation that is shown or about to be; `null` for a new one. */
    this.wanted = null;
    this.numOpened = 0;
    this.prompt = byId("prompt");
    this.sendButton = byId("send");
    this.stopButton = byId("stop");
    this.effort = byId("effort");
    this.modelButton = byId("model-button");
    this.notices = new Notices(byId("chat-notices"));
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
        this.keeper.keep(this.conversation);
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
      this.notices.show("store", "This browser keeps nothing here, such as in a private window: conversations end with this page. Export what you need.");
    }
    await this.forgetLostDrafts();
    await this.open(location.hash.slice(1) || null, new URLSearchParams(location.search).get("model"));
    byId("chat").dataset.ready = "";
    await Promise.all([this.refreshList(), this.loadModels()]);
  }

  listen() {
    byId("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    // Where nothing at all is kept that is said already.
    onDraft((reason) => {
      if (reason && this.store.isLasting) this.notices.showState("draft", reason);
      else this.notices.hide("draft");
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
    listenToMenu(() => this.conversation);
    listenToCopies();
    byId("open-key").addEventListener("click", () => {
      this.settings.dialog.close();
      this.key.open();
    });
    window.addEventListener("popstate", () => this.open(location.hash.slice(1) || null));
    // A page that is left may not come back.
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) return;
      for (const { conversation } of this.running.values()) this.keeper.keep(conversation);
    });
    this.store.onChange((change) => this.changed(change));
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
    // Reading takes its time: what was chosen last is shown, not what was read last.
    this.numOpened += 1;
    const turn = this.numOpened;
    this.wanted = id;
    const stored = id ? this.running.get(id)?.conversation ?? await this.keeper.get(id) : null;
    if (turn !== this.numOpened) return;
    this.notices.hide("elsewhere");
    this.wanted = stored?.id ?? null;
    const hash = stored ? `#${stored.id}` : "";
    if (location.hash !== hash) history.replaceState(null, "", location.pathname + location.search + hash);
    this.isNew = !stored;
    this.conversation = stored ?? newConversation(lastSettings());
    if (!stored && model) this.conversation.settings.model = model.slice(0, 200);
    this.endOrphans();
    this.prompt.value = draftOf(this.draftId);
    this.fit();
    this.show();
    this.sidebar.show(this.sidebar.heads, this.conversation.id);
    showUnkept(this.notices, this.keeper, this.conversation);
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
    if (!this.isNew) this.keeper.soon(this.conversation);
  }

  async loadModels(isForced = false) {
    try {
      await this.models.refresh(this.key.value, isForced);
      this.notices.hide("models");
      this.notices.hide("key");
    } catch (error) {
      if (error instanceof KeyNeeded) {
        const words = this.key.value ? "The server does not take this key." : "This server asks for a key.";
        this.notices.show("key", words, button("Enter a key", "button", () => this.key.open(words)));
      } else {
        this.notices.show("models", "The list of models could not be read. You can still write.", button("Try again", "button", () => this.loadModels(true)));
      }
    }
    this.picker.refresh();
    this.showBar();
  }

  // Asking.

  send(words = this.prompt.value) {
    const text = words.trim();
    if (text === "" || !this.canAsk()) return;
    const path = shownPath(this.conversation);
    let parent = path.at(-1)?.message ?? null;
    // The API wants a result for every call.
    const calls = parent?.role === "assistant" ? openCalls(path, path.length - 1) : [];
    if (calls.length > 0) forgetDraftsOf(`${this.conversation.id}.${parent.id}`);
    for (const call of calls) parent = this.addResult(parent.id, call, "No result was given.");
    const asked = addMessage(this.conversation, parent?.id, { role: "user", content: text });
    if (words === this.prompt.value) {
      forgetDraft(this.draftId, words);
      this.prompt.value = "";
      this.fit();
    }
    if (this.isNew) {
      // A sample was chosen: what is written stays, and belongs to this conversation now.
      if (this.prompt.value !== "") {
        forgetDraft(null, this.prompt.value);
        keepDraft(this.conversation.id, this.prompt.value);
      }
      this.isNew = false;
      this.wanted = this.conversation.id;
      history.replaceState(null, "", `#${this.conversation.id}`);
    }
    this.answer(asked.id);
    this.prompt.focus({ preventScroll: true });
  }

  /** Whether an answer can be asked for now. What was written must not be taken before. */
  canAsk() {
    if (this.running.has(this.conversation.id)) return false;
    if (this.running.size >= MAX_RUNNING) {
      this.notices.show("running", `${MAX_RUNNING} answers are coming already; wait for one of them.`);
      return false;
    }
    return this.checkSettings();
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

  /** Sends a message in other words; says whether it was taken. */
  edit(id, text) {
    if (!this.canAsk()) return false;
    const asked = addMessage(this.conversation, this.conversation.messages[id].parent, { role: "user", content: text });
    this.answer(asked.id);
    this.prompt.focus({ preventScroll: true });
    return true;
  }

  addResult(parent, call, content) {
    return addMessage(this.conversation, parent, { role: "tool", toolCallId: call.id, name: call.name, content });
  }

  /** Sends what functions returned; says whether it was taken. */
  giveResults(id, results) {
    if (!this.canAsk()) return false;
    let parent = id;
    for (const { call, content } of results) parent = this.addResult(parent, call, content).id;
    this.answer(parent);
    this.prompt.focus({ preventScroll: true });
    return true;
  }

  /** Asks for an answer to what stands at `parent`. */
  async answer(parent) {
    const { conversation } = this;
    if (!this.canAsk()) return;
    const body = requestBody(pathTo(conversation, parent), conversation.settings);
    const message = addMessage(conversation, parent, {
      role: "assistant", content: "", reasoning: "", toolCalls: [], status: "streaming",
    });
    let timer = null;
    const running = new RunningAnswer(conversation, message.id, () => {
      this.thread.showSoon(conversation);
      // By a timer, so that what came before a long silence is kept, too.
      timer ??= setTimeout(() => {
        timer = null;
        this.keeper.keep(conversation);
      }, KEEP_EVERY_MS);
    });
    this.running.set(conversation.id, running);
    this.show();
    this.scroll.toEnd();
    announce("Answering.");
    this.keeper.keep(conversation);
    await running.run(body, this.key.value);
    clearTimeout(timer);
    this.running.delete(conversation.id);
    this.notices.hide("running");
    if (this.conversation.id === conversation.id) this.show();
    this.tellEnd(conversation.messages[message.id]);
    this.keeper.keep(conversation);
  }

  tellEnd(message) {
    if (message.status === "stopped") announce("Stopped.");
    else if (message.status === "failed") announce(explain(message.failure).title);
    else if (wholeCalls(message).length > 0) announce(`The model calls ${message.toolCalls.map((call) => call.name).join(" and ")} and waits for the result.`);
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

  /** Tells how a try to keep a conversation ended. */
  tried(conversation, error) {
    if (error?.kind === "deleted") this.tellDeleted(conversation);
    else if (!error && conversation === this.conversation) this.notices.hide("elsewhere");
    showUnkept(this.notices, this.keeper, this.conversation);
    return this.refreshList();
  }

  /** By its title: another one may be shown by now. */
  tellDeleted({ title }) {
    this.notices.showState("elsewhere", `“${title}” was deleted in another tab.`);
  }

  async refreshList() {
    this.sidebar.show(await this.keeper.heads(), this.conversation.id);
  }

  /** Forgets drafts of conversations that were dropped or deleted where nobody saw to it. */
  async forgetLostDrafts() {
    if (!this.store.isLasting) return;
    const heads = await this.store.heads().catch(() => null);
    if (heads) forgetDraftsExcept(heads.map(({ id }) => id));
  }

  async remove(id) {
    const running = this.running.get(id);
    running?.stop();
    // Another tab forgets them, too, as soon as it hears of this.
    const drafts = draftsOf(id);
    // What is on the page may be later than what is kept.
    const shown = this.conversation.id === id ? this.conversation : null;
    const conversation = running?.conversation ?? shown ?? await this.keeper.get(id);
    try {
      await this.keeper.remove(id);
    } catch {
      this.notices.show("remove", "The conversation could not be deleted. Try again.");
      return;
    }
    this.notices.hide("remove");
    forgetDraftsOf(id);
    if (this.wanted === id) await this.go(null);
    showUnkept(this.notices, this.keeper, this.conversation);
    await this.refreshList();
    if (!conversation) return;
    announce("Conversation deleted.");
    this.notices.show("deleted", `“${conversation.title}” is deleted.`, button("Undo", "button", () => {
      this.notices.hide("deleted");
      return this.restore(conversation, drafts);
    }));
  }

  async restore(conversation, drafts) {
    // An answer that another tab waited for comes no more.
    for (const { id, status } of Object.values(conversation.messages)) {
      if (status === "streaming") changeMessage(conversation, id, { status: "stopped" });
    }
    for (const [id, text] of drafts) keepDraft(id, text);
    // If there is no room for it, it is shown all the same, with what can be done.
    await this.keeper.keep(conversation, true);
    await this.go(conversation.id);
  }

  /** Puts words that lost their conversation before those of the new one. */
  carryOver(typed) {
    this.prompt.value = [typed, this.prompt.value].filter((text) => text !== "").join("\n\n");
    keepDraft(null, this.prompt.value);
    this.fit();
  }

  /** Follows what became of a conversation in another tab, or of one that was dropped. */
  async changed({ kind, id }) {
    if (kind !== "saved") forgetDraftsOf(id);
    if (kind === "deleted") {
      this.running.get(id)?.stop();
      this.keeper.forget(id);
    }
    await this.refreshList();
    if (this.wanted !== id || this.conversation.id !== id || this.isNew) return;
    if (kind === "deleted") {
      const { conversation } = this;
      const typed = this.prompt.value;
      await this.go(null);
      this.tellDeleted(conversation);
      if (typed !== "" && this.isNew) this.carryOver(typed);
      return;
    }
    if (this.running.has(id)) return;
    if (kind === "dropped") {
      this.notices.show("elsewhere", `“${this.conversation.title}” is no longer kept, since there are ${MAX_CONVERSATIONS} later ones. Whatever you send in it keeps it again.`);
      return;
    }
    const stored = await this.store.get(id).catch(() => null);
    if (!stored || this.conversation.id !== id || this.running.has(id)) return;
    this.keeper.follow(this.conversation, stored);
    this.show();
  }
}

new Chat(await openStore()).start();
