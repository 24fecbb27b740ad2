//! The rows of attempts and feedback, and the sums over them.

use crate::{DeploymentKey, Hour, KeyId, Timestamp};

/// One attempt of one request at one deployment. Never its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRecord {
    /// The request, as in [`RequestRecord::id`](crate::RequestRecord::id).
    pub request_id: String,
    /// Which attempt of the request, from 0. Together with the request it is the attempt's name.
    pub number: u16,
    /// The id of the model.
    pub model: String,
    /// Who was asked.
    pub deployment: DeploymentKey,
    /// When.
    pub started_at: Timestamp,
    /// How it ended: `ok`, or the kind of failure.
    pub outcome: String,
    /// Whose fault it was: `host`, `account`, `caller`, `network`, `server`; empty if it is `ok`.
    pub fault_domain: String,
    /// The status of the answer, if there was one.
    pub http_status: Option<u16>,
    /// From the start to the first token, in milliseconds.
    pub first_token_ms: Option<u32>,
    /// From the start to the end, in milliseconds.
    pub duration_ms: u32,
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens of the output, reasoning included.
    pub completion_tokens: u32,
    /// Tokens of the output that were reasoning.
    pub reasoning_tokens: u32,
    /// Whether it was tried to learn about the deployment, out of the order of merit.
    pub is_exploration: bool,
}

/// How many attempts ended in one way, and what they took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttemptSum {
    /// How many.
    pub count: u64,
    /// Those of them that got a first token, and the sum of their times to it.
    pub num_first_tokens: u64,
    /// In milliseconds.
    pub first_token_ms: u64,
    /// The sum of their durations, in milliseconds.
    pub duration_ms: u64,
    /// The sum of their output tokens.
    pub completion_tokens: u64,
}

/// Sums over the attempts of a deployment that ended in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeSum {
    /// The id of the model.
    pub model: String,
    /// The deployment.
    pub deployment: DeploymentKey,
    /// The beginning of the minute, hour or day that this is the sum of. Of the whole span where it
    /// begins, [`Timestamp::default`] if that is ever.
    pub start: Timestamp,
    /// How they ended.
    pub outcome: String,
    /// Whose fault it was.
    pub fault_domain: String,
    /// The sums.
    pub sum: AttemptSum,
}

/// How fine sums are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resolution {
    /// One sum for the whole span.
    Whole,
    /// A sum for each minute of UTC; for spans of up to six hours.
    Minute,
    /// A sum for each hour of UTC.
    Hour,
    /// A sum for each day of UTC.
    Day,
}

/// Which attempts to sum.
///
/// Single attempts are kept for a while, sums of hours longer, sums of days for ever. A span that
/// begins within an hour is summed exactly as long as its attempts are there, else from the hour on
/// that it begins in, and if the sums of hours are gone, too, from the day on. It ends likewise.
/// What is no longer there as finely as it is asked for, is left out: minutes without attempts, and
/// hours of which only the day is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SumQuery {
    /// From when on; `None`: since ever.
    pub since: Option<Timestamp>,
    /// Until before when; `None`: until now.
    pub until: Option<Timestamp>,
    /// Only of this model.
    pub model: Option<String>,
    /// How fine.
    pub resolution: Resolution,
}

/// What a user said of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedbackRecord {
    /// Its name, `fb_` and letters or digits.
    pub id: String,
    /// Whose key it came with; `None` where none is asked for.
    pub key_id: Option<KeyId>,
    /// The id of the model.
    pub model: String,
    /// The request it is about.
    pub request_id: Option<String>,
    /// Whether the model answered.
    pub is_success: bool,
    /// What went wrong: `rate_limited`, `unavailable`, `error`; `None` if nothing did.
    pub issue: Option<String>,
    /// In the user's words.
    pub details: Option<String>,
    /// When.
    pub created_at: Timestamp,
}

/// How often users said something of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedbackSum {
    /// The id of the model.
    pub model: String,
    /// The hour, if asked for by the hour; else the first one of the span, and 0 if that is ever.
    pub hour: Hour,
    /// What went wrong; `None`: it answered.
    pub issue: Option<String>,
    /// How often.
    pub count: u64,
    /// From how many keys; what came without a key is not among them.
    pub num_reporters: u64,
}

/// Which feedback to sum or list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedbackQuery {
    /// From when on; `None`: since ever.
    pub since: Option<Timestamp>,
    /// Only of this model.
    pub model: Option<String>,
    /// Only from this key.
    pub key_id: Option<KeyId>,
}

/// Something that is counted against a limit, such as the requests of a key within a day.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Counter {
    /// What is counted, such as `key:key_1:requests:day`.
    pub name: String,
    /// The beginning of the span that it counts over.
    pub start: Timestamp,
}

/// An amount to add to a counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Take {
    /// Of which.
    pub counter: Counter,
    /// How much.
    pub amount: u64,
    /// How much it may be afterwards; `None`: whatever comes.
    pub limit: Option<u64>,
}

/// What became of a number of [`Take`]s, which are done all or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// All were done; what each counter is now, in the order asked.
    Done(Vec<u64>),
    /// None was done: this one, by its place in the list, would have passed its limit.
    Refused {
        /// Its place in the list.
        index: usize,
        /// What the counter is.
        used: u64,
    },
}
