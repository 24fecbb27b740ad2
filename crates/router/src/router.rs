//! Finds who has a model, asks them, and watches the answer go by.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::Stream;
use store::{KeyId, RequestRecord, Timestamp};

use crate::error::{FailureKind, ProviderError, RouterError};
use crate::metrics::{Metrics, OperationLabels};
use crate::model_info::ModelInfo;
use crate::openai::{ChatRequest, CompletionRequest};
use crate::provider::{AnswerEvent, AnswerStream, Progress, Provider};
use crate::random_id::random_id;
use crate::recorder::{Recorder, now};

/// How alike a name must be to be suggested (Jaro-Winkler, 0 to 1), and how many are.
const MIN_SIMILARITY: f64 = 0.7;
const MAX_SUGGESTIONS: usize = 3;
/// Longest part of a model's name that is kept of a request.
const MAX_RECORDED_NAME: usize = 200;

/// The name that leaves the choice of the model to the router.
const AUTO: &str = "auto";

/// Who sends a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The key it came with; `None` where none is asked for.
    pub key_id: Option<KeyId>,
}

/// One model at one provider.
#[derive(Clone)]
struct Deployment {
    provider: Arc<dyn Provider>,
    info: ModelInfo,
}

impl Deployment {
    fn name(&self) -> String {
        format!("{}/{}", self.provider.id(), self.info.id)
    }
}

/// An answer that has begun.
pub struct Answer {
    /// Its name, such as `chatcmpl-…`.
    pub id: String,
    /// When it began, in seconds since 1970.
    pub created: i64,
    /// The model that answers.
    pub model: String,
    /// The answer as it comes.
    pub stream: WatchedStream,
}

/// The router.
pub struct Router {
    deployments: Vec<Deployment>,
    recorder: Recorder,
    metrics: Arc<Metrics>,
}

impl Router {
    /// A router over what these providers run now.
    ///
    /// # Errors
    /// If a provider cannot say what it runs.
    pub async fn new(
        providers: Vec<Arc<dyn Provider>>,
        recorder: Recorder,
        metrics: Arc<Metrics>,
    ) -> Result<Self, ProviderError> {
        let mut deployments = Vec::new();
        for provider in providers {
            for info in provider.models().await? {
                deployments.push(Deployment {
                    provider: Arc::clone(&provider),
                    info,
                });
            }
        }
        Ok(Self {
            deployments,
            recorder,
            metrics,
        })
    }

    /// Every model, the first choice first.
    pub fn models(&self) -> Vec<&ModelInfo> {
        self.deployments.iter().map(|one| &one.info).collect()
    }

    /// The model of this name.
    ///
    /// # Errors
    /// [`RouterError::ModelNotFound`].
    pub fn model(&self, name: &str) -> Result<&ModelInfo, RouterError> {
        self.find(name).map(|deployment| &deployment.info)
    }

    /// Why nothing can be answered at present, if that is so.
    pub fn unavailable(&self) -> Option<String> {
        let reasons: Vec<_> = self
            .deployments
            .iter()
            .map(|one| Some(format!("{}: {}", one.name(), one.provider.unavailable()?)))
            .collect();
        let reasons: Option<Vec<String>> = reasons.into_iter().collect();
        reasons.map(|reasons| match reasons.is_empty() {
            true => "there is no model".to_owned(),
            false => reasons.join("; "),
        })
    }

    /// Answers the next message of a conversation. `request_id` is the name of the request in the
    /// records.
    ///
    /// # Errors
    /// What keeps the answer from beginning. Later failures come in the stream.
    pub async fn chat(
        &self,
        caller: &Caller,
        request_id: String,
        request: &Arc<ChatRequest>,
    ) -> Result<Answer, RouterError> {
        let mut watch = self.watch("chat", caller, request_id, &request.model);
        watch.record.is_stream = request.is_stream();
        let deployment = watch.fail_on_error(self.find(&request.model))?;
        watch.is_asked(deployment);
        let stream = watch.fail_on_error(
            deployment
                .provider
                .chat(&deployment.info.provider_name, request)
                .await,
        )?;
        Ok(watch.answer("chatcmpl-", deployment, stream))
    }

    /// Continues a text.
    ///
    /// # Errors
    /// As [`Router::chat`].
    pub async fn complete(
        &self,
        caller: &Caller,
        request_id: String,
        request: &Arc<CompletionRequest>,
    ) -> Result<Answer, RouterError> {
        let mut watch = self.watch("text_completion", caller, request_id, &request.model);
        watch.record.is_stream = request.is_stream();
        let deployment = watch.fail_on_error(self.find(&request.model))?;
        watch.is_asked(deployment);
        let stream = watch.fail_on_error(
            deployment
                .provider
                .complete(&deployment.info.provider_name, request)
                .await,
        )?;
        Ok(watch.answer("cmpl-", deployment, stream))
    }

    /// Everything that can be counted, in the text form that Prometheus reads.
    pub fn metrics_text(&self) -> String {
        for deployment in &self.deployments {
            if let Some(load) = deployment.provider.load() {
                self.metrics.load(&deployment.provider.id().0, load);
            }
        }
        self.metrics.to_text()
    }

    /// The counters.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The way to the store, for others who have something to record.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    fn find(&self, name: &str) -> Result<&Deployment, RouterError> {
        let by_name = |one: &&Deployment| one.info.answers_to(name);
        let found = self.deployments.iter().find(by_name);
        let found = found.or_else(|| match name {
            name if name.eq_ignore_ascii_case(AUTO) => self.deployments.first(),
            _ => None,
        });
        found.ok_or_else(|| RouterError::ModelNotFound {
            model: name.chars().take(MAX_RECORDED_NAME).collect(),
            similar: self.similar(name),
        })
    }

    /// Names that are like `name`.
    fn similar(&self, name: &str) -> Vec<String> {
        let name: String = name.to_ascii_lowercase();
        let name: String = name.chars().take(MAX_RECORDED_NAME).collect();
        let score = |info: &ModelInfo| {
            let names = std::iter::once(info.id.0.as_str());
            let names = names.chain(info.aliases.iter().map(String::as_str));
            names
                .map(|other| strsim::jaro_winkler(&name, &other.to_ascii_lowercase()))
                .fold(0.0, f64::max)
        };
        let mut near: Vec<_> = self
            .deployments
            .iter()
            .map(|one| (score(&one.info), one.info.id.0.clone()))
            .filter(|(score, _)| *score >= MIN_SIMILARITY)
            .collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0));
        near.dedup_by(|a, b| a.1 == b.1);
        near.truncate(MAX_SUGGESTIONS);
        near.into_iter().map(|(_, name)| name).collect()
    }

    fn watch(
        &self,
        operation: &'static str,
        caller: &Caller,
        request_id: String,
        model: &str,
    ) -> Watch {
        Watch {
            recorder: self.recorder.clone(),
            metrics: Arc::clone(&self.metrics),
            labels: OperationLabels {
                gen_ai_operation_name: operation,
                gen_ai_provider_name: String::new(),
                // Only names of the catalogue become labels: others are the client's to make up.
                gen_ai_request_model: String::new(),
            },
            started: Instant::now(),
            record: RequestRecord {
                id: request_id,
                key_id: caller.key_id.clone(),
                started_at: now(),
                operation: operation.to_owned(),
                requested_model: model.chars().take(MAX_RECORDED_NAME).collect(),
                deployment: None,
                outcome: String::new(),
                is_stream: false,
                first_token_ms: None,
                duration_ms: 0,
                prompt_tokens: 0,
                completion_tokens: 0,
                reasoning_tokens: 0,
                content: None,
            },
            is_over: false,
        }
    }
}

/// Follows a request to its end and records that. Dropped before, the request was canceled.
struct Watch {
    recorder: Recorder,
    metrics: Arc<Metrics>,
    labels: OperationLabels,
    started: Instant,
    record: RequestRecord,
    is_over: bool,
}

impl Watch {
    fn is_asked(&mut self, deployment: &Deployment) {
        self.record.deployment = Some(deployment.name());
        self.labels.gen_ai_provider_name = deployment.provider.id().0.clone();
        self.labels.gen_ai_request_model = deployment.info.id.0.clone();
    }

    fn fail_on_error<T>(&mut self, result: Result<T, RouterError>) -> Result<T, RouterError> {
        if let Err(error) = &result {
            self.end(Some(error.kind()), Progress::default());
        }
        result
    }

    fn answer(self, prefix: &str, deployment: &Deployment, stream: AnswerStream) -> Answer {
        let Timestamp(ms) = self.record.started_at;
        Answer {
            id: random_id(prefix),
            created: ms / 1000,
            model: deployment.info.id.0.clone(),
            stream: WatchedStream {
                stream,
                watch: self,
            },
        }
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
        let usage = progress.usage.unwrap_or_default();
        self.recorder.request(RequestRecord {
            outcome: failure.map_or("ok", FailureKind::as_str).to_owned(),
            first_token_ms: first_token.map(millis),
            duration_ms: millis(duration),
            prompt_tokens: small(usage.prompt_tokens),
            completion_tokens: small(usage.completion_tokens),
            reasoning_tokens: small(usage.reasoning_tokens),
            ..self.record.clone()
        });
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
    watch: Watch,
}

impl WatchedStream {
    /// The server ends and breaks the answer off; it was not the client's doing.
    pub fn shut_down(&mut self) {
        let progress = self.stream.progress();
        self.watch.end(Some(FailureKind::ShutDown), progress);
    }
}

impl Stream for WatchedStream {
    type Item = Result<AnswerEvent, ProviderError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = self.stream.as_mut().poll_next(context);
        let failure = match &item {
            Poll::Ready(Some(Ok(AnswerEvent::Ended { fault, .. }))) => *fault,
            Poll::Ready(Some(Err(error))) => Some(error.kind),
            // A stream that ends without saying so was cut off.
            Poll::Ready(None) => Some(FailureKind::Internal),
            Poll::Ready(Some(Ok(_))) | Poll::Pending => return item,
        };
        let progress = self.stream.progress();
        self.watch.end(failure, progress);
        item
    }
}

impl Drop for WatchedStream {
    fn drop(&mut self) {
        let progress = self.stream.progress();
        self.watch.end(Some(FailureKind::Canceled), progress);
    }
}
