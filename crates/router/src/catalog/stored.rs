//! The JSON in which specifications lie in the store. Fields that are not there are unknown, so that
//! a later version reads what an earlier one wrote.

use serde::{Deserialize, Serialize};
use store::Timestamp;

use crate::model_info::ModelSpec;
use crate::provider::EndpointStatus;

/// What is kept of a model beside its id and its times.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct StoredModel {
    /// Who made it.
    pub(crate) author: String,
    /// What is known of it.
    pub(crate) spec: ModelSpec,
}

/// What is kept of a deployment beside its names and its times.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct StoredDeployment {
    /// Who made the model, in the provider's words.
    pub(crate) owned_by: String,
    /// Other names for it.
    pub(crate) aliases: Vec<String>,
    /// What the provider last said of its health.
    pub(crate) status: Option<StoredStatus>,
    /// What the provider says of it.
    pub(crate) spec: ModelSpec,
}

/// What a provider said of the health of a deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct StoredStatus {
    at_ms: i64,
    is_up: bool,
    uptime_percent: Option<f64>,
    first_token_ms: Option<f64>,
    tokens_per_second: Option<f64>,
}

impl StoredModel {
    pub(crate) fn from_json(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_default()
    }

    pub(crate) fn to_json(&self) -> String {
        to_json(self)
    }
}

impl StoredDeployment {
    pub(crate) fn from_json(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_default()
    }

    pub(crate) fn to_json(&self) -> String {
        to_json(self)
    }
}

/// These types have no map with keys that are not text, so that nothing can fail.
fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "{}".to_owned())
}

impl StoredStatus {
    pub(crate) fn of(status: EndpointStatus, at: Timestamp) -> Self {
        // JSON has no word for what is not a number.
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
        Self {
            at_ms: at.0,
            is_up: status.is_up,
            uptime_percent: finite(status.uptime_percent),
            first_token_ms: finite(status.first_token_ms),
            tokens_per_second: finite(status.tokens_per_second),
        }
    }

    pub(crate) fn into_status(self) -> (EndpointStatus, Timestamp) {
        let status = EndpointStatus {
            is_up: self.is_up,
            uptime_percent: self.uptime_percent,
            first_token_ms: self.first_token_ms,
            tokens_per_second: self.tokens_per_second,
        };
        (status, Timestamp(self.at_ms))
    }
}
