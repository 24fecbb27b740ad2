// Taking along what is on the page: the menu that exports a conversation, and the buttons at code.

import { announce, byId, copyText, flash } from "./chat-dom.js";
import { download, fileName, toJson, toMarkdown } from "./chat-export.js";
import { shownPath } from "./chat-tree.js";

const markdownOf = (conversation) => toMarkdown(conversation, shownPath(conversation).map(({ message }) => message));

/** `shown` gives the conversation that is on the page. */
export function listenToMenu(shown) {
  byId("export-markdown").addEventListener("click", () => {
    download(fileName(shown(), "md"), markdownOf(shown()), "text/markdown;charset=utf-8");
  });
  byId("export-json").addEventListener("click", () => {
    download(fileName(shown(), "json"), toJson(shown()), "application/json");
  });
  byId("copy-all").addEventListener("click", async () => {
    announce((await copyText(markdownOf(shown()))) ? "Conversation copied." : "It could not be copied.");
  });
  const menu = byId("more");
  menu.addEventListener("click", (event) => {
    if (event.target.closest("button")) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    event.stopPropagation();
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  document.addEventListener("click", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
}

/** Code that is shown later has such a button, too. */
export function listenToCopies() {
  document.addEventListener("click", async (event) => {
    const target = event.target.closest?.(".code-copy");
    if (target?.codeView) flash(target, (await copyText(target.codeView.source)) ? "Copied" : "Not copied");
  });
}
