"""Checks the training forward against transformers' GptOssForCausalLM: logits, gradients, packing.

Random weights with every bias and sink away from zero and the SwiGLU clamps active.
"""

import torch
import torch.nn.functional as F

from model import DemoModel, Shape

TOLERANCE = 2e-5
COMPARED = {
    "embedding": "model.embed_tokens.weight",
    "layers.0.wq": "model.layers.0.self_attn.q_proj.weight",
    "layers.0.sinks": "model.layers.0.self_attn.sinks",
    "layers.1.sinks": "model.layers.1.self_attn.sinks",
    "layers.1.w2": "model.layers.1.mlp.experts.down_proj",
    "layers.1.norm2": "model.layers.1.post_attention_layernorm.weight",
    "layers.2.router": "model.layers.2.mlp.router.weight",
    "layers.2.b2": "model.layers.2.mlp.experts.down_proj_bias",
    "layers.3.wk": "model.layers.3.self_attn.k_proj.weight",
    "layers.3.wv": "model.layers.3.self_attn.v_proj.weight",
    "layers.3.bk": "model.layers.3.self_attn.k_proj.bias",
}


def random_model():
    torch.manual_seed(0)
    model = DemoModel(Shape(vocab_size=300, hidden_size=64, num_hidden_layers=4, intermediate_size=64,
                            num_local_experts=4, num_attention_heads=4), torch.float32)  # fmt: skip
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1 and "norm" not in name:
            parameter.data.normal_(0, 0.3)
    for layer in model.layers:
        layer.b1.data.normal_(0, 0.5)
        layer.b2.data.normal_(0, 0.3)
        layer.w1.data *= 3
    return model


def report(what, difference):
    print(f"{'ok  ' if difference < TOLERANCE else 'FAIL'} {what}: relative difference {difference:.1e}")
    return difference < TOLERANCE


def relative(ours, reference):
    return ((ours - reference).norm() / reference.norm()).item()


def main():
    model = random_model()
    reference = model.to_transformers()
    length, cut = 421, 200
    ids = torch.randint(0, 300, (length,))
    targets = ids.roll(-1)

    states, _ = model(ids, torch.tensor([0, length]))
    logits = model.logits(states)
    expected = reference(ids[None]).logits[0]
    good = [report("logits", relative(logits, expected))]

    F.cross_entropy(logits, targets).backward()
    F.cross_entropy(expected, targets).backward()
    for ours, theirs in COMPARED.items():
        pair = model.get_parameter(ours).grad, reference.get_parameter(theirs).grad
        good.append(report(f"gradient of {ours}", relative(*pair)))

    states, _ = model(ids, torch.tensor([0, cut, length]))
    alone = reference.model(ids[None, cut:]).last_hidden_state[0]
    good.append(report("second document of a packed batch", relative(states[cut:], alone)))

    model.dtype = torch.bfloat16
    rough, _ = model(ids, torch.tensor([0, length]))
    print(f"     logits with bfloat16 products: relative difference {relative(model.logits(rough), expected):.1e}")
    raise SystemExit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
