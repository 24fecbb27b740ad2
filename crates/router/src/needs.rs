//! What a request needs of the one who answers it.

use crate::openai::{ChatRequest, CompletionPrompt, CompletionRequest, MessageContent, ToolChoice};
use crate::policy::Needs;

/// Bytes of text that a token has at most, as a rule: prompts are taken for shorter than they are,
/// so that nobody is left out who could answer. A host knows better and says so.
const BYTES_PER_TOKEN: u64 = 5;

impl Needs {
    /// What a conversation needs.
    pub fn of_chat(request: &ChatRequest) -> Self {
        let mut num_bytes = 0;
        let mut images = false;
        for message in &request.messages {
            match &message.content {
                Some(MessageContent::Text(text)) => num_bytes += text.len(),
                Some(MessageContent::Parts(parts)) => {
                    for part in parts {
                        num_bytes += part.words().map_or(0, str::len);
                        images |= part.kind == "image_url" || part.kind == "input_image";
                    }
                }
                None => {}
            }
        }
        let format = request
            .response_format
            .as_ref()
            .map(|one| one.kind.as_str());
        Self {
            prompt_tokens: num_bytes as u64 / BYTES_PER_TOKEN,
            output_tokens: request.max_output_tokens(),
            tools: request
                .tools
                .as_ref()
                .is_some_and(|tools| !tools.is_empty()),
            images,
            forced_call: matches!(
                request.tool_choice,
                Some(ToolChoice::Required | ToolChoice::Named(_))
            ),
            structured_output: matches!(format, Some("json_schema" | "json_object")),
            reasoning: request.effort().is_some_and(|(_, effort)| effort != "none"),
            no_training: request.forbids_training(),
        }
    }

    /// What the continuation of a text needs.
    pub fn of_completion(request: &CompletionRequest) -> Self {
        let tokens = match &request.prompt {
            CompletionPrompt::Texts(texts) => {
                let longest = texts.iter().map(String::len).max();
                longest.unwrap_or(0) as u64 / BYTES_PER_TOKEN
            }
            CompletionPrompt::Tokens(prompts) => {
                prompts.iter().map(Vec::len).max().unwrap_or(0) as u64
            }
        };
        Self {
            prompt_tokens: tokens,
            output_tokens: Some(request.max_output_tokens()),
            ..Self::default()
        }
    }
}
