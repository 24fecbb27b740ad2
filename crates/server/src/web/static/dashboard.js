// The preview of preferences, while the form is filled in. Without this the button "Preview" does it.

import { localiseAll } from "./base.js";

const WAIT_MS = 350;

for (const form of document.querySelectorAll("form[data-preview]")) {
  const id = form.dataset.preview;
  let timer;
  let pending;

  const show = async () => {
    pending?.abort();
    pending = new AbortController();
    const old = document.getElementById(id);
    old?.setAttribute("aria-busy", "true");
    const fields = new URLSearchParams(new FormData(form));
    fields.set("do", "preview");
    try {
      const response = await fetch(form.action, {
        method: "POST",
        body: fields,
        signal: pending.signal,
      });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const fresh = page.getElementById(id);
      if (!fresh) throw new Error("there is no preview in the answer");
      document.getElementById(id)?.replaceChildren(...fresh.childNodes);
      localiseAll(document.getElementById(id));
    } catch (error) {
      // A newer one is on its way, or the button is still there.
      if (error.name !== "AbortError") console.warn("no preview:", error.message);
    } finally {
      document.getElementById(id)?.removeAttribute("aria-busy");
    }
  };

  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(show, WAIT_MS);
  });
}
