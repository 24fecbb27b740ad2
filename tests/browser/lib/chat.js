// What tests of the chat do all the time: open it, ask, wait for the answer.

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";

export async function open(visits, where = "/chat", options = {}) {
  const page = await visits.page(options);
  // The demo model is right most of the time at its own temperature, and always the same at this.
  await page.context().addInitScript(() => {
    if (location.protocol === "http:") localStorage["freeway.chat.settings"] ??= JSON.stringify({ temperature: "0" });
  });
  await visits.go(page, where);
  await isReady(page);
  return page;
}

export function isReady(page) {
  return page.waitForSelector("#chat[data-ready]");
}

export async function ask(page, text) {
  await page.fill("#prompt", text);
  await page.press("#prompt", "Enter");
}

/** Waits until the last answer is complete; gives back its words. */
export async function answered(page, count = 1) {
  await page.waitForFunction(
    (least) => {
      const answers = document.querySelectorAll(".message-assistant");
      return answers.length >= least && answers[answers.length - 1].getAttribute("aria-busy") === "false";
    },
    count,
  );
  return page.locator(".message-assistant").last().locator(".markdown").innerText();
}

/** Waits until the last answer has these words, complete or not. */
export function hasWords(page, words) {
  return page.waitForFunction((expected) => [...document.querySelectorAll(".markdown")].at(-1)?.textContent.includes(expected), words);
}

/** The conversations that the browser keeps. */
export function kept(page) {
  return page.evaluate(() => new Promise((resolve, reject) => {
    const request = indexedDB.open("freeway-chat");
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const database = request.result;
      const all = database.transaction("conversations").objectStore("conversations").getAll();
      all.onerror = () => reject(all.error);
      all.onsuccess = () => {
        database.close();
        resolve(all.result);
      };
    };
  }));
}

/** Waits until what `look` gives back passes `check`; gives it back. */
export async function until(look, check, what) {
  for (let tries = 0; tries < 150; tries += 1) {
    const found = await look();
    if (check(found)) return found;
    await pause(100);
  }
  assert.fail(`waited in vain: ${what}`);
}
