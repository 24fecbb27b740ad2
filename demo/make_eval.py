"""Writes the held-out evaluation prompts, one JSON object a line: id, skill, kind, effort,
conversation (in the JSON form of OpenAI's harmony library) and what is expected.

Operands, names, cities, nouns and invented words are such that training never uses them; of the
phrasings, some are unseen.
"""

import argparse
import json
import zlib
from pathlib import Path

from arithmetic import arithmetic_turn
from chat import chat_turn
from dialogue import Conversation, harmony_json
from functions import function_set, function_turn
from mixture import date, instructions
from records import record_turns
from words import Source

SKILLS = ("arithmetic", "call", "result", "record", "about", "beyond")
EFFORTS = ("low", "medium", "high")
ABOUT = ("greeting", "greeting", "about", "about", "pull", "thanks", "goodbye")


def draw(source, skill, effort):
    """(conversation, up to where, kind)"""
    out = Conversation(effort, [], date(source))
    if skill == "record":
        out.turns, out.instructions, out.response_format = record_turns(source, effort)
        return out, "request", out.turns[-1].kind
    if skill in ("call", "result"):
        out.functions = function_set(source)
        turn = function_turn(source, effort, out.functions)
    elif skill == "arithmetic":
        turn = arithmetic_turn(source, effort)
    else:
        turn = chat_turn(source, effort, source.choice(ABOUT) if skill == "about" else "beyond")
    if source.chance(0.2):
        out.instructions = instructions(source)
    if source.chance(0.25):
        earlier = arithmetic_turn if source.chance(0.5) else chat_turn
        out.turns.append(earlier(source, effort))
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
