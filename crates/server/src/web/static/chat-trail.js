// Who was asked for an answer, what failed and who answered.

import { el } from "./chat-dom.js";

/** What became of an attempt, in words. */
const OUTCOMES = {
  ok: "answered",
  invalid_request: "did not take the request",
  context_length_exceeded: "the conversation is too long for it",
  content_refused: "its moderation refused",
  content_filter: "its moderation refused",
  rate_limited: "at its rate limit",
  account_rate_limited: "our account is at its rate limit there",
  account_quota_exhausted: "our account has used up its quota there",
  payment_required: "wants money",
  key_rejected: "does not take our key",
  data_policy: "excluded by privacy settings",
  overloaded: "too busy",
  unavailable: "not available",
  timeout: "took too long",
  out_of_time: "ran out of time",
  network: "could not be reached",
  internal: "failed",
  server_fault: "failed on this server",
  invalid_response: "sent no proper answer",
  broken_stream: "broke off",
  empty_answer: "said nothing",
  truncated_reasoning: "used up its tokens with thinking",
  leaked_tokens: "sent control tokens",
  tool_call_in_text: "wrote its call as text",
  invalid_json: "sent no valid JSON",
  model_not_found: "does not know the model",
  canceled: "was stopped",
  shut_down: "ended because this server stopped",
};

export const outcomeWords = (word) => OUTCOMES[word] ?? word.replaceAll("_", " ");

/** The attempts of `x-freeway-attempts`: `{deployment, outcome}`. */
export function readAttempts(header) {
  return (header ?? "").split(",").map((part) => part.trim()).filter(Boolean).map((part) => {
    const at = part.lastIndexOf("=");
    return at < 0 ? { deployment: part, outcome: "ok" } : { deployment: part.slice(0, at), outcome: part.slice(at + 1) };
  });
}

/** The attempts that an error's `metadata` lists. */
export function attemptsOfError(metadata) {
  if (!Array.isArray(metadata?.attempts)) return [];
  return metadata.attempts.map((one) => ({ deployment: String(one?.deployment ?? "?"), outcome: one?.failure ?? "ok" }));
}

/** Why somebody is not asked, in words. */
const EXCLUSIONS = {
  not_allowed: "your key leaves it out",
  unwanted: "the request leaves it out",
  context_too_short: "the conversation is too long for it",
  no_tools: "it calls no functions",
  no_images: "it sees no images",
  no_forced_call: "it cannot be made to call",
  no_structured_output: "it takes no schema",
  no_reasoning: "it does not reason",
  may_train: "it may train on prompts",
  too_many_errors: "it failed too often",
  quota_used_up: "its quota is used up",
  account_refused: "our account may not ask there at present",
  breaker_open: "it failed lately and is given a rest",
};

/** Those that an error's `metadata` lists as not asked. */
export function exclusionsOfError(metadata) {
  if (!Array.isArray(metadata?.excluded)) return [];
  return metadata.excluded.slice(0, 20).map((one) => ({
    deployment: String(one?.deployment ?? "?"),
    outcome: one?.failure ?? one?.reason ?? "",
    isExcluded: true,
    reason: EXCLUSIONS[one?.reason] ?? String(one?.reason ?? "").replaceAll("_", " "),
  }));
}

export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/** An answer that came within this time came in one piece: its tokens have no rate. */
const MIN_RATED_MS = 100;

/** Tokens a second after the first one; `null` where the host told no tokens. */
export function tokensPerSecond(meta) {
  const tokens = meta.usage?.completion_tokens;
  const ms = meta.totalMs - meta.firstTokenMs;
  return Number.isFinite(tokens) && tokens > 1 && ms >= MIN_RATED_MS ? ((tokens - 1) * 1000) / ms : null;
}

/** The line below an answer, with the attempts behind it. */
export function trailView(meta) {
  const attempts = meta.attempts ?? [];
  const failed = attempts.filter((one) => one.outcome !== "ok").length;
  const facts = [];
  if (meta.deployment) facts.push(meta.deployment);
  else if (attempts.length > 0) facts.push("nobody answered");
  if (meta.firstTokenMs !== undefined) facts.push(`first token ${duration(meta.firstTokenMs)}`);
  const rate = meta.totalMs === undefined ? null : tokensPerSecond(meta);
  if (rate !== null) facts.push(`${rate >= 100 ? Math.round(rate) : rate.toFixed(1)} tokens/s`);
  if (failed > 0) facts.push(`${failed} failed ${failed === 1 ? "attempt" : "attempts"} before`);
  if (facts.length === 0) return null;
  const summary = el("summary", {}, ...facts.map((fact) => el("span", { class: "trail-fact", text: fact })));
  return el("details", { class: "trail" }, summary, attemptsList(attempts), factsList(meta));
}

export function attemptsList(attempts) {
  if (attempts.length === 0) return null;
  return el("ol", { class: "trail-attempts", "aria-label": "Who was asked" }, ...attempts.map((one) => el(
    "li",
    { class: `attempt attempt-${one.isExcluded ? "excluded" : one.outcome === "ok" ? "ok" : "failed"}` },
    el("span", { class: "attempt-name", text: one.deployment }),
    el("span", { class: "attempt-outcome", text: one.isExcluded ? `not asked: ${one.reason}` : outcomeWords(one.outcome) }),
  )));
}

function factsList(meta) {
  const { usage } = meta;
  const rows = [];
  const add = (name, value) => rows.push(el("div", {}, el("dt", { text: name }), el("dd", { text: value })));
  if (meta.model) add("Asked for", meta.model);
  if (meta.firstTokenMs !== undefined) add("First token", duration(meta.firstTokenMs));
  if (meta.totalMs !== undefined) add("Whole answer", duration(meta.totalMs));
  if (usage?.prompt_tokens !== undefined) add("Prompt", `${usage.prompt_tokens.toLocaleString()} tokens`);
  if (usage?.completion_tokens !== undefined) {
    const thought = usage.completion_tokens_details?.reasoning_tokens;
    const words = `${usage.completion_tokens.toLocaleString()} tokens`;
    add("Answer", thought ? `${words}, ${thought.toLocaleString()} of them reasoning` : words);
  }
  if (meta.requestId) add("Request", meta.requestId);
  return rows.length === 0 ? null : el("dl", { class: "trail-facts" }, ...rows);
}
