//! Names, shapes and random contents of the tensors of a checkpoint.

use super::SynthSpec;
use crate::rng::CounterRng;

/// A tensor to be made.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TensorSpec {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) fill: Fill,
}

/// What a tensor is filled with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fill {
    /// bf16, uniform around `mean` up to `spread` to either side.
    Bf16 { mean: f32, spread: f32 },
    /// MXFP4 codes: every byte is two of them, all equally likely.
    Codes,
    /// MXFP4 scales: `exponent - 1`, `exponent` (twice as likely) or `exponent + 1`.
    Scales { exponent: u8 },
}

impl TensorSpec {
    pub(super) fn num_bytes(&self) -> u64 {
        let element_bytes = match self.fill {
            Fill::Bf16 { .. } => 2,
            Fill::Codes | Fill::Scales { .. } => 1,
        };
        self.shape.iter().map(|&size| size as u64).product::<u64>() * element_bytes
    }

    /// Its type in the words of safetensors.
    pub(super) fn dtype(&self) -> &'static str {
        match self.fill {
            Fill::Bf16 { .. } => "BF16",
            Fill::Codes | Fill::Scales { .. } => "U8",
        }
    }
}

impl Fill {
    /// Makes the bytes of a tensor from byte `start`, a multiple of 8, on.
    pub(super) fn bytes(self, rng: CounterRng, start: u64, out: &mut [u8]) {
        let word = |index: usize| rng.bits(start / 8 + index as u64);
        let words = out.chunks_mut(8).enumerate();
        match self {
            Fill::Codes => {
                words.for_each(|(index, out)| {
                    out.copy_from_slice(&word(index).to_le_bytes()[..out.len()]);
                });
            }
            Fill::Scales { exponent } => words.for_each(|(index, out)| {
                for (out, random) in out.iter_mut().zip(word(index).to_le_bytes()) {
                    // Two coins: -1, 0, 0 or 1.
                    *out = exponent - 1 + (random & 1) + (random >> 1 & 1);
                }
            }),
            Fill::Bf16 { mean, spread } => words.for_each(|(index, out)| {
                let random = word(index);
                for (lane, out) in out.chunks_exact_mut(2).enumerate() {
                    let unit = f32::from((random >> (16 * lane)) as u16 as i16) / 32_768.0;
                    out.copy_from_slice(&to_bf16(mean + spread * unit).to_le_bytes());
                }
            }),
        }
    }
}

/// The nearest bf16, as its bits; halves away from zero. Not for NaN.
fn to_bf16(x: f32) -> u16 {
    (x.to_bits().wrapping_add(0x8000) >> 16) as u16
}

/// bf16 weights of a projection: what comes out is about as large as what goes in.
fn weights(num_inputs: usize, gain: f32) -> Fill {
    // A uniform distribution has the deviation spread / sqrt(3).
    Fill::Bf16 {
        mean: 0.0,
        spread: gain * (3.0 / num_inputs as f32).sqrt(),
    }
}

/// Scales that do the same for MXFP4 weights.
fn scales(num_inputs: usize) -> Fill {
    // Mean square of the 16 codes (0, 1/2, 1, 3/2, 2, 3, 4, 6 and their negatives) is 137/16, that
    // of the factors 1/2, 1, 1, 2 is 25/16. The exponent below halves the deviation until it fits.
    let mut exponent = 127;
    let mut mean_square = 137.0 / 16.0 * 25.0 / 16.0 * num_inputs as f64;
    while mean_square > 2.0 && exponent > 2 {
        mean_square /= 4.0;
        exponent -= 1;
    }
    Fill::Scales { exponent }
}

/// All tensors of a checkpoint, in the order of its files.
pub(super) fn all(spec: &SynthSpec) -> Vec<TensorSpec> {
    let (hidden, inner, experts) = (
        spec.hidden_size,
        spec.intermediate_size,
        spec.num_local_experts,
    );
    let query = spec.num_attention_heads * spec.head_dim;
    let kv = spec.num_key_value_heads * spec.head_dim;
    let norm = Fill::Bf16 {
        mean: 1.0,
        spread: 0.2,
    };
    let bias = Fill::Bf16 {
        mean: 0.0,
        spread: 0.2,
    };
    let sinks = Fill::Bf16 {
        mean: 0.0,
        spread: 1.0,
    };
    let embedding = Fill::Bf16 {
        mean: 0.0,
        spread: 1.7,
    };

    let mut tensors = Vec::new();
    let mut add = |name: String, shape: &[usize], fill: Fill| {
        tensors.push(TensorSpec {
            name,
            shape: shape.to_vec(),
            fill,
        });
    };
    add(
        "model.embed_tokens.weight".into(),
        &[spec.vocab_size, hidden],
        embedding,
    );
    for layer in 0..spec.num_hidden_layers {
        let name = |rest: &str| format!("model.layers.{layer}.{rest}");
        add(name("input_layernorm.weight"), &[hidden], norm);
        for (projection, outputs) in [("q_proj", query), ("k_proj", kv), ("v_proj", kv)] {
            let weight = name(&format!("self_attn.{projection}.weight"));
            add(weight, &[outputs, hidden], weights(hidden, 1.0));
            add(
                name(&format!("self_attn.{projection}.bias")),
                &[outputs],
                bias,
            );
        }
        add(
            name("self_attn.o_proj.weight"),
            &[hidden, query],
            weights(query, 1.0),
        );
        add(name("self_attn.o_proj.bias"), &[hidden], bias);
        add(name("self_attn.sinks"), &[spec.num_attention_heads], sinks);
        add(name("post_attention_layernorm.weight"), &[hidden], norm);
        add(
            name("mlp.router.weight"),
            &[experts, hidden],
            weights(hidden, 1.0),
        );
        add(name("mlp.router.bias"), &[experts], bias);
        for (projection, outputs, inputs) in [
            ("gate_up_proj", 2 * inner, hidden),
            ("down_proj", hidden, inner),
        ] {
            let name = |rest: &str| name(&format!("mlp.experts.{projection}_{rest}"));
            let blocks = inputs / 32;
            add(name("blocks"), &[experts, outputs, blocks, 16], Fill::Codes);
            add(name("scales"), &[experts, outputs, blocks], scales(inputs));
            add(name("bias"), &[experts, outputs], bias);
        }
    }
    add("model.norm.weight".into(), &[hidden], norm);
    add(
        "lm_head.weight".into(),
        &[spec.vocab_size, hidden],
        weights(hidden, 3.0),
    );
    tensors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bf16_is_the_nearest() {
        for (x, bits) in [
            (1.0, 0x3f80),
            (-1.0, 0xbf80),
            (0.0, 0),
            (1.0 + 1.0 / 256.0, 0x3f81),
            (1.0 + 0.9 / 256.0, 0x3f80),
        ] {
            assert_eq!(to_bf16(x), bits, "{x}");
        }
    }

    #[test]
    fn bytes_do_not_depend_on_how_a_tensor_is_cut() {
        let rng = CounterRng::new(5);
        for fill in [
            Fill::Bf16 {
                mean: 1.0,
                spread: 0.5,
            },
            Fill::Codes,
            Fill::Scales { exponent: 120 },
        ] {
            let mut whole = [0; 94];
            fill.bytes(rng, 0, &mut whole);
            for cut in (8..94).step_by(8) {
                let mut parts = [0; 94];
                let (first, second) = parts.split_at_mut(cut);
                fill.bytes(rng, 0, first);
                fill.bytes(rng, cut as u64, second);
                assert_eq!(parts, whole);
            }
        }
    }

    #[test]
    fn numbers_are_where_they_should_be() {
        let rng = CounterRng::new(6);
        let mut bytes = [0; 4096];
        Fill::Bf16 {
            mean: 1.0,
            spread: 0.5,
        }
        .bytes(rng, 0, &mut bytes);
        let numbers: Vec<f32> = bytes
            .chunks(2)
            .map(|pair| f32::from_bits(u32::from(u16::from_le_bytes([pair[0], pair[1]])) << 16))
            .collect();
        assert!(numbers.iter().all(|x| (0.5..=1.5).contains(x)));
        let mean = numbers.iter().sum::<f32>() / numbers.len() as f32;
        assert!((mean - 1.0).abs() < 0.03, "{mean}");

        Fill::Scales { exponent: 120 }.bytes(rng, 0, &mut bytes);
        let count = |scale| bytes.iter().filter(|&&byte| byte == scale).count();
        assert_eq!(count(119) + count(120) + count(121), 4096);
        assert!((1900..2200).contains(&count(120)), "{}", count(120));
    }

    #[test]
    fn expert_weights_keep_the_size_of_what_goes_through_them() {
        for num_inputs in [32, 64, 2880, 1 << 20] {
            let Fill::Scales { exponent } = scales(num_inputs) else {
                panic!()
            };
            let deviation = (137.0f64 / 16.0 * 25.0 / 16.0 * num_inputs as f64).sqrt()
                * f64::from(i32::from(exponent) - 127).exp2();
            assert!((0.7..1.5).contains(&deviation), "{num_inputs}: {deviation}");
        }
    }
}
