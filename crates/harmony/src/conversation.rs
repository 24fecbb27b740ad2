//! A conversation: the messages so far, oldest first.

use serde::{Deserialize, Serialize};

use crate::error::HarmonyError;
use crate::header_field::{is_tool_name, sanitize};
use crate::message::{Content, Message, Role};
use crate::namespace::{MAX_NAME_CHARS, ToolNamespace, is_valid_name};
use crate::tools::parameters_type;

/// The messages so far, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// The messages.
    pub messages: Vec<Message>,
}

impl Conversation {
    /// A conversation of these messages.
    pub fn new(messages: impl IntoIterator<Item = Message>) -> Self {
        Self {
            messages: messages.into_iter().collect(),
        }
    }

    /// Reads the JSON form, `{"messages": [...]}` or the list of messages alone, and checks it with
    /// [`Conversation::validate`].
    ///
    /// # Errors
    /// [`HarmonyError::Json`] with line and column when it is not that form (JSON nested deeper
    /// than 127 levels included), and the errors of `validate`.
    pub fn from_json(json: &str) -> Result<Self, HarmonyError> {
        let is_list = json.trim_start().starts_with('[');
        let conversation = if is_list {
            serde_json::from_str(json).map(|messages| Self { messages })
        } else {
            serde_json::from_str(json)
        };
        let conversation = conversation.map_err(HarmonyError::Json)?;
        conversation.validate()?;
        Ok(conversation)
    }

    /// Checks what the types leave open. Rendering does not need it (it takes any conversation),
    /// but what fails here would not reach the model as its author meant.
    ///
    /// # Errors
    /// [`HarmonyError::UnnamedTool`], [`HarmonyError::ReservedToolName`],
    /// [`HarmonyError::MisplacedContent`], [`HarmonyError::InvalidName`],
    /// [`HarmonyError::SchemaTooLarge`].
    pub fn validate(&self) -> Result<(), HarmonyError> {
        for (index, message) in self.messages.iter().enumerate() {
            let role = message.author.role;
            if role == Role::Tool {
                let name = message.author.name.as_deref().and_then(sanitize);
                let name = name.ok_or(HarmonyError::UnnamedTool { index })?;
                if !is_tool_name(&name) {
                    return Err(HarmonyError::ReservedToolName { index, name });
                }
            }
            for part in &message.content {
                let (content, belongs) = match part {
                    Content::Text { .. } => continue,
                    Content::System(_) => ("system_content", Role::System),
                    Content::Developer(_) => ("developer_content", Role::Developer),
                };
                if role != belongs {
                    return Err(HarmonyError::MisplacedContent {
                        index,
                        role,
                        content,
                        belongs,
                    });
                }
            }
        }
        for namespace in self.namespaces() {
            check_name("namespace", &namespace.name)?;
            for tool in &namespace.tools {
                check_name("tool", &tool.name)?;
                parameters_type(tool)?;
            }
        }
        Ok(())
    }

    /// Every namespace of tools that the system and developer messages declare.
    pub fn namespaces(&self) -> impl Iterator<Item = &ToolNamespace> {
        self.messages
            .iter()
            .flat_map(|message| &message.content)
            .filter_map(|part| match part {
                Content::Text { .. } => None,
                Content::System(system) => system.tools.as_ref(),
                Content::Developer(developer) => developer.tools.as_ref(),
            })
            .flat_map(|tools| tools.values())
    }

    /// The names by which the assistant may address the declared tools, for
    /// [`crate::ParserOptions::tools`].
    pub fn tool_recipients(&self) -> Vec<String> {
        self.namespaces()
            .flat_map(ToolNamespace::recipients)
            .collect()
    }

    /// Whether a developer message declares function tools.
    pub(crate) fn has_function_tools(&self) -> bool {
        self.messages
            .iter()
            .flat_map(|message| &message.content)
            .any(|part| match part {
                Content::Developer(developer) => developer
                    .tools
                    .as_ref()
                    .and_then(|tools| tools.get("functions"))
                    .is_some_and(|functions| !functions.tools.is_empty()),
                Content::Text { .. } | Content::System(_) => false,
            })
    }
}

fn check_name(what: &'static str, name: &str) -> Result<(), HarmonyError> {
    if is_valid_name(name) {
        return Ok(());
    }
    Err(HarmonyError::InvalidName {
        what,
        // One more shows that there are too many.
        name: name.chars().take(MAX_NAME_CHARS + 1).collect(),
        limit: MAX_NAME_CHARS,
    })
}
