//! What a system message says.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::namespace::ToolNamespace;

/// How long the model is asked to reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ReasoningEffort {
    /// Answer with little or no reasoning.
    Low,
    /// The default.
    Medium,
    /// Reason at length.
    High,
}

impl ReasoningEffort {
    /// The word in the system message.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// The channels a model may write to.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ChannelConfig {
    /// Names of the channels; when empty the system message says nothing about channels.
    pub valid_channels: Vec<String>,
    /// Whether every message must name its channel.
    pub channel_required: bool,
}

impl ChannelConfig {
    /// These channels, and every message must name one.
    pub fn require<T: Into<String>>(channels: impl IntoIterator<Item = T>) -> Self {
        Self {
            valid_channels: channels.into_iter().map(Into::into).collect(),
            channel_required: true,
        }
    }
}

/// The fields of a system message. A field that is `None` is not rendered, and a field that is
/// absent in JSON is `None`: the defaults of [`SystemContent::default`] are for code, not for files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SystemContent {
    /// The sentence that tells the model what it is.
    pub model_identity: Option<String>,
    /// The reasoning effort.
    pub reasoning_effort: Option<ReasoningEffort>,
    /// Built-in tools by namespace, rendered in the order of the keys.
    pub tools: Option<BTreeMap<String, ToolNamespace>>,
    /// Today, as `YYYY-MM-DD`. The caller supplies it: this crate holds no clock.
    pub conversation_start_date: Option<String>,
    /// The month at which the training data ends, as `YYYY-MM`.
    pub knowledge_cutoff: Option<String>,
    /// The channels.
    pub channel_config: Option<ChannelConfig>,
}

impl Default for SystemContent {
    /// What gpt-oss was trained on: its identity, cutoff 2024-06, medium effort, the channels
    /// analysis, commentary and final; no date and no tools.
    fn default() -> Self {
        Self {
            model_identity: Some(
                "You are ChatGPT, a large language model trained by OpenAI.".to_owned(),
            ),
            reasoning_effort: Some(ReasoningEffort::Medium),
            tools: None,
            conversation_start_date: None,
            knowledge_cutoff: Some("2024-06".to_owned()),
            channel_config: Some(ChannelConfig::require(["analysis", "commentary", "final"])),
        }
    }
}

impl SystemContent {
    /// The same with another identity.
    #[must_use]
    pub fn with_model_identity(mut self, identity: impl Into<String>) -> Self {
        self.model_identity = Some(identity.into());
        self
    }

    /// The same with another effort.
    #[must_use]
    pub fn with_reasoning_effort(mut self, effort: ReasoningEffort) -> Self {
        self.reasoning_effort = Some(effort);
        self
    }

    /// The same with a current date, as `YYYY-MM-DD`.
    #[must_use]
    pub fn with_conversation_start_date(mut self, date: impl Into<String>) -> Self {
        self.conversation_start_date = Some(date.into());
        self
    }

    /// The same with another knowledge cutoff.
    #[must_use]
    pub fn with_knowledge_cutoff(mut self, cutoff: impl Into<String>) -> Self {
        self.knowledge_cutoff = Some(cutoff.into());
        self
    }

    /// The same with these channels, required in every message.
    #[must_use]
    pub fn with_required_channels<T: Into<String>>(
        mut self,
        channels: impl IntoIterator<Item = T>,
    ) -> Self {
        self.channel_config = Some(ChannelConfig::require(channels));
        self
    }

    /// The same with one more namespace of built-in tools; it replaces one of the same name.
    #[must_use]
    pub fn with_tools(mut self, namespace: ToolNamespace) -> Self {
        self.tools
            .get_or_insert_default()
            .insert(namespace.name.clone(), namespace);
        self
    }
}
