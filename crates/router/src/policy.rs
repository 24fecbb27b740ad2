//! Who is asked first: the order of the deployments that could answer a request, and why. Pure:
//! the state of the world, the time and the random number are arguments.
//!
//! First comes what excludes a deployment ([`Exclusion`]); then whether it is hosted, ours, or the
//! demo; then its score, a product of numbers from 0 to 1:
//!
//! * reliability: the lower end of the 95 % interval of the share that it answered, with a prior
//!   of four outcomes, squared, since a failed attempt costs more than a slow one;
//! * speed: the time to its first token and its tokens a second, against what is usual;
//! * quota: whether what is left of the account's day lasts until its end.
//!
//! With a small probability one that little is known of is asked first: else those that failed
//! once would never be heard of again, and those that are never asked would have no figures.

use store::{DeploymentKey, Timestamp};

use crate::breaker::Admission;
use crate::catalog::Tier;
use crate::error::FailureKind;
use crate::model_info::{ModelId, ModelSpec};
use crate::quota::QuotaAdmission;
use crate::reliability::wilson;

/// How many outcomes the prior counts as, and which share of them was good.
const PRIOR_WEIGHT: f64 = 4.0;
const PRIOR_SHARE: f64 = 0.8;
/// What is usual, and taken for granted where nothing is known.
const USUAL_FIRST_TOKEN_MS: f64 = 2000.0;
const USUAL_TOKENS_PER_SECOND: f64 = 40.0;
/// The least factor of an account that is used too fast: worse is better than nobody.
const MIN_PACE: f64 = 0.3;
/// A deployment is worth exploring while it has fewer recent outcomes than this.
const EXPLORED_SAMPLES: f64 = 10.0;
/// A model with a stated preference is still put behind if it is this unlikely to answer.
const MIN_RELIABILITY: f64 = 0.3;

/// A deployment that could answer, as things are now.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    /// Its names.
    pub key: &'a DeploymentKey,
    /// Its model.
    pub model: &'a ModelId,
    /// What it can do there.
    pub spec: &'a ModelSpec,
    /// What it is to us.
    pub tier: Tier,
    /// Which of the models asked for it is, from 0: an earlier one is preferred, whatever else.
    pub group: usize,
    /// Its place by the preference that the caller stated, the least first; 0 if none is stated.
    pub preference: i64,
    /// Whether its host keeps prompts from being trained on when the request says so.
    pub honors_data_policy: bool,
    /// Its breaker.
    pub breaker: Admission,
    /// Its account.
    pub quota: QuotaAdmission,
    /// The account's pace, 0 to 1.
    pub pace: f64,
    /// Recent good outcomes; older ones weigh less.
    pub num_good: f64,
    /// Recent failures of the host or the way to it.
    pub num_bad: f64,
    /// The usual time to its first token, in milliseconds.
    pub first_token_ms: Option<f64>,
    /// The usual speed after that.
    pub tokens_per_second: Option<f64>,
}

/// What a request needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Tokens of the prompt, as few as it may have.
    pub prompt_tokens: u64,
    /// The most tokens of the answer, if a limit is asked for.
    pub output_tokens: Option<u64>,
    /// Whether it declares functions.
    pub tools: bool,
    /// Whether it has images.
    pub images: bool,
    /// Whether a function has to be called.
    pub forced_call: bool,
    /// Whether the answer has to follow a schema.
    pub structured_output: bool,
    /// Whether it asks for reasoning.
    pub reasoning: bool,
    /// Whether nobody may train on it.
    pub no_training: bool,
}

/// What the operator and the caller wish.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// The probability that somebody little is known of is asked first.
    pub exploration: f64,
    /// The highest share of failures that is put up with, 0 to 1.
    pub max_error_rate: Option<f64>,
    /// Models that are never asked, by id or by a provider's name.
    pub excluded_models: Vec<String>,
    /// The only models that are asked; `None`: all.
    pub allowed_models: Option<Vec<String>>,
}

/// Why a deployment is not asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Exclusion {
    /// The caller's key may not use the model.
    NotAllowed,
    /// The preferences of the caller's key leave the model out.
    Unwanted,
    /// The prompt is longer than its context.
    ContextTooShort {
        /// Its context, in tokens.
        context_length: u64,
    },
    /// It calls no functions.
    NoTools,
    /// It sees no images.
    NoImages,
    /// It cannot be made to call a function.
    NoForcedCall,
    /// It follows no schema.
    NoStructuredOutput,
    /// It does not reason.
    NoReasoning,
    /// Its host may train on prompts.
    MayTrain,
    /// It fails more often than is put up with.
    TooManyErrors {
        /// The share of failures, 0 to 1.
        error_rate: f64,
    },
    /// The account has nothing left.
    QuotaUsedUp {
        /// Until when.
        until: Timestamp,
    },
    /// The account is refused.
    AccountRefused {
        /// What the provider said.
        why: FailureKind,
        /// Until when it is not tried again.
        until: Timestamp,
    },
    /// It failed and is left alone for a while.
    BreakerOpen {
        /// What went wrong last.
        why: FailureKind,
        /// Until when.
        until: Timestamp,
        /// Whether the host asked for it; else it is our guess.
        is_stated: bool,
    },
}

impl Exclusion {
    /// The word for it in explanations.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAllowed => "not_allowed",
            Self::Unwanted => "unwanted",
            Self::ContextTooShort { .. } => "context_too_short",
            Self::NoTools => "no_tools",
            Self::NoImages => "no_images",
            Self::NoForcedCall => "no_forced_call",
            Self::NoStructuredOutput => "no_structured_output",
            Self::NoReasoning => "no_reasoning",
            Self::MayTrain => "may_train",
            Self::TooManyErrors { .. } => "too_many_errors",
            Self::QuotaUsedUp { .. } => "quota_used_up",
            Self::AccountRefused { .. } => "account_refused",
            Self::BreakerOpen { .. } => "breaker_open",
        }
    }

    /// What went wrong that it follows from, if something did.
    pub fn failure(self) -> Option<FailureKind> {
        match self {
            Self::AccountRefused { why, .. } | Self::BreakerOpen { why, .. } => Some(why),
            _ => None,
        }
    }

    /// Until when it holds, if it passes with time alone.
    pub fn until(self) -> Option<Timestamp> {
        match self {
            Self::QuotaUsedUp { until }
            | Self::AccountRefused { until, .. }
            | Self::BreakerOpen { until, .. } => Some(until),
            _ => None,
        }
    }
}

/// The score of a deployment and what it is made of, each 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// The product.
    pub total: f64,
    /// The least share of requests that it answers, with 95 % certainty.
    pub reliability: f64,
    /// How fast it is.
    pub speed: f64,
    /// How long its quota lasts.
    pub quota: f64,
}

/// A deployment that is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// Its place among the candidates.
    pub index: usize,
    /// Its score.
    pub score: Score,
    /// Whether it is here to learn about it.
    pub is_exploration: bool,
}

/// Who is asked, in order, and who is not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranking {
    /// Who is asked, the first one first.
    pub ranked: Vec<Ranked>,
    /// Who is not, by place among the candidates, and why.
    pub excluded: Vec<(usize, Exclusion)>,
}

/// Orders the candidates. `draw` is a random number from 0 to 1.
pub fn order(candidates: &[Candidate<'_>], needs: &Needs, policy: &Policy, draw: f64) -> Ranking {
    let mut ranking = Ranking::default();
    for (index, candidate) in candidates.iter().enumerate() {
        match exclusion(candidate, needs, policy) {
            Some(why) => ranking.excluded.push((index, why)),
            None => ranking.ranked.push(Ranked {
                index,
                score: score(candidate),
                is_exploration: false,
            }),
        }
    }
    ranking.ranked.sort_by(|a, b| {
        let (one, other) = (&candidates[a.index], &candidates[b.index]);
        // The demo answers nothing that anybody else could.
        (one.tier == Tier::Demo)
            .cmp(&(other.tier == Tier::Demo))
            .then(one.group.cmp(&other.group))
            .then(one.tier.cmp(&other.tier))
            .then(answers_too_little(one, needs).cmp(&answers_too_little(other, needs)))
            .then(is_hopeless(one, a).cmp(&is_hopeless(other, b)))
            .then(one.preference.cmp(&other.preference))
            .then(b.score.total.total_cmp(&a.score.total))
            .then(one.key.cmp(other.key))
    });
    explore(candidates, &mut ranking.ranked, policy.exploration, draw);
    ranking
}

/// Whether its answers are shorter than asked for. Some hosts refuse that, others answer shorter.
fn answers_too_little(candidate: &Candidate<'_>, needs: &Needs) -> bool {
    let most = candidate.spec.max_output_tokens;
    matches!((most, needs.output_tokens), (Some(most), Some(asked)) if asked > most)
}

/// Whether it is so unlikely to answer that no preference helps.
fn is_hopeless(candidate: &Candidate<'_>, ranked: &Ranked) -> bool {
    candidate.num_good + candidate.num_bad >= PRIOR_WEIGHT
        && ranked.score.reliability < MIN_RELIABILITY
}

fn exclusion(candidate: &Candidate<'_>, needs: &Needs, policy: &Policy) -> Option<Exclusion> {
    let spec = candidate.spec;
    let (allowed, excluded) = (policy.allowed_models.as_deref(), &policy.excluded_models);
    if let Some(why) = left_out(candidate.model, candidate.key, allowed, excluded) {
        return Some(why);
    }
    // The model of this machine counts tokens itself.
    let is_hosted = candidate.tier == Tier::Hosted;
    if let Some(context_length) = spec.context_length
        && is_hosted
        && needs.prompt_tokens >= context_length
    {
        return Some(Exclusion::ContextTooShort { context_length });
    }
    // A host that does not say what it supports is given the benefit of the doubt, except with
    // images: those that see them say so.
    let says_all = !spec.supported_parameters.is_empty();
    if needs.tools && says_all && !spec.supports("tools") {
        return Some(Exclusion::NoTools);
    }
    if needs.images && !spec.takes_images() {
        return Some(Exclusion::NoImages);
    }
    if needs.forced_call && !is_hosted {
        return Some(Exclusion::NoForcedCall);
    }
    if needs.structured_output && says_all && !spec.follows_schemas() {
        return Some(Exclusion::NoStructuredOutput);
    }
    if needs.reasoning && says_all && !spec.reasons() && !spec.supports("reasoning") {
        return Some(Exclusion::NoReasoning);
    }
    let is_private = candidate.tier != Tier::Hosted
        || spec.trains_on_prompts == Some(false)
        || candidate.honors_data_policy;
    if needs.no_training && !is_private {
        return Some(Exclusion::MayTrain);
    }
    let num_outcomes = candidate.num_good + candidate.num_bad;
    if let Some(most) = policy.max_error_rate
        && num_outcomes >= 1.0
        && candidate.num_bad / num_outcomes > most
    {
        let error_rate = candidate.num_bad / num_outcomes;
        return Some(Exclusion::TooManyErrors { error_rate });
    }
    match candidate.quota {
        QuotaAdmission::Open => {}
        QuotaAdmission::UsedUp { until, .. } => return Some(Exclusion::QuotaUsedUp { until }),
        QuotaAdmission::Blocked(block) => {
            return Some(Exclusion::AccountRefused {
                why: block.why,
                until: block.until,
            });
        }
    }
    match candidate.breaker {
        Admission::Open {
            until,
            why,
            is_stated,
        } => Some(Exclusion::BreakerOpen {
            why,
            until,
            is_stated,
        }),
        _ => None,
    }
}

/// Why a key leaves a deployment of `model` out, if it does: by the only models that it may use, and
/// by those that it does not want.
pub(crate) fn left_out(
    model: &ModelId,
    key: &DeploymentKey,
    allowed: Option<&[String]>,
    excluded: &[String],
) -> Option<Exclusion> {
    let is_in = |list: &[String]| {
        list.iter().any(|name| {
            let name = name.strip_suffix(":free").unwrap_or(name);
            let own = key.name.strip_suffix(":free").unwrap_or(&key.name);
            name.eq_ignore_ascii_case(&model.0) || name.eq_ignore_ascii_case(own)
        })
    };
    if allowed.is_some_and(|list| !is_in(list)) {
        return Some(Exclusion::NotAllowed);
    }
    is_in(excluded).then_some(Exclusion::Unwanted)
}

/// The score of a candidate.
pub fn score(candidate: &Candidate<'_>) -> Score {
    let bad = candidate.num_bad + PRIOR_WEIGHT * (1.0 - PRIOR_SHARE);
    let total = candidate.num_good + candidate.num_bad + PRIOR_WEIGHT;
    let reliability = wilson(bad, total).map_or(0.0, |rate| 1.0 - rate.high);
    let first = candidate.first_token_ms.unwrap_or(USUAL_FIRST_TOKEN_MS);
    let rate = candidate
        .tokens_per_second
        .unwrap_or(USUAL_TOKENS_PER_SECOND);
    let promptness = USUAL_FIRST_TOKEN_MS / (USUAL_FIRST_TOKEN_MS + first.max(0.0));
    let throughput = rate.max(0.0) / (USUAL_TOKENS_PER_SECOND + rate.max(0.0));
    let speed = 0.5 * promptness + 0.5 * throughput;
    let quota = candidate.pace.clamp(MIN_PACE, 1.0);
    Score {
        total: reliability * reliability * (0.5 + 0.5 * speed) * quota,
        reliability,
        speed,
        quota,
    }
}

/// Now and then puts one that little is known of first. Only among those that compete with the
/// first one: never another model than the one named, never the machine's own instead of a host.
fn explore(candidates: &[Candidate<'_>], ranked: &mut [Ranked], exploration: f64, draw: f64) {
    let Some(first) = ranked.first() else {
        return;
    };
    if draw >= exploration {
        return;
    }
    let first = &candidates[first.index];
    let little_known: Vec<usize> = (1..ranked.len())
        .filter(|&place| {
            let one = &candidates[ranked[place].index];
            one.group == first.group
                && one.tier == first.tier
                && one.preference == first.preference
                // What is left of the day is for requests that count on an answer.
                && one.pace >= 1.0
                && one.num_good + one.num_bad < EXPLORED_SAMPLES
        })
        .collect();
    // The same number chooses: below `exploration` it is as even as above.
    let chosen = (draw / exploration * little_known.len() as f64) as usize;
    if let Some(&place) = little_known.get(chosen) {
        ranked[place].is_exploration = true;
        ranked[..=place].rotate_right(1);
    }
}

#[cfg(test)]
mod tests;
