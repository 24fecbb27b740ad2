//! What the mock can do.

use bytes::Bytes;

use crate::answers::Answer;
use crate::script::Step;

/// Declares the behaviours that need no more than a name.
macro_rules! behaviours {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)*) => {
        /// What is done with a request.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Behaviour {
            $($(#[$doc])* $name,)*
            /// A good answer that says this.
            Says(Answer),
            /// This status with these headers and this body.
            Status(u16, Vec<(&'static str, String)>, Bytes),
            /// These steps, from the first byte of the answer on.
            Raw(Vec<Step>),
        }

        impl Behaviour {
            /// Every behaviour that has a name of its own.
            pub const NAMED: &[Self] = &[$(Self::$name,)*];

            /// Its name in counts, and behind `fault/` in the name of a model.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                    Self::Says(_) => "says",
                    Self::Status(..) => "status",
                    Self::Raw(_) => "raw",
                }
            }
        }
    };
}

behaviours! {
    /// A good answer.
    Good = "good";
    /// A good answer with OpenRouter's comments in its stream, and whitespace before its JSON.
    Comments = "comments";
    /// A good answer whose lines end in `\r\n`, with `event:` and `id:` and data on two lines.
    OddLines = "odd_lines";
    /// Reasoning before the words.
    Reasons = "reasons";
    /// A call of the first declared function.
    Calls = "calls";
    /// A good answer that tells its usage as Groq does, in the last chunk with a choice.
    GroqUsage = "groq_usage";
    /// A good answer without `[DONE]`.
    NoDone = "no_done";

    /// OpenRouter's own 429 of the minute.
    AccountMinute = "account_minute";
    /// OpenRouter's own 429 of the day.
    AccountDay = "account_day";
    /// 429 of a host behind OpenRouter.
    UpstreamBusy = "upstream_busy";
    /// Groq's 429 of tokens within a minute.
    GroqMinute = "groq_minute";
    /// Groq's 429 of requests within a day.
    GroqDay = "groq_day";
    /// Cloudflare's 429: the neurons of the day are used up.
    CloudflareDay = "cloudflare_day";
    /// Cloudflare's 429: no room for the model.
    CloudflareBusy = "cloudflare_busy";
    /// 402.
    WantsMoney = "wants_money";
    /// 401.
    BadKey = "bad_key";
    /// 403 of moderation.
    Moderated = "moderated";
    /// 404: no host runs the model.
    NoEndpoints = "no_endpoints";
    /// 404: the privacy settings leave no host.
    DataPolicy = "data_policy";
    /// 400.
    BadRequest = "bad_request";
    /// 400: the prompt is too long.
    TooLong = "too_long";
    /// 500.
    Internal = "internal";
    /// 502 with a page of HTML.
    BadGateway = "bad_gateway";
    /// 503 with `Retry-After`.
    Unavailable = "unavailable";
    /// 529.
    Overloaded = "overloaded";
    /// An error within an answer of 200.
    ErrorIn200 = "error_in_200";
    /// The same, its code in quotes.
    ErrorIn200Text = "error_in_200_text";

    /// Nothing, for ever.
    HangBeforeHead = "hang_before_head";
    /// A head, and then nothing.
    HangAfterHead = "hang_after_head";
    /// Comments for ever, and no word.
    OnlyComments = "only_comments";
    /// A few words, and then nothing.
    HangInStream = "hang_in_stream";
    /// The head, a byte at a time.
    SlowHead = "slow_head";
    /// The body, a byte at a time.
    SlowBody = "slow_body";
    /// The connection is reset before anything is said.
    ResetBeforeHead = "reset_before_head";
    /// The connection is closed before anything is said.
    CloseBeforeHead = "close_before_head";
    /// The connection is reset after a few words.
    ResetInStream = "reset_in_stream";
    /// The connection is closed in the middle of the first event, or of the JSON.
    HalfEvent = "half_event";
    /// The connection is closed in the middle of an event, after a few words.
    HalfEventLater = "half_event_later";
    /// The stream ends properly, but without `finish_reason` and `[DONE]`.
    NoFinish = "no_finish";
    /// An error as an event after a few words.
    ErrorInStream = "error_in_stream";

    /// What is no HTTP.
    NotHttp = "not_http";
    /// A head that does not end.
    EndlessHead = "endless_head";
    /// A body of 100 MB.
    Huge = "huge";
    /// Bytes that are no UTF-8.
    InvalidUtf8 = "invalid_utf8";
    /// A page of HTML with status 200.
    Html = "html";
    /// Compressed, though nobody asked for that.
    Gzip = "gzip";
    /// JSON that is cut off, with the right length.
    CutJson = "cut_json";
    /// JSON of another kind.
    OtherJson = "other_json";
    /// A redirect.
    Redirect = "redirect";

    /// A body without a byte.
    EmptyBody = "empty_body";
    /// An answer without a word.
    EmptyAnswer = "empty_answer";
    /// Reasoning that uses up all tokens.
    OnlyReasons = "only_reasons";
    /// Harmony in the words, from the beginning.
    LeaksHarmony = "leaks_harmony";
    /// Harmony without its control tokens.
    LeaksBareHarmony = "leaks_bare_harmony";
    /// A call in Harmony in the words.
    LeaksCall = "leaks_call";
    /// Control tokens after good words.
    LeaksLater = "leaks_later";
    /// A call of the first declared function, as JSON in the words.
    CallInText = "call_in_text";
    /// Words where JSON was asked for.
    WordsForJson = "words_for_json";
    /// A call whose arguments are no JSON.
    BadArguments = "bad_arguments";
}

impl Behaviour {
    /// The behaviour of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMED.iter().find(|one| one.name() == name).cloned()
    }

    /// Whether it is a good answer, so that whoever asked must be content.
    pub fn is_good(&self) -> bool {
        matches!(
            self,
            Self::Good
                | Self::Comments
                | Self::OddLines
                | Self::Reasons
                | Self::Calls
                | Self::GroqUsage
                | Self::NoDone
                | Self::Says(_)
        )
    }
}
