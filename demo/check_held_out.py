"""Checks that nothing of held_out.py can be part of a training text.

    python check_held_out.py

Words and names must not occur anywhere in the sources of the generators; phrasings must differ from
every text there in more than slots, capitals and punctuation.  make_eval.py does this first.
"""

import re
from pathlib import Path

import held_out
from catalogue import CATALOGUE

GENERATORS = """words catalogue values arithmetic functions records chat dialogue mixture phrasing everyday people
small_talk sums domains domain_functions more_words""".split()
WORD_LISTS = ("NAMES CITIES LONG_CITIES NOUNS WORDS ROOMS COLORS JOBS PETS LANGUAGES VERBS TEXT_FIELDS NUMBER_FIELDS "
              "FLAG_FIELDS").split()  # fmt: skip


def skeleton(text):
    """A text without what its slots are called, capitals and punctuation; signs of sums stay."""
    text = re.sub(r"\{\w+\}", "#", text.lower())
    return " ".join(re.findall(r"[#\w'+*/^%=-]+", text))


def names():
    """Every word and every name of a function or parameter that is only for evaluation."""
    for name in WORD_LISTS:
        yield from getattr(held_out, name)
    for entry in CATALOGUE.unseen:
        yield from (entry.name, *entry.fields)


def phrasings():
    """Every phrasing that is only for evaluation."""
    for texts in (held_out.ADD, held_out.SUBTRACT, held_out.REQUEST_HEADS, held_out.ARGUMENT_PHRASES,
                  held_out.PROPERTY_PHRASES, held_out.ERRORS, *held_out.QUESTIONS.values()):  # fmt: skip
        yield from texts
    for ways in held_out.PERSON.values():
        yield from ways.split("/")
    for entry in CATALOGUE.unseen:
        yield from entry.phrasings


def shared():
    """What evaluation shares with training, which should be nothing."""
    sources = [Path(__file__).with_name(f"{name}.py").read_text() for name in GENERATORS]
    known_words = {word for source in sources for word in re.findall(r"[^\W\d_]+", source.lower())}
    for name in names():
        parts = re.findall(r"[^\W_]+", name.lower())
        plural = {parts[-1] + "s"} if len(parts) == 1 else set()
        if plural & known_words or known_words.issuperset(parts):
            yield name
    pieces = {skeleton(text) for source in sources for text in re.split(r'[|/\n"]|\\n', source)}
    pieces |= {skeleton(text) for entry in CATALOGUE for text in entry.phrasings}
    yield from (text for text in phrasings() if skeleton(text) in pieces)
    yield from (entry.name for entry in CATALOGUE.unseen if entry.name in {known.name for known in CATALOGUE})


def repeated():
    lists = {name: value for name, value in vars(held_out).items() if isinstance(value, list)}
    for texts in (lists | held_out.QUESTIONS).values():
        yield from (text for text in set(texts) if texts.count(text) > 1)


def verify():
    """Raises AssertionError where evaluation shares something with training, or held_out.py repeats something."""
    assert not (common := list(shared())), f"training uses {common}"
    assert not (twice := list(repeated())), f"held_out.py repeats {twice}"


if __name__ == "__main__":
    verify()
    print(f"{len(list(names()))} words and names, {len(list(phrasings()))} phrasings: none is part of training")
