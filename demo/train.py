"""Trains the demo model: one worker process per core, shared parameters, a time budget.

    python train.py --out runs/a --minutes 100
    python train.py --out runs/b --minutes 60 --start runs/a/last.pt      # go on later

The rate is constant and falls to zero over the last part of the time; during the very last part
the experts are trained as they will be stored, in MXFP4.  runs/a/last.pt is a complete state (also
of the optimizer), runs/a/average.pt holds the running average of the weights.
"""

import argparse
import json
import os
import time
from pathlib import Path

import torch
import torch.multiprocessing as mp
import torch.nn.functional as F

WARMUP_STEPS = 30
AVERAGE_EVERY, AVERAGE_KEEP = 5, 0.98


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="checkpoint to go on from (weights; optimizer if it is in it)")
    parser.add_argument("--minutes", type=float, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=4096, help="tokens a worker and step")
    parser.add_argument("--muon-rate", type=float, default=0.007)
    parser.add_argument("--adam-rate", type=float, default=0.004)
    parser.add_argument("--balance", type=float, default=0.03, help="weight of the expert balance loss")
    parser.add_argument("--decay", type=float, default=0.25, help="last part of the time, in which the rate falls")
    parser.add_argument("--mxfp4", type=float, default=0.06, help="last part of the time, with rounded experts")
    parser.add_argument("--mix", type=json.loads, help='e.g. {"arithmetic": 1, "call": 2, "record": 1, "chat": 1}')
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save-minutes", type=float, default=3)
    parser.add_argument("--tokenizer", type=Path, default=Path(__file__).with_name("weights") / "tokenizer.json")
    return parser.parse_args()


def rate_factor(step, fresh, done, decay):
    """done: the part of the time that has passed"""
    warm = min(1.0, (step + 1) / WARMUP_STEPS) if fresh else 1.0
    return warm * max(0.0, min(1.0, (1 - done) / decay))


def new_model(options, vocab_size):
    from model import DemoModel, Shape
    from structured_init import write_induction

    if options.start:
        model, rest = DemoModel.restore(options.start)
        assert model.shape.vocab_size == vocab_size, "the tokenizer has changed"
        return model, rest
    torch.manual_seed(options.seed)
    model = DemoModel(Shape(vocab_size))
    write_induction(model)
    return model, {}


def save(options, shared, model, average, progress, optimizers):
    """Writes both checkpoints; the model's own tensors are borrowed to do so."""
    for buffer, name, extra in ((shared.masters, "last", {"optimizers": optimizers}), (average, "average", {})):
        weights = {n: shared.view(buffer, n).clone() for n in shared.places}
        temporary = options.out / f"{name}.tmp"
        torch.save({"shape": vars(model.shape), "weights": weights, **progress, **extra}, temporary)
        os.replace(temporary, options.out / f"{name}.pt")


def worker(rank, options, shared, clock, barrier, rest):
    torch.set_num_threads(1)
    from model import DemoModel, Shape
    from optimizer import Optimizer
    from packing import Encoder, Packer
    from words import Source

    encoder = Encoder(options.tokenizer)
    model = DemoModel(Shape(**rest["shape"]))
    shared.attach(model, rank)
    optimizer = Optimizer(shared, rank, options.muon_rate, options.adam_rate)
    step = rest.get("step", 0)
    if "optimizers" in rest:
        optimizer.load(merged(rest["optimizers"]))
    packer = Packer(
        encoder, Source(f"{options.seed} {step} {rank}", pieces=encoder.letter_tokens()), options.tokens, options.mix
    )
    begin, first_step, saved, smooth = time.time(), step, time.time(), None
    average = shared.masters.clone() if rank == 0 else None
    while True:
        if rank == 0:
            clock[0] = (time.time() - begin) / (60 * options.minutes)
        barrier.wait()
        done = clock[0].item()
        if done >= 1:
            break
        factor = rate_factor(step - first_step, not options.start, done, options.decay)
        quantized = done > 1 - options.mxfp4
        ids, targets, offsets = packer.batch()
        shared.gradients[rank].zero_()
        states, balance = model(ids, offsets)
        learned = (targets >= 0).nonzero().squeeze(1)
        losses = F.cross_entropy(model.logits(states[learned]), targets[learned], reduction="none")
        (losses.mean() + options.balance * balance).backward()
        barrier.wait()
        optimizer.step(factor, quantized)
        step += 1
        if rank == 0:
            now = losses.mean().item()
            smooth = now if smooth is None else 0.97 * smooth + 0.03 * now
            if step % AVERAGE_EVERY == 0:
                average.lerp_(shared.masters, 1 - min(AVERAGE_KEEP, (step - first_step) / (step - first_step + 50)))
            if step % 25 == 0:
                minutes = (time.time() - begin) / 60
                tokens = step * options.tokens * options.workers
                speed = (step - first_step) * options.tokens * options.workers / (minutes * 60)
                print(f"step {step} minutes {minutes:.1f} tokens {tokens / 1e6:.2f}M loss {smooth:.4f} "
                      f"learned {len(learned) / options.tokens:.2f} balance {balance.item():.2f} rate {factor:.2f} "
                      f"{'mxfp4 ' if quantized else ''}{speed:.0f}/s", flush=True)  # fmt: skip
        due = step % 50 == 0
        if due and rank == 0:
            clock[1] = float(time.time() - saved > 60 * options.save_minutes)
        if due:
            barrier.wait()
            if clock[1]:
                checkpoint(rank, options, shared, model, average, optimizer, step, barrier)
                saved = time.time()
    checkpoint(rank, options, shared, model, average, optimizer, step, barrier)


def merged(states):
    """The workers' optimizer states as one, so that another number of workers can go on."""
    return {
        "momentum": {k: v for s in states for k, v in s["momentum"].items()},
        "square": {k: v for s in states for k, v in s["square"].items()},
        "steps": states[0]["steps"],
    }


def checkpoint(rank, options, shared, model, average, optimizer, step, barrier):
    part = options.out / f"optimizer{rank}.tmp"
    torch.save(optimizer.state(), part)
    barrier.wait()
    if rank == 0:
        parts = [options.out / f"optimizer{r}.tmp" for r in range(options.workers)]
        states = [torch.load(p, weights_only=False) for p in parts]
        progress = {"step": step, "tokens": step * options.tokens * options.workers}
        save(options, shared, model, average, progress, states)
        for p in parts:
            p.unlink()
    barrier.wait()


def main():
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    from optimizer import SharedState
    from packing import Encoder

    model, rest = new_model(options, Encoder(options.tokenizer).vocab_size)
    count = sum(p.numel() for p in model.parameters())
    print(f"{count / 1e6:.2f} M parameters", flush=True)
    shared = SharedState(model, options.workers)
    context = mp.get_context("spawn")
    clock = torch.zeros(2).share_memory_()
    rest["shape"] = vars(model.shape)
    mp.spawn(worker, (options, shared, clock, context.Barrier(options.workers), rest), options.workers)


if __name__ == "__main__":
    main()
