//! The list of models.

use serde_json::{Value, json};

use crate::model_info::ModelInfo;

/// One model. `context_length` is OpenRouter's name, `max_model_len` that of vLLM; clients read
/// either.
pub fn model_json(model: &ModelInfo) -> Value {
    json!({
        "id": model.id.0,
        "object": "model",
        "created": model.spec.created.unwrap_or(0),
        "owned_by": model.owned_by,
        "context_length": model.spec.context_length,
        "max_model_len": model.spec.context_length,
    })
}

/// The list of all of them.
pub fn models_json(models: &[&ModelInfo]) -> Value {
    json!({
        "object": "list",
        "data": models.iter().map(|model| model_json(model)).collect::<Vec<_>>(),
    })
}
