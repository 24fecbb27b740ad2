"""MXFP4: blocks of 32 four-bit floats (E2M1) with one shared power-of-two scale (E8M0)."""

import torch

BLOCK = 32
_LEVELS = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0])
_EDGES = (_LEVELS[1:] + _LEVELS[:-1]) / 2
_BIAS = 127


def quantize(weight):
    """weight [..., N], N a multiple of 32 -> codes uint8 [..., N/32, 32], scales uint8 [..., N/32].

    Of the two candidate scales (the largest value lands in the top octave, or one octave below it)
    each block takes the one with the smaller squared error.
    """
    blocks = weight.detach().float().unflatten(-1, (-1, BLOCK))
    largest = blocks.abs().amax(-1, keepdim=True).clamp_min(1e-20)
    exponent = torch.floor(torch.log2(largest)) - 2
    best = None
    for candidate in (exponent, exponent + 1):
        candidate = candidate.clamp(-_BIAS, _BIAS)
        scaled = blocks / torch.exp2(candidate)
        magnitude = torch.bucketize(scaled.abs().contiguous(), _EDGES)
        error = ((_LEVELS[magnitude] - scaled.abs()) * torch.exp2(candidate)).square().sum(-1, keepdim=True)
        codes = magnitude + 8 * (scaled < 0)
        if best is None:
            best = error, codes, candidate
        else:
            better = error < best[0]
            best = tuple(torch.where(better, new, old) for new, old in zip((error, codes, candidate), best))
    _, codes, exponent = best
    return codes.to(torch.uint8), (exponent.squeeze(-1) + _BIAS).to(torch.uint8)


def dequantize(codes, scales):
    """Inverse of quantize: float [..., N]."""
    sign = 1.0 - 2.0 * (codes >= 8)
    values = sign * _LEVELS[(codes & 7).long()]
    return (values * torch.exp2(scales.float() - _BIAS).unsqueeze(-1)).flatten(-2)


def pack(codes):
    """codes [..., B, 32] -> bytes [..., B, 16]; element 2j is the low nibble of byte j."""
    return codes[..., 0::2] | (codes[..., 1::2] << 4)


def unpack(data):
    """Inverse of pack."""
    return torch.stack([data & 15, data >> 4], -1).flatten(-2)


def round_trip(weight):
    """Expert weight [E, in, out] as it will be after export; the blocks run along `in`."""
    return dequantize(*quantize(weight.transpose(1, 2))).transpose(1, 2)
