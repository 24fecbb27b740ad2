//! Every code that an error may have, for those who describe the API. Statuses and codes are read off
//! the errors themselves; only the words about them are written here.

use std::sync::Arc;

use router::flr::{BadDays, failures};
use router::{FailureKind, InvalidRequest, ProviderError, RouterError};
use store::StoreError;

use super::ApiError;
use crate::auth::Refusal;
use crate::body::SMALL_BODY_BYTES;

/// What an error comes of. An operation names those that concern it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// A server that asks for no key answers this machine alone.
    Host,
    /// A key is needed.
    Key,
    /// An administrator's key is needed.
    Admin,
    /// A body is read.
    Body,
    /// What was sent is checked.
    Request,
    /// A model is named.
    Model,
    /// A model is asked.
    Answer,
    /// It counts against the key's quota.
    Quota,
    /// Something is looked for by its name.
    Name,
    /// There is only so much room.
    Room,
    /// The store is read or written.
    Store,
    /// The store is read or written by a path of Free LLM Router's API.
    ListStore,
    /// A number of days is read.
    Days,
    /// Anything at all.
    Path,
}

/// One code with one status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Code {
    /// The status.
    pub(crate) status: u16,
    /// The code; `None`: such errors have none.
    pub(crate) code: Option<String>,
    /// What it comes of.
    pub(crate) scopes: Vec<Scope>,
    /// When it comes.
    pub(crate) when: String,
    /// What to do.
    pub(crate) advice: String,
    /// The words for it in `x-freeway-attempts`, `metadata` and the history of requests.
    pub(crate) outcomes: Vec<&'static str>,
}

/// Every one, by status.
pub(crate) fn codes() -> Vec<Code> {
    let mut codes: Vec<Code> = Vec::new();
    let mut add = |code: Code| {
        let is_same = |one: &&mut Code| (one.status, &one.code) == (code.status, &code.code);
        let Some(known) = codes.iter_mut().find(is_same) else {
            codes.push(code);
            return;
        };
        for scope in code.scopes {
            if !known.scopes.contains(&scope) {
                known.scopes.push(scope);
            }
        }
        known.outcomes.extend(code.outcomes);
        for (all, one) in [
            (&mut known.when, code.when),
            (&mut known.advice, code.advice),
        ] {
            if !all.contains(&one) {
                all.push(' ');
                all.push_str(&one);
            }
        }
    };
    for (error, scope, when, advice) in own() {
        let body = error.body();
        add(Code {
            status: error.status().as_u16(),
            code: body["error"]["code"].as_str().map(str::to_owned),
            scopes: vec![scope],
            when: when.to_owned(),
            advice: advice.to_owned(),
            outcomes: Vec::new(),
        });
    }
    for &kind in FailureKind::ALL {
        if let Some((scope, when, advice)) = told(kind) {
            let error = ApiError::Router(ProviderError::new(kind, "").into());
            add(Code {
                status: error.status().as_u16(),
                code: error.body()["error"]["code"].as_str().map(str::to_owned),
                scopes: vec![scope],
                when: when.to_owned(),
                advice: advice.to_owned(),
                outcomes: vec![kind.as_str()],
            });
        }
    }
    for (status, code, when, advice) in [
        (
            400,
            BadDays::CODE,
            "`days` is no number.",
            "Send a whole number of days, or leave `days` out.",
        ),
        (500, "INTERNAL_ERROR", STORE_IS_OUT, TRY_AGAIN),
    ] {
        add(Code {
            status,
            code: Some(code.to_owned()),
            scopes: vec![Scope::Days],
            when: when.to_owned(),
            advice: advice.to_owned(),
            outcomes: Vec::new(),
        });
    }
    codes.sort_by_key(|code| code.status);
    codes
}

const STORE_IS_OUT: &str = "The server's database does not answer.";
const TRY_AGAIN: &str = "Try again a little later.";

/// The errors that do not come of an attempt, with when they come and what to do.
fn own() -> Vec<(ApiError, Scope, &'static str, &'static str)> {
    let invalid = |code| InvalidRequest::default().with_code(code).into();
    vec![
        (
            invalid("invalid_json"),
            Scope::Body,
            "The body is not valid JSON.",
            "Look for the place that `message` names: a comma too many, a quote too few, a body \
             that was cut off.",
        ),
        (
            invalid("unsupported_value"),
            Scope::Answer,
            "The request asks for something that exists elsewhere, but that nobody here does.",
            "`param` names the field; leave it out or choose another value.",
        ),
        (
            ApiError::BodyBroken(String::new()),
            Scope::Body,
            "The connection broke within the body.",
            "Send it again.",
        ),
        (
            ApiError::Unauthorized(Refusal::Missing),
            Scope::Key,
            "There is no key, or it is unknown, expired or revoked.",
            "Send `Authorization: Bearer KEY` or `X-API-Key: KEY`. Whoever runs this server makes \
             keys with `freeway keys create`.",
        ),
        (
            ApiError::Forbidden(String::new()),
            Scope::Host,
            "A server that asks for no key answers names and pages of its own machine alone, and \
             the `Host` or `Origin` is another.",
            "Use `127.0.0.1` or `localhost`. For others, set `require_key` or `allowed_origins`.",
        ),
        (
            ApiError::NotAdmin,
            Scope::Admin,
            "The key is good, but not an administrator's.",
            "Use one made with `freeway keys create --admin`.",
        ),
        (
            ApiError::NotFound(String::new()),
            Scope::Name,
            "There is nothing with this id.",
            "List what there is, and check the id.",
        ),
        (
            RouterError::NotOffered {
                model: String::new(),
                was_offered: true,
                listed_by: Vec::new(),
            }
            .into(),
            Scope::Answer,
            "The model is known, but nobody offers it now.",
            "Choose another from `GET /v1/models`, or name several in `models`.",
        ),
        (
            ApiError::NoSuchPath {
                method: String::new(),
                path: String::new(),
            },
            Scope::Path,
            "There is nothing at this path.",
            "Check the URL: paths begin with `/v1` or `/api`.",
        ),
        (
            ApiError::MethodNotAllowed {
                method: String::new(),
                allowed: "",
            },
            Scope::Path,
            "The path takes other methods.",
            "`Allow` says which.",
        ),
        (
            ApiError::BodyTimeout,
            Scope::Body,
            "The body did not arrive in time.",
            "Send it again, in one go.",
        ),
        (
            StoreError::TooMany {
                what: "",
                max: 0,
                advice: "",
            }
            .into(),
            Scope::Room,
            "There are as many keys as there may be.",
            "Revoke some that nobody uses.",
        ),
        (
            ApiError::BodyTooLarge {
                limit: SMALL_BODY_BYTES,
            },
            Scope::Body,
            "The body is larger than allowed.",
            "Send less. Whoever runs this server may raise `max_body_mib`.",
        ),
        (
            ApiError::ShuttingDown,
            Scope::Answer,
            "The server is about to end.",
            TRY_AGAIN,
        ),
        (
            StoreError::Closed.into(),
            Scope::Store,
            STORE_IS_OUT,
            TRY_AGAIN,
        ),
        (
            StoreError::Closed.into(),
            Scope::Key,
            STORE_IS_OUT,
            TRY_AGAIN,
        ),
        (
            ApiError::Failed {
                known_words: failures::IDS,
                source: Arc::new(StoreError::Closed),
            },
            Scope::ListStore,
            STORE_IS_OUT,
            TRY_AGAIN,
        ),
    ]
}

/// When a request ends in a failure of this kind, and what to do. `None`: no client sees it, or
/// nobody has said yet.
fn told(kind: FailureKind) -> Option<(Scope, &'static str, &'static str)> {
    let (scope, when, advice) = match kind {
        FailureKind::InvalidRequest => (
            Scope::Request,
            "Something in the request is wrong.",
            "`param` names the field and `message` says what it may be. The same request will not \
             work a second time.",
        ),
        FailureKind::ContextLengthExceeded => (
            Scope::Answer,
            "The prompt is longer than the context of the model.",
            "Shorten the conversation, or choose a model with a longer context.",
        ),
        FailureKind::ModelNotFound => (
            Scope::Model,
            "Nobody knows a model of this name.",
            "`message` suggests near names; `GET /v1/models` lists all.",
        ),
        FailureKind::ModelNotAllowed => (
            Scope::Answer,
            "Your key may not use the model, or its preferences leave it out.",
            "`GET /v1/models` lists what your key may use. This does not count against your quota.",
        ),
        FailureKind::ContentRefused => (
            Scope::Answer,
            "The moderation of a host refused the prompt, or took the answer away.",
            "Rephrase it, or choose a model without moderation.",
        ),
        FailureKind::CallerQuotaExceeded => (
            Scope::Quota,
            "Your key has used up its quota.",
            "Wait until the moment in `X-RateLimit-Reset`, or `Retry-After` seconds.",
        ),
        FailureKind::AccountRateLimited => (
            Scope::Answer,
            "This server's account at a host may not ask so often.",
            "Wait `Retry-After` seconds, or name more models in `models`.",
        ),
        FailureKind::AccountQuotaExhausted => (
            Scope::Answer,
            "This server's account at a host has used up its day.",
            "Name other models in `models`, or try again tomorrow.",
        ),
        FailureKind::PaymentRequired => (
            Scope::Answer,
            "The host wants money.",
            "Choose another model; whoever runs this server has to look at the account.",
        ),
        FailureKind::KeyRejected => (
            Scope::Answer,
            "The host does not take this server's key.",
            "Choose another model; whoever runs this server has to set a new key.",
        ),
        FailureKind::DataPolicy => (
            Scope::Answer,
            "The privacy settings of this server's account leave no host to ask.",
            "Choose another model; whoever runs this server has to change those settings.",
        ),
        FailureKind::RateLimited => (
            Scope::Answer,
            "Everybody who could answer has a limit that is reached.",
            "Wait `Retry-After` seconds, or name more models in `models`.",
        ),
        FailureKind::Overloaded => (
            Scope::Answer,
            "As many requests as allowed run and wait already.",
            "Wait `Retry-After` seconds, and send fewer at once.",
        ),
        FailureKind::Unavailable => (
            Scope::Answer,
            "Nobody runs the model now, or those who do failed in several ways.",
            "Try again, name more models in `models`, or use `auto`.",
        ),
        FailureKind::Internal => (
            Scope::Answer,
            "The engine here, or the host, failed.",
            "Try again; if it stays so, choose another model.",
        ),
        FailureKind::Timeout => (
            Scope::Answer,
            "The host took too long.",
            "Try again, or choose a faster model.",
        ),
        FailureKind::InvalidResponse => (
            Scope::Answer,
            "The host answered something that is no answer.",
            "Try again, or choose another model.",
        ),
        FailureKind::BrokenStream => (
            Scope::Answer,
            "The host broke off in the middle of its answer.",
            "Try again, or choose another model.",
        ),
        FailureKind::EmptyAnswer => (
            Scope::Answer,
            "The model said nothing.",
            "Try again, or put the question in other words.",
        ),
        FailureKind::TruncatedReasoning => (
            Scope::Answer,
            "The model thought until all its tokens were used up.",
            "Raise `max_completion_tokens`, or lower `reasoning_effort`.",
        ),
        FailureKind::LeakedTokens => (
            Scope::Answer,
            "Control tokens of the model are in its words.",
            "Try again, or choose another model.",
        ),
        FailureKind::ToolCallInText => (
            Scope::Answer,
            "The model wrote a call of a function into its words.",
            "Try again, or choose a model that is better with tools.",
        ),
        FailureKind::InvalidJson => (
            Scope::Answer,
            "JSON was asked for and something else came, or the arguments of a call are none.",
            "Try again, make the schema simpler, or choose another model.",
        ),
        FailureKind::Network => (
            Scope::Answer,
            "There is no connection to the host, or it broke before an answer began.",
            "Try again a little later.",
        ),
        FailureKind::OutOfTime => (
            Scope::Answer,
            "The time of the request was over before somebody answered.",
            "Try again, or name faster models first.",
        ),
        FailureKind::ServerFault => (
            Scope::Answer,
            "This server cannot answer at present.",
            TRY_AGAIN,
        ),
        FailureKind::ShutDown => (Scope::Answer, "The server is about to end.", TRY_AGAIN),
        // The client left: nobody is there to be told.
        FailureKind::Canceled => return None,
        _ => return None,
    };
    Some((scope, when, advice))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_that_a_client_sees_is_told_with_what_to_do() {
        let codes = codes();
        for &kind in FailureKind::ALL {
            let is_told = codes
                .iter()
                .any(|code| code.outcomes.contains(&kind.as_str()));
            assert_eq!(is_told, kind != FailureKind::Canceled, "{kind:?}");
        }
        assert!(
            codes
                .iter()
                .all(|code| !code.when.is_empty() && !code.advice.is_empty())
        );
    }

    #[test]
    fn a_code_with_a_status_stands_there_once() {
        let codes = codes();
        for (number, code) in codes.iter().enumerate() {
            let is_same = |one: &&Code| (one.status, &one.code) == (code.status, &code.code);
            assert_eq!(codes.iter().position(|one| is_same(&one)), Some(number));
        }
        let limited = codes
            .iter()
            .find(|code| code.code.as_deref() == Some("rate_limit_exceeded"))
            .unwrap();
        assert_eq!(limited.status, 429);
        assert_eq!(
            limited.outcomes,
            [
                "account_rate_limited",
                "account_quota_exhausted",
                "rate_limited"
            ]
        );
    }
}
