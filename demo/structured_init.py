"""Writes an induction circuit into fresh weights, so that copying need not be discovered.

Layer 0 gets heads that look one and two tokens back, selected by position alone: only biases feed
their queries and keys, on the fastest rotary pairs.  They write the earlier token's identity into
two parts of the residual stream that the embedding leaves empty.  Two full-attention layers then
match the current token against "the token before", which finds what followed it last time, and
pass part of its embedding on to the unembedding.  Everything stays trainable.
"""

import math

import torch

FAST_PAIRS = 6  # rotary pairs that tell neighbours apart; the slower ones carry identities
POSITION_GAIN = 8.0
MATCH_GAIN = 2.5
WRITE_GAIN = 0.4
COPY_GAIN = 2.0
COPY_SINK = 3.0
COPY_LAYERS = (1, 3)


@torch.no_grad()
def write_induction(model):
    shape = model.shape
    hidden, dim = shape.hidden_size, shape.head_dim
    half = dim // 2
    slow = torch.tensor([*range(FAST_PAIRS, half), *range(half + FAST_PAIRS, dim)])
    width = len(slow)

    basis = torch.linalg.qr(torch.randn(hidden, hidden))[0]
    one_back, two_back, identity = basis[:, :width], basis[:, width : 2 * width], basis[:, 2 * width :]
    model.embedding.copy_(model.embedding @ identity @ identity.t())
    length = model.embedding.norm(dim=1).mean()
    deviation = math.sqrt(hidden / identity.shape[1])  # of one coordinate of the normed embedding
    read = identity[:, :width].t() / deviation

    first = model.layers[0]
    for part in (
        first.wk[:dim],
        first.bk[:dim],
        first.wq[: 2 * dim],
        first.bq[: 2 * dim],
        first.wv[:dim],
        first.wo[:, : 2 * dim],
    ):
        part.zero_()
    frequencies = [math.atan2(s, c) for c, s in zip(model.cos[1].tolist(), model.sin[1].tolist())]
    for pair in range(FAST_PAIRS):
        first.bk[pair] = POSITION_GAIN
        for head, back in ((0, 1), (1, 2)):
            first.bq[head * dim + pair] = POSITION_GAIN * math.cos(frequencies[pair] * back)
            first.bq[head * dim + half + pair] = -POSITION_GAIN * math.sin(frequencies[pair] * back)
    first.wv[:width] = read
    first.wo[:, :width] = WRITE_GAIN * one_back
    first.wo[:, dim : dim + width] = WRITE_GAIN * two_back

    residual = math.sqrt((length.item() ** 2 + 2 * width * WRITE_GAIN**2) / hidden)
    for number, index in enumerate(COPY_LAYERS):
        layer = model.layers[index]
        for part in (layer.wk[:dim], layer.bk[:dim], layer.wq[: 2 * dim], layer.bq[: 2 * dim]):
            part.zero_()
        layer.wk[slow] = MATCH_GAIN * one_back.t() * residual / WRITE_GAIN
        passed = identity[:, number * dim : (number + 1) * dim]
        layer.wv[:dim] = passed.t() / deviation
        for head in (0, 1):
            layer.wq[slow + head * dim] = MATCH_GAIN * read * residual / (length.item() / math.sqrt(hidden))
            layer.wo[:, head * dim : (head + 1) * dim] = COPY_GAIN * passed / 2
        layer.sinks[:2] = COPY_SINK
        model.head.add_(model.embedding @ passed @ passed.t() / length)


@torch.no_grad()
def copy_accuracy(model, runs=8, length=96):
    """How often the next token of a repeated random run is predicted."""
    run = torch.randint(0, model.shape.vocab_size, (runs, length))
    ids = torch.cat([run, run], 1)
    states, _ = model(ids.flatten(), torch.arange(0, ids.numel() + 1, 2 * length))
    guess = model.logits(states).argmax(-1).view(runs, -1)[:, length:-1]
    return (guess == ids[:, length + 1 :]).float().mean().item()


if __name__ == "__main__":
    from model import DemoModel, Shape

    torch.manual_seed(1)
    fresh = DemoModel(Shape(vocab_size=1024))
    print(f"copying before: {copy_accuracy(fresh):.2f}")
    write_induction(fresh)
    print(f"copying after:  {copy_accuracy(fresh):.2f}")
