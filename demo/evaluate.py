"""Judges answers to the prompts of make_eval.py and prints the rate of each skill and effort.

    python make_eval.py --out eval.jsonl
    freeway chat --model demo/weights --conversation eval.jsonl --json --temperature 0 --max-tokens 400 > answers.jsonl
    python evaluate.py eval.jsonl answers.jsonl

An answer is right if its value is: the text itself for sums and answers (for sums also every line
of the working, where the effort asks for it), name and parsed arguments for calls, the parsed value
for schemas.
"""

import argparse
import collections
import json
from pathlib import Path

SKILLS = {
    "arithmetic": "add and subtract",
    "call": "choose a function and its arguments",
    "result": "answer from a result",
    "record": "fill a JSON schema",
    "about": "greet, say what it is, how to get gpt-oss-20b",
    "beyond": "decline anything else",
}
EFFORTS = ("low", "medium", "high")


def parsed(text):
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return None


def same(a, b):
    """Equality that tells 1 from true and "1" from 1, but not 1 from 1.0."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def judge(record, answer):
    """{aspect: bool}; "right" is the verdict, the others say what went wrong."""
    want, text = record["expected"], answer.get("content") or ""
    calls = answer.get("tool_calls") or []
    if record["skill"] == "call":
        call = calls[0] if calls else {}
        aspects = {
            "called": bool(calls),
            "function": call.get("name") == want["name"],
            "arguments": same(parsed(call.get("arguments")), want["arguments"]),
        }
        return {"right": all(aspects.values()), **aspects}
    if record["skill"] == "record":
        return {"right": not calls and same(parsed(text), want["value"]), "valid JSON": parsed(text) is not None}
    aspects = {"answer": not calls and text == want["text"]}
    if want.get("working"):
        aspects["working"] = (answer.get("reasoning") or "") == want["working"]
    return {"right": all(aspects.values()), **aspects}


def thinks_as_asked(record, answer):
    return bool(answer.get("reasoning")) == (record["effort"] != "low")


def rate(values):
    return 100 * sum(values) / len(values)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prompts", type=Path)
    parser.add_argument("answers", type=Path)
    parser.add_argument("--show", type=int, default=0, help="how many wrong answers of each cell to print")
    options = parser.parse_args()

    answers = {a["id"]: a for a in map(json.loads, options.answers.open())}
    cells = collections.defaultdict(lambda: collections.defaultdict(list))
    for record in map(json.loads, options.prompts.open()):
        answer = answers.get(record["id"])
        if answer is None:
            continue
        cell = cells[record["skill"], record["effort"]]
        verdict = judge(record, answer)
        for aspect, value in verdict.items():
            cell[aspect].append(value)
        cell["kind " + record["kind"]].append(verdict["right"])
        cell["effort"].append(thinks_as_asked(record, answer))
        if not verdict["right"]:
            cell["wrong"].append((record, answer))

    print("| skill | n | low | medium | high |\n|---|---|---|---|---|")
    for skill, title in SKILLS.items():
        row = [cells.get((skill, effort)) for effort in EFFORTS]
        if any(row):
            count = min(len(cell["right"]) for cell in row if cell)
            rates = " | ".join(f"{rate(cell['right']):.1f}" if cell else "" for cell in row)
            print(f"| {title} | {count} | {rates} |")
    print()
    for (skill, effort), cell in cells.items():
        details = ", ".join(f"{k} {rate(v):.0f}" for k, v in cell.items() if k not in ("right", "wrong"))
        print(f"{skill} {effort}: {details}")
        for record, answer in cell["wrong"][: options.show]:
            print("   asked   ", record["conversation"]["messages"][-1]["content"][0]["text"])
            print("   expected", json.dumps(record["expected"], ensure_ascii=False))
            print(
                "   answered",
                json.dumps({k: answer.get(k) for k in ("reasoning", "content", "tool_calls")}, ensure_ascii=False),
            )


if __name__ == "__main__":
    main()
