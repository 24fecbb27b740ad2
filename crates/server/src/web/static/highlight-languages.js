// What is a comment, a string or a keyword in which language.

const words = (text) => new Set(text.split(" "));

/** A rule: what it matches, the colour of that, and which mode begins (`push`) or ends (`pop`). */
const rule = (pattern, name, more = {}) => ({
  pattern: new RegExp(pattern, pattern.includes("\\p{") ? "uy" : "y"),
  name,
  ...more,
});

const NUMBER = rule("(?:0[xX][\\da-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|\\d[\\d_]*(?:\\.\\d[\\d_]*)?(?:[eE][+-]?\\d+)?)[a-zA-Z\\d_]*", "number");
const WORD = rule("[A-Za-z_$][\\w$]*", "", { isWord: true });
const SPACE = rule("\\s+", "");

/** A mode for the inside of a string; without `isMultiline` it ends with its line. */
function stringMode(close, { isMultiline = false, escape = "\\\\", more = [] } = {}) {
  const first = `\\${close[0]}`;
  return {
    name: "string",
    endsWithLine: !isMultiline,
    rules: [
      ...more,
      ...(escape ? [rule(`${escape}.?`, "string")] : []),
      rule([...close].map((char) => `\\${char}`).join(""), "string", { pop: true }),
      rule(`[^${first}\\\\\${]+`, "string"),
    ],
  };
}

function commentMode(close, open) {
  const literal = (text) => [...text].map((char) => (/\w/.test(char) ? char : `\\${char}`)).join("");
  return {
    name: "comment",
    rules: [
      rule(literal(close), "comment", { pop: true }),
      ...(open ? [rule(literal(open), "comment", { push: "comment" })] : []),
      rule(`[^\\${close[0]}${open ? `\\${open[0]}` : ""}]+`, "comment"),
    ],
  };
}

const DOUBLE = rule('"', "string", { push: "double" });
const SINGLE = rule("'", "string", { push: "single" });

/** Languages that look like C: `//` and block comments, quoted strings, words, numbers. */
function cLike(keywords, types, { first = [], modes = {}, hasSingle = true, isNested = false, ...more } = {}) {
  return {
    keywords: words(keywords),
    types: words(types),
    literals: words("true false null nil None undefined NaN nullptr"),
    hasCapitalTypes: true,
    ...more,
    modes: {
      main: {
        rules: [
          SPACE,
          rule("//.*", "comment"),
          rule("/\\*", "comment", { push: "comment" }),
          ...first,
          DOUBLE,
          ...(hasSingle ? [SINGLE] : []),
          NUMBER,
          WORD,
        ],
      },
      comment: commentMode("*/", isNested ? "/*" : null),
      double: stringMode('"'),
      single: stringMode("'"),
      ...modes,
    },
  };
}

/** Languages in which `#` begins a comment. */
function hashLike(keywords, types, { first = [], modes = {}, ...more } = {}) {
  return {
    keywords: words(keywords),
    types: words(types),
    literals: words("true false null True False None yes no on off nil"),
    ...more,
    modes: {
      main: { rules: [SPACE, rule("#.*", "comment"), ...first, DOUBLE, SINGLE, NUMBER, WORD] },
      double: stringMode('"'),
      single: stringMode("'"),
      ...modes,
    },
  };
}

const rust = cLike(
  "as async await break const continue crate dyn else enum extern fn for if impl in let loop match mod move mut pub ref return self static struct super trait type unsafe use where while union",
  "bool char f32 f64 i8 i16 i32 i64 i128 isize str u8 u16 u32 u64 u128 usize Self",
  {
    hasMacros: true,
    hasSingle: false,
    isNested: true,
    first: [
      rule("#!?\\[[^\\]]*\\]?", "meta"),
      rule("'(?:\\\\.[^']{0,8}|[^'\\\\])'", "string"),
      rule("'[A-Za-z_]\\w*", "type"),
      rule('b?r#+"', "string", { push: "raw" }),
    ],
    modes: {
      double: stringMode('"', { isMultiline: true }),
      raw: { name: "string", rules: [rule('"#+', "string", { pop: true }), rule('[^"]+', "string")] },
    },
  },
);

const SCRIPT_WORDS = "abstract as async await break case catch class const continue debugger declare default delete do else enum export extends finally for from function get if implements import in instanceof interface keyof let namespace new of private protected public readonly return satisfies set static super switch this throw try type typeof var void while with yield";
const javascript = cLike(SCRIPT_WORDS, "string number boolean any unknown never object symbol bigint", {
  first: [rule("`", "string", { push: "template" })],
  modes: {
    template: stringMode("`", { isMultiline: true, more: [rule("\\$\\{", "meta", { push: "inserted" })] }),
    inserted: {
      rules: [
        rule("\\}", "meta", { pop: true }),
        rule("\\{", "", { push: "braces" }),
        SPACE, DOUBLE, SINGLE,
        rule("`", "string", { push: "template" }),
        NUMBER, WORD,
      ],
    },
    braces: {
      rules: [
        rule("\\}", "", { pop: true }),
        rule("\\{", "", { push: "braces" }),
        SPACE, DOUBLE, SINGLE,
        rule("`", "string", { push: "template" }),
        NUMBER, WORD,
      ],
    },
  },
});

const python = hashLike(
  "and as assert async await break class continue def del elif else except finally for from global if import in is lambda match case nonlocal not or pass raise return try while with yield",
  "int float str bytes bool list dict set tuple object type complex",
  {
    hasCapitalTypes: true,
    first: [
      rule("@[\\w.]+", "meta"),
      rule('[rbfuRBFU]{0,2}"""', "string", { push: "tripleDouble" }),
      rule("[rbfuRBFU]{0,2}'''", "string", { push: "tripleSingle" }),
      rule('[rbfuRBFU]{1,2}"', "string", { push: "double" }),
      rule("[rbfuRBFU]{1,2}'", "string", { push: "single" }),
    ],
    modes: {
      tripleDouble: stringMode('"""', { isMultiline: true }),
      tripleSingle: stringMode("'''", { isMultiline: true }),
    },
  },
);

const bash = hashLike(
  "if then else elif fi for while until do done case esac in function return local export readonly declare unset set shift break continue exit source alias trap select time",
  "",
  {
    first: [
      rule("\\$\\{[^}]*\\}?|\\$(?:\\w+|[@*#?$!-])", "type"),
      rule("--?[A-Za-z][\\w-]*", "meta"),
      rule("\\\\.", ""),
      // `#` within a word begins no comment.
      rule("[A-Za-z_./~][\\w./~#-]*", "", { isWord: true }),
    ],
    modes: {
      double: stringMode('"', { isMultiline: true, more: [rule("\\$\\{[^}]*\\}?|\\$(?:\\w+|[@*#?$!-])", "type")] }),
      single: stringMode("'", { isMultiline: true, escape: "" }),
    },
  },
);

const json = {
  keywords: words("true false null"),
  modes: {
    main: {
      rules: [
        SPACE,
        rule("//.*", "comment"),
        rule('"(?:[^"\\\\]|\\\\.)*"(?=\\s*:)', "type"),
        DOUBLE,
        rule("-?\\d+(?:\\.\\d+)?(?:[eE][+-]?\\d+)?", "number"),
        WORD,
      ],
    },
    double: stringMode('"'),
  },
};

const markup = {
  modes: {
    main: {
      rules: [
        rule("<!--", "comment", { push: "comment" }),
        rule("<[!?]?/?[A-Za-z][\\w:.-]*", "keyword", { push: "tag" }),
        rule("&[\\w#]+;", "number"),
        rule("[^<&]+", ""),
      ],
    },
    comment: commentMode("-->", null),
    tag: {
      rules: [
        rule("[/?]?>", "keyword", { pop: true }),
        SPACE,
        rule("[A-Za-z_@:][\\w@:.-]*", "type"),
        DOUBLE,
        SINGLE,
      ],
    },
    double: stringMode('"', { isMultiline: true, escape: "" }),
    single: stringMode("'", { isMultiline: true, escape: "" }),
  },
};

const css = {
  modes: {
    main: {
      rules: [
        SPACE,
        rule("/\\*", "comment", { push: "comment" }),
        rule("//.*", "comment"),
        rule("@[\\w-]+", "keyword"),
        rule("#[\\da-fA-F]{3,8}\\b", "number"),
        rule("--[\\w-]+", "type"),
        rule("[.#][A-Za-z_][\\w-]*", "function"),
        rule("-?(?:\\d+\\.?\\d*|\\.\\d+)(?:%|[a-z]+)?", "number"),
        rule("[A-Za-z-]+(?=\\s*:)", "type"),
        rule("[A-Za-z][\\w-]*(?=\\()", "function"),
        rule("[A-Za-z_-][\\w-]*", ""),
        DOUBLE,
        SINGLE,
      ],
    },
    comment: commentMode("*/", null),
    double: stringMode('"'),
    single: stringMode("'"),
  },
};

const sql = {
  ignoresCase: true,
  keywords: words("select from where and or not in is like between exists group by having order asc desc limit offset insert into values update set delete create table index view drop alter add column primary key foreign references unique default check constraint join left right inner outer full cross on as distinct union all case when then else end with recursive over partition returning begin commit rollback grant if using explain analyze conflict do nothing"),
  types: words("int integer bigint smallint text varchar char boolean bool date time timestamp timestamptz numeric decimal real double float blob json jsonb uuid serial bytea"),
  literals: words("null true false"),
  modes: {
    main: {
      rules: [
        SPACE,
        rule("--.*", "comment"),
        rule("/\\*", "comment", { push: "comment" }),
        rule("'", "string", { push: "single" }),
        rule('"', "type", { push: "double" }),
        NUMBER,
        WORD,
      ],
    },
    comment: commentMode("*/", null),
    single: stringMode("'", { isMultiline: true, escape: "" }),
    double: stringMode('"', { escape: "" }),
  },
};

const go = cLike(
  "break case chan const continue default defer else fallthrough for func go goto if import interface map package range return select struct switch type var",
  "bool byte complex64 complex128 error float32 float64 int int8 int16 int32 int64 rune string uint uint8 uint16 uint32 uint64 uintptr any",
  { first: [rule("`", "string", { push: "raw" })], modes: { raw: stringMode("`", { isMultiline: true, escape: "" }) } },
);

const c = cLike(
  "alignas alignof auto break case catch class const constexpr const_cast continue decltype default delete do dynamic_cast else enum explicit export extern final for friend goto if inline mutable namespace new noexcept operator override private protected public register reinterpret_cast return sizeof static static_assert static_cast struct switch template this throw try typedef typeid typename union using virtual volatile while co_await co_return co_yield concept requires",
  "bool char double float int long short signed unsigned void wchar_t size_t ssize_t int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t",
  { first: [rule("#\\s*(?:include|define|undef|if|ifdef|ifndef|elif|else|endif|pragma|error)\\b", "meta"), rule("<[\\w./]+>(?=\\s*$)", "string")] },
);

const JVM_TYPES = "boolean byte char double float int long short void";
const java = cLike(
  "abstract assert break case catch class const continue default do else enum extends final finally for goto if implements import instanceof interface native new package private protected public record return sealed permits static strictfp super switch synchronized this throw throws transient try var volatile while yield fun val when object companion override data",
  JVM_TYPES,
  {
    first: [rule("@\\w+", "meta"), rule('"""', "string", { push: "block" })],
    modes: { block: stringMode('"""', { isMultiline: true }) },
  },
);

const csharp = cLike(
  "abstract as async await base break case catch checked class const continue default delegate do else enum event explicit extern finally fixed for foreach get goto if implicit in init interface internal is lock namespace new operator out override params private protected public readonly record ref return sealed set sizeof stackalloc static struct switch this throw try typeof unchecked unsafe using var virtual volatile when where while with yield",
  `${JVM_TYPES} bool decimal dynamic object sbyte string uint ulong ushort`,
  {
    first: [rule("#\\w+", "meta"), rule('\\$?@"', "string", { push: "verbatim" }), rule('\\$"', "string", { push: "double" })],
    modes: { verbatim: stringMode('"', { isMultiline: true, escape: "" }) },
  },
);

const yaml = hashLike("", "", {
  first: [
    rule("(?:---|\\.\\.\\.)(?=\\s*$)", "meta"),
    rule("[\\w./-]+(?=:(?:\\s|$))", "type"),
    rule("[&*!][\\w-]+", "meta"),
    rule("[A-Za-z_][\\w./-]*", "", { isWord: true }),
  ],
});

const toml = hashLike("", "", {
  first: [
    rule("\\[\\[?[\\w.\" -]+\\]\\]?(?=\\s*(?:#|$))", "keyword"),
    rule("[\\w.-]+(?=\\s*=)", "type"),
    rule('"""', "string", { push: "block" }),
    rule("\\d{4}-\\d\\d-\\d\\d[\\dT:.Z+-]*", "number"),
  ],
  modes: { block: stringMode('"""', { isMultiline: true }) },
});

const diff = {
  modes: {
    main: {
      rules: [
        rule("(?:diff |index |--- |\\+\\+\\+ ).*", "meta"),
        rule("@@.*", "keyword"),
        rule("\\+.*", "inserted"),
        rule("-.*", "deleted"),
        rule(".+", ""),
      ],
    },
  },
};

const LANGUAGES = new Map(Object.entries({
  rust, rs: rust,
  python, py: python, python3: python,
  javascript, js: javascript, jsx: javascript, mjs: javascript, typescript: javascript, ts: javascript, tsx: javascript,
  json, jsonc: json, json5: json, jsonl: json,
  bash, sh: bash, shell: bash, zsh: bash, console: bash,
  html: markup, xml: markup, svg: markup, xhtml: markup, vue: markup,
  css, scss: css, less: css,
  sql, postgresql: sql, sqlite: sql, mysql: sql,
  go, golang: go,
  c, h: c, cpp: c, "c++": c, cc: c, hpp: c,
  java, kotlin: java, kt: java, scala: java,
  csharp, "c#": csharp, cs: csharp,
  yaml, yml: yaml,
  toml, ini: toml,
  diff, patch: diff,
}));

/** The rules of a language by one of its names, or `null`. */
export function languageNamed(name) {
  return LANGUAGES.get(name.toLowerCase()) ?? null;
}
