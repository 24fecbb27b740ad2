// Lighthouse on the pages that people find first: fails below 95 in any of its four marks.
//
//     npm run lighthouse
//
// The figures go into target/browser/lighthouse.json. In CI the mark of performance is told and not held to: it is
// made of times, and other programs run on that machine.

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import lighthouse, { desktopConfig } from "lighthouse";
import { FLAGS, artefacts, executable } from "./lib/browser.js";
import { PAGES } from "./lib/pages.js";
import { end, startServer } from "./lib/server.js";

const LEAST = 95;
const CATEGORIES = ["performance", "accessibility", "best-practices", "seo"];
const MEASURED = ["home", "models", "model"];
const FORMS = { mobile: undefined, desktop: desktopConfig };

if (!executable) {
  if (process.env.CI_BROWSER) throw new Error("no Chromium here: apt-get install chromium, or set CHROMIUM");
  console.log("SKIPPED: no Chromium here: apt-get install chromium, or set CHROMIUM");
  process.exit(0);
}

/** A browser that listens on a port of its own choice, which it writes into its profile. */
async function startBrowser() {
  const profile = mkdtempSync(path.join(tmpdir(), "freeway-lighthouse-"));
  const browser = spawn(executable, [...FLAGS, "--remote-debugging-port=0", `--user-data-dir=${profile}`, "about:blank"], { stdio: "ignore" });
  const file = path.join(profile, "DevToolsActivePort");
  for (let tries = 0; tries < 300; tries += 1) {
    try {
      const port = Number(readFileSync(file, "utf8").split("\n")[0]);
      if (port > 0) return { port, profile, browser };
    } catch {
      // It is not there yet.
    }
    await pause(100);
  }
  await end(browser);
  rmSync(profile, { recursive: true, force: true, maxRetries: 10 });
  throw new Error("Chromium did not start");
}

const lowest = (lhr) => Math.min(...CATEGORIES.map((category) => lhr.categories[category].score));

/** The best of at most three looks: a machine that does something else at the moment slows the page that
 * is measured, and nothing makes a page look better than it is. */
async function best(url, port, config) {
  let found = null;
  for (let look = 0; look < 3; look += 1) {
    const { lhr } = await lighthouse(url, { port, onlyCategories: CATEGORIES, logLevel: "error" }, config);
    if (found === null || lowest(lhr) > lowest(found)) found = lhr;
    if (100 * lowest(found) >= LEAST) break;
  }
  return found;
}

const server = await startServer({ isSample: true });
const { port, profile, browser } = await startBrowser().catch(async (error) => {
  await server.stop();
  throw error;
});
const figures = [];
try {
  for (const { name, path: where } of PAGES.filter((one) => MEASURED.includes(one.name))) {
    for (const [form, config] of Object.entries(FORMS)) {
      const lhr = await best(server.url + where, port, config);
      const marks = Object.fromEntries(CATEGORIES.map((category) => [category, Math.round(100 * lhr.categories[category].score)]));
      const metric = (id) => Math.round(lhr.audits[id].numericValue * 1000) / 1000;
      const failed = Object.values(lhr.audits)
        .filter((audit) => audit.score !== null && audit.score < 0.9 && audit.scoreDisplayMode !== "informative")
        .map((audit) => audit.id);
      figures.push({
        page: where, form, ...marks,
        firstContentfulPaintMs: metric("first-contentful-paint"),
        largestContentfulPaintMs: metric("largest-contentful-paint"),
        totalBlockingMs: metric("total-blocking-time"),
        layoutShift: metric("cumulative-layout-shift"),
        bytes: metric("total-byte-weight"),
        failed,
      });
      console.log(`${name} ${form}: ${CATEGORIES.map((category) => `${category} ${marks[category]}`).join(", ")}${failed.length > 0 ? `; not perfect: ${failed.join(", ")}` : ""}`);
    }
  }
} finally {
  await end(browser);
  // Helpers of Chromium may still write there for a moment.
  rmSync(profile, { recursive: true, force: true, maxRetries: 10 });
  await server.stop();
}
mkdirSync(artefacts, { recursive: true });
writeFileSync(path.join(artefacts, "lighthouse.json"), `${JSON.stringify(figures, null, 2)}\n`);
const held = CATEGORIES.filter((category) => category !== "performance" || !process.env.CI_BROWSER);
const bad = figures.filter((one) => held.some((category) => one[category] < LEAST));
if (bad.length > 0) {
  console.error(`below ${LEAST}: ${bad.map((one) => `${one.page} (${one.form})`).join(", ")}`);
  process.exitCode = 1;
}
