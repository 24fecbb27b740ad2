//! A chat request as a Harmony conversation.

use harmony::{
    Conversation, DeveloperContent, Message, ReasoningEffort, ResponseFormat, SystemContent,
    ToolDescription,
};
use serde_json::json;

use super::call_memory::CallMemory;
use crate::error::InvalidRequest;
use crate::openai::{
    ChatMessage, ChatRequest, MessageContent, MessageRole, ToolChoice, ToolDefinition,
};

/// Longest name of a function, as in OpenAI's API.
pub const MAX_NAME_BYTES: usize = 64;

/// The conversation that `request` asks to continue, on the day `date`.
///
/// The API's system and developer messages become Harmony's developer message: its own system
/// message is written by the server. Reasoning that the client left out is taken from `calls`.
pub(super) fn from_request(
    request: &ChatRequest,
    date: Option<String>,
    calls: &CallMemory,
) -> Result<Conversation, InvalidRequest> {
    let mut system = SystemContent::default().with_reasoning_effort(effort(request)?);
    system.conversation_start_date = date;
    let mut messages = vec![Message::system(system)];

    let opening = request
        .messages
        .iter()
        .take_while(|message| is_instruction(message))
        .count();
    let developer = developer(request, opening)?;
    if developer != DeveloperContent::default() {
        messages.push(Message::developer(developer));
    }
    History {
        request,
        calls,
        messages: &mut messages,
    }
    .push_from(opening)?;

    let conversation = Conversation::new(messages);
    conversation
        .validate()
        .map_err(|error| InvalidRequest::of("tools", WithCauses(&error).to_string()))?;
    Ok(conversation)
}

/// An error and its causes on one line.
struct WithCauses<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for WithCauses<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

fn is_instruction(message: &ChatMessage) -> bool {
    matches!(message.role, MessageRole::System | MessageRole::Developer)
}

/// The names of efforts differ between APIs; those beyond the model's range mean its end.
const EFFORTS: [(&str, ReasoningEffort); 7] = [
    ("low", ReasoningEffort::Low),
    ("medium", ReasoningEffort::Medium),
    ("high", ReasoningEffort::High),
    ("none", ReasoningEffort::Low),
    ("minimal", ReasoningEffort::Low),
    ("xhigh", ReasoningEffort::High),
    ("max", ReasoningEffort::High),
];

/// The words for how long to think, the model's own first.
pub fn effort_words() -> impl Iterator<Item = &'static str> {
    EFFORTS.into_iter().map(|(word, _)| word)
}

fn effort(request: &ChatRequest) -> Result<ReasoningEffort, InvalidRequest> {
    let Some((param, word)) = request.effort() else {
        return Ok(ReasoningEffort::Medium);
    };
    let known = EFFORTS.into_iter().find(|&(name, _)| name == word);
    known.map(|(_, effort)| effort).ok_or_else(|| {
        InvalidRequest::of(
            param,
            format!("{param}: {word:?} is unknown; use low, medium or high"),
        )
    })
}

/// The developer message: the instructions that open the conversation, tools and form.
fn developer(request: &ChatRequest, opening: usize) -> Result<DeveloperContent, InvalidRequest> {
    let mut instructions = Vec::new();
    for (index, message) in request.messages[..opening].iter().enumerate() {
        instructions.push(text(message, index)?);
    }
    instructions.retain(|text| !text.is_empty());
    let mut developer = DeveloperContent::default();
    if !instructions.is_empty() {
        developer = developer.with_instructions(instructions.join("\n\n"));
    }
    let tools = tools(request)?;
    if !tools.is_empty() {
        developer = developer.with_function_tools(tools);
    }
    if let Some(format) = response_format(request)? {
        developer = developer.with_response_format(format);
    }
    Ok(developer)
}

fn tools(request: &ChatRequest) -> Result<Vec<ToolDescription>, InvalidRequest> {
    let definitions = request.tools.as_deref().unwrap_or_default();
    let declared = definitions
        .iter()
        .enumerate()
        // Tools of other types are the client's offer of what this model does not know.
        .filter(|(_, tool)| tool.kind == "function")
        .map(|(index, tool)| tool_description(index, tool))
        .collect::<Result<Vec<_>, _>>()?;
    match &request.tool_choice {
        None | Some(ToolChoice::Auto) => Ok(declared),
        // A tool that is not declared is not called.
        Some(ToolChoice::None) => Ok(Vec::new()),
        Some(ToolChoice::Required | ToolChoice::Named(_)) => Err(InvalidRequest::of(
            "tool_choice",
            "tool_choice: this model cannot be made to call a tool; use \"auto\", and say in the \
             instructions when to call which",
        )
        .with_code("unsupported_value")),
    }
}

fn tool_description(
    index: usize,
    tool: &ToolDefinition,
) -> Result<ToolDescription, InvalidRequest> {
    let Some(function) = &tool.function else {
        let param = format!("tools[{index}].function");
        let message = format!("{param}: missing field");
        return Err(InvalidRequest::of(param, message));
    };
    let is_name = (1..=MAX_NAME_BYTES).contains(&function.name.len())
        && function
            .name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    if !is_name {
        let param = format!("tools[{index}].function.name");
        let message = format!(
            "{param}: {:?} must have 1 to {MAX_NAME_BYTES} letters, digits, '_', '-' or '.'",
            function.name
        );
        return Err(InvalidRequest::of(param, message));
    }
    if let Some(parameters) = &function.parameters
        && !parameters.is_object()
        && !parameters.is_null()
    {
        let param = format!("tools[{index}].function.parameters");
        let message = format!("{param}: must be a JSON schema, an object");
        return Err(InvalidRequest::of(param, message));
    }
    Ok(ToolDescription::new(
        &function.name,
        function.description.clone().unwrap_or_default(),
        function.parameters.clone().filter(|value| !value.is_null()),
    ))
}

/// The form of the answer, which the model is told; its output is not forced into it.
fn response_format(request: &ChatRequest) -> Result<Option<ResponseFormat>, InvalidRequest> {
    let Some(format) = &request.response_format else {
        return Ok(None);
    };
    let form = |name: &str, description: Option<String>, schema| ResponseFormat {
        name: name.to_owned(),
        description,
        schema,
    };
    match (format.kind.as_str(), &format.json_schema) {
        ("text", _) => Ok(None),
        ("json_object", _) => Ok(Some(form("json_object", None, json!({"type": "object"})))),
        ("json_schema", Some(named)) => {
            let schema = named.schema.clone().unwrap_or_else(|| json!({}));
            Ok(Some(form(&named.name, named.description.clone(), schema)))
        }
        ("json_schema", None) => Err(InvalidRequest::of(
            "response_format.json_schema",
            "response_format.json_schema: missing field",
        )),
        (kind, _) => Err(InvalidRequest::of(
            "response_format.type",
            format!(
                "response_format.type: {kind:?} is unknown; use text, json_object or json_schema"
            ),
        )),
    }
}

/// The words of message `index`.
fn text(message: &ChatMessage, index: usize) -> Result<String, InvalidRequest> {
    match &message.content {
        None => Ok(String::new()),
        Some(MessageContent::Text(text)) => Ok(text.clone()),
        Some(MessageContent::Parts(parts)) => {
            let mut texts = Vec::new();
            for (place, part) in parts.iter().enumerate() {
                let words = part.words().ok_or_else(|| {
                    let param = format!("messages[{index}].content[{place}]");
                    let message = format!(
                        "{param}: a part of type {:?} is not supported; the model reads text only",
                        part.kind
                    );
                    InvalidRequest::of(param, message).with_code("unsupported_value")
                })?;
                texts.push(words);
            }
            Ok(texts.join("\n"))
        }
    }
}

/// Turns the messages after the opening instructions into Harmony messages.
struct History<'a> {
    request: &'a ChatRequest,
    calls: &'a CallMemory,
    messages: &'a mut Vec<Message>,
}

impl History<'_> {
    fn push_from(&mut self, opening: usize) -> Result<(), InvalidRequest> {
        // Results are moved behind their calls; what no call claims is a mistake.
        let mut is_claimed = vec![false; self.request.messages.len()];
        for index in opening..self.request.messages.len() {
            let message = &self.request.messages[index];
            match message.role {
                MessageRole::System | MessageRole::Developer => {
                    let instructions = text(message, index)?;
                    let content = DeveloperContent::default().with_instructions(instructions);
                    self.messages.push(Message::developer(content));
                }
                MessageRole::User => self.messages.push(Message::user(text(message, index)?)),
                MessageRole::Assistant => self.assistant(index, &mut is_claimed)?,
                MessageRole::Tool if is_claimed[index] => {}
                MessageRole::Tool => return Err(unclaimed(message, index)),
            }
        }
        Ok(())
    }

    fn assistant(&mut self, index: usize, is_claimed: &mut [bool]) -> Result<(), InvalidRequest> {
        let message = &self.request.messages[index];
        let content = text(message, index)?;
        let calls = message.tool_calls.as_deref().unwrap_or_default();
        let Some(first) = calls.first() else {
            if let Some(reasoning) = message.reasoning() {
                self.messages
                    .push(Message::assistant("analysis", reasoning));
            }
            self.messages.push(Message::assistant("final", content));
            return Ok(());
        };
        self.before_calls(message.reasoning(), content, &first.id);
        for call in calls {
            let name = &call.function.name;
            self.messages
                .push(Message::function_call(name, &call.function.arguments));
            // The model was trained on one call at a time, each followed by its result.
            if let Some(place) = self.result_of(&call.id, index, is_claimed) {
                is_claimed[place] = true;
                let result = text(&self.request.messages[place], place)?;
                self.messages.push(Message::function_result(name, result));
            }
        }
        Ok(())
    }

    /// The first result for the call `id` of message `caller` that no other call has. Some hosts use
    /// the same ids in every turn, so the next turn's results are not looked at.
    fn result_of(&self, id: &str, caller: usize, is_claimed: &[bool]) -> Option<usize> {
        let later = self.request.messages.iter().enumerate().skip(caller + 1);
        later
            .take_while(|(_, message)| message.role != MessageRole::Assistant)
            .filter(|(place, message)| message.role == MessageRole::Tool && !is_claimed[*place])
            .find(|(_, message)| message.tool_call_id.as_deref() == Some(id))
            .map(|(place, _)| place)
    }

    /// What the model thought and said before its calls; what the client left out is restored.
    fn before_calls(&mut self, reasoning: Option<String>, content: String, call_id: &str) {
        let kept = self.calls.turn(call_id);
        let kept = kept.as_deref().map_or(&[][..], Vec::as_slice);
        let restored = |channel: &str| {
            let kept = kept.iter();
            kept.filter(|message| message.recipient.is_none() && message.is_on(channel))
                .cloned()
                .collect::<Vec<_>>()
        };
        match reasoning {
            Some(reasoning) => self
                .messages
                .push(Message::assistant("analysis", reasoning)),
            None => self.messages.extend(restored("analysis")),
        }
        if content.is_empty() {
            self.messages.extend(restored("commentary"));
        } else {
            self.messages
                .push(Message::assistant("commentary", content));
        }
    }
}

fn unclaimed(message: &ChatMessage, index: usize) -> InvalidRequest {
    let (param, words) = match &message.tool_call_id {
        None => (
            "tool_call_id",
            "missing field; it names the call that this answers".to_owned(),
        ),
        Some(id) => (
            "tool_call_id",
            format!(
                "no call {id:?} precedes it; a result follows the assistant's message with its call"
            ),
        ),
    };
    let param = format!("messages[{index}].{param}");
    let message = format!("{param}: {words}");
    InvalidRequest::of(param, message)
}

#[cfg(test)]
mod tests;
