// The key of a server that asks for one. It is kept for this tab, or on this device if the user says
// so, and goes into one header and nowhere else.

import { byId } from "./chat-dom.js";

const NAME = "freeway.key";

/** Storage that may be switched off. */
function attempt(call, otherwise) {
  try {
    return call();
  } catch {
    return otherwise;
  }
}

export class KeyField {
  /** `onChange` is called once a key was entered or forgotten. */
  constructor(onChange) {
    this.dialog = byId("key");
    this.input = byId("key-input");
    this.remember = byId("key-remember");
    this.reason = byId("key-reason");
    this.forget = byId("key-forget");
    this.value = attempt(() => sessionStorage.getItem(NAME) ?? localStorage.getItem(NAME), null) ?? "";
    byId("key-form").addEventListener("submit", () => {
      this.keep(this.input.value.trim(), this.remember.checked);
      onChange();
    });
    this.forget.addEventListener("click", () => {
      this.keep("", false);
      this.dialog.close();
      onChange();
    });
    byId("key-cancel").addEventListener("click", () => this.dialog.close());
  }

  keep(key, isRemembered) {
    this.value = key;
    attempt(() => {
      sessionStorage.removeItem(NAME);
      localStorage.removeItem(NAME);
      if (key) (isRemembered ? localStorage : sessionStorage).setItem(NAME, key);
    });
  }

  /** Asks for it; `reason` says why. */
  open(reason = "") {
    if (this.dialog.open) return;
    this.reason.textContent = reason;
    this.reason.hidden = reason === "";
    this.input.value = this.value;
    this.remember.checked = attempt(() => localStorage.getItem(NAME) !== null, false);
    this.forget.hidden = this.value === "";
    this.dialog.showModal();
    this.input.select();
  }
}
