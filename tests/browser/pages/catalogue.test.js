// The pages of models with a list of a thousand, and with names that mean harm, read from right to left
// or do not fit.

import assert from "node:assert/strict";
import path from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { artefacts, axe, launch, overflow, unlessMissing, visiting } from "../lib/browser.js";
import { ODD, startCatalogue } from "../lib/catalogue.js";
import { startServer } from "../lib/server.js";

/** Pages of the list are at most so large, without what they load. */
const MAX_HTML_BYTES = 200 * 1024;
const DISTURBING = /[\u200b-\u200f\u202a-\u202e\u2060-\u206f]/;

let browser, catalogue, server;
/** The paths of the odd models, by what they try. */
const paths = {};

before(async () => {
  if (unlessMissing.skip) return;
  browser = await launch();
  catalogue = await startCatalogue();
  server = await startServer({ config: catalogue.config });
  // Lists are read after the server listens.
  for (let tries = 0; ; tries += 1) {
    const html = await (await fetch(`${server.url}/models`)).text();
    const [, count] = html.match(/of (\d+) models/) ?? [];
    if (Number(count) >= catalogue.numModels) break;
    assert.ok(tries < 100, `the list has ${count} models and not ${catalogue.numModels}`);
    await pause(200);
  }
  const { data } = await (await fetch(`${server.url}/v1/models`)).json();
  for (const [name, { id }] of Object.entries(ODD)) {
    // Without this what follows would be claims about nothing. Ids of hosts are written in small letters,
    // with the name of the host in front where they have none of an author.
    const found = data.find((one) => one.id.includes(id.toLowerCase()));
    assert.ok(found, `${name}: ${id} is in the list`);
    paths[name] = `/models/${found.id.split("/").map(encodeURIComponent).join("/")}`;
  }
});

after(async () => {
  await browser?.close();
  await server?.stop();
  await catalogue?.stop();
});

const withMany = (name, work, allowed) => test(name, unlessMissing, () => visiting(browser, server.url, work, allowed));

/** What hostile words would have done if they were more than words. */
async function assertInert(page, where) {
  const found = await page.evaluate(() => ({
    title: document.title,
    handlers: [...document.querySelectorAll("*")]
      .flatMap((one) => [...one.attributes])
      .filter(({ name }) => name.startsWith("on") || name === "style" || name === "autofocus")
      .map(({ name, value }) => `${name}=${value}`),
    links: [...document.querySelectorAll("a[href], img[src]")].map((one) => one.href ?? one.src).filter((url) => /^(?:javascript|data):/i.test(url)),
    elements: document.querySelectorAll("main script, main img, main iframe, main object, main embed").length,
    // Ids and examples are there to be copied as they are.
    texts: [...document.querySelectorAll("body *")]
      .filter((one) => !one.closest("code, script"))
      .flatMap((one) => [...one.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data)),
  }));
  assert.notEqual(found.title, "owned", where);
  assert.deepEqual([found.handlers, found.links, found.elements], [[], [], 0], where);
  assert.deepEqual(found.texts.filter((text) => DISTURBING.test(text)), [], where);
}

withMany("a list of a thousand models comes in pages, is light and is searched", async (visits) => {
  const page = await visits.page();
  const response = await visits.go(page, "/models");
  assert.ok((await response.body()).length < MAX_HTML_BYTES, `${(await response.body()).length} bytes`);
  const rows = await page.locator(".model-row").count();
  assert.ok(rows > 0 && rows <= 50, `${rows} rows`);
  assert.match(await page.locator('[role="status"]').first().innerText(), /of 1\d{3} models, page 1 of 2\d/);
  const seen = new Set(await page.locator(".model-name").allInnerTexts());
  await Promise.all([page.waitForURL(/page=2/), page.locator('a[rel="next"]').click()]);
  for (const name of await page.locator(".model-name").allInnerTexts()) assert.ok(!seen.has(name), `${name} is on both pages`);
  await page.fill("#q", "model-0777");
  await Promise.all([page.waitForURL(/q=model-0777/), page.press("#q", "Enter")]);
  assert.deepEqual(await page.locator(".model-name").allInnerTexts(), ["Model 0777"]);
  for (const where of ["/models?tab=health", "/models?tab=availability", "/providers", "/status", "/sitemap.xml", "/v1/models"]) {
    const begin = performance.now();
    assert.equal((await page.request.get(visits.url + where)).status(), 200, where);
    // Far above what it takes: this finds what grows with the square of the list.
    assert.ok(performance.now() - begin < 10_000, `${where} took ${Math.round(performance.now() - begin)} ms`);
  }
  await page.screenshot({ path: path.join(artefacts, "models-many.png"), fullPage: true });
});

withMany("the chat chooses from a thousand models", async (visits) => {
  const page = await visits.page();
  await visits.go(page, "/chat");
  await page.waitForSelector("#chat[data-ready]");
  await page.click("#model-button");
  await page.waitForSelector("#picker[open] .picker-option");
  await page.fill("#picker-search", "model-0777");
  await page.waitForFunction(() => document.querySelectorAll(".picker-option").length === 1);
  await page.fill("#picker-search", "needle");
  await page.waitForFunction((least) => document.querySelectorAll(".picker-option").length >= least, Object.keys(ODD).length);
  await assertInert(page, "/chat");
  assert.equal(await overflow(page), "");
});

for (const [view, viewport] of Object.entries({ mobile: { width: 320, height: 640 }, desktop: { width: 1280, height: 800 } })) {
  withMany(`names that mean harm or do not fit are only names: ${view}`, async (visits) => {
    const page = await visits.page({ viewport });
    const needles = "/models?q=needle";
    await visits.go(page, needles);
    assert.equal(await page.locator(".model-row").count(), Object.keys(ODD).length, "all of them are found");
    assert.match(await page.innerText("main"), /<script>document\.title='owned'<\/script>/);
    for (const where of [needles, `${needles}&tab=health`, `${needles}&tab=availability`, "/providers", ...Object.values(paths)]) {
      const response = await visits.go(page, where);
      assert.equal(response.status(), 200, where);
      assert.equal(await overflow(page), "", where);
      await assertInert(page, where);
    }
    for (const [name, where] of Object.entries(paths)) {
      await visits.go(page, where);
      assert.match(await page.innerText("h1"), /needle/, name);
      if (view === "mobile") assert.deepEqual(await axe(page), [], name);
      await page.screenshot({ path: path.join(artefacts, `model-${name}-${view}.png`), fullPage: true });
    }
  });
}

withMany("odd models are compared, and are there without scripts", async (visits) => {
  const page = await visits.page({ viewport: { width: 320, height: 640 }, javaScriptEnabled: false });
  await visits.go(page, "/models?q=needle");
  for (const index of [0, 1, 2, 3]) await page.locator('.model-row input[type="checkbox"]').nth(index).press("Space");
  await Promise.all([page.waitForURL(/\/compare\?/), page.getByRole("button", { name: "Compare" }).press("Enter")]);
  assert.equal(await page.locator(".compare thead th").count(), 4);
  assert.equal(await overflow(page), "");
  await assertInert(page, "/compare");
});
