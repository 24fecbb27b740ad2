//! How a network cuts what a host sends changes nothing: streams of good and bad events, cut
//! anywhere, against the same bytes in one piece.
#![expect(clippy::unwrap_used, reason = "a test may fail wherever it likes")]

#[path = "cuts/host.rs"]
mod host;

use host::{Ask, AskKind, Cut, Host, Sent, WORDS};
use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};

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
    let host = runtime.block_on(Host::start());
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
    let host = runtime.block_on(Host::start());
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
