// What every page does once it is there: local times, colours, copying.

const root = document.documentElement;

function localise(time) {
  const moment = new Date(time.dateTime);
  if (Number.isNaN(moment.getTime())) return;
  const isDay = time.dataset.unit === "day";
  // A day of UTC is the same day everywhere.
  const format = isDay
    ? new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" })
    : new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  if (!time.title) time.title = time.textContent;
  time.textContent = format.format(moment);
}

export function localiseAll(within = document) {
  for (const time of within.querySelectorAll("time[datetime]")) localise(time);
}

const THEMES = ["auto", "light", "dark"];

function setUpTheme() {
  const button = document.getElementById("theme");
  const name = document.getElementById("theme-name");
  if (!button || !name) return;
  const show = () => {
    const theme = root.dataset.theme ?? "auto";
    name.textContent = theme[0].toUpperCase() + theme.slice(1);
  };
  button.addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(root.dataset.theme ?? "auto") + 1) % THEMES.length];
    if (next === "auto") delete root.dataset.theme;
    else root.dataset.theme = next;
    try {
      if (next === "auto") localStorage.removeItem("theme");
      else localStorage.setItem("theme", next);
    } catch {
      // It holds for this page alone.
    }
    show();
  });
  show();
  button.hidden = false;
}

/// Puts a text on the clipboard and says so on the button for a moment.
export async function copy(text, button) {
  button.dataset.label ??= button.textContent;
  let said = "Copied";
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Over plain HTTP from elsewhere browsers have no clipboard for pages.
    said = "Select and copy";
  }
  button.textContent = said;
  button.setAttribute("aria-live", "polite");
  clearTimeout(Number(button.dataset.timer));
  button.dataset.timer = setTimeout(() => {
    button.textContent = button.dataset.label;
  }, 1600);
}

/// `<button data-copy="ID" hidden>` copies the text of the element of that id.
function setUpCopying() {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const source = document.getElementById(button.dataset.copy);
      if (source) copy(source.textContent, button);
    });
  }
}

/// `<form data-auto>`: a changed choice is as good as a press of the button.
function setUpForms() {
  for (const form of document.querySelectorAll("form[data-auto]")) {
    form.addEventListener("change", (event) => {
      if (event.target.matches("input[type=checkbox]:not([data-keep]), input[type=radio]")) {
        form.requestSubmit();
      }
    });
    // Empty fields do not have to stand in the URL.
    form.addEventListener("submit", () => {
      for (const field of form.elements) {
        if (field.name && field.value === "") field.disabled = true;
      }
      setTimeout(() => {
        for (const field of form.elements) field.disabled = false;
      });
    });
  }
}

/// `<div role="tablist">` of snippets: one is shown at a time.
function setUpTabs() {
  for (const tabs of document.querySelectorAll("[data-tabs]")) {
    const panels = [...tabs.querySelectorAll(":scope > section")];
    const list = document.createElement("div");
    list.className = "tabs";
    list.setAttribute("role", "tablist");
    list.setAttribute("aria-label", tabs.dataset.tabs);
    const select = (index, isFocused) => {
      panels.forEach((panel, at) => {
        panel.hidden = at !== index;
        const button = list.children[at];
        button.setAttribute("aria-selected", String(at === index));
        button.tabIndex = at === index ? 0 : -1;
        if (at === index && isFocused) button.focus();
      });
    };
    panels.forEach((panel, index) => {
      const heading = panel.querySelector("h3");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = heading.textContent;
      button.id = `${panel.id}-tab`;
      button.setAttribute("role", "tab");
      button.setAttribute("aria-controls", panel.id);
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", button.id);
      panel.tabIndex = 0;
      heading.classList.add("visually-hidden");
      button.addEventListener("click", () => select(index, false));
      button.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (step) select((index + step + panels.length) % panels.length, true);
      });
      list.append(button);
    });
    tabs.prepend(list);
    select(0, false);
  }
}

localiseAll();
setUpTheme();
setUpCopying();
setUpForms();
setUpTabs();
