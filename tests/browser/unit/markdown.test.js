// The Markdown renderer: what it makes of usual texts, and of texts that want to do harm.

import assert from "node:assert/strict";
import { test } from "node:test";
import { document } from "./dom.js";
import { MAX_BLOCK_DEPTH } from "../../../crates/server/src/web/static/markdown-blocks.js";
import { MAX_INLINE_DEPTH } from "../../../crates/server/src/web/static/markdown-inline.js";
import { MAX_MARKDOWN_CHARS, MarkdownView, renderMarkdown } from "../../../crates/server/src/web/static/markdown.js";

/** The HTML without what every element has for direction, scrolling and names. */
function html(text) {
  return renderMarkdown(text, document).innerHTML.replace(/ (dir|tabindex|role|aria-label|scope)="[^"]*"/g, "");
}

const cases = [
  ["one", "<p>one</p>"],
  ["one\ntwo\n\nthree", "<p>one\ntwo</p><p>three</p>"],
  ["one  \ntwo\\\nthree<br>four", "<p>one<br></br>two<br></br>three<br></br>four</p>"],
  ["# A\n## B ##\n####### C", "<h3>A</h3><h4>B</h4><p>####### C</p>"],
  ["A\n===\nB\n---", "<h3>A</h3><h4>B</h4>"],
  ["*a* _b_ **c** __d__ ***e*** ~~f~~", "<p><em>a</em> <em>b</em> <strong>c</strong> <strong>d</strong> <em><strong>e</strong></em> <del>f</del></p>"],
  ["snake_case_name 2 * 3 * 4 ~not~", "<p>snake_case_name 2 * 3 * 4 ~not~</p>"],
  ["**a *b* c** *d **e** f*", "<p><strong>a <em>b</em> c</strong> <em>d <strong>e</strong> f</em></p>"],
  ["**open *and", "<p>**open *and</p>"],
  ["`a*b*` ``c`d`` `open", "<p><code>a*b*</code> <code>c`d</code> `open</p>"],
  ["\\*not\\* \\`so\\`", "<p>*not* `so`</p>"],
  ["***", "<hr></hr>"],
  ["    let a;\n\n    let b;", '<pre><code><span class="line">let a;</span>\n<span class="line"></span>\n<span class="line">let b;</span></code></pre>'],
  ["> a\nb\n> > c\n\nd", "<blockquote><p>a\nb</p><blockquote><p>c</p></blockquote></blockquote><p>d</p>"],
  ["- a\n- b\n  - c\n- d", "<ul><li>a</li><li>b<ul><li>c</li></ul></li><li>d</li></ul>"],
  ["1. a\n  - b\n2. c", "<ol><li>a<ul><li>b</li></ul></li><li>c</li></ol>"],
  ["3) a\n4) b", '<ol start="3"><li>a</li><li>b</li></ol>'],
  ["- a\n\n- b", "<ul><li><p>a</p></li><li><p>b</p></li></ul>"],
  ["- a\n\n  b\n\nc", "<ul><li><p>a</p><p>b</p></li></ul><p>c</p>"],
  ["- a\nb\n* c", "<ul><li>a\nb</li></ul><ul><li>c</li></ul>"],
  ["a\n- b\n1. c", "<p>a</p><ul><li>b</li></ul><ol><li>c</li></ol>"],
  ["in the year\n1984. It", "<p>in the year\n1984. It</p>"],
  ["- [ ] a\n- [x] b", '<ul><li><input class="task" type="checkbox" disabled=""></input>a</li><li><input class="task" type="checkbox" disabled="" checked=""></input>b</li></ul>'],
  ["a | b\n:-|-:\n1 | *2*\n3", '<div class="table-frame"><table><thead><tr><th class="align-left">a</th><th class="align-right">b</th></tr></thead><tbody><tr><td class="align-left">1</td><td class="align-right"><em>2</em></td></tr><tr><td class="align-left">3</td><td class="align-right"></td></tr></tbody></table></div>'],
  ["x:\n| a\\|b |\n|---|\n| c<br>d |", '<p>x:</p><div class="table-frame"><table><thead><tr><th>a|b</th></tr></thead><tbody><tr><td>c<br></br>d</td></tr></tbody></table></div>'],
  ["|not|\n|--|--|", "<p>|not|\n|--|--|</p>"],
  ["&lt;b&gt; &amp;amp; &#65;&#x42; &unknown; &#0;", "<p>&#60;b&#62; &#38;amp; AB &#38;unknown; \ufffd</p>"],
  ["<b>x</b>", "<p>&#60;b&#62;x&#60;/b&#62;</p>"],
  ["\\(x_1 * y_2\\) and $$a * b$$ and $5 * 3$ and \\(x", '<p><code class="math">x_1 * y_2</code> and <code class="math">a * b</code> and $5 * 3$ and (x</p>'],
];
for (const [text, expected] of cases) {
  test(`renders ${JSON.stringify(text)}`, () => {
    const found = html(text).replace(/<div class="code-block">.*?<pre>(.*?)<\/pre><\/div>/gs, "<pre>$1</pre>");
    assert.equal(found, expected);
  });
}

test("code has its language, its colours and no markdown in it", () => {
  const text = "```rust ignore\nlet a = \"*b*\"; // <i>\n```\n\n~~~\n``` x\n~~~";
  const root = renderMarkdown(text, document);
  const [first, second] = root.childNodes;
  assert.equal(first.childNodes[0].childNodes[0].textContent, "rust");
  const code = first.childNodes[1].childNodes[0];
  assert.equal(code.textContent, 'let a = "*b*"; // <i>');
  assert.match(code.innerHTML, /<span class="hl-keyword">let<\/span>/);
  assert.match(code.innerHTML, /<span class="hl-string">"\*b\*"<\/span>/);
  assert.equal(second.childNodes[1].textContent, "``` x");
});

test("links lead to harmless places, in a tab of their own that is told nothing", () => {
  const link = (text) => [...renderMarkdown(text, document).elements()].find((one) => one.localName === "a");
  const made = link("[a *b*](https://x.test/p_(q)?a=1&b=2 'title')");
  assert.equal(made.getAttribute("href"), "https://x.test/p_(q)?a=1&b=2");
  assert.equal(made.getAttribute("rel"), "nofollow noopener noreferrer");
  assert.equal(made.getAttribute("target"), "_blank");
  assert.equal(made.innerHTML, "a <em>b</em>");
  assert.equal(link("[a](<https://x.test/a b>)").getAttribute("href"), "https://x.test/a%20b");
  assert.equal(link("see https://x.test/a_b_c?d=*e*. Then").getAttribute("href"), "https://x.test/a_b_c?d=");
  assert.equal(link("(https://x.test/a)").getAttribute("href"), "https://x.test/a");
  assert.equal(link("<me@x.test>").getAttribute("href"), "mailto:me@x.test");
  for (const bad of [
    "[a](javascript:alert(1))", "[a](JaVaScRiPt:alert(1))", "[a](java\tscript:alert(1))", "[a](data:text/html,x)",
    "[a](vbscript:x)", "[a](file:///etc/passwd)", "[a](//x.test)", "[a](/relative)", "[a](&#106;avascript:alert(1))",
    "[a](blob:https://x.test/1)", "<javascript:alert(1)>", "[a]( javascript:alert(1) )", "![a](javascript:alert(1))",
    "[a](\u0001javascript:alert(1))",
  ]) {
    assert.equal(link(bad), undefined, bad);
  }
});

test("images are links, so that nothing is loaded; a link within a link is none", () => {
  const found = html("![a cat](https://x.test/cat.png) [![b](https://x.test/b.png)](https://x.test/c)");
  assert.ok(!found.includes("<img"));
  assert.match(found, /<a href="https:\/\/x\.test\/cat\.png"[^>]*>Image: a cat<\/a>/);
  assert.match(found, />Image: b<\/a>/);
  for (const [text, words] of [
    ["[a [b](https://b.test) c](/c)", "b"],
    ["[https://b.test **b**](https://c.test)", "https://b.test b"],
    ["[![b](https://b.test)](https://c.test)", "Image: b"],
  ]) {
    const links = [...renderMarkdown(text, document).elements()].filter((one) => one.localName === "a");
    assert.deepEqual(links.map((one) => one.textContent), [words]);
  }
});

test("characters that reorder text are spelled out, also in code and in words of entities", () => {
  for (const text of ["a\u202eb", "`a\u202eb`", "```\na\u202eb\n```", "[a\u202eb](https://x.test)", "| a\u202eb |\n|---|", "a&#x202e;b"]) {
    const words = renderMarkdown(text, document).textContent;
    assert.ok(words.includes("a[U+202E]b"), `${text}: ${words}`);
    assert.ok(!words.includes("\u202e"));
  }
  assert.ok(html("\u05e9\u05dc\u05d5\u05dd\u200f!").includes("\u200f"), "honest marks stay");
  assert.ok(!html("a\u0000\u001b[31mb").match(/[\u0000\u001b]/));
});

const allowed = new Set("div p h3 h4 h5 h6 hr blockquote pre code span button ul ol li input table thead tbody tr th td em strong del br a".split(" "));
const alphabet = ["*", "**", "_", "~~", "`", "```", "[", "]", "](", ")", "![", "<", ">", "> ", "\n", "\n\n", "- ", "1. ", "  ", "    ", "#", "# ", "|", "|-|\n", "a", "b c", "\\", "&#", ";", "<script>", "https://x.test", "\t", "---", "===", "$$", "\u202e", "é", "🙂", "\r\n"];

/** A generator of numbers that every run repeats. */
function numbers(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function randomText(next, length) {
  return Array.from({ length: next(length) }, () => alphabet[next(alphabet.length)]).join("");
}

test("no text makes other elements or attributes than the known ones", () => {
  const next = numbers(1);
  const attributes = new Set("class dir tabindex role aria-label scope href rel target type disabled checked start".split(" "));
  for (let round = 0; round < 3000; round += 1) {
    const text = randomText(next, 60);
    const root = renderMarkdown(text, document);
    for (const one of root.elements()) {
      assert.ok(allowed.has(one.localName), `${JSON.stringify(text)}: ${one.localName}`);
      for (const name of one.attributes.keys()) assert.ok(attributes.has(name), `${JSON.stringify(text)}: ${name}`);
    }
  }
});

test("no words get lost", () => {
  const next = numbers(2);
  for (let round = 0; round < 3000; round += 1) {
    const words = [];
    const text = randomText(next, 40).replace(/[a-z]/g, () => "a").split("a").map((part) => {
      words.push(`w${words.length}w`);
      return `${part} ${words.at(-1)} `;
    }).join("");
    const shown = renderMarkdown(text, document).outerHTML;
    for (const word of words) {
      // The word behind a fence names the language; what is further behind it is not shown.
      if (!/(^|\n)[\s>\-\d.#]*(```|~~~)/.test(text) && !text.includes("](")) assert.ok(shown.includes(word), `${JSON.stringify(text)}: ${word}`);
    }
  }
});

test("a text that comes in pieces looks as if it came whole", () => {
  const next = numbers(3);
  for (let round = 0; round < 3000; round += 1) {
    const text = randomText(next, 60);
    const view = new MarkdownView(document);
    for (let at = 0; at < text.length; at += 1 + next(8)) view.update(text.slice(0, at));
    view.update(text);
    assert.equal(view.root.outerHTML, renderMarkdown(text, document).outerHTML, JSON.stringify(text));
  }
});

test("blocks that are complete keep their nodes while others come", () => {
  const view = new MarkdownView(document);
  view.update("# A\n\none\n\ntwo");
  const [heading, one] = view.root.childNodes;
  view.update("# A\n\none\n\ntwo three\n\nfour");
  assert.equal(view.root.childNodes[0], heading);
  assert.equal(view.root.childNodes[1], one);
  view.update("# A\n\none\n\ntwo three\n\n```js\nlet a;\nlet b");
  const line = view.root.childNodes[3].childNodes[1].childNodes[0].childNodes[0];
  view.update("# A\n\none\n\ntwo three\n\n```js\nlet a;\nlet b;\nlet c");
  assert.equal(view.root.childNodes[3].childNodes[1].childNodes[0].childNodes[0], line, "lines of code keep theirs");
  view.update("other");
  assert.equal(view.root.textContent, "other");
});

test("nesting ends at its limits", () => {
  const deep = 5000;
  for (const text of [">".repeat(deep), "> ".repeat(deep), "- ".repeat(deep) + "a", "1. ".repeat(deep) + "a", "*a **b ".repeat(deep) + " c** d*".repeat(deep), `${"[".repeat(deep)}a${"](https://x.test)".repeat(deep)}`, "![".repeat(deep) + "a" + "](https://x.test)".repeat(deep)]) {
    const root = renderMarkdown(text, document);
    assert.ok(root.depth <= 3 * (MAX_BLOCK_DEPTH + MAX_INLINE_DEPTH), `${text.slice(0, 20)}: ${root.depth}`);
  }
});

// What doubles with the text may take twice as long and not four times. Steps are counted, not time:
// every character that is looked at through a string's own methods.
test("the work grows with the text and not with its square", () => {
  const bombs = ["*", "**a", "*a **a ", "_a_b", "`", "`a``", "[", "![", "[a](", "[](", "[a](b \"", "](", "<", "<a", "\\(", "$$a", "&#", "&a", "~~", "~~a~~", "> ", "- ", "1. ", "#", "|", "|a", "a|b\n-|-\n", "```\n", "~~~a\n", "http://", "https://a(", "\n\n", "- a\n", "- a\n\n", "  - a\n", "a\n", "a  \n", "\\", "***\n", "=", "<br>", "* * ", "!", "é*", "a*", "(", "[a]", "[[a]](", "](a", "'", "[](<a", "[](a '"];
  for (const bomb of bombs) {
    const work = (length) => {
      const text = bomb.repeat(length / bomb.length);
      return steps(() => renderMarkdown(text, document));
    };
    const [small, large] = [work(4000), work(16000)];
    assert.ok(large < 8 * small + 10000, `${JSON.stringify(bomb)}: ${small} steps become ${large}`);
  }
});

/** Roughly how many characters a call looks at. */
function steps(call) {
  let count = 0;
  const { exec } = RegExp.prototype;
  const { slice, indexOf } = String.prototype;
  const { push } = Array.prototype;
  try {
    RegExp.prototype.exec = function counted(text) {
      const from = this.sticky || this.global ? this.lastIndex : 0;
      const found = exec.call(this, text);
      count += 1 + (found ? found.index + found[0].length - from : this.sticky ? 1 : String(text).length - from);
      return found;
    };
    String.prototype.slice = function counted(from, to) {
      const found = slice.call(this, from, to);
      count += 1 + found.length;
      return found;
    };
    String.prototype.indexOf = function counted(text, from = 0) {
      const found = indexOf.call(this, text, from);
      count += 1 + (found < 0 ? this.length : found) - from;
      return found;
    };
    Array.prototype.push = function counted(...items) {
      count += items.length;
      return push.apply(this, items);
    };
    call();
  } finally {
    RegExp.prototype.exec = exec;
    String.prototype.slice = slice;
    String.prototype.indexOf = indexOf;
    Array.prototype.push = push;
  }
  return count;
}

test("a text beyond the limit is shown as it is, and grows", () => {
  const view = new MarkdownView(document);
  const text = "**a**\n\n".repeat(Math.ceil(MAX_MARKDOWN_CHARS / 7) + 1);
  view.update("**a**");
  view.update(text);
  assert.equal(view.root.childNodes.length, 1);
  assert.equal(view.root.textContent, text);
  view.update(`${text}more`);
  assert.equal(view.root.textContent, `${text}more`);
  view.update("*a*");
  assert.match(view.root.innerHTML, /<em>a<\/em>/);
});
