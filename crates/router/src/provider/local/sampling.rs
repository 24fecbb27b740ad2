//! The sampling that a request asks for.

use std::collections::BTreeMap;

use engine::{SamplingError, SamplingParams};
use harmony::TokenId;

use super::LocalModel;
use crate::error::InvalidRequest;
use crate::openai::{ChatRequest, CompletionRequest};

/// Most entries of `logit_bias`, as in OpenAI's API.
pub const MAX_BIASES: usize = 1024;

/// Temperature and nucleus where a request names none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SamplingDefaults {
    /// 0 to 2.
    pub temperature: f32,
    /// 0 to 1.
    pub top_p: f32,
}

/// What OpenAI recommends for gpt-oss.
impl Default for SamplingDefaults {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_p: 1.0,
        }
    }
}

pub(super) fn of_chat(
    request: &ChatRequest,
    model: &LocalModel,
) -> Result<SamplingParams, InvalidRequest> {
    check(SamplingParams {
        temperature: request.temperature.unwrap_or(model.sampling.temperature),
        top_p: request.top_p.unwrap_or(model.sampling.top_p),
        top_k: top_k(request.top_k)?,
        min_p: request.min_p.unwrap_or(0.0),
        frequency_penalty: request.frequency_penalty.unwrap_or(0.0),
        presence_penalty: request.presence_penalty.unwrap_or(0.0),
        repetition_penalty: request.repetition_penalty.unwrap_or(1.0),
        logit_bias: biases(request.logit_bias.as_ref(), model)?,
        // Any 64 bits are a seed: negative ones are as good as others.
        seed: request.seed.map(i64::cast_unsigned),
        top_logprobs: request.wanted_logprobs(),
    })
}

pub(super) fn of_completion(
    request: &CompletionRequest,
    model: &LocalModel,
) -> Result<SamplingParams, InvalidRequest> {
    check(SamplingParams {
        temperature: request.temperature.unwrap_or(model.sampling.temperature),
        top_p: request.top_p.unwrap_or(model.sampling.top_p),
        top_k: top_k(request.top_k)?,
        min_p: request.min_p.unwrap_or(0.0),
        frequency_penalty: request.frequency_penalty.unwrap_or(0.0),
        presence_penalty: request.presence_penalty.unwrap_or(0.0),
        repetition_penalty: request.repetition_penalty.unwrap_or(1.0),
        logit_bias: biases(request.logit_bias.as_ref(), model)?,
        seed: request.seed.map(i64::cast_unsigned),
        top_logprobs: request.logprobs,
    })
}

fn check(params: SamplingParams) -> Result<SamplingParams, InvalidRequest> {
    match params.validate() {
        Ok(()) => Ok(params),
        Err(error) => Err(InvalidRequest::of(field_of(&error), error.to_string())),
    }
}

/// The field of the request that a sampling error is about.
pub(super) fn field_of(error: &SamplingError) -> &'static str {
    match error {
        SamplingError::OutOfRange { field, .. } => field,
        SamplingError::RepetitionPenalty(_) => "repetition_penalty",
        SamplingError::LogitBias { .. } => "logit_bias",
        SamplingError::TopLogprobs(_) => "top_logprobs",
        _ => "temperature",
    }
}

/// -1 is what several engines call "off"; ours is 0.
fn top_k(top_k: Option<i64>) -> Result<usize, InvalidRequest> {
    match top_k {
        None | Some(-1) => Ok(0),
        Some(k) => usize::try_from(k)
            .map_err(|_| InvalidRequest::of("top_k", format!("top_k: must be 0 or more, not {k}"))),
    }
}

fn biases(
    map: Option<&BTreeMap<String, f32>>,
    model: &LocalModel,
) -> Result<Vec<(TokenId, f32)>, InvalidRequest> {
    let num_tokens = model.encoding.tokenizer().num_tokens();
    let Some(map) = map else {
        return Ok(Vec::new());
    };
    if map.len() > MAX_BIASES {
        let message = format!("logit_bias: at most {MAX_BIASES} tokens, not {}", map.len());
        return Err(InvalidRequest::of("logit_bias", message));
    }
    map.iter()
        .map(|(token, &bias)| match token.parse::<TokenId>() {
            Ok(id) if (id as usize) < num_tokens => Ok((id, bias)),
            _ => Err(InvalidRequest::of(
                "logit_bias",
                format!("logit_bias: {token:?} is no id of the {num_tokens} tokens"),
            )),
        })
        .collect()
}
