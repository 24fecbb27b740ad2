"""The gpt-oss architecture, small: a fast training forward on CPU, and the way to transformers.

The tokens of many documents lie behind each other in one flat batch of T tokens; `offsets`
[documents + 1] says where each begins.  Positions restart at every document and attention never
crosses a border.
"""

import math
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import nn

import mxfp4
from kernels import add_norm, attention, experts

ROPE = {
    "rope_type": "yarn",
    "factor": 32.0,
    "beta_fast": 32.0,
    "beta_slow": 1.0,
    "truncate": False,
    "original_max_position_embeddings": 4096,
}
ROPE_THETA = 150000
SLIDING_WINDOW = 128
MAX_POSITIONS = 131072


@dataclass
class Shape:
    """Sizes of a model; the names follow config.json."""

    vocab_size: int
    hidden_size: int = 192
    num_hidden_layers: int = 8
    intermediate_size: int = 128
    num_local_experts: int = 8
    num_experts_per_tok: int = 2
    num_attention_heads: int = 6
    num_key_value_heads: int = 2
    head_dim: int = 32


def rotary_frequencies(head_dim):
    """YaRN: angular frequency of each of the head_dim/2 pairs, and the factor on cos and sin."""
    half = head_dim // 2
    base = ROPE_THETA ** (torch.arange(half, dtype=torch.float64) / half)

    def pair_turning(times):  # the pair that turns this often within the original context
        turns = ROPE["original_max_position_embeddings"] / (times * 2 * math.pi)
        return half * math.log(turns) / math.log(ROPE_THETA)

    low, high = pair_turning(ROPE["beta_fast"]), pair_turning(ROPE["beta_slow"])
    ramp = ((torch.arange(half, dtype=torch.float64) - low) / (high - low)).clamp(0, 1)
    frequencies = ramp / (ROPE["factor"] * base) + (1 - ramp) / base
    return frequencies, 0.1 * math.log(ROPE["factor"]) + 1


class Block(nn.Module):
    """Weights of one layer.  Matrices are stored [out, in], the experts' [expert, in, out]."""

    def __init__(self, shape: Shape):
        super().__init__()
        h, i, e = shape.hidden_size, shape.intermediate_size, shape.num_local_experts
        q, kv = shape.num_attention_heads * shape.head_dim, shape.num_key_value_heads * shape.head_dim
        into_residual = 1 / math.sqrt(2 * shape.num_hidden_layers)

        def normal(*size, fan_in, gain=1.0):
            return nn.Parameter(torch.randn(*size) * gain / math.sqrt(fan_in))

        def zeros(*size):
            return nn.Parameter(torch.zeros(*size))

        self.norm1, self.norm2 = nn.Parameter(torch.ones(h)), nn.Parameter(torch.ones(h))
        self.wq, self.bq = normal(q, h, fan_in=h), zeros(q)
        self.wk, self.bk = normal(kv, h, fan_in=h), zeros(kv)
        self.wv, self.bv = normal(kv, h, fan_in=h), zeros(kv)
        self.wo, self.bo = normal(h, q, fan_in=q, gain=into_residual), zeros(h)
        self.sinks = zeros(shape.num_attention_heads)
        self.router, self.router_bias = normal(e, h, fan_in=h), zeros(e)
        self.w1, self.b1 = normal(e, h, 2 * i, fan_in=h), zeros(e, 2 * i)
        self.w2, self.b2 = normal(e, i, h, fan_in=i, gain=into_residual), zeros(e, h)


class DemoModel(nn.Module):
    """`dtype` is that of the matrix products; the residual stream and all sums are float."""

    def __init__(self, shape: Shape, dtype=torch.bfloat16, longest=4096):
        super().__init__()
        self.shape, self.dtype = shape, dtype
        v, h = shape.vocab_size, shape.hidden_size
        self.embedding = nn.Parameter(torch.randn(v, h) * 0.5)
        self.head = nn.Parameter(torch.randn(v, h) * 0.5 / math.sqrt(h))
        self.norm = nn.Parameter(torch.ones(h))
        self.layers = nn.ModuleList(Block(shape) for _ in range(shape.num_hidden_layers))
        frequencies, factor = rotary_frequencies(shape.head_dim)
        angles = torch.outer(torch.arange(longest, dtype=torch.float64), frequencies)
        self.cos, self.sin = (angles.cos() * factor).float(), (angles.sin() * factor).float()

    def block(self, layer: Block, x, delta, offsets, window):
        """x [T,H] float and the previous block's output `delta` -> (x, this block's output, balance loss)."""
        s, cast = self.shape, self.dtype
        x, h = add_norm(x, delta, layer.norm1, cast)
        weight = torch.cat([layer.wq, layer.wk, layer.wv]).to(cast)
        bias = torch.cat([layer.bq, layer.bk, layer.bv]).to(cast)
        mixed = attention(
            F.linear(h, weight, bias), layer.sinks, offsets, self.cos, self.sin,
            s.num_attention_heads, s.num_key_value_heads, window,
        )  # fmt: skip
        x, h = add_norm(x, F.linear(mixed, layer.wo.to(cast), layer.bo.to(cast)), layer.norm2, cast)
        logits = F.linear(h.float(), layer.router, layer.router_bias)
        weights = [w.to(cast) for w in (layer.w1, layer.b1, layer.w2, layer.b2)]
        out, bounds = experts(h, logits, *weights, s.num_experts_per_tok)
        share = bounds.diff() / bounds[-1]
        balance = s.num_local_experts * (share * logits.softmax(-1).mean(0)).sum()
        return x, out, balance

    def forward(self, ids, offsets):
        """ids [T], offsets [documents+1] -> (final normed states [T,H], mean balance loss)."""
        x, delta, balance = self.embedding[ids], None, 0.0
        for index, layer in enumerate(self.layers):
            window = SLIDING_WINDOW if index % 2 == 0 else MAX_POSITIONS
            x, delta, part = self.block(layer, x, delta, offsets, window)
            balance = balance + part
        _, h = add_norm(x, delta, self.norm, self.dtype)
        return h, balance / len(self.layers)

    def logits(self, states):
        """states [N,H] -> [N,V] float."""
        return (states @ self.head.to(self.dtype).t()).float()

    def to_transformers(self, quantized=False):
        """The same weights in a float GptOssForCausalLM; `quantized` as they are after export."""
        from transformers import GptOssConfig, GptOssForCausalLM

        config = GptOssConfig(
            **asdict(self.shape),
            rope_parameters=ROPE | {"rope_theta": float(ROPE_THETA)},
            sliding_window=SLIDING_WINDOW,
            max_position_embeddings=MAX_POSITIONS,
            tie_word_embeddings=False,
            attention_dropout=0.0,
            bos_token_id=None,
            eos_token_id=None,
            pad_token_id=None,
        )
        config._attn_implementation = "eager"
        reference = GptOssForCausalLM(config).float().eval()
        state = self.named_tensors()
        for name, tensor in state.items():
            if name.endswith(("gate_up_proj", "down_proj")):
                if quantized:
                    tensor = mxfp4.round_trip(tensor)
            elif quantized:
                tensor = tensor.bfloat16().float()
            state[name] = tensor.detach().clone().contiguous()
        reference.load_state_dict(state)
        return reference

    def named_tensors(self):
        """Tensors under the names that transformers uses (experts as [expert, in, out])."""

        def interleave(t):  # (gate | up) halves -> alternating columns
            return torch.stack(t.chunk(2, -1), -1).flatten(-2)

        out = {
            "model.embed_tokens.weight": self.embedding,
            "lm_head.weight": self.head,
            "model.norm.weight": self.norm,
        }
        for n, layer in enumerate(self.layers):
            p = f"model.layers.{n}."
            out[p + "input_layernorm.weight"] = layer.norm1
            out[p + "post_attention_layernorm.weight"] = layer.norm2
            for part in "qkvo":
                out[p + f"self_attn.{part}_proj.weight"] = getattr(layer, "w" + part)
                out[p + f"self_attn.{part}_proj.bias"] = getattr(layer, "b" + part)
            out[p + "self_attn.sinks"] = layer.sinks
            out[p + "mlp.router.weight"] = layer.router
            out[p + "mlp.router.bias"] = layer.router_bias
            out[p + "mlp.experts.gate_up_proj"] = interleave(layer.w1)
            out[p + "mlp.experts.gate_up_proj_bias"] = interleave(layer.b1)
            out[p + "mlp.experts.down_proj"] = layer.w2
            out[p + "mlp.experts.down_proj_bias"] = layer.b2
        return out

    @torch.no_grad()
    def load_named_tensors(self, tensors):
        """Inverse of named_tensors."""
        for name, own in self.named_tensors().items():
            tensor = tensors[name]
            if "gate_up" in name:
                tensor = torch.cat([tensor[..., 0::2], tensor[..., 1::2]], -1)
                layer = self.layers[int(name.split(".")[2])]
                own = layer.b1 if name.endswith("bias") else layer.w1
            own.copy_(tensor)

    @classmethod
    def restore(cls, path, dtype=torch.bfloat16):
        """(model, the rest of the checkpoint)"""
        data = torch.load(path, weights_only=False)
        model = cls(Shape(**data.pop("shape")), dtype)
        model.load_state_dict(data.pop("weights"))
        return model, data
