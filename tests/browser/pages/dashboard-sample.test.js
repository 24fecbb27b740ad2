// The dashboard with something in it: keys with and without quotas, a history, usage. The server of the
// sample data asks this machine for no key.

import assert from "node:assert/strict";
import path from "node:path";
import { artefacts, axe, overflow, scriptButtons, withoutOwnScripts } from "../lib/browser.js";
import { sample, suite } from "../lib/suite.js";

const KEY = "/dashboard/keys/key_SampleNights";
/** Each part, and what of the sample is to be seen there. */
const PARTS = [
  ["overview", "/dashboard", /Requests a day[\s\S]*By key[\s\S]*laptop/],
  ["keys", "/dashboard/keys", /nightly reports/],
  ["key", KEY, /nightly reports[\s\S]*of 400 left/],
  ["preferences", `${KEY}/preferences`, /asks, in this order[\s\S]*Lists show \d+ models/],
  ["revoke", `${KEY}/revoke`, /Revoke the key nightly reports/],
  ["requests", "/dashboard/requests", /laptop|nightly reports/],
  ["requests-of-key", "/dashboard/requests?key=key_SampleNights", /all requests/],
  ["providers", "/dashboard/providers", /nvidia answered 503/],
  ["quotas", "/dashboard/quotas", /nightly reports[\s\S]*400/],
];
const WINDOWS = { desktop: { width: 1280, height: 800 }, mobile: { width: 320, height: 640 } };

const withSample = suite(sample);

for (const [name, where, expected] of PARTS) {
  withSample(`${name} has something in it, fits and is fit for everybody`, async (visits) => {
    const page = await visits.page({ reducedMotion: "reduce" });
    for (const [view, viewport] of Object.entries(WINDOWS)) {
      await page.setViewportSize(viewport);
      const response = await visits.go(page, where);
      assert.equal(response.status(), 200);
      assert.match(page.url(), /\/dashboard/);
      await page.locator("main details").evaluateAll((all) => all.slice(0, 5).forEach((one) => { one.open = true; }));
      assert.match(await page.innerText("main"), expected);
      assert.equal(await page.locator("h1").count(), 1);
      assert.equal(await overflow(page), "", view);
      assert.deepEqual(await axe(page), [], view);
      await page.screenshot({ path: path.join(artefacts, `dashboard-sample-${name}-${view}.png`), fullPage: true });
    }
  });
}

withSample("every part is there without scripts, and as fit", async (visits) => {
  const off = await visits.page({ javaScriptEnabled: false, viewport: WINDOWS.mobile });
  const idle = await visits.page({ viewport: WINDOWS.mobile });
  await withoutOwnScripts(idle);
  for (const [name, where] of PARTS) {
    await visits.go(off, where);
    assert.ok((await off.innerText("main")).length > 80, name);
    assert.deepEqual(await scriptButtons(off), [], name);
    assert.equal(await overflow(off), "", name);
    await visits.go(idle, where);
    assert.deepEqual(await axe(idle), [], name);
  }
  // A form that scripts would send by themselves has a button.
  await visits.go(off, "/dashboard/requests");
  const all = await off.locator(".request").count();
  assert.ok(all > 5, `${all} requests`);
  await off.selectOption("#key", { label: "nightly reports" });
  // By keys: without scripts a browser tells no test when it has scrolled to what is to be clicked.
  await Promise.all([off.waitForURL(/key=key_SampleNights/), off.getByRole("button", { name: "Filter" }).press("Enter")]);
  assert.ok(await off.locator(".request").count() > 0);
  await visits.go(off, `${KEY}/preferences`);
  await off.fill("#top_n", "many");
  await off.getByRole("button", { name: "Preview" }).press("Enter");
  assert.match(await off.innerText('[role="alert"]'), /At most so many/);
});

withSample("a request is opened, with who was asked", async (visits) => {
  const page = await visits.page();
  await visits.go(page, "/dashboard/requests");
  const request = page.locator(".request").first();
  await request.locator("summary").first().click();
  assert.match(await request.innerText(), /first token after/);
  assert.ok(await request.locator("tbody tr").count() > 0);
});

withSample("the preview of preferences says why it could not be made, and is made again", async (visits) => {
  const page = await visits.page();
  await visits.go(page, `${KEY}/preferences`);
  const status = page.locator("#preview-status");
  const says = (words) => page.waitForFunction((expected) => document.getElementById("preview-status").textContent.includes(expected), words);
  assert.equal(await status.getAttribute("role"), "status");
  assert.equal(await status.innerText(), "");
  const preview = `**${KEY}/preferences`;
  await page.route(preview, (route) => route.abort("connectionrefused"));
  await page.fill("#top_n", "3");
  await says("could not be reached");
  await page.unroute(preview);
  await page.route(preview, (route) => route.fulfill({ status: 503, body: "no" }));
  await page.fill("#top_n", "2");
  await says("status 503");
  assert.equal(await page.locator("#preview").getAttribute("aria-busy"), null);
  await page.unroute(preview);
  await page.fill("#top_n", "many");
  await says("At most so many");
  const fresh = page.waitForResponse((response) => response.request().method() === "POST");
  await page.fill("#top_n", "1");
  await fresh;
  await page.waitForFunction(() => document.getElementById("preview-status").textContent === "");
  await page.waitForFunction(() => document.querySelectorAll("#preview ol.ranked").length > 0);
}, [/Failed to load resource/]);
