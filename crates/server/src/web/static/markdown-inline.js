// The inline part of Markdown: emphasis, code, links. Text goes in, a small tree comes out; no HTML.
//
// One pass from left to right makes tokens; delimiters and brackets are matched with stacks, so that
// no input makes it look back or ahead more than once. Nesting is limited when the tree is built.

/** How deep emphasis and links nest; deeper ones lose their look, not their words. */
export const MAX_INLINE_DEPTH = 16;
/** The longest address of a link. */
const MAX_HREF_CHARS = 2048;
/** How far a title or a formula may reach. */
const MAX_REACH = 2000;

const SPECIAL = /[\\`*_~[\]!<&\n$h]/g;
const PUNCTUATION = /[\p{P}\p{S}]/u;
const BLANK = /\s/u;
const ENTITIES = {
  amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0", copy: "©", reg: "®", deg: "°",
  times: "×", divide: "÷", plusmn: "±", mdash: "—", ndash: "–", hellip: "…", rarr: "→", larr: "←",
  le: "≤", ge: "≥", ne: "≠", infin: "∞", bull: "•", middot: "·", euro: "€", pound: "£",
};

/** The tree of a text: a list of `{kind, text | children, href?, isImage?}`. */
export function parseInline(source) {
  const scan = new Scan(source);
  scan.run();
  scan.matchDelimiters(0);
  return tree(scan.tokens);
}

class Scan {
  constructor(source) {
    this.source = source;
    this.at = 0;
    this.tokens = [];
    /** Tokens of delimiter runs that may still match. */
    this.delimiters = [];
    /** Tokens of `[` that may still become links. */
    this.brackets = [];
    /** Brackets below this one are in front of a link, and a link has no link in it. */
    this.inactiveBelow = 0;
    this.backticks = null;
    /** What was looked for: from where, and where it is. */
    this.finds = new Map();
  }

  run() {
    const { source } = this;
    while (this.at < source.length) {
      SPECIAL.lastIndex = this.at;
      const found = SPECIAL.exec(source);
      const next = found ? found.index : source.length;
      if (next > this.at) this.text(source.slice(this.at, next));
      this.at = next;
      if (found) this.special(found[0]);
    }
  }

  text(text) {
    const last = this.tokens.at(-1);
    if (last && last.kind === "text") last.parts.push(text);
    else this.tokens.push({ kind: "text", parts: [text] });
  }

  /** Takes so many characters as they are. */
  literal(count) {
    this.text(this.source.slice(this.at, this.at + count));
    this.at += count;
  }

  special(char) {
    switch (char) {
      case "\\": return this.backslash();
      case "`": return this.code();
      case "*":
      case "_":
      case "~": return this.delimiterRun(char);
      case "!":
        if (this.source[this.at + 1] !== "[") return this.literal(1);
        return this.openBracket(2);
      case "[": return this.openBracket(1);
      case "]": return this.closeBracket();
      case "<": return this.angle();
      case "&": return this.entity();
      case "$": return this.math("$$", "$$");
      case "h": return this.bareAddress();
      default: return this.lineEnd();
    }
  }

  backslash() {
    const next = this.source[this.at + 1];
    if (next === "(") return this.math("\\(", "\\)");
    if (next === "[") return this.math("\\[", "\\]");
    if (next === "\n") {
      this.tokens.push({ kind: "break" });
      this.at += 2;
      return undefined;
    }
    if (next !== undefined && /[!-/:-@[-`{-~]/.test(next)) {
      this.text(next);
      this.at += 2;
      return undefined;
    }
    return this.literal(1);
  }

  /** A line end is a space, or a break after two spaces. */
  lineEnd() {
    const last = this.tokens.at(-1);
    let isBreak = false;
    if (last && last.kind === "text") {
      const end = last.parts.pop();
      const trimmed = end.replace(/ {1,100}$/, "");
      isBreak = end.length - trimmed.length >= 2;
      last.parts.push(trimmed);
    }
    if (isBreak) this.tokens.push({ kind: "break" });
    else this.text("\n");
    this.at += 1;
    while (this.source[this.at] === " ") this.at += 1;
  }

  /** Formulas are shown as they were written: their signs are no emphasis. */
  math(open, close) {
    const { source, at } = this;
    if (!source.startsWith(open, at)) return this.literal(1);
    const start = at + open.length;
    const end = this.find(close, start);
    if (end < 0 || end === start || end - start > MAX_REACH) {
      // CommonMark's escape of a bracket.
      if (open[0] === "\\") {
        this.text(open[1]);
        this.at += 2;
        return undefined;
      }
      return this.literal(open.length);
    }
    this.tokens.push({ kind: "math", text: source.slice(start, end).trim() });
    this.at = end + close.length;
    return undefined;
  }

  /** Like `indexOf`, but no part of the text is looked through twice. */
  find(text, from) {
    const last = this.finds.get(text);
    if (last && from >= last.from && (last.at < 0 || last.at >= from)) return last.at;
    const at = this.source.indexOf(text, from);
    this.finds.set(text, { from, at });
    return at;
  }

  code() {
    const length = runLength(this.source, this.at, "`");
    const end = this.nextBackticks(length, this.at + length);
    if (end < 0) return this.literal(length);
    let text = this.source.slice(this.at + length, end).replace(/\n/g, " ");
    if (text.length > 2 && text.startsWith(" ") && text.endsWith(" ") && text.trim() !== "") {
      text = text.slice(1, -1);
    }
    this.tokens.push({ kind: "code", text });
    this.at = end + length;
    return undefined;
  }

  /** Where the next run of so many backticks begins. All runs are found in one pass. */
  nextBackticks(length, from) {
    if (this.backticks === null) {
      this.backticks = new Map();
      for (const run of this.source.matchAll(/`+/g)) {
        const runs = this.backticks.get(run[0].length) ?? { at: 0, starts: [] };
        runs.starts.push(run.index);
        this.backticks.set(run[0].length, runs);
      }
    }
    const runs = this.backticks.get(length);
    if (!runs) return -1;
    while (runs.at < runs.starts.length && runs.starts[runs.at] < from) runs.at += 1;
    return runs.starts[runs.at] ?? -1;
  }

  delimiterRun(char) {
    const { source, at } = this;
    const length = runLength(source, at, char);
    if (char === "~" && length !== 2) return this.literal(length);
    const before = charBefore(source, at);
    const after = charAt(source, at + length);
    const leftFlanking = !isBlank(after)
      && (!isPunctuation(after) || isBlank(before) || isPunctuation(before));
    const rightFlanking = !isBlank(before)
      && (!isPunctuation(before) || isBlank(after) || isPunctuation(after));
    const isWord = char === "_";
    const token = {
      kind: "delimiter",
      char,
      length,
      left: length,
      canOpen: leftFlanking && (!isWord || !rightFlanking || isPunctuation(before)),
      canClose: rightFlanking && (!isWord || !leftFlanking || isPunctuation(after)),
      opens: [],
      closes: [],
    };
    this.tokens.push(token);
    if (token.canOpen || token.canClose) this.delimiters.push(token);
    this.at += length;
    return undefined;
  }

  /** Matches the delimiters above `bottom`; they are forgotten after that. */
  matchDelimiters(bottom) {
    const all = this.delimiters.splice(bottom);
    // The stack of those that may open, and for each sort of closer how far down there is none.
    const openers = [];
    const floors = new Map();
    for (const closer of all) {
      if (closer.canClose) this.close(closer, openers, floors);
      if (closer.left > 0 && closer.canOpen) openers.push(closer);
    }
  }

  close(closer, openers, floors) {
    while (closer.left > 0) {
      const sort = `${closer.char}${closer.canOpen}${closer.length % 3}`;
      const floor = Math.min(floors.get(sort) ?? 0, openers.length);
      let index = openers.length - 1;
      while (index >= floor && !matches(openers[index], closer)) index -= 1;
      if (index < floor) {
        floors.set(sort, openers.length);
        return;
      }
      const opener = openers[index];
      const used = closer.left >= 2 && opener.left >= 2 ? 2 : 1;
      const kind = closer.char === "~" ? "del" : used === 2 ? "strong" : "em";
      opener.opens.push(kind);
      closer.closes.push(kind);
      opener.left -= used;
      closer.left -= used;
      if (closer.char === "~") {
        opener.left = 0;
        closer.left = 0;
      }
      openers.length = opener.left > 0 ? index + 1 : index;
      for (const [name, at] of floors) if (at > openers.length) floors.set(name, openers.length);
    }
  }

  openBracket(length) {
    const token = {
      kind: "bracket",
      text: this.source.slice(this.at, this.at + length),
      isImage: length === 2,
      delimiters: this.delimiters.length,
    };
    this.tokens.push(token);
    this.brackets.push(token);
    this.at += length;
  }

  closeBracket() {
    const opener = this.brackets.pop();
    if (!opener) return this.literal(1);
    const isActive = opener.isImage || this.brackets.length >= this.inactiveBelow;
    const target = isActive ? this.target(this.at + 1) : null;
    this.inactiveBelow = Math.min(this.inactiveBelow, this.brackets.length);
    if (!target) return this.literal(1);
    this.matchDelimiters(opener.delimiters);
    opener.link = { href: safeHref(target.href), isImage: opener.isImage };
    this.tokens.push({ kind: "linkEnd" });
    this.at = target.end;
    if (!opener.isImage) this.inactiveBelow = this.brackets.length;
    return undefined;
  }

  /** `(address "title")` at a place: where it leads and where it ends. */
  target(start) {
    const { source } = this;
    if (source[start] !== "(") return null;
    let at = skipBlank(source, start + 1);
    let href = "";
    if (source[at] === "<") {
      // Neither brackets nor line ends in it: what is looked through here is never looked through again.
      const found = matchAt(/<([^<>\n]*)>/y, source, at);
      if (!found || found[1].length > MAX_HREF_CHARS) return null;
      [, href] = found;
      at += found[0].length;
    } else {
      const from = at;
      let open = 0;
      for (; at < source.length && at - from <= MAX_HREF_CHARS; at += 1) {
        const char = source[at];
        if (char === "(") open += 1;
        else if (char === ")" && open-- === 0) break;
        else if (char === "[" || char === "]" || char === "<" || char <= " ") break;
        else if (char === "\\") at += 1;
      }
      href = source.slice(from, at).replace(/\\([!-/:-@[-`{-~])/g, "$1");
    }
    at = skipBlank(source, at);
    if (source[at] === '"' || source[at] === "'") {
      const end = this.find(source[at], at + 1);
      if (end < 0 || end - at > MAX_REACH) return null;
      at = skipBlank(source, end + 1);
    }
    return source[at] === ")" ? { href, end: at + 1 } : null;
  }

  angle() {
    const { source, at } = this;
    const lineBreak = matchAt(/<br\s?\/?>/iy, source, at);
    if (lineBreak) {
      this.tokens.push({ kind: "break" });
      this.at += lineBreak[0].length;
      return undefined;
    }
    const link = matchAt(/<((?:https?:\/\/|mailto:)[^\s<>]{1,2048})>/iy, source, at)
      ?? matchAt(/<([\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8})>/y, source, at);
    if (!link) return this.literal(1);
    const address = link[1];
    this.address(/^(https?:|mailto:)/i.test(address) ? address : `mailto:${address}`, address);
    this.at += link[0].length;
    return undefined;
  }

  /** `https://…` without any brackets. */
  bareAddress() {
    const { source, at } = this;
    const before = charBefore(source, at);
    const found = /[\p{L}\p{N}_]/u.test(before) ? null : matchAt(/https?:\/\/[^\s<>`*[\]]{1,2048}/y, source, at);
    if (!found) return this.literal(1);
    let address = found[0].replace(/[.,:;!?'"]{1,20}$/, "");
    // A closing parenthesis belongs to the address if its opening one does.
    while (address.endsWith(")") && count(address, ")") > count(address, "(")) address = address.slice(0, -1);
    if (!/^https?:\/\/[^/]/.test(address)) return this.literal(found[0].length);
    this.address(address, address);
    this.at += address.length;
    return undefined;
  }

  address(href, text) {
    this.tokens.push({ kind: "bracket", link: { href: safeHref(href), isImage: false } });
    this.tokens.push({ kind: "text", parts: [text] });
    this.tokens.push({ kind: "linkEnd" });
  }

  entity() {
    const found = matchAt(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]{2,8}));/iy, this.source, this.at);
    if (!found) return this.literal(1);
    const [whole, decimal, hex, name] = found;
    const code = decimal ? Number(decimal) : parseInt(hex ?? "0", 16);
    const char = name ? ENTITIES[name] : code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : "\ufffd";
    if (char === undefined) return this.literal(1);
    this.text(char);
    this.at += whole.length;
    return undefined;
  }
}

function matches(opener, closer) {
  if (opener.char !== closer.char) return false;
  // "If one of the delimiters can both open and close", lengths must not add up to three.
  const isOdd = (opener.canClose || closer.canOpen) && (opener.length + closer.length) % 3 === 0;
  return !isOdd || (opener.length % 3 === 0 && closer.length % 3 === 0);
}

/** Makes a tree of tokens: what opens and closes nests already. */
function tree(tokens) {
  const root = { kind: "root", children: [] };
  const stack = [root];
  /** What is open, innermost last: whether it is shown. */
  const isShown = [];
  let isInLink = false;
  const top = () => stack[stack.length - 1];
  const open = (node) => {
    // A link has no link in it.
    const shown = stack.length <= MAX_INLINE_DEPTH && !(isInLink && node.kind === "link");
    isShown.push(shown);
    if (shown) {
      top().children.push(node);
      stack.push(node);
      isInLink ||= node.kind === "link";
    } else if (node.isImage) {
      text("Image: ");
    }
  };
  const close = () => {
    if (isShown.pop() && stack.pop().kind === "link") isInLink = false;
  };
  const text = (words) => {
    const last = top().children.at(-1);
    if (last && last.kind === "text") last.parts.push(words);
    else top().children.push({ kind: "text", parts: [words] });
  };
  for (const token of tokens) {
    switch (token.kind) {
      case "text":
        text(token.parts.join(""));
        break;
      case "delimiter":
        token.closes.forEach(close);
        if (token.left > 0) text(token.char.repeat(token.left));
        for (const kind of token.opens.reverse()) open({ kind, children: [] });
        break;
      case "bracket":
        if (token.link) open({ kind: "link", ...token.link, children: [] });
        else text(token.text);
        break;
      case "linkEnd":
        close();
        break;
      default:
        top().children.push(token);
    }
  }
  return root.children;
}

/** The address if it leads somewhere harmless, else `null`. */
export function safeHref(address) {
  let url;
  try {
    url = new URL(address.trim());
  } catch {
    return null;
  }
  return ["http:", "https:", "mailto:"].includes(url.protocol) ? url.href : null;
}

function matchAt(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

function runLength(text, at, char) {
  let end = at;
  while (text[end] === char) end += 1;
  return end - at;
}

function skipBlank(text, at) {
  let next = at;
  while (next < text.length && next - at < MAX_REACH && (text[next] === " " || text[next] === "\n")) next += 1;
  return next;
}

function charBefore(text, at) {
  if (at === 0) return "";
  const low = text.charCodeAt(at - 1);
  return low >= 0xdc00 && low <= 0xdfff && at > 1 ? text.slice(at - 2, at) : text[at - 1];
}

function charAt(text, at) {
  const code = text.codePointAt(at);
  return code === undefined ? "" : String.fromCodePoint(code);
}

const isBlank = (char) => char === "" || BLANK.test(char);
const isPunctuation = (char) => char !== "" && PUNCTUATION.test(char);
const count = (text, char) => text.split(char).length - 1;
