//! What a key wants of every request, and when it leaves the choice of the model to the router.

use std::cmp::Reverse;

use super::asked::Asked;
use super::table::Route;
use super::targets::Target;
use crate::caller::Caller;
use crate::catalog::{Catalog, Model};
use crate::error::RouterError;
use crate::policy::{self, Exclusion, Needs, Policy};
use crate::preferences::{DataPolicy, Preferences, Sort, UseCase};

/// How many models a refusal names.
const MAX_NAMED: usize = 4;
/// From how many tokens on a context is long: Free LLM Router's word for it.
const LONG_CONTEXT: u64 = 100_000;

/// Why the caller's key leaves a deployment out, if it does.
pub(super) fn left_out(route: &Route, wishes: &Preferences) -> Option<Exclusion> {
    let (allowed, excluded) = (wishes.allowed_models.as_deref(), &wishes.exclude_model_ids);
    policy::left_out(&route.model, &route.key, allowed, excluded)
}

/// What is told a caller whose key leaves out everybody who could be asked.
pub(super) fn refusal(targets: &[Target], wishes: &Preferences) -> Option<RouterError> {
    let why: Option<Vec<Exclusion>> = targets
        .iter()
        .map(|target| left_out(&target.route, wishes))
        .collect();
    let why = why.filter(|why| !why.is_empty())?;
    let mut models: Vec<&str> = Vec::new();
    for target in targets {
        let model = target.route.model.0.as_str();
        if !models.contains(&model) {
            models.push(model);
        }
    }
    Some(RouterError::ModelNotAllowed {
        models: match models.len() {
            ..=MAX_NAMED => models.join(", "),
            _ => "any of the models here".to_owned(),
        },
        is_allowed: !why.contains(&Exclusion::NotAllowed),
    })
}

/// Whether a model is one of those that a key wants to be chosen from.
pub(super) fn is_wanted(model: &Model, wishes: &Preferences) -> bool {
    let spec = &model.spec;
    model.is_chat()
        && wishes.use_cases.iter().all(|use_case| match use_case {
            UseCase::Chat => true,
            UseCase::Vision => spec.takes_images(),
            UseCase::Tools => spec.supports("tools"),
            UseCase::LongContext => spec.context_length.is_some_and(|most| most >= LONG_CONTEXT),
            UseCase::Reasoning => spec.reasons(),
        })
}

/// Gives each its place by what the key wants first, and leaves the models of the first `top_n`
/// places. Without a stated order all have the same place.
pub(super) fn prefer(targets: &mut Vec<Target>, catalog: &Catalog, wishes: &Preferences) {
    let Some(sort) = wishes.sort.filter(|&sort| sort != Sort::LeastIssues) else {
        return;
    };
    let value = |target: &Target| {
        let Some(model) = catalog.model(&target.route.model.0) else {
            return 0;
        };
        let spec = &model.spec;
        let number = |value: Option<u64>| i64::try_from(value.unwrap_or(0)).unwrap_or(i64::MAX);
        match sort {
            Sort::ContextLength => number(spec.context_length),
            Sort::MaxOutput => number(spec.max_output_tokens),
            Sort::Capable => number(Some(spec.supported_parameters.len() as u64)),
            Sort::Newest => model.first_seen_at.map_or(0, |at| at.0),
            // The score says it better.
            Sort::LeastIssues => 0,
        }
    };
    let usable = targets.iter();
    let usable = usable.filter(|target| left_out(&target.route, wishes).is_none());
    let mut values: Vec<i64> = usable.map(&value).collect();
    values.sort_unstable_by_key(|&value| Reverse(value));
    values.dedup();
    for target in targets.iter_mut() {
        let own = value(target);
        let place = values.partition_point(|&other| other > own);
        target.preference = i64::try_from(place).unwrap_or(i64::MAX);
    }
    if let Some(most) = wishes.top_n {
        targets.retain(|target| target.preference < i64::from(most));
    }
}

/// What a request needs, with what its key always wants.
pub(super) fn needs_of(caller: &Caller, asked: &Asked<'_>) -> Needs {
    let mut needs = asked.needs();
    needs.no_training |= caller.preferences.data_policy == Some(DataPolicy::NoTraining);
    needs
}

/// What the operator and the caller's key wish.
pub(super) fn policy_of(caller: &Caller, exploration: f64) -> Policy {
    let wishes = &caller.preferences;
    let share = |percent: u8| f64::from(percent) / 100.0;
    Policy {
        exploration,
        max_error_rate: wishes.max_error_rate.map(share),
        excluded_models: wishes.exclude_model_ids.clone(),
        allowed_models: wishes.allowed_models.clone(),
    }
}
