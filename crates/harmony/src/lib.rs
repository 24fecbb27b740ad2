//! The Harmony format: conversations to the tokens that gpt-oss was trained on, and back.
//!
//! * [`Tokenizer`]: text to token ids. The vocabulary of gpt-oss lies within the crate.
//! * [`Encoding`]: a tokenizer with the ids of the special tokens. It renders a [`Conversation`] as
//!   the prompt for a completion or as a training example.
//! * [`StreamableParser`]: what a model generates, token by token, to [`Event`]s and [`Message`]s.
//!   It is total: there is no sequence of tokens that it refuses.
//! * [`TurnReader`]: the same for one turn of the assistant, sorted into reasoning, words for the
//!   user and calls of tools.
//!
//! The crate does no I/O and holds no clock: the date in a system message is the caller's.
//!
//! ```
//! use harmony::{Conversation, Encoding, Event, Message, ParserOptions, SystemContent};
//!
//! let encoding = Encoding::gpt_oss();
//! let system = SystemContent::default().with_conversation_start_date("2025-06-28");
//! let conversation =
//!     Conversation::new([Message::system(system), Message::user("What is 2 + 2?")]);
//! let prompt = encoding.render_for_completion(&conversation);
//! assert_eq!(prompt.len(), 75);
//!
//! // What a model generates, until one of `encoding.stop_tokens()`.
//! let generated = [200_005, 17_196, 200_008, 19, 200_002];
//! let mut parser = encoding.parser(ParserOptions::default());
//! for token in generated {
//!     for event in parser.process(token) {
//!         if let Event::Content(text) = event {
//!             assert_eq!((parser.current_channel(), text.as_str()), (Some("final"), "4"));
//!         }
//!     }
//! }
//! assert_eq!(parser.finish(), [Message::assistant("final", "4")]);
//! ```
//!
//! # A message
//!
//! ```text
//! <|start|>{role or tool}[:name]<|channel|>{channel} to={recipient} <|constrain|>json<|message|>{content}<|end|>
//! ```
//! A message to a tool ends in `<|call|>`, a whole answer in `<|return|>`; in stored history that is
//! `<|end|>`. The assistant writes to three channels: `analysis` (its reasoning), `commentary`
//! (calls of functions, and words to the user before them) and `final` (the answer).
//!
//! # Where this differs from OpenAI's library
//!
//! The crate `openai-harmony` 0.0.8 is the oracle of the tests. Each difference is a test case with
//! its reason: in `tests/render.rs`, `tests/schema_renderings.rs` and `tests/parse.rs`.
//!
//! | rendering | library | here |
//! |---|---|---|
//! | recipient of a call or a result | before the channel | after it, as the models write it: otherwise they leak header text into tool names in long loops |
//! | old reasoning | of the first turn only, and brought back within a loop of calls | dropped up to the last answer before the last user message |
//! | content type `json` | as it is | `<|constrain|>json` |
//! | message to `all` | ends in `<|call|>` | ends in `<|end|>` |
//! | special tokens, white space in names, recipients, channels, types | as they are | cut off at `<|`, `_` for what a header cannot hold |
//! | tool without a name, content in the wrong role | error when rendering | rendered; error in [`Conversation::validate`] |
//! | tool called `system`, `final` or the like | reads as that role | `functions.system`; error in [`Conversation::validate`] |
//! | names that close their declaration | as they are | `_` for what a header cannot hold; error in [`Conversation::validate`] |
//! | response formats | – | `# Response Formats` in the developer message |
//!
//! | JSON schema | library | here |
//! |---|---|---|
//! | tool without arguments: `{}`, or an object without properties | `(_: any)`, `(_: {\n})` | `()` |
//! | `anyOf`, `allOf`, `$ref`, `const`, enum without type | `any` | a union; one type; the definition, `any` where it recurs; a literal; literals |
//! | enum of numbers, `null` in an enum | lost | literals |
//! | type `null` | `any` | `null` |
//! | properties or items without a type | `any` | object, array |
//! | items or properties in a list of types | lost | kept |
//! | `additionalProperties` with a schema or `true`, `patternProperties` | lost | `[key: string]: type` |
//! | required, but no property | lost | `name: any` |
//! | property name that is no identifier | as it is | in quotes |
//! | array of a union | `"p" \| "q"[]` | `("p" \| "q")[]` |
//! | type listed twice (`integer`, `number`) | `number \| number` | `number` |
//! | `nullable` union | lost | `\| null` |
//! | variants of `oneOf` that are no types (`{"required": …}`) | hide the object beside them | left out |
//! | description of several lines | only the first is a comment | each is |
//! | description of an object property or variant | printed twice | once |
//! | description of the first variant | left out | printed |
//! | title of a variant without a description | lost | its comment |
//! | union within a union | on a line within a line | listed with it |
//! | quotes in strings | `"a"b"` | `"a\"b"` |
//! | examples that are no strings | lost | printed |
//! | title that repeats the name (`first_name`: `First Name`) | printed | left out |
//! | `default: null` | printed | left out |
//! | recursion, depth, size | unbounded | [`MAX_DEPTH`], [`MAX_TYPE_NODES`], [`MAX_TYPE_BYTES`] |
//!
//! | parsing | library | here |
//! |---|---|---|
//! | malformed header, missing `<|start|>`, text outside a message, header cut off | error | a message, or a [`Repair`] |
//! | special tokens within a header's words | part of the recipient or type | they separate words |
//! | `final <|constrain|>json`, `final json` | recipient | content type |
//! | `commentary?` | channel | `commentary` |
//! | two channels | the first | the last that exists |
//! | no channel in a message of the assistant | none | `commentary` with a recipient, else that of the last visible message, at first `final` |
//! | `<|start|>`, `<|channel|>` within content | text | the next header begins |
//! | `<|endoftext|>`, other special tokens within content | text | closes the message; left out |
//! | names of authors other than tools | not read | read |
#![forbid(unsafe_code)]

mod conversation;
mod developer;
mod encoding;
mod error;
mod header_field;
mod message;
mod namespace;
mod parser;
mod render;
mod system;
pub mod tokenizer;
mod tools;
mod turn;
mod vocab;

pub use conversation::Conversation;
pub use developer::{DeveloperContent, ResponseFormat};
pub use encoding::{Encoding, SPECIAL_TOKEN_NAMES, SpecialTokens};
pub use error::HarmonyError;
pub use message::{Author, Content, Message, Role};
pub use namespace::{ToolDescription, ToolNamespace};
pub use parser::{
    Ending, Event, Events, Header, MAX_HEADER_TOKENS, ParserOptions, ParserStart, Repair,
    StreamableParser, Utf8Decoder,
};
pub use system::{ChannelConfig, ReasoningEffort, SystemContent};
pub use tokenizer::{Tokenizer, TokenizerError};
pub use tools::{MAX_DEPTH, MAX_TYPE_BYTES, MAX_TYPE_NODES};
pub use turn::{ToolCall, Turn, TurnPart, TurnReader};

/// The id of a token: a row of the model's embedding.
pub type TokenId = u32;
