//! What can be counted, in the text form that Prometheus reads.
//!
//! Names are those of the OpenTelemetry conventions for generative AI where they have one. Labels
//! take few values: operations, providers, models of the catalogue, kinds of failure; never
//! anything that a client can make up. A histogram is some twenty lines for each set of labels, so
//! only the first so many models have histograms of their own.

mod labels;

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::breaker::Admission;
use crate::error::FailureKind;
use crate::provider::{Load, Progress, QuotaWindow};
use labels::{
    AttemptLabels, DeploymentLabels, HttpLabels, ModelLabels, OutcomeLabels, ProviderLabels,
    QuotaLabels, TokenLabels,
};

pub(crate) use labels::OperationLabels;

/// Bounds of the duration histograms, in seconds: those of the conventions.
const DURATION_BUCKETS: [f64; 14] = [
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
/// Bounds of the time to the first token.
const FIRST_TOKEN_BUCKETS: [f64; 16] = [
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
/// Bounds of the time for each token after the first.
const PER_TOKEN_BUCKETS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5,
];
/// Bounds of the number of tokens.
const TOKEN_BUCKETS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

type HistogramFamily<L> = Family<L, Histogram, fn() -> Histogram>;

/// Every counter of the program.
pub struct Metrics {
    registry: Registry,
    models: ModelLabels,
    attempt_duration: HistogramFamily<OutcomeLabels>,
    attempt_first_token: HistogramFamily<OperationLabels>,
    duration: HistogramFamily<OutcomeLabels>,
    first_token: HistogramFamily<OperationLabels>,
    per_token: HistogramFamily<OperationLabels>,
    tokens: HistogramFamily<TokenLabels>,
    in_flight: Family<ProviderLabels, Gauge>,
    max_in_flight: Family<ProviderLabels, Gauge>,
    attempts: Family<AttemptLabels, Counter>,
    quota_remaining: Family<QuotaLabels, Gauge>,
    breaker_state: Family<DeploymentLabels, Gauge>,
    http_responses: Family<HttpLabels, Counter>,
    records_lost: Counter,
    pub(crate) spans_exported: Counter,
    spans_dropped: Counter,
    resident_bytes: Gauge<i64>,
    uptime: Gauge<f64, AtomicU64>,
    started: std::time::Instant,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let attempt_duration: HistogramFamily<OutcomeLabels> =
            Family::new_with_constructor(|| Histogram::new(DURATION_BUCKETS));
        let attempt_first_token: HistogramFamily<OperationLabels> =
            Family::new_with_constructor(|| Histogram::new(FIRST_TOKEN_BUCKETS));
        let duration: HistogramFamily<OutcomeLabels> =
            Family::new_with_constructor(|| Histogram::new(DURATION_BUCKETS));
        let first_token: HistogramFamily<OperationLabels> =
            Family::new_with_constructor(|| Histogram::new(FIRST_TOKEN_BUCKETS));
        let per_token: HistogramFamily<OperationLabels> =
            Family::new_with_constructor(|| Histogram::new(PER_TOKEN_BUCKETS));
        let tokens: HistogramFamily<TokenLabels> =
            Family::new_with_constructor(|| Histogram::new(TOKEN_BUCKETS));
        let in_flight = Family::<ProviderLabels, Gauge>::default();
        let max_in_flight = Family::<ProviderLabels, Gauge>::default();
        let attempts = Family::<AttemptLabels, Counter>::default();
        let quota_remaining = Family::<QuotaLabels, Gauge>::default();
        let breaker_state = Family::<DeploymentLabels, Gauge>::default();
        let http_responses = Family::<HttpLabels, Counter>::default();
        let records_lost = Counter::default();
        let spans_exported = Counter::default();
        let spans_dropped = Counter::default();
        let resident_bytes = Gauge::<i64>::default();
        let uptime = Gauge::<f64, AtomicU64>::default();

        registry.register_with_unit(
            "gen_ai_client_operation_duration",
            "From the asking of a deployment to the end of its answer or its failure",
            Unit::Seconds,
            attempt_duration.clone(),
        );
        registry.register_with_unit(
            "gen_ai_client_operation_time_to_first_chunk",
            "From the asking of a deployment to the first token of its answer",
            Unit::Seconds,
            attempt_first_token.clone(),
        );
        registry.register_with_unit(
            "gen_ai_server_request_duration",
            "From the arrival of a request to the end of its answer",
            Unit::Seconds,
            duration.clone(),
        );
        registry.register_with_unit(
            "gen_ai_server_time_to_first_token",
            "From the arrival of a request to the first token of its answer",
            Unit::Seconds,
            first_token.clone(),
        );
        registry.register_with_unit(
            "gen_ai_server_time_per_output_token",
            "Between one token and the next, as a mean over an answer",
            Unit::Seconds,
            per_token.clone(),
        );
        registry.register(
            "gen_ai_client_token_usage",
            "Tokens of a request, by type",
            tokens.clone(),
        );
        registry.register(
            "freeway_requests_in_flight",
            "Requests that run or wait at a provider",
            in_flight.clone(),
        );
        registry.register(
            "freeway_requests_in_flight_limit",
            "The most requests that may run or wait at a provider",
            max_in_flight.clone(),
        );
        registry.register(
            "freeway_attempts",
            "Attempts at deployments, by how they ended and whose fault it was",
            attempts.clone(),
        );
        registry.register(
            "freeway_quota_remaining",
            "What is left of the quotas of our accounts, in requests or tokens",
            quota_remaining.clone(),
        );
        registry.register(
            "freeway_breaker_state",
            "Whether a deployment is asked: 0 yes, 1 by one request at a time, 2 no",
            breaker_state.clone(),
        );
        registry.register(
            "freeway_http_responses",
            "Answers to HTTP requests, by route, method and status",
            http_responses.clone(),
        );
        registry.register(
            "freeway_records_lost",
            "Records of requests that could not be written to the store",
            records_lost.clone(),
        );
        registry.register(
            "freeway_otlp_spans_exported",
            "Spans of traces that the collector took",
            spans_exported.clone(),
        );
        registry.register(
            "freeway_otlp_spans_dropped",
            "Spans of traces that found no room in the queue or were not taken",
            spans_dropped.clone(),
        );
        registry.register_with_unit(
            "process_resident_memory",
            "Memory that the process holds",
            Unit::Bytes,
            resident_bytes.clone(),
        );
        registry.register_with_unit(
            "freeway_uptime",
            "Since the process began to serve",
            Unit::Seconds,
            uptime.clone(),
        );
        Self {
            registry,
            models: ModelLabels::default(),
            attempt_duration,
            attempt_first_token,
            duration,
            first_token,
            per_token,
            tokens,
            in_flight,
            max_in_flight,
            attempts,
            quota_remaining,
            breaker_state,
            http_responses,
            records_lost,
            spans_exported,
            spans_dropped,
            resident_bytes,
            uptime,
            started: std::time::Instant::now(),
        }
    }
}

impl Metrics {
    /// An answer ended, well if there is no failure.
    pub(crate) fn ended(
        &self,
        labels: &OperationLabels,
        failure: Option<FailureKind>,
        duration: Duration,
        first_token: Option<Duration>,
        progress: Progress,
    ) {
        let labels = &OperationLabels {
            gen_ai_request_model: self.models.of(&labels.gen_ai_request_model).to_owned(),
            ..labels.clone()
        };
        let outcome = OutcomeLabels {
            gen_ai_operation_name: labels.gen_ai_operation_name,
            gen_ai_provider_name: labels.gen_ai_provider_name.clone(),
            gen_ai_request_model: labels.gen_ai_request_model.clone(),
            error_type: failure.map_or("", FailureKind::as_str),
        };
        let seconds = duration.as_secs_f64();
        self.duration.get_or_create(&outcome).observe(seconds);
        if let Some(first) = first_token {
            let first = first.as_secs_f64();
            self.first_token.get_or_create(labels).observe(first);
        }
        if let Some(time) = progress.per_token {
            let time = time.as_secs_f64();
            self.per_token.get_or_create(labels).observe(time);
        }
        let usage = progress.usage;
        for (kind, count) in usage
            .map(|usage| {
                [
                    ("input", usage.prompt_tokens),
                    ("output", usage.completion_tokens),
                ]
            })
            .into_iter()
            .flatten()
        {
            let labels = TokenLabels {
                gen_ai_operation_name: labels.gen_ai_operation_name,
                gen_ai_provider_name: labels.gen_ai_provider_name.clone(),
                gen_ai_request_model: labels.gen_ai_request_model.clone(),
                gen_ai_token_type: kind,
            };
            self.tokens.get_or_create(&labels).observe(count as f64);
        }
    }

    /// An attempt ended, well if there is no failure.
    pub(crate) fn attempt(
        &self,
        asked: &OperationLabels,
        failure: Option<FailureKind>,
        duration: Duration,
        first_token: Option<Duration>,
    ) {
        let error_type = failure.map_or("", FailureKind::as_str);
        let labels = AttemptLabels {
            gen_ai_provider_name: asked.gen_ai_provider_name.clone(),
            gen_ai_request_model: asked.gen_ai_request_model.clone(),
            error_type,
            fault_domain: failure.map_or("", |kind| kind.fault_domain().as_str()),
        };
        self.attempts.get_or_create(&labels).inc();
        let model = self.models.of(&asked.gen_ai_request_model);
        let outcome = OutcomeLabels {
            gen_ai_operation_name: asked.gen_ai_operation_name,
            gen_ai_provider_name: labels.gen_ai_provider_name,
            gen_ai_request_model: model.to_owned(),
            error_type,
        };
        let seconds = duration.as_secs_f64();
        self.attempt_duration
            .get_or_create(&outcome)
            .observe(seconds);
        if let Some(first) = first_token {
            let labels = OperationLabels {
                gen_ai_operation_name: outcome.gen_ai_operation_name,
                gen_ai_provider_name: outcome.gen_ai_provider_name,
                gen_ai_request_model: outcome.gen_ai_request_model,
            };
            let first = first.as_secs_f64();
            self.attempt_first_token
                .get_or_create(&labels)
                .observe(first);
        }
    }

    /// What is left of a quota of our account.
    pub(crate) fn quota(&self, provider: &str, window: QuotaWindow, remaining: u64) {
        let labels = QuotaLabels {
            gen_ai_provider_name: provider.to_owned(),
            window: window.as_str(),
        };
        let remaining = i64::try_from(remaining).unwrap_or(i64::MAX);
        self.quota_remaining.get_or_create(&labels).set(remaining);
    }

    /// Whether a deployment is asked: 0 if it is, 1 if it is being tried, 2 if it is left alone.
    pub(crate) fn breaker(&self, provider: &str, model: &str, state: Admission) {
        let labels = DeploymentLabels {
            gen_ai_provider_name: provider.to_owned(),
            gen_ai_request_model: model.to_owned(),
        };
        let state = match state {
            Admission::Closed => 0,
            Admission::HalfOpen => 1,
            Admission::Open { .. } => 2,
        };
        self.breaker_state.get_or_create(&labels).set(state);
    }

    /// An HTTP request was answered. `route` is the pattern that matched, never the path.
    pub fn http_response(&self, route: &str, method: &str, status: u16) {
        let labels = HttpLabels {
            route: route.to_owned(),
            method: method.to_owned(),
            status,
        };
        self.http_responses.get_or_create(&labels).inc();
    }

    /// So many records could not be written.
    pub(crate) fn records_lost(&self, count: usize) {
        self.records_lost.inc_by(count as u64);
    }

    /// The collector of traces took so many spans.
    pub(crate) fn spans_exported(&self, count: u64) {
        self.spans_exported.inc_by(count);
    }

    /// So many spans were not exported.
    pub(crate) fn spans_dropped(&self, count: u64) {
        self.spans_dropped.inc_by(count);
    }

    /// How many were not, in all.
    pub(crate) fn num_spans_dropped(&self) -> u64 {
        self.spans_dropped.get()
    }

    /// How busy a provider is.
    pub(crate) fn load(&self, provider: &str, load: Load) {
        let labels = ProviderLabels {
            gen_ai_provider_name: provider.to_owned(),
        };
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.in_flight
            .get_or_create(&labels)
            .set(gauge(load.in_flight));
        self.max_in_flight
            .get_or_create(&labels)
            .set(gauge(load.max_in_flight));
    }

    /// Everything, as text.
    pub(crate) fn to_text(&self) -> String {
        if let Some(bytes) = resident_bytes() {
            self.resident_bytes.set(bytes);
        }
        self.uptime.set(self.started.elapsed().as_secs_f64());
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// Memory of this process, where the system tells.
fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kibibytes: i64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests;
