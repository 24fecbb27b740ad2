// The calendar of a model: with a pointer or the arrow keys, a day shows its hours.

const STATES = { c: "callable", l: "listed only", n: "not available", u: "not observed", x: "not tracked" };

function setUp(calendar) {
  const days = [...calendar.querySelectorAll("td[data-hours]")];
  if (!days.length) return;
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.id = "calendar-tip";
  tip.setAttribute("role", "status");
  calendar.append(tip);
  const hide = () => {
    tip.hidden = true;
  };
  const show = (day) => {
    const words = document.createElement("div");
    words.textContent = day.textContent;
    const hours = document.createElement("div");
    hours.className = "tip-hours";
    hours.setAttribute("aria-hidden", "true");
    [...day.dataset.hours].forEach((state, hour) => {
      const cell = document.createElement("span");
      cell.className = `d ${state}`;
      cell.title = `${hour}:00 UTC, ${STATES[state]}`;
      hours.append(cell);
    });
    tip.replaceChildren(words, hours);
    tip.hidden = false;
    const place = day.getBoundingClientRect();
    const around = calendar.getBoundingClientRect();
    const middle = place.left + place.width / 2 - around.left - tip.offsetWidth / 2;
    const left = Math.max(0, Math.min(middle, around.width - tip.offsetWidth));
    tip.style.left = `${left}px`;
    tip.style.top = `${place.bottom - around.top + 6}px`;
  };
  days.forEach((day, index) => {
    // The picture of the hours says more than the browser's own tip would.
    day.removeAttribute("title");
    day.tabIndex = index === days.length - 1 ? 0 : -1;
    day.addEventListener("pointerenter", () => show(day));
    day.addEventListener("pointerleave", hide);
    day.addEventListener("focus", () => show(day));
    day.addEventListener("blur", hide);
    day.addEventListener("keydown", (event) => {
      const targets = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: days.length - 1 };
      if (event.key === "Escape") hide();
      const target = days[targets[event.key]];
      if (!target) return;
      event.preventDefault();
      day.tabIndex = -1;
      target.tabIndex = 0;
      target.focus();
    });
  });
}

for (const calendar of document.querySelectorAll("[data-calendar]")) setUp(calendar);
