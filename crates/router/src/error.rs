//! What can go wrong with a request, and whose fault it is.

use std::time::Duration;

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
    /// Those who were asked could not answer.
    #[error(transparent)]
    Provider(#[from] ProviderError),
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
    /// The kind, for the log and the metrics.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Invalid(_) => FailureKind::InvalidRequest,
            Self::ModelNotFound { .. } => FailureKind::ModelNotFound,
            Self::Provider(error) => error.kind,
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
    pub retry_after: Option<Duration>,
    /// The field of the request that it is about.
    pub param: Option<&'static str>,
}

impl ProviderError {
    /// An error of this kind.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            retry_after: None,
            param: None,
        }
    }
}

/// The kinds of failure. Each belongs to one [`FaultDomain`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// The request is malformed or asks for what nobody here does.
    InvalidRequest,
    /// There is no such model.
    ModelNotFound,
    /// The prompt is longer than the model's context.
    ContextLengthExceeded,
    /// As many requests as allowed run and wait already.
    Overloaded,
    /// Whoever was asked is not running.
    Unavailable,
    /// The answer could not be computed.
    Internal,
    /// The server ended before the answer did.
    ShutDown,
    /// The client left before the answer ended.
    Canceled,
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultDomain {
    /// The one who asked.
    Caller,
    /// The model or the one who runs it.
    Host,
    /// This server.
    Server,
}

impl FailureKind {
    /// The word for it in logs, metrics and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::ModelNotFound => "model_not_found",
            Self::ContextLengthExceeded => "context_length_exceeded",
            Self::Overloaded => "overloaded",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
            Self::ShutDown => "shut_down",
            Self::Canceled => "canceled",
        }
    }

    /// Whose fault it is.
    pub fn fault_domain(self) -> FaultDomain {
        match self {
            Self::InvalidRequest
            | Self::ModelNotFound
            | Self::ContextLengthExceeded
            | Self::Canceled => FaultDomain::Caller,
            Self::Overloaded | Self::Unavailable | Self::Internal => FaultDomain::Host,
            Self::ShutDown => FaultDomain::Server,
        }
    }
}
