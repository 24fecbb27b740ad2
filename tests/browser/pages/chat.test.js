// The chat, from the first question to the exported file: with the demo model, and with hosts that
// answer slowly, long, in hostile words or not at all.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { artefacts, launch, unlessMissing, visiting } from "../lib/browser.js";
import { answered, ask, hasWords, kept, open, until } from "../lib/chat.js";
import { run, startServer } from "../lib/server.js";
import { HOSTILE, TALL_LINES, startUpstream } from "../lib/upstream.js";

let browser, demo, hosted, upstream;

before(async () => {
  if (unlessMissing.skip) return;
  browser = await launch();
  upstream = await startUpstream();
  demo = await startServer();
  hosted = await startServer({ config: upstream.config });
});

after(async () => {
  await browser?.close();
  await Promise.all([demo?.stop(), hosted?.stop()]);
  await upstream?.stop();
});

/** Browsers say of every failed request in the console that it failed. */
const FAILED = [/Failed to load resource/];

const withDemo = (name, work, allowed) => test(name, unlessMissing, () => visiting(browser, demo.url, work, allowed));
const withHosts = (name, work, allowed) => test(name, unlessMissing, () => visiting(browser, hosted.url, work, allowed));

withDemo("a question is answered, with reasoning folded and the trail behind it", async (visits) => {
  const page = await open(visits);
  await ask(page, "What is 27 + 58?");
  assert.match(await answered(page), /27 \+ 58 = 85/);
  const reasoning = page.locator(".reasoning");
  assert.equal(await reasoning.getAttribute("open"), null);
  await reasoning.locator("summary").click();
  assert.match(await reasoning.locator(".reasoning-words").innerText(), /carry/);
  await page.locator(".trail summary").click();
  assert.match(await page.locator(".trail").innerText(), /local\/demo[\s\S]*first token[\s\S]*answered/);
  assert.equal(await page.locator(".conversation-open").innerText(), "What is 27 + 58?");
  assert.equal(await page.inputValue("#prompt"), "");
  await page.screenshot({ path: path.join(artefacts, "chat-answer-light.png") });
});

withDemo("a reload keeps the conversation, and what is not sent yet", async (visits) => {
  const page = await open(visits);
  await ask(page, "What is 1 + 2?");
  await answered(page);
  await page.fill("#prompt", "a draft");
  await page.reload();
  await page.waitForSelector("#chat[data-ready]");
  assert.match(await answered(page), /= 3/);
  assert.equal(await page.inputValue("#prompt"), "a draft");
  await page.click("#new-chat");
  assert.equal(await page.inputValue("#prompt"), "");
  await page.click(".conversation-open");
  // What is stored is read first.
  await page.waitForFunction(() => document.getElementById("prompt").value === "a draft");
});

withDemo("answers are made anew and questions edited; every version stays", async (visits) => {
  const page = await open(visits);
  await ask(page, "What is 3 + 4?");
  assert.match(await answered(page), /= 7/);
  await page.locator(".message-assistant").getByRole("button", { name: "Regenerate" }).click();
  await page.waitForFunction(() => document.querySelector(".message-assistant .variants")?.innerText.includes("2/2"));
  await answered(page);
  await page.locator(".message-user").getByRole("button", { name: "Edit" }).click();
  await page.fill(".edit textarea", "What is 10 + 20?");
  await page.locator(".edit").getByRole("button", { name: "Send" }).click();
  await page.waitForFunction(() => document.querySelector(".message-user .variants")?.innerText.includes("2/2"));
  assert.match(await answered(page), /= 30/);
  await page.locator(".message-user").getByRole("button", { name: "Earlier version" }).click();
  await page.locator(".message-user .bubble", { hasText: "3 + 4" }).waitFor();
  assert.match(await answered(page), /= 7/);
  await page.locator(".message-user").getByRole("button", { name: "Later version" }).click();
  assert.match(await answered(page), /= 30/);
});

withDemo("a function is called, its result entered and the answer goes on", async (visits) => {
  const page = await open(visits);
  await page.click("#open-settings");
  await page.locator(".panel summary").first().click();
  await page.fill("#set-tools", "[{");
  assert.match(await page.innerText("#set-tools-note"), /no JSON/);
  await page.fill("#set-tools", '[{"name": "get weather"}]');
  assert.match(await page.innerText("#set-tools-note"), /Function 1: it needs a "name"/);
  await page.locator("#tools-sample button").click();
  assert.match(await page.innerText("#set-tools-note"), /get_weather/);
  await page.keyboard.press("Escape");
  await ask(page, "What's the weather in Oslo?");
  await page.waitForSelector(".results");
  assert.match(await page.locator(".call").innerText(), /get_weather[\s\S]*Oslo/);
  await page.waitForFunction(() => document.activeElement?.closest(".results"));
  await page.getByRole("button", { name: "Send result" }).click();
  assert.match(await page.innerText(".results [role=alert]"), /Enter what get_weather returns/);
  await page.fill(".results textarea", '{"temperature": 7}');
  await page.screenshot({ path: path.join(artefacts, "chat-call.png") });
  await page.getByRole("button", { name: "Send result" }).click();
  assert.match(await answered(page, 2), /7/);
});

withDemo("a schema is checked and sent", async (visits) => {
  const page = await open(visits);
  await page.click("#open-settings");
  await page.locator(".panel summary").nth(1).click();
  await page.fill("#set-schema", '{"foo": 1}');
  assert.match(await page.innerText("#set-schema-note"), /no JSON schema yet/);
  await page.keyboard.press("Escape");
  // What cannot be sent opens the settings where they are wrong.
  await ask(page, "Anna is 31 years old.");
  await page.waitForFunction(() => document.activeElement?.id === "set-schema");
  await page.fill("#set-schema", '{"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}, "required": ["name", "age"]}');
  await page.screenshot({ path: path.join(artefacts, "chat-settings.png") });
  const sent = page.waitForRequest("**/v1/chat/completions");
  await page.keyboard.press("Escape");
  await page.press("#prompt", "Enter");
  const body = (await sent).postDataJSON();
  assert.equal(body.response_format.json_schema.name, "answer");
  assert.match(await answered(page), /Anna/);
});

withDemo("a conversation is exported, copied and deleted, and that undone", async (visits) => {
  const page = await open(visits, "/chat", { permissions: ["clipboard-read", "clipboard-write"] });
  await ask(page, "What is 5 + 6?");
  await answered(page);
  const save = async (id) => {
    await page.click("#more summary");
    const [download] = await Promise.all([page.waitForEvent("download"), page.click(id)]);
    return { name: download.suggestedFilename(), text: readFileSync(await download.path(), "utf8") };
  };
  const markdown = await save("#export-markdown");
  assert.equal(markdown.name, "What-is-5-6.md");
  assert.match(markdown.text, /## User\n\nWhat is 5 \+ 6\?[\s\S]*5 \+ 6 = 11/);
  const json = JSON.parse((await save("#export-json")).text);
  assert.equal(Object.keys(json.conversation.messages).length, 2);
  await page.locator(".message-assistant").getByRole("button", { name: "Copy" }).click();
  await page.waitForFunction(() => document.querySelector(".message-assistant .message-actions")?.innerText.includes("Copied"));
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /5 \+ 6 = 11/);
  await page.getByRole("button", { name: "Delete “What is 5 + 6?”" }).click();
  await page.waitForSelector(".conversation", { state: "detached" });
  assert.equal(await page.locator(".message").count(), 0);
  await page.getByRole("button", { name: "Undo" }).click();
  assert.match(await answered(page), /= 11/);
});

withDemo("it works by keyboard alone", async (visits) => {
  const page = await open(visits);
  await page.waitForFunction(() => document.activeElement?.id === "prompt");
  await page.keyboard.type("What is 2 + 2?");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("Thanks.");
  assert.equal(await page.inputValue("#prompt"), "What is 2 + 2?\nThanks.");
  await page.keyboard.press("Enter");
  await answered(page);
  assert.equal(await page.evaluate(() => document.activeElement.id), "prompt");
  // The choice of a model: open, search, choose.
  await page.focus("#model-button");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#picker[open]");
  await page.keyboard.type("demo");
  await page.waitForFunction(() => document.querySelectorAll(".picker-option").length === 1);
  await page.keyboard.press("Enter");
  assert.equal(await page.innerText("#model-name"), "demo");
  assert.equal(await page.evaluate(() => document.activeElement.id), "model-button");
  // Every control is reached by Tab, and shows it.
  const seen = new Set();
  await page.focus("#new-chat");
  for (let step = 0; step < 40; step += 1) {
    const found = await page.evaluate(() => {
      const one = document.activeElement;
      const style = getComputedStyle(one);
      const frame = one.closest(".composer") ? getComputedStyle(one.closest(".composer")).boxShadow : "none";
      return { id: one.id || one.dataset?.name || one.className, isShown: style.outlineStyle !== "none" || frame !== "none" };
    });
    if (found.id) {
      seen.add(found.id);
      assert.ok(found.isShown, `focus on ${found.id} is not to be seen`);
    }
    await page.keyboard.press("Tab");
  }
  for (const id of ["open", "remove", "model-button", "effort", "open-settings", "chat-scroll", "copy", "edit", "regenerate", "prompt", "send"]) {
    assert.ok(seen.has(id), `${id} is not reached: ${[...seen]}`);
  }
});

withDemo("?model= is chosen, and an unknown one explained", async (visits) => {
  const page = await open(visits, "/chat?model=demmo");
  assert.equal(await page.innerText("#model-name"), "demmo");
  await ask(page, "What is 2 + 2?");
  await page.waitForSelector(".failure:not([hidden])");
  assert.match(await page.innerText(".failure"), /cannot be asked[\s\S]*did you mean demo/i);
  await page.locator(".failure").getByRole("button", { name: "Choose a model" }).click();
  await page.locator(".picker-option", { hasText: "Freeway: demo" }).click();
  await page.locator(".failure").getByRole("button", { name: "Try again" }).click();
  await page.waitForFunction(() => document.querySelector(".message-assistant .variants")?.innerText.includes("2/2"));
  assert.match(await answered(page), /= 4/);
}, FAILED);

withDemo("two tabs do not lose each other's conversations", async (visits) => {
  const one = await open(visits);
  const two = await visits.tab(one);
  await visits.go(two, "/chat");
  await two.waitForSelector("#chat[data-ready]");
  await ask(one, "What is 1 + 1?");
  await ask(two, "What is 2 + 2?");
  await Promise.all([answered(one), answered(two)]);
  for (const page of [one, two]) await page.waitForFunction(() => document.querySelectorAll(".conversation").length === 2);
  // The same conversation in both: what one adds the other shows, and keeps.
  await two.click('.conversation:not(.is-current) .conversation-open');
  await two.waitForFunction(() => document.querySelector(".bubble")?.textContent === "What is 1 + 1?");
  await ask(one, "What is 3 + 3?");
  await answered(one, 2);
  await two.waitForFunction(() => document.querySelectorAll(".message").length === 4);
  await ask(two, "What is 4 + 4?");
  await answered(two, 3);
  await one.waitForFunction(() => document.querySelectorAll(".message").length === 6);
  await one.getByRole("button", { name: "Delete “What is 1 + 1?”" }).click();
  await two.waitForFunction(() => document.querySelector(".notice")?.textContent.includes("deleted in another tab"));
});

withHosts("an answer is stopped by Escape and by its button; what came stays", async (visits) => {
  const page = await open(visits, "/chat?model=test/held");
  await ask(page, "Hello");
  await hasWords(page, "One");
  assert.ok(await page.isVisible("#stop"));
  await page.keyboard.press("Escape");
  await page.waitForSelector(".failure-stopped");
  assert.match(await answered(page), /^One/);
  assert.ok(await page.isVisible("#send"));
  await page.locator(".message-assistant").getByRole("button", { name: "Regenerate" }).click();
  await hasWords(page, "One");
  await page.click("#stop");
  await page.waitForSelector(".failure-stopped");
  await ask(page, "Again");
  await page.waitForFunction(() => document.querySelectorAll(".message").length === 4);
  await hasWords(page, "One");
  upstream.release();
  assert.match(await answered(page, 2), /One two\./);
});

withHosts("while an answer comes the reader may scroll up, and stays there", async (visits) => {
  const page = await open(visits, "/chat?model=test/tall");
  const frame = page.locator("#chat-scroll");
  const numLines = () => page.locator(".markdown li").count();
  const top = () => frame.evaluate((one) => one.scrollTop);
  const isAtEnd = () => frame.evaluate((one) => one.scrollHeight - one.scrollTop - one.clientHeight < 60);
  const grownTo = (lines) => page.waitForFunction((least) => document.querySelectorAll(".markdown li").length >= least, lines);
  /** Where the frame stands once it has come to rest. */
  const settled = async () => {
    for (let before = -1, now = await top(); ; now = await top()) {
      if (now === before) return now;
      before = now;
      await page.waitForTimeout(100);
    }
  };
  await ask(page, "Write much");
  await grownTo(TALL_LINES);
  assert.ok(await page.isVisible("#stop"), "the answer still comes");
  await page.waitForFunction(() => document.getElementById("chat-scroll").scrollTop > 1000);
  assert.ok(await isAtEnd(), "the end is followed");
  // By the wheel.
  await frame.hover();
  await page.mouse.wheel(0, -600);
  await page.waitForSelector("#to-latest:not([hidden])");
  const scrolled = await settled();
  assert.ok(scrolled > 0 && !await isAtEnd());
  upstream.release();
  await grownTo(2 * TALL_LINES);
  assert.equal(await settled(), scrolled, "new words do not move the reader");
  assert.ok(await page.isVisible("#stop") && await page.isVisible("#to-latest"));
  // Back at the end, which is followed again.
  await page.click("#to-latest");
  await page.waitForSelector("#to-latest", { state: "hidden" });
  upstream.release();
  await grownTo(3 * TALL_LINES);
  await settled();
  assert.ok(await isAtEnd(), "the end is followed again");
  // By the keyboard.
  await frame.focus();
  await page.keyboard.press("Home");
  await page.waitForFunction(() => document.getElementById("chat-scroll").scrollTop === 0);
  upstream.release();
  assert.match(await answered(page), /The end\.$/);
  assert.equal(await settled(), 0);
  assert.equal(await numLines(), 4 * TALL_LINES);
});

withHosts("a long answer is shown whole, with its end in view", async (visits) => {
  const page = await open(visits, "/chat?model=test/long");
  await ask(page, "Write much");
  await answered(page);
  assert.equal(await page.locator(".markdown li").count(), 975);
  await page.waitForFunction(() => {
    const frame = document.getElementById("chat-scroll");
    return frame.scrollHeight - frame.scrollTop - frame.clientHeight < 60;
  });
});

withHosts("hostile words stay words", async (visits) => {
  const page = await open(visits, "/chat?model=test/hostile");
  await ask(page, "<img src=x onerror=\"document.title='owned'\">\u202e");
  await answered(page);
  // All of it came: the claims below are about something.
  for (const hostile of ["<script>", "onerror=", "javascript:", "data:text/html", "\u202e", "\u2066"]) assert.ok(HOSTILE.includes(hostile));
  const contents = async () => Object.values((await kept(page))[0].messages).map(({ content }) => content);
  await until(contents, (all) => all.includes(HOSTILE), "all of the hostile words");
  const found = await page.evaluate(() => {
    const thread = document.getElementById("thread");
    return {
      title: document.title,
      elements: thread.querySelectorAll("script, img, iframe, object, embed, style, svg, form, [onerror], [style]").length,
      links: [...thread.querySelectorAll("a")].map((link) => [link.href, link.rel, link.target]),
      hasOverrides: /[\u202a-\u202e\u2066-\u2069]/.test(thread.textContent),
    };
  });
  assert.doesNotMatch(found.title, /owned/);
  assert.equal(found.elements, 0);
  assert.deepEqual(found.links.map(([href]) => href), ["https://tracker.invalid/p.png", "https://example.invalid/a?b=1&c=2"]);
  for (const [, rel, target] of found.links) assert.deepEqual([rel, target], ["nofollow noopener noreferrer", "_blank"]);
  assert.equal(found.hasOverrides, false);
  assert.match(await page.innerText(".markdown"), /<script>document\.title[\s\S]*\[U\+202E\]evil/);
});

withHosts("failures say what to do", async (visits) => {
  const page = await open(visits, "/chat?model=test/cut");
  await ask(page, "Hello");
  await page.waitForFunction(() => document.querySelector(".markdown")?.textContent.includes("Half"));
  upstream.release();
  await page.waitForSelector(".failure:not([hidden])");
  assert.match(await page.innerText(".failure"), /broke off/);
  assert.match(await page.innerText(".markdown"), /Half of an/);
  const next = async (model, expected) => {
    await visits.go(page, "/status");
    await visits.go(page, `/chat?model=test/${model}`);
    await page.waitForSelector("#chat[data-ready]");
    await ask(page, "Hello");
    await page.waitForSelector(".failure:not([hidden])");
    assert.match(await page.innerText(".failure"), expected);
  };
  await next("limited", /rate limit[\s\S]*Try again in/);
  assert.equal(await page.locator(".failure button").getAttribute("aria-disabled"), "true");
  await page.locator(".failure details summary").click();
  assert.match(await page.innerText(".failure details"), /gamma\/limited[\s\S]*rate limit/);
  await page.screenshot({ path: path.join(artefacts, "chat-failure.png") });
  await next("down", /too much to do/);
  // Nobody there at all.
  await page.route("**/v1/chat/completions", (route) => route.abort("connectionrefused"));
  await page.locator(".failure").getByRole("button", { name: "Try again" }).click();
  await page.waitForFunction(() => document.querySelector(".failure")?.textContent.includes("could not be reached"));
}, FAILED);

withHosts("the trail names who failed before", async (visits) => {
  const page = await open(visits, "/chat?model=test/flaky");
  await ask(page, "Hello");
  assert.equal(await answered(page), "Second try.");
  assert.match(await page.innerText(".trail summary"), /1 failed attempt before/);
  await page.click(".trail summary");
  const attempts = await page.locator(".attempt").allInnerTexts();
  assert.equal(attempts.length, 2);
  assert.match(attempts[0], /not available|too busy|failed/);
  assert.match(attempts[1], /answered/);
});

test("a server that asks for keys gets one, which is in no URL and ends with the tab", unlessMissing, async () => {
  let secret;
  const prepare = async (store) => {
    [secret] = (await run(["keys", "create", "browser", "--store", store])).match(/fw_\w+/);
  };
  const server = await startServer({ options: ["--require-key"], prepare });
  try {
    await visiting(browser, server.url, async (visits) => {
      const page = await open(visits);
      const urls = [];
      page.on("request", (request) => urls.push(request.url()));
      await page.getByRole("button", { name: "Enter a key" }).click();
      await page.fill("#key-input", "fw_wrong");
      await page.getByRole("button", { name: "Use key" }).click();
      await page.waitForFunction(() => document.querySelector(".notice")?.textContent.includes("does not take this key"));
      await ask(page, "What is 1 + 2?");
      await page.waitForSelector(".failure:not([hidden])");
      assert.match(await page.innerText(".failure"), /asks for a key/);
      await page.locator(".failure").getByRole("button", { name: "Enter a key" }).click();
      await page.fill("#key-input", secret);
      await page.press("#key-input", "Enter");
      await page.waitForSelector(".notice", { state: "detached" });
      await page.locator(".failure").getByRole("button", { name: "Try again" }).click();
      await page.waitForFunction(() => document.querySelector(".markdown")?.textContent.includes("= 3"));
      const stored = await page.evaluate(() => [JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage })]);
      assert.ok(!stored[0].includes(secret) && stored[1].includes(secret));
      assert.ok(urls.every((url) => !url.includes(secret)));
      const other = await visits.tab(page);
      await visits.go(other, "/chat");
      await other.waitForFunction(() => document.querySelector(".notice")?.textContent.includes("asks for a key"));
    }, FAILED);
  } finally {
    await server.stop();
  }
});

withDemo("a browser that keeps nothing says so, and chats all the same", async (visits) => {
  const page = await visits.page();
  await page.addInitScript(() => {
    Object.defineProperty(globalThis, "indexedDB", { get: () => { throw new DOMException("no", "SecurityError"); } });
    for (const name of ["localStorage", "sessionStorage"]) {
      Object.defineProperty(globalThis, name, { get: () => { throw new DOMException("no", "SecurityError"); } });
    }
  });
  await visits.go(page, "/chat");
  await page.waitForSelector("#chat[data-ready]");
  assert.match(await page.innerText(".notice"), /keeps nothing here/);
  await ask(page, "What is 1 + 2?");
  assert.match(await answered(page), /= 3/);
});

withDemo("a full browser says so, and nothing is lost on the page", async (visits) => {
  const page = await open(visits);
  await page.evaluate(() => {
    IDBObjectStore.prototype.put = () => { throw new DOMException("full", "QuotaExceededError"); };
  });
  await ask(page, "What is 1 + 2?");
  assert.match(await answered(page), /= 3/);
  await page.waitForFunction(() => document.querySelector(".notice")?.textContent.includes("no room left"));
});

withDemo("without scripts it says how to call the API", async (visits) => {
  const page = await visits.page({ javaScriptEnabled: false });
  await visits.go(page, "/chat");
  assert.match(await page.innerText("main"), /needs JavaScript[\s\S]*curl/);
  assert.equal(await page.isVisible("#chat"), false);
  await page.screenshot({ path: path.join(artefacts, "chat-no-script.png") });
});
