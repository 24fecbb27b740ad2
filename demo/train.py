"""Trains the demo model: one worker process per core, shared parameters, a time budget.

    python train.py --out runs/a --minutes 100
    python train.py --out runs/b --minutes 60 --start runs/a/last.pt      # go on later
    python train.py --out runs/b --minutes 60 --start weights             # go on from the released weights

The rate is constant and falls to zero over the last part of the time; during the very last part
the experts are trained as they will be stored, in MXFP4.  runs/a/last.pt is a complete state (also
of the optimizer), runs/a/average.pt holds the running average of the weights.
"""

import argparse
import json
import os
import time
import zlib
from pathlib import Path

import torch
import torch.multiprocessing as mp
import torch.nn.functional as F

from export import load_for_training, progress
from model import DemoModel, Shape
from optimizer import Optimizer, SharedState
from packing import Encoder, Packer
from structured_init import write_induction
from words import Source

WARMUP_STEPS = 30
AVERAGE_EVERY, AVERAGE_KEEP = 5, 0.98
MAX_SKIPPED = 20


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="checkpoint or exported folder to go on from")
    parser.add_argument("--minutes", type=float, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=2048, help="tokens a worker and step")
    parser.add_argument("--muon-rate", type=float, default=0.007)
    parser.add_argument("--adam-rate", type=float, default=0.004)
    parser.add_argument("--balance", type=float, default=0.03, help="weight of the expert balance loss")
    parser.add_argument("--decay", type=float, default=0.25, help="last part of the time, in which the rate falls")
    parser.add_argument("--mxfp4", type=float, default=0.06, help="last part of the time, with rounded experts")
    parser.add_argument("--mix", type=json.loads, help='e.g. {"arithmetic": 1, "call": 2, "record": 1, "chat": 1}')
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save-steps", type=int, default=200)
    parser.add_argument("--tokenizer", type=Path, default=Path(__file__).with_name("weights") / "tokenizer.json")
    return parser.parse_args()


def starting_point(options, vocab_size):
    """(model, the rest of the checkpoint that it comes from)"""
    if options.start:
        if options.start.is_dir():
            model, rest = load_for_training(options.start), progress(options.start)
            stored = (options.start / "model.safetensors").read_bytes()
            rest["salt"] = f"{zlib.crc32(stored):08x}"  # to draw other texts than the runs before
        else:
            model, rest = DemoModel.restore(options.start)
        assert model.shape.vocab_size == vocab_size, "the tokenizer has changed"
        return model, rest
    torch.manual_seed(options.seed)
    model = DemoModel(Shape(vocab_size))
    write_induction(model)
    return model, {}


class Schedule:
    """Rate and rounding by the part of the time that has passed; all workers read the same clock."""

    def __init__(self, options, fresh):
        self.options, self.fresh, self.begin = options, fresh, time.time()
        self.clock = torch.zeros(1).share_memory_()
        self.finite = torch.ones(options.workers).share_memory_()  # of each worker, whether its gradients are

    def tick(self):
        self.clock[0] = (time.time() - self.begin) / (60 * self.options.minutes)

    def done(self):
        return self.clock.item() >= 1

    def rate(self, steps):
        warm = min(1.0, (steps + 1) / WARMUP_STEPS) if self.fresh else 1.0
        return warm * max(0.0, min(1.0, (1 - self.clock.item()) / self.options.decay))

    def quantized(self):
        return self.clock.item() > 1 - self.options.mxfp4

    def minutes(self):
        return (time.time() - self.begin) / 60


class Worker:
    """One process: draws its own batches, owns a part of the parameters.  Rank 0 also reports and saves."""

    def __init__(self, rank, options, shared, schedule, barrier, shape, start):
        torch.set_num_threads(1)
        torch.set_flush_denormal(True)  # masked scores leave denormals, with which Intel's processors are very slow
        self.rank, self.options, self.shared, self.schedule, self.barrier = rank, options, shared, schedule, barrier
        self.model = DemoModel(shape)
        shared.attach(self.model, rank)
        self.optimizer = Optimizer(shared, rank, options.muon_rate, options.adam_rate)
        if "optimizer" in start:
            self.optimizer.load(start["optimizer"])
        self.step = self.first_step = start.get("step", 0)
        self.tokens_before = start.get("tokens", 0)
        encoder = Encoder(options.tokenizer)
        seed = f"{options.seed} {self.step} {rank} {start.get('salt', '')}".rstrip()
        source = Source(seed, pieces=encoder.letter_tokens())
        self.packer = Packer(encoder, source, options.tokens, options.mix)
        self.average, self.smooth, self.skipped = shared.masters.clone(), None, 0

    def run(self):
        while True:
            if self.rank == 0:
                self.schedule.tick()
            self.barrier.wait()
            if self.schedule.done():
                break
            loss, balance, learned = self.gradients()
            self.schedule.finite[self.rank] = self.shared.gradients[self.rank].isfinite().all()
            self.barrier.wait()
            self.step += 1
            if not self.schedule.finite.all():  # one such step would spoil all weights, and the checkpoints after it
                self.skipped += 1
                if self.skipped > MAX_SKIPPED:
                    raise RuntimeError(f"{self.skipped} steps without finite gradients: go on from {self.options.out}/last.pt with a lower rate")
                continue
            self.skipped = 0
            self.optimizer.step(self.schedule.rate(self.step - 1 - self.first_step), self.schedule.quantized())
            if self.rank == 0:
                self.follow(loss, balance, learned)
            if self.step % self.options.save_steps == 0:
                self.checkpoint()
        self.checkpoint()

    def gradients(self):
        """Adds one batch's gradients to the shared ones; (loss, balance loss, learned part of the tokens)."""
        ids, targets, offsets = self.packer.batch()
        self.shared.gradients[self.rank].zero_()
        states, balance = self.model(ids, offsets)
        learned = (targets >= 0).nonzero().squeeze(1)
        loss = F.cross_entropy(self.model.logits(states[learned]), targets[learned])
        (loss + self.options.balance * balance).backward()
        return loss.item(), balance.item(), len(learned) / len(ids)

    def tokens(self):
        return self.tokens_before + (self.step - self.first_step) * self.options.tokens * self.options.workers

    def follow(self, loss, balance, learned):
        """Keeps the running average of the weights and prints a line now and then."""
        self.smooth = loss if self.smooth is None else 0.97 * self.smooth + 0.03 * loss
        steps = self.step - self.first_step
        if steps % AVERAGE_EVERY == 0:
            self.average.lerp_(self.shared.masters, 1 - min(AVERAGE_KEEP, steps / (steps + 50)))
        if steps % 25 == 0:
            minutes, rate = self.schedule.minutes(), self.schedule.rate(steps)
            speed = (self.tokens() - self.tokens_before) / (60 * minutes)
            print(
                f"step {self.step} minutes {minutes:.1f} tokens {self.tokens() / 1e6:.2f}M loss {self.smooth:.4f} "
                f"learned {learned:.2f} balance {balance:.2f} rate {rate:.2f} {speed:.0f}/s"
                + " mxfp4"
                * self.schedule.quantized(),
                flush=True,
            )

    def checkpoint(self):
        """Rank 0 writes last.pt and average.pt, for which the others hand over their optimizer's state."""
        part = self.options.out / f"optimizer{self.rank}.tmp"
        torch.save(self.optimizer.state(), part)
        self.barrier.wait()
        if self.rank == 0:
            parts = [self.options.out / f"optimizer{rank}.tmp" for rank in range(self.options.workers)]
            optimizer = merged([torch.load(path, weights_only=False) for path in parts])
            self.save("last", self.shared.masters, optimizer=optimizer)
            self.save("average", self.average)
            for path in parts:
                path.unlink()
        self.barrier.wait()

    def save(self, name, buffer, **more):
        weights = {n: self.shared.view(buffer, n).clone() for n in self.shared.places}
        content = {"shape": vars(self.model.shape), "weights": weights, "step": self.step, "tokens": self.tokens()}
        temporary = self.options.out / f"{name}.tmp"
        torch.save(content | more, temporary)
        os.replace(temporary, self.options.out / f"{name}.pt")


def merged(states):
    """The workers' optimizer states as one, so that another number of workers can go on."""
    return {
        "momentum": {k: v for s in states for k, v in s["momentum"].items()},
        "square": {k: v for s in states for k, v in s["square"].items()},
        "steps": states[0]["steps"],
    }


def work(rank, *arguments):
    Worker(rank, *arguments).run()


def main():
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    model, start = starting_point(options, Encoder(options.tokenizer).vocab_size)
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters", flush=True)
    shared, schedule = SharedState(model, options.workers), Schedule(options, fresh="optimizer" not in start)
    barrier = mp.get_context("spawn").Barrier(options.workers)
    mp.spawn(work, (options, shared, schedule, barrier, model.shape, start), options.workers)


if __name__ == "__main__":
    main()
