"""Skill: filling a small JSON schema from a sentence."""

import held_out
import people
from dialogue import Turn, compact
from functions import SAME_TYPE, listed, quoted
from phrasing import ADJECTIVES, capital, field_phrase, fillers, finished, joined
from words import COLORS, DAYS, FLAG_FIELDS, JOBS, NOUNS, NUMBER_FIELDS, PETS, TEXT_FIELDS, Texts

# property: (type, value, how a sentence about a person says it)
PERSON = {
    "age": ("integer", lambda s: s.random.randint(1, 99), "is {v} years old/is aged {v}/turned {v} last week/is {v}"),
    "city": ("string", lambda s: s.city(), "lives in {v}/comes from {v}/is from {v}/moved to {v}/is based in {v}"),
    "job": ("string", lambda s: s.some(JOBS) if s.chance(0.7) else s.invented(),
            "works as a {v}/is a {v}/has a job as a {v}/earns money as a {v}"),
    "company": ("string", lambda s: s.invented().capitalize(), "works at {v}/works for {v}/is employed by {v}"),
    "quantity": ("integer", lambda s: s.integer(), "ordered {v} pieces/bought {v} of them/needs {v} units"),
    "product": ("string", lambda s: s.pick(NOUNS) if s.chance(0.6) else s.invented(),
                "wants a {v}/bought a {v}/ordered a {v}/is looking for a {v}"),
    "price": ("number", lambda s: s.integer() if s.chance(0.6) else round(s.decimal(), 2),
              "paid {v} dollars/spent {v} euros/was charged {v}"),
    "color": ("string", lambda s: s.some(COLORS), "likes {v}/prefers the color {v}/chose {v}/loves {v}"),
    "email": ("string", lambda s: s.email(), "can be reached at {v}/has the email {v}/uses {v}"),
    "pet": ("string", lambda s: s.some(PETS), "has a {v}/owns a {v}/keeps a {v}"),
    "day": ("string", lambda s: s.choice(DAYS), "comes on {v}/arrives on {v}/is free on {v}"),
    "height": ("integer", lambda s: s.random.randint(90, 210), "is {v} cm tall/measures {v} cm"),
    "children": ("integer", lambda s: s.random.randint(1, 9), "has {v} children/has {v} kids"),
    "friend": ("string", lambda s: s.person(), "knows {v}/is a friend of {v}/met {v}"),
    "date": ("string", lambda s: s.date(), "was born on {v}/arrived on {v}/signed on {v}"),
}  # fmt: skip
PERSON = {
    key: (kind, make, Texts(ways.split("/"), held_out.PERSON[key].split("/")))
    for key, (kind, make, ways) in PERSON.items()
}
PROPERTY_PHRASES = ["the {k} is {v}", "{k} is {v}", "{k}: {v}", "{k} {v}", "its {k} is {v}", "{k} = {v}",
                    "a {k} of {v}", "has {k} {v}", "with {k} {v}", "{v} is the {k}", "{k} should be {v}"]  # fmt: skip
PROPERTY_PHRASES = Texts(PROPERTY_PHRASES, held_out.PROPERTY_PHRASES)
INSTRUCTIONS = [None, None, "Extract the fields.", "Return JSON.", "Fill in the schema from the text.",
                "Answer with JSON only.", "Extract the data from the user's message."]  # fmt: skip
LEADS = ["Extract: ", "Text: ", "Please extract: ", "Fill the form: ", "Extract the data: ", "Here is the text: "]
OPENINGS = """The {n}: |My {n}: |This {n}: |A {n}: |{N}: |About the {n}: |For the {n}, |For this {n}, |Our {n} again: |One {n}. |
Here is a {n}: |Here is what I know: |It's a {n}. |I have a {n}. |I found a {n}. |We sold a {n}: |Data of the {n}: |{f}. |{f}: |The data: |
Details: |Notes: |Yesterday's {n}: |Another {n}: |Listen. |Look at the {n}: |There is a {n}, |With this {n}, |Please note: |As for the {n}: |
Facts about the {n}: |It has come to my attention: |Hello! |Hi, |Good morning. |Item one. |Next {n}: |Entry: |New {n}: |In short: |
From the letter: |According to the {n}, |On the note it says: |I was told this: |This is what they wrote: |From my desk: """.replace("\n", "").split("|")
MORE_LEADS = """Extract this: |Extract the values: |Get the data from this: |Read this: |Text to read: |Input: |Document: |Parse: |Parse this: |
Please fill in: |Please read: |Please parse: |Please turn this into JSON: |Turn this into JSON: |Make JSON of this: |As JSON: |JSON please: |
Put this into the form: |Fill in the schema: |Fill it in: |Form: |Record: |New record: |Next one: |Another one: |Here is one: |Here you go: |
Here is the sentence: |Sentence: |Message: |A message came in: |From an email: |Email: |Our notes say: |Convert: |Structure this: |
Can you extract this? |Could you fill the form? |What are the fields? |Take this text: |Take this: |Now this: |And this: |Then: |Summarize as JSON: |
The user wrote: |They wrote: |I got this: |Note: |Data: |Source text: |Analyse: |Give me the fields: """.replace("\n", "").split("|")
FORM_NAMES = ["person", "record", "item", "extract", "result", "answer", "response", "output", "data", "form"]


def about_a_person(source, keys):
    """(sentence, {property: value}); every sentence gives the name as well."""
    name = source.person()
    values, parts = {"name": name}, []
    if source.procedural():
        told = {key: PERSON[key][1](source) for key in keys}
        return people.about(source, name, told), values | told
    for key in keys:
        _, make, ways = PERSON[key]
        values[key] = make(source)
        parts.append(source.phrasing(ways).format(v=values[key]))
    source.random.shuffle(parts)
    if len(parts) > 1 and source.chance(0.35):
        pronoun = source.choice(("He", "She", "They"))
        return f"{name} {parts[0]}." + "".join(f" {pronoun} {part}." for part in parts[1:]), values
    return f"{name} {listed(parts)}.", values


def facts(source, kinds, values):
    """A text in random words that mentions each value with its name; for training."""
    noun = source.pick(NOUNS) if source.chance(0.8) else source.invented()
    phrases = [field_phrase(source, key, values[key], kind, noun, fact=True) for key, kind in kinds.items()]
    source.random.shuffle(phrases)
    text = joined(source, phrases)
    if source.chance(0.5):
        adjective = source.choice(ADJECTIVES) + " " if source.chance(0.3) else ""
        opening = source.choice(OPENINGS).format(n=adjective + noun, N=capital(adjective + noun), f=fillers(source))
        text = opening + (capital(text) if opening[-2:] in (". ", "! ") else text)
    text = capital(text) + source.choice((".", ".", "", "", "!")) if source.chance(0.7) else text
    return finished(text)


def about_a_thing(source, kinds):
    """kinds: {property: JSON type} -> (text that mentions each with its name, {property: value})"""
    makers = {
        "integer": source.integer,
        "number": lambda: round(source.decimal(), 2),
        "boolean": lambda: source.chance(0.5),
    }
    values, parts = {}, []
    if source.procedural():
        values = {key: source.text(key) if kind == "string" else makers[kind]() for key, kind in kinds.items()}
        return facts(source, kinds, values), values
    for key, kind in kinds.items():
        value = values[key] = source.text(key) if kind == "string" else makers[kind]()
        said = quoted(source, value) if kind == "string" else str(value).lower()
        parts.append(source.phrasing(PROPERTY_PHRASES).format(k=key.replace("_", " "), v=said))
    source.random.shuffle(parts)
    lead = source.choice(("", "", "", f"The {source.pick(NOUNS)}: ", "For this one, ", f"My {source.pick(NOUNS)}: "))
    text = lead + (listed(parts) if source.chance(0.6) else ", ".join(parts))
    if source.chance(0.7):
        as_it_is = source.split == "train" and any(text.startswith(str(value)) for value in values.values())
        text = (text if as_it_is else capital(text)) + source.choice((".", ""))
    return text, values


def lead(source):
    """What asks for the fields, before the text."""
    return source.choice(MORE_LEADS if source.procedural() else LEADS)


def made_up_properties(source):
    kinds, count, same = {}, source.choice((1, 2, 2, 3, 3, 4)), None
    if source.chance(SAME_TYPE):
        count, same = source.choice((2, 3, 3, 4)), source.choice(("string", "integer"))
    while len(kinds) < count:
        kind = same or source.weighted({"string": 50, "integer": 38, "number": 6, "boolean": 6})
        known = {"string": TEXT_FIELDS, "boolean": FLAG_FIELDS}.get(kind, NUMBER_FIELDS)
        kinds.setdefault(source.pick(known) if source.chance(0.55) else source.invented(), kind)
    return kinds


def schema_of(source, kinds):
    """A JSON schema in one of the layouts that clients send."""
    titled = source.chance(0.1)  # as pydantic writes it
    described = not titled and source.chance(0.15)
    properties = {}
    for key, kind in kinds.items():
        properties[key] = {"title": key.replace("_", " ").title()} if titled else {}
        properties[key]["type"] = kind
        if described:
            comment = source.choice(("The {k}", "the {k} given in the text", "{k}"))
            properties[key]["description"] = comment.format(k=key)
    schema = {"type": "object", "properties": properties, "required": list(kinds)}
    if source.chance(0.45):
        schema["additionalProperties"] = False
    if titled:
        return {"properties": properties, "required": list(kinds), "title": "Record", "type": "object"}
    return {k: schema[k] for k in sorted(schema)} if source.chance(0.06) else schema


def thought(effort, filled):
    if effort == "low":
        return None
    fields = f"Fields: {', '.join(filled)}."
    if effort == "medium":
        return fields
    told = " ".join(f"{k} is {compact(v) if isinstance(v, bool) else v}." for k, v in filled.items())
    return f"{fields} {told} Nothing is missing."


def record_turns(source, effort, count=1):
    """(turns that all fill the same schema, instructions, response format)"""
    natural = source.chance(0.5)
    if natural:
        told = source.random.sample(list(PERSON), source.choice((1, 1, 2, 2, 3, 4)))
        kinds = {"name": "string"} | {key: PERSON[key][0] for key in told}
        if source.chance(0.2) and len(kinds) > 2:
            kinds.pop(source.choice(list(kinds)))
    else:
        told = kinds = made_up_properties(source)
    keys = list(kinds)
    source.random.shuffle(keys)
    kinds = {key: kinds[key] for key in keys}
    turns = []
    for _ in range(count):
        text, values = about_a_person(source, told) if natural else about_a_thing(source, told)
        filled = {key: values[key] for key in kinds}
        turns.append(
            Turn(
                skill="record",
                kind="person" if natural else "made-up",
                user=text if source.chance(0.75) else lead(source) + text,
                analysis=thought(effort, filled),
                final=compact(filled),
            )
        )
    name = source.choice([*FORM_NAMES, source.invented(), source.pick(NOUNS)])
    description = source.choice((None, None, None, f"A {name}", f"Data about a {source.pick(NOUNS)}"))
    form = {"name": name, "description": description, "schema": schema_of(source, kinds)}
    return turns, source.choice(INSTRUCTIONS), form
