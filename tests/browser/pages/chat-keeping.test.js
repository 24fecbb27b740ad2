// What the chat keeps: conversations while answers come, deleted ones that stay deleted, and what is
// typed and not sent.

import assert from "node:assert/strict";
import { answered, ask, hasWords, isReady, kept, open, until } from "../lib/chat.js";
import { serverWithHosts, suite } from "../lib/suite.js";

let upstream;

const withServer = suite(async () => {
  const server = await serverWithHosts();
  ({ upstream } = server);
  return server;
});

const HELD = "/chat?model=test/held";

/** Asks, and waits for the beginning of the answer. */
async function begin(page, question) {
  await ask(page, question);
  await hasWords(page, "One");
}

const title = (name) => `.conversation:has-text("${name}") .conversation-open`;
const isStopped = (question) => until(() => upstream.stopped, (all) => all.includes(question), `the end of the answer to “${question}”`);
const contents = async (page) => (await kept(page)).flatMap(({ messages }) => Object.values(messages)).map(({ content }) => content);

withServer("a reload while an answer comes keeps what came, and it can be asked for again", async (visits) => {
  const page = await open(visits, HELD);
  await begin(page, "Hello");
  // The host says nothing more, and what it said is kept all the same.
  await until(() => contents(page), (all) => all.includes("One "), "the beginning of the answer");
  await page.reload();
  await isReady(page);
  assert.deepEqual(await page.locator(".bubble").allInnerTexts(), ["Hello"]);
  assert.equal(await answered(page), "One");
  assert.match(await page.innerText(".failure-stopped"), /Stopped/);
  assert.ok(await page.isVisible("#send"));
  assert.equal(await page.isVisible("#stop"), false);
  await page.locator(".message-assistant").getByRole("button", { name: "Regenerate" }).click();
  await page.waitForSelector("#stop:not([hidden])");
  await hasWords(page, "One");
  upstream.release();
  assert.equal(await answered(page), "One two.");
  assert.match(await page.innerText(".variants"), /2\/2/);
});

withServer("a conversation that is deleted while its answer comes stays deleted", async (visits) => {
  const page = await open(visits, HELD);
  await begin(page, "Delete me");
  await page.locator(".conversation-remove").click();
  await page.waitForSelector(".conversation", { state: "detached" });
  assert.equal(await page.locator(".message").count(), 0);
  await isStopped("Delete me");
  // Longer than an answer that comes is not kept.
  await page.waitForTimeout(3500);
  assert.deepEqual(await kept(page), []);
  // Nobody is told that it was deleted elsewhere, as a late write would.
  assert.deepEqual(await page.locator(".notice > p").allInnerTexts(), ["“Delete me” is deleted."]);
  await page.reload();
  await isReady(page);
  assert.equal(await page.locator(".conversation").count(), 0);
  assert.match(await page.innerText("#conversations-empty"), /No conversations/);
});

withServer("the answer of a deleted conversation is there again with it, and goes on no more", async (visits) => {
  const page = await open(visits, HELD);
  await begin(page, "Bring me back");
  await page.fill("#prompt", "what I wanted to say next");
  await page.locator(".conversation-remove").click();
  await page.getByRole("button", { name: "Undo" }).click();
  await page.waitForSelector(".failure-stopped");
  assert.equal(await answered(page), "One");
  assert.equal(await page.inputValue("#prompt"), "what I wanted to say next");
  await page.reload();
  await isReady(page);
  assert.equal(await answered(page), "One");
});

withServer("another tab stops the answer of a conversation that was deleted, and keeps what was typed", async (visits) => {
  const one = await open(visits, HELD);
  await begin(one, "In two tabs");
  await one.fill("#prompt", "not sent yet");
  const two = await visits.tab(one);
  await visits.go(two, "/chat");
  await two.waitForSelector(".conversation");
  await two.locator(".conversation-remove").click();
  await isStopped("In two tabs");
  await one.waitForFunction(() => document.getElementById("prompt").value === "not sent yet" && document.querySelectorAll(".message").length === 0);
  assert.equal(await one.innerText('.notice[data-name="elsewhere"] > p'), "“In two tabs” was deleted in another tab.");
  // Longer than an answer that comes is not kept.
  await one.waitForTimeout(3500);
  assert.deepEqual(await kept(one), []);
  assert.equal(await one.locator(".conversation").count(), 0);
  // What was typed is the draft of a new conversation now.
  await one.reload();
  await isReady(one);
  assert.equal(await one.inputValue("#prompt"), "not sent yet");
});

withServer("of two conversations chosen quickly the last one is shown", async (visits) => {
  const page = await open(visits, HELD);
  for (const question of ["First", "Second"]) {
    await begin(page, question);
    upstream.release();
    await answered(page);
    // A path that differs in its fragment alone would be the same page.
    await visits.go(page, "/status");
    await visits.go(page, HELD);
    await isReady(page);
  }
  await page.waitForFunction(() => document.querySelectorAll(".conversation").length === 2);
  // The first read of the store takes a while.
  await page.evaluate(() => {
    const { get } = IDBObjectStore.prototype;
    let isFirst = true;
    IDBObjectStore.prototype.get = function slow(id) {
      const request = get.call(this, id);
      if (!isFirst) return request;
      isFirst = false;
      const end = performance.now() + 400;
      const again = () => {
        if (performance.now() < end) get.call(this, id).onsuccess = again;
        else document.documentElement.dataset.slowRead = "";
      };
      again();
      return request;
    };
  });
  await page.evaluate(([first, second]) => {
    for (const name of [first, second]) {
      [...document.querySelectorAll(".conversation-open")].find((one) => one.textContent === name).click();
    }
  }, ["First", "Second"]);
  await page.waitForFunction(() => document.querySelector(".bubble")?.textContent === "Second");
  await page.waitForSelector("html[data-slow-read]");
  await page.waitForTimeout(200);
  assert.equal(await page.innerText(".bubble"), "Second");
  assert.equal(await page.locator(".conversation.is-current").innerText().then((text) => text.split("\n")[0]), "Second");
  const [second] = (await kept(page)).filter((one) => one.title === "Second");
  assert.equal(new URL(page.url()).hash, `#${second.id}`);
});

withServer("a draft that the browser has no room for lasts while the page does, and that is told", async (visits) => {
  const page = await open(visits, HELD);
  await begin(page, "Hello");
  upstream.release();
  await answered(page);
  await page.evaluate(() => {
    Storage.prototype.setItem = () => { throw new DOMException("full", "QuotaExceededError"); };
  });
  await page.fill("#prompt", "half a thought");
  await page.waitForSelector('.notice[data-name="draft"]');
  assert.match(await page.innerText('.notice[data-name="draft"]'), /no room for what you write/);
  await page.click("#new-chat");
  await page.waitForFunction(() => document.querySelectorAll(".message").length === 0);
  assert.equal(await page.inputValue("#prompt"), "");
  await page.click(title("Hello"));
  await page.waitForSelector(".bubble");
  assert.equal(await page.inputValue("#prompt"), "half a thought");
});

withServer("an edit that is not sent survives a look at another conversation and a reload", async (visits) => {
  const page = await open(visits, HELD);
  await begin(page, "Hello");
  upstream.release();
  await answered(page);
  await page.getByRole("button", { name: "Edit" }).click();
  await page.fill(".edit textarea", "Hello, and in other words");
  await page.click("#new-chat");
  await page.waitForFunction(() => document.querySelectorAll(".message").length === 0);
  for (const again of [() => page.click(title("Hello")), () => page.reload()]) {
    await again();
    await page.getByRole("button", { name: "Edit" }).click();
    assert.equal(await page.inputValue(".edit textarea"), "Hello, and in other words");
  }
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Edit" }).click();
  assert.equal(await page.inputValue(".edit textarea"), "Hello");
});

withServer("an answer that calls too much is stopped, and says so", async (visits) => {
  const page = await open(visits, HELD);
  const stream = (...deltas) => `${deltas.map((delta) => `data: ${JSON.stringify({ choices: [{ index: 0, delta }] })}\n\n`).join("")}data: [DONE]\n\n`;
  const call = (index, words) => ({ tool_calls: [{ index, id: `call_${index}`, function: { name: "f", arguments: words } }] });
  const cases = [
    [Array.from({ length: 129 }, (_, index) => call(index, "{}")), /more than 128 functions/],
    [Array.from({ length: 3 }, () => call(0, "x".repeat(500_000))), /longer than 1 MiB/],
  ];
  for (const [deltas, expected] of cases) {
    await page.route("**/v1/chat/completions", (route) => route.fulfill({ contentType: "text/event-stream", body: stream(...deltas) }), { times: 1 });
    await page.click("#new-chat");
    await ask(page, "Call");
    await page.waitForSelector(".failure:not([hidden])");
    assert.match(await page.innerText(".failure"), expected);
    assert.equal(await page.locator(".results, .call").count(), 0);
    assert.ok(await page.locator(".failure").getByRole("button", { name: "Try again" }).isVisible());
  }
});

withServer("a call that was cut short asks for no result, and is not sent on", async (visits) => {
  const page = await open(visits, HELD);
  const delta = { content: "Let me look.", tool_calls: [{ index: 0, id: "call_0", function: { name: "f", arguments: '{"city": "Os' } }] };
  const body = `data: ${JSON.stringify({ choices: [{ index: 0, delta }] })}\n\n`;
  await page.route("**/v1/chat/completions", (route) => route.fulfill({ contentType: "text/event-stream", body }), { times: 1 });
  await ask(page, "Call");
  await page.waitForSelector(".failure:not([hidden])");
  assert.match(await page.innerText(".call"), /Began to call f/);
  assert.equal(await page.locator(".results").count(), 0);
  const sent = page.waitForRequest("**/v1/chat/completions");
  await ask(page, "Go on");
  assert.deepEqual((await sent).postDataJSON().messages, [
    { role: "user", content: "Call" }, { role: "assistant", content: "Let me look." }, { role: "user", content: "Go on" },
  ]);
});

withServer("a conversation that the browser has no room for lasts while the page does, until there is room", async (visits) => {
  const page = await open(visits, HELD);
  await begin(page, "Hello");
  upstream.release();
  assert.equal(await answered(page), "One two.");
  await until(() => contents(page), (all) => all.includes("One two."), "the whole answer");
  await page.evaluate(() => {
    const { put } = IDBObjectStore.prototype;
    IDBObjectStore.prototype.put = () => { throw new DOMException("full", "QuotaExceededError"); };
    document.addEventListener("test-room", () => { IDBObjectStore.prototype.put = put; });
  });
  await page.locator(".conversation-remove").click();
  await page.getByRole("button", { name: "Undo" }).click();
  const notice = page.locator('.notice[data-name="keep"]');
  assert.equal(await answered(page), "One two.");
  assert.match(await notice.innerText(), /^This browser has no room left/);
  assert.deepEqual(await kept(page), []);
  await page.click("#new-chat");
  await page.waitForFunction(() => document.querySelectorAll(".message").length === 0);
  assert.match(await notice.innerText(), /^“Hello”: This browser/);
  await page.click(title("Hello"));
  await page.waitForSelector(".bubble");
  assert.equal(await answered(page), "One two.");
  await page.evaluate(() => document.dispatchEvent(new Event("test-room")));
  await notice.getByRole("button", { name: "Try again" }).click();
  await until(() => contents(page), (all) => all.includes("One two."), "the conversation that there is room for again");
  await page.reload();
  await isReady(page);
  assert.equal(await answered(page), "One two.");
});
