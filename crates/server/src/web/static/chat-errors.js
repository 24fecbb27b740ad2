// What went wrong, in words that say what to do.

import { MAX_CALLS, MAX_CALL_BYTES } from "./chat-stream.js";

/** The words for a failure: `{title, advice, action, retryAfterS}`. `action` is what helps most:
 * `key`, `retry`, `model`, `settings`, or `null`. */
export function explain(failure) {
  switch (failure.kind) {
    case "network":
      return say("The server could not be reached.", "Check that it runs and that you are online, then try again.", "retry");
    case "broken":
      return say("The answer broke off.", "The connection ended too early. What came so far stays; try again for a whole answer.", "retry");
    case "too-long":
      return say("The answer was stopped.", "It grew longer than this page can show.", null);
    case "too-many-calls":
      return say("The answer was stopped.", `It calls more than ${MAX_CALLS} functions at once. Try again, or offer the model fewer functions.`, "retry");
    case "calls-too-long":
      return say("The answer was stopped.", `Its calls of functions are longer than ${MAX_CALL_BYTES >> 20} MiB together. Try again, or ask for less at once.`, "retry");
    case "stream":
      return say("The answer broke off.", `${sentence(failure.message) || "Whoever answered failed."} What came so far stays; try again for a whole answer.`, "retry");
    default:
      return ofStatus(failure);
  }
}

function say(title, advice, action, retryAfterS = null) {
  return { title, advice, action, retryAfterS };
}

function ofStatus({ status, code, message, retryAfterS, param }) {
  const words = sentence(message);
  const retry = (title, advice) => say(title, advice, "retry", retryAfterS);
  switch (code) {
    case "context_length_exceeded":
      return say("The conversation is too long for this model.", `${words} Start a new chat, or choose a model with a longer context.`, "model");
    case "model_not_found":
    case "model_not_offered":
      return say("This model cannot be asked.", words, "model");
    case "model_not_allowed":
      return say("Your key may not use this model.", `${words} Choose another one.`, "model");
    case "content_filter":
      return say("The host's moderation refused this.", `${words} Put it in other words, or choose another model.`, "model");
    case "caller_quota_exceeded":
      return retry("Your key has used up its quota.", words);
    case "overloaded":
      return retry("Whoever could answer has too much to do.", `${words} Try again, or choose another model.`);
    case "truncated_reasoning":
      return say("The model used up its tokens with thinking.", "Raise the most tokens in the settings, or lower the effort.", "settings");
    default:
  }
  if (status === 401) {
    return say("This server asks for a key.", `${words} Enter a key; who runs the server makes one with “freeway keys create”.`, "key");
  }
  if (status === 403) return say("This is not allowed.", words, null);
  if (status === 429) return retry("At a rate limit.", words || "Everybody who could answer has a limit that is reached.");
  if (status === 413) return say("The conversation is too large to be sent.", words, null);
  if (status === 400) {
    const field = param ? ` It is about “${param}”.` : "";
    return say("The server did not take the request.", `${words}${field}`, "settings");
  }
  if (status === 503) return retry("Nobody can answer at present.", words || "Try again in a moment, or choose another model.");
  if (status === 504) return retry("It took too long.", words || "Try again, or choose another model.");
  if (status >= 500) return retry("Whoever was asked failed.", words || "Try again, or choose another model.");
  return retry(`The server said no (${status}).`, words);
}

/** A message as a sentence: with a capital letter and a full stop. */
function sentence(message) {
  const text = (message ?? "").trim().slice(0, 1000);
  if (text === "") return "";
  // A name in front of a colon is written as it is.
  const capital = /^[^\s:]+:/.test(text) ? text : text[0].toUpperCase() + text.slice(1);
  return /[.!?…)]$/.test(capital) ? capital : `${capital}.`;
}
