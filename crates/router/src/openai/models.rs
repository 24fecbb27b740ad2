//! The list of models.

use serde_json::{Value, json};

use crate::catalog::Model;
use crate::router::AUTO;

/// One model. `context_length` and `max_completion_tokens` are OpenRouter's names, `max_model_len`
/// that of vLLM; clients read either.
pub fn model_json(model: &Model) -> Value {
    let spec = &model.spec;
    json!({
        "id": model.id.0,
        "object": "model",
        "created": spec.created.unwrap_or(0),
        "owned_by": model.author,
        "name": spec.name,
        "context_length": spec.context_length,
        "max_model_len": spec.context_length,
        "max_completion_tokens": spec.max_output_tokens,
        "supported_parameters": spec.supported_parameters,
        "providers": model.active().map(|one| &one.key.provider).collect::<Vec<_>>(),
    })
}

/// The list of all of them.
pub fn models_json<'a>(models: impl IntoIterator<Item = &'a Model>) -> Value {
    json!({
        "object": "list",
        "data": models.into_iter().map(model_json).collect::<Vec<_>>(),
    })
}

/// The name that leaves the choice to the router, told like a model: some clients ask before they
/// use a name.
pub fn auto_json() -> Value {
    json!({
        "id": AUTO,
        "object": "model",
        "created": 0,
        "owned_by": "freeway",
        "name": "Whoever answers best",
    })
}
