// The panels of the reference: they send what is filled in to this server, and show what comes back.

const MAX_SHOWN = 200_000;

for (const part of document.querySelectorAll("#try-note, #try-key-field, .try")) part.hidden = false;

// On small screens the text comes first.
const menu = document.querySelector(".docs-menu");
const isWide = window.matchMedia("(min-width: 60rem)");
const arrange = () => {
  if (menu) menu.open = isWide.matches;
};
isWide.addEventListener("change", arrange);
arrange();

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

/// The path with its variable parts filled in. Ids may have slashes.
function target(panel, form) {
  let path = panel.dataset.path;
  const query = new URLSearchParams();
  for (const field of form.querySelectorAll("[data-in]")) {
    const value = field.value.trim();
    if (field.dataset.in === "path") {
      const encoded = value.split("/").map(encodeURIComponent).join("/");
      path = path.replace(`{${field.name}}`, encoded);
    } else if (value !== "") {
      query.append(field.name, value);
    }
  }
  const text = query.toString();
  return text === "" ? path : `${path}?${text}`;
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function shortened(text) {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}\n… (cut)` : text;
}

/// Shows the head of an answer; gives the element for its body.
function showHead(result, response) {
  const head = element("details");
  head.append(element("summary", "Headers"));
  const names = [...response.headers].map(([name, value]) => `${name}: ${value}`);
  const headers = element("pre", names.join("\n"));
  headers.tabIndex = 0;
  head.append(headers);
  const body = element("pre");
  body.tabIndex = 0;
  result.replaceChildren(head, body);
  result.hidden = false;
  return body;
}

async function showBody(response, body) {
  const isStream = (response.headers.get("content-type") ?? "").startsWith("text/event-stream");
  const reader = response.body?.getReader();
  if (!reader) return;
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (text.length <= MAX_SHOWN) text += decoder.decode(value, { stream: true });
    if (isStream) {
      body.textContent = shortened(text);
      body.scrollTop = body.scrollHeight;
    }
  }
  body.textContent = shortened(isStream ? text : pretty(text));
  if (text === "") body.textContent = "(no body)";
}

async function send(panel, form, result, say, signal) {
  const headers = {};
  const key = document.getElementById("try-key")?.value.trim();
  if (key) headers.Authorization = `Bearer ${key}`;
  const body = form.querySelector("[data-body]");
  if (body) headers["Content-Type"] = "application/json";
  const started = performance.now();
  const response = await fetch(target(panel, form), {
    method: panel.dataset.method,
    headers,
    body: body ? body.value : undefined,
    signal,
    credentials: "omit",
    cache: "no-store",
  });
  const since = () => `${Math.round(performance.now() - started)} ms`;
  const status = `${response.status} ${response.statusText}`.trim();
  const head = `${status}, head after ${since()}`;
  say(head, response.ok);
  await showBody(response, showHead(result, response));
  say(`${head}, all of it after ${since()}`, response.ok);
}

for (const panel of document.querySelectorAll(".try")) {
  const form = panel.querySelector("form");
  const result = panel.querySelector("[data-result]");
  const said = panel.querySelector("[data-said]");
  const say = (words, isGood) => {
    said.textContent = words;
    said.className = `small try-said ${isGood === undefined ? "muted" : isGood ? "good" : "bad"}`;
  };
  const stop = panel.querySelector("[data-stop]");
  const button = form.querySelector("[type=submit]");
  const examples = form.querySelector("[data-examples]");
  examples?.addEventListener("change", () => {
    form.querySelector("[data-body]").value = examples.value;
  });
  let controller = null;
  stop.addEventListener("click", () => controller?.abort());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const question = panel.dataset.ask;
    if (question && !window.confirm(`${question}? This cannot be undone.`)) return;
    controller = new AbortController();
    button.disabled = true;
    stop.hidden = false;
    result.hidden = true;
    result.replaceChildren();
    say("Waiting for the server…");
    try {
      await send(panel, form, result, say, controller.signal);
    } catch (error) {
      if (error.name === "AbortError") say("Stopped.");
      else say(`The connection failed: ${error.message}`, false);
    }
    button.disabled = false;
    stop.hidden = true;
  });
}
