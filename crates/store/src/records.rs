//! The rows of keys and requests, as the rest of the program sees them.

use crate::StoreError;
use crate::api_key::{KeyHash, random_base62};

/// A moment: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// The public name of a key, `key_` and 12 letters or digits. Not a secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyId(pub String);

impl KeyId {
    /// A new id.
    ///
    /// # Errors
    /// [`StoreError::NoRandomness`].
    pub fn random() -> Result<Self, StoreError> {
        Ok(Self(format!("key_{}", random_base62::<12>()?)))
    }
}

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// Its public name.
    pub id: KeyId,
    /// What it is for, in its owner's words.
    pub name: String,
    /// The first characters of the secret, by which its owner recognises it.
    pub prefix: String,
    /// What a presented key is compared with.
    pub hash: KeyHash,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused; `None`: never.
    pub expires_at: Option<Timestamp>,
    /// What it may do and how it is served.
    pub settings: KeySettings,
}

/// What a key may do, and how its requests are served. Changed as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySettings {
    /// Whether it may manage keys and see everybody's requests.
    pub is_admin: bool,
    /// Whether what its requests say is kept with them.
    pub keeps_content: bool,
    /// How much it may ask for.
    pub quota: KeyQuota,
    /// How its requests are routed: a JSON object whose meaning is the router's matter.
    pub preferences: Option<String>,
}

/// How much a key may ask for; `None`: without limit. Days are days of UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyQuota {
    /// Requests that may begin within a minute.
    pub requests_per_minute: Option<u32>,
    /// Requests that may begin within a day.
    pub requests_per_day: Option<u32>,
    /// Tokens of prompts and answers within a minute.
    pub tokens_per_minute: Option<u32>,
    /// Tokens of prompts and answers within a day.
    pub tokens_per_day: Option<u32>,
}

/// A key as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// Its public name.
    pub id: KeyId,
    /// What it is for, in its owner's words.
    pub name: String,
    /// The first characters of the secret, by which its owner recognises it.
    pub prefix: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused; `None`: never.
    pub expires_at: Option<Timestamp>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
    /// When it last opened the door, to about a minute.
    pub last_used_at: Option<Timestamp>,
    /// What it may do and how it is served.
    pub settings: KeySettings,
}

impl KeyRecord {
    /// Whether the key opens the door at `now`.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// What happened to one request. Never its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRecord {
    /// The id in the response header `x-request-id`.
    pub id: String,
    /// Whose key it came with; `None` where none is asked for.
    pub key_id: Option<KeyId>,
    /// When it arrived.
    pub started_at: Timestamp,
    /// `chat` or `text_completion`, as in the OpenTelemetry conventions.
    pub operation: String,
    /// The model that was asked for.
    pub requested_model: String,
    /// Who answered or failed last, `provider/model`; `None` if the request reached nobody.
    pub deployment: Option<String>,
    /// How it ended: `ok`, `canceled`, or the kind of failure.
    pub outcome: String,
    /// Whether the answer was streamed.
    pub is_stream: bool,
    /// From arrival to the first token, in milliseconds.
    pub first_token_ms: Option<u32>,
    /// From arrival to the end, in milliseconds.
    pub duration_ms: u32,
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens of the output, reasoning included.
    pub completion_tokens: u32,
    /// Tokens of the output that were reasoning.
    pub reasoning_tokens: u32,
    /// What was asked, as JSON; `None` unless its key keeps content. Kept in a table of its own.
    pub content: Option<String>,
}

impl RequestRecord {
    /// Where a page ends that has this request as its last.
    pub fn cursor(&self) -> RequestCursor {
        RequestCursor {
            started_at: self.started_at,
            id: self.id.clone(),
        }
    }
}

/// Which requests to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestQuery {
    /// Only of this key.
    pub key_id: Option<KeyId>,
    /// Only those that come after this place: the last one of a page gives the next page.
    pub after: Option<RequestCursor>,
    /// Only those that ended so.
    pub outcome: Option<RequestOutcome>,
    /// At most so many, and never more than [`MAX_ROWS`](crate::MAX_ROWS).
    pub limit: usize,
}

/// How requests ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestOutcome {
    /// With an answer.
    Ok,
    /// Without one, though the client waited: neither `ok` nor `canceled`.
    Failed,
    /// With this word.
    Is(String),
}

/// A place in the list of requests. The id is part of it because several may begin in the same
/// millisecond.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestCursor {
    /// When the request before this place began.
    pub started_at: Timestamp,
    /// Its id.
    pub id: String,
}
