// The messages of a conversation on the page. A message that stays keeps its element.

import { byId } from "./chat-dom.js";
import { MessageView } from "./chat-message.js";
import { openCalls, shownPath } from "./chat-tree.js";

/** A frame in which drawing took this share of the time at most leaves room for the reader. */
const DRAWING_SHARE = 0.25;

export class Thread {
  constructor(scroll, actions) {
    this.list = byId("thread");
    this.empty = byId("chat-empty");
    this.scroll = scroll;
    this.actions = actions;
    this.views = new Map();
    this.conversation = null;
    this.nextDrawAt = 0;
    this.frame = 0;
  }

  /** Shows a conversation as it is now. */
  show(conversation) {
    const isOther = this.conversation?.id !== conversation.id;
    this.conversation = conversation;
    if (isOther) this.clear();
    const path = shownPath(conversation);
    const shown = new Set(path.map(({ message }) => message.id));
    for (const [id, view] of this.views) {
      if (shown.has(id)) continue;
      view.root.remove();
      this.views.delete(id);
    }
    for (const [index, { message, siblings }] of path.entries()) {
      const view = this.viewOf(message);
      if (this.list.children[index] !== view.root) this.list.insertBefore(view.root, this.list.children[index] ?? null);
      const isLast = index === path.length - 1;
      view.update(message, { siblings, isLast, openCalls: isLast ? openCalls(path, index) : [] });
    }
    this.empty.hidden = path.length > 0;
    if (path.length === 0) this.scroll.toStart();
    else if (isOther) this.scroll.toEnd();
    else this.scroll.grown();
  }

  clear() {
    this.list.replaceChildren();
    this.views.clear();
  }

  viewOf(message) {
    let view = this.views.get(message.id);
    if (!view) {
      view = new MessageView(this.conversation.id, message, this.actions);
      this.views.set(message.id, view);
    }
    return view;
  }

  /** Shows what came, in the next frame; in a later one if the last took long. */
  showSoon(conversation) {
    if (this.frame !== 0 || this.conversation?.id !== conversation.id) return;
    const draw = (now) => {
      if (now < this.nextDrawAt) {
        this.frame = requestAnimationFrame(draw);
        return;
      }
      this.frame = 0;
      if (this.conversation?.id !== conversation.id) return;
      const before = performance.now();
      this.showLast();
      const took = performance.now() - before;
      this.nextDrawAt = performance.now() + took * (1 / DRAWING_SHARE - 1);
    };
    this.frame = requestAnimationFrame(draw);
  }

  /** While an answer comes only its own message changes. */
  showLast() {
    const path = shownPath(this.conversation);
    const last = path.at(-1);
    const view = last && this.views.get(last.message.id);
    if (!view) {
      this.show(this.conversation);
      return;
    }
    view.update(last.message, { siblings: last.siblings, isLast: true, openCalls: openCalls(path, path.length - 1) });
    this.scroll.grown();
  }
}
