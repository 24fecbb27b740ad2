// The block part of Markdown: lines go in, a tree of blocks comes out.
//
// Every container takes its lines, strips its marker and hands the rest down; with limited nesting
// that is linear in the text. What is beyond a limit is shown as plain paragraphs.

/** How deep quotes and lists nest. */
export const MAX_BLOCK_DEPTH = 12;
/** Columns and cells of a table. */
export const MAX_TABLE_COLUMNS = 64;
export const MAX_TABLE_CELLS = 20000;

const FENCE = /^( {0,3})(`{3,}|~{3,})[ \t]*(.*)$/;
const HEADING = /^ {0,3}(#{1,6})(?:[ \t](.*))?$/;
const QUOTE = /^ {0,3}>/;
const ITEM = /^( *)([-+*]|\d{1,9}[.)])(?: (.*))?$/;
// One or two signs make no heading: a list that is being written begins like that.
const SETEXT = /^ {0,3}(={3,}|-{3,})$/;
const DELIMITER_CELL = /^:?-+:?$/;

/**
 * The blocks of lines. Each has `kind` and `start`, the number of its first line:
 *
 * - `paragraph` and `heading` (with `level`): `text`
 * - `code`: `info`, `text`, `isOpen` while its closing fence is missing
 * - `quote`: `blocks`
 * - `list`: `isOrdered`, `first`, `isLoose`, `items` of `{blocks, isDone, source}`; `isDone` is `null` for
 *   what is no task
 * - `table`: `alignments`, `header`, `rows`, both of texts
 * - `rule`
 *
 * Items of lists are looked up in `known` and written to it: whoever parses a text again and again
 * keeps it, so that only new items are parsed.
 */
export function parseBlocks(lines, known = new Map()) {
  return blocksOf(lines.map(withoutTabs), 0, known);
}

/** Tabs in front count as up to four spaces. */
function withoutTabs(line) {
  if (!line.includes("\t")) return line;
  let column = 0;
  let at = 0;
  for (; line[at] === " " || line[at] === "\t"; at += 1) column += line[at] === "\t" ? 4 - (column % 4) : 1;
  return " ".repeat(column) + line.slice(at);
}

function blocksOf(lines, depth, known) {
  const blocks = [];
  let at = 0;
  while (at < lines.length) {
    if (isBlank(lines[at])) {
      at += 1;
      continue;
    }
    const [block, next] = blockAt(lines, at, depth, known);
    block.start = at;
    blocks.push(block);
    at = next;
  }
  return blocks;
}

function blockAt(lines, at, depth, known) {
  const line = lines[at];
  return fence(lines, at)
    ?? heading(lines, at)
    ?? (isRule(line) ? [{ kind: "rule" }, at + 1] : null)
    ?? (depth < MAX_BLOCK_DEPTH ? quote(lines, at, depth, known) ?? list(lines, at, depth, known) : null)
    ?? indented(lines, at)
    ?? table(lines, at)
    ?? paragraph(lines, at, depth);
}

const isBlank = (line) => line.trim() === "";

function indentOf(line) {
  let indent = 0;
  while (line[indent] === " ") indent += 1;
  return indent;
}

function isRule(line) {
  if (indentOf(line) > 3) return false;
  const char = line.trimStart()[0];
  if (char !== "-" && char !== "*" && char !== "_") return false;
  let count = 0;
  for (const one of line) {
    if (one === char) count += 1;
    else if (one !== " " && one !== "\t") return false;
  }
  return count >= 3;
}

function isFence(line) {
  const found = FENCE.exec(line);
  return found !== null && !(found[2][0] === "`" && found[3].includes("`"));
}

function fence(lines, at) {
  if (!isFence(lines[at])) return null;
  const [, indent, marker, info] = FENCE.exec(lines[at]);
  const text = [];
  let next = at + 1;
  let isOpen = true;
  for (; next < lines.length; next += 1) {
    const line = lines[next];
    const trimmed = line.trim();
    if (trimmed.length >= marker.length && indentOf(line) <= 3 && isAll(trimmed, marker[0])) {
      isOpen = false;
      next += 1;
      break;
    }
    text.push(line.slice(Math.min(indentOf(line), indent.length)));
  }
  return [{ kind: "code", info: info.trim(), text: text.join("\n"), isOpen }, next];
}

function isAll(text, char) {
  for (const one of text) if (one !== char) return false;
  return true;
}

function heading(lines, at) {
  const found = HEADING.exec(lines[at]);
  if (!found) return null;
  let text = (found[2] ?? "").trim();
  // Signs that close it are no part of it, if a space stands before them.
  let end = text.length;
  while (text[end - 1] === "#") end -= 1;
  if (end === 0 || text[end - 1] === " ") text = text.slice(0, end).trim();
  return [{ kind: "heading", level: found[1].length, text }, at + 1];
}

function quote(lines, at, depth, known) {
  if (!QUOTE.test(lines[at])) return null;
  const inner = [];
  let next = at;
  for (; next < lines.length; next += 1) {
    const line = lines[next];
    if (QUOTE.test(line)) inner.push(line.replace(/^ {0,3}> ?/, ""));
    // Its last paragraph goes on without marker.
    else if (isBlank(line) || interrupts(lines, next) || !endsInParagraph(inner)) break;
    else inner.push(line);
  }
  return [{ kind: "quote", blocks: blocksOf(inner, depth + 1, known) }, next];
}

/** Whether the last of the lines may be one of a paragraph; a guess that costs nothing. */
function endsInParagraph(lines) {
  const last = lines[lines.length - 1] ?? "";
  return !isBlank(last) && !isFence(last) && !HEADING.test(last) && !isRule(last);
}

function itemAt(line) {
  const found = ITEM.exec(line);
  if (!found || isRule(line)) return null;
  const [, indent, marker, rest = ""] = found;
  const padding = isBlank(rest) ? 0 : indentOf(rest);
  const inside = padding >= 4 ? 0 : padding;
  return {
    indent: indent.length,
    sort: marker.at(-1),
    isOrdered: marker.length > 1,
    number: Number.parseInt(marker, 10),
    text: rest.slice(inside),
    inner: indent.length + marker.length + 1 + inside,
  };
}

function list(lines, at, depth, known) {
  const first = itemAt(lines[at]);
  if (!first || first.indent > 3) return null;
  const items = [];
  let isLoose = false;
  let next = at;
  let item = first;
  while (item && item.sort === first.sort && item.indent < first.indent + 4) {
    const inner = [item.text];
    const from = next;
    next = takeItem(lines, next + 1, item, inner);
    let blanks = 0;
    while (inner.length > 1 && isBlank(inner[inner.length - 1])) {
      inner.pop();
      blanks += 1;
    }
    const made = itemOf(inner, depth, known);
    isLoose ||= made.hasGap;
    items.push({ ...made, source: lines.slice(from, next - blanks).join("\n") });
    item = next < lines.length ? itemAt(lines[next]) : null;
    const goesOn = item && item.sort === first.sort;
    if (blanks > 0 && goesOn) isLoose = true;
    if (!goesOn) next -= blanks;
  }
  return [{ kind: "list", isOrdered: first.isOrdered, first: first.number, isLoose, items }, next];
}

/** Adds the further lines of an item to `inner`; says where it ends. */
function takeItem(lines, from, item, inner) {
  let next = from;
  for (; next < lines.length; next += 1) {
    const line = lines[next];
    const indent = indentOf(line);
    const other = itemAt(line);
    if (isBlank(line)) {
      // An item that begins with an empty line does not go on after it.
      if (isBlank(inner[0]) && inner.length === 1) break;
      inner.push("");
    } else if (indent >= item.inner || (other && indent >= item.indent + 2)) {
      // Models indent lists within lists by two spaces, whatever the marker's width is.
      inner.push(line.slice(Math.min(indent, item.inner)));
    } else if (other || isBlank(inner[inner.length - 1]) || interrupts(lines, next) || !endsInParagraph(inner)) {
      break;
    } else {
      inner.push(line);
    }
  }
  return next;
}

function itemOf(inner, depth, known) {
  const name = `${depth}\n${inner.join("\n")}`;
  const parsed = known.get(name);
  if (parsed) return parsed;
  const task = /^\[([ xX])\] (?=\S)/.exec(inner[0]);
  if (task) inner[0] = inner[0].slice(task[0].length);
  const blocks = blocksOf(inner, depth + 1, known);
  const made = { blocks, isDone: task ? task[1] !== " " : null, hasGap: hasGap(inner, blocks) };
  known.set(name, made);
  return made;
}

/** Whether an empty line stands between two blocks of an item. */
function hasGap(lines, blocks) {
  return blocks.slice(1).some((block) => isBlank(lines[block.start - 1]));
}

function indented(lines, at) {
  if (indentOf(lines[at]) < 4) return null;
  const text = [];
  let next = at;
  for (; next < lines.length && (isBlank(lines[next]) || indentOf(lines[next]) >= 4); next += 1) {
    text.push(lines[next].slice(4));
  }
  while (isBlank(text[text.length - 1])) {
    text.pop();
    next -= 1;
  }
  return [{ kind: "code", info: "", text: text.join("\n"), isOpen: false }, next];
}

/** The cells of a row. A `|` after a backslash is none that divides. */
function cellsOf(line) {
  let row = line.trim();
  if (row.startsWith("|")) row = row.slice(1);
  if (row.endsWith("|") && !row.endsWith("\\|")) row = row.slice(0, -1);
  const cells = [];
  let cell = "";
  for (let at = 0; at < row.length; at += 1) {
    if (row[at] === "\\" && row[at + 1] === "|") {
      cell += "|";
      at += 1;
    } else if (row[at] === "|" && cells.length < MAX_TABLE_COLUMNS - 1) {
      cells.push(cell.trim());
      cell = "";
    } else {
      cell += row[at];
    }
  }
  cells.push(cell.trim());
  return cells;
}

/** The alignments that a row under a header tells, if it is one. */
function delimiterRow(line) {
  if (line === undefined || !line.includes("-") || !/^[ |:-]+$/.test(line)) return null;
  if (!line.includes("|")) return null;
  const cells = cellsOf(line);
  if (!cells.every((cell) => DELIMITER_CELL.test(cell))) return null;
  return cells.map((cell) => {
    const [left, right] = [cell.startsWith(":"), cell.endsWith(":")];
    return left && right ? "center" : right ? "right" : left ? "left" : null;
  });
}

function isTable(lines, at) {
  if (!lines[at].includes("|")) return false;
  const alignments = delimiterRow(lines[at + 1]);
  return alignments !== null && alignments.length === cellsOf(lines[at]).length;
}

function table(lines, at) {
  if (!isTable(lines, at)) return null;
  const alignments = delimiterRow(lines[at + 1]);
  const rows = [];
  const most = Math.floor(MAX_TABLE_CELLS / alignments.length);
  let next = at + 2;
  while (next < lines.length && rows.length < most && !isBlank(lines[next]) && !interrupts(lines, next)) {
    const cells = cellsOf(lines[next]).slice(0, alignments.length);
    while (cells.length < alignments.length) cells.push("");
    rows.push(cells);
    next += 1;
  }
  return [{ kind: "table", alignments, header: cellsOf(lines[at]), rows }, next];
}

/** Whether a line ends the paragraph before it. */
function interrupts(lines, at) {
  const line = lines[at];
  if (isFence(line) || HEADING.test(line) || QUOTE.test(line) || isRule(line)) return true;
  const item = itemAt(line);
  return item !== null && item.indent < 4 && item.text !== "" && (!item.isOrdered || item.number === 1);
}

function paragraph(lines, at, depth) {
  const text = [lines[at].trimStart()];
  let next = at + 1;
  for (; next < lines.length && !isBlank(lines[next]); next += 1) {
    const line = lines[next];
    const underline = SETEXT.exec(line.trimEnd());
    if (underline) {
      const level = underline[1][0] === "=" ? 1 : 2;
      return [{ kind: "heading", level, text: text.join("\n").trim() }, next + 1];
    }
    if (depth < MAX_BLOCK_DEPTH && interrupts(lines, next)) break;
    if (isTable(lines, next)) break;
    text.push(line.trimStart());
  }
  return [{ kind: "paragraph", text: text.join("\n").trimEnd() }, next];
}
