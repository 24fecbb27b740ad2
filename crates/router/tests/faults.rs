//! What becomes of everything that a host can do: against a real server on loopback that does it.
#![expect(clippy::unwrap_used, reason = "a test may fail wherever it likes")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use mock::{Behaviour, Mock, Pace};
use router::config::{ProviderConfig, Timeouts};
use router::openai::ChatRequest;
use router::provider::upstream::UpstreamProvider;
use router::provider::{AnswerEvent, AnswerStream, Delta, Progress, Provider};
use router::{FailureKind, ProviderError, RouterError};
use serde_json::{Value, json};

/// Long enough never to be waited for.
const LONG: Duration = Duration::from_secs(60);
/// Short enough to be waited for.
const SHORT: Duration = Duration::from_millis(120);

const PATIENT: Timeouts = Timeouts {
    connect: LONG,
    first_byte: LONG,
    first_content: LONG,
    idle: LONG,
    stream: LONG,
    whole: LONG,
    list: LONG,
};

fn provider(mock: &Mock, timeouts: Timeouts) -> UpstreamProvider {
    let mut config = ProviderConfig::new("host", mock.base_url());
    config.timeouts = timeouts;
    UpstreamProvider::new(config).unwrap()
}

fn request(fields: &Value) -> Arc<ChatRequest> {
    let mut body = json!({
        "model": "any",
        "messages": [{"role": "user", "content": "Hello?"}],
    });
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    let body = Bytes::from(body.to_string());
    Arc::new(ChatRequest::from_json(body).unwrap())
}

/// What a client would see of an answer, and what would be recorded.
#[derive(Debug, Default)]
struct Seen {
    relayed: String,
    whole: Option<String>,
    content: String,
    reasoning: String,
    calls: Vec<(String, String)>,
    is_usage_at_end: bool,
    fault: Option<FailureKind>,
    error: Option<ProviderError>,
    progress: Progress,
}

async fn read(mut stream: AnswerStream) -> Seen {
    let mut seen = Seen::default();
    let mut is_over = false;
    while let Some(item) = stream.next().await {
        assert!(!is_over, "something came after the last item");
        match item {
            Err(error) => {
                seen.error = Some(error);
                is_over = true;
            }
            Ok(AnswerEvent::Ended { usage, fault }) => {
                seen.is_usage_at_end = usage.is_some();
                seen.fault = fault;
                is_over = true;
            }
            Ok(AnswerEvent::Relayed(bytes)) => {
                seen.relayed.push_str(std::str::from_utf8(&bytes).unwrap());
            }
            Ok(AnswerEvent::Whole(bytes)) => {
                seen.whole = Some(String::from_utf8(bytes.into()).unwrap());
            }
            Ok(AnswerEvent::Finished { .. }) => {}
            Ok(AnswerEvent::Delta { delta, .. }) => match delta {
                Delta::Content(text) => seen.content.push_str(&text),
                Delta::Reasoning(text) => seen.reasoning.push_str(&text),
                Delta::CallStarted { name, .. } => seen.calls.push((name, String::new())),
                Delta::CallArguments { index, text } => {
                    seen.calls[index as usize].1.push_str(&text);
                }
            },
        }
    }
    assert!(is_over, "the stream ended without a last item");
    seen.progress = stream.progress();
    seen
}

fn as_provider_error(error: RouterError) -> ProviderError {
    match error {
        RouterError::Provider(error) => error,
        other => panic!("{other}"),
    }
}

/// What a row of the table expects.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Expect {
    /// An answer.
    Good,
    /// An answer, made of parts of our own.
    Mended,
    /// `chat` fails: somebody else may be asked.
    Refused(FailureKind),
    /// The stream fails after its first words.
    Breaks(FailureKind),
    /// The stream was passed on, and is recorded as this.
    Recorded(FailureKind),
}

/// What becomes of a stream that comes event by event, of one that comes at once, and of an answer in
/// one piece.
type Row = (Behaviour, [Expect; 3]);

const TABLE: &[Row] = {
    use Behaviour as B;
    use Expect::{Breaks, Good, Mended, Recorded, Refused};
    use FailureKind as K;
    const fn refused(kind: FailureKind) -> [Expect; 3] {
        [Refused(kind); 3]
    }
    &[
        (B::Good, [Good; 3]),
        (B::Comments, [Good; 3]),
        (B::OddLines, [Good; 3]),
        (B::Reasons, [Good; 3]),
        (B::GroqUsage, [Good; 3]),
        (B::NoDone, [Good; 3]),
        (B::AccountMinute, refused(K::AccountRateLimited)),
        (B::AccountDay, refused(K::AccountQuotaExhausted)),
        (B::UpstreamBusy, refused(K::RateLimited)),
        (B::GroqMinute, refused(K::AccountRateLimited)),
        (B::GroqDay, refused(K::AccountQuotaExhausted)),
        (B::CloudflareDay, refused(K::AccountQuotaExhausted)),
        (B::CloudflareBusy, refused(K::RateLimited)),
        (B::WantsMoney, refused(K::PaymentRequired)),
        (B::BadKey, refused(K::KeyRejected)),
        (B::Moderated, refused(K::ContentRefused)),
        (B::NoEndpoints, refused(K::Unavailable)),
        (B::DataPolicy, refused(K::DataPolicy)),
        (B::BadRequest, refused(K::InvalidRequest)),
        (B::TooLong, refused(K::ContextLengthExceeded)),
        (B::Internal, refused(K::Internal)),
        (B::BadGateway, refused(K::Internal)),
        (B::Unavailable, refused(K::Overloaded)),
        (B::Overloaded, refused(K::Overloaded)),
        (B::ErrorIn200, refused(K::Internal)),
        (B::ErrorIn200Text, refused(K::RateLimited)),
        (B::HangBeforeHead, refused(K::Timeout)),
        (B::HangAfterHead, refused(K::Timeout)),
        (
            B::OnlyComments,
            [
                Refused(K::Timeout),
                Refused(K::Timeout),
                Refused(K::InvalidResponse),
            ],
        ),
        (
            B::HangInStream,
            [Breaks(K::Timeout), Breaks(K::Timeout), Refused(K::Timeout)],
        ),
        (B::SlowHead, refused(K::Timeout)),
        (B::SlowBody, refused(K::Timeout)),
        (B::ResetBeforeHead, refused(K::Network)),
        (B::CloseBeforeHead, refused(K::Network)),
        (
            B::ResetInStream,
            [
                Breaks(K::BrokenStream),
                Refused(K::BrokenStream),
                Refused(K::BrokenStream),
            ],
        ),
        (B::HalfEvent, refused(K::BrokenStream)),
        (
            B::HalfEventLater,
            [
                Breaks(K::BrokenStream),
                Refused(K::BrokenStream),
                Refused(K::BrokenStream),
            ],
        ),
        (
            B::NoFinish,
            [
                Breaks(K::BrokenStream),
                Refused(K::BrokenStream),
                Refused(K::BrokenStream),
            ],
        ),
        (
            B::ErrorInStream,
            [
                Breaks(K::Internal),
                Refused(K::Internal),
                Refused(K::Internal),
            ],
        ),
        (B::NotHttp, refused(K::InvalidResponse)),
        (B::EndlessHead, refused(K::InvalidResponse)),
        (B::Huge, refused(K::InvalidResponse)),
        (B::InvalidUtf8, refused(K::InvalidResponse)),
        (B::Html, refused(K::InvalidResponse)),
        (B::Gzip, refused(K::InvalidResponse)),
        (B::CutJson, refused(K::BrokenStream)),
        (B::OtherJson, refused(K::InvalidResponse)),
        (B::Redirect, refused(K::InvalidResponse)),
        (B::EmptyBody, refused(K::EmptyAnswer)),
        (B::EmptyAnswer, refused(K::EmptyAnswer)),
        (
            B::OnlyReasons,
            [
                Recorded(K::TruncatedReasoning),
                Refused(K::TruncatedReasoning),
                Refused(K::TruncatedReasoning),
            ],
        ),
        (B::LeaksHarmony, [Mended; 3]),
        (
            B::LeaksLater,
            [
                Recorded(K::LeakedTokens),
                Refused(K::LeakedTokens),
                Refused(K::LeakedTokens),
            ],
        ),
        (
            B::LeaksBareHarmony,
            [
                Recorded(K::LeakedTokens),
                Refused(K::LeakedTokens),
                Refused(K::LeakedTokens),
            ],
        ),
    ]
};

/// Waits no longer than a row needs, and long for everything else.
fn timeouts(behaviour: &Behaviour, is_stream: bool) -> Timeouts {
    use Behaviour as B;
    let mut timeouts = PATIENT;
    match (behaviour, is_stream) {
        (B::HangBeforeHead | B::SlowHead, true) => timeouts.first_byte = SHORT,
        (B::HangAfterHead | B::OnlyComments | B::SlowBody, true) => timeouts.first_content = SHORT,
        (B::HangInStream, true) => timeouts.idle = SHORT,
        (B::HangBeforeHead | B::SlowHead | B::HangAfterHead | B::SlowBody, false)
        | (B::HangInStream, false) => timeouts.whole = SHORT,
        _ => {}
    }
    timeouts
}

/// The row of the table as it came out.
async fn outcome(mock: &Mock, behaviour: &Behaviour, is_stream: bool) -> Result<Expect, String> {
    let provider = provider(mock, timeouts(behaviour, is_stream));
    let model = format!("fault/{}", behaviour.name());
    let request = request(&json!({"stream": is_stream}));
    let seen = match provider.chat(&model, &request).await {
        Err(error) => {
            let error = as_provider_error(error);
            let is_clean =
                error.message.starts_with("host: ") && !error.message.contains("sk-secret");
            return match is_clean {
                true => Ok(Expect::Refused(error.kind)),
                false => Err(error.message),
            };
        }
        Ok(stream) => read(stream).await,
    };
    let faulty = |reason: &str| Err(format!("{reason}: {seen:?}"));
    if let Some(error) = &seen.error {
        return match seen.relayed.contains("word0") && seen.relayed.ends_with("\n\n") {
            true => Ok(Expect::Breaks(error.kind)),
            false => faulty("the words before the error are missing"),
        };
    }
    if let Some(kind) = seen.fault {
        return match seen.relayed.is_empty() {
            true => faulty("nothing was passed on"),
            false => Ok(Expect::Recorded(kind)),
        };
    }
    let usage = seen.progress.usage.unwrap_or_default();
    if (usage.prompt_tokens, usage.cached_tokens) != (11, 3) || seen.progress.first_token.is_none()
    {
        return faulty("the progress is wrong");
    }
    if (&*seen.reasoning, &*seen.content) == ("User greets.", "Hello there.") {
        return Ok(Expect::Mended);
    }
    let words = seen.whole.as_ref().unwrap_or(&seen.relayed);
    match words.contains("word7") && !words.contains("PROCESSING") && seen.content.is_empty() {
        true => Ok(Expect::Good),
        false => faulty("the words are wrong"),
    }
}

/// A mock whose streams come event by event.
async fn slow_mock() -> Mock {
    let pace = Pace {
        interval: Duration::from_millis(2),
        ..Pace::default()
    };
    Mock::start_at("127.0.0.1:0", pace).await.unwrap()
}

#[tokio::test]
async fn every_fault_has_its_kind() {
    let slow = slow_mock().await;
    let mock = Mock::start().await.unwrap();
    let ways = [
        ("event by event", &slow, true),
        ("at once", &mock, true),
        ("whole", &mock, false),
    ];
    let mut wrong = Vec::new();
    for (behaviour, row) in TABLE {
        for ((way, mock, is_stream), expected) in ways.iter().zip(row) {
            let outcome = outcome(mock, behaviour, *is_stream).await;
            if outcome.as_ref() != Ok(expected) {
                let name = behaviour.name();
                wrong.push(format!("{name}, {way}: {expected:?}, not {outcome:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Every behaviour with a name is in the table, or needs a request of its own below.
    let of_requests = [
        Behaviour::Calls,
        Behaviour::CallInText,
        Behaviour::WordsForJson,
        Behaviour::BadArguments,
        Behaviour::LeaksCall,
    ];
    for behaviour in Behaviour::NAMED {
        let is_tested = TABLE.iter().any(|(one, _)| one == behaviour);
        assert!(
            is_tested || of_requests.contains(behaviour),
            "{}",
            behaviour.name()
        );
    }
}
