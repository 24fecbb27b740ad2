//! Conversation to tokens.
//!
//! ```text
//! <|start|>{role}[:name]<|channel|>{channel} to={recipient} <|constrain|>json<|message|>{content}<|end|>
//! ```
//! The recipient comes after the channel, as the model itself writes it. (OpenAI's library puts it
//! before; a history that differs from what was generated makes the models leak header text into
//! tool names in long tool loops.) Only the framing consists of special tokens: whatever comes from
//! outside is encoded as ordinary text.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::conversation::Conversation;
use crate::developer::{DeveloperContent, ResponseFormat};
use crate::encoding::Encoding;
use crate::header_field::{is_tool_name, sanitize};
use crate::message::{Content, Message, Role};
use crate::system::SystemContent;
use crate::tools::{comment, tools_section};
use crate::{TokenId, Tokenizer};

impl Encoding {
    pub(crate) fn renderer(&self) -> Renderer<'_> {
        Renderer {
            encoding: self,
            tokenizer: self.tokenizer(),
            tokens: Vec::new(),
        }
    }
}

/// Collects the tokens of a rendering.
pub(crate) struct Renderer<'a> {
    encoding: &'a Encoding,
    tokenizer: &'a Tokenizer,
    tokens: Vec<TokenId>,
}

impl Renderer<'_> {
    pub(crate) fn into_tokens(self) -> Vec<TokenId> {
        self.tokens
    }

    pub(crate) fn conversation(&mut self, conversation: &Conversation) {
        let has_function_tools = conversation.has_function_tools();
        let shown = shown_messages(conversation);
        for (message, _) in conversation
            .messages
            .iter()
            .zip(shown)
            .filter(|(_, shown)| *shown)
        {
            self.message(message, has_function_tools);
        }
    }

    /// Opens the assistant's next message.
    pub(crate) fn start_assistant(&mut self) {
        self.tokens.push(self.encoding.special_tokens().start);
        self.text(Role::Assistant.as_str());
    }

    /// Where the conversation ends in a final answer, ends it in `<|return|>`.
    pub(crate) fn return_after_final(&mut self, conversation: &Conversation) {
        let ends_in_final = conversation.messages.last().is_some_and(is_final_answer);
        if let (true, Some(last)) = (ends_in_final, self.tokens.last_mut()) {
            *last = self.encoding.special_tokens().return_;
        }
    }

    pub(crate) fn message(&mut self, message: &Message, has_function_tools: bool) {
        let special = self.encoding.special_tokens();
        let recipient = message
            .recipient
            .as_deref()
            .and_then(sanitize)
            .filter(|name| name != "all");

        self.tokens.push(special.start);
        self.text(&author(message));
        if let Some(channel) = message.channel.as_deref().and_then(sanitize) {
            self.tokens.push(special.channel);
            self.text(&channel);
        }
        if let Some(recipient) = &recipient {
            self.text(&format!(" to={recipient}"));
        }
        if let Some(content_type) = &message.content_type {
            self.content_type(content_type);
        }
        self.tokens.push(special.message);
        for part in &message.content {
            match part {
                Content::Text { text } => self.text(text),
                Content::System(system) => self.text(&system_text(system, has_function_tools)),
                Content::Developer(developer) => self.text(&developer_text(developer)),
            }
        }
        let is_call = message.author.role == Role::Assistant && recipient.is_some();
        self.tokens
            .push(if is_call { special.call } else { special.end });
    }

    /// ` <|constrain|>json` with the special token, or ` code` as text. A bare `json` is what
    /// clients write for the former.
    fn content_type(&mut self, content_type: &str) {
        let constrained = match content_type {
            "json" => Some("json"),
            _ => content_type.strip_prefix("<|constrain|>"),
        };
        match constrained {
            Some(rest) => {
                self.text(" ");
                self.tokens.push(self.encoding.special_tokens().constrain);
                if let Some(name) = sanitize(rest) {
                    let space = if rest.starts_with(' ') { " " } else { "" };
                    self.text(&format!("{space}{name}"));
                }
            }
            None => {
                if let Some(name) = sanitize(content_type) {
                    self.text(&format!(" {name}"));
                }
            }
        }
    }

    /// Ordinary text: special tokens spelt out in it stay text.
    fn text(&mut self, text: &str) {
        self.tokenizer.encode_into(text, &mut self.tokens);
    }
}

/// Index from which on analysis is kept: that of the last final answer before the last user
/// message, or 0 when there is none.
fn analysis_kept_from(conversation: &Conversation) -> usize {
    let messages = &conversation.messages;
    let last_user = messages
        .iter()
        .rposition(|message| message.author.role == Role::User);
    messages[..last_user.unwrap_or(0)]
        .iter()
        .rposition(is_final_answer)
        .unwrap_or(0)
}

fn is_final_answer(message: &Message) -> bool {
    message.author.role == Role::Assistant && message.is_on("final")
}

/// Which messages the model is shown: all but old reasoning. Calls of functions and their results
/// stay, whatever channel the model put them on, and of a call and its result both are shown or
/// neither is.
fn shown_messages(conversation: &Conversation) -> Vec<bool> {
    let messages = &conversation.messages;
    let functions: HashSet<&str> = conversation
        .namespaces()
        .filter(|namespace| namespace.name == "functions")
        .flat_map(|namespace| namespace.tools.iter().map(|tool| tool.name.as_str()))
        .collect();
    let is_function = |name: &Option<String>| {
        name.as_deref()
            .is_some_and(|name| name.starts_with("functions.") || functions.contains(name))
    };
    let kept_from = analysis_kept_from(conversation);
    let mut shown: Vec<bool> = messages
        .iter()
        .enumerate()
        .map(|(index, message)| {
            let is_old_thought = index < kept_from && message.is_on("analysis");
            let is_half_of_call =
                is_function(&message.recipient) || is_function(&message.author.name);
            !is_old_thought || is_half_of_call
        })
        .collect();

    let mut open_calls: HashMap<&str, VecDeque<usize>> = HashMap::new();
    for (index, message) in messages.iter().enumerate() {
        let (recipient, author) = (message.recipient.as_deref(), message.author.name.as_deref());
        match (message.author.role, recipient, author) {
            (Role::Assistant, Some(recipient), _) => {
                let calls = open_calls.entry(without_namespace(recipient)).or_default();
                calls.push_back(index);
            }
            (Role::Tool, _, Some(author)) => {
                let calls = open_calls.get_mut(without_namespace(author));
                if let Some(call) = calls.and_then(VecDeque::pop_front) {
                    let is_shown = shown[call] || shown[index];
                    (shown[call], shown[index]) = (is_shown, is_shown);
                }
            }
            _ => {}
        }
    }
    shown
}

/// The name of a function however it is written.
fn without_namespace(name: &str) -> &str {
    name.strip_prefix("functions.").unwrap_or(name)
}

/// `role`, `role:name`, or for a tool its name alone. A name that would be read as another author
/// is put into the namespace `functions`.
fn author(message: &Message) -> String {
    let role = message.author.role;
    match message.author.name.as_deref().and_then(sanitize) {
        Some(name) if role == Role::Tool && is_tool_name(&name) => name,
        Some(name) if role == Role::Tool => format!("functions.{name}"),
        Some(name) => format!("{role}:{name}"),
        None => role.to_string(),
    }
}

fn system_text(system: &SystemContent, has_function_tools: bool) -> String {
    let mut blocks = Vec::new();

    let mut about = Vec::new();
    about.extend(system.model_identity.clone());
    about.extend(
        system
            .knowledge_cutoff
            .as_ref()
            .map(|date| format!("Knowledge cutoff: {date}")),
    );
    about.extend(
        system
            .conversation_start_date
            .as_ref()
            .map(|date| format!("Current date: {date}")),
    );
    if !about.is_empty() {
        blocks.push(about.join("\n"));
    }

    blocks.extend(
        system
            .reasoning_effort
            .map(|effort| format!("Reasoning: {}", effort.as_str())),
    );
    blocks.extend(
        system
            .tools
            .as_ref()
            .filter(|tools| !tools.is_empty())
            .map(tools_section),
    );

    if let Some(channels) = system
        .channel_config
        .as_ref()
        .filter(|c| !c.valid_channels.is_empty())
    {
        let mut block = format!("# Valid channels: {}.", channels.valid_channels.join(", "));
        if channels.channel_required {
            block.push_str(" Channel must be included for every message.");
        }
        if has_function_tools {
            block
                .push_str("\nCalls to these tools must go to the commentary channel: 'functions'.");
        }
        blocks.push(block);
    }
    blocks.join("\n\n")
}

fn developer_text(developer: &DeveloperContent) -> String {
    let mut blocks = Vec::new();
    if let Some(instructions) = &developer.instructions {
        blocks.push("# Instructions".to_owned());
        blocks.push(instructions.clone());
    }
    blocks.extend(
        developer
            .tools
            .as_ref()
            .filter(|tools| !tools.is_empty())
            .map(tools_section),
    );
    if !developer.response_formats.is_empty() {
        blocks.push("# Response Formats".to_owned());
        for format in &developer.response_formats {
            blocks.push(format!("## {}", format.name));
            blocks.push(response_format_text(format));
        }
    }
    blocks.join("\n\n")
}

fn response_format_text(format: &ResponseFormat) -> String {
    let description = format
        .description
        .as_deref()
        .map(|text| comment(text, ""))
        .unwrap_or_default();
    format!("{description}{}", format.schema)
}
