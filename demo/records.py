"""Skill: filling a small JSON schema from a sentence."""

from dialogue import Turn, compact
from functions import listed, quoted
from words import COLORS, DAYS, FLAG_FIELDS, JOBS, NOUNS, NUMBER_FIELDS, PETS, TEXT_FIELDS, WORDS

# property: (type, value, how a sentence about a person says it)
PERSON = {
    "age": ("integer", lambda s: s.random.randint(1, 99), "is {v} years old/is aged {v}/turned {v} last week/is {v}"),
    "city": ("string", lambda s: s.city(), "lives in {v}/comes from {v}/is from {v}/moved to {v}/is based in {v}"),
    "job": ("string", lambda s: s.choice(JOBS) if s.chance(0.7) else s.invented(),
            "works as a {v}/is a {v}/has a job as a {v}/earns money as a {v}"),
    "company": ("string", lambda s: s.invented().capitalize(), "works at {v}/works for {v}/is employed by {v}"),
    "quantity": ("integer", lambda s: s.integer(), "ordered {v} pieces/bought {v} of them/needs {v} units"),
    "product": ("string", lambda s: s.pick(NOUNS) if s.chance(0.6) else s.invented(),
                "wants a {v}/bought a {v}/ordered a {v}/is looking for a {v}"),
    "price": ("number", lambda s: s.integer() if s.chance(0.6) else round(s.decimal(), 2),
              "paid {v} dollars/spent {v} euros/was charged {v}"),
    "color": ("string", lambda s: s.choice(COLORS), "likes {v}/prefers the color {v}/chose {v}/loves {v}"),
    "email": ("string", lambda s: s.email(), "can be reached at {v}/has the email {v}/uses {v}"),
    "pet": ("string", lambda s: s.choice(PETS), "has a {v}/owns a {v}/keeps a {v}"),
    "day": ("string", lambda s: s.choice(DAYS), "comes on {v}/arrives on {v}/is free on {v}"),
    "height": ("integer", lambda s: s.random.randint(90, 210), "is {v} cm tall/measures {v} cm"),
    "children": ("integer", lambda s: s.random.randint(1, 9), "has {v} children/has {v} kids"),
    "friend": ("string", lambda s: s.person(), "knows {v}/is a friend of {v}/met {v}"),
    "date": ("string", lambda s: s.date(), "was born on {v}/arrived on {v}/signed on {v}"),
}  # fmt: skip
PROPERTY_PHRASES = ["the {k} is {v}", "{k} is {v}", "{k}: {v}", "{k} {v}", "its {k} is {v}", "{k} = {v}",
                    "a {k} of {v}", "has {k} {v}", "with {k} {v}", "{v} is the {k}", "{k} should be {v}"]  # fmt: skip
INSTRUCTIONS = [None, None, "Extract the fields.", "Return JSON.", "Fill in the schema from the text.",
                "Answer with JSON only.", "Extract the data from the user's message."]  # fmt: skip
LEADS = ["Extract: ", "Text: ", "Please extract: ", "Fill the form: ", "Extract the data: ", "Here is the text: "]
FORM_NAMES = ["person", "record", "item", "extract", "result", "answer", "response", "output", "data", "form"]


def about_a_person(source):
    """(sentence, {property: (type, value)})"""
    rnd = source.random
    keys = rnd.sample(list(PERSON), source.choice((1, 1, 2, 2, 3, 4)))
    name = source.person()
    values = {"name": ("string", name)}
    parts = []
    for key in keys:
        kind, make, ways = PERSON[key]
        value = make(source)
        values[key] = (kind, value)
        parts.append(source.phrasing(ways.split("/")).format(v=value))
    rnd.shuffle(parts)
    if len(parts) > 1 and source.chance(0.35):
        pronoun = source.choice(("He", "She", "They"))
        text = f"{name} {parts[0]}." + "".join(f" {pronoun} {part}." for part in parts[1:])
    else:
        text = f"{name} {listed(parts)}."
    if source.chance(0.2) and len(values) > 2:
        values.pop(source.choice(list(values)))
    return text, values


def about_a_thing(source):
    """Properties with any names, each mentioned with its name."""
    values, parts = {}, []
    for _ in range(source.choice((1, 2, 2, 3, 3, 4))):
        kind = source.weighted({"string": 50, "integer": 38, "number": 6, "boolean": 6})
        known = {"string": TEXT_FIELDS, "boolean": FLAG_FIELDS}.get(kind, NUMBER_FIELDS)
        key = source.pick(known) if source.chance(0.55) else source.invented()
        if key in values:
            continue
        value = {
            "string": lambda key=key: source.text(key), "integer": source.integer,
            "number": lambda: round(source.decimal(), 2), "boolean": lambda: source.chance(0.5),
        }[kind]()  # fmt: skip
        values[key] = (kind, value)
        said = quoted(source, value) if kind == "string" else str(value).lower()
        parts.append(source.phrasing(PROPERTY_PHRASES).format(k=key.replace("_", " "), v=said))
    source.random.shuffle(parts)
    lead = source.choice(("", "", "", f"The {source.pick(NOUNS)}: ", "For this one, ", f"My {source.pick(NOUNS)}: "))
    text = lead + (listed(parts) if source.chance(0.6) else ", ".join(parts))
    if source.chance(0.7):
        text = text[0].upper() + text[1:] + source.choice((".", ""))
    return text, values


def schema_of(source, values):
    """A JSON schema in one of the layouts that clients send."""
    keys = list(values)
    source.random.shuffle(keys)
    titled = source.chance(0.1)  # as pydantic writes it
    described = not titled and source.chance(0.15)
    properties = {}
    for key in keys:
        properties[key] = {"title": key.replace("_", " ").title()} if titled else {}
        properties[key]["type"] = values[key][0]
        if described:
            properties[key]["description"] = source.choice(("The {k}", "the {k} given in the text", "{k}")).format(
                k=key
            )
        if values[key][0] == "string" and not titled and source.chance(0.04) and isinstance(values[key][1], str):
            others = [source.choice(WORDS) for _ in range(2)] + [values[key][1]]
            source.random.shuffle(others)
            properties[key]["enum"] = list(dict.fromkeys(others))
    schema = {"type": "object", "properties": properties, "required": keys}
    if source.chance(0.45):
        schema["additionalProperties"] = False
    if titled:
        schema = {"properties": properties, "required": keys, "title": "Record", "type": "object"}
    elif source.chance(0.06):
        schema = {k: schema[k] for k in sorted(schema)}
    return schema, keys


def record_turn(source, effort):
    """(turn, instructions, response format)"""
    natural = source.chance(0.5)
    text, values = about_a_person(source) if natural else about_a_thing(source)
    schema, keys = schema_of(source, values)
    name = source.choice([*FORM_NAMES, source.invented(), source.pick(NOUNS)])
    description = source.choice((None, None, None, f"A {name}", f"Data about a {source.pick(NOUNS)}"))
    filled = {key: values[key][1] for key in keys}
    thought = None
    if effort == "medium":
        thought = "Fields: " + ", ".join(keys) + "."
    elif effort == "high":
        told = " ".join(f"{k} is {compact(v) if isinstance(v, bool) else v}." for k, v in filled.items())
        thought = f"Fields: {', '.join(keys)}. {told} All {len(keys)} found."
    turn = Turn(
        skill="record",
        kind="person" if natural else "made-up",
        user=text if source.chance(0.75) else source.choice(LEADS) + text,
        analysis=thought,
        final=compact(filled),
    )
    return turn, source.choice(INSTRUCTIONS), {"name": name, "description": description, "schema": schema}
