// The highlighter: what gets which colour, and that it costs what the line is long.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Highlighter, MAX_LINE_CHARS } from "../../../crates/server/src/web/static/highlight.js";

/** The coloured parts of a text, `name:text`. */
function coloured(language, text) {
  const highlighter = new Highlighter(language);
  return text.split("\n").flatMap((line) => highlighter.line(line))
    .filter((part) => part.name !== "")
    .map((part) => `${part.name}:${part.text}`);
}

const cases = [
  ["rust", 'fn f<\'a>(s: &\'a str) { println!("{}", \'x\'); } // c', ["keyword:fn", "type:'a", "type:'a", "type:str", "function:println", 'string:"{}"', "string:'x'", "comment:// c"]],
  ["rust", "/* a /* b\n*/ c */ 0xff_u8 r#\"a\" b\"#", ["comment:/* a /* b", "comment:*/ c */", "number:0xff_u8", 'string:r#"a" b"#']],
  ["python", '@d\ndef f(a: int):\n  """x\ny""" # c\n  return f"{a}"', ["meta:@d", "keyword:def", "function:f", "type:int", 'string:"""x', 'string:y"""', "comment:# c", "keyword:return", 'string:f"{a}"']],
  ["ts", "const a: string = `b ${c + `d`} e\nf`; g(1)", ["keyword:const", "type:string", "string:`b ", "meta:${", "string:`d`", "meta:}", "string: e", "string:f`", "function:g", "number:1"]],
  ["json", '{"a": [1, -2.5e3, true], "b": "c\\"d"}', ['type:"a"', "number:1", "number:-2.5e3", "keyword:true", 'type:"b"', 'string:"c\\"d"']],
  ["bash", 'curl -H "A: $KEY" a#b # c\nfor i in 1', ["meta:-H", 'string:"A: ', "type:$KEY", 'string:"', "comment:# c", "keyword:for", "keyword:in", "number:1"]],
  ["html", '<!-- a\nb --><p class="x">&amp;</p>', ["comment:<!-- a", "comment:b -->", "keyword:<p", "type:class", 'string:"x"', "keyword:>", "number:&amp;", "keyword:</p>"]],
  ["css", "a { color: #fff; width: calc(2%) } /* c */", ["type:color", "number:#fff", "type:width", "function:calc", "number:2%", "comment:/* c */"]],
  ["sql", "SELECT a FROM t WHERE b = 'it''s' -- c", ["keyword:SELECT", "keyword:FROM", "keyword:WHERE", "string:'it''s'", "comment:-- c"]],
  ["go", "func f() string { return `a\nb` }", ["keyword:func", "function:f", "type:string", "keyword:return", "string:`a", "string:b`"]],
  ["c++", "#include <a.h>\nint f(void) { return 'c'; }", ["meta:#include", "string:<a.h>", "type:int", "function:f", "type:void", "keyword:return", "string:'c'"]],
  ["java", "@Override public int f() {}", ["meta:@Override", "keyword:public", "type:int", "function:f"]],
  ["c#", 'var s = @"a\\\nb";', ["keyword:var", 'string:@"a\\', 'string:b"']],
  ["yaml", "a: 'x' # c\nb: true", ["type:a", "string:'x'", "comment:# c", "type:b", "number:true"]],
  ["toml", '[a.b]\nc = "x"\nd = 2024-01-01', ["keyword:[a.b]", "type:c", 'string:"x"', "type:d", "number:2024-01-01"]],
  ["diff", "@@ -1 @@\n-a\n+b\n c", ["keyword:@@ -1 @@", "deleted:-a", "inserted:+b"]],
  ["unheard-of", "let a = 1;", []],
];
for (const [language, text, expected] of cases) {
  test(`${language}: ${JSON.stringify(text)}`, () => assert.deepEqual(coloured(language, text), expected));
}

test("an unclosed string ends with its line, where strings do", () => {
  assert.deepEqual(coloured("js", 'a = "b\nlet'), ['string:"b', "keyword:let"]);
});

const languages = "rust python js json bash html css sql go c java c# yaml toml diff".split(" ");

test("no text is changed, whatever it is", () => {
  const pieces = ['"', "'", "`", "/*", "*/", "//", "#", "${", "}", "{", "<", "<!--", "-->", ">", "\\", "\\\n", "a", "if", "12", " ", "\n", '"""', "r#\"", "é", "🙂", "=", ":", "[[", "]"];
  let state = 7;
  const next = (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (let round = 0; round < 4000; round += 1) {
    const text = Array.from({ length: next(40) }, () => pieces[next(pieces.length)]).join("");
    const language = languages[round % languages.length];
    const highlighter = new Highlighter(language);
    const shown = text.split("\n").map((line) => {
      const before = highlighter.line(line, false);
      const parts = highlighter.line(line);
      assert.deepEqual(before, parts, "a line that is not complete changes nothing");
      return parts.map((part) => part.text).join("");
    });
    assert.equal(shown.join("\n"), text, language);
  }
});

test("lines beyond the limit are left plain", () => {
  const line = '"a" '.repeat(MAX_LINE_CHARS);
  assert.deepEqual(new Highlighter("js").line(line), [{ text: line, name: "" }]);
});
