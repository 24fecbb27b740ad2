//! Rotary position embedding: frequencies with YaRN's "NTK by parts", angles by position.
//!
//! YaRN (Peng et al. 2023, <https://arxiv.org/abs/2309.00071>): dimensions that turn many times
//! within the original context keep their frequency, those that turn less than once are slowed down
//! by `factor`, a linear ramp lies between. gpt-oss does not round the ends of the ramp to whole
//! dimensions. The concentration 0.1·ln(factor) + 1 multiplies cos and sin both, so that scores of
//! rotated keys grow by its square.
//!
//! Angles are computed in `f64` for each position of a batch: at position 131,071 an `f32` angle
//! would be off by up to 0.008 radians, and a table of all positions would take 33 MB.

use std::f64::consts::TAU;

use crate::config::{RopeParameters, RopeScaling};

/// The frequencies of a model.
#[derive(Debug, Clone)]
pub(crate) struct Rope {
    /// Radians per position, one for each pair of dimensions.
    inverse_frequencies: Vec<f64>,
    /// Factor on cos and sin.
    concentration: f64,
}

impl Rope {
    /// Frequencies for heads of `head_dim` dimensions (even).
    pub(crate) fn new(parameters: &RopeParameters, head_dim: usize) -> Rope {
        let plain = (0..head_dim / 2)
            .map(|i| parameters.theta.powf(-2.0 * i as f64 / head_dim as f64))
            .collect();
        match parameters.scaling {
            RopeScaling::None => Rope {
                inverse_frequencies: plain,
                concentration: 1.0,
            },
            RopeScaling::Yarn {
                factor,
                original_max_position_embeddings,
                beta_fast,
                beta_slow,
                truncate,
                attention_factor,
            } => {
                // The dimension that turns `rotations` times within the original context.
                let dimension = |rotations: f64| {
                    let context = original_max_position_embeddings as f64;
                    head_dim as f64 * (context / (rotations * TAU)).ln()
                        / (2.0 * parameters.theta.ln())
                };
                let (mut low, mut high) = (dimension(beta_fast), dimension(beta_slow));
                if truncate {
                    (low, high) = (low.floor(), high.ceil());
                }
                let (low, high) = (low.max(0.0), high.min(head_dim as f64 - 1.0));
                let width = if high == low { 0.001 } else { high - low };
                let inverse_frequencies = plain
                    .iter()
                    .enumerate()
                    .map(|(i, &frequency)| {
                        let ramp = ((i as f64 - low) / width).clamp(0.0, 1.0);
                        ramp * frequency / factor + (1.0 - ramp) * frequency
                    })
                    .collect();
                let concentration = attention_factor.unwrap_or(0.1 * factor.ln() + 1.0);
                Rope {
                    inverse_frequencies,
                    concentration,
                }
            }
        }
    }

    /// Writes the cosines and sines of one position, each `[head_dim / 2]`.
    pub(crate) fn cos_sin(&self, position: usize, cos: &mut [f32], sin: &mut [f32]) {
        let pairs = cos.iter_mut().zip(sin);
        for ((cos, sin), frequency) in pairs.zip(&self.inverse_frequencies) {
            let (s, c) = (position as f64 * frequency).sin_cos();
            *cos = (c * self.concentration) as f32;
            *sin = (s * self.concentration) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpt_oss(truncate: bool) -> RopeParameters {
        RopeParameters {
            theta: 150_000.0,
            scaling: RopeScaling::Yarn {
                factor: 32.0,
                original_max_position_embeddings: 4096,
                beta_fast: 32.0,
                beta_slow: 1.0,
                truncate,
                attention_factor: None,
            },
        }
    }

    /// From an independent evaluation of the formulas with six digits.
    #[test]
    fn the_frequencies_of_gpt_oss_are_the_published_ones() {
        let rope = Rope::new(&gpt_oss(false), 64);
        let expected = [
            1.0,
            0.6890443,
            0.4747821,
            0.3271459,
            0.2254180,
            0.1553230,
            0.1070244,
            0.07374457,
            0.05081327,
            0.03170570,
            0.01933500,
            0.01159205,
            6.794959e-3,
            3.860359e-3,
            2.093792e-3,
            1.052602e-3,
            4.564839e-4,
            1.293187e-4,
            3.830881e-5,
            2.639647e-5,
            1.818834e-5,
            1.253257e-5,
            8.635496e-6,
            5.950239e-6,
            4.099978e-6,
            2.825067e-6,
            1.946596e-6,
            1.341291e-6,
            9.242090e-7,
            6.368209e-7,
            4.387978e-7,
            3.023511e-7,
        ];
        assert_eq!(rope.inverse_frequencies.len(), expected.len());
        for (i, (&actual, expected)) in rope.inverse_frequencies.iter().zip(expected).enumerate() {
            assert!(
                (actual / expected - 1.0).abs() < 1e-6,
                "{i}: {actual} {expected}"
            );
        }
        assert!((rope.concentration - 1.346_573_590_279_972_7).abs() < 1e-15);
    }

    #[test]
    fn truncation_would_move_the_ramp() {
        let exact = Rope::new(&gpt_oss(false), 64).inverse_frequencies;
        let truncated = Rope::new(&gpt_oss(true), 64).inverse_frequencies;
        assert_eq!(exact[..8], truncated[..8]);
        assert!((truncated[17] / exact[17] - 1.76).abs() < 0.01);
    }

    #[test]
    fn without_scaling_the_frequencies_are_plain_powers() {
        let rope = Rope::new(
            &RopeParameters {
                theta: 100.0,
                scaling: RopeScaling::None,
            },
            4,
        );
        assert_eq!(rope.inverse_frequencies, [1.0, 0.1]);
        let (mut cos, mut sin) = ([0.0; 2], [0.0; 2]);
        rope.cos_sin(30, &mut cos, &mut sin);
        assert_eq!(cos, [30f64.cos() as f32, 3f64.cos() as f32]);
        assert_eq!(sin, [30f64.sin() as f32, 3f64.sin() as f32]);
    }
}
