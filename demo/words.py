"""Word lists, and the random source that keeps what evaluation uses out of training."""

import random
import zlib

import held_out
import more_words


class Texts(list):
    """Texts to choose from.  Only evaluation also draws the `unseen` ones."""

    def __init__(self, texts, unseen=()):
        super().__init__(texts)
        self.unseen = list(unseen)


NAMES = Texts(
    """Maria Ahmed Olga Kenji Priya Lars Chloe Diego Fatima Noah Emma Liam Sofia Hugo Yuki Ivan Amara
Tomas Leila Oscar Nina Pavel Zoe Marco Anita Felix Greta Ravi Sara Theo Uma Viktor Wendy Xavier Yara Zane
Alice Bob Carol David Ella Frank Grace Henry Irene Jack Karen Leo Mona Nils Olive Paul Quinn Rosa Sam Tina
Ursula Vera Will Anders Bjorn Carla Dina Erik Freja Gustav Hanna Ines Jonas Kira Linus Mia Omar Petra Rolf
Signe Tobias Ulla Walter Ada Boris Cleo Dario Elif Farid Gwen Hassan Ida Jamal John Mary James Anna Peter
Laura Simon Julia Daniel Eva Thomas Lucy Ben Kate Max Lena Tim Nora Adam Ruth Joe Amy""".split(),
    held_out.NAMES,
)
CITIES = Texts(
    """Paris Oslo Berlin Tokyo Lima Cairo Madrid Rome Vienna Prague Dublin Lisbon Athens Warsaw Helsinki
Stockholm Copenhagen Nairobi Lagos Delhi Mumbai Seoul Beijing Sydney Toronto Chicago Boston Denver Austin
Seattle Dallas Miami London Leeds Zurich Geneva Milan Naples Porto Seville Lyon Nice Munich Hamburg Bergen
Malmo Riga Vilnius Tallinn Kyiv Bucharest Ankara Tehran Baghdad Dubai Doha Karachi Dhaka Hanoi Manila Jakarta
Perth Auckland Quito Bogota Caracas Havana Montreal Calgary Phoenix Tampa""".split(),
    held_out.CITIES,
)
LONG_CITIES = Texts(["New York", "San Francisco", "Los Angeles", "Buenos Aires", "Cape Town", "Hong Kong", "Tel Aviv",
               "Rio de Janeiro", "Mexico City", "San Diego", "Kuala Lumpur", "Salt Lake City", "The Hague"],
              held_out.LONG_CITIES)  # fmt: skip
NOUNS = Texts(
    """lamp door timer report ticket order invoice playlist room table car bike train flight hotel parcel
printer camera sensor window garden recipe note task contact meeting event photo video song message file folder
server backup database user account password device light heater fan pump valve robot drone map route store
product price stock card game score level team player match book author page chapter lesson course exam grade
student teacher class project budget salary bonus loan payment refund coupon discount cart wallet coin token key
lock gate fence field crop animal dog cat horse bird fish tree flower river lake bridge tower tank engine wheel
brake tire battery cable screen keyboard mouse speaker radio phone tablet watch clock alarm calendar reminder
letter stamp box shelf desk chair couch bed pillow blanket oven stove fridge kettle bottle glass plate spoon
knife bread cheese apple pizza coffee tea juice""".split(),
    held_out.NOUNS,
)
WORDS = Texts(
    """red blue green yellow black white silver purple small large quiet bright cold warm fresh kitchen
office garage bedroom cellar music jazz rock history science travel sport urgent normal daily weekly home work
school summer winter spring milk eggs rice cotton wood steel round square formal casual modern classic north
south east west upper lower main spare blank draft final basic premium gold""".split(),
    held_out.WORDS,
)
VERBS = {
    "get": ["get", "show me", "fetch", "give me", "look up"], "set": ["set", "adjust", "put"],
    "find": ["find", "search for", "locate"], "create": ["create", "make", "add a new", "set up"],
    "delete": ["delete", "remove", "erase"], "send": ["send", "dispatch"], "book": ["book", "reserve"],
    "start": ["start", "begin", "launch"], "stop": ["stop", "halt", "end"], "open": ["open"],
    "close": ["close", "shut"], "update": ["update", "change", "edit"], "list": ["list", "show all"],
    "check": ["check", "inspect"], "buy": ["buy", "purchase", "order"], "move": ["move", "shift"],
    "copy": ["copy", "duplicate"], "rename": ["rename"], "count": ["count"], "print": ["print"],
    "load": ["load"], "save": ["save", "store"], "scan": ["scan"], "reset": ["reset"], "lock": ["lock"],
    "track": ["track", "follow"], "cancel": ["cancel"], "rate": ["rate"], "share": ["share"],
    "measure": ["measure"], "add": ["add", "insert"], "read": ["read"], "write": ["write"],
}  # fmt: skip
VERB_NAMES = Texts(VERBS, held_out.VERBS)
TEXT_FIELDS = Texts(
    """name city title color room label mode owner status kind brand topic query text target source
place subject group tag style format country street unit code reason note address language author genre material
shape category location message description body keyword email""".split(),
    held_out.TEXT_FIELDS,
)
NUMBER_FIELDS = Texts(
    """count amount number level size age year limit duration minutes hours days price quantity speed
width height volume weight distance score priority port index page floor seats rate total offset seconds
temperature percent""".split(),
    held_out.NUMBER_FIELDS,
)
FLAG_FIELDS = Texts(
    "urgent verbose public silent recursive enabled active private force archived paid notify".split(),
    held_out.FLAG_FIELDS,
)
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
COLORS = Texts("red blue green yellow black white silver purple brown pink orange gray".split(), held_out.COLORS)
JOBS = Texts(
    """baker nurse pilot farmer lawyer painter driver teacher cook plumber singer engineer clerk tailor miner
doctor dentist student carpenter writer""".split(),
    held_out.JOBS,
)
PETS = Texts("dog cat horse bird fish rabbit snake hamster parrot turtle".split(), held_out.PETS)
MORE_WORDS = Texts(more_words.WORDS)
LANGUAGES = Texts(
    """French German Spanish Italian Norwegian Polish Greek Turkish Hindi Korean English Japanese Dutch
Swedish Danish Finnish Arabic Chinese Russian Portuguese""".split(),
    held_out.LANGUAGES,
)
CURRENCIES = "USD EUR GBP NOK SEK JPY CHF CAD INR DKK PLN AUD".split()
ROOMS = Texts(
    "kitchen,office,garage,bedroom,cellar,hall,living room,bathroom,attic,dining room".split(","), held_out.ROOMS
)

PROCEDURAL = 0.55  # part of the training texts that phrasing.py and its like put together
_ONSETS = "b c d f g h j k l m n p r s t v w z br dr fl gr kl pl st tr sh th qu".split()
_VOWELS = "a e i o u ai oo ea y".split()
_CODAS = ["", "", "n", "r", "l", "x", "sk", "m", "nt", "ck", "s"]
_ENDS = "id name value code type date time count number list key text level kind no info size rate flag mode".split()
_BEGINNINGS = "first second third last new old from to is max min total main other next my user target start".split()
_ACCENTS = "üöéåñøäèçß"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_CAPITALS = _LETTERS.upper()


def reserved(key, one_in=12):
    """Whether this content of a training list, this invented word or this sum is kept for evaluation."""
    return zlib.crc32(key.encode()) % one_in == 0


def evaluation_only_words():
    """The single words of held_out.py's lists."""
    lists = [v for k, v in vars(held_out).items() if k.isupper() and isinstance(v, list)]
    return {text.lower() for texts in lists for text in texts if text.isalpha()}


_NEVER_INVENTED = evaluation_only_words()


class Source:
    """Random contents.

    pick, invented, person and so on never yield a reserved word to split "train" and nothing else to
    "test", which takes half of its words, and half or more of its phrasings, from held_out.py.
    Fillers (choice) make no difference: a reserved word of a training list may be among them.

    pieces: letter tokens of the vocabulary.  Invented words made of them give every token the
    chance to be copied; otherwise an unseen word can need one that was never an answer.
    """

    def __init__(self, seed, split="train", pieces=()):
        self.random = random.Random(seed)
        self.split, self.pieces = split, pieces
        self.endings = [piece for piece in pieces if piece.islower()]

    def chance(self, probability):
        return self.random.random() < probability

    def choice(self, items):
        return self.random.choice(items)

    def weighted(self, weights):
        """weights: {item: weight}"""
        return self.random.choices(list(weights), list(weights.values()))[0]

    def _allowed(self, word):
        return reserved(word) == (self.split == "test")

    def some(self, texts, unseen=0.5):
        """Any of the texts; for evaluation, with this probability one that training does not have."""
        if self.split == "test" and self.chance(unseen):
            return self.choice(texts.unseen)
        return self.choice(texts)

    def pick(self, words):
        """A word of the list that belongs to this split."""
        belonging = words.unseen if self.split == "test" and self.chance(0.5) else words
        for _ in range(300):
            word = self.choice(belonging)
            if belonging is not words or self._allowed(word):
                return word
        return self.choice(words.unseen)  # the list is short and has no reserved word

    def procedural(self):
        """Whether to put this text together at random instead of filling a template; never for evaluation."""
        return self.split == "train" and self.chance(PROCEDURAL)

    def phrasing(self, templates, unseen=0.5):
        """Training never sees one in seven of its own templates; evaluation also has unseen ones."""
        while True:
            template = self.some(templates, unseen)
            if self.split == "test" or not reserved("phrasing " + template, 7):
                return template

    def invented(self, most=3):
        """A word that does not exist."""
        rnd = self.random
        while True:
            if self.pieces and rnd.random() < 0.55:
                more = (rnd.choice(self.endings) for _ in range(rnd.choice((0, 1, 1, 2))))
                word = "".join((rnd.choice(self.pieces), *more))
            elif rnd.random() < 0.18:
                word = "".join(rnd.choice(_LETTERS) for _ in range(rnd.randint(3, 8)))
            else:
                syllables = rnd.randint(1 if rnd.random() < 0.1 else 2, most)
                word = "".join(rnd.choice(_ONSETS) + rnd.choice(_VOWELS) for _ in range(syllables))
                word += rnd.choice(_CODAS)
            if rnd.random() < 0.03:
                word = word.replace(rnd.choice("aeiou"), rnd.choice(_ACCENTS), 1)
            if len(word) > 2 and self._allowed(word) and word not in _NEVER_INVENTED:
                return word

    def person(self):
        roll = self.random.random()
        if self.split == "train":
            roll **= 0.7  # more names of two words
        if roll < 0.6:
            return self.pick(NAMES)
        if roll < 0.8:
            return self.invented().capitalize()
        last = self.invented().capitalize() if self.chance(0.7) else self.pick(NAMES) + "sen"
        return f"{self.pick(NAMES)} {last}"

    def city(self):
        roll = self.random.random()
        if roll < 0.6:
            return self.pick(CITIES)
        return self.pick(LONG_CITIES) if roll < 0.68 else self.invented().capitalize()

    def integer(self):
        digits = self.choice((1, 1, 2, 2, 2, 3, 3, 4))
        return self.random.randint(0 if digits == 1 else 10 ** (digits - 1), 10**digits - 1)

    def decimal(self):
        return self.random.randint(1, 99) + self.random.randint(1, 99) / self.choice((10, 100))

    def code(self):
        letters = "".join(self.choice(_CAPITALS) for _ in range(self.random.randint(2, 4)))
        return letters + self.choice(("-", "-", "")) + str(self.random.randint(1, 999))

    def email(self):
        user = self.invented() if self.chance(0.5) else self.pick(NAMES).lower()
        return f"{user}@{self.invented()}{self.choice(('.com', '.org', '.net', '.io'))}"

    def date(self):
        rnd = self.random
        return f"{rnd.randint(2020, 2031)}-{rnd.randint(1, 12):02d}-{rnd.randint(1, 28):02d}"

    def clock(self):
        return f"{self.random.randint(0, 23):02d}:{self.choice(('00', '15', '30', '45', '10', '05'))}"

    def file_name(self):
        stem = self.choice((self.invented(), self.pick(NOUNS), self.pick(NOUNS) + "_" + self.pick(WORDS)))
        return stem + self.choice((".txt", ".pdf", ".csv", ".png", ".md", ".py"))

    def phrase(self):
        """Two to four words; in training up to five, some of them twice."""
        if self.split == "train" and self.chance(0.5):
            words = [self.word() for _ in range(self.choice((2, 2, 2, 3, 3, 4, 5)))]
            return " ".join([*words, words[0]] if self.chance(0.08) else words)
        words = [
            self.choice((self.pick(WORDS), self.pick(NOUNS), self.invented())) for _ in range(self.choice((1, 1, 2)))
        ]
        return " ".join([*words, self.pick(NOUNS)])

    def word(self):
        """Any word that training may use."""
        roll = self.random.random()
        if roll < 0.35:
            return self.pick(MORE_WORDS)
        return self.invented() if roll < 0.65 else self.pick(NOUNS if roll < 0.85 else WORDS)

    def identifier(self):
        """A name for a field or a part of one, in one to three words; for training."""
        words = [self.word() for _ in range(self.choice((1, 1, 2, 2, 2, 3)))]
        if self.chance(0.25):
            words.append(self.choice(_ENDS))
        if self.chance(0.15):
            words.insert(0, self.choice(_BEGINNINGS))
        name = "_".join(words)
        if self.chance(0.12):
            first, *rest = words
            name = first + "".join(word.capitalize() for word in rest)
        return name

    def text(self, field=""):
        """A value for a string field, fitting well-known field names."""
        roll = self.random.random()
        if field in ("city", "place", "location") and roll < 0.6:
            return self.city()
        if field in ("name", "owner", "author") and roll < 0.6:
            return self.person()
        if field == "email" and roll < 0.8:
            return self.email()
        makers = {
            lambda: self.pick(WORDS): 20, self.person: 12, self.city: 8, self.invented: 22,
            lambda: self.invented().capitalize(): 12, self.phrase: 18, self.code: 4, self.email: 2,
            self.date: 2, self.clock: 1, self.file_name: 3,
        }  # fmt: skip
        if self.split == "train":
            makers |= {self.word: 14, self.phrase: 34}
        return self.weighted(makers)()
