//! What can go wrong with a request, and whose fault it is.

use std::time::Duration;

use crate::caller_quota::QuotaExceeded;
use crate::policy::Exclusion;
use crate::router::AttemptSummary;

/// Why a request is not answered.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RouterError {
    /// The request is at fault: sending it again will not help.
    #[error(transparent)]
    Invalid(#[from] InvalidRequest),
    /// Nobody has the model.
    #[error("there is no model {model:?} here{}", near_names(similar))]
    ModelNotFound {
        /// What was asked for.
        model: String,
        /// Names that it may have meant, the nearest first.
        similar: Vec<String>,
    },
    /// The model is known, but nobody who can be asked offers it.
    #[error(
        "{model} is {}; GET /v1/models lists what there is, and \"models\" in a request names others \
         that may answer as well",
        offer_text(*was_offered, listed_by)
    )]
    NotOffered {
        /// Its id.
        model: String,
        /// Whether somebody offered it once.
        was_offered: bool,
        /// Hosts that offer it and that this server is not set up to ask.
        listed_by: Vec<String>,
    },
    /// The caller's key leaves out every model that could be asked.
    #[error(
        "{}; GET /v1/models lists what it may use",
        match *is_allowed {
            true => format!("the preferences of this key leave out {models} (excludeModelIds)"),
            false => format!("this key may not use {models}"),
        }
    )]
    ModelNotAllowed {
        /// Their ids.
        models: String,
        /// Whether the key may use them, and only its preferences leave them out.
        is_allowed: bool,
    },
    /// The caller's key has used up its quota.
    #[error(transparent)]
    QuotaExceeded(#[from] QuotaExceeded),
    /// The one who was asked could not answer.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// Of those who were asked nobody answered, and the error of one of them says why.
    #[error(transparent)]
    Failed(Box<Failed>),
    /// Of several who could be asked nobody answered.
    #[error(transparent)]
    Exhausted(Box<Exhausted>),
}

/// An error of one who was asked, with what it took to get there.
#[derive(Clone, Debug, PartialEq)]
pub struct Failed {
    /// The error.
    pub error: RouterError,
    /// Who was asked and how that ended.
    pub trail: Vec<AttemptSummary>,
    /// Who was not asked, `provider/name`, and why.
    pub excluded: Vec<(String, Exclusion)>,
    /// When the first of them may answer again.
    pub retry_after: Option<Duration>,
}

impl std::error::Error for Failed {}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.error.fmt(f)
    }
}

/// Why nobody answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Exhausted {
    /// The kind that says best what to do.
    pub kind: FailureKind,
    /// Who was asked and how that ended.
    pub trail: Vec<AttemptSummary>,
    /// Who was not asked, `provider/name`, and why.
    pub excluded: Vec<(String, Exclusion)>,
    /// The last failure, in words.
    pub last: Option<String>,
    /// When the first of them may answer again.
    pub retry_after: Option<Duration>,
}

/// How many of those who did not answer a message lists.
const MAX_LISTED: usize = 8;

impl std::error::Error for Exhausted {}

impl std::fmt::Display for Exhausted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let advice = match self.kind {
            FailureKind::InvalidRequest => "nobody here can do what this request asks for",
            FailureKind::ContextLengthExceeded => "the prompt is too long for everybody here",
            FailureKind::RateLimited => "everybody who could answer has a limit that is reached",
            FailureKind::KeyRejected => "no host that could answer takes this server's key for it",
            FailureKind::PaymentRequired => "every host that could answer wants money",
            FailureKind::DataPolicy => {
                "the privacy settings of this server's accounts leave nobody to ask"
            }
            _ => "nobody answered",
        };
        f.write_str(advice)?;
        let tried = self.trail.iter().map(AttemptSummary::to_text);
        let skipped = self.excluded.iter().map(|(name, why)| match why.failure() {
            Some(failure) => {
                format!("{name} not asked: {} ({})", why.as_str(), failure.as_str())
            }
            None => format!("{name} not asked: {}", why.as_str()),
        });
        let all: Vec<String> = tried.chain(skipped).collect();
        if !all.is_empty() {
            write!(f, " ({}", all[..all.len().min(MAX_LISTED)].join(", "))?;
            if all.len() > MAX_LISTED {
                write!(f, ", and {} more", all.len() - MAX_LISTED)?;
            }
            f.write_str(")")?;
        }
        if let Some(last) = &self.last {
            write!(f, "; the last said: {}", shortened(last.clone()))?;
        }
        if let Some(wait) = self.retry_after {
            write!(f, "; try again in {} s", whole_seconds(wait))?;
        }
        Ok(())
    }
}

/// Seconds to wait, rounded up: who comes back after them is not too early.
pub fn whole_seconds(wait: Duration) -> u64 {
    let wait_s = wait.as_millis().div_ceil(1000).max(1);
    u64::try_from(wait_s).unwrap_or(u64::MAX)
}

/// By whom a model is offered that nobody here offers.
fn offer_text(was_offered: bool, listed_by: &[String]) -> String {
    match (listed_by, was_offered) {
        ([], true) => "no longer offered by anybody here".to_owned(),
        ([], false) => "offered by nobody here".to_owned(),
        (hosts, _) => format!(
            "listed by {}, whom this server is not set up to ask",
            hosts.join(" and ")
        ),
    }
}

fn near_names(similar: &[String]) -> String {
    if similar.is_empty() {
        return "; GET /v1/models lists what there is".to_owned();
    }
    format!(
        "; did you mean {}? GET /v1/models lists what there is",
        similar.join(" or ")
    )
}

impl RouterError {
    /// When trying again may help.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Provider(error) => error.retry_after.map(|after| after.wait),
            Self::Failed(failed) => failed.retry_after,
            Self::Exhausted(exhausted) => exhausted.retry_after,
            _ => None,
        }
    }

    /// Who was asked and how that ended, if anybody was to be asked.
    pub fn trail(&self) -> Option<&[AttemptSummary]> {
        match self {
            Self::Failed(failed) => Some(&failed.trail),
            Self::Exhausted(exhausted) => Some(&exhausted.trail),
            _ => None,
        }
    }

    /// The kind, for the log and the metrics.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Invalid(_) => FailureKind::InvalidRequest,
            Self::ModelNotFound { .. } => FailureKind::ModelNotFound,
            Self::NotOffered { .. } => FailureKind::ModelNotFound,
            Self::ModelNotAllowed { .. } => FailureKind::ModelNotAllowed,
            Self::QuotaExceeded(_) => FailureKind::CallerQuotaExceeded,
            Self::Provider(error) => error.kind,
            Self::Failed(failed) => failed.error.kind(),
            Self::Exhausted(exhausted) => exhausted.kind,
        }
    }
}

/// A fault in what the client sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidRequest {
    /// What is wrong and what to do.
    pub message: String,
    /// The field, as a path such as `messages[2].content`.
    pub param: Option<String>,
    /// A word for programs, such as `unsupported_value`.
    pub code: Option<&'static str>,
}

/// Longest message of an error: it may repeat what the client sent.
const MAX_MESSAGE_CHARS: usize = 400;

/// `text`, cut where it grows too long to be read.
pub(crate) fn shortened(text: String) -> String {
    match text.char_indices().nth(MAX_MESSAGE_CHARS) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

impl InvalidRequest {
    /// A fault of the request as a whole.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: shortened(message.into()),
            param: None,
            code: None,
        }
    }

    /// A fault in the field at `param`.
    pub fn of(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            param: Some(shortened(param.into())),
            ..Self::new(message)
        }
    }

    /// The same with a word for programs.
    #[must_use]
    pub fn with_code(self, code: &'static str) -> Self {
        Self {
            code: Some(code),
            ..self
        }
    }
}

/// A failure of the one who was asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ProviderError {
    /// What kind.
    pub kind: FailureKind,
    /// What happened and what to do.
    pub message: String,
    /// When trying again may help.
    pub retry_after: Option<RetryAfter>,
    /// The field of the request that it is about.
    pub param: Option<&'static str>,
    /// The status of the answer, if it came over HTTP and came that far.
    pub http_status: Option<u16>,
}

/// When trying again may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter {
    /// How long from now.
    pub wait: Duration,
    /// Whether the one who was asked said so; else it is our guess.
    pub is_authoritative: bool,
}

impl ProviderError {
    /// An error of this kind.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            retry_after: None,
            param: None,
            http_status: None,
        }
    }
}

/// Declares the kinds of failure with the word for each, in logs, metrics and the store, and its
/// domain: one list, so that nothing is said twice.
macro_rules! failure_kinds {
    ($($(#[$doc:meta])* $kind:ident = $word:literal, $domain:ident;)*) => {
        /// The kinds of failure. Each belongs to one [`FaultDomain`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum FailureKind {
            $($(#[$doc])* $kind,)*
        }

        impl FailureKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// The word for it in logs, metrics and the store.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $word,)*
                }
            }

            /// Whose fault it is.
            pub fn fault_domain(self) -> FaultDomain {
                match self {
                    $(Self::$kind => FaultDomain::$domain,)*
                }
            }
        }
    };
}

failure_kinds! {
    /// The request is malformed or asks for what nobody here does.
    InvalidRequest = "invalid_request", Caller;
    /// There is no such model.
    ModelNotFound = "model_not_found", Caller;
    /// The client's key leaves the model out.
    ModelNotAllowed = "model_not_allowed", Caller;
    /// The prompt is longer than the model's context.
    ContextLengthExceeded = "context_length_exceeded", Caller;
    /// The host's moderation refused the prompt.
    ContentRefused = "content_refused", Caller;
    /// The client's key has used up its quota here.
    CallerQuotaExceeded = "caller_quota_exceeded", Caller;
    /// The client left before the answer ended.
    Canceled = "canceled", Caller;

    /// Our account at the host may not ask so often within a minute.
    AccountRateLimited = "account_rate_limited", Account;
    /// Our account at the host has used up its requests or tokens of the day.
    AccountQuotaExhausted = "account_quota_exhausted", Account;
    /// The host wants money.
    PaymentRequired = "payment_required", Account;
    /// The host does not take our key.
    KeyRejected = "key_rejected", Account;
    /// The privacy settings of our account leave no host that may be asked.
    DataPolicy = "data_policy", Account;

    /// The host has too much to do for this model, whoever asks.
    RateLimited = "rate_limited", Host;
    /// As many requests as allowed run and wait already.
    Overloaded = "overloaded", Host;
    /// Whoever was asked does not have the model, or does not run it now.
    Unavailable = "unavailable", Host;
    /// The host failed, or said so.
    Internal = "internal", Host;
    /// The host took too long: to answer, to its first word, or between two.
    Timeout = "timeout", Host;
    /// The host answered something that is no answer: not HTTP, not JSON, too large.
    InvalidResponse = "invalid_response", Host;
    /// An error, or the end of the connection, in the middle of an answer.
    BrokenStream = "broken_stream", Host;
    /// An answer without a word or a call, though tokens were left for them.
    EmptyAnswer = "empty_answer", Host;
    /// Thoughts that used up all tokens, so that nothing was said.
    TruncatedReasoning = "truncated_reasoning", Host;
    /// Control tokens of the model in its words.
    LeakedTokens = "leaked_tokens", Host;
    /// A call of a function written into the words.
    ToolCallInText = "tool_call_in_text", Host;
    /// JSON was asked for and something else came, or arguments of a call are not JSON.
    InvalidJson = "invalid_json", Host;

    /// No connection: the name is unknown, nobody listens, the certificate is not good, or it
    /// broke before an answer began.
    Network = "network", Network;

    /// The time that the request may take was over before this attempt had its own.
    OutOfTime = "out_of_time", Server;
    /// A fault of this server.
    ServerFault = "server_fault", Server;
    /// The server ended before the answer did.
    ShutDown = "shut_down", Server;
}

/// Whose fault a failure is. Only the host's count against a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultDomain {
    /// The one who asked.
    Caller,
    /// Our account at the host: its key, money, quota, settings.
    Account,
    /// The model or the one who runs it.
    Host,
    /// The way between.
    Network,
    /// This server.
    Server,
}

impl FaultDomain {
    /// The word for it in logs, metrics and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Account => "account",
            Self::Host => "host",
            Self::Network => "network",
            Self::Server => "server",
        }
    }
}
