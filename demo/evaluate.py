"""Judges answers to the prompts of make_eval.py and prints the rate of each skill and effort.

    python make_eval.py --out eval.jsonl
    freeway chat --model weights --conversation eval.jsonl --json --temperature 0 --max-tokens 400 > answers.jsonl
    python evaluate.py eval.jsonl answers.jsonl --json skills.json

An answer is right if it has reasoning exactly when the effort is not low, and its value is right: the
text itself for sums and answers (for sums also every line of the working, where the effort asks for
it); one call, with nothing beside it, of the right function with the right arguments; the parsed value
for schemas.  No answer is a wrong answer.
"""

import argparse
import collections
import datetime
import json
import re
import subprocess
from pathlib import Path

SKILLS = {
    "arithmetic": "add and subtract",
    "call": "choose a function and its arguments",
    "result": "answer from a result",
    "record": "fill a JSON schema",
    "about": "greet, say what it is, how to get gpt-oss-20b",
    "beyond": "decline anything else",
}
PARTS = {  # title: (skills, aspect); where these prompts have the aspect, how often it is true
    "sums: numbers of one or two digits": (("arithmetic",), "right, short"),
    "sums: three digits": (("arithmetic",), "right, long"),
    "sums: the answer, whatever the working": (("arithmetic",), "answer"),
    "calls: everyday functions": (("call",), "right, known"),
    "calls: made-up functions": (("call",), "right, made-up"),
    "calls: the function, whatever the arguments": (("call",), "function"),
    "results: of everyday functions": (("result",), "right, known"),
    "results: of made-up functions": (("result",), "right, made-up"),
    "schemas: from a sentence about a person": (("record",), "right, person"),
    "schemas: made-up properties": (("record",), "right, made-up"),
    "calls and schemas: valid JSON": (("call", "record"), "valid JSON"),
    "all: reasoning exactly when asked for": (tuple(SKILLS), "effort followed"),
}
EFFORTS = ("low", "medium", "high")
INVALID = object()


def parsed(text):
    """The JSON value, or INVALID; a repeated key or a number that JSON does not have is not valid."""

    def unique(pairs):
        if len(dict(pairs)) < len(pairs):
            raise ValueError("repeated key")
        return dict(pairs)

    def refuse(constant):
        raise ValueError(constant)

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=refuse)
    except (TypeError, ValueError, RecursionError):
        return INVALID


def same(a, b):
    """Equality that tells 1 from true and "1" from 1, but not 1 from 1.0."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def needed(record, answer):
    """{aspect: bool}: what an answer needs to be right."""
    want, text = record["expected"], answer.get("content") or ""
    calls = answer.get("tool_calls") or []
    out = {"effort followed": bool(answer.get("reasoning")) == (record["effort"] != "low")}
    if record["skill"] == "call":
        call = calls[0] if calls else {}
        return out | {
            "one call": len(calls) == 1 and not text,
            "function": call.get("name") == want["name"],
            "arguments": same(parsed(call.get("arguments")), want["arguments"]),
        }
    out["no call"] = not calls
    if record["skill"] == "record":
        return out | {"value": same(parsed(text), want["value"])}
    out["answer"] = text == want["text"]
    if want.get("working"):
        out["working"] = (answer.get("reasoning") or "") == want["working"]
    return out


def judge(record, answer):
    """{aspect: bool}; "right" is the verdict, the others say what went wrong and where."""
    verdict = needed(record, answer)
    right = all(verdict.values())
    if record["skill"] == "call":
        verdict["valid JSON"] = all(parsed(c.get("arguments")) is not INVALID for c in answer.get("tool_calls") or [{}])
    elif record["skill"] == "record":
        verdict["valid JSON"] = parsed(answer.get("content")) is not INVALID
    elif record["skill"] == "arithmetic":
        operands = re.findall(r"\d+", record["expected"]["text"])[:2]
        verdict["right, short" if max(map(len, operands)) < 3 else "right, long"] = right
    return {"right": right, f"right, {record['kind']}": right, **verdict}


def read_unique(path):
    """{id: record} of a JSON Lines file."""
    out = {}
    with path.open() as file:
        for record in map(json.loads, file):
            if record["id"] in out:
                raise SystemExit(f"{path} has the id {record['id']} twice")
            out[record["id"]] = record
    return out


def rate(values):
    return round(100 * sum(values) / len(values), 1)


def rates(cells, skills, aspect):
    """{effort: percent} over the prompts that have the aspect"""
    out = {}
    for effort in EFFORTS:
        values = [value for skill in skills for value in cells.get((skill, effort), {}).get(aspect, [])]
        if values:
            out[effort] = rate(values)
    return out


def table(head, lines):
    print(f"| {head} | low | medium | high |\n|{'---|' * (4 + head.count('|'))}")
    for title, by_effort in lines:
        print(f"| {title} | {' | '.join(str(by_effort.get(effort, '')) for effort in EFFORTS)} |")
    print()


def commit():
    command = ["git", "-C", Path(__file__).parent, "describe", "--always", "--dirty"]
    found = subprocess.run(command, capture_output=True, text=True)
    return found.stdout.strip() or None


def summary(cells, per_cell, missing, weights):
    """What bench/record keeps."""
    from export import progress

    return {
        "what": "skills of the demo model, percent exactly right, greedy, through the freeway binary",
        "commit": commit(),
        "date": datetime.date.today().isoformat(),
        "commands": [
            "python demo/make_eval.py --out eval.jsonl",
            "freeway chat --model demo/weights --conversation eval.jsonl --json --temperature 0 --max-tokens 400 "
            "> answers.jsonl",
            "python demo/evaluate.py eval.jsonl answers.jsonl --json skills.json",
        ],
        "prompts_per_cell": per_cell,
        "missing_answers": missing,
        "held_out": "as the head of demo/make_eval.py says",
        "training_tokens": progress(weights).get("tokens"),
        "percent_right": {title: rates(cells, (skill,), "right") for skill, title in SKILLS.items()},
        "percent_of_parts": {title: rates(cells, *part) for title, part in PARTS.items()},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prompts", type=Path)
    parser.add_argument("answers", type=Path)
    parser.add_argument("--show", type=int, default=0, help="how many wrong answers of each cell to print")
    parser.add_argument("--json", type=Path, help="write the rates to this file")
    parser.add_argument("--weights", type=Path, default=Path(__file__).with_name("weights"),
                        help="the folder that answered, for --json")  # fmt: skip
    options = parser.parse_args()

    prompts, answers = read_unique(options.prompts), read_unique(options.answers)
    if strangers := answers.keys() - prompts.keys():
        raise SystemExit(f"{options.answers} answers {min(strangers)}, which is not among the prompts")
    cells, wrong = collections.defaultdict(lambda: collections.defaultdict(list)), collections.defaultdict(list)
    for name, record in prompts.items():
        key, answer = (record["skill"], record["effort"]), answers.get(name, {})
        verdict = judge(record, answer)
        for aspect, value in verdict.items():
            cells[key][aspect].append(value)
        if not verdict["right"]:
            wrong[key].append((record, answer))
    if missing := len(prompts) - len(answers):
        print(f"{missing} of {len(prompts)} prompts have no answer and count as wrong\n")

    per_cell = {skill: min(len(cell["right"]) for (s, _), cell in cells.items() if s == skill) for skill, _ in cells}
    table("skill | n", [(f"{SKILLS[s]} | {n}", rates(cells, (s,), "right")) for s, n in per_cell.items()])
    parts = [(title, rates(cells, *part)) for title, part in PARTS.items()]
    table("part", [(title, by_effort) for title, by_effort in parts if by_effort])
    for (skill, effort), cell in cells.items():
        print(f"{skill} {effort}: " + ", ".join(f"{k} {rate(v)}" for k, v in cell.items() if k != "right"))
        for record, answer in wrong[skill, effort][: options.show]:
            print("   asked   ", record["conversation"]["messages"][-1]["content"][0]["text"])
            print("   expected", json.dumps(record["expected"], ensure_ascii=False))
            given = {k: answer.get(k) for k in ("reasoning", "content", "tool_calls")}
            print("   answered", json.dumps(given, ensure_ascii=False))
    if options.json:
        content = summary(cells, min(per_cell.values()), missing, options.weights)
        options.json.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
