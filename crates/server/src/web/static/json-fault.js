// Where a text stops being JSON. Browsers tell it each in its own way, or not at all.

const TOKENS = /\s*(?:([{}[\],:])|("(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null))/y;

/** `{at, expected}` of the first fault, or `null` if there is none. */
export function jsonFault(text) {
  /** What is open, innermost last. */
  const stack = [];
  // What may come next: a value, a key, or what follows a value.
  let state = "value";
  let at = 0;
  const fault = (expected, where = at) => {
    const blank = /\s*/y;
    blank.lastIndex = where;
    blank.exec(text);
    return { at: blank.lastIndex, expected };
  };
  for (;;) {
    TOKENS.lastIndex = at;
    const found = TOKENS.exec(text);
    const sign = found?.[1];
    const isString = found?.[2] !== undefined;
    const isValue = isString || found?.[3] !== undefined;
    const open = stack.at(-1);
    switch (state) {
      case "value":
      case "value or ]":
        if (sign === "{" || sign === "[") {
          stack.push(sign);
          state = sign === "{" ? "key or }" : "value or ]";
        } else if (sign === "]" && state === "value or ]") {
          stack.pop();
          state = "after";
        } else if (isValue) {
          state = "after";
        } else {
          return fault("a value");
        }
        break;
      case "key":
      case "key or }":
        if (isString) {
          state = "colon";
        } else if (sign === "}" && state === "key or }") {
          stack.pop();
          state = "after";
        } else {
          return fault("a name in double quotes");
        }
        break;
      case "colon":
        if (sign !== ":") return fault("a colon");
        state = "value";
        break;
      default:
        if (open === undefined) {
          const rest = fault("the end");
          return rest.at < text.length ? rest : null;
        }
        if (sign === ",") {
          state = open === "{" ? "key" : "value";
        } else if (sign === (open === "{" ? "}" : "]")) {
          stack.pop();
        } else {
          return fault(open === "{" ? "a comma or }" : "a comma or ]");
        }
    }
    at = TOKENS.lastIndex;
  }
}
