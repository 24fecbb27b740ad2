//! What an error of a host means. Pure: status, headers, body and time in, a kind out.
//!
//! The two questions that matter most: whose fault is it (a model must not be blamed for our
//! account's quota), and would somebody else do better.

use std::time::Duration;

use http::HeaderMap;
use store::Timestamp;

use super::rate::{self, Headers};
use crate::error::{FailureKind, ProviderError, RetryAfter, shortened};
use crate::openai::upstream::ErrorObject;

/// Bytes of an error's body that are read.
pub const MAX_ERROR_BYTES: usize = 64 << 10;
/// A quota that begins anew within this is one of a minute, else of a day.
const LONGEST_MINUTE: Duration = Duration::from_secs(120);

/// Ways to say that a prompt is too long.
const TOO_LONG: &[&str] = &[
    "context_length_exceeded",
    "context length",
    "context_length",
    "context window",
    "context size",
    "exceeds the context",
    "exceed_context_size",
    "maximum context",
    "maximum prompt length",
    "prompt is too long",
    "prompt too long",
    "prompt length exceeds",
    "input is too long",
    "input too long",
    "too many input tokens",
    "too many tokens",
    "input tokens exceed",
    "exceeds the maximum number of tokens",
    "exceeds maximum input length",
    "reduce the length of the messages",
    "reduce your prompt",
    "string_too_long",
    "token_limit_exceeded",
    "max_tokens_exceeded",
    "`inputs` tokens + `max_new_tokens` must be",
];
const REFUSED: &[&str] = &[
    "content_policy",
    "content policy",
    "content_filter",
    "content filter",
    "moderation",
    "flagged",
    "safety",
    "invalid_prompt",
];
const DATA_POLICY: &[&str] = &[
    "data policy",
    "data_policy",
    "privacy settings",
    "settings/privacy",
    "zero data retention",
    "guardrail restrictions and data",
];
const NO_MODEL: &[&str] = &[
    "model_not_found",
    "model not found",
    "model_decommissioned",
    "decommissioned",
    "not a valid model",
    "no such model",
    "unknown model",
    "invalid model",
    "no endpoints found",
    "no allowed providers",
    "model_not_active",
];
const BAD_KEY: &[&str] = &[
    "api key not valid",
    "invalid api key",
    "invalid_api_key",
    "incorrect api key",
    "api_key_invalid",
];
/// What Groq says when the model wrote a call or JSON that is none.
const BAD_OUTPUT: &[&str] = &[
    "tool_use_failed",
    "json_validate_failed",
    "failed to call a function",
    "failed to generate json",
];
const BUSY: &[&str] = &[
    "overloaded",
    "capacity",
    "high traffic",
    "high demand",
    "queue_exceeded",
    "temporarily rate-limited upstream",
    "rate-limited upstream",
    "server is busy",
    "too busy",
];
const PER_DAY: &[&str] = &[
    "per-day",
    "per day",
    "(rpd)",
    "(tpd)",
    "daily",
    "neurons",
    "per week",
    "weekly",
    "per month",
    "monthly",
];
const PER_MINUTE: &[&str] = &[
    "per-min",
    "per minute",
    "(rpm)",
    "(tpm)",
    "per second",
    "per hour",
];
const NO_MONEY: &[&str] = &[
    "insufficient_quota",
    "insufficient credits",
    "insufficient balance",
    "payment_required",
    "payment required",
    "billing",
    "exceeded your monthly included credits",
];

/// Cloudflare's codes: the neurons of the day are used up; there is no room for the model now.
const CLOUDFLARE_QUOTA: u32 = 3036;
const CLOUDFLARE_CAPACITY: u32 = 3040;

/// What an answer means that is an error by its status, or by what stands in a body of 200 (whose
/// `error` field is then `body`). A body of more than [`MAX_ERROR_BYTES`] says nothing.
pub fn classify(status: u16, headers: &HeaderMap, body: &[u8], now: Timestamp) -> ProviderError {
    // A tree of JSON takes many times the memory of its text.
    let is_read = body.len() <= MAX_ERROR_BYTES;
    let found = is_read.then(|| ErrorObject::from_json(body)).flatten();
    let error = Said {
        status,
        http: headers,
        text: found.as_ref().map(ErrorObject::text).unwrap_or_default(),
        object: found.unwrap_or_default(),
        is_html: body.trim_ascii_start().first() == Some(&b'<'),
        now,
    };
    let (kind, guess) = error.kind();
    let told = error.retry_after();
    ProviderError {
        kind,
        message: error.message(kind),
        retry_after: match (told, guess) {
            (Some(wait), _) => Some(RetryAfter {
                wait,
                is_authoritative: true,
            }),
            (None, Some(wait)) => Some(RetryAfter {
                wait,
                is_authoritative: false,
            }),
            (None, None) => None,
        },
        param: None,
        http_status: Some(status),
    }
}

/// Everything that an error says.
struct Said<'a> {
    status: u16,
    http: &'a HeaderMap,
    /// All words, in lower case.
    text: String,
    object: ErrorObject,
    is_html: bool,
    now: Timestamp,
}

impl Said<'_> {
    fn says(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.text.contains(word))
    }

    /// A header, or what OpenRouter repeats of one in the body.
    fn header(&self, name: &str) -> Option<&str> {
        self.http
            .value(name)
            .or_else(|| self.object.headers.value(name))
    }

    /// The status; in an answer of 200 the one that the error names.
    fn meaning(&self) -> u16 {
        let named = self.object.number.and_then(|code| u16::try_from(code).ok());
        match named.filter(|code| (400..600).contains(code)) {
            Some(code) if self.status < 400 => code,
            _ => self.status,
        }
    }

    /// The kind, and how long it may last if nobody says.
    fn kind(&self) -> (FailureKind, Option<Duration>) {
        use FailureKind as Kind;
        match self.object.number {
            Some(CLOUDFLARE_QUOTA) => return self.quota_of_the_day(),
            Some(CLOUDFLARE_CAPACITY) => return (Kind::RateLimited, None),
            _ => {}
        }
        let kind = match self.meaning() {
            429 => return self.too_many(),
            401 => Kind::KeyRejected,
            402 => Kind::PaymentRequired,
            403 => self.forbidden(),
            404 | 405 | 410 if self.says(DATA_POLICY) => Kind::DataPolicy,
            404 | 405 | 410 => Kind::Unavailable,
            408 | 504 | 524 => Kind::Timeout,
            498 => Kind::Overloaded,
            503 | 529 if self.says(NO_MODEL) || self.says(&["no available", "loading"]) => {
                Kind::Unavailable
            }
            503 | 529 => Kind::Overloaded,
            // Groq's: the request alone is more than the account may ask for within a minute.
            413 if self.says(PER_MINUTE) => Kind::AccountRateLimited,
            400..500 => self.bad_request(),
            500.. if self.says(TOO_LONG) => Kind::ContextLengthExceeded,
            500.. => Kind::Internal,
            300..400 => Kind::InvalidResponse,
            // An error within an answer of 200 that names no status.
            _ => return self.kind_in_words(),
        };
        (kind, None)
    }

    fn bad_request(&self) -> FailureKind {
        if self.says(TOO_LONG) {
            FailureKind::ContextLengthExceeded
        } else if self.says(BAD_OUTPUT) {
            FailureKind::InvalidJson
        } else if self.object.is_moderation || self.says(REFUSED) {
            FailureKind::ContentRefused
        } else if self.says(BAD_KEY) {
            FailureKind::KeyRejected
        } else if self.says(DATA_POLICY) {
            FailureKind::DataPolicy
        } else if self.says(NO_MODEL) || self.says_model_is_missing() {
            FailureKind::Unavailable
        } else {
            FailureKind::InvalidRequest
        }
    }

    fn says_model_is_missing(&self) -> bool {
        self.text.contains("model") && self.says(&["does not exist", "not found"])
    }

    fn forbidden(&self) -> FailureKind {
        if self.object.is_moderation || self.says(REFUSED) {
            FailureKind::ContentRefused
        } else if self.says(DATA_POLICY) {
            FailureKind::DataPolicy
        } else if self.says(NO_MONEY) {
            FailureKind::PaymentRequired
        } else {
            FailureKind::KeyRejected
        }
    }

    /// 429: our account's limit, or the host's own trouble.
    fn too_many(&self) -> (FailureKind, Option<Duration>) {
        let by_openrouter = self.says(&["free-models-per-"])
            || self.header("x-ratelimit-limit").is_some()
            || self.header("x-ratelimit-remaining").is_some();
        if by_openrouter {
            let reset = self.header("x-ratelimit-reset");
            let reset = reset.and_then(|text| rate::reset(text, self.now));
            let is_of_the_day = match self.says(PER_DAY) || self.says(PER_MINUTE) {
                true => self.says(PER_DAY),
                false => reset.is_some_and(|wait| wait > LONGEST_MINUTE),
            };
            return match is_of_the_day {
                true => self.quota_of_the_day(),
                false => (FailureKind::AccountRateLimited, None),
            };
        }
        if self.object.provider.is_some() {
            return (FailureKind::RateLimited, None);
        }
        if self.says(NO_MONEY) {
            return (FailureKind::PaymentRequired, None);
        }
        if self.says(PER_DAY) || self.is_used_up("day") {
            return self.quota_of_the_day();
        }
        if self.says(PER_MINUTE) || self.is_used_up("minute") || self.is_used_up("") {
            return (FailureKind::AccountRateLimited, None);
        }
        // OpenRouter's metadata without its limit: it passes on what somebody else said.
        match self.says(BUSY) || self.object.has_metadata {
            true => (FailureKind::RateLimited, None),
            false => (FailureKind::AccountRateLimited, None),
        }
    }

    fn quota_of_the_day(&self) -> (FailureKind, Option<Duration>) {
        let guess = rate::until_midnight(self.now);
        (FailureKind::AccountQuotaExhausted, Some(guess))
    }

    /// Whether a header says that nothing is left of a span, or of one that it does not name.
    fn is_used_up(&self, span: &str) -> bool {
        ["requests", "tokens"]
            .iter()
            .any(|what| self.rest(what, span) == Some("0"))
    }

    fn rest(&self, what: &str, span: &str) -> Option<&str> {
        self.header(&rate_header("remaining", what, span))
    }

    /// An error without a status: what do its words mean?
    fn kind_in_words(&self) -> (FailureKind, Option<Duration>) {
        use FailureKind as Kind;
        if self.says(&["rate limit", "rate_limit", "too many requests"]) {
            return self.too_many();
        }
        let kind = if self.says(TOO_LONG) {
            Kind::ContextLengthExceeded
        } else if self.says(&["overloaded", "at capacity", "over capacity"]) {
            Kind::Overloaded
        } else if self.says(&["timeout", "timed out"]) {
            Kind::Timeout
        } else if self.says(NO_MONEY) {
            Kind::PaymentRequired
        } else if self.says(BAD_KEY) || self.says(&["authentication"]) {
            Kind::KeyRejected
        } else if self.object.is_moderation || self.says(REFUSED) {
            Kind::ContentRefused
        } else if self.says(NO_MODEL) || self.says(&["provider_unavailable"]) {
            Kind::Unavailable
        } else if self.says(BAD_OUTPUT) {
            Kind::InvalidJson
        } else {
            Kind::Internal
        };
        (kind, None)
    }

    /// When the host says to come back: for every kind of error, if it does.
    fn retry_after(&self) -> Option<Duration> {
        let told = rate::retry_after(self.http, self.now);
        let told = told.or_else(|| rate::retry_after(&self.object.headers[..], self.now));
        if told.is_some() || self.meaning() != 429 {
            return told;
        }
        let reset = |text: &str| rate::reset(text, self.now);
        let of_openrouter = || self.header("x-ratelimit-reset").and_then(reset);
        // Of what is used up, the one that takes longest.
        let of_headers = || {
            let spans = ["", "minute", "day"];
            spans
                .iter()
                .flat_map(|span| ["requests", "tokens"].map(|what| (what, *span)))
                .filter(|(what, span)| self.rest(what, span) == Some("0"))
                .filter_map(|(what, span)| self.header(&rate_header("reset", what, span)))
                .filter_map(reset)
                .max()
        };
        of_openrouter()
            .or_else(of_headers)
            .or_else(|| self.in_words())
    }

    /// Groq's "Please try again in 7.66s."
    fn in_words(&self) -> Option<Duration> {
        let (_, rest) = self.text.split_once("try again in ")?;
        let span = rest.split_whitespace().next()?;
        rate::duration(span.trim_end_matches(['.', ',']))
    }

    fn message(&self, kind: FailureKind) -> String {
        let advice = match kind {
            FailureKind::KeyRejected => "it does not take the key: check it and what it may do",
            FailureKind::PaymentRequired => "it wants money, or the credit is used up",
            FailureKind::AccountQuotaExhausted => "the account's quota is used up",
            FailureKind::AccountRateLimited => "the account asks too often",
            FailureKind::DataPolicy => "the account's privacy settings leave nobody to ask",
            FailureKind::RateLimited => "too many ask it for this model",
            FailureKind::Overloaded => "it has too much to do",
            FailureKind::Unavailable => "it does not run the model now",
            FailureKind::Timeout => "it took too long",
            FailureKind::InvalidResponse => "it points elsewhere: check base_url",
            FailureKind::ContextLengthExceeded => "the prompt is too long for it",
            FailureKind::ContentRefused => "its moderation refused the prompt",
            FailureKind::InvalidRequest => "it does not take the request",
            FailureKind::InvalidJson => "the model wrote a call or JSON that is none",
            _ => "it failed",
        };
        let status = self.status;
        // A host repeats parts of a bad key, and its page of an error says nothing to a program.
        if kind == FailureKind::KeyRejected || self.is_html {
            return format!("{advice} (HTTP {status})");
        }
        let raw = self.object.raw.as_deref();
        let words = raw.or(self.object.message.as_deref()).unwrap_or_default();
        let words: String = words.chars().filter(|c| !c.is_control()).collect();
        shortened(match words.trim() {
            "" => format!("{advice} (HTTP {status})"),
            words => format!("{advice} (HTTP {status}): {words}"),
        })
    }
}

fn rate_header(part: &str, what: &str, span: &str) -> String {
    match span {
        "" => format!("x-ratelimit-{part}-{what}"),
        span => format!("x-ratelimit-{part}-{what}-{span}"),
    }
}

#[cfg(test)]
mod tests;
