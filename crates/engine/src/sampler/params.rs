//! What a request may ask of the sampler.

use crate::TokenId;

/// The most alternatives that can be asked for per token, as in OpenAI's API.
pub const MAX_TOP_LOGPROBS: u8 = 20;

/// The highest temperature.
pub const MAX_TEMPERATURE: f32 = 2.0;

/// The largest penalty of frequency or presence, either way.
pub const MAX_PENALTY: f32 = 2.0;

/// The most that a bias adds to a logit, or takes off it.
pub const MAX_LOGIT_BIAS: f32 = 100.0;

/// How to choose tokens. The default is the distribution as the model gives it, which is also what
/// OpenAI recommends for gpt-oss: temperature 1, nothing cut off, no penalties.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplingParams {
    /// Divides the logits; 0 always takes the most probable token. From 0 to 2.
    pub temperature: f32,
    /// Keeps the smallest set of most probable tokens that make up this share. From 0 to 1; 1 is
    /// off, 0 keeps one token.
    pub top_p: f32,
    /// Keeps this many of the most probable tokens; 0 is off.
    pub top_k: usize,
    /// Keeps tokens at least this fraction as probable as the most probable one. From 0 (off) to 1.
    pub min_p: f32,
    /// Taken off a token's logit for every time it was generated. From -2 to 2.
    pub frequency_penalty: f32,
    /// Taken off the logit of every token that was generated. From -2 to 2.
    pub presence_penalty: f32,
    /// Divides positive logits and multiplies negative ones of every token in the prompt or the
    /// output. Above 0; 1 is off.
    pub repetition_penalty: f32,
    /// Added to the logits of these tokens. From -100 to 100; the entries of one id add up.
    pub logit_bias: Vec<(TokenId, f32)>,
    /// Makes the output reproducible. Without it every request draws its own.
    pub seed: Option<u64>,
    /// `None`: no log-probabilities. `Some(n)`: those of each token and of the `n` most probable
    /// ones, at most [`MAX_TOP_LOGPROBS`].
    pub top_logprobs: Option<u8>,
}

impl Default for SamplingParams {
    fn default() -> Self {
        SamplingParams {
            temperature: 1.0,
            top_p: 1.0,
            top_k: 0,
            min_p: 0.0,
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
            repetition_penalty: 1.0,
            logit_bias: Vec::new(),
            seed: None,
            top_logprobs: None,
        }
    }
}

impl SamplingParams {
    /// Always the most probable token.
    pub fn greedy() -> Self {
        SamplingParams {
            temperature: 0.0,
            ..SamplingParams::default()
        }
    }

    /// Checks every field against its range (those of OpenAI's API where it has the field).
    ///
    /// # Errors
    /// The first field that is out of range, in words fit for the one who sent it.
    pub fn validate(&self) -> Result<(), SamplingError> {
        let ranged = [
            ("temperature", self.temperature, 0.0, MAX_TEMPERATURE),
            ("top_p", self.top_p, 0.0, 1.0),
            ("min_p", self.min_p, 0.0, 1.0),
            (
                "frequency_penalty",
                self.frequency_penalty,
                -MAX_PENALTY,
                MAX_PENALTY,
            ),
            (
                "presence_penalty",
                self.presence_penalty,
                -MAX_PENALTY,
                MAX_PENALTY,
            ),
        ];
        for (field, value, min, max) in ranged {
            // Not `value < min || value > max`: NaN must fail.
            if !(min..=max).contains(&value) {
                return Err(SamplingError::OutOfRange {
                    field,
                    value,
                    min,
                    max,
                });
            }
        }
        if !(self.repetition_penalty > 0.0 && self.repetition_penalty.is_finite()) {
            return Err(SamplingError::RepetitionPenalty(self.repetition_penalty));
        }
        if let Some(&(token, bias)) = self
            .logit_bias
            .iter()
            .find(|(_, bias)| !(-MAX_LOGIT_BIAS..=MAX_LOGIT_BIAS).contains(bias))
        {
            return Err(SamplingError::LogitBias { token, bias });
        }
        match self.top_logprobs {
            Some(count) if count > MAX_TOP_LOGPROBS => Err(SamplingError::TopLogprobs(count)),
            _ => Ok(()),
        }
    }

    /// Whether any of min_p, top_k and top_p is on.
    pub(super) fn has_cuts(&self) -> bool {
        self.min_p > 0.0 || self.top_k != 0 || self.top_p < 1.0
    }

    /// Whether generated tokens must be counted.
    pub(super) fn has_penalties(&self) -> bool {
        self.frequency_penalty != 0.0
            || self.presence_penalty != 0.0
            || self.repetition_penalty != 1.0
    }
}

/// Why a token cannot be sampled as asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SamplingError {
    /// A field is outside its range.
    #[error("{field} must be between {min} and {max}, not {value}")]
    OutOfRange {
        /// The field's name.
        field: &'static str,
        /// What it was set to.
        value: f32,
        /// The smallest allowed value.
        min: f32,
        /// The largest allowed value.
        max: f32,
    },
    /// `repetition_penalty` is not a positive number.
    #[error("repetition_penalty must be a number above 0, not {0}; 1 turns it off")]
    RepetitionPenalty(f32),
    /// A bias is outside its range.
    #[error(
        "logit_bias of token {token} must be between -{MAX_LOGIT_BIAS} and {MAX_LOGIT_BIAS}, not {bias}"
    )]
    LogitBias {
        /// The token.
        token: TokenId,
        /// Its bias.
        bias: f32,
    },
    /// More alternatives than there may be.
    #[error("top_logprobs must be at most {MAX_TOP_LOGPROBS}, not {0}")]
    TopLogprobs(u8),
    /// No token has a probability above zero: the model gave no finite logit, or the constraint
    /// forbids every token that has one.
    #[error("no token can be sampled: none that is allowed has a finite logit")]
    NothingToSample,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_allowed_and_name_their_field_when_passed() {
        type Set = fn(&mut SamplingParams, f32);
        let ranged: [(&str, f32, f32, Set); 6] = [
            ("temperature", 0.0, 2.0, |params, value| {
                params.temperature = value
            }),
            ("top_p", 0.0, 1.0, |params, value| params.top_p = value),
            ("min_p", 0.0, 1.0, |params, value| params.min_p = value),
            ("frequency_penalty", -2.0, 2.0, |params, value| {
                params.frequency_penalty = value
            }),
            ("presence_penalty", -2.0, 2.0, |params, value| {
                params.presence_penalty = value
            }),
            ("logit_bias", -100.0, 100.0, |params, value| {
                params.logit_bias = vec![(7, value)]
            }),
        ];
        for (field, min, max, set) in ranged {
            let validate = |value| {
                let mut params = SamplingParams::default();
                set(&mut params, value);
                params.validate()
            };
            assert_eq!(validate(min), Ok(()), "{field}");
            assert_eq!(validate(max), Ok(()), "{field}");
            for bad in [
                min - 0.01,
                max + 0.01,
                f32::NAN,
                f32::INFINITY,
                f32::NEG_INFINITY,
            ] {
                let words = validate(bad).unwrap_err().to_string();
                assert!(words.starts_with(field), "{words}");
            }
        }
    }

    #[test]
    fn the_repetition_penalty_is_a_positive_number() {
        for (penalty, ok) in [
            (f32::MIN_POSITIVE, true),
            (1e30, true),
            (0.0, false),
            (-1.0, false),
            (f32::NAN, false),
            (f32::INFINITY, false),
        ] {
            let params = SamplingParams {
                repetition_penalty: penalty,
                ..SamplingParams::default()
            };
            assert_eq!(params.validate().is_ok(), ok, "{penalty}");
        }
    }

    #[test]
    fn at_most_twenty_alternatives() {
        let validate = |count| {
            SamplingParams {
                top_logprobs: Some(count),
                ..SamplingParams::default()
            }
            .validate()
        };
        assert_eq!(validate(20), Ok(()));
        assert_eq!(validate(21), Err(SamplingError::TopLogprobs(21)));
    }
}
