"""Skill: adding and subtracting numbers of up to three digits, with the working shown."""

import re

import held_out
from dialogue import Turn
from sums import sum_template
from words import NAMES, NOUNS, Texts, reserved

ADD = """What is {a} plus {b}?|what's {a} plus {b}|{a}+{b}|{a} + {b}|{a} + {b} = ?|{a}+{b}=|{a}+{b}=?|Add {a} and {b}.
add {a} to {b}|What is the sum of {a} and {b}?|How much is {a} plus {b}?|Compute {a} + {b}.|calculate {a}+{b}
Please add {a} and {b}|Can you add {a} and {b}?|What do you get if you add {b} to {a}?|Sum {a} and {b}
total of {a} and {b}|what is {a} + {b}?|What is {a} + {b}?|What is {a}+{b}?|Work out {a} + {b}.|Tell me {a} plus {b}.
I need {a} plus {b}|{a} and {b} together make how many?|If I have {a} {n} and get {b} more, how many do I have?
{N} has {a} {n} and buys {b} more. How many {n} does {N} have now?|what is {b} more than {a}?|Increase {a} by {b}.
There are {a} {n} in one box and {b} in another. How many in total?|Combine {a} and {b}, what's the total?
A shop sold {a} {n} on Monday and {b} on Tuesday. How many altogether?|Give me the result of {a} plus {b}
{N} walked {a} steps and then {b} steps. How many steps in all?|hey, {a} plus {b}?|Solve: {a} + {b}
Could you tell me what {a} + {b} is?|My {n} cost {a} and the tip was {b}. What did I pay?|{a} plus {b} equals what?
Find {a}+{b}|evaluate {a} + {b}|How much is {a} + {b}?|how much is {a}+{b}|compute {a} plus {b}|{a} plus {b}
{a} plus {b}?|Calculate the sum {a} + {b}|do {a} + {b}|can you do {a} + {b}?|please compute {a} + {b}
What does {a} + {b} equal?|Hi, what is {a} + {b}?|add {a} and {b}|add up {a} and {b}|Calculate {a} + {b}""".replace(
    "\n", "|"
).split("|")
SUBTRACT = """What is {a} minus {b}?|what's {a} minus {b}|{a}-{b}|{a} - {b}|{a} - {b} = ?|{a}-{b}=|{a}-{b}=?
Subtract {b} from {a}.|subtract {b} from {a} please|What is the difference between {a} and {b}?|{a} minus {b}
How much is {a} minus {b}?|Compute {a} - {b}.|calculate {a}-{b}|Take {b} away from {a}.|take {b} from {a}
What is {a} less {b}?|what is {a} - {b}?|What is {a} - {b}?|What is {a}-{b}?|Work out {a} - {b}.|Tell me {a} minus {b}.
I need {a} minus {b}|If I have {a} {n} and lose {b}, how many are left?|compute {a} minus {b}|{a} minus {b}?
{N} has {a} {n} and gives away {b}. How many {n} are left?|There were {a} {n} and {b} were sold. How many remain?
Decrease {a} by {b}.|Reduce {a} by {b}|What do you get if you take {b} from {a}?|Give me the result of {a} minus {b}
hey, {a} minus {b}?|Solve: {a} - {b}|Could you tell me what {a} - {b} is?|{a} minus {b} equals what?|Find {a}-{b}
A tank holds {a} litres and {b} leak out. What is left?|evaluate {a} - {b}|{N} had {a} coins and spent {b}. How many now?
Can you subtract {b} from {a}?|How much is {a} - {b}?|how much is {a}-{b}|do {a} - {b}|can you do {a} - {b}?
please compute {a} - {b}|What does {a} - {b} equal?|Hi, what is {a} - {b}?|Calculate {a} - {b}|compute {a} - {b}""".replace(
    "\n", "|"
).split("|")
ADD, SUBTRACT = Texts(ADD, held_out.ADD), Texts(SUBTRACT, held_out.SUBTRACT)
COLUMNS = ("ones", "tens", "hundreds", "thousands")
SLIPS = 0.12  # part of the sums at high effort whose first working has a slip, so that checks are of use


def pad(a, b):
    """Both numbers as strings of the same width."""
    width = max(len(str(a)), len(str(b)))
    return str(a).zfill(width), str(b).zfill(width)


def add_columns(a, b):
    """Column addition of two equally long strings -> (lines of working, digits of the sum)."""
    lines, digits, carry = [], "", 0
    for name, x, y in zip(COLUMNS, reversed(a), reversed(b)):
        total = int(x) + int(y) + carry
        lines.append(f"{name} {x}+{y}+{carry}={total}, write {total % 10}, carry {total // 10}")
        digits, carry = str(total % 10) + digits, total // 10
    return lines, "1" + digits if carry else digits


def subtract_columns(a, b):
    """Column subtraction -> (lines of working, digits modulo 10^width, the borrow that is left)."""
    lines, digits, borrow = [], "", 0
    for name, x, y in zip(COLUMNS, reversed(a), reversed(b)):
        total = int(x) - int(y) - borrow
        wrapped, next_borrow = total % 10, int(total < 0)
        lines.append(f"{name} {x}-{y}-{borrow}={total}, write {wrapped}, borrow {next_borrow}")
        digits, borrow = str(wrapped) + digits, next_borrow
    return lines, digits, borrow


def work(a, b, sign):
    """Lines of working that end in the result."""
    x, y = pad(a, b)
    lines = [f"{x}{sign}{y}"]
    if sign == "+":
        more, digits = add_columns(x, y)
        return [*lines, *more, f"digits {digits}, so {int(digits)}"]
    more, digits, borrow = subtract_columns(x, y)
    lines += more
    if borrow:
        lines.append(f"a borrow is left, so minus {y}-{x}")
        more, digits, _ = subtract_columns(y, x)
        lines += more
    return [*lines, f"digits {digits}, so {'-' if borrow else ''}{int(digits)}"]


def spoil(lines, rnd):
    """The same working with one wrong written digit in its last columns, and where it leads to."""
    *others, end = lines
    begin = max(i for i, line in enumerate(others) if line.startswith("ones "))
    at = rnd.randrange(begin, len(others))
    equation, rest = others[at].split("=")
    total, written, carried = re.fullmatch(r"(-?\d+), write (\d), (.*)", rest).groups()
    wrong = rnd.choice([digit for digit in range(10) if digit != int(written)])
    if rnd.random() < 0.5:  # the sum of the column is wrong already
        total = int(total) + wrong - int(written)
    others[at] = f"{equation}={total}, write {wrong}, {carried}"
    digits, minus = re.fullmatch(r"digits (\d+), so (-?)\d+", end).groups()
    place = len(digits) - 1 - (at - begin)
    digits = digits[:place] + str(wrong) + digits[place + 1 :]
    return [*others, f"digits {digits}, so {minus}{int(digits)}"], int(minus + digits)


def check(a, b, sign, result):
    """Lines that undo the operation and say whether that leads back."""
    if sign == "+":
        x, y = pad(result, b)
        lines, digits, borrow = subtract_columns(x, y)
        operation, right = f"{x}-{y}", not borrow and int(digits) == a
    else:
        x, y = pad(abs(result), min(a, b))
        lines, digits = add_columns(x, y)
        operation, right = f"{x}+{y}", int(digits) == max(a, b)
    return [f"check {operation}", *lines, f"digits {digits}, {'right' if right else 'wrong, again'}"]


def analysis(a, b, sign, effort):
    if effort == "low":
        return None
    result = a + b if sign == "+" else a - b
    return "\n".join(work(a, b, sign) + (check(a, b, sign, result) if effort == "high" else []))


def corrected_analysis(a, b, sign, rnd):
    """(a first working with a slip, which is not to be learned; its check that finds it, and the right working)"""
    slipped, result = spoil(work(a, b, sign), rnd)
    return "\n".join(slipped), "\n" + "\n".join([*check(a, b, sign, result), analysis(a, b, sign, "high")])


def operands(source, easy=False):
    """(a, b, sign).  `easy` prefers short numbers.

    One triple in ten is reserved for evaluation, which uses only those whose operands are also
    reserved the other way round.
    """
    rnd = source.random
    lengths = (1, 2, 2) if easy else (1, 2, 2, 3, 3, 3)

    def number():
        digits = rnd.choice(lengths)
        return rnd.randint(0 if digits == 1 else 10 ** (digits - 1), 10**digits - 1)

    while True:
        a, b, sign = number(), number(), rnd.choice("+-")
        if sign == "-" and a < b and rnd.random() < 0.6:
            a, b = b, a
        kept = reserved(f"{a}{sign}{b}", 10)
        if source.split == "test":
            kept = kept and reserved(f"{b}{sign}{a}", 10)
        if kept == (source.split == "test"):
            return a, b, sign


def arithmetic_turn(source, effort):
    # Without working, sums of two digits have to be known by heart before larger ones make sense.
    by_heart = effort == "low" and source.split == "train"
    a, b, sign = operands(source, easy=by_heart and source.chance(0.75))
    more = {}
    if source.procedural():
        template, more = sum_template(source, sign), {"M": source.pick(NAMES)}
    else:
        template = source.phrasing(ADD if sign == "+" else SUBTRACT)
    question = template.format(a=a, b=b, n=source.pick(NOUNS) + "s", N=source.pick(NAMES), **more)
    if source.chance(0.1):
        question = question.lower() if source.chance(0.5) else question.rstrip(".?")
    result = a + b if sign == "+" else a - b
    given, thinking = "", analysis(a, b, sign, effort)
    if effort == "high" and source.split == "train" and source.chance(SLIPS):
        given, thinking = corrected_analysis(a, b, sign, source.random)
    return Turn(
        skill="arithmetic",
        kind="addition" if sign == "+" else "subtraction",
        user=question,
        given=given,
        analysis=thinking,
        final=f"{a} {sign} {b} = {result}",
    )
