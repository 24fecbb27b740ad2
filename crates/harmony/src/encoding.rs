//! A vocabulary with the special tokens that Harmony is made of.

use std::sync::Arc;

use crate::conversation::Conversation;
use crate::error::HarmonyError;
use crate::message::Message;
use crate::parser::{ParserOptions, StreamableParser};
use crate::{TokenId, Tokenizer};

/// The special tokens that Harmony is made of, as text.
pub const SPECIAL_TOKEN_NAMES: [&str; 8] = [
    "<|start|>",
    "<|message|>",
    "<|channel|>",
    "<|constrain|>",
    "<|end|>",
    "<|call|>",
    "<|return|>",
    "<|endoftext|>",
];

/// The ids of [`SPECIAL_TOKEN_NAMES`] in one vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpecialTokens {
    /// `<|start|>` begins a message: its header follows.
    pub start: TokenId,
    /// `<|message|>` ends the header: the content follows.
    pub message: TokenId,
    /// `<|channel|>` comes before the name of the channel.
    pub channel: TokenId,
    /// `<|constrain|>` comes before the type of the content.
    pub constrain: TokenId,
    /// `<|end|>` ends a message; the model goes on with the next.
    pub end: TokenId,
    /// `<|call|>` ends a message to a tool; the model waits for the result.
    pub call: TokenId,
    /// `<|return|>` ends the answer. In stored history it is written as `<|end|>`.
    pub return_: TokenId,
    /// `<|endoftext|>` is not part of the format; a model that emits it has stopped.
    pub endoftext: TokenId,
}

/// A tokenizer together with the ids of Harmony's special tokens: renders conversations into
/// tokens and makes parsers for the way back.
///
/// The ids are found by name, so the same code serves gpt-oss and any model with a vocabulary of
/// its own that has these tokens.
#[derive(Clone, Debug)]
pub struct Encoding {
    tokenizer: Arc<Tokenizer>,
    special: SpecialTokens,
}

impl Encoding {
    /// The encoding of gpt-oss: `o200k_harmony`, whose ranks lie within this crate.
    pub fn gpt_oss() -> Self {
        let special = SpecialTokens {
            start: 200_006,
            message: 200_008,
            channel: 200_005,
            constrain: 200_003,
            end: 200_007,
            call: 200_012,
            return_: 200_002,
            endoftext: 199_999,
        };
        Self {
            tokenizer: Tokenizer::o200k_harmony(),
            special,
        }
    }

    /// The encoding of another vocabulary.
    ///
    /// # Errors
    /// [`HarmonyError::MissingSpecialToken`] when it lacks one of [`SPECIAL_TOKEN_NAMES`].
    pub fn new(tokenizer: Arc<Tokenizer>) -> Result<Self, HarmonyError> {
        let id = |name: &'static str| {
            tokenizer
                .special_id(name)
                .ok_or(HarmonyError::MissingSpecialToken { name })
        };
        let special = SpecialTokens {
            start: id("<|start|>")?,
            message: id("<|message|>")?,
            channel: id("<|channel|>")?,
            constrain: id("<|constrain|>")?,
            end: id("<|end|>")?,
            call: id("<|call|>")?,
            return_: id("<|return|>")?,
            endoftext: id("<|endoftext|>")?,
        };
        Ok(Self { tokenizer, special })
    }

    /// The vocabulary.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The ids of the special tokens.
    pub fn special_tokens(&self) -> SpecialTokens {
        self.special
    }

    /// The tokens after which sampling stops: `<|return|>`, `<|call|>` and, in case a model emits
    /// it, `<|endoftext|>`. `<|end|>` is not among them: it closes one message of a turn.
    ///
    /// Take the stops from here and not from a checkpoint's `generation_config.json`: early copies
    /// of gpt-oss lack `<|call|>` there.
    pub fn stop_tokens(&self) -> [TokenId; 3] {
        [
            self.special.return_,
            self.special.call,
            self.special.endoftext,
        ]
    }

    /// The prompt for the assistant's next message: the conversation and `<|start|>assistant`.
    ///
    /// Analysis that is older than the last final answer before the last user message is left out;
    /// everything after that answer stays, so within a loop of tool calls the model keeps its
    /// reasoning.
    pub fn render_for_completion(&self, conversation: &Conversation) -> Vec<TokenId> {
        let mut renderer = self.renderer();
        renderer.conversation(conversation);
        renderer.start_assistant();
        renderer.into_tokens()
    }

    /// One past the last token that a model of this encoding has a use for: ordinary tokens and
    /// those of the format. What lies beyond is reserved or padding (gpt-oss: from 200,013 on) and
    /// is not to be sampled.
    pub fn num_sampled_tokens(&self) -> usize {
        let SpecialTokens {
            start,
            message,
            channel,
            constrain,
            end,
            call,
            return_,
            endoftext,
        } = self.special;
        let format = [
            start, message, channel, constrain, end, call, return_, endoftext,
        ];
        let has_use = |id: &TokenId| {
            let tokenizer = &self.tokenizer;
            format.contains(id)
                || (!tokenizer.is_special(*id) && tokenizer.token_bytes(*id).is_some())
        };
        let ids = (0..self.tokenizer.num_tokens()).rev();
        ids.filter_map(|id| TokenId::try_from(id).ok())
            .find(has_use)
            .map_or(0, |last| last as usize + 1)
    }

    /// The conversation as a training example: as for completion, without the opening of a next
    /// message, and when the last message is a final answer it ends in `<|return|>`.
    pub fn render_for_training(&self, conversation: &Conversation) -> Vec<TokenId> {
        let mut renderer = self.renderer();
        renderer.conversation(conversation);
        renderer.return_after_final(conversation);
        renderer.into_tokens()
    }

    /// One message by itself. A system message does not mention function tools here: whether there
    /// are any is known only from the whole conversation.
    pub fn render(&self, message: &Message) -> Vec<TokenId> {
        let mut renderer = self.renderer();
        renderer.message(message, false);
        renderer.into_tokens()
    }

    /// A parser for what a model generates after [`Encoding::render_for_completion`], or as the
    /// options say.
    pub fn parser(&self, options: ParserOptions) -> StreamableParser {
        StreamableParser::new(self.clone(), options)
    }

    /// Parses `tokens` in one go. Total: every sequence yields messages.
    pub fn parse(&self, tokens: &[TokenId], options: ParserOptions) -> Vec<Message> {
        let mut parser = self.parser(options);
        for &token in tokens {
            parser.process(token);
        }
        parser.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_tokens_of_gpt_oss_are_not_sampled() {
        let encoding = Encoding::gpt_oss();
        assert_eq!(encoding.num_sampled_tokens(), 200_013);
        assert!(
            encoding.tokenizer().is_special(200_013),
            "it exists, but means nothing"
        );
    }
}
