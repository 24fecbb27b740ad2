//! What spans say of how requests and attempts ended.

use serde_json::{Value, json};
use store::{DeploymentKey, KeyId, Timestamp};

use super::*;
use crate::metrics::Metrics;
use crate::otlp::Sampler;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn labels() -> OperationLabels {
    OperationLabels {
        gen_ai_operation_name: "chat",
        gen_ai_provider_name: "host".to_owned(),
        gen_ai_request_model: "test/answered".to_owned(),
    }
}

fn request_record() -> RequestRecord {
    RequestRecord {
        id: "req_1".to_owned(),
        key_id: Some(KeyId("key_1".to_owned())),
        started_at: Timestamp(0),
        operation: "chat".to_owned(),
        requested_model: "test/asked".to_owned(),
        deployment: Some("host/name".to_owned()),
        outcome: "ok".to_owned(),
        is_stream: true,
        first_token_ms: None,
        duration_ms: 0,
        prompt_tokens: 0,
        completion_tokens: 0,
        reasoning_tokens: 0,
        content: Some("a prompt that is kept".to_owned()),
    }
}

fn attempt_record() -> AttemptRecord {
    AttemptRecord {
        request_id: "req_1".to_owned(),
        number: 3,
        model: "test/answered".to_owned(),
        deployment: DeploymentKey {
            provider: "host".to_owned(),
            name: "name".to_owned(),
        },
        started_at: Timestamp(0),
        outcome: "ok".to_owned(),
        fault_domain: String::new(),
        http_status: Some(503),
        first_token_ms: None,
        duration_ms: 0,
        prompt_tokens: 0,
        completion_tokens: 0,
        reasoning_tokens: 0,
        is_exploration: true,
    }
}

/// The spans that come of what is done with a trace, as JSON, their attributes as one object.
fn spans(act: impl FnOnce(RequestTrace)) -> Vec<Value> {
    let (tracer, mut spans) = Tracer::to_queue(8, Sampler::default(), Arc::new(Metrics::default()));
    let trace = tracer.begin("req_1", "POST", "/v1/chat/completions", Some(PARENT));
    act(trace.unwrap());
    let mut all = Vec::new();
    while let Ok(span) = spans.try_recv() {
        let mut span = serde_json::to_value(span).unwrap();
        let attributes = span["attributes"].take();
        let attributes = attributes.as_array().unwrap().iter().map(|one| {
            let value = one["value"].as_object().unwrap().values().next();
            let key = one["key"].as_str().unwrap().to_owned();
            (key, value.unwrap().clone())
        });
        span["attributes"] = attributes.collect::<serde_json::Map<_, _>>().into();
        all.push(span);
    }
    all
}

/// Whether the request is told as an error, and how.
fn verdict(status: Option<u16>, failure: Option<Option<FailureKind>>) -> (bool, Value) {
    let spans = spans(|trace| {
        if let Some(failure) = failure {
            let ended = Ended {
                failure,
                ..Ended::default()
            };
            trace.ended(&request_record(), &labels(), &ended);
        }
        if let Some(status) = status {
            trace.responded(status);
        }
    });
    assert_eq!(spans.len(), 1);
    let is_error = spans[0]["status"]["code"] == 2;
    (is_error, spans[0]["attributes"]["error.type"].clone())
}

#[test]
fn the_servers_failures_are_errors_and_the_clients_are_not() {
    use FailureKind::{BrokenStream, Canceled, InvalidRequest, RateLimited, Unavailable};
    for (status, failure, expected) in [
        (Some(200), Some(None), (false, json!(null))),
        (Some(400), None, (false, json!(null))),
        (Some(503), None, (true, json!("503"))),
        (
            Some(400),
            Some(Some(InvalidRequest)),
            (false, json!("invalid_request")),
        ),
        (
            Some(429),
            Some(Some(RateLimited)),
            (false, json!("rate_limited")),
        ),
        (
            Some(503),
            Some(Some(Unavailable)),
            (true, json!("unavailable")),
        ),
        (
            Some(200),
            Some(Some(BrokenStream)),
            (true, json!("broken_stream")),
        ),
        // The client left: within the answer, before its head, before anybody was asked.
        (Some(200), Some(Some(Canceled)), (false, json!(null))),
        (None, Some(Some(Canceled)), (false, json!(null))),
        (None, None, (false, json!(null))),
    ] {
        assert_eq!(verdict(status, failure), expected, "{status:?} {failure:?}");
    }
}

#[test]
fn a_span_says_what_is_recorded_and_not_what_was_said() {
    let ended = Ended {
        failure: None,
        duration: Duration::from_secs(2),
        first_token: Some(Duration::from_millis(250)),
        usage: Some(Usage {
            prompt_tokens: 1,
            cached_tokens: 2,
            completion_tokens: 3,
            reasoning_tokens: 4,
        }),
    };
    let spans = spans(|trace| {
        trace.responded(200);
        trace.ended(&request_record(), &labels(), &ended);
    });
    let span = &spans[0];
    assert_eq!(span["name"], "chat test/asked");
    assert_eq!(span["kind"], 2);
    assert_eq!(span["traceId"], PARENT[3..35]);
    assert_eq!(span["parentSpanId"], PARENT[36..52]);
    assert_eq!(span["flags"], 0x301);
    let expected = json!({
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "test/asked",
        "gen_ai.request.stream": true,
        "gen_ai.provider.name": "host",
        "gen_ai.response.model": "test/answered",
        "gen_ai.response.time_to_first_chunk": 0.25,
        "gen_ai.usage.input_tokens": "1",
        "gen_ai.usage.cache_read.input_tokens": "2",
        "gen_ai.usage.output_tokens": "3",
        "gen_ai.usage.reasoning.output_tokens": "4",
        "freeway.deployment": "host/name",
        "freeway.key.id": "key_1",
        "freeway.outcome": "ok",
        "freeway.request.id": "req_1",
        "http.request.method": "POST",
        "http.response.status_code": "200",
        "http.route": "/v1/chat/completions",
        "url.path": "/v1/chat/completions",
        "url.scheme": "http",
    });
    assert_eq!(span["attributes"], expected);
}

#[test]
fn an_attempt_lies_below_its_request_and_within_its_time() {
    let mut context = None;
    let spans = spans(|trace| {
        let attempt = trace.attempt();
        context = Some(attempt.context());
        let ended = Ended {
            failure: Some(FailureKind::Unavailable),
            duration: Duration::from_millis(7),
            ..Ended::default()
        };
        let started = trace.0.started + Duration::from_millis(3);
        let address = Some(("llm.example", 443));
        attempt.ended(&attempt_record(), &labels(), address, started, &ended);
    });
    let [attempt, request] = &spans[..] else {
        panic!("{spans:?}");
    };
    assert_eq!(attempt["kind"], 3);
    assert_eq!(attempt["traceId"], request["traceId"]);
    assert_eq!(attempt["parentSpanId"], request["spanId"]);
    assert_eq!(attempt["flags"], 0x101);
    assert_eq!(attempt["status"]["code"], 2);
    let context = context.unwrap();
    assert_eq!(attempt["spanId"], context.span_id.to_string());
    let time = |span: &Value, name: &str| -> u64 { span[name].as_str().unwrap().parse().unwrap() };
    let begins = time(request, "startTimeUnixNano");
    assert_eq!(time(attempt, "startTimeUnixNano"), begins + 3_000_000);
    assert_eq!(time(attempt, "endTimeUnixNano"), begins + 10_000_000);
    let expected = json!({
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "test/answered",
        "gen_ai.provider.name": "host",
        "server.address": "llm.example",
        "server.port": "443",
        "http.response.status_code": "503",
        "error.type": "unavailable",
        "freeway.outcome": "unavailable",
        "freeway.fault_domain": FailureKind::Unavailable.fault_domain().as_str(),
        "freeway.deployment": "host/name",
        "freeway.request.id": "req_1",
        "freeway.attempt.number": "3",
        "freeway.attempt.is_exploration": true,
    });
    assert_eq!(attempt["attributes"], expected);
}

#[test]
fn a_span_is_sent_once_when_nobody_holds_its_trace_any_more() {
    let spans = spans(|trace| {
        let other = trace.clone();
        trace.responded(200);
        drop(trace);
        let ended = Ended::default();
        other.ended(&request_record(), &labels(), &ended);
    });
    assert_eq!(spans.len(), 1);
    assert_eq!(spans[0]["attributes"]["http.response.status_code"], "200");
    assert_eq!(spans[0]["attributes"]["freeway.outcome"], "ok");
}
