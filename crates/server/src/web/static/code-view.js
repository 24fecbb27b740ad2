// A block of code, line by line, so that one that grows is never made anew.

import { Highlighter } from "./highlight.js";

/** Lines that get colours; those behind are plain. */
const MAX_COLOURED_LINES = 5000;

export class CodeView {
  /** `language` is the word behind the fence, as a stranger wrote it. */
  constructor(document, language) {
    this.document = document;
    this.language = language;
    this.highlighter = new Highlighter(language);
    /** Text of the lines that are complete, and how many there are. */
    this.complete = "";
    this.numComplete = 0;
    this.last = null;
    this.source = "";

    this.root = document.createElement("div");
    this.root.className = "code-block";
    const head = document.createElement("div");
    head.className = "code-head";
    const name = document.createElement("span");
    name.className = "code-language";
    name.textContent = language || "text";
    const copy = document.createElement("button");
    copy.setAttribute("type", "button");
    copy.className = "code-copy";
    copy.textContent = "Copy";
    copy.setAttribute("aria-label", "Copy code");
    copy.codeView = this;
    head.append(name, copy);
    const frame = document.createElement("pre");
    frame.tabIndex = 0;
    frame.setAttribute("dir", "ltr");
    frame.setAttribute("role", "group");
    frame.setAttribute("aria-label", language ? `Code, ${language}` : "Code");
    this.code = document.createElement("code");
    frame.append(this.code);
    this.root.append(head, frame);
  }

  /** Shows `text`; `source` is what copying gives. */
  update(text, source = text) {
    this.source = source;
    if (!text.startsWith(this.complete)) {
      this.code.replaceChildren();
      this.complete = "";
      this.numComplete = 0;
      this.last = null;
      this.highlighter.reset();
    }
    const lines = text.slice(this.complete.length).split("\n");
    this.last?.remove();
    const unfinished = lines.pop();
    for (const line of lines) {
      this.code.append(this.line(line, true), "\n");
      this.complete += `${line}\n`;
      this.numComplete += 1;
    }
    this.last = this.line(unfinished, false);
    this.code.append(this.last);
  }

  line(text, isComplete) {
    const made = this.document.createElement("span");
    made.className = "line";
    const parts = this.numComplete < MAX_COLOURED_LINES
      ? this.highlighter.line(text, isComplete)
      : [{ text, name: "" }];
    for (const part of parts) {
      if (part.name === "") {
        made.append(part.text);
        continue;
      }
      const span = this.document.createElement("span");
      span.className = `hl-${part.name}`;
      span.append(part.text);
      made.append(span);
    }
    return made;
  }
}
