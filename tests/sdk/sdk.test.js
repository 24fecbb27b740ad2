// OpenAI's Node package against `freeway serve` with the demo model.
//
//     cd tests/sdk && FREEWAY=../../target/release/freeway npm test

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import OpenAI from "openai";

const root = fileURLToPath(new URL("../..", import.meta.url));
const freeway = path.resolve(process.env.FREEWAY ?? path.join(root, "target/release/freeway"));
const sum = [{ role: "user", content: "What is 27 + 58?" }];
const weather = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Get the current weather for a city",
    parameters: {
      type: "object",
      properties: { city: { type: "string", description: "The name of the city" } },
      required: ["city"],
    },
  },
};

let server, client, directory;

before(async () => {
  directory = mkdtempSync(path.join(tmpdir(), "freeway-sdk-"));
  const store = `sqlite:${directory}/freeway.db`;
  const options = ["serve", "--model", "demo", "--listen", "127.0.0.1:0", "--store", store];
  const kept = ([name]) => !name.startsWith("FREEWAY_");
  const env = Object.fromEntries(Object.entries(process.env).filter(kept));
  server = spawn(freeway, options, { stdio: ["ignore", "ignore", "pipe"], env });
  for await (const line of createInterface({ input: server.stderr })) {
    const found = line.match(/http:\/\/\S+\/v1/);
    if (found) {
      client = new OpenAI({ baseURL: found[0], apiKey: "unused", maxRetries: 0 });
      break;
    }
  }
  assert.ok(client, "the server did not start");
  server.stderr.resume();
});

after(async () => {
  const ended = new Promise((resolve) => server.once("exit", (code) => resolve(code)));
  server.kill("SIGTERM");
  assert.equal(await ended, 0, "exit code after SIGTERM");
  rmSync(directory, { recursive: true });
});

const chat = (more = {}, options = {}) =>
  client.chat.completions.create({ model: "demo", messages: sum, temperature: 0, ...more }, options);

test("chat", async () => {
  const completion = await chat();
  const [choice] = completion.choices;
  assert.equal(choice.message.content, "27 + 58 = 85");
  assert.equal(choice.finish_reason, "stop");
  assert.match(choice.message.reasoning, /carry/);
  assert.ok(completion.usage.completion_tokens_details.reasoning_tokens > 0);
});

test("a stream is the same answer", async () => {
  const stream = await chat({ stream: true, stream_options: { include_usage: true } });
  let content = "";
  let usage;
  for await (const chunk of stream) {
    content += chunk.choices[0]?.delta.content ?? "";
    usage = chunk.usage ?? usage;
  }
  assert.equal(content, "27 + 58 = 85");
  assert.ok(usage.completion_tokens > 0);
});

test("tools and their results", async () => {
  const asked = [{ role: "user", content: "What's the weather in Oslo?" }];
  const [choice] = (await chat({ messages: asked, tools: [weather] })).choices;
  assert.equal(choice.finish_reason, "tool_calls");
  const [call] = choice.message.tool_calls;
  assert.equal(call.function.name, "get_weather");
  assert.deepEqual(JSON.parse(call.function.arguments), { city: "Oslo" });
  const result = { role: "tool", tool_call_id: call.id, content: '{"temperature":7}' };
  const history = [...asked, choice.message, result];
  const answer = (await chat({ messages: history, tools: [weather] })).choices[0].message;
  assert.match(answer.content, /7/);
});

test("the helper that runs tools", async () => {
  const cities = [];
  const runner = client.chat.completions.runTools({
    model: "demo",
    messages: [{ role: "user", content: "What's the weather in Oslo?" }],
    temperature: 0,
    tools: [{
      type: "function",
      function: {
        ...weather.function,
        parse: JSON.parse,
        function: ({ city }) => {
          cities.push(city);
          return '{"temperature":7}';
        },
      },
    }],
  });
  assert.match(await runner.finalContent(), /7/);
  assert.deepEqual(cities, ["Oslo"]);
});

test("log-probabilities", async () => {
  const [choice] = (await chat({ logprobs: true, top_logprobs: 2 })).choices;
  const text = choice.logprobs.content.map((token) => token.token).join("");
  assert.equal(text, choice.message.content);
});

test("models and completions", async () => {
  const models = [];
  for await (const model of client.models.list()) models.push(model.id);
  assert.deepEqual(models, ["demo"]);
  const completion = await client.completions.create({ model: "demo", prompt: "27", max_tokens: 3 });
  assert.equal(completion.choices[0].finish_reason, "length");
});

test("errors", async () => {
  await assert.rejects(chat({ model: "demmo" }), (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.equal(error.code, "model_not_found");
    assert.match(error.requestID ?? error.request_id, /^req_/);
    return true;
  });
  await assert.rejects(chat({ top_p: 7 }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.param, "top_p");
    return true;
  });
});

test("giving up in the middle", async () => {
  const stream = await chat({ stream: true });
  for await (const chunk of stream) {
    assert.ok(chunk.id);
    break;
  }
  assert.equal((await chat()).choices[0].message.content, "27 + 58 = 85");
});
