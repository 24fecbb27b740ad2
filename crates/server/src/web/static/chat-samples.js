// What to try on an empty chat.

import { button, el } from "./chat-dom.js";
import { SAMPLE_TOOLS } from "./chat-settings.js";

const PERSON_SCHEMA = JSON.stringify({
  type: "object",
  properties: { name: { type: "string" }, age: { type: "integer" } },
  required: ["name", "age"],
}, null, 2);

const SUM = { title: "What is 27 + 58?", note: "A sum, with the reasoning behind it" };
const WEATHER = { title: "What's the weather in Oslo?", note: "Calls a function; you enter its result", settings: { tools: SAMPLE_TOOLS } };
/** For the demo model, which does sums, calls functions and fills schemas. */
const DEMO = [
  SUM,
  WEATHER,
  { title: "Anna is 31 years old.", note: "Fills a JSON schema", settings: { schema: PERSON_SCHEMA } },
  { title: "What can you do?", note: "The demo model about itself" },
];
const ANY = [
  SUM,
  WEATHER,
  { title: "Write a Python function that parses RFC 3339 dates, with tests.", note: "Code, with colours" },
  { title: "Compare REST, gRPC and GraphQL in a table.", note: "A table" },
];

export const samplesFor = (isDemo) => (isDemo ? DEMO : ANY);

/** Buttons for samples; `onChoose` gets the one that is pressed. */
export function sampleButtons(samples, onChoose) {
  return samples.map((sample) => {
    const made = button("", "prompt", () => onChoose(sample));
    made.append(el("span", { class: "prompt-title", text: sample.title }), el("span", { class: "prompt-note", text: sample.note }));
    return el("li", {}, made);
  });
}
