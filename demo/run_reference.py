"""Answers the evaluation prompts with transformers instead of the engine, greedily.

    python run_reference.py runs/a/average.pt --count 40 --out-prompts p.jsonl --out-answers a.jsonl

Takes a training checkpoint (rounded as export.py would) or an exported folder.
"""

import argparse
import json
from pathlib import Path

import torch

from dialogue import prompt
from export import load_exported
from make_eval import SKILLS, cases
from packing import Encoder

BATCH = 64


@torch.inference_mode()
def generate(model, encoder, prompts, longest):
    """Greedy continuations as token lists; neighbours are left-padded to a common length."""
    stops = [encoder.special[s] for s in ("<|return|>", "<|call|>", "<|endoftext|>")]
    padding = encoder.special["<|endoftext|>"]
    out = []
    for begin in range(0, len(prompts), BATCH):
        chosen = prompts[begin : begin + BATCH]
        width = max(map(len, chosen))
        ids = torch.full((len(chosen), width), padding)
        attended = torch.zeros_like(ids)
        for row, tokens in enumerate(chosen):
            ids[row, width - len(tokens) :] = torch.tensor(tokens)
            attended[row, width - len(tokens) :] = 1
        result = model.generate(input_ids=ids, attention_mask=attended, max_new_tokens=longest, do_sample=False,
                                eos_token_id=stops, pad_token_id=padding)  # fmt: skip
        for tokens in result[:, width:].tolist():
            end = next((k for k, t in enumerate(tokens) if t in stops), len(tokens) - 1)
            out.append(tokens[: end + 1])
    return out


def parse(text):
    """What the engine's parser would report for a well-formed answer."""
    answer = {"reasoning": None, "content": None, "tool_calls": []}
    for message in text.split("<|start|>assistant"):
        header, _, body = message.partition("<|message|>")
        for end in ("<|end|>", "<|return|>", "<|call|>"):
            body = body.partition(end)[0]
        header = header.removeprefix("<|channel|>")
        if header == "analysis":
            answer["reasoning"] = body
        elif header == "final":
            answer["content"] = body
        elif header.startswith("commentary to=functions."):
            name = header.removeprefix("commentary to=functions.").partition(" ")[0]
            answer["tool_calls"].append({"name": name, "arguments": body})
    return answer


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=7, help="make_eval.py uses another one")
    parser.add_argument("--skills", default=",".join(SKILLS))
    parser.add_argument("--max-tokens", type=int, default=320)
    parser.add_argument("--float", action="store_true", help="do not round a checkpoint")
    parser.add_argument("--out-prompts", type=Path, default=Path("eval.jsonl"))
    parser.add_argument("--out-answers", type=Path, default=Path("answers.jsonl"))
    parser.add_argument("--tokenizer", type=Path, default=Path(__file__).with_name("weights") / "tokenizer.json")
    options = parser.parse_args()

    if options.model.is_dir():
        model = load_exported(options.model)
    else:
        from model import DemoModel

        model = DemoModel.restore(options.model)[0].to_transformers(quantized=not options.float)
    model.generation_config.eos_token_id = None
    encoder = Encoder(options.tokenizer)
    drawn = list(cases(options.count, options.seed, options.skills.split(",")))
    drawn.sort(key=lambda case: (case[0]["effort"], case[0]["skill"]))  # similar lengths side by side
    prompts = [encoder.segments(prompt(conversation, upto))[0] for _, conversation, upto in drawn]
    answers = generate(model, encoder, prompts, options.max_tokens)
    with options.out_prompts.open("w") as file:
        for record, _, _ in drawn:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    with options.out_answers.open("w") as file:
        for (record, _, _), tokens in zip(drawn, answers):
            text = encoder.tokenizer.decode(tokens, skip_special_tokens=False)
            file.write(json.dumps({"id": record["id"], **parse(text)}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
