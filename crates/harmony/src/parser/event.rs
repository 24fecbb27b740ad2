//! What the parser tells about each token.

use super::header::Header;
use crate::TokenId;

/// What a token brought about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A header is complete and content follows.
    Started(Header),
    /// More content of the current message; never empty.
    Content(String),
    /// The current message is complete: it is now the last of
    /// [`StreamableParser::messages`](crate::StreamableParser::messages).
    Finished(Ending),
    /// Something was not as it should be.
    Repaired(Repair),
}

/// The events of one token, in order; most tokens bring one.
pub type Events = Vec<Event>;

/// How a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// `<|end|>`: another message follows.
    End,
    /// `<|call|>`: a tool is to answer.
    Call,
    /// `<|return|>`: the turn is over.
    Return,
    /// `<|endoftext|>`: the model stopped where it should not have.
    EndOfText,
    /// The next message began without an end of this one.
    Resync,
    /// There were no more tokens.
    Truncated,
}

/// What the parser had to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Repair {
    /// Header text was left out: words that fit nowhere, fields that were named twice with
    /// different values, or a header without any content that the next header followed.
    DroppedText(String),
    /// The tokens ended within a header, whose text is this.
    TruncatedHeader(String),
    /// The header had no `<|message|>`, or there was none at all.
    MissingMessageToken,
    /// The assistant's header named no channel; the message was taken to be on this one.
    InferredChannel(String),
    /// A special token without meaning at its place was left out.
    StrayToken(TokenId),
    /// An id that is not in the vocabulary.
    UnknownToken(TokenId),
    /// The recipient was taken for a declared tool.
    RenamedRecipient {
        /// What the model wrote.
        from: String,
        /// The declared recipient.
        to: String,
    },
    /// The message is for a tool that was not declared.
    UndeclaredRecipient(String),
}
