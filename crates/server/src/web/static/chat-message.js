// One message of the conversation, as it is shown.

import { button, copyText, el, flash } from "./chat-dom.js";
import { draftOf, forgetDraft, forgetDraftsOf, keepDraft } from "./chat-draft.js";
import { explain } from "./chat-errors.js";
import { showsReasoning } from "./chat-settings.js";
import { attemptsList, duration, trailView } from "./chat-trail.js";
import { wholeCalls } from "./chat-tree.js";
import { MarkdownView } from "./markdown.js";
import { plainText } from "./plain-text.js";

const HEADINGS = { user: "You", assistant: "Answer", tool: "Result" };

/** Shows a message of a conversation, which is named by its id. `actions` has `edit`, `regenerate`,
 * `select`, `result`, `waits`, `act`. */
export class MessageView {
  constructor(conversation, message, actions) {
    this.id = message.id;
    this.draftId = `${conversation}.${message.id}`;
    this.actions = actions;
    this.message = message;
    this.heading = el("h2", { class: "visually-hidden", text: HEADINGS[message.role] });
    this.body = el("div", { class: "message-body" });
    this.foot = el("div", { class: "message-foot" });
    this.root = el("li", { class: `message message-${message.role}`, "data-id": message.id }, this.heading, this.body, this.foot);
    if (message.role === "assistant") this.makeAnswer();
  }

  makeAnswer() {
    this.reasoningWords = el("div", { class: "reasoning-words", dir: "auto", tabindex: "0", role: "group", "aria-label": "Reasoning" });
    this.reasoningTitle = el("summary");
    this.reasoning = el("details", { class: "reasoning", hidden: true }, this.reasoningTitle, this.reasoningWords);
    this.markdown = new MarkdownView(document);
    this.waiting = el("p", { class: "waiting", "aria-hidden": "true" }, el("span"), el("span"), el("span"));
    this.calls = el("div", { class: "calls" });
    this.failure = el("div", { class: "failure", hidden: true });
    this.body.append(this.reasoning, this.markdown.root, this.waiting, this.calls, this.failure);
  }

  /** Shows the message as it is now. `place` has `siblings`, `isLast`, `openCalls`. */
  update(message, place) {
    this.message = message;
    if (message.role === "assistant") this.updateAnswer(place);
    else if (!this.form) this.updateWords();
    this.updateFoot(place);
  }

  updateWords() {
    const { message } = this;
    if (message.role === "tool") {
      this.body.replaceChildren(
        el("p", { class: "tool-title" }, "Result of ", el("code", { text: message.name ?? "the function" })),
        el("pre", { class: "tool-words", tabindex: "0", role: "group", "aria-label": "Result", text: message.content }),
      );
    } else {
      this.body.replaceChildren(el("div", { class: "bubble", dir: "auto", text: message.content }));
    }
  }

  /** Shows how far an answer has come: what is called at most once a frame. */
  updateAnswer({ isLast, openCalls }) {
    const { message } = this;
    const isStreaming = message.status === "streaming";
    this.root.setAttribute("aria-busy", String(isStreaming));
    this.updateReasoning(isStreaming);
    this.markdown.update(message.content);
    this.waiting.hidden = !isStreaming || message.content !== "" || message.reasoning !== "" || message.toolCalls.length > 0;
    this.updateCalls(isLast ? openCalls : []);
    this.updateFailure(isLast);
  }

  updateReasoning(isStreaming) {
    const { reasoning, content, meta } = this.message;
    if (reasoning === "") {
      this.reasoning.hidden = true;
      this.numReasoning = 0;
      this.reasoningWords.replaceChildren();
      return;
    }
    const isThinking = isStreaming && content === "" && this.message.toolCalls.length === 0;
    if (this.reasoning.hidden) {
      this.reasoning.hidden = false;
      this.reasoning.open = isThinking && showsReasoning();
      this.isOpenedForUser = this.reasoning.open;
      this.numReasoning = 0;
    }
    // Folded again once the answer begins, unless the reader opened it.
    if (!isThinking && this.isOpenedForUser) {
      this.reasoning.open = false;
      this.isOpenedForUser = false;
    }
    if (reasoning.length < this.numReasoning) {
      this.reasoningWords.replaceChildren();
      this.numReasoning = 0;
    }
    if (reasoning.length > this.numReasoning) this.reasoningWords.append(plainText(reasoning.slice(this.numReasoning)));
    this.numReasoning = reasoning.length;
    if (isThinking && this.reasoning.open) this.reasoningWords.scrollTop = this.reasoningWords.scrollHeight;
    const time = meta?.reasoningMs >= 1 ? ` for ${duration(meta.reasoningMs)}` : "";
    this.reasoningTitle.textContent = isThinking ? `Thinking${time} …` : `Thought${time}`;
  }

  updateCalls(openCalls) {
    const { toolCalls, status } = this.message;
    const state = JSON.stringify([toolCalls, status, openCalls.map((call) => call.id)]);
    if (state === this.callsState) return;
    this.callsState = state;
    const verb = status === "streaming" ? "Calls " : wholeCalls(this.message).length > 0 ? "Called " : "Began to call ";
    const cards = toolCalls.map((call) => el(
      "div",
      { class: "call" },
      el("p", { class: "tool-title" }, verb, el("code", { text: call.name || "…" })),
      el("pre", { class: "tool-words", tabindex: "0", role: "group", "aria-label": `Arguments of ${call.name}`, text: prettyJson(call.arguments) }),
    ));
    this.calls.replaceChildren(...cards);
    if (openCalls.length === 0) return;
    this.calls.append(this.resultsForm(openCalls));
    this.actions.waits(this.calls.querySelector("textarea"));
  }

  /** Fields for what the functions returned: this page runs none. */
  resultsForm(calls) {
    const fields = calls.map((call, index) => {
      const id = `result-${this.id}-${index}`;
      const draft = `${this.draftId}.result.${index}`;
      const area = el("textarea", {
        id, rows: "3", placeholder: "What the function returns, such as {\"temperature\": 7}", spellcheck: "false",
        on: { input: () => keepDraft(draft, area.value) },
      });
      area.value = draftOf(draft);
      return { call, label: el("label", { for: id }, "Result of ", el("code", { text: call.name })), area };
    });
    const error = el("p", { class: "field-error", role: "alert" });
    return el(
      "form",
      {
        class: "results",
        on: {
          input: () => {
            error.textContent = "";
          },
          submit: (event) => {
            event.preventDefault();
            const missing = fields.find(({ area }) => area.value.trim() === "");
            if (missing) {
              error.textContent = `Enter what ${missing.call.name} returns.`;
              missing.area.focus();
              return;
            }
            const isTaken = this.actions.result(this.id, fields.map(({ call, area }) => ({ call, content: area.value })));
            if (isTaken) forgetDraftsOf(this.draftId);
          },
        },
      },
      ...fields.flatMap(({ label, area }) => [label, area]),
      error,
      el("button", { class: "button button-primary", type: "submit", text: calls.length === 1 ? "Send result" : "Send results" }),
    );
  }

  updateFailure(isLast) {
    const { failure, status } = this.message;
    const state = JSON.stringify([failure, status, isLast]);
    if (state === this.failureState) return;
    this.failureState = state;
    clearInterval(this.countdown);
    this.failure.hidden = !failure && status !== "stopped";
    if (status === "stopped" && !failure) {
      this.failure.className = "failure failure-stopped";
      this.failure.replaceChildren(el("p", { text: "Stopped." }));
      return;
    }
    if (!failure) return;
    const { title, advice, action, retryAfterS } = explain(failure);
    this.failure.className = "failure";
    const children = [el("p", { class: "failure-title", text: title }), el("p", { dir: "auto", text: advice })];
    const asked = [...(failure.attempts ?? []), ...(failure.excluded ?? [])];
    if (asked.length > 0 && !this.message.meta?.deployment) {
      children.push(el("details", { class: "trail" }, el("summary", { text: "Who was asked" }), attemptsList(asked)));
    }
    if (isLast) children.push(this.failureButtons(action, retryAfterS, failure.at ?? 0));
    this.failure.replaceChildren(...children);
  }

  failureButtons(action, retryAfterS, at) {
    const act = (name) => () => this.actions.act(name, this.id);
    const row = el("p", { class: "cluster" });
    if (action === "key") row.append(button("Enter a key", "button button-primary", act("key")));
    if (action === "model") row.append(button("Choose a model", "button button-primary", act("model")));
    if (action === "settings") row.append(button("Open settings", "button", act("settings")));
    const retry = button("Try again", "button", act("retry"));
    row.append(retry);
    if (retryAfterS) this.countDown(retry, at + 1000 * retryAfterS);
    return row;
  }

  /** The button works again when the server said; until then it tells how long that is. */
  countDown(retry, until) {
    const tick = () => {
      const left = Math.ceil((until - Date.now()) / 1000);
      if (left <= 0 || !retry.isConnected && retry.wasShown) {
        clearInterval(this.countdown);
        retry.removeAttribute("aria-disabled");
        retry.textContent = "Try again";
        return;
      }
      retry.wasShown = retry.isConnected;
      retry.setAttribute("aria-disabled", "true");
      retry.textContent = `Try again in ${left} s`;
    };
    retry.addEventListener("click", (event) => {
      if (retry.hasAttribute("aria-disabled")) event.stopImmediatePropagation();
    }, { capture: true });
    this.countdown = setInterval(tick, 1000);
    tick();
  }

  updateFoot({ siblings, isLast }) {
    const { message } = this;
    const isStreaming = message.status === "streaming";
    const index = siblings.findIndex((one) => one.id === message.id);
    const state = JSON.stringify([isStreaming, index, siblings.length, isLast, message.meta, message.content !== ""]);
    if (state === this.footState) return;
    this.footState = state;
    const focused = this.foot.contains(document.activeElement) ? document.activeElement.dataset.name : null;
    const row = el("div", { class: "message-actions" });
    if (siblings.length > 1) row.append(this.variants(siblings, index));
    if (!isStreaming && message.content !== "" && message.role !== "tool") row.append(this.copyButton());
    if (message.role === "user") row.append(button("Edit", "action", () => this.edit(), { "data-name": "edit" }));
    if (message.role === "assistant" && !isStreaming) {
      row.append(button("Regenerate", "action", () => this.actions.regenerate(this.id), { "data-name": "regenerate" }));
    }
    const trail = message.role === "assistant" && !isStreaming && message.meta && (message.meta.deployment || !message.failure) ? trailView(message.meta) : null;
    const wasOpen = this.foot.querySelector("details")?.open;
    this.foot.replaceChildren(row, ...(trail ? [trail] : []));
    if (trail && wasOpen) trail.open = true;
    if (focused) this.foot.querySelector(`[data-name="${focused}"]`)?.focus();
  }

  copyButton() {
    const copy = button("Copy", "action", async () => {
      flash(copy, (await copyText(this.message.content)) ? "Copied" : "Not copied");
    }, { "data-name": "copy" });
    return copy;
  }

  variants(siblings, index) {
    const go = (step, name, label) => {
      const target = siblings[index + step];
      return button(step < 0 ? "‹" : "›", "action", () => target && this.actions.select(target.id), {
        "aria-label": label, "data-name": name, disabled: !target,
      });
    };
    return el(
      "span",
      { class: "variants", role: "group", "aria-label": "Versions" },
      go(-1, "earlier", "Earlier version"),
      el("span", { text: `${index + 1}/${siblings.length}` }),
      go(1, "later", "Later version"),
    );
  }

  /** Puts a field in the place of the user's words. */
  edit() {
    if (this.form) return;
    const draft = `${this.draftId}.edit`;
    const area = el("textarea", {
      rows: "4", "aria-label": "Edit your message", dir: "auto", on: { input: () => keepDraft(draft, area.value) },
    });
    // Somebody may have looked at another conversation before this was sent.
    area.value = draftOf(draft) || this.message.content;
    const close = () => {
      forgetDraft(draft);
      this.form = null;
      this.root.classList.remove("is-edited");
      this.updateWords();
      this.foot.hidden = false;
      this.foot.querySelector('[data-name="edit"]')?.focus();
    };
    const send = () => {
      const text = area.value.trim();
      if (text === "") {
        area.focus();
        return;
      }
      if (this.actions.edit(this.id, text)) close();
    };
    this.form = el(
      "form",
      {
        class: "edit",
        on: {
          submit: (event) => {
            event.preventDefault();
            send();
          },
          keydown: (event) => {
            if (event.key === "Escape") {
              event.stopPropagation();
              close();
            } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.target === area) {
              event.preventDefault();
              send();
            }
          },
        },
      },
      area,
      el("p", { class: "cluster" }, el("button", { class: "button button-primary", type: "submit", text: "Send" }), button("Cancel", "button", close)),
    );
    this.root.classList.add("is-edited");
    this.body.replaceChildren(this.form);
    this.foot.hidden = true;
    area.focus();
  }
}

function prettyJson(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
