#!/usr/bin/env python3
"""Holds the `freeway` binary against transformers on models that nobody has seen before.

Draws models of random shape and weights, and prompts; lets both compute the logits; fails unless
they agree everywhere to 2e-4 of the largest logit, with the same most likely token.

    pip install torch transformers safetensors numpy
    cargo build --release
    python reference/check_parity.py --seed 7 --models 3
"""

import argparse
import pathlib
import random
import subprocess
import sys
import tempfile

import numpy as np
import torch
from safetensors.numpy import load_file

from make_parity import Spec, draw_prompt, load_reference, make_weights, write_checkpoint

TOLERANCE = 2e-4
PROMPT_LENGTHS = (1, 127, 128, 129, 600)


def random_spec(rng: random.Random, index: int) -> Spec:
    kv_heads = rng.choice([1, 2, 3, 4])
    experts = rng.choice([2, 4, 7, 32])
    return Spec(
        f"random{index}",
        rng.getrandbits(31),
        layers=rng.randint(1, 6),
        hidden=32 * rng.randint(1, 5),
        intermediate=32 * rng.randint(1, 5),
        heads=kv_heads * rng.choice([1, 2, 5, 8]),
        kv_heads=kv_heads,
        head_dim=rng.choice([8, 16, 32, 64]),
        experts=experts,
        active=rng.randint(1, min(experts, 4)),
        vocab=rng.randint(20, 400),
        window=rng.choice([3, 64, 128]),
        bf16_experts=rng.random() < 0.3,
        rope_parameters=rng.random() < 0.5,
        shards=rng.choice([1, 3]),
    )


def freeway_logits(freeway: str, model: pathlib.Path, tokens: np.ndarray) -> np.ndarray:
    out = model / "logits.safetensors"
    ids = ",".join(map(str, tokens.tolist()))
    command = [freeway, "score", "--exact", "--model", model, "--tokens", ids, "--logits-out", out]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return load_file(out)["logits"]


def main() -> None:
    root = pathlib.Path(__file__).parent.parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--freeway", default=root / "target/release/freeway")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(31))
    parser.add_argument("--models", type=int, default=3)
    args = parser.parse_args()
    print(f"seed {args.seed}")
    rng = random.Random(args.seed)
    torch.manual_seed(0)
    failures = 0
    for index in range(args.models):
        spec = random_spec(rng, index)
        print(spec)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "model"
            tensors, expected = make_weights(spec)
            write_checkpoint(spec, path, tensors)
            model = load_reference(spec, path, expected)
            for length in PROMPT_LENGTHS:
                tokens, theirs = draw_prompt(spec, model, length)
                ours = freeway_logits(args.freeway, path, tokens)
                error = np.abs(ours - theirs).max() / np.abs(theirs).max()
                same = int((ours.argmax(-1) == theirs.argmax(-1)).sum())
                passed = error <= TOLERANCE and same == length
                failures += not passed
                print(f"  {length:5} tokens: error {error:.1e}, same top token {same}/{length}"
                      f"{'' if passed else '  FAILED'}", flush=True)
    if failures:
        sys.exit(f"{failures} prompts differ; --seed {args.seed} makes them again")


if __name__ == "__main__":
    main()
