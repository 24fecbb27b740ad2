//! What becomes of everything that a host can do: against a real server on loopback that does it.
#![expect(clippy::unwrap_used, reason = "a test may fail wherever it likes")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use mock::{Answer, Behaviour, Mock, Pace, Step};
use router::config::{ModelList, ProviderConfig, Secret, Timeouts};
use router::openai::{ChatRequest, CompletionRequest};
use router::provider::upstream::UpstreamProvider;
use router::provider::{AnswerEvent, AnswerStream, Delta, Progress, Provider, QuotaWindow};
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
        return match seen.relayed.contains("0 words") && seen.relayed.ends_with("\n\n") {
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
    match words.contains("7 words") && !words.contains("PROCESSING") && seen.content.is_empty() {
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

fn events(chunks: &[String]) -> String {
    chunks
        .iter()
        .map(|chunk| format!("data: {chunk}\n\n"))
        .collect()
}

fn good_answer(mock: &Mock) -> Answer {
    Answer {
        content: vec![mock.good_words()],
        ..Answer::default()
    }
}

#[tokio::test]
async fn a_stream_goes_on_byte_for_byte_and_usage_only_where_it_was_asked_for() {
    let mock = Mock::start().await.unwrap();
    let provider = provider(&mock, PATIENT);
    let answer = Answer {
        reasoning: vec!["Hm \"é\\n\" ".to_owned()],
        content: vec!["Hel".to_owned(), "lo 💖\n".to_owned()],
        call: Some(("f".to_owned(), vec!["{\"a\":".to_owned(), "1}".to_owned()])),
        ..Answer::default()
    };
    mock.set("m", Behaviour::Says(answer.clone()));
    let plain = read(
        provider
            .chat("m", &request(&json!({"stream": true})))
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(plain.relayed, events(&answer.chunks("m", true, false)));
    assert_eq!(plain.progress.usage.unwrap().completion_tokens, 4);

    let asking = json!({"stream": true, "stream_options": {"include_usage": true}});
    let asking = read(provider.chat("m", &request(&asking)).await.unwrap()).await;
    assert_eq!(asking.relayed, events(&answer.chunks("m", true, true)));
    assert!(!asking.is_usage_at_end, "it would be told twice");

    // Groq tells it where no client looks: then it is told at the end.
    mock.set("m", Behaviour::GroqUsage);
    let asking = json!({"stream": true, "stream_options": {"include_usage": true}});
    let groq = read(provider.chat("m", &request(&asking)).await.unwrap()).await;
    assert!(groq.is_usage_at_end);

    mock.set("m", Behaviour::Says(answer.clone()));
    let whole = provider.chat("m", &request(&json!({}))).await.unwrap();
    assert_eq!(read(whole).await.whole, Some(answer.whole("m", true)));
}

#[tokio::test]
async fn lines_of_every_kind_come_out_as_one_line_of_data() {
    let mock = Mock::start().await.unwrap();
    let provider = provider(&mock, PATIENT);
    let stream = json!({"stream": true});
    mock.queue(
        "m",
        [Behaviour::OddLines, Behaviour::Comments, Behaviour::Good],
    );
    let mut seen = Vec::new();
    for _ in 0..3 {
        let answer = provider.chat("m", &request(&stream)).await.unwrap();
        let relayed = read(answer).await.relayed;
        assert!(
            relayed
                .split_terminator("\n\n")
                .all(|event| event.starts_with("data: {"))
        );
        let is_same = |event: &str| -> Value {
            serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap()
        };
        let values: Vec<Value> = relayed.split_terminator("\n\n").map(is_same).collect();
        seen.push(values);
    }
    assert_eq!(seen[0], seen[2]);
    assert_eq!(seen[1], seen[2]);
}

#[tokio::test]
async fn calls_and_json_are_judged_by_what_was_asked_for() {
    use Behaviour as B;
    use FailureKind as K;
    let slow = slow_mock().await;
    let fast = Mock::start().await.unwrap();
    let tools = json!({"tools": [{"type": "function", "function": {"name": "weather"}}]});
    let format = json!({"response_format": {"type": "json_object"}});
    for (behaviour, fields, fault) in [
        (B::Calls, &tools, None),
        (B::CallInText, &tools, Some(K::ToolCallInText)),
        (B::BadArguments, &tools, Some(K::InvalidJson)),
        (B::WordsForJson, &format, Some(K::InvalidJson)),
    ] {
        let model = format!("fault/{}", behaviour.name());
        let ask = async |mock: &Mock, is_stream: bool| {
            let mut fields = fields.clone();
            fields["stream"] = is_stream.into();
            match provider(mock, PATIENT)
                .chat(&model, &request(&fields))
                .await
            {
                Ok(stream) => (read(stream).await.fault, None),
                Err(error) => (None, Some(error.kind())),
            }
        };
        assert_eq!(ask(&slow, true).await, (fault, None), "{model}");
        assert_eq!(ask(&fast, true).await, (None, fault), "{model}");
        assert_eq!(ask(&fast, false).await, (None, fault), "{model}");
    }
    for (mock, is_stream) in [(&slow, true), (&fast, true), (&fast, false)] {
        let mut fields = tools.clone();
        fields["stream"] = is_stream.into();
        let provider = provider(mock, PATIENT);
        let stream = provider.chat("fault/leaks_call", &request(&fields)).await;
        let seen = read(stream.unwrap()).await;
        let call = ("weather".to_owned(), "{\"city\": \"Oslo\"}".to_owned());
        assert_eq!((seen.calls, seen.fault), (vec![call], None));
    }
}

#[tokio::test]
async fn a_host_known_for_it_has_its_bare_harmony_mended() {
    let fast = Mock::start().await.unwrap();
    let slow = slow_mock().await;
    for (mock, is_stream) in [(&slow, true), (&fast, true), (&fast, false)] {
        let mut config = ProviderConfig::new("host", mock.base_url());
        config.dialect.leaks_harmony = true;
        config.timeouts = PATIENT;
        let provider = UpstreamProvider::new(config).unwrap();
        let request = request(&json!({"stream": is_stream}));
        let stream = provider.chat("fault/leaks_bare_harmony", &request).await;
        let seen = read(stream.unwrap()).await;
        assert_eq!(seen.reasoning, "User greets.", "{is_stream}");
        assert_eq!(seen.content, "Hello there.", "{is_stream}");
        // Its good answers stay as they are.
        let good = provider.chat("good", &request).await.unwrap();
        assert_eq!(read(good).await.content, "", "{is_stream}");
    }
}

#[tokio::test]
async fn when_to_come_back_is_what_the_host_says() {
    let mock = Mock::start().await.unwrap();
    let provider = provider(&mock, PATIENT);
    for (behaviour, seconds) in [
        (Behaviour::AccountMinute, 12),
        (Behaviour::GroqMinute, 8),
        (Behaviour::GroqDay, 179),
        (Behaviour::Unavailable, 3),
    ] {
        let model = format!("fault/{}", behaviour.name());
        let error = provider.chat(&model, &request(&json!({}))).await.err();
        let error = as_provider_error(error.unwrap());
        let after = error.retry_after.unwrap();
        assert_eq!(
            (after.wait.as_secs(), after.is_authoritative),
            (seconds, true),
            "{model}"
        );
    }
}

#[tokio::test]
async fn the_request_goes_out_as_it_came_but_for_the_model() {
    let mock = Mock::start().await.unwrap();
    let mut config = ProviderConfig::new("host", mock.base_url());
    config.api_key = Some(Secret::new("sk-mine"));
    config.headers = vec![("x-title".to_owned(), "Freeway".to_owned())];
    let provider = UpstreamProvider::new(config).unwrap();
    let body =
        r#"{"model":"auto","messages":[{"role":"user","content":"Hi"}], "new":{"b": 1.0e5}}"#;
    let chat = Arc::new(ChatRequest::from_json(Bytes::from(body)).unwrap());
    read(provider.chat("their/name", &chat).await.unwrap()).await;
    let text = r#"{"model":"auto","prompt":"Once","suffix":null}"#;
    let text = Arc::new(CompletionRequest::from_json(Bytes::from(text)).unwrap());
    let seen = read(provider.complete("their/name", &text).await.unwrap()).await;
    assert!(seen.whole.unwrap().contains("text_completion"));

    let seen = mock.seen();
    let expected =
        r#"{"model":"their/name","messages":[{"role":"user","content":"Hi"}],"new":{"b": 1.0e5}}"#;
    assert_eq!(std::str::from_utf8(&seen[0].body).unwrap(), expected);
    assert_eq!(
        (&*seen[0].method, &*seen[0].path),
        ("POST", "/v1/chat/completions")
    );
    assert_eq!(&*seen[1].path, "/v1/completions");
    for (name, value) in [
        ("authorization", "Bearer sk-mine"),
        ("x-title", "Freeway"),
        ("content-type", "application/json"),
        ("accept-encoding", "identity"),
    ] {
        assert_eq!(seen[0].header(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn a_connection_is_used_again_and_one_that_was_closed_is_no_failure() {
    let mock = Mock::start().await.unwrap();
    let provider = provider(&mock, PATIENT);
    for is_stream in [false, true, false, true] {
        let request = request(&json!({"stream": is_stream}));
        read(provider.chat("m", &request).await.unwrap()).await;
    }
    assert_eq!(*mock.connections().borrow(), 1);
    // The host closes it behind an answer, without a word about it.
    let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 65\r\n\r\n\
        {\"choices\":[{\"message\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}";
    let steps = vec![Step::Send(Bytes::from_static(answer)), Step::Close];
    mock.queue("m", [Behaviour::Raw(steps)]);
    let request = request(&json!({}));
    read(provider.chat("m", &request).await.unwrap()).await;
    let mut connections = mock.connections();
    connections.wait_for(|&count| count == 0).await.unwrap();
    read(provider.chat("m", &request).await.unwrap()).await;
    assert_eq!(provider.load().unwrap().in_flight, 0);
}

#[tokio::test]
async fn dropping_an_answer_closes_the_connection() {
    let mock = Mock::start().await.unwrap();
    let provider = provider(&mock, PATIENT);
    let mut connections = mock.connections();
    let request = request(&json!({"stream": true}));
    let mut stream = provider
        .chat("fault/hang_in_stream", &request)
        .await
        .unwrap();
    assert!(matches!(
        stream.next().await,
        Some(Ok(AnswerEvent::Relayed(_)))
    ));
    assert_eq!(*connections.borrow_and_update(), 1);
    assert_eq!(provider.load().unwrap().in_flight, 1);
    drop(stream);
    connections.wait_for(|&count| count == 0).await.unwrap();
    assert_eq!(provider.load().unwrap().in_flight, 0);

    // Also while nothing has been said.
    {
        let asked = provider.chat("fault/hang_before_head", &request);
        let mut asked = std::pin::pin!(asked);
        let arrived = connections.wait_for(|&count| count == 1);
        tokio::select! {
            _ = &mut asked => panic!("nobody answers"),
            arrived = arrived => { arrived.unwrap(); }
        }
    }
    connections.wait_for(|&count| count == 0).await.unwrap();
}

#[tokio::test]
async fn no_more_run_at_once_than_allowed() {
    let mock = Mock::start().await.unwrap();
    let mut config = ProviderConfig::new("host", mock.base_url());
    config.timeouts = PATIENT;
    config.bounds.max_connections = 2;
    let provider = UpstreamProvider::new(config).unwrap();
    let request = request(&json!({"stream": true}));
    let ask = || provider.chat("fault/hang_in_stream", &request);
    let held = (ask().await.unwrap(), ask().await.unwrap());
    let refused = as_provider_error(ask().await.err().unwrap());
    assert_eq!(refused.kind, FailureKind::ServerFault);
    drop(held);
    assert!(ask().await.is_ok());
}

#[tokio::test]
async fn who_is_not_there_or_has_no_tls_is_no_host_to_blame() {
    let mock = Mock::start().await.unwrap();
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    for url in [
        nobody,
        mock.false_tls_url(),
        "http://no-such-host.invalid/v1".to_owned(),
    ] {
        let mut config = ProviderConfig::new("host", url.clone());
        config.timeouts = PATIENT;
        let provider = UpstreamProvider::new(config).unwrap();
        let error = provider
            .chat("m", &request(&json!({})))
            .await
            .err()
            .unwrap();
        assert_eq!(error.kind(), FailureKind::Network, "{url}: {error}");
    }
}

#[tokio::test]
async fn lists_are_read_and_bad_ones_are_errors() {
    let mock = Mock::start().await.unwrap();
    let mut config = ProviderConfig::new("openrouter", mock.base_url());
    config.list = ModelList::OpenRouter;
    config.dialect.is_openrouter = true;
    config.api_key = Some(Secret::new("sk-mine"));
    config.timeouts = PATIENT;
    config.timeouts.list = Duration::from_secs(20);
    config.trains_on_prompts = Some(true);
    let provider = UpstreamProvider::new(config.clone()).unwrap();
    let models = provider.models().await.unwrap();
    assert_eq!(models.len(), 3);
    assert_eq!(models[0].id.0, "openai/gpt-oss-20b");
    assert_eq!(models[0].provider_name, "openai/gpt-oss-20b:free");
    assert_eq!(models[0].spec.trains_on_prompts, Some(true));

    let name = &models[0].provider_name;
    let status = provider.endpoint_status(name).await.unwrap().unwrap();
    assert_eq!((status.is_up, status.first_token_ms), (true, Some(412.0)));
    let quota = provider.ask_quota().await.unwrap();
    assert_eq!(
        (quota[0].window, quota[0].remaining),
        (QuotaWindow::RequestsPerDay, 43)
    );

    for (behaviour, kind) in [
        (Behaviour::CutJson, FailureKind::InvalidResponse),
        (Behaviour::Html, FailureKind::InvalidResponse),
        (Behaviour::Huge, FailureKind::InvalidResponse),
        (Behaviour::EmptyBody, FailureKind::InvalidResponse),
        (Behaviour::OtherJson, FailureKind::InvalidResponse),
        (Behaviour::Internal, FailureKind::Internal),
        (Behaviour::BadKey, FailureKind::KeyRejected),
    ] {
        mock.queue("/models", [behaviour.clone()]);
        let error = provider.models().await.unwrap_err();
        assert_eq!(error.kind, kind, "{behaviour:?}: {error}");
    }
    mock.set_catalogue(&[]);
    let error = provider.models().await.unwrap_err();
    assert_eq!(error.kind, FailureKind::InvalidResponse);

    config.timeouts.list = SHORT;
    let hasty = UpstreamProvider::new(config).unwrap();
    mock.queue("/models", [Behaviour::SlowBody]);
    assert_eq!(hasty.models().await.unwrap_err().kind, FailureKind::Timeout);
}

#[tokio::test]
async fn rate_headers_of_good_answers_are_reported_once() {
    let mock = Mock::start().await.unwrap();
    let groq = router::presets::preset("groq").unwrap();
    let mut config = groq.config(Some(Secret::new("k")), None).unwrap();
    config.base_url = mock.base_url();
    let provider = UpstreamProvider::new(config).unwrap();
    let header = |name: &'static str, value: &str| (name, value.to_owned());
    let headers = vec![
        header("x-ratelimit-limit-requests", "1000"),
        header("x-ratelimit-remaining-requests", "997"),
        header("x-ratelimit-reset-requests", "4m19.2s"),
        header("x-ratelimit-remaining-tokens", "7000"),
    ];
    let body = good_answer(&mock).whole("m", true);
    mock.set("m", Behaviour::Status(200, headers, body.into()));
    read(provider.chat("m", &request(&json!({}))).await.unwrap()).await;
    let reports = provider.take_quota_reports();
    let seen: Vec<_> = reports
        .iter()
        .map(|report| (report.window, report.remaining))
        .collect();
    let expected = [
        (QuotaWindow::RequestsPerDay, 997),
        (QuotaWindow::TokensPerMinute, 7000),
    ];
    assert_eq!(seen, expected);
    assert_eq!(provider.take_quota_reports(), []);
}

/// Bytes of words and reasoning in what a client got.
fn num_said_bytes(seen: &Seen) -> usize {
    let lines = seen.relayed.lines();
    let events = lines.filter_map(|line| line.strip_prefix("data: "));
    let objects = events.chain(seen.whole.as_deref());
    let said = objects.map(|text| {
        let object: Value = serde_json::from_str(text).unwrap();
        let choice = &object["choices"][0];
        let parts = ["delta", "message"].map(|part| &choice[part]);
        let texts = parts.map(|part| {
            let texts = ["content", "reasoning"].map(|name| part[name].as_str());
            texts
                .map(|text| text.map_or(0, str::len))
                .iter()
                .sum::<usize>()
        });
        texts.iter().sum::<usize>()
    });
    said.sum()
}

#[tokio::test]
async fn how_much_was_said_is_known_of_every_answer_also_where_no_usage_came() {
    let pace = Pace {
        interval: Duration::from_millis(2),
        ..Pace::default()
    };
    let mock = Mock::start_at("127.0.0.1:0", pace).await.unwrap();
    let provider = provider(&mock, PATIENT);
    for behaviour in [Behaviour::Reasons, Behaviour::ResetInStream] {
        for is_stream in [true, false] {
            let model = format!("fault/{}", behaviour.name());
            let request = request(&json!({"model": model, "stream": is_stream}));
            let Ok(stream) = provider.chat(&model, &request).await else {
                // It breaks off: in one piece nothing is there.
                assert!(!is_stream && behaviour == Behaviour::ResetInStream);
                continue;
            };
            let seen = read(stream).await;
            let expected = num_said_bytes(&seen);
            assert!(expected > 0, "{seen:?}");
            assert_eq!(seen.progress.num_said_bytes, expected, "{seen:?}");
            let is_told = behaviour == Behaviour::Reasons;
            assert_eq!(seen.progress.usage.is_some(), is_told);
        }
    }
}
