// An answer under way: asks for it, and puts what comes into its message.

import { AnswerError, ask } from "./chat-stream.js";
import { changeMessage } from "./chat-tree.js";
import { attemptsOfError, exclusionsOfError, readAttempts } from "./chat-trail.js";

export class RunningAnswer {
  /** `onChange` is called whenever the message changed. */
  constructor(conversation, messageId, onChange) {
    this.conversation = conversation;
    this.messageId = messageId;
    this.onChange = onChange;
    this.controller = new AbortController();
  }

  stop() {
    this.controller.abort();
  }

  /** Resolves when the message is complete, failed or stopped; never rejects. */
  async run(body, key) {
    const startedAt = performance.now();
    const meta = { model: body.model, attempts: [] };
    const change = (changes) => changeMessage(this.conversation, this.messageId, { ...changes, meta });
    const take = (answer) => {
      const now = performance.now();
      const hasWords = answer.content !== "" || answer.toolCalls.length > 0;
      if (meta.firstTokenMs === undefined && (hasWords || answer.reasoning !== "")) meta.firstTokenMs = now - startedAt;
      // Thinking ends with the first word of the answer.
      if (answer.reasoning !== "" && !meta.hasThought) meta.reasoningMs = now - startedAt - meta.firstTokenMs;
      if (hasWords) meta.hasThought = true;
      meta.usage = answer.usage ?? undefined;
      meta.finish = answer.finish ?? undefined;
      change({
        content: answer.content,
        reasoning: answer.reasoning,
        toolCalls: answer.toolCalls.map((call, index) => ({ ...call, id: call.id || `call_${index}` })),
      });
      this.onChange();
    };
    try {
      await ask(body, {
        key,
        signal: this.controller.signal,
        onHead: (head) => {
          meta.deployment = head.deployment ?? undefined;
          meta.requestId = head.requestId ?? undefined;
          meta.attempts = readAttempts(head.attempts);
        },
        onDelta: take,
      });
      meta.totalMs = performance.now() - startedAt;
      change({ status: "done" });
    } catch (error) {
      meta.totalMs = performance.now() - startedAt;
      change(this.ended(error, meta));
    }
  }

  ended(error, meta) {
    if (this.controller.signal.aborted) return { status: "stopped" };
    const failure = error instanceof AnswerError
      ? { ...error, message: error.message }
      : { kind: "network", message: String(error?.message ?? error) };
    failure.at = Date.now();
    const listed = attemptsOfError(failure.metadata);
    failure.attempts = listed.length > 0 ? listed : readAttempts(failure.attempts);
    if (meta.attempts.length === 0) meta.attempts = failure.attempts;
    if (failure.kind !== "http" && meta.attempts.length > 0) meta.attempts.at(-1).outcome = failure.code ?? "broken_stream";
    meta.requestId ??= failure.requestId ?? undefined;
    failure.excluded = exclusionsOfError(failure.metadata);
    if (failure.metadata) failure.message = withoutLists(failure.message);
    delete failure.metadata;
    // Calls beyond the limits are more than the page should show.
    const isBeyondLimits = failure.kind === "too-many-calls" || failure.kind === "calls-too-long";
    return { status: "failed", failure, ...(isBeyondLimits ? { toolCalls: [] } : {}) };
  }
}

/** A message without what the page shows in its own way: who was asked, and when to try again. */
function withoutLists(message) {
  return message
    .replace(/ \((?:[^()]|\([^()]*\))*(?:: | not asked)(?:[^()]|\([^()]*\))*\)/, "")
    .replace(/; try again in \d+ s$/, "");
}
