// What the chat looks like: in both themes, in windows of every size, with words that do not fit.

import assert from "node:assert/strict";
import path from "node:path";
import { artefacts, axe, overflow } from "../lib/browser.js";
import { answered, ask, open } from "../lib/chat.js";
import { serverWithHosts, suite } from "../lib/suite.js";

const withHosts = suite(serverWithHosts);

for (const colorScheme of ["light", "dark"]) {
  withHosts(`axe finds nothing serious (${colorScheme})`, async (visits) => {
    const page = await open(visits, "/chat?model=test/rich", { colorScheme });
    assert.deepEqual(await axe(page), [], "empty");
    await ask(page, "Show a **table**");
    await answered(page);
    assert.deepEqual(await axe(page), [], "an answer");
    await page.locator(".trail summary").click();
    await page.click("#model-button");
    await page.waitForSelector("#picker[open] .picker-option");
    assert.deepEqual(await axe(page), [], "the choice of a model");
    await page.screenshot({ path: path.join(artefacts, `chat-models-${colorScheme}.png`) });
    await page.keyboard.press("Escape");
    await page.click("#open-settings");
    for (const summary of await page.locator(".panel summary").all()) await summary.click();
    assert.deepEqual(await axe(page), [], "settings");
    await page.click("#open-key");
    assert.deepEqual(await axe(page), [], "key");
  });
}

for (const [name, options] of Object.entries({
  "mobile-light": { viewport: { width: 320, height: 640 } },
  "mobile-dark": { viewport: { width: 320, height: 640 }, colorScheme: "dark" },
  "desktop-dark": { colorScheme: "dark" },
  "wide": { viewport: { width: 3840, height: 2160 } },
})) {
  withHosts(`looks right: ${name}`, async (visits) => {
    const page = await open(visits, "/chat", options);
    assert.equal(await overflow(page), "");
    await page.screenshot({ path: path.join(artefacts, `chat-empty-${name}.png`) });
    await visits.go(page, "/chat?model=test/hostile");
    await page.waitForSelector("#chat[data-ready]");
    await ask(page, `A very long word: ${"long".repeat(100)}`);
    await answered(page);
    assert.equal(await overflow(page), "");
    await page.evaluate(() => document.getElementById("chat-scroll").scrollTo(0, 0));
    await page.screenshot({ path: path.join(artefacts, `chat-hostile-${name}.png`) });
    await visits.go(page, "/status");
    await visits.go(page, "/chat?model=test/rich");
    await page.waitForSelector("#chat[data-ready]");
    await ask(page, "How do I retry well?");
    await answered(page);
    assert.equal(await overflow(page), "");
    await page.screenshot({ path: path.join(artefacts, `chat-rich-end-${name}.png`) });
    await page.evaluate(() => document.getElementById("chat-scroll").scrollTo(0, 0));
    await page.screenshot({ path: path.join(artefacts, `chat-rich-${name}.png`) });
    if (await page.isVisible("#side-toggle")) {
      await page.click("#side-toggle");
      await page.waitForFunction(() => document.activeElement?.id === "new-chat");
      await page.keyboard.press("Escape");
      await page.waitForFunction(() => document.activeElement?.id === "side-toggle");
    }
  });
}
