// Markdown as DOM nodes. Words of models are strangers' words: nothing here parses HTML, nothing is
// loaded, and links lead to http, https and mailto only.

import { CodeView } from "./code-view.js";
import { parseBlocks } from "./markdown-blocks.js";
import { parseInline } from "./markdown-inline.js";
import { plainText, withLineFeeds } from "./plain-text.js";

/** A longer text is shown as it is. */
export const MAX_MARKDOWN_CHARS = 500000;
const MAX_KNOWN_ITEMS = 20000;
/** Headings of an answer stand below those of the page. */
const HEADING_SHIFT = 2;

/** The nodes of a whole text. */
export function renderMarkdown(text, document) {
  const view = new MarkdownView(document);
  view.update(text);
  return view.root;
}

/** Shows a text that grows: only its last blocks are made anew. */
export class MarkdownView {
  constructor(document) {
    this.document = document;
    this.root = document.createElement("div");
    this.root.className = "markdown";
    this.reset();
  }

  reset() {
    this.root.replaceChildren();
    this.text = "";
    /** Up to here nothing changes any more. */
    this.settled = 0;
    /** What stands behind that: `{node, source, block, code}` of each block. */
    this.loose = [];
    /** Items of lists that were parsed already. */
    this.known = new Map();
    this.plain = null;
    this.numShown = 0;
  }

  /** Shows `text`. If it goes on where the last one ended, what stands before stays as it is. */
  update(source) {
    const text = withLineFeeds(source);
    if (!text.startsWith(this.text)) this.reset();
    this.text = text;
    if (text.length > MAX_MARKDOWN_CHARS) {
      this.showPlain();
      return;
    }
    const tail = text.slice(this.settled);
    const lines = tail.split("\n");
    // Every version of an item that grows is one more.
    if (this.known.size > MAX_KNOWN_ITEMS) this.known.clear();
    const blocks = parseBlocks(lines, this.known);
    const shown = blocks.map((block, index) => {
      const words = lines.slice(block.start, blocks[index + 1]?.start).join("\n");
      return this.show(block, block.kind === "code" ? words : words.trimEnd(), this.loose[index]);
    });
    for (const { node } of this.loose.slice(shown.length)) node.remove();
    const keep = looseFrom(blocks, lines.length);
    this.loose = shown.slice(keep);
    if (keep === 0) return;
    this.known.clear();
    this.settled += lines.slice(0, blocks[keep].start).join("\n").length + 1;
  }

  /** Shows a block in the place of `old`, which may be the same. */
  show(block, source, old) {
    if (old?.source === source) return old;
    if (old && canGrow(old.block, block)) {
      // What grows at its end costs no more per line if it is long.
      if (block.kind === "code") old.code.update(plainText(block.text), block.text);
      else if (block.kind === "list") growList(old, block, this.document);
      else growTable(old, block, this.document);
      return { ...old, source, block };
    }
    let code = null;
    const node = blockNode(block, this.document, (view) => {
      code = view;
    });
    if (old) old.node.replaceWith(node);
    else this.root.append(node);
    return { node, source, block, code };
  }

  showPlain() {
    if (!this.plain) {
      const { text } = this;
      this.reset();
      this.text = text;
      this.plain = element(this.document, "pre", "plain-text");
      this.plain.tabIndex = 0;
      this.root.append(this.plain);
    }
    this.plain.append(plainText(this.text.slice(this.numShown)));
    this.numShown = this.text.length;
  }
}

/** Which block is the first that may still change: the last one, or the one before if the last one
 * begins in a line that is not complete. */
function looseFrom(blocks, numLines) {
  const last = blocks.at(-1);
  if (!last) return 0;
  return Math.max(0, last.start === numLines - 1 ? blocks.length - 2 : blocks.length - 1);
}

/** Whether the node of a block can go on as that of another one. */
function canGrow(old, block) {
  if (old.kind !== block.kind) return false;
  switch (block.kind) {
    case "code":
      return languageOf(old) === languageOf(block);
    case "list":
      return old.isOrdered === block.isOrdered && old.first === block.first && old.isLoose === block.isLoose;
    case "table":
      return old.header.join("|") === block.header.join("|") && old.alignments.join() === block.alignments.join();
    default:
      return false;
  }
}

/** How many of the first parts are the same. */
function numSame(old, parts, isSame) {
  let count = 0;
  while (count < old.length && count < parts.length && isSame(old[count], parts[count])) count += 1;
  return count;
}

function growList({ node, block: old }, block, document) {
  const keep = numSame(old.items, block.items, (a, b) => a.source === b.source);
  for (const item of [...node.childNodes].slice(keep)) item.remove();
  node.append(...block.items.slice(keep).map((item) => itemNode(item, block.isLoose, document)));
}

function growTable({ node, block: old }, block, document) {
  const keep = numSame(old.rows, block.rows, (a, b) => a.every((cell, index) => cell === b[index]));
  const body = node.childNodes[0].childNodes[1];
  for (const row of [...body.childNodes].slice(keep)) row.remove();
  body.append(...block.rows.slice(keep).map((row) => rowNode(row, "td", block.alignments, document)));
}

function languageOf(block) {
  return block.info.split(/[\s{,]/, 1)[0].slice(0, 40);
}

function element(document, name, className) {
  const made = document.createElement(name);
  if (className) made.className = className;
  return made;
}

/** An element whose direction is that of its words. */
function worded(document, name, text) {
  const made = element(document, name);
  made.setAttribute("dir", "auto");
  made.append(...inlineNodes(parseInline(text), document));
  return made;
}

function blockNode(block, document, onCode) {
  switch (block.kind) {
    case "heading":
      return worded(document, `h${Math.min(6, block.level + HEADING_SHIFT)}`, block.text);
    case "rule":
      return element(document, "hr");
    case "quote": {
      const made = element(document, "blockquote");
      made.append(...block.blocks.map((inner) => blockNode(inner, document)));
      return made;
    }
    case "code": {
      const view = new CodeView(document, languageOf(block));
      view.update(plainText(block.text), block.text);
      onCode?.(view);
      return view.root;
    }
    case "list":
      return listNode(block, document);
    case "table":
      return tableNode(block, document);
    default:
      return worded(document, "p", block.text);
  }
}

function listNode(block, document) {
  const made = element(document, block.isOrdered ? "ol" : "ul");
  if (block.isOrdered && block.first !== 1) made.setAttribute("start", String(block.first));
  made.append(...block.items.map((item) => itemNode(item, block.isLoose, document)));
  return made;
}

function itemNode({ blocks, isDone }, isLoose, document) {
  const made = element(document, "li");
  made.setAttribute("dir", "auto");
  if (isDone !== null) made.append(checkbox(document, isDone));
  for (const inner of blocks) {
    // The words of items that stand close together have no paragraphs around them.
    if (inner.kind === "paragraph" && !isLoose) made.append(...inlineNodes(parseInline(inner.text), document));
    else made.append(blockNode(inner, document));
  }
  return made;
}

function checkbox(document, isDone) {
  const box = element(document, "input", "task");
  box.setAttribute("type", "checkbox");
  box.setAttribute("disabled", "");
  if (isDone) box.setAttribute("checked", "");
  box.setAttribute("aria-label", isDone ? "done" : "to do");
  return box;
}

function tableNode(block, document) {
  const table = element(document, "table");
  const head = element(document, "thead");
  const body = element(document, "tbody");
  head.append(rowNode(block.header, "th", block.alignments, document));
  body.append(...block.rows.map((row) => rowNode(row, "td", block.alignments, document)));
  table.append(head, body);
  const frame = element(document, "div", "table-frame");
  // It scrolls sideways, also by keyboard.
  frame.tabIndex = 0;
  frame.setAttribute("role", "group");
  frame.setAttribute("aria-label", "Table");
  frame.append(table);
  return frame;
}

function rowNode(cells, name, alignments, document) {
  const row = element(document, "tr");
  for (const [index, text] of cells.entries()) {
    const cell = worded(document, name, text);
    if (name === "th") cell.setAttribute("scope", "col");
    if (alignments[index]) cell.className = `align-${alignments[index]}`;
    row.append(cell);
  }
  return row;
}

const ELEMENTS = { em: "em", strong: "strong", del: "del" };

/** The nodes of inline text. Its nesting is limited, so this may call itself. */
function inlineNodes(parts, document) {
  return parts.map((part) => {
    switch (part.kind) {
      case "text":
        return document.createTextNode(plainText(part.parts.join("")));
      case "break":
        return element(document, "br");
      case "code":
      case "math": {
        const made = element(document, "code", part.kind === "math" ? "math" : "");
        made.setAttribute("dir", "ltr");
        made.append(plainText(part.text));
        return made;
      }
      case "link":
        return linkNode(part, document);
      default: {
        const made = element(document, ELEMENTS[part.kind]);
        made.append(...inlineNodes(part.children, document));
        return made;
      }
    }
  });
}

function linkNode(part, document) {
  const words = inlineNodes(part.children, document);
  if (part.isImage) {
    // Showing it would tell its host who reads this.
    words.unshift(document.createTextNode(words.length > 0 ? "Image: " : "Image"));
  }
  if (part.href === null) {
    const made = element(document, "span", "link-refused");
    made.append(...words);
    return made;
  }
  const link = element(document, "a");
  link.setAttribute("href", part.href);
  link.setAttribute("rel", "nofollow noopener noreferrer");
  link.setAttribute("target", "_blank");
  link.append(...(words.length > 0 ? words : [document.createTextNode(plainText(part.href))]));
  return link;
}
