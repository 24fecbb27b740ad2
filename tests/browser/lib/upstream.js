// A host of models that does what a test wants: answers slowly, long, in hostile words, or not at all.
// The name of the model says what.

import { createServer } from "node:http";

const LONG_LINES = 1000;
/** Lines that `tall` says before each of its three pauses, and after the last. */
export const TALL_LINES = 60;

export const HOSTILE = [
  "<script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\">",
  "[click](javascript:document.title='owned') [data](data:text/html,x) ![pixel](https://tracker.invalid/p.png)",
  "\u202eevil\u202c and `\u2066code\u2069`",
  "[ok](https://example.invalid/a?b=1&c=2 \"title\")",
  "> ".repeat(200) + "deep",
  "*a **b ".repeat(400) + " c** d*".repeat(400),
  "[".repeat(3000),
  "| a | b |\n|---|---|\n" + "| <b>x</b> | `y` |\n".repeat(200),
  "```rust\nfn main() { println!(\"</code><script>\"); } // <b>\n```",
].join("\n\n");

/** An answer with one of everything. */
export const RICH = `Retry **transient** failures with *exponential backoff*: wait longer after each one, and add some chance, so that
clients do not come back together. See [the article](https://example.invalid/backoff).

## In Rust

\`\`\`rust
/// Waits before attempt \`n\`, counted from 0.
fn delay(n: u32, rng: &mut impl Rng) -> Duration {
    let most = 100 * 2_u64.pow(n.min(6)); // milliseconds
    Duration::from_millis(rng.random_range(0..=most))
}
\`\`\`

### What to try again

| Status | Meaning | Again? |
|:--|:--|--:|
| 429 | rate limit | after \`Retry-After\` |
| 503 | unavailable | yes |
| 400 | bad request | never |

1. Stop after **five** attempts.
2. Respect \`Retry-After\`:
   - seconds, such as \`30\`
   - a date
3. Log each one.

- [x] idempotent requests
- [ ] everything else

> A retry is a second request. Count it against the same limits.

---

Inline math \\(2^n\\) and ~~old words~~.`;

export async function startUpstream() {
  const asked = [];
  /** The last words of requests whose answers nobody waited for to their end. */
  const stopped = [];
  /** Ends what `held`, `tall` and `cut` wait for. */
  let release = () => {};
  const released = (response) => new Promise((resolve) => {
    release = resolve;
    response.once("close", resolve);
  });
  const failures = new Map();
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const part of request) text += part;
    if (!request.url.endsWith("/chat/completions")) {
      response.writeHead(404).end();
      return;
    }
    const body = JSON.parse(text);
    asked.push(body);
    response.once("close", () => {
      if (!response.writableEnded) stopped.push(body.messages.at(-1).content);
    });
    const send = (delta, finish = null) => response.write(`data: ${JSON.stringify({
      id: "c", object: "chat.completion.chunk", created: 0, model: body.model,
      choices: [{ index: 0, delta, finish_reason: finish }],
    })}\n\n`);
    const begin = () => response.writeHead(200, { "content-type": "text/event-stream" });
    const finish = (reason = "stop") => {
      send({}, reason);
      const usage = { prompt_tokens: 10, completion_tokens: 100, total_tokens: 110 };
      response.write(`data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 0, model: body.model, choices: [], usage })}\n\n`);
      response.end("data: [DONE]\n\n");
    };
    const refuse = (status, message, headers = {}) => {
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(JSON.stringify({ error: { message, code: status } }));
    };
    switch (body.model) {
      case "held":
        begin();
        send({ reasoning_content: "Let me think." });
        send({ content: "One " });
        await released(response);
        send({ content: "two." });
        finish();
        break;
      case "long":
        begin();
        for (let line = 1; line <= LONG_LINES; line += 1) {
          send({ content: line % 40 === 0 ? `\n\n## Part ${line}\n\n` : `- line **${line}** of \`many\`\n` });
          if (line % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        send({ content: "\n\nThe end." });
        finish();
        break;
      case "tall":
        begin();
        for (let line = 1; line <= 4 * TALL_LINES; line += 1) {
          send({ content: `- line ${line}\n` });
          if (line % TALL_LINES === 0 && line < 4 * TALL_LINES) await released(response);
        }
        send({ content: "\n\nThe end." });
        finish();
        break;
      case "rich":
        begin();
        send({ reasoning_content: "They ask about retries.\nBackoff, jitter, which failures, code in Rust." });
        for (let at = 0; at < RICH.length; at += 53) send({ content: RICH.slice(at, at + 53) });
        finish();
        break;
      case "hostile":
        begin();
        for (let at = 0; at < HOSTILE.length; at += 97) send({ content: HOSTILE.slice(at, at + 97) });
        finish();
        break;
      case "cut":
        begin();
        send({ content: "Half of an " });
        await released(response);
        response.destroy();
        break;
      case "limited":
        refuse(429, "slow down", { "retry-after": "40" });
        break;
      case "flaky": {
        // Whoever is asked first fails.
        const count = (failures.get("flaky") ?? 0) + 1;
        failures.set("flaky", count);
        if (count % 2 === 1) refuse(503, "no capacity");
        else {
          begin();
          send({ content: "Second try." });
          finish();
        }
        break;
      }
      default:
        refuse(503, "no capacity");
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  const provider = (id, ...names) => {
    const models = names.map((name) => `{ name = "${name}", id = "test/${name}" }`).join(", ");
    return `[[provider]]\nid = "${id}"\nbase_url = "http://127.0.0.1:${port}/${id}/v1"\nmodels = [${models}]\n`;
  };
  const good = ["held", "tall", "long", "hostile", "rich", "flaky"];
  return {
    asked,
    stopped,
    release: () => release(),
    /** For the server's settings: two hosts that have the same models, and one for each way to fail, since
     * the router gives those a rest. */
    config: [
      provider("alpha", ...good), provider("beta", ...good), provider("gamma", "limited"), provider("delta", "down"),
      provider("epsilon", "cut"),
    ].join(""),
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
