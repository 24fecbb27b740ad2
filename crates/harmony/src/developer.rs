//! What a developer message says.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

use crate::namespace::{ToolDescription, ToolNamespace};

/// The fields of a developer message. A field that is `None` is not rendered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeveloperContent {
    /// What an API calls the system prompt.
    pub instructions: Option<String>,
    /// Tools by namespace, rendered in the order of the keys. Function tools lie in `functions`.
    pub tools: Option<BTreeMap<String, ToolNamespace>>,
    /// The forms an answer may be asked to take. Our addition: OpenAI's library has no field for
    /// them and ignores this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub response_formats: Vec<ResponseFormat>,
}

/// A named JSON schema that the final answer is to follow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResponseFormat {
    /// The heading under which the schema is shown.
    pub name: String,
    /// What the form is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The JSON schema, shown as compact JSON in its own key order.
    pub schema: Value,
}

impl DeveloperContent {
    /// The same with instructions.
    #[must_use]
    pub fn with_instructions(mut self, instructions: impl Into<String>) -> Self {
        self.instructions = Some(instructions.into());
        self
    }

    /// The same with one more namespace of tools; it replaces one of the same name.
    #[must_use]
    pub fn with_tools(mut self, namespace: ToolNamespace) -> Self {
        self.tools
            .get_or_insert_default()
            .insert(namespace.name.clone(), namespace);
        self
    }

    /// The same with these function tools, in namespace `functions`.
    #[must_use]
    pub fn with_function_tools(self, tools: Vec<ToolDescription>) -> Self {
        self.with_tools(ToolNamespace {
            name: "functions".to_owned(),
            description: None,
            tools,
        })
    }

    /// The same with one more response format.
    #[must_use]
    pub fn with_response_format(mut self, format: ResponseFormat) -> Self {
        self.response_formats.push(format);
        self
    }
}
