// The parts of the chat that need no page: the tree of a conversation, requests, streams, words.

import assert from "node:assert/strict";
import { test } from "node:test";
import { document } from "./dom.js";

// Modules that make elements look for these when they are used, not when they are read.
globalThis.document = document;

const web = "../../../crates/server/src/web/static";
const { addMessage, changeMessage, merged, newConversation, openCalls, pathTo, select, shownPath, titleOf } = await import(`${web}/chat-tree.js`);
const { BadSetting, readSchema, readTools, requestBody } = await import(`${web}/chat-request.js`);
const { AnswerError, EventReader, MAX_CALLS, MAX_CALL_BYTES, ask, emptyAnswer, takeChunk } = await import(`${web}/chat-stream.js`);
const { RunningAnswer } = await import(`${web}/chat-answer.js`);
const { MAX_DRAFTS, draftOf, draftsOf, forgetDraft, forgetDraftsExcept, forgetDraftsOf, keepDraft, onDraft } = await import(`${web}/chat-draft.js`);
const { openStore } = await import(`${web}/chat-store.js`);
const { jsonFault } = await import(`${web}/json-fault.js`);
const { explain } = await import(`${web}/chat-errors.js`);
const { Notices } = await import(`${web}/chat-notices.js`);
const { duration, readAttempts, tokensPerSecond } = await import(`${web}/chat-trail.js`);
const { fileName, toMarkdown } = await import(`${web}/chat-export.js`);

const words = (conversation) => shownPath(conversation).map(({ message }) => message.content);

function talk(...contents) {
  const conversation = newConversation({}, 1, "c");
  let parent = null;
  for (const [index, content] of contents.entries()) {
    parent = addMessage(conversation, parent, { role: index % 2 === 0 ? "user" : "assistant", content }, index + 1).id;
  }
  return conversation;
}

test("an edited message is a fork, and both branches stay", () => {
  const conversation = talk("one", "two", "three");
  assert.deepEqual(words(conversation), ["one", "two", "three"]);
  assert.equal(conversation.title, "one");
  const first = shownPath(conversation)[0].message;
  const edited = addMessage(conversation, null, { role: "user", content: "uno" }, 10);
  assert.deepEqual(words(conversation), ["uno"]);
  assert.equal(shownPath(conversation)[0].siblings.length, 2);
  select(conversation, first.id);
  assert.deepEqual(words(conversation), ["one", "two", "three"]);
  select(conversation, edited.id);
  assert.deepEqual(pathTo(conversation, edited.id).map((one) => one.content), ["uno"]);
});

test("a stored tree that loops or lacks parents ends", () => {
  const conversation = talk("one", "two");
  const [first, second] = shownPath(conversation).map(({ message }) => message);
  first.parent = second.id;
  assert.deepEqual(words(conversation), []);
  assert.equal(pathTo(conversation, second.id).length, 2);
  conversation.messages.x = { id: "x", parent: "x", content: "self", createdAt: 0 };
  conversation.selected[""] = "gone";
  assert.deepEqual(words(conversation), []);
});

test("what two tabs add is put together, of each message the later version", () => {
  const mine = talk("one", "two");
  const theirs = structuredClone(mine);
  const last = shownPath(mine)[1].message.id;
  addMessage(mine, last, { role: "user", content: "mine" }, 20);
  addMessage(theirs, last, { role: "user", content: "theirs" }, 30);
  changeMessage(theirs, last, { content: "two, changed" }, 40);
  for (const both of [merged(mine, theirs), merged(theirs, mine)]) {
    const contents = Object.values(both.messages).map((message) => message.content).sort();
    assert.deepEqual(contents, ["mine", "one", "theirs", "two, changed"]);
    assert.equal(both.updatedAt, 40);
  }
});

test("titles are one short line", () => {
  assert.equal(titleOf("  a  b\nc"), "a b");
  assert.equal([...titleOf("🙂".repeat(100))].length, 60);
});

test("a request has the conversation in the form of the API", () => {
  const conversation = newConversation({ system: "Be brief.", effort: "high", temperature: "0.5", maxTokens: "100", model: "x" }, 1, "c");
  const asked = addMessage(conversation, null, { role: "user", content: "weather?" });
  const call = { id: "call_1", name: "f", arguments: "{}" };
  const called = addMessage(conversation, asked.id, { role: "assistant", content: "", reasoning: "hm", toolCalls: [call], status: "done" });
  assert.deepEqual(openCalls(shownPath(conversation), 1), [call]);
  const result = addMessage(conversation, called.id, { role: "tool", toolCallId: "call_1", name: "f", content: "7" });
  assert.deepEqual(openCalls(shownPath(conversation), 1), []);
  const failed = addMessage(conversation, result.id, { role: "assistant", content: "", toolCalls: [], status: "failed" });
  const body = requestBody(pathTo(conversation, failed.id), conversation.settings);
  assert.deepEqual(body.messages, [
    { role: "system", content: "Be brief." },
    { role: "user", content: "weather?" },
    { role: "assistant", content: null, tool_calls: [{ id: "call_1", type: "function", function: { name: "f", arguments: "{}" } }] },
    { role: "tool", tool_call_id: "call_1", content: "7" },
  ]);
  assert.deepEqual([body.model, body.reasoning_effort, body.temperature, body.max_completion_tokens, body.stream], ["x", "high", 0.5, 100, true]);
  assert.ok(!("tools" in body) && !("response_format" in body));
});

test("calls that were cut short are neither offered nor sent", () => {
  const call = { id: "call_0", name: "f", arguments: '{"city": "Os' };
  const cut = [{ status: "stopped" }, { status: "failed" }, { status: "streaming" }, { status: "done", meta: { finish: "length" } }];
  for (const end of cut) {
    const conversation = talk("one");
    const [{ message: asked }] = shownPath(conversation);
    const whole = addMessage(conversation, asked.id, { role: "assistant", content: "", toolCalls: [{ ...call, arguments: "{}" }], status: "done" });
    const result = addMessage(conversation, whole.id, { role: "tool", toolCallId: "call_0", name: "f", content: "7" });
    const broken = addMessage(conversation, result.id, { role: "assistant", content: "Let me look.", toolCalls: [call], ...end });
    const path = shownPath(conversation);
    assert.deepEqual(openCalls(path, path.length - 1), [], JSON.stringify(end));
    // Earlier versions of this page took results of such calls.
    const late = addMessage(conversation, broken.id, { role: "tool", toolCallId: "call_0", name: "f", content: "8" });
    const { messages } = requestBody(pathTo(conversation, late.id), conversation.settings);
    assert.deepEqual(messages.slice(1), [
      { role: "assistant", content: null, tool_calls: [{ id: "call_0", type: "function", function: { name: "f", arguments: "{}" } }] },
      { role: "tool", tool_call_id: "call_0", content: "7" },
      { role: "assistant", content: "Let me look." },
    ], JSON.stringify(end));
  }
});

test("settings that cannot be sent name the field and what to do", () => {
  const cases = [
    [{ temperature: "hot" }, "temperature", /a number from 0 to 2/],
    [{ temperature: "3" }, "temperature", /from 0 to 2/],
    [{ maxTokens: "1.5" }, "maxTokens", /whole number from 1/],
    [{ tools: "{" }, "tools", /no JSON/],
    [{ tools: '[{"name": "a"},\n{"name": b}]' }, "tools", /line 2, column 10 should have a value/],
    [{ tools: "[1]" }, "tools", /Function 1: it has to be an object/],
    [{ tools: '[{"type": "retrieval"}]' }, "tools", /only "function"/],
    [{ tools: '[{"name": "a b"}]' }, "tools", /needs a "name"/],
    [{ tools: '[{"name": "a"}, {"name": "a"}]' }, "tools", /Function 2: the name "a" is used twice/],
    [{ tools: '[{"name": "a", "parameters": {"type": "string"}}]' }, "tools", /"type": "object"/],
    [{ tools: JSON.stringify(Array.from({ length: 129 }, (_, index) => ({ name: `f${index}` }))) }, "tools", /at most 128/],
    [{ schema: "[]" }, "schema", /has to be an object/],
    [{ schema: '{"a": 1}' }, "schema", /no JSON schema yet/],
    [{ schema: '{"schema": {}}' }, "schema", /needs a "name"/],
  ];
  for (const [settings, field, message] of cases) {
    const all = newConversation(settings, 1, "c").settings;
    assert.throws(() => requestBody([], all), (error) => {
      assert.ok(error instanceof BadSetting);
      assert.equal(error.field, field);
      assert.match(error.message, message);
      return true;
    }, JSON.stringify(settings));
  }
});

test("the place of a fault in JSON is where the browser's own parser fails", () => {
  const places = [["", 0], [" ", 1], ["{", 1], ["[1,]", 3], ["[1 2]", 3], ['{"a" 1}', 5], ['{a: 1}', 1], ['{"a": 1,}', 8], ["[1]]", 3], ["01", 1], ['"a', 0], ["tru", 0], ['["\\x"]', 1], ['{"a": 1] ', 7]];
  for (const [text, at] of places) assert.equal(jsonFault(text)?.at, at, text);
  const pieces = ["{", "}", "[", "]", ",", ":", '"a"', "1", "-0.5e3", "true", "null", " ", "\n", '"', "x", "\\"];
  let state = 5;
  const next = (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (let round = 0; round < 20000; round += 1) {
    const text = Array.from({ length: next(8) }, () => pieces[next(pieces.length)]).join("");
    let isGood = true;
    try {
      JSON.parse(text);
    } catch {
      isGood = false;
    }
    assert.equal(jsonFault(text) === null, isGood, text);
  }
});

test("functions and schemas are taken in every usual form", () => {
  const wanted = [{ type: "function", function: { name: "f", parameters: { type: "object" } } }];
  assert.deepEqual(readTools(JSON.stringify(wanted)), wanted);
  assert.deepEqual(readTools('{"name": "f", "parameters": {"type": "object"}}'), wanted);
  assert.deepEqual(readTools('{"type": "function", "name": "f", "parameters": {"type": "object"}}'), wanted);
  assert.deepEqual(readTools("  "), []);
  assert.equal(readSchema(""), null);
  assert.deepEqual(readSchema('{"type": "object"}'), { type: "json_schema", json_schema: { name: "answer", schema: { type: "object" } } });
  assert.deepEqual(readSchema('{"name": "n", "schema": {}}'), { type: "json_schema", json_schema: { name: "n", schema: {} } });
  assert.deepEqual(readSchema('{"type": "json_object"}'), { type: "json_object" });
});

const chunk = (delta, more = {}) => ({ choices: [{ index: 0, delta, finish_reason: null, ...more }] });

test("a stream is the same answer wherever it is cut", () => {
  const events = [
    chunk({ role: "assistant", reasoning: "h" }), chunk({ reasoning_content: "m" }), chunk({ reasoning_details: [{ text: "!" }] }),
    chunk({ content: "ä🙂" }), { choices: [{ index: 1, delta: { content: "other" } }] },
    chunk({ tool_calls: [{ index: 0, id: "a", function: { name: "f", arguments: "" } }] }),
    chunk({ tool_calls: [{ index: 1, id: "b", function: { name: "g", arguments: "{}" } }, { index: 0, function: { arguments: "{\"x\"" } }] }),
    chunk({ tool_calls: [{ index: 0, function: { arguments: ":1}" } }] }, { finish_reason: "tool_calls" }),
    { choices: [], usage: { completion_tokens: 7 } },
  ];
  const text = `: keep-alive\n\n${events.map((event) => `data: ${JSON.stringify(event)}\r\n\r\n`).join("")}data: nonsense\n\ndata: [DONE]\n\n`;
  for (const size of [1, 2, 3, 7, 50, text.length]) {
    const reader = new EventReader();
    const answer = emptyAnswer();
    let isDone = false;
    for (let at = 0; at < text.length; at += size) {
      for (const data of reader.push(text.slice(at, at + size))) {
        if (data === "[DONE]") isDone = true;
        else takeChunk(answer, data);
      }
    }
    assert.ok(isDone);
    assert.deepEqual(answer, {
      content: "ä🙂",
      reasoning: "hm!",
      toolCalls: [{ id: "a", name: "f", arguments: '{"x":1}' }, { id: "b", name: "g", arguments: "{}" }],
      numCallBytes: 13,
      finish: "tool_calls",
      usage: { completion_tokens: 7 },
    });
  }
});

test("errors within a stream, and what no answer may look like", () => {
  const answer = emptyAnswer();
  assert.throws(() => takeChunk(answer, '{"error": {"message": "no", "code": "timeout"}}'), (error) => error instanceof AnswerError && error.kind === "stream" && error.code === "timeout");
  for (const odd of ["null", "[]", "1", '{"choices": null}', '{"choices": [null]}', '{"choices": [{"delta": null}]}', '{"choices": [{"delta": {"tool_calls": [null, {"index": -1}, {"index": 0.5}, {"id": 7, "function": 1}], "content": [{}]}}]}']) {
    takeChunk(answer, odd);
  }
  assert.ok(answer.toolCalls.length <= 4 && answer.content === "");
  assert.throws(() => new EventReader().push("x".repeat(5_000_000)), AnswerError);
});

test("the calls of an answer have limits, which are told", () => {
  const call = (index, words, more = {}) => JSON.stringify(chunk({ tool_calls: [{ index, id: `c${index}`, function: { name: "f", arguments: words }, ...more }] }));
  const refuses = (answer, data, kind) => assert.throws(() => takeChunk(answer, data), (error) => error instanceof AnswerError && error.kind === kind);
  const many = emptyAnswer();
  for (let index = 0; index < MAX_CALLS; index += 1) takeChunk(many, call(index, "{}"));
  assert.equal(many.toolCalls.length, MAX_CALLS);
  refuses(many, call(MAX_CALLS, "{}"), "too-many-calls");
  refuses(many, call(1e9, "{}"), "too-many-calls");
  assert.equal(many.toolCalls.length, MAX_CALLS);
  // Bytes, not characters, of all calls together; ids and names that are repeated count once.
  const long = emptyAnswer();
  for (let index = 0; index < 2; index += 1) takeChunk(long, call(index, ""));
  const numNames = "c0".length + "f".length + "c1".length + "f".length;
  assert.equal(long.numCallBytes, numNames);
  takeChunk(long, call(0, "x".repeat(numNames)));
  for (let piece = 0; piece < 15; piece += 1) takeChunk(long, call(piece % 2, "ä".repeat(MAX_CALL_BYTES / 32)));
  takeChunk(long, call(1, "ä".repeat(MAX_CALL_BYTES / 32 - numNames)));
  assert.equal(long.numCallBytes, MAX_CALL_BYTES);
  takeChunk(long, call(1, ""));
  refuses(long, call(0, "x"), "calls-too-long");
  assert.equal(long.toolCalls[0].arguments.length, numNames + MAX_CALL_BYTES / 4);
  // An id or a name may be long, as far as all together is not.
  const named = emptyAnswer();
  takeChunk(named, call(0, "", { id: "i".repeat(5000), function: { name: "g".repeat(5000) } }));
  assert.deepEqual([named.toolCalls[0].id.length, named.toolCalls[0].name.length, named.numCallBytes], [5000, 5000, 10_000]);
  refuses(named, call(1, "", { id: "i".repeat(MAX_CALL_BYTES - 10_000) }), "calls-too-long");
  refuses(emptyAnswer(), call(0, "", { function: { name: "f".repeat(MAX_CALL_BYTES) } }), "calls-too-long");
  for (const kind of ["too-many-calls", "calls-too-long"]) {
    const words = explain({ kind, message: kind });
    assert.equal(words.action, "retry");
    assert.match(words.advice, /more than 128 functions|longer than 1 MiB/);
  }
});

test("an answer without a stream has the same limits", async () => {
  const before = globalThis.fetch;
  const calls = Array.from({ length: MAX_CALLS + 1 }, (_, index) => ({ id: `c${index}`, function: { name: "f", arguments: "{}" } }));
  globalThis.fetch = async () => Response.json({ choices: [{ message: { tool_calls: calls } }] });
  try {
    await assert.rejects(ask({}, {}), (error) => error.kind === "too-many-calls");
  } finally {
    globalThis.fetch = before;
  }
});

/** Runs `work` while the server answers with these pieces of a stream. */
async function whileFetching(pieces, work) {
  const before = globalThis.fetch;
  const body = new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(new TextEncoder().encode(piece));
      controller.close();
    },
  });
  globalThis.fetch = async () => new Response(body, { headers: { "content-type": "text/event-stream" } });
  try {
    return await work();
  } finally {
    globalThis.fetch = before;
  }
}

const event = (json) => `data: ${JSON.stringify(json)}\n\n`;

test("words that come in one piece with an error are not lost", async () => {
  const seen = [];
  const piece = event(chunk({ content: "half " })) + event(chunk({ content: "an answer" })) + event({ error: { message: "gone" } });
  const onDelta = ({ content }) => seen.push(content);
  await assert.rejects(whileFetching([piece], () => ask({}, { onDelta })), (error) => error.kind === "stream" && error.message === "gone");
  assert.deepEqual(seen, ["half an answer"]);
});

test("an answer that breaks off within a call does not ask for its result", async () => {
  const conversation = talk("one");
  const [{ message: asked }] = shownPath(conversation);
  const answer = addMessage(conversation, asked.id, { role: "assistant", content: "", reasoning: "", toolCalls: [], status: "streaming" });
  const words = event(chunk({ tool_calls: [{ index: 0, id: "a", function: { name: "f", arguments: '{"x": ' } }] }));
  const running = new RunningAnswer(conversation, answer.id, () => {});
  await whileFetching([words], () => running.run({ model: "m" }, ""));
  assert.deepEqual([answer.status, answer.failure.kind, answer.toolCalls.length], ["failed", "broken", 1]);
  assert.deepEqual(openCalls(shownPath(conversation), 1), []);
});

test("what was deleted comes back only if somebody wants it back", async () => {
  // Without IndexedDB, as here, conversations last as long as the page.
  const store = await openStore();
  assert.equal(store.isLasting, false);
  const conversation = talk("one", "two");
  await store.save(conversation);
  await store.remove("c");
  await assert.rejects(store.save(conversation), (error) => error.kind === "removed");
  assert.equal(await store.get("c"), null);
  assert.deepEqual(await store.heads(), []);
  await store.restore(conversation);
  await store.save(conversation);
  assert.equal((await store.heads()).length, 1);
});

/** Storage as browsers have it: what it holds are its properties. `isFull` makes it refuse. */
class FakeStorage {
  getItem(name) {
    return Object.hasOwn(this, name) ? this[name] : null;
  }

  setItem(name, text) {
    if (FakeStorage.isFull) throw new DOMException("full", "QuotaExceededError");
    this[name] = text;
  }

  removeItem(name) {
    delete this[name];
  }
}

test("a draft that cannot be kept stays on the page, and that is told", () => {
  Object.defineProperty(globalThis, "localStorage", { configurable: true, value: new FakeStorage() });
  const told = [];
  onDraft((reason) => told.push(reason));
  keepDraft("a", "short");
  assert.deepEqual([draftOf("a"), draftOf("b"), draftOf(null), told.at(-1)], ["short", "", "", null]);
  keepDraft("a", "x".repeat(200_000));
  assert.equal(draftOf("a").length, 200_000);
  assert.match(told.at(-1), /too long/);
  keepDraft("a", "short again");
  assert.deepEqual([draftOf("a"), localStorage.getItem("freeway.chat.draft.a"), told.at(-1)], ["short again", "short again", null]);
  FakeStorage.isFull = true;
  keepDraft("a", "more");
  keepDraft("b", "other");
  assert.match(told.at(-1), /no room/);
  assert.deepEqual([draftOf("a"), draftOf("b")], ["more", "other"]);
  // What was sent must not come back with the next reload either.
  forgetDraft("a", "more");
  assert.deepEqual([draftOf("a"), localStorage.getItem("freeway.chat.draft.a")], ["", null]);
  FakeStorage.isFull = false;
  Object.defineProperty(globalThis, "localStorage", { configurable: true, get: () => { throw new DOMException("no", "SecurityError"); } });
  keepDraft(null, "private");
  assert.equal(draftOf(null), "private");
  keepDraft(null, "");
  assert.equal(draftOf(null), "");
});

test("a draft of another tab stays, and those of a deleted conversation come back with it", () => {
  Object.defineProperty(globalThis, "localStorage", { configurable: true, value: new FakeStorage() });
  keepDraft(null, "mine");
  localStorage.setItem("freeway.chat.draft.new", "of another tab");
  forgetDraft(null, "mine");
  assert.equal(draftOf(null), "of another tab");
  keepDraft("c", "next");
  keepDraft("c.m1.edit", "uno");
  keepDraft("c.m2.result.0", "7");
  keepDraft("c2.m1.edit", "stays");
  const stored = () => Object.keys(localStorage).filter((name) => name.startsWith("freeway.chat.draft.")).sort();
  const drafts = draftsOf("c");
  assert.deepEqual(drafts, new Map([["c", "next"], ["c.m1.edit", "uno"], ["c.m2.result.0", "7"]]));
  forgetDraftsOf("c.m2");
  assert.equal(draftOf("c.m2.result.0"), "");
  assert.equal(draftOf("c.m1.edit"), "uno");
  forgetDraftsOf("c");
  assert.deepEqual(stored(), ["freeway.chat.draft.c2.m1.edit", "freeway.chat.draft.new"]);
  for (const [id, text] of drafts) keepDraft(id, text);
  assert.deepEqual(draftsOf("c"), drafts);
  // Of conversations that are no more nothing stays, and the new one is always there.
  keepDraft("c", "x".repeat(200_000));
  forgetDraftsExcept(["c2"]);
  assert.deepEqual(stored(), ["freeway.chat.draft.c2.m1.edit", "freeway.chat.draft.new"]);
  assert.equal(draftOf("c"), "");
});

test("a draft too many drops the one that was not written for longest", () => {
  Object.defineProperty(globalThis, "localStorage", { configurable: true, value: new FakeStorage() });
  const told = [];
  onDraft((reason) => told.push(reason));
  // Of an earlier version of the page, which kept no order.
  localStorage.setItem("freeway.chat.draft.older", "in no order");
  for (let index = 0; index < MAX_DRAFTS - 1; index += 1) keepDraft(`many${index}`, `text ${index}`);
  keepDraft("many0", "written again");
  assert.equal(draftOf("older"), "in no order");
  keepDraft("more", "one too many");
  assert.equal(draftOf("older"), "");
  for (const index of [1, 2]) {
    keepDraft(`last${index}`, "another");
    assert.equal(draftOf(`many${index}`), "");
  }
  assert.deepEqual([draftOf("many0"), draftOf("many3"), draftOf("more")], ["written again", "text 3", "one too many"]);
  assert.equal(draftsOf("many3").size, 1);
  // One that was forgotten makes room.
  forgetDraft("many50");
  keepDraft("last3", "another");
  assert.equal(draftOf("many3"), "text 3");
  assert.ok(told.every((reason) => reason === null));
  for (const odd of ["", "{", "7", "null", '["freeway.key", 7]']) {
    localStorage.setItem("freeway.chat.drafts", odd);
    keepDraft("odd", odd);
    assert.equal(draftOf("odd"), odd);
  }
  assert.equal(draftOf("many3"), "text 3");
});

test("a state is told once, and stays dismissed until it changes", () => {
  const root = document.createElement("div");
  const notices = new Notices(root);
  const told = () => root.childNodes.map((one) => one.childNodes[0].textContent);
  const dismiss = () => root.childNodes[0].childNodes.at(-1).click();
  notices.showState("draft", "full");
  const [first] = root.childNodes;
  notices.showState("draft", "full");
  assert.equal(root.childNodes[0], first, "it is the same element");
  notices.showState("draft", "too long");
  assert.deepEqual(told(), ["too long"]);
  dismiss();
  notices.showState("draft", "too long");
  assert.deepEqual(told(), []);
  notices.showState("draft", "full");
  assert.deepEqual(told(), ["full"]);
  dismiss();
  notices.hide("draft");
  notices.showState("draft", "full");
  assert.deepEqual(told(), ["full"]);
  // What answers somebody is told each time.
  notices.show("running", "wait");
  notices.hide("draft");
  dismiss();
  notices.show("running", "wait");
  assert.deepEqual(told(), ["wait"]);
});

test("attempts, times and rates", () => {
  assert.deepEqual(readAttempts("groq/openai/gpt-oss-20b=rate_limited,local/demo=ok"), [
    { deployment: "groq/openai/gpt-oss-20b", outcome: "rate_limited" }, { deployment: "local/demo", outcome: "ok" },
  ]);
  assert.deepEqual(readAttempts(null), []);
  assert.deepEqual([duration(12.4), duration(1234), duration(61_000)], ["12 ms", "1.2 s", "1 min 1 s"]);
  assert.equal(tokensPerSecond({ usage: { completion_tokens: 101 }, firstTokenMs: 100, totalMs: 1100 }), 100);
  assert.equal(tokensPerSecond({ usage: { completion_tokens: 101 }, firstTokenMs: 100, totalMs: 101 }), null, "one piece has no rate");
  assert.equal(tokensPerSecond({ firstTokenMs: 100, totalMs: 1100 }), null);
});

test("every failure has a title and a next step", () => {
  const http = (status, more = {}) => explain({ kind: "http", status, message: "words", ...more });
  assert.equal(http(401).action, "key");
  assert.deepEqual([http(429, { retryAfterS: 7 }).action, http(429, { retryAfterS: 7 }).retryAfterS], ["retry", 7]);
  assert.equal(http(503).action, "retry");
  assert.equal(http(404, { code: "model_not_found" }).action, "model");
  assert.equal(http(400, { code: "context_length_exceeded" }).action, "model");
  assert.equal(http(400, { param: "temperature" }).advice, "Words. It is about “temperature”.");
  assert.match(explain({ kind: "network" }).advice, /runs/);
  assert.match(explain({ kind: "stream", message: "alpha: gone" }).advice, /^alpha: gone\. What came/);
  for (const status of [400, 401, 403, 404, 405, 413, 418, 429, 500, 502, 503, 504]) {
    assert.ok(http(status, { message: "" }).title.length > 0);
  }
});

test("an exported conversation cannot break out of its fences", () => {
  const conversation = talk("ask ``` me", "say");
  conversation.settings.system = "```\nx\n````";
  const path = shownPath(conversation).map(({ message }) => message);
  path[1].reasoning = "````";
  const text = toMarkdown(conversation, path);
  assert.match(text, /`````\n```\nx\n````\n`````/);
  assert.match(text, /## User\n\nask ``` me/);
  assert.equal(fileName({ title: "../Ünï & co" }, "md"), "U-ni-co.md");
  assert.equal(fileName({ title: "" }, "json"), "conversation.json");
});
