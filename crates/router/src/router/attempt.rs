//! One attempt at one deployment, followed to its end: what it says of the deployment's health and
//! of the account, and what is recorded of it. Dropped before its end, it was given up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use store::AttemptRecord;

use super::table::Route;
use super::watch::Watch;
use crate::accounts::RequestEnd;
use crate::error::{FailureKind, RetryAfter, RouterError};
use crate::health::Speed;
use crate::metrics::{Metrics, OperationLabels};
use crate::otlp::{AttemptTrace, Ended, RequestTrace, TraceContext};
use crate::provider::Progress;
use crate::recorder::{Recorder, now};

/// What became of an attempt, for the trail that the client sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptSummary {
    /// `provider/name`.
    pub deployment: String,
    /// How it ended; `None`: it answers.
    pub failure: Option<FailureKind>,
}

impl AttemptSummary {
    /// `provider/name=word`, with `ok` where it answers.
    pub fn to_text(&self) -> String {
        let word = self.failure.map_or("ok", FailureKind::as_str);
        format!("{}={word}", self.deployment)
    }
}

/// The attempt.
pub(super) struct Attempt {
    route: Arc<Route>,
    recorder: Recorder,
    metrics: Arc<Metrics>,
    labels: OperationLabels,
    record: AttemptRecord,
    started: Instant,
    trace: Option<AttemptTrace>,
    /// What its prompt was taken for before anybody knew, and counted as.
    prompt_tokens: u64,
    is_over: bool,
}

impl Attempt {
    pub(super) fn begin(
        route: &Arc<Route>,
        recorder: &Recorder,
        metrics: &Arc<Metrics>,
        watch: &Watch,
        number: usize,
        is_exploration: bool,
        prompt_tokens: u64,
    ) -> Self {
        Self {
            route: Arc::clone(route),
            recorder: recorder.clone(),
            metrics: Arc::clone(metrics),
            labels: OperationLabels {
                gen_ai_operation_name: watch.operation(),
                gen_ai_provider_name: route.host.id().to_owned(),
                gen_ai_request_model: route.model.0.clone(),
            },
            record: AttemptRecord {
                request_id: watch.record.id.clone(),
                number: u16::try_from(number).unwrap_or(u16::MAX),
                model: route.model.0.clone(),
                deployment: route.key.clone(),
                started_at: now(),
                outcome: String::new(),
                fault_domain: String::new(),
                http_status: None,
                first_token_ms: None,
                duration_ms: 0,
                prompt_tokens: 0,
                completion_tokens: 0,
                reasoning_tokens: 0,
                is_exploration,
            },
            started: Instant::now(),
            trace: watch.trace.as_ref().map(RequestTrace::attempt),
            prompt_tokens,
            is_over: false,
        }
    }

    /// Its place in the trace of the request, if that is traced.
    pub(super) fn trace_context(&self) -> Option<TraceContext> {
        self.trace.as_ref().map(AttemptTrace::context)
    }

    /// The deployment answered, but for `fault` if there is one: then the answer was seen to be
    /// none when it was over.
    pub(super) fn answered(&mut self, fault: Option<FailureKind>, progress: Progress) {
        self.end(fault, None, None, progress);
    }

    /// It failed.
    pub(super) fn failed(&mut self, error: &RouterError, progress: Progress) {
        let (retry_after, status) = match error {
            RouterError::Provider(error) => (error.retry_after, error.http_status),
            _ => (None, None),
        };
        self.end(Some(error.kind()), retry_after, status, progress);
    }

    /// It was given up for a reason that is not the host's.
    pub(super) fn given_up(&mut self, why: FailureKind, progress: Progress) {
        self.end(Some(why), None, None, progress);
    }

    fn end(
        &mut self,
        failure: Option<FailureKind>,
        retry_after: Option<RetryAfter>,
        http_status: Option<u16>,
        progress: Progress,
    ) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        let duration = self.started.elapsed();
        let first_token = progress
            .first_token
            .map(|first| first.saturating_duration_since(self.started));
        self.tell_health(failure, retry_after, first_token, duration, &progress);
        let is_used = first_token.is_some() || failure == Some(FailureKind::Canceled);
        let usage = is_used.then(|| progress.estimate(self.prompt_tokens));
        let end = RequestEnd {
            failure,
            retry_after,
            usage,
        };
        let more = self.route.host.ended(&end, self.prompt_tokens);
        self.recorder.count(more);
        let usage = usage.unwrap_or_default();
        let millis = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        let small = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let record = &mut self.record;
        record.outcome = failure.map_or("ok", FailureKind::as_str).to_owned();
        let domain = failure.map_or("", |kind| kind.fault_domain().as_str());
        record.fault_domain = domain.to_owned();
        record.http_status = http_status;
        record.first_token_ms = first_token.map(millis);
        record.duration_ms = millis(duration);
        record.prompt_tokens = small(usage.prompt_tokens);
        record.completion_tokens = small(usage.completion_tokens);
        record.reasoning_tokens = small(usage.reasoning_tokens);
        self.metrics
            .attempt(&self.labels, failure, duration, first_token);
        if let Some(trace) = &self.trace {
            let ended = Ended {
                failure,
                duration,
                first_token,
                usage: progress.usage,
            };
            let address = self.route.host.provider.address();
            trace.ended(record, &self.labels, address, self.started, &ended);
        }
        self.recorder.attempt(record.clone());
    }

    fn tell_health(
        &self,
        failure: Option<FailureKind>,
        retry_after: Option<RetryAfter>,
        first_token: Option<Duration>,
        duration: Duration,
        progress: &Progress,
    ) {
        let health = &self.route.health;
        match failure {
            None => {
                let rest = first_token.map(|first| duration.saturating_sub(first).as_secs_f64());
                let tokens = progress.usage.map(|usage| usage.completion_tokens as f64);
                let rate = match (tokens, rest) {
                    // A handful of tokens, or no time at all, tells no speed.
                    (Some(tokens), Some(rest)) if tokens >= 8.0 && rest > 0.01 => {
                        Some(tokens / rest)
                    }
                    _ => None,
                };
                let speed = Speed {
                    first_token,
                    tokens_per_second: rate,
                };
                health.answered(speed, now());
            }
            // The host had begun to answer before the client left.
            Some(FailureKind::Canceled) if first_token.is_some() => {
                let speed = Speed {
                    first_token,
                    tokens_per_second: None,
                };
                health.answered(speed, now());
            }
            Some(kind) => health.failed(kind, retry_after, now()),
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.end(Some(FailureKind::Canceled), None, None, Progress::default());
    }
}
