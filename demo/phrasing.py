"""Phrasing for training: short texts put together at random, so that no list of templates can be learned by heart.

Links and lead-ins of held_out.py stay out: its telling words (as in "equal to" or "being") are in no
list here, and `new` draws again whatever contains one of its phrasings.
"""

import re
from functools import cache

import held_out
from words import COLORS, NOUNS, WORDS

# ---------------------------------------------------------------- words without meaning for the request

FILLERS = """actually basically clearly currently evidently finally generally gladly hopefully honestly indeed
literally mainly maybe merely mostly naturally normally obviously officially perhaps personally plainly possibly
presumably probably rather really roughly seemingly simply somehow surely truly usually usefully certainly definitely
apparently ideally initially typically virtually anyway besides instead meanwhile otherwise therefore though thus
however still already always never often sometimes soon lately early later here there everywhere
outside inside above below nearby far away together alone again once twice""".split()
ADJECTIVES = """new old good better best usual other same right proper correct exact present actual current wanted
requested required chosen desired preferred intended given final first only whole real famous important special
useful simple plain strange nice lovely pretty great big long short different second next last mentioned aforementioned
agreed expected suggested planned necessary final full complete initial total overall""".split()
PARENTHETICAL = """as I said|as usual|by the way|I think|I guess|if possible|in this case|this time|for now|of course
to be clear|to be exact|in short|in fact|I believe|as agreed|as planned|so to speak|mind you|you know|as always|as ever
at the moment|after all|for once|at least|for sure|without doubt|no doubt|in my opinion|in our case|as you know
in the end|for the record|at this point|for example|to start with|on the other hand|between you and me""".replace(
    "\n", "|"
).split("|")
_LOOSE = [*FILLERS, *ADJECTIVES, *NOUNS, *WORDS, *COLORS]


def fillers(source, most=3):
    """One to `most` words that say nothing."""
    count = source.random.randint(1, most)
    return " ".join(source.invented() if source.chance(0.1) else source.choice(_LOOSE) for _ in range(count))


def aside(source):
    """An adverb or two, or a parenthesis between commas."""
    if source.chance(0.4):
        return f", {source.choice(PARENTHETICAL)},"
    return " " + " ".join(source.choice(FILLERS) for _ in range(source.choice((1, 1, 2))))


# ---------------------------------------------------------------- keeping held_out.py's phrasings out


def skeleton(template):
    """As in check_held_out.py: a template without what its slots are called, capitals and punctuation."""
    text = re.sub(r"\{\w+\}", "#", template.lower())
    return " ".join(re.findall(r"[#\w'+*/^%=-]+", text))


@cache
def _held_out():
    """(skeletons that may not be a whole text, those that may not be a part either)"""
    lists = [held_out.ADD, held_out.SUBTRACT, held_out.REQUEST_HEADS, held_out.ARGUMENT_PHRASES]
    lists += [held_out.PROPERTY_PHRASES, *held_out.QUESTIONS.values()]
    lists += [ways.split("/") for ways in held_out.PERSON.values()]
    every = {skeleton(text) for texts in lists for text in texts}
    return every, sorted(f" {text} " for text in every if len(text.split()) > 2)


def contains_held_out(template):
    whole, parts = _held_out()
    text = skeleton(template)
    return text in whole or any(part in f" {text} " for part in parts)


def with_an(text):
    return re.sub(r"\b([aA]) (?=[aeio]\w)", r"\1n ", text)


def new(draw, source):
    """A template of draw(source) that evaluation does not keep for itself."""
    while contains_held_out(template := draw(source)):
        pass
    return with_an(template)


def fill(template, **values):
    """Puts the values into the slots, with "an" where it belongs."""
    for slot, value in values.items():
        if str(value)[:1].lower() in "aeio":
            template = re.sub(rf"\b([aA]) (?=\{{{slot}\}})", r"\1n ", template)
    return template.format(**values)


VALUE = "\0"  # stands before a value that begins a phrase: its first letter has to stay as it is


def capital(text):
    return text[:1].upper() + text[1:]


def finished(text):
    return text.replace(VALUE, "")


def begins_with_number(text):
    return text.removeprefix(VALUE)[:1].isdigit()


def values_marked(template):
    return VALUE + template if template.startswith(("{v}", "{a}", "{b}")) else template


# ---------------------------------------------------------------- one field and its value

_BE = """is|is now|should be|will be|would be|ought to be|has to be|needs to be|can be|may be|could be|might be|stays
remains|becomes|reads|says|stands at|is set to|is fixed at|is given by|is known to be|is said to be|is called|has been
has become|has been set to|is supposed to be|is meant to be|is going to be|turned out to be|turns out to be|ended up as
ends up as|seems to be|appears to be|looks like|goes by|amounts to|has the value|takes the value|gets the value|holds
carries|contains|shows|displays|bears|is listed as|is recorded as|is noted as|is entered as|is written as|is reported as
is stated as|is marked as|is defined as|is specified as|is registered as|is declared as|should read|should say|will read
would read|should stay|should remain|should become|should go to|should get the value|is none other than|is exactly
is precisely|is simply|is just|isn't anything but|happens to be|'s value is|'s value should be|means|stands for
corresponds to|matches|follows as|results in|will become|is to be|is always|is probably|I want is|I need is|we need is
you need is|I have is|you should use is|to use is|to take is|we agreed on is|I chose is|we picked is|I prefer is|was set to|was entered as|was recorded as
was listed as|was changed to|was found to be|was noted as|was fixed at|was put at|was called|was left at|was measured as|was said to be
totals|hits|reaches|measures|yields|gives|tells|states|covers|spells|lists|names|denotes|indicates|designates|signifies|represents|features
includes|implies|specifies|describes|attains|forms|suggests|requires|wants|demands|expects|counts as|ranks as|figures as|passes for|runs to
sums to|leads to|points to|refers to|maps to|resolves to|translates to|evaluates to|defaults to|changes to|turns to|belongs with|goes with
sits at|lies at|hovers at|rests at|stops at|starts at|ends at|identical to|similar to|the same as|tied to|bound to|limited to|pinned to|next to
restricted to|attached to|linked to|assigned to|mapped to|aligned with|paired with|filled with|labelled|titled|named|called|termed|dubbed|known as
has|has now|gets|keeps|takes on|makes|brings|offers|provides|supplies|uses|employs""".replace(
    "\n", "|"
).split("|")
_MODALS = "should|will|would|can|could|may|might|ought to|has to|needs to|is supposed to|is to|is expected to".split("|")
_STATES = """be|stay|remain|become|read|be set to|be given as|be fixed at|be kept at|be put at|be listed as|be left at
be changed to|be recorded as|be taken as|be noted as|say|show|contain|hold|carry""".replace("\n", "|").split("|")
_SIGNS = [" ", " ", ": ", ": ", "=", " = ", ":", " -> ", " => ", " := ", " == ", ", namely ", ", i.e. ", " of ", " as ",
          " like ", "\t", ":\n", " → ", " ... ", "... ", ", viz. ", ", that is "]  # fmt: skip
_SUBJECT_LEADS = """the|the|the|its|my|our|your|this|that|the|I want that the|I'd say the|note that the|please note the
say the|I think the|I hope the|make sure the|remember that the|be aware that the|it is clear that the|here the|now the
suppose the|assume the|imagine the|we know the|you see, the|as agreed, the|as you know, the|in this case the|for it the
for now the|this time the|naturally the|obviously the|and its|all right, the|well, the|so the|the value of the
the value for the|the field|the parameter|the entry|the property|the argument|the option|the setting""".replace(
    "\n", "|"
).split("|")
_LABEL_LEADS = """with|using|with the|using the|the|a|given|at|under|by|plus|including|including the|featuring|on the basis of
use|use the|apply|apply the|choose|choose the|pick|give it the|give it|i.e.|e.g.|say|for example|namely|want|need""".replace(
    "\n", "|"
).split("|")
_IMPERATIVES = """set {d}{p} to {v}|set {p} to {v}|put {d}{p} at {v}|make {d}{p} {v}|make {p} {v}|keep {d}{p} at {v}
fix {d}{p} at {v}|have {d}{p} set to {v}|have {d}{p} at {v}|fill {d}{p} with {v}|leave {d}{p} at {v}|change {d}{p} to {v}
switch {d}{p} to {v}|adjust {d}{p} to {v}|bring {d}{p} to {v}|I want {d}{p} to be {v}|I need {d}{p} to be {v}
I want {d}{p} at {v}|I'd like {d}{p} to be {v}|we want {d}{p} set to {v}|give {d}{p} the value {v}|assign {v} to {d}{p}
consider {d}{p} to be {v}|declare {d}{p} as {v}|define {d}{p} as {v}|enter {d}{p} as {v}|write {d}{p} as {v}
treat {d}{p} as {v}|mark {d}{p} as {v}|turn {d}{p} into {v}|see to it that {d}{p} is {v}|I set {d}{p} to {v}
choose {d}{p} to be {v}|move {d}{p} to {v}|update {d}{p} to {v}|select {d}{p} {v}|enter {d}{p} {v}|note {d}{p} {v}
give it {d}{p} {v}|let it have {d}{p} {v}|start with {d}{p} at {v}|go with {d}{p} {v}|pass {d}{p} as {v}""".replace(
    "\n", "|"
).split("|")
_TOPICS = """for|as for|regarding|concerning|about|as regards|in terms of|when it comes to|with regard to|on|under|in
with respect to|as far as|talking of|speaking of|as to""".replace("\n", "|").split("|")
_TOPIC_VERBS = """use|take|choose|write|enter|I suggest|I choose|pick|try|insert|select|it's|it is|I'd go with|go with|type
I say|that would be|we use|we take|I want|I need|please use|please take|make it|simply use|only|just|let's say|read""".replace(
    "\n", "|"
).split("|")
_CHOICES = """use|choose|pick|write|enter|insert|apply|select|go with|I choose|I'd go with|we need|put|type|fill in|try|keep
I'd like|please use|please choose|please enter|just use|simply use|I picked|we picked|I suggest|consider|pass|supply
you can use|you should use|I decided on|we agreed on|there should be|note down|store|give|provide|specify""".replace(
    "\n", "|"
).split("|")
_PLACES = """as the|as|for the|for|in the field|under|as value of|as the value of|as the value for|to be the|in place of the
in the role of|by way of|as my|as our|as your|as a|for its|in|as far as the|when it comes to the|for the field
where it says|in the slot|next to""".replace("\n", "|").split("|")
_ROLES = """is|should be|will be|would be|makes|works as|serves as|goes into|goes in|belongs in|belongs to|counts as|could be
is meant as|is to be|is what I want as|is my choice for|is what we chose for|can be used as|is used as|acts as|stands for
ought to be|becomes|has to be|needs to be|may be|is given as|is entered as|remains|stays|is now|is also|is noted as
looks right as|seems right for|sounds good as|will do as|fits as|is fine as|is good for|works for|is okay for""".replace(
    "\n", "|"
).split("|")
_AFTERTHOUGHTS = ["{v} ({p})", "{v} [{p}]", "{v}, that's the {p}", "{v}, which is the {p}", "{v}, I mean the {p}",
                  "{v}, that is our {p}", "{v} for {p}", "{v} for the {p}", "{v} as {p}", "{v} in terms of {p}",
                  "{v} (the {p})", "{v} (= {p})", "{v}, for the {p}", "{v}, as the {p}", "{v} by way of {p}",
                  "{v} <- {p}", "{v}, this is the {p}", "{v} (that's the {p})", "{v}, as far as the {p} goes",
                  "{v} for my {p}", "{v} as our {p}", "{v} on the {p} side"]  # fmt: skip
_DETERMINERS = ("the ", "the ", "the ", "its ", "my ", "our ", "")


def _verb_link(source):
    if source.chance(0.35):
        return f"{source.choice(_MODALS)} {source.choice(_STATES)}"
    return source.choice(_BE)


def _subject_first(source):
    lead = source.choice(_SUBJECT_LEADS) if source.chance(0.7) else ""
    if source.chance(0.18):
        lead = f"{lead} {source.choice(ADJECTIVES)}"
    link = _verb_link(source)
    between = "" if link.startswith("'") else aside(source) + " " if source.chance(0.13) else " "
    noun = " of the {n}" if source.chance(0.12) and not link.startswith("'") else ""
    if source.chance(0.12):
        lead = source.choice(("the {n}'s", "this {n}'s", "my {n}'s", "the {n}'s own", "our {n}'s"))
    return f"{lead} {{p}}{noun}{between}{link} {{v}}"


def _label(source):
    lead = source.choice(_LABEL_LEADS) if source.chance(0.5) else ""
    if source.chance(0.1):
        lead = f"{lead} {source.choice(ADJECTIVES)}"
    roll = source.random.random()
    if roll < 0.05:
        return f"{lead} {{p}} ({{v}})"
    return f"{lead} {{p}}{source.choice(_SIGNS)}{{v}}"


def _imperative(source):
    text = source.choice(_IMPERATIVES).replace("{d}", source.choice(_DETERMINERS))
    return f"{source.choice(FILLERS)} {text}" if source.chance(0.1) else text


def _topic(source):
    topic = source.choice(_TOPICS)
    rest = "{p} goes" if topic == "as far as" else "{p}"
    sign = source.choice((", ", ": ", " ", ", ")) if topic == "for" else source.choice((", ", ": ", " — ", ", "))
    verb = source.choice(_TOPIC_VERBS) + " " if sign == " " or source.chance(0.75) else ""
    return f"{topic} {source.choice(_DETERMINERS)}{rest}{sign}{verb}{{v}}"


def _chosen(source):
    place = source.choice(_PLACES)
    end = " goes" if place == "as far as the" else " is concerned" if place == "when it comes to the" else ""
    end = "" if place == "when it comes to the" else end
    adjective = source.choice(ADJECTIVES) + " " if place.endswith("the") and source.chance(0.15) else ""
    return f"{source.choice(_CHOICES)} {{v}} {place} {adjective}{{p}}{end}"


def _role(source):
    between = aside(source) if source.chance(0.08) else ""
    return f"{{v}}{between} {source.choice(_ROLES)} {source.choice(_DETERMINERS)}{{p}}"


def _afterthought(source):
    return source.choice(_AFTERTHOUGHTS)


_REQUESTS = {_subject_first: 26, _label: 26, _imperative: 14, _topic: 9, _chosen: 10, _role: 6, _afterthought: 9}
_FACTS = {_subject_first: 42, _label: 28, _topic: 4, _role: 12, _afterthought: 14}


def quoted(source, value, often=0.3):
    """The value, sometimes between quotation marks of some sort."""
    if not source.chance(often):
        return value
    left, right = source.choice(('""', '""', '""', "''", "“”", "‘’", "``", "«»", "„“"))
    return f"{left}{value}{right}"


def spoken_name(source, name):
    """A declared name as people may write it."""
    words = name.replace("_", " ")
    roll = source.random.random()
    if roll < 0.66:
        return words
    if roll < 0.88:
        return name
    return capital(words) if roll < 0.95 else f"`{name}`" if roll < 0.97 else words.upper()


def field_phrase(source, name, value, kind, noun, fact=False):
    """Says that the field has the value; noun: what has the field.  `fact`: as a fact, not as an order."""

    def draw(source):
        return source.weighted(_FACTS if fact else _REQUESTS)(source).strip()

    p = spoken_name(source, name)
    if kind == "boolean":
        said = source.choice(("true false", "true false", "on off", "yes no", "enabled disabled")).split()[not value]
        draw_label = {_label: 3, _subject_first: 2} if fact else {_label: 3, _subject_first: 2, _imperative: 2}
        return fill(new(lambda s: s.weighted(draw_label)(s).strip(), source), p=p, v=said, n=noun)
    text = quoted(source, value, 0.45 if " " in value else 0.28) if kind == "string" else str(value)
    return fill(values_marked(new(draw, source)), p=p, v=text, n=noun)


_SEPARATORS = {", ": 30, " and ": 20, "; ": 8, ", and ": 9, " plus ": 3, ", plus ": 3, ", also ": 4, "\n": 6, " — ": 3,
               ". ": 14, " & ": 1, " as well as ": 2, ", then ": 2, " - ": 1, "\n- ": 2}  # fmt: skip


def joined(source, phrases):
    """The phrases with separators of one or of several sorts."""
    same = source.weighted(_SEPARATORS) if source.chance(0.5) else None
    out = phrases[0]
    for phrase in phrases[1:]:
        separator = same or source.weighted(_SEPARATORS)
        if separator.endswith("- ") and begins_with_number(phrase):
            separator = ", "  # it is not below zero
        out += separator + (capital(phrase) if separator == ". " else phrase)
    return out


# ---------------------------------------------------------------- asking for something

LEAD_INS = """please|please|can you|could you|can you please|could you please|I want to|I need to|I want you to|I need you to
I'd like you to|I'd like to|now|go and|go ahead and|be so kind as to|be so good as to|you should|you have to|you may
will you|will you please|now please|then|and then|and now|first|after that|well|okay|ok|alright|right|so|so now|just
simply|do|I would love you to|I would love to|my boss wants you to|my boss wants me to|my friend asked me to|she asked me to
they want us to|we want to|we need to|we should|it is necessary to|it is important to|it's urgent to|your task is to
your job is to|the task is to|the plan is to|the goal is to|the next step is to|next step:|your next job:|step one:
I am asking you to|I ask you to|I beg you to|I order you to|may I ask you to|might I ask you to|can I ask you to
could I get you to|can we|could we|can someone|could somebody|can anybody|somebody has to|someone should|I have to
I've got to|I was told to|I was hoping to|I was hoping you could|I wonder if you could|I wonder whether you can
do you think you can|do you think you could|any chance you could|is there a way to|are you able to|would it be okay to
if you can,|if possible,|if you don't mind,|when you have a moment,|when you get the chance,|as soon as you can,
before anything else,|quick question, can you|listen,|look,|attention:|hello,|hello, please|hi,|hi, can you
dear assistant,|assistant,|computer,|bot,|my friend,|sorry, but please|excuse me, could you|for my project,|for work,
for a client:|right now,|immediately|at once|without delay|once more,|again,|one more time,|also|besides,|by the way,
oh,|oh and|ah,|hmm,|um,|er,|remember to|don't forget to|do not forget to|make sure to|be sure to|see if you can
feel free to|manage to|you are to|let me|let us|I decided to|we decided to|I plan to|I intend to|I'm going to
I am about to|we are going to|we agreed to|it would help to|it would be nice to|it would be nice if you could
it would help if you could|all I want is to|all you have to do is|what I want is to|the best thing is to
the customer wants to|somebody asked me to|I was asked to|we were told to|my job is to|I promised to
I'd be glad if you could|I'd be happy if you could|I'd appreciate it if you could|could you possibly|could you maybe
can you quickly|do me a favour and|do me the favour to|be a dear and|hurry and|stop everything and
if it's not too much trouble,|for heaven's sake,|pretty please,|as agreed,|as discussed,|as promised,|like before,
instead,|second thing:|another thing:|one thing:|request:|task:|order:|to do:|wanted:|command:|instruction:|job:
> |- |* |1. |@bot |>> |hey bot,|yes,|no,|sure,|good,|fine,|great,|perfect, now|done? then|thanks, now|ok thanks. now""".replace(
    "\n", "|"
).split("|")
_ING_LEADS = """I need help with|would you mind|do you mind|how about|what about|I am thinking of|this is about|I insist on
we are considering|begin by|start by|I am considering|it's about|I suggest|I recommend|my plan is about|we talked about
let me ask you about|I'd suggest|you are responsible for|I am interested in|are you capable of|we can't avoid
please consider|I look forward to|no objection to""".replace("\n", "|").split("|")
_TAILS = """for me|now|please|right away|as usual|again|if you can|if possible|when you can|as soon as possible|this time
once more|for us|for my boss|without delay|like last time|as we discussed|as before|right now|if you please|at once
straight away|for the customer|for a friend|in one go|properly|carefully|immediately|somehow|and nothing else|anyway
as agreed|as planned|if that's okay|if you don't mind|only|too|as well|instead|first|next|of mine|of ours
that I told you about|we talked about|that everyone wants|from before|in question|mentioned before""".replace(
    "\n", "|"
).split("|")
ENDINGS = [".", "?", "!", " please", ", please", ", thanks", ". Thanks!", ". Thank you.", " :)", "...", "!!", ", thank you",
           ". Please.", " ok?", ", okay?", ". That's all.", ". Go!", " - thanks", ". Cheers", ", will you?", ". Now.",
           ". I'm in a hurry."]  # fmt: skip
SYNONYMS = {  # no verb has a word of another one
    "get": "get|show me|fetch|give me|look up|bring me|pull up|retrieve|hand me|bring up|let me see",
    "set": "set|adjust|put|configure|fix|regulate", "find": "find|search for|locate|look for|seek|hunt for|discover",
    "create": "create|make|set up|build|generate|produce|draw up|construct|make up",
    "delete": "delete|remove|erase|get rid of|wipe|drop|throw away|destroy|discard|eliminate",
    "send": "send|dispatch|forward|send off|send out|pass on|transmit", "book": "book|reserve|make a reservation for",
    "start": "start|begin|launch|kick off|fire up|switch on|turn on|activate|initiate",
    "stop": "stop|halt|end|switch off|turn off|shut down|terminate|quit", "open": "open|open up|unseal|unfold|reopen",
    "close": "close|shut|seal|close off|shut tight", "update": "update|change|edit|modify|revise|refresh|amend|alter",
    "list": "list|show all|enumerate|list out|itemize", "check": "check|inspect|examine|verify|test|look over|take a look at",
    "buy": "buy|purchase|order|pay for|acquire|shop for", "move": "move|shift|relocate|transfer|carry over|bring over",
    "copy": "copy|duplicate|clone|replicate|make a copy of|reproduce",
    "rename": "rename|give a new name to|change the name of|relabel|retitle",
    "count": "count|count up|tally|tell me the number of|work out the number of",
    "print": "print|print out|put on paper|make a printout of|run off", "load": "load|load up|read in|bring in|import",
    "save": "save|store|keep|preserve|back up|put away", "scan": "scan|scan in|digitize|run a scan of|make a scan of",
    "reset": "reset|reinitialize|revert|clear|put back to zero", "lock": "lock|lock up|bolt|put a lock on|latch|secure",
    "track": "track|follow|trace|keep an eye on|monitor|keep track of|watch",
    "cancel": "cancel|call off|abandon|scrap|annul|revoke|withdraw", "rate": "rate|score|grade|give a rating to|evaluate|assess",
    "share": "share|share out|let others see|pass around|hand round|make available",
    "measure": "measure|gauge|take the measure of|size up|take a reading of",
    "add": "add|insert|append|attach|put in|include|tack on", "read": "read|read out|read aloud|read through|recite",
    "write": "write|write down|compose|note down|jot down|put in writing",
}  # fmt: skip
SYNONYMS = {verb: words.split("|") for verb, words in SYNONYMS.items()}
_DOUBLED = set("get set put shut stop quit begin drop scan cut run plan rid tag log pin zip chat fit rub".split())


def ing(verb):
    first, _, rest = verb.partition(" ")
    if first in _DOUBLED:
        first += first[-1]
    elif first.endswith("e") and not first.endswith(("ee", "ye", "oe")):
        first = first[:-1]
    return f"{first}ing {rest}".strip()


def articled(source):
    """What stands between verb and noun."""
    article = source.choice(("the", "the", "the", "a", "my", "", "this", "that", "our", "your", "his", "her", "one", "another"))
    text = f"{article} {source.choice(ADJECTIVES)} " if source.chance(0.15) else f"{article} "
    return with_an(text.lstrip())


def lead_in(source, template):
    """The template after some words of introduction; it begins with an infinitive."""
    roll = source.random.random()
    if roll < 0.22:
        return template
    if roll < 0.32:
        return f"{fillers(source)}{source.choice((': ', ', ', ' - ', '. ', '! '))}{template}"
    out = source.choice(LEAD_INS)
    if roll < 0.42:
        out = f"{source.choice(FILLERS)}{source.choice((' ', ', '))}{out}"
    return f"{out} {template}".replace("  ", " ")


def _head(source):
    """A template with {v} the verb, {i} its -ing form, {w} a single word for the verb, {a}{n} what to do it to."""
    roll = source.random.random()
    if roll < 0.14:
        noun = source.choice(("the", "my", "our", "this", "that")) + " {n}"
        return source.choice((
            "{d}: {w} it", "about {d}, please {w} it", "{d} - {w} it", "take {d} and {w} it", "you know {d}? {w} it",
            "concerning {d}: please {w} it", "{d}, can you {w} it", "look at {d} and {w} it", "{d}, just {w} it",
            "as for {d}, {w} it", "here is {d}. {w} it", "it's about {d}, I want to {w} it", "{d}? {w} it",
            "regarding {d}, we need to {w} it", "{d} is what I want to {w}", "{d} is the one to {w}",
            "{d} needs {i}", "{d} is due for {i}",
        )).replace("{d}", noun)  # fmt: skip
    if roll < 0.22:
        return f"{source.choice(_ING_LEADS)} {{i}} {{a}}{{n}}"
    text = lead_in(source, "{v} {a}{n}")
    return f"{text} {source.choice(_TAILS)}" if source.chance(0.22) else text


_BEFORE_FIELDS = {" ": 12, ", ": 18, " with ": 14, ": ": 14, " - ": 3, ". ": 12, "\n": 4, "; ": 4, ", with ": 6, " and ": 3,
                  " using these: ": 2, " as follows: ": 3, ", details: ": 2, " — ": 3, " (": 6, ":\n": 4, ":\n- ": 2,
                  ", that is, ": 1, "! ": 3, ", here are the data: ": 1, ", so ": 1}  # fmt: skip
_AFTER_FIELDS = (". ", ". ", ", ", ": ", "; ", "\n", " - ", " — ", "! ", " => ", ", so ", ". So ", ", then ", ", now ")


def request(source, name, verb, noun, phrases):
    """What a user writes to have `verb` done to `noun`, with the phrases of its fields."""
    verb = source.choice(SYNONYMS.get(verb, [verb])) if verb else source.choice(("use", "run", "call", "execute", "try"))
    if source.chance(0.03):
        text = source.choice(("call {f}", "use {f}", "run {f}", "please call {f}", "use the function {f}", "{f}")).format(f=name)
    else:
        template = new(_head, source)
        while "{w}" in template and " " in verb:  # "pull up it"
            template = new(_head, source)
        text = template.format(v=verb, i=ing(verb), w=verb, a=articled(source), n=noun)
    if phrases:
        fields = joined(source, phrases)
        if source.chance(0.17):
            after = source.choice(_AFTER_FIELDS)
            text = fields + after + (capital(text) if after in (". ", "! ", "\n") else text)
        else:
            before = source.weighted(_BEFORE_FIELDS)
            if fields.startswith(("with", "using")) and "with" in before:
                before = " "
            elif fields.startswith(VALUE) and "with" in before:
                before = ": "
            if before.endswith("- ") and begins_with_number(fields):
                before = ": "
            text += before + (capital(fields) if before in (". ", "\n", "! ") else fields) + (")" if before == " (" else "")
    if source.chance(0.35):
        text += source.choice(ENDINGS)
    return finished(capital(text) if source.chance(0.7) else text)
