"""Quick exact-match rates of a checkpoint on held-out prompts, without generating.

    python probe.py runs/a/average.pt --count 60

Greedy decoding writes the expected answer exactly when, given that answer, each of its tokens is
the most likely one; so a single forward pass decides.  This is stricter than evaluate.py: thinking
that differs in a word counts as wrong ("exact"); "value" only looks at the last message.
"""

import argparse
import collections
from pathlib import Path

import torch

import mxfp4
from dialogue import prompt, segments
from make_eval import EFFORTS, SKILLS, cases
from model import DemoModel
from packing import Encoder

BATCH_TOKENS = 8192


def answered(encoder, conversation, upto):
    """(token ids of prompt and answer, index of the answer's first token)"""
    stops = {encoder.special["<|return|>"], encoder.special["<|call|>"]}
    begin = len(encoder.segments(prompt(conversation, upto))[0])
    ids, _ = encoder.segments(segments(conversation, resume=upto == "result"))
    end = next(i for i in range(begin, len(ids)) if ids[i] in stops)
    return ids[: end + 1], begin


def verdicts(model, encoder, documents):
    """documents: [(ids, begin)] of one batch -> [(exact, value)]"""
    offsets = torch.tensor([0, *(len(ids) for ids, _ in documents)]).cumsum(0)
    ids = torch.tensor([t for tokens, _ in documents for t in tokens])
    with torch.no_grad():
        states, _ = model(ids, offsets)
        right = model.logits(states).argmax(-1)[:-1] == ids[1:]  # right[i]: token i+1 is predicted
    out, message = [], encoder.special["<|message|>"]
    for (tokens, begin), start in zip(documents, offsets.tolist()):
        last = max(i for i, t in enumerate(tokens) if t == message)
        flags = right[start : start + len(tokens) - 1]
        out.append((flags[begin - 1 :].all().item(), flags[last:].all().item()))
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--mxfp4", action="store_true", help="round the experts first")
    parser.add_argument("--tokenizer", type=Path, default=Path(__file__).with_name("weights") / "tokenizer.json")
    options = parser.parse_args()
    torch.set_num_threads(1)

    encoder = Encoder(options.tokenizer)
    model, rest = DemoModel.restore(options.checkpoint)
    if options.mxfp4:
        for layer in model.layers:
            layer.w1.data, layer.w2.data = mxfp4.round_trip(layer.w1), mxfp4.round_trip(layer.w2)

    cells, batch, keys, size = collections.defaultdict(list), [], [], 0

    def flush():
        for key, verdict in zip(keys, verdicts(model, encoder, batch)):
            for name in (key[:2], ("kind " + key[2], key[1])):
                cells[name].append(verdict)

    for record, conversation, upto in cases(options.count, options.seed):
        document = answered(encoder, conversation, upto)
        if size + len(document[0]) > BATCH_TOKENS:
            flush()
            batch, keys, size = [], [], 0
        batch.append(document)
        keys.append((record["skill"], record["effort"], f"{record['skill']} {record['kind']}"))
        size += len(document[0])
    flush()

    print(f"{rest.get('tokens', 0) / 1e6:.1f} M tokens; exact (value) percent at {', '.join(EFFORTS)}")
    kinds = sorted({name for name, _ in cells if name.startswith("kind ")})
    for name in [*SKILLS, *kinds]:
        row = [cells.get((name, effort)) for effort in EFFORTS]
        texts = [
            f"{100 * sum(e for e, _ in c) / len(c):5.1f} ({100 * sum(v for _, v in c) / len(c):5.1f})" if c else "-"
            for c in row
        ]
        print(f"{name:28}", "  ".join(texts))


if __name__ == "__main__":
    main()
