"""Writes the held-out evaluation prompts, one JSON object a line: id, skill, kind, effort,
conversation (in the JSON form of OpenAI's harmony library) and what is expected.

What training never draws: the operands, in either order; invented words; of the listed words, of the
phrasings and of the everyday functions the half that comes from held_out.py, and from there all of the
small talk and of what is to be declined.  The other half of the words are reserved ones of the training
lists, which training does not draw as values or names either but which can stand in its fillers, keys of
results and phrasings; of short lists (rooms, colors, jobs, pets, languages, verbs) they may be trained
ones, as may the other half of the phrasings and functions.
"""

import argparse
import json
import re
import zlib
from pathlib import Path

from arithmetic import arithmetic_turn
from chat import chat_turn, name_words
from check_held_out import verify
from dialogue import Conversation, harmony_json
from functions import function_set, function_turn
from mixture import date, instructions
from records import record_turns
from words import Source

SKILLS = ("arithmetic", "call", "result", "record", "about", "beyond")
EFFORTS = ("low", "medium", "high")
ABOUT = ("greeting", "greeting", "about", "about", "pull", "thanks", "goodbye")
DECLARED = 0.15  # part of the sums and questions for which functions are declared that are of no use
COMMON_WORDS = set("the and are for from with you your what which who how does did not can this that please".split())


def might_serve(functions, text):
    """Whether anything about one of the functions occurs in the text."""
    words = name_words(text) - COMMON_WORDS
    for function in functions:
        about = [function.description or "", *function.phrasings, *(f.description or "" for f in function.fields)]
        known = name_words(function.name).union(*(name_words(f.name) for f in function.fields))
        known |= {word for text in about for word in re.findall(r"[a-z]{3,}", text.lower())}
        if words & known:
            return True
    return False


def question(source, skill, effort):
    if skill == "arithmetic":
        return arithmetic_turn(source, effort)
    return chat_turn(source, effort, source.choice(ABOUT) if skill == "about" else "beyond")


def draw(source, skill, effort):
    """(conversation, up to where, kind)"""
    out = Conversation(effort, [], date(source))
    if skill == "record":
        out.turns, out.instructions, out.response_format = record_turns(source, effort)
        return out, "request", out.turns[-1].kind
    if skill in ("call", "result"):
        out.functions = function_set(source)
        turn = function_turn(source, effort, out.functions)
    else:
        out.functions = function_set(source) if source.chance(DECLARED) else []
        turn = question(source, skill, effort)
        while might_serve(out.functions, turn.user):
            out.functions, turn = function_set(source), question(source, skill, effort)
    if source.chance(0.2):
        out.instructions = instructions(source)
    if source.chance(0.25):
        arithmetic = source.chance(0.5)
        out.turns.append(
            arithmetic_turn(source, effort) if arithmetic else chat_turn(source, effort, functions=out.functions)
        )
    out.turns.append(turn)
    return out, "result" if skill == "result" else "request", turn.kind


def expected(skill, turn):
    if skill == "call":
        return {"name": turn.call[0], "arguments": turn.call[1]}
    if skill == "record":
        return {"value": json.loads(turn.final)}
    if skill == "arithmetic":
        return {"text": turn.final, "working": turn.analysis}
    return {"text": turn.final}


def cases(count, seed, skills=SKILLS):
    """Yields (prompt record, conversation, up to where)."""
    verify()
    for skill in skills:
        for effort in EFFORTS:
            source = Source(seed + zlib.crc32(f"{skill} {effort}".encode()), "test")
            for number in range(count):
                drawn, upto, kind = draw(source, skill, effort)
                record = {
                    "id": f"{skill}-{effort}-{number}", "skill": skill, "kind": kind, "effort": effort,
                    "conversation": harmony_json(drawn, upto), "expected": expected(skill, drawn.turns[-1]),
                }  # fmt: skip
                yield record, drawn, upto


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="prompts for each skill and effort")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--out", type=Path, default=Path("eval.jsonl"))
    options = parser.parse_args()
    with options.out.open("w") as file:
        for record, _, _ in cases(options.count, options.seed):
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
