// The documentation: its examples run against this server.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, unlessMissing, visiting } from "../lib/browser.js";
import { startServer } from "../lib/server.js";

let browser, server;

before(async () => {
  if (unlessMissing.skip) return;
  browser = await launch();
  server = await startServer();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

const withServer = (name, work, allowed) => test(name, unlessMissing, () => visiting(browser, server.url, work, allowed));

withServer("every operation of the OpenAPI document is told", async (visits) => {
  const page = await visits.page();
  const response = await page.request.get(`${visits.url}/openapi.json`);
  const { paths } = await response.json();
  await visits.go(page, "/docs");
  const told = await page.locator(".operation .endpoint").allInnerTexts();
  for (const [where, methods] of Object.entries(paths)) {
    for (const method of Object.keys(methods).filter((name) => ["get", "post", "put", "patch", "delete"].includes(name))) {
      const words = `${method.toUpperCase()} ${where}`;
      assert.ok(told.some((text) => text.replace(/\s+/g, " ").startsWith(words)), words);
    }
  }
});

withServer("links within the page lead to what they name", async (visits) => {
  const page = await visits.page();
  await visits.go(page, "/docs");
  const missing = await page.locator('main a[href^="#"]').evaluateAll((links) => links
    .map((link) => link.getAttribute("href").slice(1))
    .filter((id) => !document.getElementById(id)));
  assert.deepEqual(missing, []);
});

withServer("a call is tried out and answered by this server", async (visits) => {
  const page = await visits.page();
  await visits.go(page, "/docs");
  const panel = page.locator('.try[data-method="POST"][data-path="/v1/chat/completions"]');
  await panel.locator("summary").first().click();
  await panel.locator("[data-body]").fill(JSON.stringify({ model: "demo", temperature: 0, messages: [{ role: "user", content: "What is 27 + 58?" }] }));
  await panel.getByRole("button", { name: "Send" }).click();
  await panel.locator("[data-result] pre", { hasText: "27 + 58 = 85" }).waitFor();
});
