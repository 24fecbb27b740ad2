//! Models that somebody else runs, asked over HTTP in OpenAI's API.
//!
//! * `client`: connections, and the phases of an exchange with their deadlines.
//! * `relay`: a stream on its way from the host to the client; `sse` cuts it into events.
//! * `whole`: an answer in one piece.
//! * `judge`: whether what came is an answer, `repair`: mends Harmony that got into words.
//! * `classify`: what an error means, and whose fault it is; `rate`: what headers say of quotas.
//!
//! A request goes out as the client sent it but for the name of the model, and an answer goes on as
//! the host sent it.

mod classify;
pub(crate) mod client;
mod judge;
pub(crate) mod rate;
mod relay;
mod repair;
mod schema;
mod sse;
mod whole;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, StatusCode};
use tokio::time::{Instant, timeout_at};

pub use classify::{MAX_ERROR_BYTES, classify};
pub use sse::{EventTooLong, MAX_EVENT_BYTES, SseEvent, SseSplitter, sse_events};

use super::{
    AccountLimits, AnswerStream, EndpointStatus, ListSource, Load, Provider, ProviderId,
    QuotaReport, QuotaWindow,
};
use crate::catalog::{openai_list, openrouter};
use crate::config::{ConfigError, FreeRule, ListedModel, ModelList, ProviderConfig, StreamUsage};
use crate::error::{FailureKind, InvalidRequest, ProviderError, RouterError};
use crate::model_info::{ModelId, ModelInfo, ModelSpec};
use crate::openai::upstream::{Rewrite, openrouter_quota, rewritten};
use crate::openai::{ChatRequest, CompletionRequest};
use crate::otlp::TraceContext;
use crate::recorder::now;
use client::{Client, CollectError, Exchange, Question, body_error};
use judge::{Judge, Wishes};
use relay::{Relay, RelayOptions};
use whole::Told;

/// A host of models.
pub struct UpstreamProvider {
    id: ProviderId,
    config: ProviderConfig,
    client: Client,
    /// The last word on each quota that nobody has taken yet.
    reports: Mutex<Vec<QuotaReport>>,
}

/// What is asked of a model, whichever API.
struct Ask<'a> {
    path: &'static str,
    model: &'a str,
    body: &'a Bytes,
    is_stream: bool,
    wants_usage: bool,
    wishes: Wishes,
}

impl UpstreamProvider {
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(config: ProviderConfig) -> Result<Self, ConfigError> {
        let client = Client::new(&config).map_err(|message| ConfigError {
            provider: config.id.clone(),
            message,
        })?;
        Ok(Self {
            id: ProviderId(config.id.clone()),
            config,
            client,
            reports: Mutex::default(),
        })
    }

    async fn ask(&self, ask: Ask<'_>) -> Result<AnswerStream, RouterError> {
        let stream_usage = self.config.dialect.stream_usage;
        let rewrite = Rewrite {
            model: ask.model,
            asks_usage: ask.is_stream && stream_usage == StreamUsage::OnRequest,
            takes_stream_options: stream_usage != StreamUsage::Never,
            takes_wishes: self.config.dialect.is_openrouter,
            max_tokens: self.config.dialect.max_tokens,
        };
        let body = rewritten(ask.body, rewrite)
            .ok_or_else(|| InvalidRequest::new("the body must be a JSON object"))?;
        let started = Instant::now();
        let question = Question {
            method: Method::POST,
            path: ask.path,
            body,
            accept: match ask.is_stream {
                true => "text/event-stream",
                false => "application/json",
            },
            trace: match self.config.sends_trace {
                true => TraceContext::current(),
                false => None,
            },
        };
        // An answer in one piece has its head when it is complete.
        let patience = match ask.is_stream {
            true => self.config.timeouts.first_byte,
            false => self.config.timeouts.whole,
        };
        let mut exchange = self.client.ask(question, patience).await?;
        self.note_quotas(&exchange);
        if exchange.status != StatusCode::OK {
            return Err(self.refusal(&mut exchange, started).await.into());
        }
        let judge = Judge::new(ask.wishes);
        match (exchange.content_type().as_str(), ask.is_stream) {
            ("text/event-stream" | "", true) => {
                let options = RelayOptions {
                    name: self.config.id.clone(),
                    started,
                    timeouts: self.config.timeouts,
                    max_bytes: self.config.bounds.max_stream_bytes,
                    wants_usage: ask.wants_usage,
                };
                let mut relay = Box::pin(Relay::new(exchange, judge, options));
                relay.begin().await?;
                Ok(relay)
            }
            ("application/json" | "text/json" | "", _) => {
                let most = self.config.bounds.max_answer_bytes;
                let deadline = started + self.config.timeouts.whole;
                let body = self.collect(&mut exchange, most, deadline).await?;
                let told = Told::new(body, &exchange.headers, judge, ask.is_stream);
                let told = told.map_err(|error| self.named(error))?;
                Ok(Box::pin(told))
            }
            (kind, _) => {
                let words = format!("it answered with {kind:?} where JSON or events belong");
                Err(self.invalid(FailureKind::InvalidResponse, words).into())
            }
        }
    }

    /// Asks something small; the body of the answer.
    async fn get(&self, path: &str) -> Result<Bytes, ProviderError> {
        let started = Instant::now();
        let patience = self.config.timeouts.list;
        let deadline = started + patience;
        let mut exchange = self.client.ask(Question::get(path), patience).await?;
        self.note_quotas(&exchange);
        if exchange.status != StatusCode::OK {
            return Err(self.refusal(&mut exchange, started).await);
        }
        let most = self.config.bounds.max_list_bytes;
        self.collect(&mut exchange, most, deadline).await
    }

    /// The whole body of an answer of 200.
    async fn collect(
        &self,
        exchange: &mut Exchange,
        max_bytes: usize,
        deadline: Instant,
    ) -> Result<Bytes, ProviderError> {
        match timeout_at(deadline, exchange.collect(max_bytes)).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(CollectError::TooLong)) => {
                let words = format!("the answer has more than {max_bytes} bytes");
                Err(self.invalid(FailureKind::InvalidResponse, words))
            }
            Ok(Err(CollectError::Broken(error))) => {
                let (kind, words) = body_error(&error);
                Err(self.invalid(kind, words))
            }
            Err(_) => {
                let words = "the answer took too long to its end".to_owned();
                Err(self.invalid(FailureKind::Timeout, words))
            }
        }
    }

    /// What an answer that is none by its status means.
    async fn refusal(&self, exchange: &mut Exchange, started: Instant) -> ProviderError {
        let deadline = started + self.config.timeouts.whole;
        // The status alone says most: a body that does not come is done without.
        let body = timeout_at(deadline, exchange.collect(MAX_ERROR_BYTES)).await;
        let body = body.ok().and_then(Result::ok).unwrap_or_default();
        let status = exchange.status.as_u16();
        self.named(classify(status, &exchange.headers, &body, now()))
    }

    fn named(&self, error: ProviderError) -> ProviderError {
        ProviderError {
            message: format!("{}: {}", self.id, error.message),
            ..error
        }
    }

    fn invalid(&self, kind: FailureKind, words: String) -> ProviderError {
        ProviderError {
            http_status: Some(200),
            ..self.client.error(kind, words)
        }
    }

    fn note_quotas(&self, exchange: &Exchange) {
        let names = self.config.dialect.rate_headers;
        for report in rate::quota_reports(&exchange.headers, names, now()) {
            self.note(report);
        }
    }

    fn note(&self, report: QuotaReport) {
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        reports.retain(|known| known.window != report.window);
        reports.push(report);
    }

    /// What the list says that is offered for nothing.
    async fn listed(&self) -> Result<Vec<ModelInfo>, ProviderError> {
        let name = &self.config.id;
        let list = match &self.config.list {
            ModelList::Fixed(models) => return Ok(fixed(models)),
            ModelList::OpenRouter => openrouter::parse_models(name, &self.get("/models").await?),
            ModelList::OpenAi => openai_list::parse_models(name, &self.get("/models").await?),
        };
        let unreadable = |words| self.invalid(FailureKind::InvalidResponse, words);
        let list = list.map_err(|error| unreadable(error.to_string()))?;
        // A server of one's own may have nothing yet; of OpenRouter nobody would believe it.
        let is_empty = list.models.is_empty() && list.num_not_offered == 0;
        match is_empty && self.config.list == ModelList::OpenRouter {
            true => Err(unreadable("its list of models is empty".to_owned())),
            false => Ok(list.models),
        }
    }
}

/// The models of a configuration that lists them itself.
fn fixed(models: &[ListedModel]) -> Vec<ModelInfo> {
    let info = |model: &ListedModel| ModelInfo {
        id: ModelId(model.id.clone()),
        provider_name: model.name.clone(),
        aliases: match model.id == model.name {
            true => Vec::new(),
            false => vec![model.name.clone()],
        },
        owned_by: model.id.split('/').next().unwrap_or_default().to_owned(),
        spec: ModelSpec {
            name: model.id.clone(),
            ..ModelSpec::default()
        },
    };
    models.iter().map(info).collect()
}

#[async_trait]
impl Provider for UpstreamProvider {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    async fn models(&self) -> Result<Vec<ModelInfo>, ProviderError> {
        let mut models = self.listed().await?;
        if let FreeRule::Named(names) = &self.config.free {
            models.retain(|model| names.contains(&model.provider_name));
        }
        for model in &mut models {
            let spec = &mut model.spec;
            spec.trains_on_prompts = spec.trains_on_prompts.or(self.config.trains_on_prompts);
        }
        Ok(models)
    }

    fn list_source(&self) -> ListSource {
        self.config.list_source()
    }

    async fn endpoint_status(&self, model: &str) -> Result<Option<EndpointStatus>, ProviderError> {
        if !self.config.dialect.is_openrouter {
            return Ok(None);
        }
        let body = match self.get(&format!("/models/{model}/endpoints")).await {
            Ok(body) => body,
            // Not there any more, whatever the list says.
            Err(error) if error.http_status == Some(404) => {
                return Ok(Some(EndpointStatus::default()));
            }
            Err(error) => return Err(error),
        };
        let status = openrouter::parse_endpoints(&body)
            .map_err(|error| self.invalid(FailureKind::InvalidResponse, error.to_string()))?;
        Ok(Some(status))
    }

    async fn chat(
        &self,
        model: &str,
        request: &Arc<ChatRequest>,
    ) -> Result<AnswerStream, RouterError> {
        self.ask(Ask {
            path: "/chat/completions",
            model,
            body: &request.body,
            is_stream: request.is_stream(),
            wants_usage: request.includes_usage(),
            wishes: Wishes::of_chat(request, self.config.dialect.leaks_harmony),
        })
        .await
    }

    async fn complete(
        &self,
        model: &str,
        request: &Arc<CompletionRequest>,
    ) -> Result<AnswerStream, RouterError> {
        self.ask(Ask {
            path: "/completions",
            model,
            body: &request.body,
            is_stream: request.is_stream(),
            wants_usage: request.includes_usage(),
            wishes: Wishes::of_completion(request),
        })
        .await
    }

    fn limits(&self) -> AccountLimits {
        self.config.limits
    }

    fn honors_data_policy(&self) -> bool {
        // `provider.data_collection` goes out as it came, and OpenRouter keeps to it.
        self.config.dialect.is_openrouter
    }

    fn take_quota_reports(&self) -> Vec<QuotaReport> {
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *reports)
    }

    async fn ask_quota(&self) -> Result<Vec<QuotaReport>, ProviderError> {
        if !self.config.dialect.is_openrouter || self.config.api_key.is_none() {
            return Ok(Vec::new());
        }
        let body = self.get("/key").await?;
        let report = openrouter_quota(&body).map(|(limit, remaining)| QuotaReport {
            window: QuotaWindow::RequestsPerDay,
            limit,
            remaining,
            resets_in: Some(rate::until_midnight(now())),
        });
        Ok(report.into_iter().collect())
    }

    fn address(&self) -> Option<(&str, u16)> {
        self.client.address()
    }

    fn unavailable(&self) -> Option<String> {
        None
    }

    fn load(&self) -> Option<Load> {
        let (in_flight, max_in_flight) = self.client.load();
        Some(Load {
            in_flight,
            max_in_flight,
        })
    }
}
