// A host with a long list of models, some of which have names that mean harm or do not fit.

import { createServer } from "node:http";

const NUM_PLAIN = 1000;
const NUM_AUTHORS = 25;

const plain = (number) => ({
  id: `author-${number % NUM_AUTHORS}/model-${String(number).padStart(4, "0")}`,
  display_name: `Model ${String(number).padStart(4, "0")}`,
  description: `The ${number}th of many. It answers questions.`,
  created: 1_700_000_000 + 3600 * number,
  context_window: 1024 * (1 + (number % 128)),
  max_completion_tokens: 4096,
  supports_tools: number % 2 === 0,
});

/** By what they try. Each has `needle` in what it is called, for searches. */
export const ODD = {
  markup: {
    id: "evil/<script>document.title='owned'</script>",
    display_name: "needle <img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>",
    description: "</div><script>document.title='owned'</script> [click](javascript:document.title='owned') ![pixel](https://tracker.invalid/p.png)",
    supported_parameters: ["\"><svg onload=document.title='owned'>"],
    quantization: "</td><script>document.title='owned'</script>",
  },
  attribute: {
    id: "evil/\" autofocus onfocus=document.title='owned' x=\"",
    display_name: "needle \" onmouseover=\"document.title='owned'\" style=\"position:fixed;inset:0",
    description: "{{7*7}} ${7*7} &lt;b&gt; %3Cscript%3E",
  },
  reversed: {
    id: "evil/re\u202eversed",
    display_name: "needle \u202egnp.exe\u202c \u2066isolated",
    description: "\u202ethe other way round",
  },
  arabic: {
    id: "rtl/model",
    display_name: "needle نموذج اللغة العربية الكبير للمحادثة والترجمة",
    description: "نص تجريبي يصف النموذج",
  },
  long: {
    id: `long/${"unbroken".repeat(22)}`,
    display_name: `needle ${"Wide".repeat(45)}`,
    description: "unbroken".repeat(500),
  },
};

/** Starts it; `config` is for the server's settings. */
export async function startCatalogue() {
  const common = { created: 1_760_000_000, context_window: 131_072, max_completion_tokens: 8192 };
  const odd = Object.values(ODD).map((one) => ({ ...common, ...one }));
  const data = [...odd, ...Array.from({ length: NUM_PLAIN }, (_, number) => plain(number))];
  const server = createServer((request, response) => {
    const isList = request.method === "GET" && request.url.endsWith("/models");
    response.writeHead(isList ? 200 : 404, { "content-type": "application/json" });
    response.end(JSON.stringify(isList ? { object: "list", data } : { error: { message: "nothing here" } }));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    numModels: data.length,
    config: `[[provider]]\nid = "many"\nbase_url = "http://127.0.0.1:${server.address().port}/v1"\n`,
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
