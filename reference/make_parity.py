#!/usr/bin/env python3
"""Makes the fixtures of crates/engine/tests/parity.rs from transformers' GptOssForCausalLM.

For each model below it draws random weights, writes them as a checkpoint in Hugging Face layout
(MXFP4 experts, or bf16 ones; one file, or shards), lets transformers load that very directory
(float32, eager attention, experts dequantised) and stores what it answers to six prompts:
the most likely token at every position and whole rows of logits at some.

    pip install torch transformers safetensors numpy     # made with torch 2.15, transformers 5.23
    python reference/make_parity.py

Two rules make "the same top token everywhere" a fair demand on another float32 implementation,
whose sums have another order: no prompt has a position where the two best tokens, or the last
chosen and the first rejected expert of any layer, are nearly tied. Where one is, the tokens from
there on are drawn again (the model is causal, so earlier positions stay as they are).
"""

import argparse
import dataclasses
import json
import math
import pathlib
import shutil

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import GptOssForCausalLM, Mxfp4Config

PROMPT_LENGTHS = (1, 127, 128, 129, 600, 5000)
# Nearest ties that are left in: of the largest logit, and in units of router logits.
MIN_TOKEN_GAP = 5e-5
MIN_EXPERT_GAP = 5e-5
FP4_VALUES = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], dtype=np.float32)


@dataclasses.dataclass(frozen=True)
class Spec:
    """One random model; sizes are small so that the fixtures are."""

    name: str
    seed: int
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    experts: int
    active: int
    vocab: int
    window: int = 128
    factor: float = 32.0
    original_context: int = 4096
    layer_types: tuple[str, ...] | None = None
    bf16_experts: bool = False
    rope_parameters: bool = False
    shards: int = 1
    swiglu_alpha: float | None = None
    extra: dict = dataclasses.field(default_factory=dict)


S, F = "sliding_attention", "full_attention"
SPECS = [
    # Like gpt-oss itself in the small: groups of four heads, alternating layers.
    Spec("gqa4", 1, layers=4, hidden=64, intermediate=96, heads=8, kv_heads=2, head_dim=16,
         experts=8, active=2, vocab=160),
    # Experts in the transposed bf16 form that save_pretrained writes after dequantisation.
    Spec("bf16_experts", 2, layers=2, hidden=96, intermediate=64, heads=6, kv_heads=3, head_dim=32,
         experts=4, active=4, vocab=97, bf16_experts=True),
    # rope_parameters of transformers 5, own layer types, short original context, another alpha.
    Spec("rope_parameters", 3, layers=3, hidden=128, intermediate=32, heads=4, kv_heads=4,
         head_dim=32, experts=16, active=4, vocab=128, factor=8.0, original_context=1024,
         layer_types=(F, S, F), rope_parameters=True, swiglu_alpha=1.5),
    # Three shards named as gpt-oss-20b names them; one key/value head; a short window.
    Spec("sharded", 4, layers=5, hidden=32, intermediate=64, heads=8, kv_heads=1, head_dim=8,
         experts=32, active=3, vocab=200, window=50, shards=3,
         extra={"eos_token_id": [7, 9]}),
]


def to_mxfp4(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Quantises float32 [..., 32 n] along its last axis.

    Returns blocks [..., n, 16] (low nibble first), scales [..., n] (E8M0) and what they stand for.
    """
    grouped = weights.reshape(*weights.shape[:-1], -1, 32)
    largest = np.abs(grouped).max(axis=-1)
    # The largest exponent of the format is 2 (4 and 6).
    exponent = np.floor(np.log2(np.maximum(largest, 2.0**-100))).astype(np.int32) - 2
    scaled = grouped / np.exp2(exponent)[..., None]
    code = np.abs(np.abs(scaled)[..., None] - FP4_VALUES).argmin(axis=-1).astype(np.uint8)
    code |= (scaled < 0).astype(np.uint8) << 3
    blocks = code[..., 0::2] | code[..., 1::2] << 4
    value = FP4_VALUES[code & 7] * np.where(code & 8, -1, 1) * np.exp2(exponent)[..., None]
    return blocks, (exponent + 127).astype(np.uint8), value.reshape(weights.shape).astype(np.float32)


def make_weights(spec: Spec) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """The tensors of the checkpoint, and the experts' values [E, in, out] they should mean.

    Scales are such that attention is neither uniform nor one-hot, the experts' clamps act on a few
    per cent of the values and the logits of a row clearly differ.
    """
    rng = np.random.default_rng(spec.seed)

    def normal(std: float, *shape: int, mean: float = 0.0) -> np.ndarray:
        return (mean + std * rng.standard_normal(shape)).astype(np.float32)

    def bf16(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(torch.bfloat16)

    hidden, inner, experts = spec.hidden, spec.intermediate, spec.experts
    q_width, kv_width = spec.heads * spec.head_dim, spec.kv_heads * spec.head_dim
    tensors = {
        "model.embed_tokens.weight": bf16(normal(1.0, spec.vocab, hidden)),
        "model.norm.weight": bf16(normal(0.2, hidden, mean=1.0)),
        "lm_head.weight": bf16(normal(3.0 / math.sqrt(hidden), spec.vocab, hidden)),
    }
    expected = {}
    for n in range(spec.layers):
        layer = f"model.layers.{n}."
        for norm in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{layer}{norm}.weight"] = bf16(normal(0.2, hidden, mean=1.0))
        for name, width, std in (("q", q_width, 1.3), ("k", kv_width, 1.3), ("v", kv_width, 1.0)):
            proj = f"{layer}self_attn.{name}_proj."
            tensors[proj + "weight"] = bf16(normal(std / math.sqrt(hidden), width, hidden))
            tensors[proj + "bias"] = bf16(normal(0.3, width))
        proj = f"{layer}self_attn.o_proj."
        tensors[proj + "weight"] = bf16(normal(1.0 / math.sqrt(q_width), hidden, q_width))
        tensors[proj + "bias"] = bf16(normal(0.1, hidden))
        tensors[f"{layer}self_attn.sinks"] = bf16(normal(1.5, spec.heads))
        tensors[f"{layer}mlp.router.weight"] = bf16(normal(1.5 / math.sqrt(hidden), experts, hidden))
        tensors[f"{layer}mlp.router.bias"] = bf16(normal(0.5, experts))
        for name, rows, columns, std in (
            ("gate_up_proj", 2 * inner, hidden, 3.5 / math.sqrt(hidden)),
            ("down_proj", hidden, inner, 0.25 / math.sqrt(inner)),
        ):
            proj = f"{layer}mlp.experts.{name}"
            blocks, scales, values = to_mxfp4(normal(std, experts, rows, columns))
            values = torch.from_numpy(values).transpose(1, 2).contiguous()
            expected[proj] = values
            if spec.bf16_experts:
                tensors[proj] = values.to(torch.bfloat16)
            else:
                tensors[proj + "_blocks"] = torch.from_numpy(blocks)
                tensors[proj + "_scales"] = torch.from_numpy(scales)
            tensors[proj + "_bias"] = bf16(normal(0.3, experts, rows))
    return tensors, expected


def make_config(spec: Spec) -> dict:
    yarn = {
        "rope_type": "yarn",
        "factor": spec.factor,
        "beta_fast": 32.0,
        "beta_slow": 1.0,
        "truncate": False,
        "original_max_position_embeddings": spec.original_context,
    }
    config = {
        "architectures": ["GptOssForCausalLM"],
        "model_type": "gpt_oss",
        "attention_bias": True,
        "eos_token_id": 0,
        "head_dim": spec.head_dim,
        "hidden_act": "silu",
        "hidden_size": spec.hidden,
        "initial_context_length": spec.original_context,
        "intermediate_size": spec.intermediate,
        "max_position_embeddings": int(spec.factor * spec.original_context),
        "num_attention_heads": spec.heads,
        "num_experts_per_tok": spec.active,
        "num_hidden_layers": spec.layers,
        "num_key_value_heads": spec.kv_heads,
        "num_local_experts": spec.experts,
        "rms_norm_eps": 1e-5,
        "sliding_window": spec.window,
        "swiglu_limit": 7.0,
        "tie_word_embeddings": False,
        "vocab_size": spec.vocab,
    }
    if spec.rope_parameters:
        config["rope_parameters"] = {**yarn, "rope_theta": 150000}
    else:
        config |= {"rope_scaling": yarn, "rope_theta": 150000}
    if spec.layer_types:
        config["layer_types"] = list(spec.layer_types)
    if spec.swiglu_alpha:
        config["swiglu_alpha"] = spec.swiglu_alpha
    if not spec.bf16_experts:
        config["quantization_config"] = {
            "quant_method": "mxfp4",
            "modules_to_not_convert": [
                "model.layers.*.self_attn", "model.layers.*.mlp.router",
                "model.embed_tokens", "lm_head",
            ],
        }
    return config | spec.extra


def write_checkpoint(spec: Spec, out: pathlib.Path, tensors: dict[str, torch.Tensor]) -> None:
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    (out / "config.json").write_text(json.dumps(make_config(spec), indent=2) + "\n")
    metadata = {"format": "pt"}
    if spec.shards == 1:
        save_file(tensors, out / "model.safetensors", metadata)
        return
    # Zero-based numbers "of" one too few, as openai/gpt-oss-20b has them.
    files = [f"model-{n:05}-of-{spec.shards - 1:05}.safetensors" for n in range(spec.shards)]
    weight_map = {name: files[i % spec.shards] for i, name in enumerate(tensors)}
    for file in files:
        save_file({n: t for n, t in tensors.items() if weight_map[n] == file}, out / file, metadata)
    size = sum(t.numel() * t.element_size() for t in tensors.values())
    index = {"metadata": {"total_size": size}, "weight_map": weight_map}
    (out / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n")


def load_reference(spec: Spec, path: pathlib.Path, expected: dict[str, torch.Tensor]):
    quantization = {} if spec.bf16_experts else {"quantization_config": Mxfp4Config(dequantize=True)}
    model = GptOssForCausalLM.from_pretrained(
        path, dtype=torch.float32, attn_implementation="eager", experts_implementation="eager",
        **quantization,
    ).eval()
    parameters = dict(model.named_parameters())
    assert all(p.dtype == torch.float32 for p in parameters.values())
    for name, values in expected.items():
        assert torch.equal(parameters[name], values), f"transformers reads {name} otherwise"
    return model


@torch.no_grad()
def run(model, tokens: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Logits [n, vocab] and the router logits [n, experts] of each layer."""
    out = model(torch.from_numpy(tokens)[None], use_cache=False, output_router_logits=True)
    return out.logits[0].numpy(), [layer.numpy() for layer in out.router_logits]


def first_near_tie(spec: Spec, logits: np.ndarray, routers: list[np.ndarray]) -> int | None:
    best = np.sort(logits, axis=-1)
    tied = best[:, -1] - best[:, -2] < MIN_TOKEN_GAP * np.abs(logits).max()
    if spec.active < spec.experts:
        for router in routers:
            ranked = np.sort(router.reshape(len(logits), -1), axis=-1)
            tied |= ranked[:, -spec.active] - ranked[:, -spec.active - 1] < MIN_EXPERT_GAP
    return int(tied.argmax()) if tied.any() else None


def draw_prompt(spec: Spec, model, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Tokens without near ties, and their logits."""
    rng = np.random.default_rng([spec.seed, length])
    tokens = rng.integers(spec.vocab, size=length)
    while True:
        logits, routers = run(model, tokens)
        tie = first_near_tie(spec, logits, routers)
        if tie is None:
            return tokens, logits
        tokens[tie:] = rng.integers(spec.vocab, size=length - tie)


def stored_rows(spec: Spec, length: int) -> np.ndarray:
    """Positions whose logits are stored: ends, window edges and some anywhere."""
    rng = np.random.default_rng([spec.seed, length, 1])
    rows = {0, length - 1, *range(125, 132), spec.window - 1, spec.window, spec.window + 1}
    rows |= set(rng.integers(length, size=12).tolist())
    return np.array(sorted(r for r in rows if r < length))


def make(spec: Spec, out: pathlib.Path) -> None:
    tensors, expected = make_weights(spec)
    write_checkpoint(spec, out, tensors)
    model = load_reference(spec, out, expected)
    stored = {}
    for length in PROMPT_LENGTHS:
        tokens, logits = draw_prompt(spec, model, length)
        rows = stored_rows(spec, length)
        stored[f"tokens.{length}"] = torch.from_numpy(tokens.astype(np.int32))
        stored[f"top1.{length}"] = torch.from_numpy(logits.argmax(axis=-1).astype(np.int32))
        stored[f"rows.{length}"] = torch.from_numpy(rows.astype(np.int32))
        stored[f"logits.{length}"] = torch.from_numpy(logits[rows])
        # How exact the reference is itself: the same in double precision (its rotation angles stay
        # float32 there too).
        if length <= 600:
            exact, _ = run(model.double(), tokens)
            model.float()
            noise = np.abs(exact - logits).max() / np.abs(logits).max()
            print(f"{spec.name:16} {length:5} max|logit| {np.abs(logits).max():.2f}, "
                  f"spread {logits.std():.2f}, float32 against float64 {noise:.1e}", flush=True)
    save_file(stored, out / "expected.safetensors")
    size = sum(f.stat().st_size for f in out.iterdir())
    print(f"{spec.name}: {size / 1e6:.2f} MB", flush=True)


def main() -> None:
    root = pathlib.Path(__file__).parent.parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=root / "crates/engine/tests/fixtures")
    parser.add_argument("--only", help="make one of the models only")
    args = parser.parse_args()
    torch.manual_seed(0)
    for spec in SPECS:
        if args.only in (None, spec.name):
            make(spec, args.out / spec.name)


if __name__ == "__main__":
    main()
