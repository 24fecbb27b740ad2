// Colours for code: comments, strings, numbers, keywords, types and functions.
//
// It reads a line at a time and carries its state, the modes it is in, from line to line. Every rule is
// a sticky expression that never looks back, and a string is a mode of its own: no line costs more
// than its length.

import { languageNamed } from "./highlight-languages.js";

/** A longer line is not looked into. */
export const MAX_LINE_CHARS = 2000;
/** How deep modes nest, such as templates within templates. */
const MAX_MODES = 16;

export class Highlighter {
  constructor(language) {
    this.language = languageNamed(language);
    this.reset();
  }

  reset() {
    this.modes = ["main"];
  }

  /** The parts of a line, `{text, name}`; `name` is empty for what has no colour. Only complete lines
   * change the state. */
  line(text, isComplete = true) {
    if (!this.language || text.length > MAX_LINE_CHARS) return text === "" ? [] : [{ text, name: "" }];
    const modes = [...this.modes];
    const parts = [];
    let at = 0;
    while (at < text.length) {
      const end = this.step(text, at, modes, parts);
      at = end;
    }
    // What ends with its line at the latest.
    while (modes.length > 1 && this.language.modes[modes.at(-1)].endsWithLine) modes.pop();
    if (isComplete) this.modes = modes;
    return parts;
  }

  step(text, at, modes, parts) {
    const mode = this.language.modes[modes.at(-1)];
    for (const rule of mode.rules) {
      rule.pattern.lastIndex = at;
      const found = rule.pattern.exec(text);
      if (!found || found[0] === "") continue;
      if (rule.pop && modes.length > 1) modes.pop();
      if (rule.push && modes.length < MAX_MODES) modes.push(rule.push);
      add(parts, found[0], this.nameOf(rule, found[0], text, at));
      return at + found[0].length;
    }
    const char = String.fromCodePoint(text.codePointAt(at));
    add(parts, char, mode.name ?? "");
    return at + char.length;
  }

  nameOf(rule, word, text, at) {
    if (!rule.isWord) return rule.name ?? "";
    const { keywords, types, literals, ignoresCase } = this.language;
    const key = ignoresCase ? word.toLowerCase() : word;
    if (keywords?.has(key)) return "keyword";
    if (literals?.has(key)) return "number";
    if (types?.has(key)) return "type";
    const next = text[at + word.length];
    if (next === "(" || (next === "!" && this.language.hasMacros)) return "function";
    if (this.language.hasCapitalTypes && /^[A-Z]/.test(word) && /[a-z]/.test(word)) return "type";
    return "";
  }
}

function add(parts, text, name) {
  const last = parts.at(-1);
  if (last && last.name === name) last.text += text;
  else parts.push({ text, name });
}
