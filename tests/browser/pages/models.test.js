// The list of models and the page of one: what can be done there.

import assert from "node:assert/strict";
import path from "node:path";
import { artefacts, axe, overflow } from "../lib/browser.js";
import { sample, suite } from "../lib/suite.js";

const MODEL = "/models/openai/gpt-oss-20b:free";

const withSample = suite(sample);

const names = (page) => page.locator(".model-name").allInnerTexts();

withSample("models are searched, with and without scripts", async (visits) => {
  for (const javaScriptEnabled of [true, false]) {
    const page = await visits.page({ javaScriptEnabled });
    await visits.go(page, "/models");
    const all = await names(page);
    assert.ok(all.length > 3);
    await page.fill("#q", "gpt-oss");
    await Promise.all([page.waitForURL(/q=gpt-oss/), page.press("#q", "Enter")]);
    const found = await names(page);
    assert.ok(found.length > 0 && found.length < all.length);
    assert.ok(found.some((name) => /gpt-oss/i.test(name)));
    await visits.go(page, "/models?q=nothing-has-this-name");
    assert.match(await page.innerText("main"), /No model matches/);
  }
});

withSample("use cases and orders choose from the list", async (visits) => {
  const page = await visits.page();
  await visits.go(page, "/models");
  const all = await page.locator('[role="status"]').first().innerText();
  await Promise.all([page.waitForURL(/use=/), page.locator(".choice").first().click()]);
  assert.notEqual(await page.locator('[role="status"]').first().innerText(), all);
  await page.goto(`${visits.url}/models`);
  for (const value of await page.locator("#sort option").evaluateAll((all) => all.map((one) => one.value))) {
    const response = await visits.go(page, `/models?sort=${value}`);
    assert.equal(response.status(), 200, value);
    assert.equal(await page.inputValue("#sort"), value);
  }
  await visits.go(page, "/models");
  // A list that jumps away at an arrow key is not for the keyboard: the choice waits for the button.
  await page.selectOption("#sort", "name");
  await Promise.all([page.waitForURL(/sort=name/), page.getByRole("button", { name: "Apply" }).click()]);
  const sorted = (await names(page)).map((name) => name.toLowerCase());
  assert.deepEqual(sorted, [...sorted].sort());
});

withSample("tabs show health and availability of all", async (visits) => {
  const page = await visits.page();
  for (const tab of ["health", "availability"]) {
    await visits.go(page, `/models?tab=${tab}`);
    await page.waitForSelector("table tbody tr");
    assert.deepEqual(await axe(page), []);
    await page.screenshot({ path: path.join(artefacts, `models-${tab}.png`), fullPage: true });
    await page.setViewportSize({ width: 320, height: 640 });
    assert.equal(await overflow(page), "");
    await page.screenshot({ path: path.join(artefacts, `models-${tab}-mobile.png`), fullPage: true });
    await page.setViewportSize({ width: 1280, height: 800 });
  }
});

withSample("up to four models are compared", async (visits) => {
  const page = await visits.page();
  await visits.go(page, "/models");
  for (const index of [0, 1, 2]) await page.locator('.model-row input[type="checkbox"]').nth(index).check();
  await Promise.all([page.waitForURL(/\/compare\?/), page.getByRole("button", { name: "Compare" }).click()]);
  assert.equal(await page.locator(".compare thead th").count(), 3);
  assert.deepEqual(await axe(page), []);
  await page.screenshot({ path: path.join(artefacts, "compare.png"), fullPage: true });
  await page.setViewportSize({ width: 320, height: 640 });
  assert.equal(await overflow(page), "");
});

withSample("the page of a model says what the brief asks for", async (visits) => {
  const page = await visits.page();
  await visits.go(page, MODEL);
  const words = await page.innerText("main");
  for (const expected of [
    /gpt-oss-20b/i, /OpenAI/, /About/, /Specifications/, /131,072|131K/i, /Error rate/, /95 %/, /Availability/,
    /\d+ of \d+ tracked days/, /Latency and throughput/, /Call it/, /FAQ|Questions/i, /Similar/, /More from/,
  ]) assert.match(words, expected);
  const data = await page.locator('script[type="application/ld+json"]').allTextContents();
  const types = data.map((text) => JSON.stringify(JSON.parse(text)));
  for (const type of ["SoftwareApplication", "FAQPage", "BreadcrumbList"]) assert.ok(types.some((text) => text.includes(type)), type);
});

withSample("the calendar tells each day and its hours, by pointer and keyboard", async (visits) => {
  const page = await visits.page();
  await visits.go(page, MODEL);
  const days = page.locator(".calendar td[data-hours]");
  assert.ok(await days.count() >= 30);
  await days.last().focus();
  await page.waitForSelector(".tip:not([hidden])");
  const last = await page.innerText(".tip");
  await page.keyboard.press("ArrowLeft");
  assert.notEqual(await page.innerText(".tip"), last);
  assert.equal(await page.locator(".tip-hours span").count(), 24);
  await page.keyboard.press("Escape");
  assert.equal(await page.isVisible(".tip"), false);
  await days.nth(3).hover();
  await page.waitForSelector(".tip:not([hidden])");
  await page.screenshot({ path: path.join(artefacts, "model-calendar.png") });
});

withSample("the calendar shows 30, 60 or 90 days", async (visits) => {
  const page = await visits.page();
  await visits.go(page, MODEL);
  const isChosen = (days) => page.getByRole("link", { name: `${days} days`, exact: true }).getAttribute("aria-current");
  assert.equal(await isChosen(30), "true");
  for (const days of [60, 90, 30]) {
    await Promise.all([page.waitForURL(new RegExp(`days=${days}\\b`)), page.getByRole("link", { name: `${days} days`, exact: true }).click()]);
    assert.equal(await isChosen(days), "true");
    assert.equal(await page.locator(".calendar td[data-hours]").count(), days);
    assert.equal(await page.locator("svg.hours").getAttribute("viewBox"), `0 0 ${days} 24`);
    for (const viewport of [{ width: 320, height: 640 }, { width: 1280, height: 800 }]) {
      await page.setViewportSize(viewport);
      assert.equal(await overflow(page), "", `${days} days in ${viewport.width} pixels`);
    }
  }
});

for (const [name, where, expected] of [
  ["is gone", "/models/minimax/minimax-m2:free", /Nobody offers it now[\s\S]*Gone/],
  ["nothing is known of", "/models/upstage/solar-pro-3:free", /No host describes this model[\s\S]*No request was counted[\s\S]*Nobody has looked at this model yet/],
]) {
  withSample(`the page of a model that ${name} is whole`, async (visits) => {
    for (const options of [{}, { viewport: { width: 320, height: 640 } }, { javaScriptEnabled: false }]) {
      const page = await visits.page(options);
      const response = await visits.go(page, where);
      assert.equal(response.status(), 200);
      const words = await page.innerText("main");
      assert.match(words, expected);
      assert.doesNotMatch(words, /NaN|undefined|Infinity/);
      assert.equal(await overflow(page), "");
      if (options.javaScriptEnabled === false) continue;
      assert.deepEqual(await axe(page), []);
      await page.screenshot({ path: path.join(artefacts, `model-${where.split("/")[2]}-${options.viewport ? "mobile" : "desktop"}.png`), fullPage: true });
    }
  });
}

withSample("examples are copied, and lead to the chat", async (visits) => {
  const page = await visits.page({ permissions: ["clipboard-read", "clipboard-write"] });
  await visits.go(page, MODEL);
  await page.locator('[data-copy="curl"]').click();
  const curl = await page.evaluate(() => navigator.clipboard.readText());
  assert.ok(curl.includes(`${visits.url}/v1/chat/completions`) && curl.includes("gpt-oss-20b"));
  await page.getByRole("tab", { name: "Python" }).click();
  assert.ok(await page.isVisible("#python"));
  assert.equal(await page.isVisible("#curl"), false);
  await page.keyboard.press("ArrowRight");
  assert.ok(await page.isVisible("#node"));
  await page.getByRole("link", { name: "Chat with it" }).click();
  await page.waitForSelector("#chat[data-ready]");
  assert.match(await page.innerText("#model-name"), /gpt-oss-20b/);
});

withSample("the first view of a model's page is at most 60 KB over the wire", async (visits) => {
  const page = await visits.page();
  const client = await page.context().newCDPSession(page);
  await client.send("Network.enable");
  let bytes = 0;
  client.on("Network.loadingFinished", ({ encodedDataLength }) => {
    bytes += encodedDataLength;
  });
  await visits.go(page, MODEL);
  await page.waitForLoadState("networkidle");
  assert.ok(bytes > 0 && bytes <= 60 * 1024, `${bytes} bytes`);
});
