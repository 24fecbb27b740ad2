"""Muon for the matrices inside the blocks, Adam for everything else, on shared parameters.

All workers share three flat buffers: the parameters that the forward pass uses, their float
masters, and one gradient buffer a worker.  Each parameter is owned by one worker, which averages
its gradients, updates the master and writes the parameter: the master itself, or for expert
weights in the last phase its MXFP4 rounding (a straight-through estimate without extra code).
"""

import math

import torch

import mxfp4

EXPERTS = ("w1", "w2")
MUON = (*EXPERTS, "wq", "wk", "wv", "wo")


def leaf(name):
    return name.rsplit(".", 1)[-1]


class SharedState:
    """The flat buffers and each parameter's place in them."""

    def __init__(self, model, workers):
        self.workers = workers
        self.places, size = {}, 0
        for name, parameter in model.named_parameters():
            self.places[name] = (size, parameter.shape)
            size += parameter.numel()
        self.values, self.masters = (torch.empty(size).share_memory_() for _ in range(2))
        self.gradients = torch.zeros(workers, size).share_memory_()
        for name, parameter in model.named_parameters():
            self.view(self.masters, name).copy_(parameter.data)
        self.values.copy_(self.masters)
        self.owner = {}  # matrices of a kind are dealt out in turn, so that both workers have as many
        for index, name in enumerate(sorted(self.places, key=lambda n: (leaf(n), n))):
            self.owner[name] = index % workers

    def view(self, buffer, name):
        start, shape = self.places[name]
        return buffer[start : start + shape.numel()].view(shape)

    def attach(self, model, rank):
        """Lets a worker's model compute with the shared parameters and add into its gradients."""
        for name, parameter in model.named_parameters():
            parameter.data = self.view(self.values, name)
            parameter.grad = self.view(self.gradients[rank], name)

    def gradient(self, name):
        total = self.view(self.gradients[0], name).clone()
        for rank in range(1, self.workers):
            total += self.view(self.gradients[rank], name)
        return total.div_(self.workers)

    def write(self, name, quantized):
        master = self.view(self.masters, name)
        rounded = quantized and leaf(name) in EXPERTS
        self.view(self.values, name).copy_(mxfp4.round_trip(master) if rounded else master)


def orthogonalize(matrices):
    """Newton-Schulz iteration on [N, rows, columns], towards the nearest orthogonal matrices."""
    x = matrices.bfloat16()
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.transpose(-2, -1)
    for _ in range(5):
        gram = x @ x.transpose(-2, -1)
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * (gram @ gram)) @ x
    return (x.transpose(-2, -1) if tall else x).float()


class Optimizer:
    """One worker's share of the update."""

    def __init__(self, shared, rank, muon_rate, adam_rate):
        self.shared, self.rates = shared, {"muon": muon_rate, "adam": adam_rate}
        mine = [name for name, owner in shared.owner.items() if owner == rank]
        self.groups = {}
        for name in mine:
            if leaf(name) in MUON:
                self.groups.setdefault(tuple(shared.places[name][1][-2:]), []).append(name)
        self.plain = [name for name in mine if leaf(name) not in MUON]
        self.momentum = {name: torch.zeros(shared.places[name][1]) for name in mine}
        self.square = {name: torch.zeros(shared.places[name][1]) for name in self.plain}
        self.steps = 0

    def state(self):
        return {"momentum": self.momentum, "square": self.square, "steps": self.steps}

    def load(self, state):
        for name in self.momentum:
            self.momentum[name].copy_(state["momentum"][name])
        for name in self.square:
            self.square[name].copy_(state["square"][name])
        self.steps = state["steps"]

    @torch.no_grad()
    def step(self, factor, quantized):
        self.steps += 1
        for shape, names in self.groups.items():
            self._muon(names, shape, self.rates["muon"] * factor)
        for name in self.plain:
            self._adam(name, self.rates["adam"] * factor)
        for name in self.momentum:
            self.shared.write(name, quantized)

    def _muon(self, names, shape, rate):
        directions = []
        for name in names:
            gradient = self.shared.gradient(name)
            momentum = self.momentum[name].mul_(0.95).add_(gradient)
            directions.append(gradient.add_(momentum, alpha=0.95).view(-1, *shape))
        updates = orthogonalize(torch.cat(directions))
        scale = 0.2 * math.sqrt(max(shape))  # an update's RMS is 0.2, as Adam's would be
        for name, update in zip(names, updates.split([len(d) for d in directions])):
            master = self.shared.view(self.shared.masters, name)
            master.mul_(1 - rate * 0.02).add_(update.view_as(master), alpha=-rate * scale)

    def _adam(self, name, rate):
        gradient = self.shared.gradient(name)
        gradient.mul_((1 / (gradient.norm() + 1e-8)).clamp(max=1))
        first = self.momentum[name].lerp_(gradient, 0.1)
        second = self.square[name].lerp_(gradient.square(), 0.05)
        correction = math.sqrt(1 - 0.95**self.steps) / (1 - 0.9**self.steps)
        master = self.shared.view(self.shared.masters, name)
        if master.dim() > 1:
            master.mul_(1 - rate * 0.01)
        master.addcdiv_(first, second.sqrt().add_(1e-8), value=-rate * correction)
