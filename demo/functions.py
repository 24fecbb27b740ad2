"""Skill: choosing among declared functions, copying the arguments, answering from the result."""

import json
import re

import held_out
from catalogue import CATALOGUE
from chat import name_words
from dialogue import Field, Function, Turn, compact
from domain_functions import domain_function, stems
from everyday import everyday_function, rephrase
from phrasing import field_phrase, request
from values import value_of_kind
from words import FLAG_FIELDS, NOUNS, NUMBER_FIELDS, TEXT_FIELDS, VERB_NAMES, VERBS, WORDS, Texts

ARGUMENT_PHRASES = ["{p} {v}", "{p} is {v}", "{p} = {v}", "{p}: {v}", "{p}={v}", "with {p} {v}", "{p} set to {v}",
                    "using {p} {v}", "the {p} should be {v}", "and {p} {v}", "use {v} as the {p}", "{v} as {p}",
                    "{v} for the {p}", "make the {p} {v}"]  # fmt: skip
REQUEST_HEADS = ["{v} {a}{n}", "Please {v} {a}{n}", "{V} {a}{n}", "Can you {v} {a}{n}", "I want to {v} {a}{n}",
                 "I'd like you to {v} {a}{n}", "Could you {v} {a}{n}", "{V} {a}{n} for me", "go and {v} {a}{n}",
                 "Now {v} {a}{n}", "I need you to {v} {a}{n}", "{V} {a}{n} now"]  # fmt: skip
FIELD_COMMENTS = [
    "The {p}",
    "{P} of the {n}",
    "The {p} of the {n}",
    "{P}",
    "The {p} to use",
    "{P}, as given by the user",
]
RESULT_KEYS = """temperature humidity condition status total balance price distance delay owner result state speed
wind_speed last_update order_id room_name score level rating capacity stock message value forecast id name
city""".split()
ALIKE = {"getweather", "getcurrentweather", "getforecast", "searchweb", "websearch"}  # never in one set
ERRORS = ["not found", "permission denied", "timeout", "out of stock", "no such {n}", "{n} not available",
          "unknown {p}", "invalid {p}", "service unavailable", "too many requests"]  # fmt: skip
ARGUMENT_PHRASES = Texts(ARGUMENT_PHRASES, held_out.ARGUMENT_PHRASES)
REQUEST_HEADS, ERRORS = Texts(REQUEST_HEADS, held_out.REQUEST_HEADS), Texts(ERRORS, held_out.ERRORS)
ORIGINS = {"domains": 0.5, "everyday": 0.25, "catalogue": 0.25}  # of the everyday functions in training
MADE_UP = 0.45  # part of the functions in training that are made up
BRIEF = 0.5  # part of the results in training that are short whatever else: calls are harder to learn than answers
SAME_TYPE = 0.25  # part of the made-up functions and records whose fields all have one type: easily exchanged


def camel_case(name):
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def plain(name):
    return name.lower().replace("_", "")


def spoken(name):
    return name.replace("_", " ")


# ---------------------------------------------------------------- declaring functions


def made_up_field(source, noun, kind=None):
    kind = kind or source.weighted({"string": 50, "integer": 32, "number": 6, "boolean": 6, "enum": 6})
    known = {"string": TEXT_FIELDS, "enum": TEXT_FIELDS, "boolean": FLAG_FIELDS}.get(kind, NUMBER_FIELDS)
    name = source.pick(known) if source.chance(0.65) else source.invented()
    if source.split == "train" and source.chance(0.5):  # most names are none of a list
        name = source.identifier()
    if source.chance(0.08):
        name += "_" + source.choice(("id", "name", "value", "code"))
    out = Field(name, "string" if kind == "enum" else kind, required=source.chance(0.85))
    if kind == "enum":
        count, out.enum = source.choice((2, 3, 4)), []
        while len(out.enum) < count:
            if (word := source.pick(WORDS)) not in out.enum:
                out.enum.append(word)
    if source.chance(0.25):
        comment = source.choice(FIELD_COMMENTS)
        out.description = comment.format(p=spoken(name), P=spoken(name).capitalize(), n=noun)
    if not out.required and source.chance(0.3) and kind != "boolean":
        out.default = (
            out.enum[0] if out.enum else source.pick(WORDS) if kind == "string" else source.random.randint(1, 20)
        )
    return out


def renamed(source, name):
    """The name, sometimes with more words: a request need not have all words of a name."""
    if not source.chance(0.3):
        return name
    words = name.split("_")
    words.insert(source.choice((0, len(words), source.random.randint(0, len(words)))), source.word())
    return "_".join(words)


def made_up_function(source, noun=None):
    noun = noun or (source.pick(NOUNS) if source.chance(0.6) else source.invented())
    verb = source.some(VERB_NAMES) if source.chance(0.82) else source.invented()
    if source.split == "train" and source.chance(0.4):
        noun, verb = source.word(), source.word() if source.chance(0.4) else verb
    name = f"{verb}_{noun}"
    if source.chance(0.12):
        name, verb = noun, None
    if source.split == "train":
        name = renamed(source, name)
    if source.chance(0.15):
        name = camel_case(name)
    fields, count, kind = {}, source.weighted({0: 1, 1: 5, 2: 6, 3: 3, 4: 1}), None
    if source.chance(SAME_TYPE):
        count, kind = source.choice((2, 2, 3)), source.choice(("string", "integer"))
    while len(fields) < count:
        made = made_up_field(source, noun, kind)
        if made.name != noun and made.name not in fields:
            fields[made.name] = made
    description = None
    if source.chance(0.75):
        action = (verb or "use").capitalize()
        description = source.choice(("{v} a {n}", "{v} the {n}", "{v} {n}s", "{v} one {n}.", "{v} a {n} by its data"))
        description = description.format(v=action, n=noun)
    return Function(name, description, list(fields.values()), verb=verb, noun=noun)


def known_function(source):
    entry = source.some(CATALOGUE)
    described = source.chance(0.45)
    fields = []
    for name, (kind, comment) in entry.fields.items():
        optional = kind.endswith("?")
        kind = kind.rstrip("?")
        enum = kind.split("|") if "|" in kind else None
        json_type = {"integer": "integer", "decimal": "number", "boolean": "boolean"}.get(kind, "string")
        fields.append(Field(name, json_type, comment if described else None, enum, required=not optional))
    name = entry.name if source.chance(0.85) else camel_case(entry.name)
    if source.split == "train":
        name = renamed(source, name)
    makers = {field_name: kind.rstrip("?") for field_name, (kind, _) in entry.fields.items()}
    description = entry.description if source.chance(0.85) else None
    return Function(name, description, fields, phrasings=entry.phrasings, makers=makers)


def clashes(new, others):
    """Whether a request could mean both."""
    for other in others:
        if plain(new.name) == plain(other.name) or {plain(new.name), plain(other.name)} <= ALIKE:
            return True
        if new.about & stems(other.name) or other.about & stems(new.name):
            return True
        for one, another in ((new, other), (other, new)):
            if one.ask and not one.about and set(one.noun.split()) & name_words(another.name):
                return True
        if new.noun and new.noun == other.noun and (new.verb == other.verb or not new.verb or not other.verb):
            return True
    return False


def training_function(source):
    if source.chance(MADE_UP):
        return made_up_function(source)
    origins = {"domains": domain_function, "everyday": everyday_function, "catalogue": known_function}
    return origins[source.weighted(ORIGINS)](source)


def evaluation_function(source):
    return known_function(source) if source.chance(0.45) else made_up_function(source)


def function_set(source, count=None):
    """1-4 functions; in one of ten sets two of them share a noun and differ in the verb."""
    count = count or source.choice((1, 2, 2, 3, 3, 4))
    functions = []
    while len(functions) < count:
        if functions and functions[-1].noun and not functions[-1].ask and source.chance(0.1):
            new = made_up_function(source, functions[-1].noun)
        else:
            new = training_function(source) if source.split == "train" else evaluation_function(source)
        if not clashes(new, functions):
            functions.append(new)
    source.random.shuffle(functions)
    return functions


# ---------------------------------------------------------------- asking for them


def quoted(source, value):
    return value if source.chance(0.75) else f'"{value}"'


def request_in_words(source, function):
    """For a known function: (what the user writes, arguments)."""
    template = source.phrasing(function.phrasings, unseen=0)  # an unseen function brings its own
    arguments = {}
    for field in function.fields:
        if "{" + field.name + "}" in template:
            kind = function.makers[field.name]
            value = source.choice(field.enum) if field.enum else value_of_kind(source, kind)
            while value in arguments.values() and not field.enum:
                value = value_of_kind(source, kind)
            arguments[field.name] = value
    if source.procedural():
        if function.fields and source.chance(0.2):
            return request_by_field_names(source, function, arguments), arguments
        last = template.rpartition("{")[2].removesuffix("}") if template.endswith("}") else None
        return rephrase(source, template.format(**arguments), template[0] == "{", function.makers.get(last)), arguments
    text = template.format(**arguments)
    if source.chance(0.1):
        as_it_is = source.split == "train" and template[0] == "{"  # a value keeps its first letter
        text = "Please " + (text if as_it_is else text[0].lower() + text[1:])
    return text, arguments


def request_by_field_names(source, function, arguments):
    """A request that gives each argument with the name of its field; for training."""
    types = {field.name: field.type for field in function.fields}
    verb, noun = function.verb, function.noun
    if not noun:  # of the catalogue
        verb, *rest = re.sub(r"([a-z])([A-Z])", r"\1_\2", function.name).lower().split("_")
        noun = " ".join(rest)
    names = list(arguments)
    source.random.shuffle(names)
    phrases = [field_phrase(source, name, arguments[name], types[name], noun) for name in names]
    return request(source, function.name, verb, noun, phrases)


def argument_phrase(source, field, value):
    """How the user mentions one argument of a made-up function."""
    name = spoken(field.name) if source.chance(0.7) else field.name
    if field.type == "boolean":
        return f"{name} {'true' if value else 'false'}" if source.chance(0.6) else f"{name} {'on' if value else 'off'}"
    text = quoted(source, value) if field.type == "string" else str(value)
    if source.chance(0.5):
        if field.name in ("city", "place", "room", "location", "country"):
            return f"in {text}"
        if field.name in ("name", "title", "label"):
            return source.choice((f"called {text}", f"named {text}"))
        if field.name in ("days", "hours", "minutes", "seconds"):
            return f"for {text} {field.name}"
    return source.phrasing(ARGUMENT_PHRASES).format(p=name, v=text)


def made_up_value(source, field):
    if field.enum:
        return source.choice(field.enum)
    if field.type == "boolean":
        return source.chance(0.6)
    if field.type == "string":
        return source.text(field.name)
    if field.type == "number" and source.chance(0.6):
        return round(source.decimal(), 2)
    return -source.integer() if source.chance(0.02) else source.integer()


def request_by_name(source, function):
    """For a made-up function: (what the user writes, arguments).  Optional fields may stay away."""
    values = {f.name: made_up_value(source, f) for f in function.fields if f.required or source.chance(0.5)}
    if source.procedural():
        return request_by_field_names(source, function, values), values
    given = [f for f in function.fields if f.name in values]
    source.random.shuffle(given)
    if source.chance(0.3):  # where a value of several words ends is harder to see before other phrases
        given.sort(key=lambda f: " " not in str(values[f.name]))
    phrases = [argument_phrase(source, f, values[f.name]) for f in given]
    verb = (
        source.choice(VERBS.get(function.verb, [function.verb]))
        if function.verb
        else source.choice(("use", "run", "call"))
    )
    article = source.choice(("the ", "a ", "my ", "", "this "))
    text = source.phrasing(REQUEST_HEADS).format(v=verb, V=verb.capitalize(), a=article, n=function.noun)
    if phrases:
        text += source.choice((" ", ", ", " with ", ": ", ", ")) + source.choice((", ", " and ", ", ")).join(phrases)
    if source.chance(0.4):
        text += source.choice((".", "?", "!", " please"))
    return text, values


# ---------------------------------------------------------------- results


def listed(parts):
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def result_of(source):
    """(what the function returns, what the model says about it, the same as a thought)"""
    roll = source.random.random()
    if source.split == "train" and source.chance(BRIEF):
        roll = 0.26 * roll
    if roll < 0.1:
        value = source.text() if source.chance(0.5) else source.integer()
        return str(value), f"The result is {value}.", f"The result is {value}."
    if roll < 0.18:
        error = source.some(ERRORS).format(n=source.pick(NOUNS), p=source.invented())
        return compact({"error": error}), f"The function reported an error: {error}.", "The function failed."
    if roll < 0.26:
        done = source.choice(({"status": "ok"}, {"success": True}, {"ok": True}, {"status": "done"}, {"result": "ok"}))
        return compact(done), "Done.", "It worked."
    if roll < 0.33:
        values = [source.text() for _ in range(source.choice((2, 3)))]
        return compact(values), f"The results are {listed(values)}.", "The result is a list."
    data = {}
    for _ in range(source.weighted({1: 4, 2: 4, 3: 2})):
        if source.chance(0.5):
            key = source.choice(RESULT_KEYS)
        else:
            key = source.choice(
                (source.pick(NOUNS), source.invented(), source.pick(TEXT_FIELDS), source.pick(NUMBER_FIELDS))
            )
        number = round(source.decimal(), 1) if source.chance(0.15) else source.integer()
        data[key] = number if source.chance(0.5) else source.text(key)
    sentence = listed([f"the {spoken(k)} is {v}" for k, v in data.items()])
    raw = compact(data) if source.chance(0.7) else json.dumps(data, ensure_ascii=False)
    return raw, sentence[0].upper() + sentence[1:] + ".", "The result has " + listed([spoken(k) for k in data]) + "."


def argument_check(function, arguments):
    """Goes through the parameters of the function, given or not."""
    if not function.fields:
        return " It takes nothing."
    out = ""
    for field in function.fields:
        value = arguments.get(field.name, "not given")
        out += f" {field.name} is {compact(value) if isinstance(value, bool) else value}."
    return out + " Nothing is missing."


def function_turn(source, effort, functions, chosen=None):
    function = chosen or source.choice(functions)
    known = bool(function.phrasings or function.ask)
    if function.ask:
        user, arguments = function.ask(source)
    else:
        user, arguments = request_in_words(source, function) if known else request_by_name(source, function)
    result, final, thought = result_of(source)
    before = after = None
    if effort != "low":
        before, after = f'The request fits "{function.name}".', "I have the result."
    if effort == "high":
        before += argument_check(function, arguments)
        after = f"{after} {thought}"
    return Turn(
        skill="call", kind="known" if known else "made-up", user=user, final=final, analysis=before,
        call=(function.name, arguments), result=result, analysis_after=after,
    )  # fmt: skip
