//! Asks a provider what it has.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use store::Hour;

use super::plan::Look;
use crate::error::{FailureKind, FaultDomain, ProviderError};
use crate::model_info::{ModelInfo, ModelKind};
use crate::provider::Provider;

/// How long a list may take.
const LIST_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the health of one model may take.
const STATUS_TIMEOUT: Duration = Duration::from_secs(20);
/// Models whose health is asked for in one look, at most, and at once.
const MAX_STATUSES: usize = 100;
const NUM_STATUSES_AT_ONCE: usize = 4;
/// Answers without any word on health after which no more are asked for, and failures likewise.
const MAX_WITHOUT_STATUS: usize = 3;

/// What a provider lists and says of the health of its models within `hour`.
///
/// # Errors
/// If it does not list anything. Without its words on health a list is still a list.
pub async fn look(provider: &dyn Provider, hour: Hour) -> Result<Look, ProviderError> {
    let models = tokio::time::timeout(LIST_TIMEOUT, provider.models());
    let models = models.await.unwrap_or_else(|_| {
        let message = format!(
            "{} took more than {} s to list its models",
            provider.id(),
            LIST_TIMEOUT.as_secs()
        );
        Err(ProviderError::new(FailureKind::Timeout, message))
    })?;
    let mut look = Look {
        models,
        ..Look::default()
    };
    let mut asked = stream::iter(turns(&look.models, hour))
        .map(|name| async move {
            let status = provider.endpoint_status(&name);
            let status = tokio::time::timeout(STATUS_TIMEOUT, status).await;
            (name, status)
        })
        .buffered(NUM_STATUSES_AT_ONCE);
    let mut num_without = 0;
    while let Some((name, status)) = asked.next().await {
        match status {
            Ok(Ok(Some(status))) => {
                num_without = 0;
                look.statuses.insert(name, status);
            }
            // Asking on would only make it worse.
            Ok(Err(error)) if is_too_often(&error) => {
                tracing::debug!(provider = %provider.id(), %error, "asked too often for health");
                break;
            }
            Ok(Ok(None) | Err(_)) | Err(_) => {
                num_without += 1;
                if num_without == MAX_WITHOUT_STATUS {
                    break;
                }
            }
        }
    }
    drop(asked);
    Ok(look)
}

/// The models whose health is asked for, by their names there: if they are too many, others every
/// hour.
fn turns(models: &[ModelInfo], hour: Hour) -> Vec<String> {
    let chat = models.iter().filter(|one| one.spec.kind == ModelKind::Chat);
    let mut names: Vec<String> = chat.map(|one| one.provider_name.clone()).collect();
    names.sort();
    names.dedup();
    if names.len() > MAX_STATUSES {
        let turn = hour.0.rem_euclid(names.len() as i64) as usize;
        let first = turn * MAX_STATUSES % names.len();
        names.rotate_left(first);
        names.truncate(MAX_STATUSES);
    }
    names
}

fn is_too_often(error: &ProviderError) -> bool {
    error.kind == FailureKind::RateLimited || error.kind.fault_domain() == FaultDomain::Account
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model_info::{ModelId, ModelSpec};

    #[test]
    fn of_too_many_models_each_has_its_turn() {
        let models: Vec<ModelInfo> = (0..370)
            .map(|number| ModelInfo {
                id: ModelId(format!("a/{number}")),
                provider_name: format!("a/{number}"),
                aliases: Vec::new(),
                owned_by: String::new(),
                spec: ModelSpec {
                    kind: match number % 37 {
                        0 => ModelKind::Classifier,
                        _ => ModelKind::Chat,
                    },
                    ..ModelSpec::default()
                },
            })
            .collect();
        let mut asked = std::collections::HashSet::new();
        for hour in 495_000..495_036 {
            let names = turns(&models, Hour(hour));
            assert_eq!(names.len(), MAX_STATUSES);
            asked.extend(names);
        }
        assert_eq!(asked.len(), 360, "each of those that converse");
        assert_eq!(turns(&models[..50], Hour(5)).len(), 48);
        assert_eq!(turns(&[], Hour(5)).len(), 0);
    }
}
