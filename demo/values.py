"""Values for the parameters of everyday functions, by kind."""

from words import CURRENCIES, DAYS, LANGUAGES, MONTHS, NAMES, NOUNS, ROOMS, TEXT_FIELDS, VERB_NAMES, WORDS


def _sentence(source):
    """A message that somebody may want sent."""
    subject = source.choice(("I am", "we are", "the " + source.pick(NOUNS) + " is", source.pick(NAMES) + " is"))
    rest = source.choice(
        ("late", "here", "on the way", "ready", "lost", source.pick(WORDS), "in " + source.city(), source.invented())
    )
    return f"{subject} {rest}"


_MAKERS = {
    "city": lambda s: s.city(),
    "person": lambda s: s.person(),
    "integer": lambda s: s.integer(),
    "decimal": lambda s: round(s.decimal(), 2) if s.chance(0.5) else s.integer(),
    "email": lambda s: s.email(),
    "date": lambda s: s.date() if s.chance(0.5) else f"{s.choice(MONTHS)} {s.random.randint(1, 28)}",
    "clock": lambda s: s.clock(),
    "day": lambda s: s.choice([*DAYS, "tomorrow", "today"]),
    "file": lambda s: s.file_name(),
    "currency": lambda s: s.choice(CURRENCIES),
    "symbol": lambda s: "".join(s.choice("ABCDEFGHIKLMNOPRSTVXZ") for _ in range(s.random.randint(3, 5))),
    "language": lambda s: s.some(LANGUAGES) if s.chance(0.8) else s.invented().capitalize(),
    "room": lambda s: s.some(ROOMS) if s.chance(0.6) else s.invented(),
    "title": lambda s: s.invented().capitalize() if s.chance(0.5) else f"{s.pick(NAMES)} {s.invented().capitalize()}",
    "thing": lambda s: s.choice((s.pick(NOUNS), s.phrase(), s.invented(), f"{s.pick(WORDS)} {s.pick(NOUNS)}")),
    "topic": lambda s: s.choice(
        (s.phrase(), s.invented(), s.pick(TEXT_FIELDS) + " of " + s.pick(NOUNS) + "s", s.city())
    ),
    "sentence": lambda s: _sentence(s) if s.chance(0.7) else s.phrase(),
    "task": lambda s: (
        f"{s.some(VERB_NAMES)} the {s.pick(NOUNS)}" if s.chance(0.7) else f"{s.some(VERB_NAMES)} {s.invented()}"
    ),
    "code": lambda s: s.code() if s.chance(0.6) else str(s.random.randint(100, 99999)),
    "url": lambda s: f"https://{s.invented()}{s.choice(('.com', '.org', '.net'))}" + s.choice(("", f"/{s.invented()}")),
}


def value_of_kind(source, kind):
    return _MAKERS[kind](source)
