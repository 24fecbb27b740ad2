//! A request, followed to its end, and the answer that is watched on its way.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::Stream;
use store::RequestRecord;

use super::Arrival;
use super::attempt::Attempt;
use super::table::Route;
use crate::caller::Caller;
use crate::caller_quota::settlement;
use crate::error::{FailureKind, ProviderError, RouterError};
use crate::metrics::{Metrics, OperationLabels};
use crate::otlp::{Ended, RequestTrace};
use crate::provider::{AnswerEvent, AnswerStream, Progress, Usage};
use crate::recorder::{Recorder, now};

/// Longest part of a model's name that is kept of a request.
const MAX_RECORDED_NAME: usize = 200;

/// Follows a request to its end and records that. Dropped before, the request was canceled.
pub(super) struct Watch {
    recorder: Recorder,
    metrics: Arc<Metrics>,
    labels: OperationLabels,
    caller: Caller,
    started: Instant,
    pub(super) trace: Option<RequestTrace>,
    pub(super) record: RequestRecord,
    /// About how many tokens the prompt has, once anybody is asked.
    prompt_tokens: Option<u64>,
    is_over: bool,
}

impl Watch {
    pub(super) fn begin(
        recorder: &Recorder,
        metrics: &Arc<Metrics>,
        operation: &'static str,
        caller: &Caller,
        arrival: Arrival,
        model: &str,
        is_stream: bool,
    ) -> Self {
        Self {
            recorder: recorder.clone(),
            metrics: Arc::clone(metrics),
            labels: OperationLabels {
                gen_ai_operation_name: operation,
                gen_ai_provider_name: String::new(),
                // Only names of the catalogue become labels: others are the client's to make up.
                gen_ai_request_model: String::new(),
            },
            caller: caller.clone(),
            started: Instant::now(),
            trace: arrival.trace,
            record: RequestRecord {
                id: arrival.request_id,
                key_id: caller.key_id.clone(),
                started_at: now(),
                operation: operation.to_owned(),
                requested_model: model.chars().take(MAX_RECORDED_NAME).collect(),
                deployment: None,
                outcome: String::new(),
                is_stream,
                first_token_ms: None,
                duration_ms: 0,
                prompt_tokens: 0,
                completion_tokens: 0,
                reasoning_tokens: 0,
                content: None,
            },
            prompt_tokens: None,
            is_over: false,
        }
    }

    /// What is asked for: `chat` or another operation.
    pub(super) fn operation(&self) -> &'static str {
        self.labels.gen_ai_operation_name
    }

    /// This deployment is asked now, by a prompt of about `prompt_tokens`.
    pub(super) fn is_asked(&mut self, route: &Route, prompt_tokens: u64) {
        self.prompt_tokens = Some(prompt_tokens);
        self.record.deployment = Some(route.label.clone());
        route
            .host
            .id()
            .clone_into(&mut self.labels.gen_ai_provider_name);
        self.labels.gen_ai_request_model.clone_from(&route.model.0);
    }

    /// The request failed before there was anything to answer.
    pub(super) fn failed(&mut self, error: &RouterError) {
        self.end(Some(error.kind()), Progress::default());
    }

    /// The request ended, with this kind of failure if any, after so much progress.
    fn end(&mut self, failure: Option<FailureKind>, progress: Progress) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        let duration = self.started.elapsed();
        let first_token = progress
            .first_token
            .map(|first| first.saturating_duration_since(self.started));
        self.metrics
            .ended(&self.labels, failure, duration, first_token, progress);

        let small = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let millis = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        // Who leaves before the first word has been worked for as well.
        let is_used = first_token.is_some() || failure == Some(FailureKind::Canceled);
        let prompt_tokens = self.prompt_tokens.filter(|_| is_used);
        let usage = prompt_tokens.map_or_else(Usage::default, |tokens| progress.estimate(tokens));
        let tokens = (usage.prompt_tokens + usage.completion_tokens) as u64;
        let used = settlement(&self.caller, tokens, now());
        self.recorder.count(used);
        let record = RequestRecord {
            outcome: failure.map_or("ok", FailureKind::as_str).to_owned(),
            first_token_ms: first_token.map(millis),
            duration_ms: millis(duration),
            prompt_tokens: small(usage.prompt_tokens),
            completion_tokens: small(usage.completion_tokens),
            reasoning_tokens: small(usage.reasoning_tokens),
            ..self.record.clone()
        };
        if let Some(trace) = &self.trace {
            let ended = Ended {
                failure,
                duration,
                first_token,
                usage: progress.usage,
            };
            trace.ended(&record, &self.labels, &ended);
        }
        self.recorder.request(record);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end(Some(FailureKind::Canceled), Progress::default());
    }
}

/// An answer that is watched: what becomes of it is recorded when it ends, or when it is dropped.
pub struct WatchedStream {
    stream: AnswerStream,
    attempt: Attempt,
    watch: Watch,
}

impl WatchedStream {
    pub(super) fn new(stream: AnswerStream, attempt: Attempt, watch: Watch) -> Self {
        Self {
            stream,
            attempt,
            watch,
        }
    }

    /// The server ends and breaks the answer off; it was not the client's doing.
    pub fn shut_down(&mut self) {
        self.end(Err(FailureKind::ShutDown));
    }

    fn end(&mut self, outcome: Result<Option<FailureKind>, FailureKind>) {
        let progress = self.stream.progress();
        match outcome {
            Ok(fault) => self.attempt.answered(fault, progress),
            Err(why) => self.attempt.given_up(why, progress),
        }
        let failure = outcome.unwrap_or_else(Some);
        self.watch.end(failure, progress);
    }
}

impl Stream for WatchedStream {
    type Item = Result<AnswerEvent, ProviderError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = self.stream.as_mut().poll_next(context);
        match &item {
            Poll::Ready(Some(Ok(AnswerEvent::Ended { fault, .. }))) => self.end(Ok(*fault)),
            Poll::Ready(Some(Err(error))) => {
                let progress = self.stream.progress();
                self.attempt.failed(&error.clone().into(), progress);
                self.watch.end(Some(error.kind), progress);
            }
            // A stream that ends without saying so was cut off.
            Poll::Ready(None) => self.end(Ok(Some(FailureKind::BrokenStream))),
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        item
    }
}

impl Drop for WatchedStream {
    fn drop(&mut self) {
        self.end(Err(FailureKind::Canceled));
    }
}
