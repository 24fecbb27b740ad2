// Debian's Chromium, and pages in it that fail their test on any error, violation of the content
// security policy or request to another host.

import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { chromium } from "playwright-core";
import { root } from "./server.js";

const CANDIDATES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
export const executable = process.env.CHROMIUM ?? CANDIDATES.find((file) => existsSync(file)) ?? null;
/** Where screenshots and figures go. */
export const artefacts = path.join(root, "target", "browser");
export const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--force-color-profile=srgb", "--font-render-hinting=none",
];

/** For `test`: says why browser tests are skipped, if they are. CI must not skip them. */
export const unlessMissing = {
  skip: executable || process.env.CI_BROWSER ? false : "no Chromium here: apt-get install chromium, or set CHROMIUM",
  timeout: 120_000,
};

export async function launch() {
  if (!executable) throw new Error("no Chromium here: apt-get install chromium, or set CHROMIUM");
  mkdirSync(artefacts, { recursive: true });
  return chromium.launch({ executablePath: executable, args: FLAGS });
}

/** Every page of a test, with what went wrong in it. */
export class Visits {
  constructor(browser, url) {
    this.browser = browser;
    this.url = url;
    this.contexts = [];
    this.problems = [];
    /** Messages of the console that the test expects. */
    this.allowed = [];
  }

  /** A page of a fresh visitor. `options` are those of a browser context. */
  async page(options = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB", ...options });
    this.contexts.push(context);
    context.setDefaultTimeout(20_000);
    await context.addInitScript(() => {
      addEventListener("securitypolicyviolation", (event) => {
        console.error(`CSP: ${event.violatedDirective} forbids ${event.blockedURI} at ${event.sourceFile}:${event.lineNumber}`);
      });
    });
    context.on("page", (page) => this.watch(page));
    return context.newPage();
  }

  /** Another tab of the same visitor. */
  tab(page) {
    return page.context().newPage();
  }

  watch(page) {
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") this.problem(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => this.problem(`error: ${error.stack}`));
    page.on("request", (request) => {
      const target = new URL(request.url());
      if (["data:", "blob:", "about:"].includes(target.protocol)) return;
      if (target.origin !== this.url) this.problem(`request to ${target.origin}`);
    });
  }

  problem(text) {
    if (!this.allowed.some((pattern) => pattern.test(text))) this.problems.push(text);
  }

  async go(page, where) {
    const response = await page.goto(this.url + where);
    return response;
  }

  /** Ends the visits; fails if anything went wrong in them. */
  async end() {
    await Promise.all(this.contexts.map((context) => context.close()));
    assert.deepEqual(this.problems, []);
  }
}

/** Runs a test with visits that end with it. */
export async function visiting(browser, url, work, allowed = []) {
  const visits = new Visits(browser, url);
  visits.allowed = allowed;
  try {
    await work(visits);
  } catch (error) {
    await visits.end().catch((problems) => {
      error.message += `\nwhile the page said: ${visits.problems.join("\n")}`;
      return problems;
    });
    throw error;
  }
  await visits.end();
}

const axeSource = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** The serious and critical findings of axe on a page, in words. The policy of pages lets no script in,
 * so it is evaluated by the browser's own means. */
export async function axe(page) {
  const { readFileSync } = await import("node:fs");
  await page.evaluate(readFileSync(axeSource, "utf8"));
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations
    .filter((one) => one.impact === "serious" || one.impact === "critical")
    .map((one) => `${one.id} (${one.impact}): ${one.nodes.slice(0, 5).map((node) => `${node.target.join(" ")} ${node.any[0]?.message ?? ""}`).join("; ")}`);
}

/** How many pixels the page is wider than its window, and what sticks out of it. */
export function overflow(page) {
  return page.evaluate(() => {
    const { clientWidth, scrollWidth } = document.documentElement;
    const out = [...document.body.querySelectorAll("*")]
      .filter((one) => one.getBoundingClientRect().right > clientWidth + 1)
      .slice(0, 5)
      .map((one) => `${one.tagName.toLowerCase()}.${one.className}`);
    return scrollWidth > clientWidth ? `${scrollWidth - clientWidth} px: ${out.join(", ")}` : "";
  });
}

/** Buttons in view that do something only by a script. */
export function scriptButtons(page) {
  return page.locator('button[type="button"]:visible').evaluateAll((all) => all.map((one) => one.outerHTML.slice(0, 120)));
}

/** What a page looks like before its scripts do anything, or without them. axe is a script itself and needs
 * a browser that runs some. */
export function withoutOwnScripts(page) {
  return page.route("**/static/**/*.js", (route) => route.fulfill({ contentType: "text/javascript", body: "" }));
}
