//! Sums over requests: how much was asked, day by day or key by key.

use crate::{KeyId, Timestamp};

/// Which requests to sum. Those that asked no model, such as for a list, do not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageQuery {
    /// From when on.
    pub since: Timestamp,
    /// Until before when.
    pub until: Timestamp,
    /// Only of this key.
    pub key_id: Option<KeyId>,
    /// Into what.
    pub by: UsageBy,
}

/// What requests are summed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageBy {
    /// Days of UTC; those without requests are left out.
    Day,
    /// Keys, by id; what came without one comes first.
    Key,
}

/// A sum over requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageSum {
    /// The beginning of the day; that of the span where it is summed by key.
    pub start: Timestamp,
    /// The key, where it is summed by key; `None`: those without one, or of any.
    pub key_id: Option<KeyId>,
    /// Requests.
    pub num_requests: u64,
    /// Those that ended neither with an answer nor because the client left.
    pub num_failed: u64,
    /// Tokens of their prompts.
    pub prompt_tokens: u64,
    /// Tokens of their answers, reasoning included.
    pub completion_tokens: u64,
}
