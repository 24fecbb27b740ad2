"""Draws whole training conversations."""

import json

from arithmetic import arithmetic_turn
from chat import chat_turn, ramble
from dialogue import Conversation, compact, segments
from functions import function_set, function_turn
from records import record_turns

MIX = {"arithmetic": 0.18, "call": 0.44, "record": 0.28, "chat": 0.1}
TURNS = {  # many turns share one prompt; sums without working are short
    "arithmetic": (1, 1, 2, 2, 3, 3, 4), "chat": (1, 2, 3, 5), "call": (1, 3, 4, 5, 6), "record": (1, 1, 2, 3),
    "sums": (1, 3, 6, 9),
}  # fmt: skip
EFFORTS = {"low": 0.3, "medium": 0.4, "high": 0.3}
INSTRUCTIONS = ["You are a helpful assistant.", "Be brief.", "Answer politely.", "Help the user.",
                "Use the tools when needed.", "You are a friendly assistant called {n}.",
                "Always answer in English.", "Answer in one sentence.", "Use the functions to answer.",
                "You work for {N}. {r}.", "{r}."]  # fmt: skip


def instructions(source):
    text = source.choice(INSTRUCTIONS)
    return text.format(
        n=source.invented().capitalize(), N=source.invented().capitalize(), r=ramble(source).capitalize()
    )


def date(source):
    roll = source.random.random()
    if roll < 0.12:
        return None
    return "2026-11-22" if roll < 0.2 else source.date()


def conversation(source, mix=None, effort=None, turns=None):
    """One conversation.  mix: {skill: weight}; turns: how many, otherwise one of TURNS."""
    effort = effort or source.weighted(EFFORTS)
    skill = source.weighted(mix or MIX)
    out = Conversation(effort, [], date(source))
    if skill == "record":
        count = turns or source.choice(TURNS["record"])
        out.turns, out.instructions, out.response_format = record_turns(source, effort, count)
        return out
    count = turns or source.choice(TURNS["sums" if (skill, effort) == ("arithmetic", "low") else skill])
    if skill == "call" or source.chance(0.12):
        out.functions = function_set(source)
    if source.chance(0.25):
        out.instructions = instructions(source)
    for index in range(count):
        last = index == count - 1
        now = (
            skill
            if last or source.chance(0.75)
            else source.choice(["arithmetic", "chat"] + ["call"] * bool(out.functions))
        )
        if now == "call":
            out.turns.append(function_turn(source, effort, out.functions))
        elif now == "arithmetic":
            out.turns.append(arithmetic_turn(source, effort))
        else:
            out.turns.append(chat_turn(source, effort, functions=out.functions))
    return out


def training_segments(source, **options):
    """Segments of one conversation, with the variations of history that occur in use."""
    drawn = conversation(source, **options)
    layout = compact if source.chance(0.85) else json.dumps
    return segments(drawn, keep_analysis=source.chance(0.8), resume=source.chance(0.25), layout=layout)


if __name__ == "__main__":  # show some
    import sys

    from words import Source

    generator = Source(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    for _ in range(int(sys.argv[2]) if len(sys.argv) > 2 else 8):
        print("".join(s.text for s in training_segments(generator)), end="\n-----\n")
