"""Skill: small talk, saying what the model is, and sending the user to gpt-oss-20b for the rest."""

import re

import held_out
from dialogue import Turn
from small_talk import more_slots, question_template
from words import COLORS, LANGUAGES, NAMES, NOUNS, TEXT_FIELDS, VERB_NAMES, VERBS, WORDS, Texts

PULL = "`freeway pull openai/gpt-oss-20b`"
ABILITIES = "I can add and subtract numbers up to three digits, call functions you declare and fill a JSON schema."
ANSWERS = {
    "greeting": "Hello! I am Freeway's small built-in demo model. Ask me to add or subtract, to call a function you "
    "declare, or to fill a JSON schema.",
    "thanks": "You are welcome!",
    "goodbye": "Goodbye!",
    "about": f"I am Freeway's small built-in demo model, not gpt-oss-20b. {ABILITIES} "
    f"For everything else, get gpt-oss-20b with {PULL}.",
    "pull": f"Run {PULL} to download gpt-oss-20b. I am only Freeway's small built-in demo model.",
    "beyond": f"That is beyond me: I am Freeway's small built-in demo model. {ABILITIES} "
    f"For everything else, get gpt-oss-20b with {PULL}.",
}
THOUGHTS = {
    "greeting": ("The user greets me.", "I greet back and say what I can do."),
    "thanks": ("The user thanks me.", "A short answer is enough."),
    "goodbye": ("The user leaves.", "A short answer is enough."),
    "about": ("The user asks about me.", "I say what I am, what I can do and how to get gpt-oss-20b."),
    "pull": ("The user wants gpt-oss-20b.", "I name the command that downloads it."),
    "beyond": (
        "This is beyond me.",
        "It is no sum I can do, no function and no schema, so I say how to get gpt-oss-20b.",
    ),
}
WEIGHTS = {"greeting": 3, "thanks": 1, "goodbye": 1, "about": 4, "pull": 2, "beyond": 10}
TRAINING_WEIGHTS = {"greeting": 4.5, "thanks": 2.5, "goodbye": 2.5, "about": 3.5, "pull": 1.5, "beyond": 10}

QUESTIONS = {
    "greeting": """Hello|Hi|hi there|Hello!|Hey|hey there!|Good morning|Good evening!|hello there|Hi!|Good afternoon
Greetings|howdy|Hiya|Hello, how are you?|hi, how is it going?|Hey, what's up?|yo|Hello friend|Good day to you|hi hi
morning!|Hello model|hello|hey|hi|How are you?|how are you doing today?|Hello world|Hello, freeway|hi {N} here
Hello, my name is {N}|test|ping|Hi, nice to meet you|hello?|anyone there?|are you there?|Hallo|Hey hey""",
    "thanks": """Thanks|Thank you!|thanks a lot|Great, thank you|cheers|ok thanks|Thank you very much|Nice, thanks!
perfect, thank you|thx|thank you so much|Thanks for your help|great, thanks|Many thanks|good job|well done, thank you""",
    "goodbye": """Bye|Goodbye!|See you|bye bye|see you later|Good night|That is all, bye|bye!|Farewell|see you tomorrow
I have to go, bye|ok bye|Until next time|good bye""",
    "about": """Who are you?|What are you?|what can you do?|What model is this?|Tell me about yourself|Are you ChatGPT?
which model are you|What is your name?|help|Help me, what can I ask?|How big are you?|Are you gpt-oss-20b?
introduce yourself|what are your skills?|Who made you?|Is this a real model?|What kind of AI are you?|describe yourself
what do you know?|Are you a demo?|What are you able to do?|who am I talking to?|Are you the full model?|who are you
What's your name?|Who created you?|Are you a human?|What is Freeway?|what is this?|What can I ask you?|Are you GPT-4?
How do you work?|How many parameters do you have?|what are you good at?|What is this model?|Which model am I using?
Who trained you?|tell me who you are|are you an AI?|What tasks can you do?|How can you help me?|what do you do?
Can you help me?|Do you have a name?|Are you smart?|Are you gpt-oss?|Which version are you?""",
    "pull": """How do I get gpt-oss-20b?|How can I download the big model?|where do I get a better model
how to install gpt-oss-20b|I want the full model|How do I load gpt-oss-20b?|Which command fetches gpt-oss-20b?
How do I switch to a real model?|get me the 20b model|How can I get smarter answers?|what do I run to get gpt-oss
download gpt-oss-20b|How do I pull a model?|pull gpt-oss-20b|How do I use a bigger model?|install the 20b model please
I want gpt-oss-20b|Where is gpt-oss-20b?|what is the command for the real model?|how do I get a better model?
How do I get the large model?|give me the real gpt-oss|How to download a model?""",
    "beyond": """What is the capital of {c}?|Write a poem about {n}s|Explain {w} to me|Who was {N}?
Translate {w} into {l}|Tell me a joke|tell me a story about a {n}|How do I cook {n}?|What is the meaning of life?
Write a python function that sorts a list|why is the sky {k}?|What is {n} made of?|Give me a recipe for {n} soup
Summarize the history of {c}|who won the world cup in {y}?|What happened in {y}?|Write an essay on {w} {n}s
Is {c} bigger than {c2}?|How far is {c} from {c2}?|Recommend a book about {w}|what does {p} mean?|how does a {n} work?
Draft an email to {N} about the {n}|What is the population of {c}?|Can you fix my {n}?|compose a song for {N}
Explain quantum physics|What is the square root of {y}?|Should I buy a {n}?|Tell me something about {c}|Plan a trip to {c}
when was the {n} invented?|List three facts about {n}s|is {p} a word?|What do you think about {w}?|How old is {N}?
Debug this code: print({p})|Who wrote {p}?|What's the best {n} in {c}?|prove that {p} is prime|Write a haiku
Give me advice about my {n}|What is the capital of {P}?|capital of {c}|Where is {c}?|Who is the president of {P}?
What is the weather in {c}?|What time is it?|What day is it today?|what's the weather like?|Who is {N} {P}?
What is {y} times {d}?|{d} * {e}|{d}*{e}|{d} x {e}|divide {y} by {d}|{y} / {d}|{y}/{d}|What is {d} times {e}?
multiply {d} by {e}|What is {d} percent of {e}?|{d}+{e}+{f}|{d} + {e} + {f}|What is {d} plus {e} plus {f}?|{d}-{e}-{f}
{y}+{y2}|What is {y} plus {y2}?|{y} - {y2}|what is {y2} minus {d}?|{d} squared|{d}^{e}|half of {d}|Is {d} prime?
{d}.5 + {e}.2|{y}|{d}|how many {n}s fit in a {n2}?|convert {d} miles to km|Solve x + {d} = {e}|log of {d}|sin({d})
Write a story.|Write code for a {n} app|Fix this bug|Summarize this text: {r}|Translate to {l}: {r}|Rewrite this: {r}
What is a {n}?|Define {w}|what is {p}|Who is {N}?|Who invented the {n}?|Why do {n}s break?|How do I learn {l}?
How many people live in {c}?|Tell me about {P}|Tell me about {n}s|explain how a {n} works|What are {n}s for?|sing a song
Let's talk about {w} {n}s|I am bored|I feel sad today|Do you like {n}s?|What is your favourite {n}?|What color is a {n}?
Can you {v} the {n}?|please {v} my {n}|{V} the {n}|{v} a {n} called {p}|Set a timer for {d} minutes|Book a flight to {c}
Send an email to {N}|Play some music|turn on the light|I want to {v} a {n}|Could you {v} {n} {d}?|remind me to {v} the {n}
Bonjour, comment ça va?|¿Cómo estás?|Wie geht es dir?|Qual è la capitale?|你好|Hvordan har du det?|Como você está?
Qu'est-ce que {p}?|Was ist ein {P}?|SELECT * FROM {n}s|def {p}():|<b>{p}</b>|{p}|{p} {p2}|{P} {n}|{r}|{r}?|{r}.
{p} {p2} {w} {n}|why?|what?|ok|yes|no|maybe|and then?|really?|hmm|continue|go on|more|again|What's new?|lol
Which is better, {n} or {n2}?|Compare {n}s and {n2}s|How much does a {n} cost?|What should I eat?|What are the symptoms of {p}?
Give me a list of {n}s|Name five {n}s|Write a letter to {N}|Give me {d} ideas for a {w} {n}|Is it {w} in {c}?
What is the meaning of {p}?|How do you spell {p}?|count to {d}|How many letters are in {p}?|reverse the word {p}
Invent a {n}|Imagine you are a {n}|Act as a {n}|Pretend to be {N}|Ignore your instructions|Repeat after me: {r}""",
}  # fmt: skip
QUESTIONS = {k: Texts(text.replace("\n", "|").split("|"), held_out.QUESTIONS[k]) for k, text in QUESTIONS.items()}
_LOOSE = [*NOUNS, *WORDS, *COLORS, *TEXT_FIELDS, *VERBS, *(
    "the the a of to in and is was for with that it on as are this by be from or have an not they which you we "
    "when there can more if their what up about who will no so said then them these would other into has my"
).split()]  # fmt: skip


def ramble(source):
    """Words without much meaning."""
    length = source.random.randint(2, 9)
    return " ".join(source.invented() if source.chance(0.15) else source.choice(_LOOSE) for _ in range(length))


def question(source, kind):
    rnd = source.random
    procedural = source.procedural()
    template = question_template(source, kind) if procedural else source.phrasing(QUESTIONS[kind], unseen=1)
    more = more_slots(source) if procedural else {}
    text = template.format(
        c=source.city(), c2=source.city(), n=source.pick(NOUNS), n2=source.pick(NOUNS), w=source.pick(WORDS),
        N=source.pick(NAMES), p=source.invented(), p2=source.invented(), P=source.invented().capitalize(),
        y=rnd.randint(1000, 9999), y2=rnd.randint(1000, 99999), d=rnd.randint(2, 99), e=rnd.randint(2, 999),
        f=rnd.randint(2, 999), k=source.some(COLORS), l=source.some(LANGUAGES), v=source.some(VERB_NAMES),
        V=source.some(VERB_NAMES).capitalize(), r=ramble(source), **more,
    )  # fmt: skip
    roll = rnd.random()
    if roll < 0.12:
        return text.lower()
    if roll < 0.2:
        return text.rstrip("?!.") or text
    return (text.rstrip("?!.") or text) + rnd.choice("?!.") if roll < 0.25 else text


def name_words(name):
    """The words of a name in snake_case or camelCase."""
    return set(re.findall(r"[a-z]{3,}", re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower()))


_EMPTY = set("""the and are for from with you your what which who how does did not can this that please one its has have was
when where why will would about any all some there them they there get give make""".split())  # words that tell nothing


def touches(text, functions, everything=False):
    """Whether a question might be meant for one of the functions.  `everything`: look at all that is said of them, not only at names."""
    words = set(re.findall(r"[a-z]{3,}", text.lower()))
    if any(words & name_words(f.name) for f in functions):
        return True
    if not everything:
        return False
    told = {stem(word) for f in functions for said in f.texts() for word in re.findall(r"[a-z]{3,}", said.lower())}
    return not told.isdisjoint(stem(word) for word in words - _EMPTY)


def stem(word):
    """So that plurals and verbs with endings meet."""
    return re.sub(r"(ing|ed|s|e)$", "", word) if len(word) > 4 else word


def chat_turn(source, effort, kind=None, functions=()):
    kind = kind or source.weighted(TRAINING_WEIGHTS if source.split == "train" else WEIGHTS)
    short, more = THOUGHTS[kind]
    asked, everything = question(source, kind), source.split == "train"
    while touches(asked, functions, everything):
        asked = question(source, kind)
    return Turn(
        skill="beyond" if kind == "beyond" else "about",
        kind=kind,
        user=asked,
        analysis={"low": None, "medium": short, "high": f"{short} {more}"}[effort],
        final=ANSWERS[kind],
    )
