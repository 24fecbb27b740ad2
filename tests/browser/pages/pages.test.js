// What holds for every page: with the sample data, without any data, without scripts, in both themes
// and in windows of every size.

import assert from "node:assert/strict";
import path from "node:path";
import { after, before, test } from "node:test";
import { artefacts, axe, launch, overflow, scriptButtons, unlessMissing, visiting } from "../lib/browser.js";
import { PAGES } from "../lib/pages.js";
import { startServer } from "../lib/server.js";

let browser, sample, empty;

before(async () => {
  if (unlessMissing.skip) return;
  browser = await launch();
  // One after the other, so that what was started is stopped if the next one fails.
  sample = await startServer({ isSample: true });
  empty = await startServer();
});

after(async () => {
  await browser?.close();
  await Promise.all([sample?.stop(), empty?.stop()]);
});

/** Browsers say in the console that a page was not found. */
const allowed = ({ status }) => (status ? [/Failed to load resource/] : []);

const VIEWS = {
  "desktop-light": { viewport: { width: 1280, height: 800 } },
  "desktop-dark": { viewport: { width: 1280, height: 800 }, colorScheme: "dark" },
  "mobile": { viewport: { width: 320, height: 640 } },
  "wide": { viewport: { width: 3840, height: 2160 } },
};

async function settled(page) {
  await page.waitForLoadState("networkidle");
  await page.evaluate(() => document.fonts.ready);
}

for (const one of PAGES) {
  for (const [view, options] of Object.entries(VIEWS)) {
    test(`${one.name} fits its window: ${view}`, unlessMissing, () => visiting(browser, sample.url, async (visits) => {
      const page = await visits.page(options);
      const response = await visits.go(page, one.path);
      assert.equal(response.status(), one.status ?? 200);
      await settled(page);
      assert.match(await page.locator("h1").first().innerText(), one.heading);
      assert.equal(await page.locator("h1").count(), 1);
      assert.equal(await overflow(page), "");
      await page.screenshot({ path: path.join(artefacts, `${one.name}-${view}.png`), fullPage: one.name !== "chat" });
    }, allowed(one)));
  }

  for (const colorScheme of ["light", "dark"]) {
    test(`axe finds nothing serious on ${one.name} (${colorScheme})`, unlessMissing, () => visiting(browser, sample.url, async (visits) => {
      const page = await visits.page({ colorScheme, reducedMotion: "reduce" });
      await visits.go(page, one.path);
      await settled(page);
      assert.deepEqual(await axe(page), []);
    }, allowed(one)));
  }

  test(`${one.name} can be read without scripts`, unlessMissing, () => visiting(browser, sample.url, async (visits) => {
    const page = await visits.page({ javaScriptEnabled: false });
    await visits.go(page, one.path);
    assert.match(await page.locator("h1:visible").first().innerText(), one.heading);
    assert.ok((await page.innerText("main")).length > 80, "there is something to read");
    // There are buttons that only scripts make work, at least that for the colours, and none is in view.
    assert.ok(await page.locator('button[type="button"]').count() > 0);
    assert.deepEqual(await scriptButtons(page), []);
    if (one.status) return;
    // With scripts the same look finds some.
    const scripted = await visits.page();
    await visits.go(scripted, one.path);
    await scripted.waitForSelector("#theme:not([hidden])");
    assert.ok((await scriptButtons(scripted)).length > 0);
  }, allowed(one)));

  test(`${one.name} is reached and left by keyboard`, unlessMissing, () => visiting(browser, sample.url, async (visits) => {
    const page = await visits.page();
    await visits.go(page, one.path);
    await settled(page);
    await page.evaluate(() => {
      document.activeElement.blur();
      getSelection().removeAllRanges();
    });
    // The first stop of all is the way past the navigation.
    await page.evaluate(() => document.body.focus());
    await page.locator(".skip").focus();
    assert.ok(await page.evaluate(() => document.querySelector(".skip").getBoundingClientRect().top >= 0), "the skip link is in view");
    const seen = [];
    for (let step = 0; step < 60; step += 1) {
      await page.keyboard.press("Tab");
      const found = await page.evaluate(() => {
        const focused = document.activeElement;
        if (!focused || focused === document.body) return null;
        const styles = [focused, focused.closest(".composer, .choice, label")].filter(Boolean).map((one) => getComputedStyle(one));
        const isShown = styles.some((style) => style.outlineStyle !== "none" || style.boxShadow !== "none");
        return { name: focused.outerHTML.slice(0, 120), isShown };
      });
      if (!found) break;
      assert.ok(found.isShown, `the focus on ${found.name} is not to be seen`);
      seen.push(found.name);
    }
    assert.ok(seen.length > 5);
  }, allowed(one)));

  test(`${one.name} without any data looks intended`, unlessMissing, async () => {
    await visiting(browser, empty.url, async (visits) => {
      const page = await visits.page();
      const response = await visits.go(page, one.path);
      assert.equal(response.status(), one.status ?? 200);
      await settled(page);
      // The documentation speaks of JSON, in which these are words.
      if (one.name !== "docs") assert.doesNotMatch(await page.innerText("main"), /NaN|undefined|null|Infinity/);
      assert.equal(await overflow(page), "");
      assert.deepEqual(await axe(page), []);
      await page.screenshot({ path: path.join(artefacts, `${one.name}-empty.png`), fullPage: one.name !== "chat" });
    }, [/Failed to load resource/]);
  });
}

test("every page says that its data is sample data", unlessMissing, () => visiting(browser, sample.url, async (visits) => {
  const page = await visits.page();
  for (const one of PAGES) {
    await visits.go(page, one.path);
    assert.match(await page.innerText("body"), /sample data/i, one.name);
  }
}, [/Failed to load resource/]));

test("no page has inline scripts, styles or handlers, and each has a strict policy", unlessMissing, () => visiting(browser, sample.url, async (visits) => {
  const page = await visits.page({ javaScriptEnabled: false });
  for (const one of PAGES) {
    const response = await visits.go(page, one.path);
    const policy = response.headers()["content-security-policy"];
    assert.match(policy, /default-src 'none'/, one.name);
    assert.doesNotMatch(policy, /unsafe-inline|unsafe-eval/, one.name);
    const html = await response.text();
    assert.doesNotMatch(html, /<style|\sstyle="|\son[a-z]+="|["']javascript:/i, one.name);
    const inline = [...html.matchAll(/<script(?![^>]*\bsrc=)(?![^>]*application\/(?:ld\+)?json)[^>]*>/g)];
    assert.equal(inline.length, 0, one.name);
  }
}, [/Failed to load resource/]));

test("links between pages lead somewhere", unlessMissing, () => visiting(browser, sample.url, async (visits) => {
  const page = await visits.page({ javaScriptEnabled: false });
  const checked = new Map();
  for (const one of PAGES.filter(({ status }) => !status)) {
    await visits.go(page, one.path);
    const links = await page.locator("a[href]").evaluateAll((all) => all.map((link) => link.href));
    // Lists have hundreds of links of the same sort: the first of each sort are enough.
    const own = [...new Set(links.filter((link) => link.startsWith(visits.url)).map((link) => link.split("#")[0]))].slice(0, 60);
    for (const link of own) {
      if (checked.has(link)) continue;
      const response = await page.request.get(link, { maxRedirects: 5 });
      checked.set(link, response.status());
      assert.ok(response.status() < 400, `${one.path} links to ${link}: ${response.status()}`);
    }
  }
  assert.ok(checked.size > 10);
}));

test("the choice of colours holds on every page", unlessMissing, () => visiting(browser, sample.url, async (visits) => {
  const page = await visits.page({ colorScheme: "light" });
  await visits.go(page, "/");
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  await page.click("#theme");
  await page.click("#theme");
  const dark = await background();
  assert.notEqual(light, dark);
  await visits.go(page, "/models");
  assert.equal(await background(), dark);
}));
