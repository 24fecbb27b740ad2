// A conversation as a file: Markdown for people, JSON for programs.

import { el } from "./chat-dom.js";

/** A fence that the text does not have in it. */
function fenceFor(text) {
  let longest = 2;
  for (const [run] of text.matchAll(/`+/g)) longest = Math.max(longest, run.length);
  return "`".repeat(longest + 1);
}

const block = (text, language = "") => `${fenceFor(text)}${language}\n${text}\n${fenceFor(text)}`;

/** The messages that are shown, as Markdown. */
export function toMarkdown(conversation, path) {
  const parts = [`# ${conversation.title || "Conversation"}`];
  const { system } = conversation.settings;
  if (system.trim() !== "") parts.push("## System", block(system));
  for (const message of path) {
    if (message.role === "user") {
      parts.push("## User", message.content);
    } else if (message.role === "tool") {
      parts.push(`## Result of ${message.name ?? "a function"}`, block(message.content));
    } else {
      const { meta = {} } = message;
      parts.push(`## Answer${meta.deployment ? ` of ${meta.deployment}` : ""}`);
      if (message.reasoning) parts.push("<details><summary>Reasoning</summary>", "", block(message.reasoning), "", "</details>");
      if (message.content) parts.push(message.content);
      for (const call of message.toolCalls ?? []) parts.push(`Calls \`${call.name}\`:`, block(call.arguments, "json"));
      if (message.failure) parts.push(`*The answer ended early: ${message.failure.title ?? message.failure.kind}*`);
    }
  }
  return `${parts.join("\n\n")}\n`;
}

/** All of a conversation, what is not shown included. */
export function toJson(conversation) {
  return `${JSON.stringify({ format: "freeway-conversation", version: 1, conversation }, null, 2)}\n`;
}

/** A name for the file, of letters that every system takes. */
export function fileName(conversation, extension) {
  const words = conversation.title.normalize("NFKD").replace(/[^A-Za-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 40);
  return `${words || "conversation"}.${extension}`;
}

export function download(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = el("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  // The download holds the data by now.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
