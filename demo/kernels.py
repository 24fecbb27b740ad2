"""Builds kernels.cpp and wraps each kernel pair as a differentiable function."""

from pathlib import Path

import torch
from torch.utils.cpp_extension import load

load(
    name="freeway_demo_kernels",
    sources=[str(Path(__file__).with_name("kernels.cpp"))],
    extra_cflags=["-O3", "-march=native", "-ffast-math", "-std=c++20"],
    extra_ldflags=["-lmvec", "-lm"],
    is_python_module=False,
)
_ops = torch.ops.freeway_demo


class _AddNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, delta, gain, dtype):
        total, normed, inverse = _ops.add_norm_forward(x, delta, gain, dtype)
        ctx.save_for_backward(total, gain, inverse)
        ctx.delta_dtype = None if delta is None else delta.dtype
        return total.view_as(total), normed

    @staticmethod
    def backward(ctx, dtotal, dnormed):
        dx, dgain = _ops.add_norm_backward(dtotal.contiguous(), dnormed.contiguous(), *ctx.saved_tensors)
        ddelta = None if ctx.delta_dtype is None else dx.to(ctx.delta_dtype)
        return dx, ddelta, dgain, None


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx, qkv, sinks, offsets, cos, sin, heads, kv_heads, window):
        out, lse = _ops.attention_forward(qkv, sinks, offsets, cos, sin, heads, kv_heads, window)
        ctx.save_for_backward(out, lse, qkv, sinks, offsets, cos, sin)
        ctx.shape = heads, kv_heads, window
        return out

    @staticmethod
    def backward(ctx, dout):
        dqkv, dsinks = _ops.attention_backward(dout.contiguous(), *ctx.saved_tensors, *ctx.shape)
        return dqkv, dsinks, None, None, None, None, None, None


class _Experts(torch.autograd.Function):
    @staticmethod
    def forward(ctx, h, logits, w1, b1, w2, b2, active):
        out, *saved = _ops.moe_forward(h, logits, w1, b1, w2, b2, active)
        ctx.save_for_backward(*saved, w1, w2)
        ctx.active, ctx.dtype = active, h.dtype
        segments = saved[2]
        ctx.mark_non_differentiable(segments)
        return out, segments

    @staticmethod
    def backward(ctx, dout, _):
        dh, *rest = _ops.moe_backward(dout.contiguous(), *ctx.saved_tensors, ctx.active)
        return dh.to(ctx.dtype), *rest, None


def add_norm(x, delta, gain, dtype):
    """Residual sum and its RMSNorm.

    x [T,H] float; delta [T,H] or None; gain [H].  Returns (x + delta [T,H] float, normed [T,H] dtype).
    """
    return _AddNorm.apply(x, delta, gain, dtype)


def attention(qkv, sinks, offsets, cos, sin, heads, kv_heads, window):
    """RoPE and causal attention with sinks inside each document.

    qkv [T,(heads+2*kv_heads)*32]; sinks [heads]; offsets [documents+1]; cos, sin [positions,16];
    window: how many of the latest tokens a query sees.  Returns [T,heads*32].
    """
    return _Attention.apply(qkv, sinks, offsets, cos, sin, heads, kv_heads, window)


def experts(h, logits, w1, b1, w2, b2, active):
    """The `active` best experts of each token, mixed by the softmax of their logits.

    h [T,H]; logits [T,E] float; w1 [E,H,2I] (gate left, up right); b1 [E,2I]; w2 [E,I,H]; b2 [E,H].
    Returns (output [T,H] float, segment bounds [E+1]).
    """
    return _Experts.apply(h, logits, w1, b1, w2, b2, active)
