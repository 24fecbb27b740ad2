// What is sent to the server: the body of a request, made of a conversation and its settings.

import { wholeCalls } from "./chat-tree.js";
import { jsonFault } from "./json-fault.js";

const MAX_TOOLS = 128;
const FUNCTION_NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** A setting that cannot be used: `field` names it, `message` says what to do. */
export class BadSetting extends Error {
  constructor(field, message) {
    super(message);
    this.field = field;
  }
}

/** The body of `POST /v1/chat/completions` for the message after `path`. */
export function requestBody(path, settings) {
  const body = {
    model: settings.model || "auto",
    messages: messagesOf(path, settings.system),
    stream: true,
    stream_options: { include_usage: true },
  };
  if (settings.effort) body.reasoning_effort = settings.effort;
  const temperature = numberOf("temperature", settings.temperature, "Temperature", 0, 2, false);
  if (temperature !== null) body.temperature = temperature;
  const maxTokens = numberOf("maxTokens", settings.maxTokens, "Most tokens", 1, 10_000_000, true);
  if (maxTokens !== null) body.max_completion_tokens = maxTokens;
  const tools = readTools(settings.tools);
  if (tools.length > 0) body.tools = tools;
  const format = readSchema(settings.schema);
  if (format) body.response_format = format;
  return body;
}

function messagesOf(path, system) {
  const messages = system.trim() === "" ? [] : [{ role: "system", content: system }];
  let called = new Set();
  for (const message of path) {
    if (message.role === "user") {
      messages.push({ role: "user", content: message.content });
      continue;
    }
    if (message.role === "tool") {
      // The API takes no result of a call that it was not told of.
      if (called.has(message.toolCallId)) messages.push({ role: "tool", tool_call_id: message.toolCallId, content: message.content });
      continue;
    }
    const calls = wholeCalls(message);
    called = new Set(calls.map((call) => call.id));
    if (calls.length > 0) {
      messages.push({
        role: "assistant",
        content: message.content || null,
        tool_calls: calls.map((call) => ({
          id: call.id,
          type: "function",
          function: { name: call.name, arguments: call.arguments || "{}" },
        })),
      });
    } else if (message.content) {
      messages.push({ role: "assistant", content: message.content });
    }
  }
  return messages;
}

/** A number, or `null` for an empty field. */
export function numberOf(field, text, label, least, most, isWhole) {
  const words = String(text ?? "").trim();
  if (words === "") return null;
  const number = Number(words);
  if (!Number.isFinite(number) || number < least || number > most || (isWhole && !Number.isInteger(number))) {
    const kind = isWhole ? "a whole number" : "a number";
    throw new BadSetting(field, `${label}: give ${kind} from ${least} to ${most.toLocaleString("en")}, or leave it empty.`);
  }
  return number;
}

/** Functions that the model may call, in the form of the API. A bare function is taken as well. */
export function readTools(text) {
  const json = readJson("tools", text);
  if (json === null) return [];
  const list = Array.isArray(json) ? json : [json];
  if (list.length > MAX_TOOLS) throw new BadSetting("tools", `There are ${list.length} functions; at most ${MAX_TOOLS} can be sent.`);
  const names = new Set();
  return list.map((entry, index) => {
    const fail = (message) => new BadSetting("tools", `Function ${index + 1}: ${message}`);
    if (!isObject(entry)) throw fail("it has to be an object such as {\"name\": …, \"parameters\": …}.");
    if (entry.type !== undefined && entry.type !== "function") {
      throw fail(`its "type" is ${JSON.stringify(entry.type)}; only "function" can be used.`);
    }
    const definition = entry.function ?? entry;
    if (!isObject(definition)) throw fail('"function" has to be an object.');
    const { name, description, parameters } = definition;
    if (typeof name !== "string" || !FUNCTION_NAME.test(name)) {
      throw fail('it needs a "name" of 1 to 64 letters, digits, _ or -.');
    }
    if (names.has(name)) throw fail(`the name "${name}" is used twice.`);
    names.add(name);
    if (description !== undefined && typeof description !== "string") throw fail('"description" has to be text.');
    if (parameters !== undefined && (!isObject(parameters) || (parameters.type ?? "object") !== "object")) {
      throw fail('"parameters" has to be a JSON schema with "type": "object".');
    }
    const { type: _, ...rest } = definition;
    return { type: "function", function: rest };
  });
}

/** The form of the answer, or `null`. A bare schema gets the name `answer`. */
export function readSchema(text) {
  const json = readJson("schema", text);
  if (json === null) return null;
  if (!isObject(json)) throw new BadSetting("schema", "It has to be an object: a JSON schema.");
  if (json.type === "json_schema" || json.type === "json_object") return json;
  if (isObject(json.schema)) {
    if (typeof json.name !== "string" || !FUNCTION_NAME.test(json.name)) {
      throw new BadSetting("schema", 'Beside "schema" it needs a "name" of 1 to 64 letters, digits, _ or -.');
    }
    return { type: "json_schema", json_schema: json };
  }
  const known = ["type", "properties", "$ref", "anyOf", "oneOf", "allOf", "enum", "const", "items", "$defs"];
  if (!known.some((name) => name in json)) {
    throw new BadSetting("schema", 'This is no JSON schema yet: it needs a "type", such as {"type": "object", "properties": {…}}.');
  }
  return { type: "json_schema", json_schema: { name: "answer", schema: json } };
}

function readJson(field, text) {
  if (text.trim() === "") return null;
  try {
    return JSON.parse(text);
  } catch {
    throw new BadSetting(field, `This is no JSON: ${placeOf(jsonFault(text), text)}`);
  }
}

function placeOf(fault, text) {
  if (!fault) return "it cannot be read.";
  if (fault.at >= text.length) return `it ends where ${fault.expected} should follow.`;
  const before = text.slice(0, fault.at).split("\n");
  return `line ${before.length}, column ${before.at(-1).length + 1} should have ${fault.expected}.`;
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
