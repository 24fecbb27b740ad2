//! How a network cuts what a host sends changes nothing: streams of good and bad events, cut
//! anywhere, against the same bytes in one piece.
#![expect(clippy::unwrap_used, reason = "a test may fail wherever it likes")]

#[path = "cuts/host.rs"]
mod host;

use host::{Ask, AskKind, Cut, Host, Sent, WORDS};
use proptest::prelude::*;
use router::FailureKind;
use router::provider::upstream::MAX_EVENT_BYTES;
use tokio::runtime::{Builder, Runtime};

/// Bytes that are taken of an answer.
const MAX_BYTES: usize = 128 << 10;

/// What stands between events by mistake.
const STRAY: &[&[u8]] = &[b"\n", b"\r", b"\r\n", b"\xf0\x9f", b"data: x\n\n"];

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    }
}

fn asks() -> impl Strategy<Value = Ask> {
    let kind = prop::sample::select(&AskKind::ALL[..]);
    (any::<bool>(), any::<bool>(), kind).prop_map(|(is_stream, leaks_harmony, kind)| Ask {
        is_stream,
        kind,
        leaks_harmony,
    })
}

/// Bytes in which most events are whole, and some are broken.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let word = || prop::sample::select(&WORDS[..]).prop_map(|word| word.as_bytes().to_vec());
    let half = (word(), any::<prop::sample::Index>()).prop_map(|(mut word, end)| {
        word.truncate(end.index(word.len()));
        word
    });
    let chunk = "[ -~é💖]{0,12}".prop_map(|text| {
        let json = serde_json::json!({"choices": [{"delta": {"content": text}}]});
        format!("data: {json}\n\n").into_bytes()
    });
    let filler = (1usize..20_000).prop_map(|length| {
        let text = "x".repeat(length);
        format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n").into_bytes()
    });
    let piece = prop_oneof![
        12 => word(),
        4 => chunk,
        1 => half,
        1 => filler,
        1 => prop::collection::vec(any::<u8>(), 0..4),
        1 => prop::sample::select(STRAY).prop_map(<[u8]>::to_vec),
    ];
    let end = prop::sample::select(
        &[
            "",
            "data: [DONE]\n\n",
            "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
            "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}",
        ][..],
    );
    (prop::collection::vec(piece, 0..12), end)
        .prop_map(|(pieces, end)| [pieces.concat(), end.as_bytes().to_vec()].concat())
}

/// Small pieces as well as large ones.
fn cuts() -> impl Strategy<Value = Vec<Cut>> {
    let size = prop_oneof![1usize..4, 1usize..100, 1usize..5000];
    prop::collection::vec((size, any::<bool>()), 1..40)
}

#[test]
fn any_cuts_of_any_stream_give_what_the_whole_gives() {
    let runtime = runtime();
    let host = runtime.block_on(Host::start(MAX_BYTES));
    let config = config(1500);
    let kinds = prop::sample::select(&["text/event-stream", "application/json", ""][..]);
    let sent = (kinds, bodies()).prop_map(|(kind, body)| Sent {
        status: 200,
        headers: vec![("content-type", kind.as_bytes().to_vec())],
        body,
    });
    proptest!(config, |(ask in asks(), sent in sent, cuts in cuts())| {
        runtime.block_on(async {
            let whole = host.outcome(ask, &sent, &[]).await;
            host.outcome(ask, &sent, &cuts).await.check(&whole);
        });
    });
}

#[test]
fn any_cuts_of_any_error_give_what_the_whole_gives() {
    let runtime = runtime();
    let host = runtime.block_on(Host::start(MAX_BYTES));
    let headers = prop::sample::select(
        &[
            "retry-after",
            "retry-after-ms",
            "x-ratelimit-remaining-requests",
            "x-ratelimit-reset",
            "content-type",
            "content-encoding",
        ][..],
    );
    let value = prop_oneof![
        "[0-9.]{1,12}[smhd]{0,2}".prop_map(String::into_bytes),
        any::<Vec<u8>>()
    ];
    let headers = prop::collection::vec((headers, value), 0..4);
    let statuses = (300u16..600).prop_filter("it has no body", |&status| status != 304);
    let sent = (statuses, headers, bodies()).prop_map(|(status, headers, body)| Sent {
        status,
        headers,
        body,
    });
    let config = config(500);
    proptest!(config, |(ask in asks(), sent in sent, cuts in cuts())| {
        runtime.block_on(async {
            let whole = host.outcome(ask, &sent, &[]).await;
            prop_assert!(whole.failure.is_some());
            host.outcome(ask, &sent, &cuts).await.check(&whole);
            Ok(())
        })?;
    });
}

/// A chunk of this choice.
fn chunk(choice: &str) -> String {
    format!("data: {{\"choices\":[{{{choice}}}]}}\n\n")
}

/// A chunk that says this, of this choice.
fn says(index: u32, content: &str) -> String {
    chunk(&format!(
        r#""index":{index},"delta":{{"content":"{content}"}}"#
    ))
}

#[test]
fn what_once_depended_on_the_cuts_does_not() {
    const DONE: &str = "data: [DONE]\n\n";
    const LIMIT: usize = 2 << 20;
    let comments = |length: usize| ": comment\n\n".repeat(length / 11);
    let stop = |index: u32| {
        chunk(&format!(
            r#""index":{index},"delta":{{}},"finish_reason":"stop""#
        ))
    };
    let hello = says(0, "Hello") + &stop(0);
    let call = |fields: &str| {
        chunk(&format!(
            r#""delta":{{"tool_calls":[{{"index":0,{fields}}}]}}"#
        ))
    };
    let begun = call(r#""id":"c","function":{"name":"f","arguments":"{"}"#);
    let ended = call(r#""function":{"arguments":"}"}"#);
    let harmony = "<|channel|>final<|message|>Hi.<|end|>";
    let long_event = |length: usize, end: &str| {
        let text = "x".repeat(length - says(0, "").trim_end().len());
        says(0, &text).trim_end().to_owned() + end + &stop(0) + DONE
    };
    let good = |text: String| (text.into_bytes(), None);
    let bad = |text: String, kind| (text.into_bytes(), Some(kind));
    let with = |text: &str, more: &[u8]| [text.as_bytes(), more].concat();
    let cases = [
        // A byte order mark.
        good(format!("\u{feff}{hello}{DONE}")),
        good(format!("{hello}\u{feff}{hello}{DONE}")),
        // Bytes that are no UTF-8, or one too many, behind the end.
        (with(&(hello.clone() + DONE), b"data: \xff\n\n"), None),
        (
            with(&hello, b"data: \xff\n\n"),
            Some(FailureKind::InvalidResponse),
        ),
        // An end just before the limit, and none.
        good(comments(LIMIT - 500) + &hello + DONE + &comments(1000)),
        bad(
            says(0, "Hello") + &comments(LIMIT),
            FailureKind::InvalidResponse,
        ),
        // The longest event, and one that is longer.
        good(long_event(MAX_EVENT_BYTES, "\n\n")),
        good(long_event(MAX_EVENT_BYTES, "\r\n\r\n")),
        bad(
            long_event(MAX_EVENT_BYTES + 1, "\n\n"),
            FailureKind::InvalidResponse,
        ),
        bad(
            long_event(MAX_EVENT_BYTES + 1, "\r\n\r\n"),
            FailureKind::InvalidResponse,
        ),
        bad(
            long_event(MAX_EVENT_BYTES + 5000, "\r\r"),
            FailureKind::InvalidResponse,
        ),
        // Harmony in one choice after words in another, and with a call that the host made out.
        good(says(0, "Hello") + &says(1, harmony) + &stop(0) + &stop(1) + DONE),
        good(says(0, "Hello") + &says(1, harmony) + &stop(0) + &stop(1)),
        bad(
            begun.clone() + &says(0, harmony) + &ended + &stop(0) + DONE,
            FailureKind::LeakedTokens,
        ),
        good(says(0, harmony) + &begun + &ended + &stop(0) + DONE),
    ];
    let runtime = runtime();
    let host = runtime.block_on(Host::start(LIMIT));
    let ask = Ask {
        is_stream: true,
        kind: AskKind::Words,
        leaks_harmony: false,
    };
    for (body, failure) in cases {
        let start = body[..body.len().min(300)].escape_ascii().to_string();
        let all: &[usize] = match body.len() {
            0..10_000 => &[1, 7, 70, usize::MAX],
            _ => &[997, 20_000, usize::MAX],
        };
        let sent = Sent {
            status: 200,
            headers: vec![("content-type", b"text/event-stream".to_vec())],
            body,
        };
        runtime.block_on(async {
            let whole = host.outcome(ask, &sent, &[]).await;
            assert_eq!(whole.failure, failure, "{start}");
            for (&size, pauses) in all.iter().flat_map(|size| [(size, false), (size, true)]) {
                let cuts = vec![(size, pauses); sent.body.len().div_ceil(size)];
                let cut = host.outcome(ask, &sent, &cuts).await;
                assert_eq!(cut.failure, failure, "in pieces of {size}: {start}");
                cut.check(&whole);
            }
        });
    }
}
