//! The spans of a request and of its attempts, made when they are over of what is then recorded.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use store::{AttemptRecord, RequestRecord};

use super::context::{SpanId, TraceContext};
use super::exporter::Tracer;
use super::span::{Attributes, Kind, Parent, Span};
use crate::error::FailureKind;
use crate::metrics::OperationLabels;
use crate::provider::Usage;

/// The trace of a request. Clones share it; its span is sent when the last of them is gone, for
/// then the request has been answered and its answer is over, whichever came first.
#[derive(Clone)]
pub struct RequestTrace(Arc<Request>);

struct Request {
    tracer: Tracer,
    context: TraceContext,
    parent: Option<Parent>,
    started: Instant,
    start_ns: u64,
    request_id: String,
    method: &'static str,
    route: String,
    end: Mutex<End>,
}

/// What is known at the end.
#[derive(Default)]
struct End {
    /// From the beginning.
    duration: Option<Duration>,
    status: Option<u16>,
    /// What became of it, if it reached the router.
    routed: Option<Routed>,
}

struct Routed {
    name: String,
    failure: Option<FailureKind>,
    attributes: Attributes,
}

/// How a request or an attempt ended, beside what its record says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ended {
    pub(crate) failure: Option<FailureKind>,
    pub(crate) duration: Duration,
    pub(crate) first_token: Option<Duration>,
    pub(crate) usage: Option<Usage>,
}

/// The trace of an attempt.
pub(crate) struct AttemptTrace {
    request: RequestTrace,
    span_id: SpanId,
}

impl RequestTrace {
    pub(super) fn new(
        tracer: Tracer,
        context: TraceContext,
        parent: Option<TraceContext>,
        request_id: &str,
        method: &'static str,
        route: &str,
    ) -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        Self(Arc::new(Request {
            tracer,
            context,
            parent: parent.map(|parent| Parent {
                span_id: parent.span_id,
                is_remote: true,
            }),
            started: Instant::now(),
            start_ns: nanoseconds(since_epoch.unwrap_or_default()),
            request_id: request_id.to_owned(),
            method,
            route: route.to_owned(),
            end: Mutex::default(),
        }))
    }

    /// The head of the response is there, with this status.
    pub fn responded(&self, status: u16) {
        self.0.note(|end| end.status = Some(status));
    }

    /// The request is over. `asked` is who answered or failed last.
    pub(crate) fn ended(&self, record: &RequestRecord, asked: &OperationLabels, ended: &Ended) {
        let mut attributes = Attributes::default();
        attributes.text("gen_ai.operation.name", asked.gen_ai_operation_name);
        attributes.text("gen_ai.request.model", record.requested_model.clone());
        attributes.flag("gen_ai.request.stream", record.is_stream);
        if let Some(deployment) = &record.deployment {
            let provider = asked.gen_ai_provider_name.clone();
            attributes.text("gen_ai.provider.name", provider);
            attributes.text("freeway.deployment", deployment.clone());
            if ended.failure.is_none() || ended.first_token.is_some() {
                let model = asked.gen_ai_request_model.clone();
                attributes.text("gen_ai.response.model", model);
            }
        }
        if let Some(key) = &record.key_id {
            attributes.text("freeway.key.id", key.0.clone());
        }
        ended.write(&mut attributes);
        let operation = asked.gen_ai_operation_name;
        let routed = Routed {
            name: format!("{operation} {}", record.requested_model),
            failure: ended.failure,
            attributes,
        };
        self.0.note(|end| end.routed = Some(routed));
    }

    /// An attempt begins.
    pub(crate) fn attempt(&self) -> AttemptTrace {
        AttemptTrace {
            request: self.clone(),
            span_id: SpanId::random(),
        }
    }
}

impl Request {
    fn note(&self, note: impl FnOnce(&mut End)) {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        end.duration = Some(self.started.elapsed());
        note(&mut end);
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let end = self.end.get_mut().unwrap_or_else(PoisonError::into_inner);
        let End {
            duration,
            status,
            routed,
        } = std::mem::take(end);
        // Neither answered nor routed: the client left.
        let duration = duration.unwrap_or_else(|| self.started.elapsed());
        let failure = routed.as_ref().and_then(|routed| routed.failure);
        let has_failed = failure.is_some_and(|kind| kind != FailureKind::Canceled);
        // What the client did wrong is no error of the server; what broke off within 200 is one.
        let is_error = match status {
            Some(status) => status >= 500 || (status < 400 && has_failed),
            None => has_failed,
        };
        let (name, mut attributes) = match routed {
            Some(routed) => (routed.name, routed.attributes),
            None => {
                let name = format!("{} {}", self.method, self.route);
                (name, Attributes::default())
            }
        };
        if let Some(status) = status {
            attributes.number("http.response.status_code", status);
            if failure.is_none() && is_error {
                attributes.text("error.type", status.to_string());
            }
        }
        attributes.text("http.request.method", self.method);
        attributes.text("http.route", self.route.clone());
        attributes.text("url.path", self.route.clone());
        attributes.text("url.scheme", "http");
        attributes.text("freeway.request.id", self.request_id.clone());
        self.tracer.send(Span {
            context: self.context,
            parent: self.parent,
            name,
            kind: Kind::Server,
            start_ns: self.start_ns,
            end_ns: self.start_ns.saturating_add(nanoseconds(duration)),
            attributes,
            is_error,
        });
    }
}

impl AttemptTrace {
    /// The place of the attempt in its trace.
    pub(crate) fn context(&self) -> TraceContext {
        TraceContext {
            span_id: self.span_id,
            ..self.request.0.context
        }
    }

    /// The attempt, which began at `started`, is over. `address` is the host that was asked.
    pub(crate) fn ended(
        &self,
        record: &AttemptRecord,
        asked: &OperationLabels,
        address: Option<(&str, u16)>,
        started: Instant,
        ended: &Ended,
    ) {
        let request = &self.request.0;
        let mut attributes = Attributes::default();
        attributes.text("gen_ai.operation.name", asked.gen_ai_operation_name);
        attributes.text("gen_ai.provider.name", asked.gen_ai_provider_name.clone());
        attributes.text("gen_ai.request.model", record.model.clone());
        if let Some((host, port)) = address {
            attributes.text("server.address", host.to_owned());
            attributes.number("server.port", port);
        }
        if let Some(status) = record.http_status {
            attributes.number("http.response.status_code", status);
        }
        ended.write(&mut attributes);
        let deployment = &record.deployment;
        let label = format!("{}/{}", deployment.provider, deployment.name);
        attributes.text("freeway.deployment", label);
        attributes.text("freeway.request.id", record.request_id.clone());
        attributes.number("freeway.attempt.number", record.number);
        attributes.flag("freeway.attempt.is_exploration", record.is_exploration);
        let after = started.saturating_duration_since(request.started);
        let start_ns = request.start_ns.saturating_add(nanoseconds(after));
        request.tracer.send(Span {
            context: self.context(),
            parent: Some(Parent {
                span_id: request.context.span_id,
                is_remote: false,
            }),
            name: format!("{} {}", asked.gen_ai_operation_name, record.model),
            kind: Kind::Client,
            start_ns,
            end_ns: start_ns.saturating_add(nanoseconds(ended.duration)),
            attributes,
            is_error: ended.has_failed(),
        });
    }
}

impl Ended {
    /// Whether it failed; that the client left is no failure.
    fn has_failed(&self) -> bool {
        let failure = self.failure;
        failure.is_some_and(|kind| kind != FailureKind::Canceled)
    }

    fn write(&self, attributes: &mut Attributes) {
        let outcome = self.failure.map_or("ok", FailureKind::as_str);
        attributes.text("freeway.outcome", outcome);
        if let Some(kind) = self.failure {
            attributes.text("freeway.fault_domain", kind.fault_domain().as_str());
            if self.has_failed() {
                attributes.text("error.type", kind.as_str());
            }
        }
        if let Some(first) = self.first_token {
            attributes.seconds("gen_ai.response.time_to_first_chunk", first);
        }
        if let Some(usage) = self.usage {
            for (name, count) in [
                ("gen_ai.usage.input_tokens", usage.prompt_tokens),
                ("gen_ai.usage.cache_read.input_tokens", usage.cached_tokens),
                ("gen_ai.usage.output_tokens", usage.completion_tokens),
                (
                    "gen_ai.usage.reasoning.output_tokens",
                    usage.reasoning_tokens,
                ),
            ] {
                attributes.number(name, count);
            }
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
