// The settings of a conversation: a dialog whose fields are checked while they are written.

import { button, byId, el } from "./chat-dom.js";
import { BadSetting, numberOf, readSchema, readTools } from "./chat-request.js";
import { NO_SETTINGS } from "./chat-tree.js";

const LAST = "freeway.chat.settings";
const SHOW_REASONING = "freeway.chat.reasoning";
/** Of a text that is remembered for the next conversation. */
const MAX_REMEMBERED_CHARS = 100_000;

export const SAMPLE_TOOLS = JSON.stringify([{
  name: "get_weather",
  description: "Get the current weather for a city",
  parameters: {
    type: "object",
    properties: { city: { type: "string", description: "The name of the city" } },
    required: ["city"],
  },
}], null, 2);
const SAMPLE_SCHEMA = JSON.stringify({
  type: "object",
  properties: { answer: { type: "string" }, confidence: { type: "number" } },
  required: ["answer", "confidence"],
}, null, 2);

const CHECKS = {
  temperature: (text) => numberOf("temperature", text, "Temperature", 0, 2, false),
  maxTokens: (text) => numberOf("maxTokens", text, "Most tokens", 1, 10_000_000, true),
  tools: (text) => {
    const tools = readTools(text);
    return tools.length === 0 ? "" : `${tools.length === 1 ? "1 function" : `${tools.length} functions`}: ${tools.map((one) => one.function.name).join(", ")}`;
  },
  schema: (text) => {
    const format = readSchema(text);
    if (!format) return "";
    return format.json_schema ? `Sent as a schema named “${format.json_schema.name}”.` : "The answer is asked to be JSON.";
  },
};

/** The settings that a new conversation begins with: those used last. */
export function lastSettings() {
  try {
    const stored = JSON.parse(localStorage.getItem(LAST) ?? "{}");
    const known = Object.keys(NO_SETTINGS).filter((name) => typeof stored?.[name] === "string");
    return { ...NO_SETTINGS, ...Object.fromEntries(known.map((name) => [name, stored[name]])) };
  } catch {
    return { ...NO_SETTINGS };
  }
}

export function rememberSettings(settings) {
  try {
    const text = JSON.stringify(settings);
    if (text.length <= MAX_REMEMBERED_CHARS) localStorage.setItem(LAST, text);
  } catch {
    // Then the next conversation begins without them.
  }
}

/** Whether reasoning is open while it comes. */
export function showsReasoning() {
  try {
    return localStorage.getItem(SHOW_REASONING) === "yes";
  } catch {
    return false;
  }
}

export class SettingsDialog {
  /** `onChange` gets the settings whenever a field changed. */
  constructor(onChange) {
    this.dialog = byId("settings");
    this.onChange = onChange;
    this.fields = new Map(["system", "effort", "temperature", "maxTokens", "tools", "schema"]
      .map((name) => [name, byId(`set-${name}`)]));
    for (const [name, field] of this.fields) {
      field.addEventListener("input", () => {
        this.settings[name] = field.value;
        this.check(name);
        this.onChange(this.settings);
      });
    }
    this.reasoning = byId("set-reasoning");
    this.reasoning.addEventListener("change", () => {
      try {
        localStorage.setItem(SHOW_REASONING, this.reasoning.checked ? "yes" : "no");
      } catch {
        // It lasts as long as the page does not ask again.
      }
    });
    byId("settings-close").addEventListener("click", () => this.dialog.close());
    byId("settings-reset").addEventListener("click", () => this.fill({ ...NO_SETTINGS, model: this.settings.model }, true));
    byId("tools-sample").append(button("Insert an example", "button", () => this.insert("tools", SAMPLE_TOOLS)));
    byId("schema-sample").append(button("Insert an example", "button", () => this.insert("schema", SAMPLE_SCHEMA)));
  }

  insert(name, text) {
    const field = this.fields.get(name);
    field.value = text;
    field.dispatchEvent(new Event("input"));
    field.focus();
  }

  fill(settings, isChange = false) {
    this.settings = settings;
    for (const [name, field] of this.fields) {
      field.value = settings[name];
      this.check(name);
    }
    this.reasoning.checked = showsReasoning();
    if (isChange) this.onChange(settings);
  }

  /** Opens at a field, if one is named. */
  open(settings, name = null) {
    this.fill(settings);
    if (!this.dialog.open) this.dialog.showModal();
    const field = this.fields.get(name);
    field?.closest("details")?.setAttribute("open", "");
    field?.focus();
  }

  check(name) {
    const check = CHECKS[name];
    if (!check) return;
    const field = this.fields.get(name);
    const note = byId(`set-${name}-note`);
    try {
      const words = check(field.value);
      field.removeAttribute("aria-invalid");
      note.className = "field-note";
      note.replaceChildren(typeof words === "string" ? words : "");
    } catch (error) {
      if (!(error instanceof BadSetting)) throw error;
      field.setAttribute("aria-invalid", "true");
      note.className = "field-note field-error";
      note.replaceChildren(el("span", { text: error.message }));
    }
  }
}
