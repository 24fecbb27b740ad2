//! The labels that counters are told apart by, and how many they may be.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

use prometheus_client::encoding::EncodeLabelSet;

/// Models that have histograms of their own: those that are asked first. A catalogue may have more
/// than a thousand, of which few are ever asked.
pub(super) const MAX_MODELS: usize = 100;
/// What the histograms call all other models.
pub(super) const OTHER_MODEL: &str = "other";

/// Who was asked for what.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OperationLabels {
    pub(crate) gen_ai_operation_name: &'static str,
    pub(crate) gen_ai_provider_name: String,
    pub(crate) gen_ai_request_model: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OutcomeLabels {
    pub(super) gen_ai_operation_name: &'static str,
    pub(super) gen_ai_provider_name: String,
    pub(super) gen_ai_request_model: String,
    /// The kind of failure; empty for none.
    pub(super) error_type: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct TokenLabels {
    pub(super) gen_ai_operation_name: &'static str,
    pub(super) gen_ai_provider_name: String,
    pub(super) gen_ai_request_model: String,
    pub(super) gen_ai_token_type: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ProviderLabels {
    pub(super) gen_ai_provider_name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct AttemptLabels {
    pub(super) gen_ai_provider_name: String,
    pub(super) gen_ai_request_model: String,
    /// The kind of failure and whose it is; empty for none.
    pub(super) error_type: &'static str,
    pub(super) fault_domain: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct QuotaLabels {
    pub(super) gen_ai_provider_name: String,
    pub(super) window: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct DeploymentLabels {
    pub(super) gen_ai_provider_name: String,
    pub(super) gen_ai_request_model: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct HttpLabels {
    pub(super) route: String,
    pub(super) method: String,
    pub(super) status: u16,
}

/// The models that have histograms of their own.
#[derive(Default)]
pub(super) struct ModelLabels(RwLock<HashSet<String>>);

impl ModelLabels {
    /// What the histograms call a model. Once it is known, that takes no more than a shared lock.
    pub(super) fn of<'a>(&self, model: &'a str) -> &'a str {
        let label = |known: &HashSet<String>| {
            // No model: nobody was asked.
            if model.is_empty() || known.contains(model) {
                return Some(model);
            }
            (known.len() >= MAX_MODELS).then_some(OTHER_MODEL)
        };
        if let Some(label) = label(&self.0.read().unwrap_or_else(PoisonError::into_inner)) {
            return label;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // Others may have come in between.
        label(&known).unwrap_or_else(|| {
            known.insert(model.to_owned());
            model
        })
    }
}
