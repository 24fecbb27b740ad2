// The dashboard: who gets in, and what an administrator does there.

import assert from "node:assert/strict";
import path from "node:path";
import { after, before, test } from "node:test";
import { artefacts, axe, launch, overflow, unlessMissing, visiting } from "../lib/browser.js";
import { run, startServer } from "../lib/server.js";

let browser, server, secret, other;

before(async () => {
  if (unlessMissing.skip) return;
  browser = await launch();
  const prepare = async (store) => {
    const make = async (...options) => (await run(["keys", "create", ...options, "--store", store])).match(/fw_\w+/)[0];
    secret = await make("operator", "--admin");
    other = await make("worker");
  };
  server = await startServer({ options: ["--require-key"], prepare });
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

const withServer = (name, work, allowed) => test(name, unlessMissing, () => visiting(browser, server.url, work, allowed));

async function logIn(page, key) {
  await page.fill("#key", key);
  await page.press("#key", "Enter");
}

/** A page of somebody who is logged in. */
async function inside(visits, options) {
  const page = await visits.page(options);
  await visits.go(page, "/dashboard");
  await logIn(page, secret);
  await page.waitForURL(/\/dashboard/);
  return page;
}

withServer("only an administrator's key opens it, and only until the end of the session", async (visits) => {
  const page = await visits.page();
  await visits.go(page, "/dashboard");
  assert.match(page.url(), /\/login/);
  assert.deepEqual(await axe(page), []);
  await page.screenshot({ path: path.join(artefacts, "login.png") });
  for (const wrong of ["fw_wrong", other]) {
    await logIn(page, wrong);
    await page.waitForSelector('[role="alert"]');
    assert.match(page.url(), /\/login/);
    assert.ok(!(await page.content()).includes(wrong), "what was typed is not repeated");
  }
  await logIn(page, secret);
  await page.waitForURL(/\/dashboard/);
  const cookies = await page.context().cookies();
  assert.equal(cookies.length, 1);
  assert.ok(cookies[0].httpOnly);
  assert.ok(["Lax", "Strict"].includes(cookies[0].sameSite));
  assert.ok(!cookies[0].value.includes(secret));
  await page.getByRole("button", { name: "Log out" }).click();
  await visits.go(page, "/dashboard");
  assert.match(page.url(), /\/login/);
  // The old cookie is worth nothing any more.
  await page.context().addCookies(cookies);
  await visits.go(page, "/dashboard");
  assert.match(page.url(), /\/login/);
}, [/Failed to load resource/]);

withServer("a key is made, used, and revoked", async (visits) => {
  const page = await inside(visits);
  await visits.go(page, "/dashboard/keys");
  await page.locator("summary", { hasText: "New key" }).click();
  await page.fill("#name", "<b>laptop</b>");
  await page.fill("#rpd", "5");
  await page.getByRole("button", { name: "Make the key" }).click();
  const made = await page.innerText("#secret");
  assert.match(made, /^fw_/);
  assert.match(await page.innerText("main"), /<b>laptop<\/b>/);
  const ask = () => page.request.get(`${visits.url}/v1/models`, { headers: { authorization: `Bearer ${made}` } });
  assert.equal((await ask()).status(), 200);
  await page.getByRole("link", { name: "Settings of this key" }).click();
  assert.equal(await page.inputValue("#rpd"), "5");
  await page.getByRole("link", { name: "Revoke…" }).click();
  await page.getByRole("button", { name: "Revoke it" }).click();
  await page.waitForURL((url) => !url.pathname.endsWith("/revoke"));
  assert.equal((await ask()).status(), 401);
});

withServer("a form without its token changes nothing", async (visits) => {
  const page = await inside(visits);
  const before = (await run(["keys", "list", "--store", server.store])).split("\n").length;
  const response = await page.request.post(`${visits.url}/dashboard/keys`, { form: { name: "forged" }, headers: { origin: visits.url } });
  assert.ok(response.status() >= 400);
  const after = (await run(["keys", "list", "--store", server.store])).split("\n").length;
  assert.equal(after, before);
});

for (const colorScheme of ["light", "dark"]) {
  withServer(`every part fits and axe finds nothing serious (${colorScheme})`, async (visits) => {
    const page = await inside(visits, { colorScheme, reducedMotion: "reduce" });
    for (const name of ["", "/keys", "/requests", "/providers", "/quotas"]) {
      const response = await visits.go(page, `/dashboard${name}`);
      assert.equal(response.status(), 200, name);
      assert.deepEqual(await axe(page), [], name);
      await page.screenshot({ path: path.join(artefacts, `dashboard${name.replace("/", "-")}-${colorScheme}.png`), fullPage: true });
      await page.setViewportSize({ width: 320, height: 640 });
      assert.equal(await overflow(page), "", name);
      await page.screenshot({ path: path.join(artefacts, `dashboard${name.replace("/", "-")}-mobile-${colorScheme}.png`), fullPage: true });
      await page.setViewportSize({ width: 1280, height: 800 });
    }
  });
}
