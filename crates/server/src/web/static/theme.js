// Loaded before the first paint, so that a page does not flash in the wrong colours.
try {
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage is blocked: the colours of the system are right.
}
