"""Ways to ask for a sum or a difference, put together at random."""

from phrasing import PARENTHETICAL, capital, fillers, new

_ASK = """what is|what's|how much is|compute|calculate|work out|tell me|find|evaluate|I need|give me|solve|figure out|can you compute|
can you calculate|could you work out|please compute|please calculate|please tell me|do you know|let me know|I want to know|I want|could you give me|
can you tell me|could you tell me|what do you get for|what comes out of|what results from|what is the value of|what is the result of|
how much do we get for|do the sum|let's do|quickly compute|now compute|next:|and|then|try|show me|help me with|say|write down|I forgot,|
my homework says|the teacher asks|check for me|hello, what is|hi, compute|hey, what's|so, what is|ok, what is|well, what is|
can you do|would you compute|I wonder what|I'd like|what does one get for|calculate for me|get me|name|state|a quick one:|question:|task:|exercise:|
what have we got if we take|how many is|how many are|""".replace("\n", "").split("|")
_ADD = """{a} + {b}|{a}+{b}|{a} plus {b}|{a} + {b}|{a} plus {b}|the sum of {a} and {b}|the total of {a} and {b}|{a} and {b} together|{a} and {b} added up|
{a} and {b} in total|{a} and {b} combined|{a} increased by {b}|{a} with {b} added|{a} and another {b}|{a} and {b} more|{b} more than {a}|
the sum {a} + {b}|the sum of {a} + {b}|{a} and on top of it {b}|{a} and {b} taken together|{a} with {b} on top|{a} & {b} summed|{a} and then {b} more""".replace(
    "\n", ""
).split("|")
_SUBTRACT = """{a} - {b}|{a}-{b}|{a} minus {b}|{a} - {b}|{a} minus {b}|{a} minus {b}|the difference {a} - {b}|{a} less {b}|{a} decreased by {b}|{a} without {b}|
{a} with {b} taken away|{a} if I take away {b}|{b} less than {a}|{a} after taking {b} away|what is left of {a} without {b}|{a} when {b} are gone|
{a} lowered by {b}|{a} with {b} subtracted|{a} after subtracting {b}|{a} shortened by {b}""".replace("\n", "").split("|")
_AFTER = "||||||?|?|.|!| please|, please|, thanks| for me| now| again| exactly|?!|, quickly| then|, if you can|, I wonder| =| = ?|=".split("|")
_ADD_ORDERS = """add {b} to {a}|add {a} and {b}|sum up {a} and {b}|put {b} on top of {a}|increase {a} by {b}|take {a} and add {b}|start at {a} and add {b}|
add the numbers {a} and {b}|add these: {a}, {b}|combine {a} and {b}|start with {a}, then add {b}|total up {a} and {b}|sum of: {a}, {b}|{a} and {b}: the sum|
numbers {a} and {b}, added|let x be {a} and y be {b}, what is x + y|we add {a} and {b}|I add {b} to {a}""".replace("\n", "").split("|")
_SUBTRACT_ORDERS = """subtract {b} from {a}|take {b} away from {a}|take {b} from {a}|decrease {a} by {b}|reduce {a} by {b}|start at {a} and subtract {b}|
take {a} and subtract {b}|start with {a}, then take away {b}|from {a} subtract {b}|from {a} take away {b}|let x be {a} and y be {b}, what is x - y|
we subtract {b} from {a}|I subtract {b} from {a}|cut {a} by {b}|go down {b} from {a}""".replace("\n", "").split("|")
_PLACES = "in a box|on a table|at home|in the garden|in the cellar|in a bag|on the truck|in the shop|at school|in the office|in stock|on a shelf".split("|")
_GAINS = """buys {b} more|gets {b} more|finds {b} more|receives another {b}|wins {b} more|orders another {b}|is given {b} more|adds {b} more|makes {b} more|
picks up {b} more|collects another {b}|brings {b} more|borrows {b} more|inherits another {b}""".replace("\n", "").split("|")
_LOSSES = """sells {b}|loses {b}|gives away {b}|eats {b}|breaks {b} of them|throws away {b}|spends {b}|sends {b} back|drops {b} of them|uses {b}|
hands out {b}|lends {b} to a friend|gives {b} of them to {M}|takes {b} out|returns {b}""".replace("\n", "").split("|")
_HAS = "has|owns|keeps|starts with|holds|begins with|got|bought|found|counts|stores|carries|collected".split("|")
_TOTALS = """How many {n} are there now?|How many {n} is that in total?|How many does {N} have now?|What is the total?|How many in all?|How many altogether?|
How many {n} now?|Give the total.|So how many {n} in the end?|What does that make?|Total?|Count all {n}.|How many {n} does {N} own then?""".replace("\n", "").split("|")
_RESTS = """How many {n} are left?|How many remain?|How many does {N} have left?|What is left?|How many {n} now?|How many {n} remain in the end?|
How many {n} does {N} keep?|Count the rest.|What remains?|How many are still there?|How many {n} stay?""".replace("\n", "").split("|")


def _story(source, gains):
    change = source.choice(_GAINS if gains else _LOSSES)
    end = source.choice(_TOTALS if gains else _RESTS)
    link = source.choice((" and ", " and then ", ", then ", ". Later {N} ", ", and ", " and on Monday ", ". After that {N} "))
    place = f" {source.choice(_PLACES)}" if source.chance(0.3) else ""
    return f"{{N}} {source.choice(_HAS)} {{a}} {{n}}{place}{link}{change}. {end}"


def _draw(source, sign):
    plus, roll = sign == "+", source.random.random()
    if roll < 0.2:
        return _story(source, plus)
    if roll < 0.4:
        text = source.choice(_ADD_ORDERS if plus else _SUBTRACT_ORDERS)
        if source.chance(0.4) and not text.startswith(("we", "I", "let", "from", "numbers", "sum of", "{")):
            text = source.choice(("please ", "can you ", "could you ", "now ", "ok, ", "just ", "then ", "go and ", "quickly ", "let us ", "hi, ")) + text
    else:
        text = f"{source.choice(_ASK)} {source.choice(_ADD if plus else _SUBTRACT)}".strip()
    if source.chance(0.08):
        text = f"{source.choice(PARENTHETICAL)}, {text}"
    elif source.chance(0.06):
        text = f"{fillers(source, 2)}: {text}"
    text += source.choice(_AFTER)
    return capital(text) if source.chance(0.5) and not text.startswith("{") else text


def sum_template(source, sign):
    """A request with slots {a}, {b}, {n} (things), {N} and {M} (persons)."""
    return new(lambda s: _draw(s, sign), source)
