"""Word lists, and the random source that keeps what evaluation uses out of training."""

import random
import zlib

NAMES = """Maria Ahmed Olga Kenji Priya Lars Chloe Diego Fatima Noah Emma Liam Sofia Hugo Yuki Ivan Amara
Tomas Leila Oscar Nina Pavel Zoe Marco Anita Felix Greta Ravi Sara Theo Uma Viktor Wendy Xavier Yara Zane
Alice Bob Carol David Ella Frank Grace Henry Irene Jack Karen Leo Mona Nils Olive Paul Quinn Rosa Sam Tina
Ursula Vera Will Anders Bjorn Carla Dina Erik Freja Gustav Hanna Ines Jonas Kira Linus Mia Omar Petra Rolf
Signe Tobias Ulla Walter Ada Boris Cleo Dario Elif Farid Gwen Hassan Ida Jamal John Mary James Anna Peter
Laura Simon Julia Daniel Eva Thomas Lucy Ben Kate Max Lena Tim Nora Adam Ruth Joe Amy""".split()
CITIES = """Paris Oslo Berlin Tokyo Lima Cairo Madrid Rome Vienna Prague Dublin Lisbon Athens Warsaw Helsinki
Stockholm Copenhagen Nairobi Lagos Delhi Mumbai Seoul Beijing Sydney Toronto Chicago Boston Denver Austin
Seattle Dallas Miami London Leeds Zurich Geneva Milan Naples Porto Seville Lyon Nice Munich Hamburg Bergen
Malmo Riga Vilnius Tallinn Kyiv Bucharest Ankara Tehran Baghdad Dubai Doha Karachi Dhaka Hanoi Manila Jakarta
Perth Auckland Quito Bogota Caracas Havana Montreal Calgary Phoenix Tampa""".split()
LONG_CITIES = ["New York", "San Francisco", "Los Angeles", "Buenos Aires", "Cape Town", "Hong Kong", "Tel Aviv",
               "Rio de Janeiro", "Mexico City", "San Diego", "Kuala Lumpur", "Salt Lake City", "The Hague"]  # fmt: skip
NOUNS = """lamp door timer report ticket order invoice playlist room table car bike train flight hotel parcel
printer camera sensor window garden recipe note task contact meeting event photo video song message file folder
server backup database user account password device light heater fan pump valve robot drone map route store
product price stock card game score level team player match book author page chapter lesson course exam grade
student teacher class project budget salary bonus loan payment refund coupon discount cart wallet coin token key
lock gate fence field crop animal dog cat horse bird fish tree flower river lake bridge tower tank engine wheel
brake tire battery cable screen keyboard mouse speaker radio phone tablet watch clock alarm calendar reminder
letter stamp box shelf desk chair couch bed pillow blanket oven stove fridge kettle bottle glass plate spoon
knife bread cheese apple pizza coffee tea juice""".split()
WORDS = """red blue green yellow black white silver purple small large quiet bright cold warm fresh kitchen
office garage bedroom cellar music jazz rock history science travel sport urgent normal daily weekly home work
school summer winter spring milk eggs rice cotton wood steel round square formal casual modern classic north
south east west upper lower main spare blank draft final basic premium gold""".split()
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
TEXT_FIELDS = """name city title color room label mode owner status kind brand topic query text target source
place subject group tag style format country street unit code reason note address language author genre material
shape category location message description body keyword email""".split()
NUMBER_FIELDS = """count amount number level size age year limit duration minutes hours days price quantity speed
width height volume weight distance score priority port index page floor seats rate total offset seconds
temperature percent""".split()
FLAG_FIELDS = "urgent verbose public silent recursive enabled active private force archived paid notify".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
COLORS = "red blue green yellow black white silver purple brown pink orange gray".split()
JOBS = """baker nurse pilot farmer lawyer painter driver teacher cook plumber singer engineer clerk tailor miner
doctor dentist student carpenter writer""".split()
PETS = "dog cat horse bird fish rabbit snake hamster parrot turtle".split()
LANGUAGES = """French German Spanish Italian Norwegian Polish Greek Turkish Hindi Korean English Japanese Dutch
Swedish Danish Finnish Arabic Chinese Russian Portuguese""".split()
CURRENCIES = "USD EUR GBP NOK SEK JPY CHF CAD INR DKK PLN AUD".split()
ROOMS = "kitchen,office,garage,bedroom,cellar,hall,living room,bathroom,attic,dining room".split(",")

_ONSETS = "b c d f g h j k l m n p r s t v w z br dr fl gr kl pl st tr sh th qu".split()
_VOWELS = "a e i o u ai oo ea y".split()
_CODAS = ["", "", "n", "r", "l", "x", "sk", "m", "nt", "ck", "s"]
_ACCENTS = "üöéåñøäèçß"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_CAPITALS = _LETTERS.upper()


def held_out(key, one_in=12):
    """Whether this content is reserved for evaluation."""
    return zlib.crc32(key.encode()) % one_in == 0


class Source:
    """Random contents.  split "train" never yields a held-out word or phrasing, "test" prefers them.

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
        return held_out(word) == (self.split == "test")

    def pick(self, words):
        """A word of the list that belongs to this split (any word if the list has none)."""
        for _ in range(300):
            word = self.choice(words)
            if self._allowed(word):
                return word
        return word

    def phrasing(self, templates):
        """One in seven templates is only used for evaluation, which mixes seen and unseen ones."""
        while True:
            template = self.choice(templates)
            if self.split == "test" or not held_out("phrasing " + template, 7):
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
            if len(word) > 2 and self._allowed(word):
                return word

    def person(self):
        roll = self.random.random()
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
        """Two to four words."""
        words = [
            self.choice((self.pick(WORDS), self.pick(NOUNS), self.invented())) for _ in range(self.choice((1, 1, 2)))
        ]
        return " ".join([*words, self.pick(NOUNS)])

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
            lambda: self.invented().capitalize(): 12, self.phrase: 14, self.code: 4, self.email: 2,
            self.date: 2, self.clock: 1, self.file_name: 3,
        }  # fmt: skip
        return self.weighted(makers)()
