// Asking the server, and taking the answer as it comes.

/** A longer line of a stream, or a longer answer, is not taken. */
const MAX_LINE_CHARS = 1_000_000;
const MAX_ANSWER_CHARS = 2_000_000;
/** Functions that one answer may call, and bytes of all those calls: ids, names and arguments. */
export const MAX_CALLS = 128;
export const MAX_CALL_BYTES = 1 << 20;

/** Why there is no answer, or no whole one.
 *
 * `kind` is `http` (the server says no, with `status`), `network` (nobody could be reached), `stream`
 * (the server says within the answer that it failed), `broken` (the answer ended without an end),
 * `too-long`, `too-many-calls` or `calls-too-long`. */
export class AnswerError extends Error {
  constructor(kind, details = {}) {
    super(details.message ?? kind);
    Object.assign(this, { kind, ...details });
  }
}

export function emptyAnswer() {
  return { content: "", reasoning: "", toolCalls: [], numCallBytes: 0, finish: null, usage: null };
}

/** Asks for an answer. `onHead` gets what the headers say, `onDelta` the answer so far, whenever it
 * grew. Resolves with the answer; throws `AnswerError`, or an `AbortError` if `signal` ends it. */
export async function ask(body, { key, signal, onHead, onDelta }) {
  const headers = { "content-type": "application/json" };
  if (key) headers.authorization = `Bearer ${key}`;
  let response;
  try {
    response = await fetch("/v1/chat/completions", {
      method: "POST", headers, body: JSON.stringify(body), signal, credentials: "same-origin", cache: "no-store",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new AnswerError("network", { message: error.message });
  }
  const head = {
    deployment: response.headers.get("x-freeway-deployment"),
    attempts: response.headers.get("x-freeway-attempts"),
    requestId: response.headers.get("x-request-id"),
  };
  if (!response.ok) throw await refusal(response, head);
  onHead?.(head);
  const answer = emptyAnswer();
  const isEvents = response.headers.get("content-type")?.startsWith("text/event-stream");
  if (!isEvents) {
    takeWhole(answer, await response.json());
    onDelta?.(answer);
    return answer;
  }
  await takeEvents(response.body, answer, { signal, onDelta });
  return answer;
}

async function refusal(response, head) {
  let error = {};
  try {
    error = (await response.json()).error ?? {};
  } catch {
    // A proxy in between says no in its own words; the status says enough.
  }
  if (typeof error === "string") error = { message: error };
  const after = Number(response.headers.get("retry-after"));
  return new AnswerError("http", {
    status: response.status,
    code: error.code ?? null,
    param: error.param ?? null,
    message: typeof error.message === "string" ? error.message : "",
    metadata: error.metadata ?? null,
    retryAfterS: Number.isFinite(after) && after > 0 ? after : null,
    ...head,
  });
}

async function takeEvents(stream, answer, { signal, onDelta }) {
  const events = new EventReader();
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let isDone = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      let grew = false;
      try {
        for (const data of events.push(value)) {
          if (data === "[DONE]") isDone = true;
          else grew = takeChunk(answer, data) || grew;
        }
      } finally {
        // Words may come in one piece with the error behind them.
        if (grew) onDelta?.(answer);
      }
      if (answer.content.length + answer.reasoning.length > MAX_ANSWER_CHARS) throw new AnswerError("too-long");
    }
  } catch (error) {
    if (signal?.aborted || error instanceof AnswerError) throw error;
    throw new AnswerError("broken", { message: error.message });
  } finally {
    reader.cancel().catch(() => {});
  }
  if (!isDone && answer.finish === null) throw new AnswerError("broken", { message: "the answer ended without an end" });
}

/** Takes server-sent events apart, wherever the text is cut. */
export class EventReader {
  constructor() {
    this.rest = "";
    this.data = [];
  }

  /** The data of the events that are complete with this text. */
  push(text) {
    const complete = [];
    const lines = (this.rest + text).split("\n");
    this.rest = lines.pop();
    if (this.rest.length > MAX_LINE_CHARS) throw new AnswerError("too-long");
    for (const raw of lines) {
      const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
      if (line === "") {
        if (this.data.length > 0) complete.push(this.data.join("\n"));
        this.data = [];
      } else if (line.startsWith("data:")) {
        this.data.push(line.slice(line[5] === " " ? 6 : 5));
      }
    }
    return complete;
  }
}

/** Adds a chunk; says whether the answer changed. */
export function takeChunk(answer, data) {
  let chunk;
  try {
    chunk = JSON.parse(data);
  } catch {
    // What cannot be read says nothing; if it was the end, the end is missing.
    return false;
  }
  if (chunk?.error) {
    const { message, code, metadata } = typeof chunk.error === "string" ? { message: chunk.error } : chunk.error;
    throw new AnswerError("stream", { message: String(message ?? ""), code: code ?? null, metadata: metadata ?? null });
  }
  let grew = false;
  if (chunk?.usage) {
    answer.usage = chunk.usage;
    grew = true;
  }
  const choice = chunk?.choices?.find?.((one) => (one?.index ?? 0) === 0);
  if (!choice) return grew;
  if (choice.finish_reason) answer.finish = choice.finish_reason;
  takeMessage(answer, choice.delta ?? choice.message ?? {});
  return true;
}

function takeWhole(answer, json) {
  answer.usage = json?.usage ?? null;
  answer.finish = json?.choices?.[0]?.finish_reason ?? "stop";
  takeMessage(answer, json?.choices?.[0]?.message ?? {});
}

/** Reasoning has several names. */
function reasoningOf(delta) {
  for (const name of ["reasoning", "reasoning_content", "thinking"]) {
    if (typeof delta[name] === "string" && delta[name] !== "") return delta[name];
  }
  if (!Array.isArray(delta.reasoning_details)) return "";
  return delta.reasoning_details.map((one) => one?.text ?? one?.summary ?? "").join("");
}

function wordsOf(content) {
  if (typeof content === "string") return content;
  return Array.isArray(content) ? content.map((part) => part?.text ?? "").join("") : "";
}

const utf8 = new TextEncoder();
const numBytes = (text) => utf8.encode(text).length;
const textOf = (value) => (typeof value === "string" ? value : "");

function takeMessage(answer, delta) {
  answer.reasoning += reasoningOf(delta);
  answer.content += wordsOf(delta.content) + wordsOf(delta.refusal);
  const calls = Array.isArray(delta.tool_calls) ? delta.tool_calls : [];
  for (const [position, call] of calls.entries()) takeCall(answer, call, position);
}

function takeCall(answer, call, position) {
  const index = call?.index ?? position;
  if (!call || !Number.isInteger(index) || index < 0) return;
  if (index >= MAX_CALLS) throw new AnswerError("too-many-calls");
  while (answer.toolCalls.length <= index) answer.toolCalls.push({ id: "", name: "", arguments: "" });
  const known = answer.toolCalls[index];
  // Some repeat both with every piece.
  const id = textOf(call.id) || known.id;
  const name = textOf(call.function?.name) || known.name;
  const words = textOf(call.function?.arguments);
  answer.numCallBytes += numBytes(id) - numBytes(known.id) + numBytes(name) - numBytes(known.name) + numBytes(words);
  if (answer.numCallBytes > MAX_CALL_BYTES) throw new AnswerError("calls-too-long");
  known.id = id;
  known.name = name;
  known.arguments += words;
}
