"""The functions of domains.py as a client might declare them: with other names, in another order, among others."""

import re

from dialogue import Field, Function
from domains import DOMAINS, expand
from everyday import NOUNS as EVERYDAY_NOUNS
from everyday import rephrase
from phrasing import LEAD_INS, capital, contains_held_out, quoted, with_an
from values import value_of_kind
from words import DAYS, JOBS, MONTHS, NAMES, NOUNS, WORDS

_GENRES = "rock jazz pop folk soul blues metal techno country classical reggae disco punk piano guitar dance love happy sad".split()
_CUISINES = "Italian Greek Indian Mexican Chinese Japanese French Turkish Spanish Korean Lebanese Persian".split()
_DISHES = """pizza|tomato soup|noodles|fried rice|fish and chips|pasta with cheese|chicken curry|apple pie|onion rings|bean burger|
potato salad|pancakes|beef stew|egg sandwich|lentil soup|cheese cake|grilled salmon|garlic bread|rice pudding|tacos""".replace("\n", "").split("|")
_PRODUCTS = """running shoes|coffee beans|batteries|a phone case|olive oil|washing powder|winter boots|sun cream|oat milk|tea|keys|
headphones|a bike pump|printer paper|light bulbs|dog food|socks|sugar|flour|butter|tomatoes|potatoes|onions|aspirin|vitamin pills|
cough syrup|eye drops|sunglasses|the spare key|a blue shirt|black jeans|a wool coat|toothpaste|paper towels""".replace("\n", "").split("|")
_TEAM_ENDINGS = "United City Rovers Tigers Eagles Wolves FC Bears".split()
_COMMANDS = "ls -la|git status|make test|cargo build|df -h|npm install|python main.py|cat notes.txt|top|whoami|date|ping 10.0.0.1".split("|")
_STREETS = "Main Street,Park Road,Church Lane,High Street,Mill Road,Oak Avenue,Station Road,King Street,Hill Lane,North Road".split(",")
_SUBJECTS = """I|we|the train|the team|the boss|my car|the dog|nobody|the doctor|the baby|the shop|dinner|the door|everybody|the app|
the page|the printer|the plan|the party|school|the bus|our flight|the key|the weather|my phone""".replace("\n", "").split("|")
_PREDICATES = """will be late|can come|is not here|has to wait|is on the way|needs more time|is ready|does not work|is closed today|
starts at noon|was great|is at the door|must go home|is in the {n}|has a {n}|likes the {n}|found the {n}|is too {w}|looks {w}|
will call {N}|met {N}|waits for {N}|needs the {n} now|broke the {n}|forgot the {n}|says hello|is {w} and {w2}|is out of {n}s|
is behind the {n}|wants a {w} {n}""".replace("\n", "").split("|")
_TASKS = """call {N}|water the {n}|feed the {n}|buy a {n}|clean the {n}|fix the {n}|pay the {n}|write to {N}|meet {N}|order {n}s|check the {n}|
bring the {n} back|ask {N} about the {n}|send the {n} to {N}|go to the {n}|read the {n}|close the {n}|find a {w} {n}|pick up {N}|
charge the {n}|empty the {n}|look at the {w} {n}""".replace("\n", "").split("|")


def _noun(source):
    roll = source.random.random()
    if roll < 0.3:
        return source.pick(NOUNS)
    if roll < 0.5:
        return source.word()
    return source.pick(EVERYDAY_NOUNS).replace("_", " ") if roll < 0.75 else source.invented()


def _filled(source, text):
    return text.format(n=_noun(source), w=source.pick(WORDS), w2=source.pick(WORDS), N=source.pick(NAMES))


def _sentence(source):
    if source.chance(0.15):
        return source.phrase()
    return f"{source.choice(_SUBJECTS)} {_filled(source, source.choice(_PREDICATES))}"


def _thing(source):
    """Up to four words, with or without an article."""
    roll = source.random.random()
    if roll < 0.35:
        return _noun(source)
    if roll < 0.6:
        return f"{source.pick(WORDS)} {_noun(source)}"
    if roll < 0.7:
        return f"{_noun(source)} {_noun(source)}"
    if roll < 0.78:
        return f"{_noun(source)} of the {_noun(source)}"
    return source.phrase() if roll < 0.9 else source.invented().capitalize()


def _song(source):
    words = [source.choice((source.pick(WORDS), _noun(source), source.invented())) for _ in range(source.choice((1, 2, 2, 3, 4)))]
    text = " ".join(words)
    return text.title() if source.chance(0.7) else text


def _title(source):
    roll = source.random.random()
    if roll < 0.5:
        return source.invented().capitalize()
    if roll < 0.75:
        return f"{source.invented().capitalize()} {source.invented().capitalize()}"
    return f"{source.pick(NAMES)} {source.invented().capitalize()}" if roll < 0.9 else source.city()


def _team(source):
    name = source.city() if source.chance(0.5) else source.invented().capitalize()
    return f"{name} {source.choice(_TEAM_ENDINGS)}" if source.chance(0.5) else name


def _formula(source):
    rnd = source.random
    numbers = [str(rnd.randint(2, 99)) for _ in range(3)]
    signs = rnd.choice((" * ", "*", " / ", " + ", "+", "-")), rnd.choice((" * ", "*", " + ", " - "))
    return rnd.choice((f"{numbers[0]}{signs[0]}{numbers[1]}{signs[1]}{numbers[2]}", f"{numbers[0]}x + {numbers[1]} = {numbers[2]}",
                       f"({numbers[0]} + {numbers[1]}) * {numbers[2]}", f"x^2 = {numbers[0]}", f"sqrt({numbers[1]})",
                       f"{numbers[0]}{signs[1]}x = {numbers[1]}"))  # fmt: skip


def _address(source):
    street = source.choice(_STREETS) if source.chance(0.4) else f"{source.invented().capitalize()} {source.choice(('Street', 'Road', 'Lane', 'Square'))}"
    number = source.random.randint(1, 199)
    text = f"{number} {street}" if source.chance(0.6) else f"{street} {number}"
    return source.city() if source.chance(0.2) else text


def _day(source):
    roll = source.random.random()
    if roll < 0.6:
        return source.choice(DAYS)
    return source.choice(("tomorrow", "today", f"next {source.choice(DAYS)}", "next week", "tonight"))


def _date(source):
    roll, day = source.random.random(), source.random.randint(1, 28)
    if roll < 0.55:
        return source.date()
    if roll < 0.85:
        return f"{source.choice(MONTHS)} {day}"
    return f"{day} {source.choice(MONTHS)}"


def _word(source):
    return source.choice((source.invented(), source.invented(), source.pick(NOUNS), source.pick(WORDS), source.invented().capitalize()))


_MAKERS = {
    "thing": _thing, "topic": lambda s: _thing(s) if s.chance(0.6) else value_of_kind(s, "topic"), "song": _song, "title": _title,
    "team": _team, "formula": _formula, "address": _address, "day": _day, "date": _date, "word": _word,
    "sentence": lambda s: _sentence(s) if s.chance(0.75) else value_of_kind(s, "sentence"),
    "task": lambda s: _filled(s, s.choice(_TASKS)), "genre": lambda s: s.choice(_GENRES),
    "cuisine": lambda s: s.choice(_CUISINES) if s.chance(0.7) else s.invented().capitalize(),
    "dish": lambda s: s.choice(_DISHES) if s.chance(0.5) else _thing(s),
    "product": lambda s: s.choice(_PRODUCTS).removeprefix("a ") if s.chance(0.4) else _thing(s),
    "phone": lambda s: s.choice((f"555-{s.random.randint(1000, 9999)}", str(s.random.randint(10**6, 10**8)),
                                 f"+{s.random.randint(1, 99)} {s.random.randint(10**5, 10**7)}")),
    "year": lambda s: s.random.randint(1950, 2035), "percent": lambda s: s.random.randint(1, 100),
    "small": lambda s: s.random.randint(1, 24), "amount": lambda s: s.integer() if s.chance(0.7) else round(s.decimal(), 2),
    "command": lambda s: s.choice(_COMMANDS) if s.chance(0.5) else f"{s.invented()} {s.choice(('-v', '--all', s.file_name(), s.invented()))}",
    "color": lambda s: s.choice("red blue green yellow white purple pink orange warm cold".split()),
    "job": lambda s: s.choice(JOBS) if s.chance(0.6) else s.invented(),
    "clock": lambda s: s.clock() if s.chance(0.85) else f"{s.random.randint(1, 12)} {s.choice(('am', 'pm'))}",
}  # fmt: skip
_NUMBERS = {"integer": "integer", "small": "integer", "year": "integer", "percent": "integer", "decimal": "number", "amount": "number"}
_FREE = "sentence thing topic task title song product dish word formula command address team cuisine".split()  # may swallow what follows
_ROLES = {  # what else a field of a kind may be called
    "person": """person name customer client user member employee player student visitor neighbor tenant driver pilot nurse teacher author
    reader writer singer actor coach boss friend colleague partner owner buyer seller giver host manager editor witness voter candidate
    pupil child parent speaker caller expert helper resident citizen addressee recipient who whom full_name person_name""",
    "city": """city town place location where area region destination origin site village base home spot city_name place_name target
    port station stop airport market""",
    "integer": "number count amount value quantity total units n size num how_many",
    "small": "number count amount quantity n how_many times num",
    "decimal": "value amount number size quantity x measured reading figure", "amount": "amount sum money value total price cost fee pay",
    "thing": "thing item object what subject title name content label entry text_value", "title": "name title label which what id",
    "word": "word name what key value item id which", "song": "title name what work piece", "code": "id code number ref reference key",
    "date": "date day when on due start_date begin event_date deadline", "day": "day when date on", "clock": "time at when hour from start",
    "product": "item product article goods what thing", "sentence": "text message content body note words comment",
    "room": "room where place location spot area", "topic": "topic subject query about theme matter keywords",
}  # fmt: skip
_ROLES = {kind: names.split() for kind, names in _ROLES.items()}
_UNUSED = {  # optional parameters that no request mentions: name: (type, comment)
    "verbose": ("boolean", "Whether to say more"), "unit": ("string", "The unit"), "lang": ("string", "Language of the answer"),
    "notify": ("boolean", "Whether to tell others"), "limit": ("integer", "At most so many"), "note": ("string", "More to say"),
    "timezone": ("string", "Where the clock is"), "page": ("integer", "Which page"), "format": ("string", "How to write the result"),
    "private": ("boolean", "Whether others may see it"), "sort": ("string", "The order"), "tag": ("string", "A tag"),
}  # fmt: skip
_ORDERS = """Set Turn Put Make Create Start Find Search Look Forward Send Pass Archive Move Block Keep Save Store Add Begin Tell Write Post
Announce Read Shift Remove Delete Cancel Call Remind Tick Mark Check Assign Ask Let Get Order Drive Bring Share Show Take Drop Buy Give
Rate Review Return Compare Use Apply List Pay Settle Request Freeze Stop Limit Purchase Sell Copy Duplicate Rename Run Execute Type Enter
Commit Report File Open Close Deploy Release Restart Reboot Dim Raise Vacuum Clean Sweep Heat Arm Activate Switch Unlock Log Translate
Detect Correct Summarize Shorten Solve Calculate Compute Evaluate Convert Change Factorize Factor Throw Roll Flip Toss Choose Pick Rent
Book Reserve Cook Preheat Subscribe Sign Unsubscribe Follow Like Play Lend Register Enroll Launch Quit Kill Connect Join Capture Refund
Hire Raise Vote Feed Light Hand Introduce Sow Fill Pour Name Draw""".split()
_ORDERS = {word.lower() for word in _ORDERS}
_GENERIC = set("""get set find search create make new add start run book show list check save log record send open close update change
change give take put call play order buy read write move delete remove cancel request reserve schedule plan for the and with""".split())  # verbs that say little


def _make(source, kind):
    return _MAKERS[kind](source) if kind in _MAKERS else value_of_kind(source, kind)


def stems(name):
    """The words of a name that tell what it is for, without the plural."""
    words = re.findall(r"[a-z]{3,}", re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower())
    return {word.rstrip("s") for word in words} - _GENERIC


def about(domain):
    """Word stems that tell what a function is for."""
    return set().union(*(stems(name) for name in domain.names)) or set(domain.names)


_ABOUT = [about(domain) for domain in DOMAINS]


def _declared_name(source, kind, names, taken, described, alone):
    """What this declaration calls a field; `alone`: it cannot be taken for another of its kind."""
    roll = source.random.random() * (1 if alone else 0.65)
    if roll < 0.4:
        name = names[0]
    elif roll < 0.65:
        name = source.choice(names)
    elif roll < 0.85:
        name = source.choice(_ROLES.get(kind, names))
    else:
        name = source.identifier() if described or source.chance(0.6) else names[0]
    for other in (*names, *_ROLES.get(kind, ())):
        if name not in taken:
            break
        name = other
    while name in taken:
        name = source.invented()
    return name


def _renamed(source, name):
    """The name, or one in which words are added or exchanged: it has to be read, it cannot be known by heart."""
    roll, words = source.random.random(), name.split("_")
    if roll < 0.55:
        return name
    if roll < 0.72:
        words.insert(source.random.randint(0, len(words)), source.word())
    elif roll < 0.93:
        words[0 if source.chance(0.6) else source.random.randrange(len(words))] = source.word()
    else:
        words = [source.word() for _ in range(source.choice((1, 2, 3)))]
    return "_".join(words)


def domain_function(source):
    number = source.random.randrange(len(DOMAINS))
    domain = DOMAINS[number]
    described = source.chance(0.5)
    fields, slots = [], {}  # slot of the phrasings: (field, kind)
    kinds = [kind.rstrip("?") for _, kind, _ in domain.fields.values()]
    for names, kind, comments in domain.fields.values():
        optional, kind = kind.endswith("?"), kind.rstrip("?")
        enum = kind.split("|") if "|" in kind else None
        name = _declared_name(source, kind, names, {f.name for f in fields}, described, kinds.count(kind) == 1)
        field = Field(name, _NUMBERS.get(kind, "string"), source.choice(comments) if described else None, enum, required=not optional)
        if enum and source.chance(0.3):
            source.random.shuffle(enum)
        fields.append(field)
        slots[names[0]] = field, kind
    if source.chance(0.12):
        name = source.choice(list(_UNUSED))
        if name not in {f.name for f in fields}:
            json_type, comment = _UNUSED[name]
            fields.append(Field(name, json_type, comment if described else None, required=False))
    if source.chance(0.3):
        source.random.shuffle(fields)
    name = _renamed(source, domain.names[0] if source.chance(0.5) else source.choice(domain.names))
    if source.chance(0.15):
        first, *rest = name.split("_")
        name = first + "".join(part.capitalize() for part in rest)
    strange = not stems(name) & _ABOUT[number]
    description = source.choice(domain.descriptions) if strange or source.chance(0.85) else None
    function = Function(name, description, fields, about=_ABOUT[number])
    function.ask = lambda source: _request(source, domain, function, slots)
    return function


def _said(source, value, kind):
    if isinstance(value, str):
        return quoted(source, value, 0.25 if kind in _FREE else 0.06)
    return str(value)


def _request(source, domain, function, slots):
    """(what the user writes, arguments)"""
    template = expand(source, source.choice(domain.phrasings))
    while contains_held_out(template):
        template = expand(source, source.choice(domain.phrasings))
    used, values = re.findall(r"\{(\w+)\}", template), {}
    for slot in used:
        field, kind = slots[slot]
        while slot not in values or list(values.values()).count(values[slot]) > 1:
            values[slot] = source.choice(field.enum) if field.enum else _make(source, kind)
    given = {slots[slot][0].name: value for slot, value in values.items()}
    arguments = {field.name: given[field.name] for field in function.fields if field.name in given}
    last = slots[used[-1]][1] if used and template.endswith("}") else None
    last = "thing" if last in _FREE else last  # for rephrase
    first = template.split()[0].lower()
    if first in _ORDERS and source.chance(0.35):
        lead = source.choice(LEAD_INS)
        if not contains_held_out(f"{lead} {template}"):
            template = f"{lead} {template[0].lower()}{template[1:]}"
    by_value = template.startswith("{")
    if not by_value and source.chance(0.6):
        template = capital(template)
    text = with_an(template).format(**{slot: _said(source, value, slots[slot][1]) for slot, value in values.items()})
    return (rephrase(source, text, by_value, last) if source.chance(0.5) else text), arguments
