// The preview of preferences, while the form is filled in. Without this the button "Preview" does it.

import { localiseAll } from "./base.js";

const WAIT_MS = 350;

/** Why there is no preview, in words for people. */
class NoPreview extends Error {}

/** Fetches the page that the button "Preview" would show. */
async function fetchPage(form, signal) {
  const fields = new URLSearchParams(new FormData(form));
  fields.set("do", "preview");
  let response;
  try {
    response = await fetch(form.action, { method: "POST", body: fields, signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new NoPreview("the server could not be reached");
  }
  if (response.redirected && new URL(response.url).pathname === "/login") {
    throw new NoPreview("you are logged out; log in again in another tab");
  }
  if (!response.ok) throw new NoPreview(`the server answered with status ${response.status}`);
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

for (const form of document.querySelectorAll("form[data-preview]")) {
  const id = form.dataset.preview;
  let timer;
  let pending;

  const say = (words) => {
    const status = document.getElementById(`${id}-status`);
    // The same words again would be read out again.
    if (status && status.textContent !== words) status.textContent = words;
  };

  const show = async () => {
    pending?.abort();
    const mine = new AbortController();
    pending = mine;
    document.getElementById(id)?.setAttribute("aria-busy", "true");
    try {
      const page = await fetchPage(form, mine.signal);
      const fresh = page.getElementById(id);
      if (!fresh) throw new NoPreview("there is none in the answer");
      document.getElementById(id)?.replaceChildren(...fresh.childNodes);
      localiseAll(document.getElementById(id));
      const faults = [...page.querySelectorAll('main [role="alert"] li')].map((fault) => fault.textContent);
      say(faults.length > 0 ? `This cannot be used: ${faults.join("; ")}` : "");
    } catch (error) {
      // A newer one is on its way.
      if (mine.signal.aborted) return;
      const cause = error instanceof NoPreview ? error.message : "the answer broke off";
      say(`The preview is out of date: ${cause}. The next change tries again.`);
    } finally {
      if (pending === mine) document.getElementById(id)?.removeAttribute("aria-busy");
    }
  };

  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(show, WAIT_MS);
  });
}
