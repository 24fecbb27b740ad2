"""Averages the weights of checkpoints that go on from each other.

    python average.py runs/a/average.pt:1 runs/b/average.pt:2 --out runs/mean.pt

Runs that began from the same weights end in the same valley, each in a spot of its own; the middle
is often better than every one of them.  What is written goes into export.py like any checkpoint.
"""

import argparse
from pathlib import Path

import torch


def weighted(text):
    """`PATH:WEIGHT` or `PATH`"""
    path, _, weight = text.rpartition(":")
    return (Path(path), float(weight)) if path else (Path(text), 1.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", nargs="+", type=weighted, metavar="PATH[:WEIGHT]")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    read = [(torch.load(path, weights_only=False), weight) for path, weight in options.checkpoints]
    total = sum(weight for _, weight in read)
    mean, _ = max(read, key=lambda one: one[0]["tokens"])
    for checkpoint, _ in read:
        if checkpoint["shape"] != mean["shape"]:
            raise SystemExit("the checkpoints are of models of different shapes")
    mean["weights"] = {
        name: sum(checkpoint["weights"][name] * (weight / total) for checkpoint, weight in read)
        for name in mean["weights"]
    }
    torch.save({key: mean[key] for key in ("shape", "weights", "step", "tokens")}, options.out)


if __name__ == "__main__":
    main()
