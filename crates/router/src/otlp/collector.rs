//! One try to hand spans to a collector, and what its answer means.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode, Uri};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::{OtlpConfig, OtlpConfigError};
use crate::config::{Bounds, ProviderConfig, Timeouts};
use crate::error::{FailureKind, shortened};
use crate::provider::upstream::client::{Client, Question};
use crate::provider::upstream::rate;
use crate::recorder::now;

/// What is read of an answer.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// The way to a collector.
pub(super) struct Collector {
    client: Client,
    /// Path and query of its URL.
    target: String,
    patience: Duration,
}

/// What became of a try.
#[derive(Debug, PartialEq)]
pub(super) enum Sent {
    /// The spans were taken, but for so many; `words` say why, or warn.
    Taken { num_rejected: u64, words: String },
    /// They were not taken, and may be if they are sent again: not before `wait` if that is told.
    Later {
        wait: Option<Duration>,
        words: String,
    },
    /// They will not be taken.
    Refused { words: String },
}

impl Collector {
    pub(super) fn new(config: &OtlpConfig) -> Result<Self, OtlpConfigError> {
        // The URL may have a key in it, so it is not repeated.
        let wrong = |words: &str| {
            OtlpConfigError(format!("{words}; give a URL such as http://127.0.0.1:4318"))
        };
        let uri: Uri = config
            .endpoint
            .parse()
            .map_err(|_| wrong("the endpoint is no URL"))?;
        let scheme = uri.scheme_str().unwrap_or_default();
        if scheme != "http" && scheme != "https" {
            return Err(wrong("the endpoint must begin with http:// or https://"));
        }
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        if authority.is_empty() || authority.contains('@') {
            return Err(wrong(
                "the endpoint must have a host, without a name of a user",
            ));
        }
        let mut row = ProviderConfig::new("the collector", format!("{scheme}://{authority}"));
        row.headers = config
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), value.reveal().to_owned()))
            .collect();
        row.timeouts = Timeouts {
            connect: config.timeout,
            ..Timeouts::default()
        };
        row.bounds = Bounds {
            max_idle_connections: 1,
            ..Bounds::default()
        };
        let path = uri.path_and_query().map_or("/", |target| target.as_str());
        Ok(Self {
            client: Client::new(&row).map_err(OtlpConfigError)?,
            target: path.to_owned(),
            patience: config.timeout,
        })
    }

    /// Sends the body of an export.
    pub(super) async fn send(&self, body: Bytes) -> Sent {
        let deadline = Instant::now() + self.patience;
        let question = Question {
            method: Method::POST,
            path: &self.target,
            body,
            accept: "application/json",
            trace: None,
        };
        let mut exchange = match self.client.ask(question, self.patience).await {
            Ok(exchange) => exchange,
            Err(error) => {
                let words = error.message;
                return match error.kind {
                    FailureKind::Network | FailureKind::Timeout => {
                        Sent::Later { wait: None, words }
                    }
                    _ => Sent::Refused { words },
                };
            }
        };
        // The status says most: a body that does not come is done without.
        let answer = timeout_at(deadline, exchange.collect(MAX_ANSWER_BYTES)).await;
        let answer = answer.ok().and_then(Result::ok).unwrap_or_default();
        let wait = rate::retry_after(&exchange.headers, now());
        read(exchange.status, wait, &answer)
    }
}

/// What a collector says where it did not take everything.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Answer {
    partial_success: PartialSuccess,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PartialSuccess {
    /// In quotes, as all 64-bit numbers; not all collectors keep to that.
    rejected_spans: Value,
    error_message: String,
}

/// What an answer means.
fn read(status: StatusCode, wait: Option<Duration>, body: &[u8]) -> Sent {
    if status.is_success() {
        // What cannot be read has nothing against the spans.
        let Answer { partial_success } = serde_json::from_slice(body).unwrap_or_default();
        let rejected = &partial_success.rejected_spans;
        let text = rejected.as_str().and_then(|text| text.parse().ok());
        return Sent::Taken {
            num_rejected: text.or_else(|| rejected.as_u64()).unwrap_or(0),
            words: shortened(partial_success.error_message),
        };
    }
    let words = format!("the collector answered with status {status}");
    match status.as_u16() {
        429 | 502 | 503 | 504 => Sent::Later { wait, words },
        _ => Sent::Refused { words },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn meaning(status: u16, body: &str) -> Sent {
        let wait = Some(Duration::from_secs(7));
        read(StatusCode::from_u16(status).unwrap(), wait, body.as_bytes())
    }

    #[test]
    fn the_status_says_whether_to_try_again() {
        for status in [429, 502, 503, 504] {
            let told = meaning(status, "");
            let Sent::Later { wait, words } = told else {
                panic!("{status}: {told:?}");
            };
            assert_eq!(wait, Some(Duration::from_secs(7)));
            assert!(words.contains(&status.to_string()), "{words}");
        }
        for status in [301, 304, 400, 401, 403, 404, 413, 500, 501, 529] {
            let told = meaning(status, "{\"partialSuccess\":{\"rejectedSpans\":1}}");
            assert!(matches!(told, Sent::Refused { .. }), "{status}: {told:?}");
        }
    }

    #[test]
    fn what_was_not_taken_of_an_export_is_read_in_every_form() {
        let taken = |num_rejected, words: &str| Sent::Taken {
            num_rejected,
            words: words.to_owned(),
        };
        for (body, expected) in [
            ("", taken(0, "")),
            ("{}", taken(0, "")),
            ("{\"partialSuccess\":{}}", taken(0, "")),
            (
                "{\"partialSuccess\":{\"rejectedSpans\":\"3\",\"errorMessage\":\"no\"}}",
                taken(3, "no"),
            ),
            ("{\"partialSuccess\":{\"rejectedSpans\":4}}", taken(4, "")),
            (
                "{\"partialSuccess\":{\"rejectedSpans\":-4,\"errorMessage\":\"w\"}}",
                taken(0, "w"),
            ),
            ("<html>", taken(0, "")),
            ("{\"partialSuccess\":[]}", taken(0, "")),
            ("\u{0}\u{1}", taken(0, "")),
        ] {
            assert_eq!(meaning(200, body), expected, "{body}");
        }
        let long = "x".repeat(100_000);
        let body = format!("{{\"partialSuccess\":{{\"errorMessage\":\"{long}\"}}}}");
        let Sent::Taken { words, .. } = meaning(202, &body) else {
            panic!("not taken");
        };
        assert!(words.len() < 1000);
    }

    #[test]
    fn a_wrong_endpoint_is_told_without_what_is_secret() {
        for endpoint in [
            "",
            "nowhere",
            "127.0.0.1:4318",
            "ftp://host/v1/traces",
            "http://",
            "http:///v1/traces",
            "http://user:hunter2@host/v1/traces",
            "http://ho st/",
        ] {
            let error = Collector::new(&OtlpConfig::new(endpoint)).err();
            let words = error.expect(endpoint).to_string();
            assert!(words.contains("give a URL such as"), "{words}");
            assert!(!words.contains("hunter2"), "{words}");
        }
        let mut config = OtlpConfig::new("http://127.0.0.1:4318/v1/traces?a=b");
        assert_eq!(Collector::new(&config).unwrap().target, "/v1/traces?a=b");
        config.endpoint = "https://collector.example".to_owned();
        assert_eq!(Collector::new(&config).unwrap().target, "/");
        for (name, value) in [("a b", "hunter2"), ("a", "hunter2\n")] {
            config.headers = vec![(name.to_owned(), Secret::new(value))];
            let error = Collector::new(&config).err().unwrap().to_string();
            assert!(!error.contains("hunter2"), "{error}");
            assert!(!format!("{config:?}").contains("hunter2"));
        }
    }
}
