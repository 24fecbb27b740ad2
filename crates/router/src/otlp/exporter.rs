//! The queue of spans, and the task that hands them to the collector.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::collector::{Collector, Sent};
use super::context::{Sampler, TraceContext};
use super::request::RequestTrace;
use super::span::{Attributes, Export, Span};
use super::{OtlpConfig, OtlpConfigError};
use crate::metrics::Metrics;
use crate::random_id::random_unit;

/// Spans that wait for the collector; more are dropped.
const MAX_WAITING: usize = 4096;
/// Spans of one export, and how long they are gathered before it.
const MAX_BATCH: usize = 512;
const GATHERING: Duration = Duration::from_secs(1);
/// Tries to export a batch, and the pause after the first failure, which doubles.
const MAX_ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// A collector that wants to be left alone for longer loses the batch.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long the last spans may take when the server ends.
const LAST_PATIENCE: Duration = Duration::from_secs(3);
/// How often at most the log tells of failures.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(60);

/// Who sends spans, not started yet.
pub struct Exporter {
    collector: Collector,
    resource: Attributes,
    sampler: Sampler,
    first_pause: Duration,
}

/// Where traces of requests begin, and the way of their spans to the collector. Clones share it.
#[derive(Clone)]
pub struct Tracer {
    spans: Sender<Span>,
    sampler: Sampler,
    metrics: Arc<Metrics>,
}

/// The task that exports.
pub struct TracerTask {
    task: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Exporter {
    /// # Errors
    /// What is wrong with the endpoint or the headers.
    pub fn new(config: &OtlpConfig) -> Result<Self, OtlpConfigError> {
        let mut resource = Attributes::default();
        let is_set = |name| config.resource.iter().any(|(key, _)| key == name);
        if !is_set("service.name") {
            resource.text("service.name", "freeway");
        }
        if !is_set("service.version") {
            resource.text("service.version", env!("CARGO_PKG_VERSION"));
        }
        for (key, value) in &config.resource {
            resource.text(key.clone(), value.clone());
        }
        Ok(Self {
            collector: Collector::new(config)?,
            resource,
            sampler: config.sampler,
            first_pause: FIRST_PAUSE,
        })
    }

    /// Starts the task. It counts what it exports and what is dropped in `metrics`.
    pub fn start(self, metrics: Arc<Metrics>) -> (Tracer, TracerTask) {
        let (tracer, spans) = Tracer::to_queue(MAX_WAITING, self.sampler, Arc::clone(&metrics));
        let (stop, stopped) = watch::channel(false);
        let sending = Sending {
            exporter: self,
            spans,
            stopped,
            metrics,
            complained: None,
            num_told: 0,
            untold: None,
        };
        let task = tokio::spawn(sending.run());
        (tracer, TracerTask { task, stop })
    }
}

impl Tracer {
    /// One whose spans go into a queue of this length.
    pub(super) fn to_queue(
        length: usize,
        sampler: Sampler,
        metrics: Arc<Metrics>,
    ) -> (Self, Receiver<Span>) {
        let (sender, spans) = mpsc::channel(length);
        let tracer = Self {
            spans: sender,
            sampler,
            metrics,
        };
        (tracer, spans)
    }

    /// Begins the trace of a request, whose client may have sent a `traceparent`; `None` if it is not
    /// to be traced. `route` is the pattern that matched, never the path.
    pub fn begin(
        &self,
        request_id: &str,
        method: &'static str,
        route: &str,
        traceparent: Option<&str>,
    ) -> Option<RequestTrace> {
        let parent = traceparent.and_then(TraceContext::parse);
        let context = self.sampler.context(parent.as_ref())?;
        Some(RequestTrace::new(
            self.clone(),
            context,
            parent,
            request_id,
            method,
            route,
        ))
    }

    /// Hands a span over. One that finds no room is dropped.
    pub(super) fn send(&self, span: Span) {
        if self.spans.try_send(span).is_err() {
            self.metrics.spans_dropped(1);
        }
    }
}

impl TracerTask {
    /// Exports what is left, for a few seconds at most.
    pub async fn finish(mut self) {
        let _ = self.stop.send(true);
        match timeout(LAST_PATIENCE, &mut self.task).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the exporter of traces ended badly"),
            Err(_) => {
                self.task.abort();
                tracing::warn!("the collector does not answer: the last traces are lost");
            }
        }
    }
}

struct Sending {
    exporter: Exporter,
    spans: Receiver<Span>,
    /// Becomes true when the server ends.
    stopped: watch::Receiver<bool>,
    metrics: Arc<Metrics>,
    /// When the log was told last that something is wrong.
    complained: Option<Instant>,
    /// Dropped spans that it was told of.
    num_told: u64,
    /// What it was not told, because it was told of something else shortly before.
    untold: Option<String>,
}

impl Sending {
    async fn run(mut self) {
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                count = self.spans.recv_many(&mut batch, MAX_BATCH) => {
                    if count == 0 {
                        return;
                    }
                    self.gather(&mut batch).await;
                    self.export(&mut batch).await;
                }
                () = end(&mut self.stopped) => break,
            }
        }
        self.spans.close();
        while self.spans.recv_many(&mut batch, MAX_BATCH).await > 0 {
            self.export(&mut batch).await;
        }
    }

    /// Waits for more, until there is enough for one export, the first has waited long enough, or
    /// the server ends.
    async fn gather(&mut self, batch: &mut Vec<Span>) {
        let deadline = Instant::now() + GATHERING;
        while batch.len() < MAX_BATCH {
            let room = MAX_BATCH - batch.len();
            tokio::select! {
                more = timeout_at(deadline, self.spans.recv_many(batch, room)) => match more {
                    Ok(1..) => {}
                    // Nobody can send any more, or the time is over.
                    Ok(0) | Err(_) => return,
                },
                () = end(&mut self.stopped) => return,
            }
        }
    }

    /// Hands a batch to the collector, or drops it.
    async fn export(&mut self, batch: &mut Vec<Span>) {
        let count = batch.len() as u64;
        let body = serde_json::to_vec(&Export::new(&self.exporter.resource, batch));
        batch.clear();
        match body {
            Ok(body) => self.send(body.into(), count).await,
            Err(error) => self.lose(count, &error.to_string()),
        }
        // Others may have found no room meanwhile.
        if self.metrics.num_spans_dropped() > self.num_told {
            let words = self.untold.take();
            self.complain(
                words
                    .as_deref()
                    .unwrap_or("there are more than are exported"),
            );
        }
    }

    async fn send(&mut self, body: Bytes, count: u64) {
        let mut pause = self.exporter.first_pause;
        let mut num_attempts = 0;
        loop {
            // When the server ends there is one more try, at once.
            let is_last = *self.stopped.borrow();
            num_attempts += 1;
            let (wait, words) = match self.exporter.collector.send(body.clone()).await {
                Sent::Taken {
                    num_rejected,
                    words,
                } => {
                    let num_rejected = num_rejected.min(count);
                    self.metrics.spans_exported(count - num_rejected);
                    if num_rejected > 0 || !words.is_empty() {
                        self.lose(num_rejected, &format!("the collector says {words:?}"));
                    }
                    return;
                }
                Sent::Refused { words } => return self.lose(count, &words),
                Sent::Later { wait, words } => (wait.unwrap_or_default(), words),
            };
            if num_attempts >= MAX_ATTEMPTS || wait > LONGEST_PAUSE || is_last {
                return self.lose(count, &words);
            }
            // Several servers do not come back at the same moment.
            let own = pause.mul_f64(0.5 + random_unit());
            pause *= 2;
            tokio::select! {
                () = sleep(own.max(wait)) => {}
                () = end(&mut self.stopped) => {}
            }
        }
    }

    fn lose(&mut self, count: u64, words: &str) {
        self.metrics.spans_dropped(count);
        self.complain(words);
    }

    /// Tells the log, but not too often.
    fn complain(&mut self, words: &str) {
        let now = Instant::now();
        let is_soon = |last: Instant| now - last < COMPLAINT_INTERVAL;
        if self.complained.is_some_and(is_soon) {
            self.untold = Some(words.to_owned());
            return;
        }
        self.complained = Some(now);
        let num_dropped = self.metrics.num_spans_dropped();
        let num_more = num_dropped - self.num_told;
        self.num_told = num_dropped;
        self.untold = None;
        tracing::warn!(
            why = words,
            num_dropped = num_more,
            "traces are not exported as they should"
        );
    }
}

/// Waits until the server ends, or nobody is left who could say so.
async fn end(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|&is_over| is_over).await;
}

#[cfg(test)]
mod tests;
