//! Traces of requests, from the client over the server to its hosts, as a collector gets them.

use std::collections::HashMap;
use std::time::Duration;

use mock::{Behaviour, Mock};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::gateway::{Gateway, chat, provider, send};

/// Long enough that only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(20);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// A span, its attributes by their names.
#[derive(Debug)]
struct Span {
    json: Value,
    attributes: HashMap<String, Value>,
}

impl Span {
    fn of(json: Value) -> Self {
        let list = json["attributes"].as_array().unwrap();
        let attributes = list.iter().map(|one| {
            let value = one["value"].as_object().unwrap();
            assert_eq!(value.len(), 1);
            let value = value.values().next().unwrap().clone();
            (one["key"].as_str().unwrap().to_owned(), value)
        });
        let attributes: HashMap<_, _> = attributes.collect();
        assert_eq!(attributes.len(), list.len(), "an attribute is there twice");
        Self { json, attributes }
    }

    fn is_server(&self) -> bool {
        self.json["kind"] == 2
    }

    fn is_error(&self) -> bool {
        self.json["status"]["code"] == 2
    }

    fn text(&self, name: &str) -> &str {
        self.json[name].as_str().unwrap_or("")
    }

    /// An attribute, as text.
    fn says(&self, name: &str) -> String {
        match self.attributes.get(name) {
            None => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }

    /// Begin and end, in nanoseconds since 1970.
    fn times(&self) -> (u64, u64) {
        let time = |name| self.text(name).parse().unwrap();
        (time("startTimeUnixNano"), time("endTimeUnixNano"))
    }
}

/// Every span that a collector got.
fn spans(collector: &Mock) -> Vec<Span> {
    let mut spans = Vec::new();
    for request in collector.seen() {
        assert_eq!(
            (request.method.as_str(), request.path.as_str()),
            ("POST", "/v1/traces")
        );
        let mut body: Value = serde_json::from_slice(&request.body).unwrap();
        let some = body["resourceSpans"][0]["scopeSpans"][0]["spans"].take();
        spans.extend(some.as_array().unwrap().iter().cloned().map(Span::of));
    }
    spans
}

/// Waits until a collector has so many.
async fn wait_for(collector: &Mock, count: usize) -> Vec<Span> {
    let came = async {
        loop {
            let spans = spans(collector);
            if spans.len() >= count {
                return spans;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, came).await.expect("the spans never came")
}

/// A server with these variables in its environment, its hosts, the collector of its traces, and its
/// home.
async fn traced(variables: &[(&str, &str)]) -> (Gateway, Mock, Mock, TempDir) {
    let collector = Mock::start().await.unwrap();
    // It goes by the model of a request, and an export has none.
    collector.set("", Behaviour::Status(200, Vec::new(), "{}".into()));
    let mock = Mock::start().await.unwrap();
    let endpoint = format!("otlp_endpoint = \"http://{}\"", collector.address());
    let settings = format!("[telemetry]\n{endpoint}\n{}", hosts(&mock));
    let home = tempfile::tempdir().unwrap();
    let gateway = Gateway::start_with(home.path(), &settings, variables).await;
    (gateway, mock, collector, home)
}

/// Hosts `bad`, `good` and `own`, which have the same model under names of their own. All get a secret
/// with each request.
fn hosts(mock: &Mock) -> String {
    mock.set("m-bad", Behaviour::Internal);
    let mut text = String::new();
    for (id, more) in [("bad", ""), ("good", ""), ("own", "is_own = true\n")] {
        let names = [(format!("m-{id}"), format!("test/{id}"))];
        text.push_str(&provider(id, mock, &names));
        text.push_str("headers = { x-secret = \"host-secret\" }\n");
        text.push_str(more);
    }
    text
}

/// Asks with further headers, and waits for the end of the answer.
async fn ask(address: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    reply
}

#[tokio::test]
async fn a_request_that_fails_over_is_a_span_with_one_below_it_for_each_attempt() {
    let variables = [
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=collector-secret"),
        ("OTEL_SERVICE_NAME", "front"),
    ];
    let (gateway, mock, collector, _home) = traced(&variables).await;
    let headers =
        format!("traceparent: 00-{TRACE}-{CALLER}-01\r\nauthorization: Bearer caller-secret\r\n");
    let reply = ask(
        &gateway.address,
        &headers,
        &chat(&["test/bad", "test/good"], true),
    )
    .await;
    assert!(reply.contains("[DONE]"), "{reply}");
    let request_id = reply.split_once("x-request-id: ").unwrap().1;
    let request_id = request_id.split_once("\r\n").unwrap().0;
    let mut spans = wait_for(&collector, 3).await;
    gateway.end().await;

    assert_eq!(spans.len(), 3);
    let place = spans.iter().position(Span::is_server).unwrap();
    let server = spans.remove(place);
    assert_eq!(server.text("name"), "chat test/bad");
    assert_eq!(server.text("traceId"), TRACE);
    assert_eq!(server.text("parentSpanId"), CALLER);
    assert!(!server.is_error());
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/v1/chat/completions"),
        ("http.response.status_code", "200"),
        ("freeway.request.id", request_id),
        ("freeway.outcome", "ok"),
        ("freeway.deployment", "good/m-good"),
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "good"),
        ("gen_ai.request.model", "test/bad"),
        ("gen_ai.response.model", "test/good"),
        ("gen_ai.request.stream", "true"),
        ("error.type", ""),
    ] {
        assert_eq!(server.says(name), value, "{name}: {server:?}");
    }
    assert!(server.attributes["gen_ai.response.time_to_first_chunk"].is_f64());

    spans.sort_by_key(|span| span.says("freeway.attempt.number"));
    let (start, end) = server.times();
    assert!(start < end);
    for (span, number) in spans.iter().zip(["0", "1"]) {
        assert_eq!(span.json["kind"], 3);
        assert_eq!(span.text("traceId"), TRACE);
        assert_eq!(span.text("parentSpanId"), server.text("spanId"));
        assert_ne!(span.text("spanId"), server.text("spanId"));
        assert_eq!(span.says("freeway.attempt.number"), number);
        assert_eq!(span.says("freeway.request.id"), request_id);
        assert_eq!(span.says("server.address"), "127.0.0.1");
        assert_eq!(span.says("server.port"), mock.address().port().to_string());
        let (began, ended) = span.times();
        assert!(start <= began && began <= ended && ended <= end, "{span:?}");
    }
    let [bad, good] = &spans[..] else {
        panic!("{spans:?}");
    };
    assert!(bad.times().1 <= good.times().0);
    assert_ne!(bad.text("spanId"), good.text("spanId"));
    assert!(bad.is_error() && !good.is_error());
    assert_eq!(bad.text("name"), "chat test/bad");
    for (name, value) in [
        ("error.type", "internal"),
        ("freeway.outcome", "internal"),
        ("freeway.fault_domain", "host"),
        ("http.response.status_code", "500"),
        ("freeway.deployment", "bad/m-bad"),
        ("gen_ai.usage.input_tokens", ""),
    ] {
        assert_eq!(bad.says(name), value, "{name}: {bad:?}");
    }
    assert_eq!(good.says("freeway.outcome"), "ok");
    assert_eq!(good.says("gen_ai.provider.name"), "good");
    // The tokens that the host told are those of the request.
    for name in ["gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"] {
        assert_ne!(good.says(name), "", "{good:?}");
        assert_eq!(good.says(name), server.says(name));
    }

    // Neither what was asked and answered, nor what is secret.
    for export in collector.seen() {
        assert_eq!(export.header("x-key"), Some("collector-secret"));
        let text = String::from_utf8(export.body.to_vec()).unwrap();
        assert!(text.contains("\"front\""), "{text}");
        for secret in ["Hello?", "word", "secret", "Bearer"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
    // Hosts of others are not told of the trace.
    assert!(
        mock.seen()
            .iter()
            .all(|one| one.header("traceparent").is_none())
    );
}

#[tokio::test]
async fn a_server_of_ones_own_is_told_its_place_in_the_trace() {
    let (gateway, mock, collector, _home) = traced(&[]).await;
    let reply = ask(&gateway.address, "", &chat(&["test/own"], false)).await;
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    // Ended before the batch is due: what is left is exported then.
    gateway.end().await;
    let spans = spans(&collector);
    assert_eq!(spans.len(), 2);
    let (client, server) = match spans[0].is_server() {
        true => (&spans[1], &spans[0]),
        false => (&spans[0], &spans[1]),
    };
    assert_eq!(server.text("parentSpanId"), "");
    assert_eq!(server.says("gen_ai.request.stream"), "false");
    let told = format!("00-{}-{}-01", client.text("traceId"), client.text("spanId"));
    let asked = mock.seen();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].header("traceparent"), Some(told.as_str()));
}

#[tokio::test]
async fn what_the_client_says_of_its_trace_is_kept_to() {
    let (gateway, _hosts, collector, _home) = traced(&[]).await;
    let good = format!("traceparent: 00-{TRACE}-{CALLER}-01\r\n");
    for headers in [
        // Not recorded there, so not here.
        format!("traceparent: 00-{TRACE}-{CALLER}-00\r\n"),
        // What follows means nothing: traces of our own.
        format!("traceparent: 00-{}-{CALLER}-01\r\n", TRACE.to_uppercase()),
        format!("traceparent: 00-{}-{CALLER}-01\r\n", "0".repeat(32)),
        format!("{good}{good}"),
        "traceparent: nonsense\r\n".to_owned(),
    ] {
        let reply = ask(&gateway.address, &headers, &chat(&["test/good"], false)).await;
        assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    }
    // Requests that never reach a model, and what is no request for one.
    assert!(
        ask(&gateway.address, &good, "{")
            .await
            .starts_with("HTTP/1.1 400")
    );
    let unknown = ask(&gateway.address, &good, &chat(&["test/unknown"], false)).await;
    assert!(unknown.starts_with("HTTP/1.1 404"), "{unknown}");
    for path in ["/metrics", "/v1/models", "/healthz", "/v1/chat/completions"] {
        assert!(send(&gateway.address, "GET", path, "").await.is_some());
    }
    gateway.end().await;
    let spans = spans(&collector);
    let servers: Vec<&Span> = spans.iter().filter(|span| span.is_server()).collect();
    assert_eq!(servers.len(), 6, "{servers:?}");
    let (of_caller, own): (Vec<_>, Vec<_>) = servers
        .into_iter()
        .partition(|span| span.text("traceId") == TRACE);
    assert_eq!(own.len(), 4);
    assert!(own.iter().all(|span| span.text("parentSpanId").is_empty()));
    let [broken, unknown] = &of_caller[..] else {
        panic!("{of_caller:?}");
    };
    assert_eq!(broken.text("name"), "POST /v1/chat/completions");
    assert_eq!(broken.says("http.response.status_code"), "400");
    assert_eq!(unknown.text("name"), "chat test/unknown");
    assert_eq!(unknown.says("http.response.status_code"), "404");
    assert_eq!(unknown.says("freeway.outcome"), "model_not_found");
    assert!(!broken.is_error() && !unknown.is_error());
}

#[tokio::test]
async fn a_collector_that_refuses_or_hangs_slows_nobody_and_is_complained_of_once() {
    let (gateway, _hosts, collector, _home) = traced(&[("FREEWAY_LOG", "warn")]).await;
    collector.set("", Behaviour::BadRequest);
    for index in 0..3 {
        let reply = ask(&gateway.address, "", &chat(&["test/good"], index == 1)).await;
        assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
        // Each in an export of its own.
        wait_for(&collector, 2 * (index + 1)).await;
    }
    collector.set("", Behaviour::HangBeforeHead);
    for _ in 0..50 {
        let reply = ask(&gateway.address, "", &chat(&["test/good"], false)).await;
        assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    }
    let metrics = send(&gateway.address, "GET", "/metrics", "").await.unwrap();
    let line = "freeway_otlp_spans_dropped_total 6\n";
    assert!(metrics.body.contains(line), "{}", metrics.body);
    let log = gateway.end_with_log().await;
    let lines = log.lines().filter(|line| line.contains("are not exported"));
    assert_eq!(lines.count(), 1, "{log}");
    assert!(log.contains("status 400"), "{log}");
}

#[tokio::test]
async fn where_it_is_switched_off_nothing_is_traced() {
    let off = [("OTEL_SDK_DISABLED", "true")];
    let (gateway, mock, collector, _home) = traced(&off).await;
    let headers = format!("traceparent: 00-{TRACE}-{CALLER}-01\r\n");
    let reply = ask(&gateway.address, &headers, &chat(&["test/own"], false)).await;
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    gateway.end().await;
    assert_eq!(collector.num_requests(), 0);
    assert!(
        mock.seen()
            .iter()
            .all(|one| one.header("traceparent").is_none())
    );
}
