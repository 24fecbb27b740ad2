"""Writes a checkpoint in the layout of openai/gpt-oss-20b, and reads it back into transformers.

    python export.py runs/a/last.pt weights

The experts become MXFP4 blocks and scales, everything else bfloat16.  After writing, the folder is
loaded again, dequantised and compared with the training forward, token by token.
"""

import argparse
import dataclasses
import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import mxfp4

EXPERTS = ("gate_up_proj", "down_proj")
PROGRESS = ("step", "tokens")  # how far training had come: kept as metadata of model.safetensors


def config_json(shape, special):
    """config.json with the keys of gpt-oss-20b's."""
    layers = shape.num_hidden_layers
    return {
        "architectures": ["GptOssForCausalLM"],
        "attention_bias": True,
        "attention_dropout": 0.0,
        "eos_token_id": special["<|return|>"],
        "experts_per_token": shape.num_experts_per_tok,
        "head_dim": shape.head_dim,
        "hidden_act": "silu",
        "hidden_size": shape.hidden_size,
        "initial_context_length": 4096,
        "initializer_range": 0.02,
        "intermediate_size": shape.intermediate_size,
        "layer_types": ["full_attention" if n % 2 else "sliding_attention" for n in range(layers)],
        "max_position_embeddings": 131072,
        "model_type": "gpt_oss",
        "num_attention_heads": shape.num_attention_heads,
        "num_experts_per_tok": shape.num_experts_per_tok,
        "num_hidden_layers": layers,
        "num_key_value_heads": shape.num_key_value_heads,
        "num_local_experts": shape.num_local_experts,
        "output_router_logits": False,
        "pad_token_id": special["<|endoftext|>"],
        "quantization_config": {
            "modules_to_not_convert": [
                "model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head",
            ],
            "quant_method": "mxfp4",
        },
        "rms_norm_eps": 1e-05,
        "rope_scaling": {
            "beta_fast": 32.0, "beta_slow": 1.0, "factor": 32.0,
            "original_max_position_embeddings": 4096, "rope_type": "yarn", "truncate": False,
        },
        "rope_theta": 150000,
        "router_aux_loss_coef": 0.9,
        "sliding_window": 128,
        "swiglu_limit": 7.0,
        "tie_word_embeddings": False,
        "use_cache": True,
        "vocab_size": shape.vocab_size,
    }  # fmt: skip


def generation_json(special):
    return {
        "bos_token_id": special["<|startoftext|>"],
        "do_sample": False,
        "eos_token_id": [special["<|return|>"], special["<|endoftext|>"], special["<|call|>"]],
        "pad_token_id": special["<|endoftext|>"],
    }


@torch.no_grad()
def stored_tensors(model):
    """What model.safetensors holds."""
    out = {}
    for name, tensor in model.named_tensors().items():
        if name.endswith(EXPERTS):
            codes, scales = mxfp4.quantize(tensor.transpose(1, 2))  # [expert, out, in]
            out[name + "_blocks"] = mxfp4.pack(codes).contiguous()
            out[name + "_scales"] = scales.contiguous()
        else:
            out[name] = tensor.to(torch.bfloat16).contiguous()
    return out


def read_tensors(folder):
    """The exported tensors as floats, experts as [expert, in, out]."""
    stored, out = load_file(folder / "model.safetensors"), {}
    for name, tensor in stored.items():
        if name.endswith("_blocks"):
            base = name.removesuffix("_blocks")
            out[base] = mxfp4.dequantize(mxfp4.unpack(tensor), stored[base + "_scales"]).transpose(1, 2).contiguous()
        elif not name.endswith("_scales"):
            out[name] = tensor.float()
    return out


def load_exported(folder):
    """A float GptOssForCausalLM with the dequantised weights."""
    from transformers import GptOssConfig, GptOssForCausalLM

    config = json.loads((folder / "config.json").read_text())
    config.pop("quantization_config")
    config = GptOssConfig(**config)
    config._attn_implementation = "eager"
    model = GptOssForCausalLM(config).float().eval()
    model.load_state_dict(read_tensors(folder))
    return model


def load_for_training(folder):
    """The exported model as one that training can go on from."""
    from model import DemoModel, Shape

    config = json.loads((folder / "config.json").read_text())
    model = DemoModel(Shape(**{field.name: config[field.name] for field in dataclasses.fields(Shape)}))
    model.load_named_tensors(read_tensors(folder))
    return model


def progress(folder):
    """{"step": steps, "tokens": tokens} of training, as far as the exported folder tells."""
    with safe_open(folder / "model.safetensors", "pt") as file:
        metadata = file.metadata() or {}
    return {key: int(metadata[key]) for key in PROGRESS if key in metadata}


@torch.no_grad()
def compare(folder, tokenizer, conversations=40):
    """Largest difference of logits, and how often the most likely token is the same."""
    from packing import Encoder, Packer
    from words import Source

    model = load_for_training(folder)
    model.dtype = torch.float32
    reference = load_exported(folder)
    ids, _, offsets = Packer(Encoder(tokenizer), Source(5, "test"), 250 * conversations).batch()
    states, _ = model(ids, offsets)
    ours, difference, agreeing = model.logits(states), 0.0, 0
    for begin, end in zip(offsets[:-1].tolist(), offsets[1:].tolist()):
        theirs = reference(ids[None, begin:end]).logits[0]
        difference = max(difference, (ours[begin:end] - theirs).abs().max().item())
        agreeing += (ours[begin:end].argmax(-1) == theirs.argmax(-1)).sum().item()
    return difference, agreeing / len(ids)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path, help="already holds tokenizer.json")
    options = parser.parse_args()
    from model import DemoModel
    from packing import Encoder

    tokenizer = options.folder / "tokenizer.json"
    model, rest = DemoModel.restore(options.checkpoint)
    special = Encoder(tokenizer).special
    metadata = {"format": "pt"} | {key: str(rest[key]) for key in PROGRESS if key in rest}
    save_file(stored_tensors(model), options.folder / "model.safetensors", metadata)
    for name, content in (
        ("config", config_json(model.shape, special)),
        ("generation_config", generation_json(special)),
    ):
        (options.folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")
    difference, agreement = compare(options.folder, tokenizer)
    size = sum(f.stat().st_size for f in options.folder.iterdir())
    print(f"{size / 1e6:.2f} MB; logits differ by at most {difference:.1e}, same best token {agreement:.2%}")
    assert agreement > 0.999


if __name__ == "__main__":
    main()
