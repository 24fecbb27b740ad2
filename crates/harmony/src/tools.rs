//! Tool declarations as the model reads them: a TypeScript namespace per group of tools.
//!
//! ```text
//! # Tools
//!
//! ## functions
//!
//! namespace functions {
//!
//! // Gets the weather.
//! type get_weather = (_: {
//! // The city
//! city: string,
//! }) => any;
//!
//! } // namespace functions
//! ```

mod annotation;
mod schema;
mod type_text;
mod typescript;

use std::collections::BTreeMap;

use crate::error::HarmonyError;
use crate::header_field::sanitize;
use crate::namespace::{ToolDescription, ToolNamespace};

pub use typescript::{MAX_DEPTH, MAX_TYPE_BYTES, MAX_TYPE_NODES};

/// The `# Tools` block.
pub(crate) fn tools_section(tools: &BTreeMap<String, ToolNamespace>) -> String {
    let mut blocks = vec!["# Tools".to_owned()];
    blocks.extend(tools.values().map(namespace_block));
    blocks.join("\n\n")
}

fn namespace_block(namespace: &ToolNamespace) -> String {
    let name = declared_name(&namespace.name);
    let description = namespace.description.as_deref().unwrap_or_default();
    if namespace.tools.is_empty() {
        let lines: String = description
            .lines()
            .map(|line| format!("\n{line}"))
            .collect();
        return format!("## {name}\n{lines}");
    }
    let tools: String = namespace.tools.iter().map(tool_declaration).collect();
    format!(
        "## {name}\n\n{}namespace {name} {{\n\n{tools}}} // namespace {name}",
        comment(description, "")
    )
}

/// The declaration of one tool with a blank line after it. A schema that is too large to show is
/// shown as `any`; [`crate::Conversation::validate`] reports it.
fn tool_declaration(tool: &ToolDescription) -> String {
    let argument = match parameters_type(tool) {
        Ok(None) => String::new(),
        Ok(Some(parameters)) => format!("_: {parameters}"),
        Err(_) => "_: any".to_owned(),
    };
    format!(
        "{}type {} = ({argument}) => any;\n\n",
        comment(&tool.description, ""),
        declared_name(&tool.name)
    )
}

/// The name, in which nothing can end the declaration. [`crate::Conversation::validate`] reports
/// names that are changed here.
fn declared_name(name: &str) -> String {
    sanitize(name).unwrap_or_else(|| "_".to_owned())
}

/// The type of a tool's argument, or `None` when it takes none: no schema, an empty schema, or an
/// object without properties.
///
/// # Errors
/// [`HarmonyError::SchemaTooLarge`], see [`MAX_TYPE_NODES`] and [`MAX_TYPE_BYTES`].
pub(crate) fn parameters_type(tool: &ToolDescription) -> Result<Option<String>, HarmonyError> {
    let Some(parameters) = tool
        .parameters
        .as_ref()
        .filter(|schema| !schema::is_empty(schema))
    else {
        return Ok(None);
    };
    typescript::type_of(parameters)
        .map(Some)
        .map_err(|limit| HarmonyError::SchemaTooLarge {
            tool: tool.name.clone(),
            limit: limit.limit,
            unit: limit.unit,
        })
}

/// Each line of `text` as a comment line.
pub(crate) fn comment(text: &str, indent: &str) -> String {
    text.lines()
        .map(|line| format!("{indent}// {line}\n"))
        .collect()
}
