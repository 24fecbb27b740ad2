//! A request of this program's own: one prompt from the command line.

use bytes::Bytes;
use serde_json::{Value, json};

use super::ChatRequest;
use crate::error::InvalidRequest;

/// Asks these models `prompt`, in their order, for a stream. Each function of `tools` may stand alone
/// or in the wrapping of the API.
///
/// # Errors
/// What is wrong with it.
pub fn prompt_request(
    models: &[&str],
    prompt: &str,
    tools: Option<Value>,
) -> Result<ChatRequest, InvalidRequest> {
    let mut body = json!({
        "messages": [{"role": "user", "content": prompt}],
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    if let Some((first, more)) = models.split_first() {
        body["model"] = json!(first);
        if !more.is_empty() {
            body["models"] = json!(more);
        }
    }
    if let Some(tools) = tools {
        let tools = match tools {
            Value::Array(tools) => tools,
            one => vec![one],
        };
        body["tools"] = tools.into_iter().map(wrapped).collect();
    }
    ChatRequest::from_json(Bytes::from(body.to_string()))
}

fn wrapped(tool: Value) -> Value {
    match tool.get("function") {
        Some(_) => tool,
        None => json!({"type": "function", "function": tool}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_becomes_a_request_for_a_stream() {
        let function = json!({"name": "f", "parameters": {"type": "object"}});
        let wrapped = json!({"type": "function", "function": function});
        let tools = json!([function, wrapped]);
        let request = prompt_request(&["a", "b", "c"], "Hello?", Some(tools)).unwrap();
        assert_eq!(request.model.as_deref(), Some("a"));
        assert_eq!(request.models, Some(vec!["b".to_owned(), "c".to_owned()]));
        assert!(request.is_stream());
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body["tools"], json!([wrapped, wrapped]));
        assert_eq!(body["messages"][0]["content"], "Hello?");
        let auto = prompt_request(&[], "Hello?", None).unwrap();
        assert!(auto.model.is_none() && auto.tools.is_none() && auto.models.is_none());
    }

    #[test]
    fn what_is_no_function_is_refused() {
        for tools in [json!(3), json!([{"description": "no name"}])] {
            assert!(prompt_request(&["a"], "x", Some(tools)).is_err());
        }
    }
}
