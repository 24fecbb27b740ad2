//! Finds who could answer a request, asks them one after the other until one does, and watches the
//! answer go by.

mod asked;
mod attempt;
mod chain;
mod explain;
mod hosts;
mod routes;
mod table;
mod targets;
#[cfg(test)]
mod tests;
mod watch;
mod wishes;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use store::{DeploymentKey, Resolution, Store, SumQuery, Timestamp};

use crate::accounts::Accounts;
use crate::breaker::Admission;
use crate::caller::Caller;
use crate::caller_quota::{CallerQuota, QuotaState};
use crate::catalog::{Catalog, Model};
use crate::error::{FaultDomain, RouterError};
use crate::health::Health;
use crate::metrics::Metrics;
use crate::openai::{ChatRequest, CompletionRequest};
use crate::otlp::{RequestTrace, Tracer};
use crate::provider::Provider;
use crate::quota::QuotaAdmission;
use crate::random_id::random_id;
use crate::recorder::{Recorder, now};
use crate::reliability;
use asked::Asked;
use chain::Begun;
use table::Table;
use watch::Watch;

pub use attempt::AttemptSummary;
pub use hosts::{HostState, Resting};
pub use routes::RouteStatus;
pub use targets::AUTO;
pub use watch::WatchedStream;

/// How far back it matters how a deployment did.
const REMEMBERED_MS: i64 = 24 * 3600 * 1000;

/// How to route.
#[derive(Clone, Debug, PartialEq)]
pub struct RouterConfig {
    /// How long a request may take until there is something to say.
    pub time_budget: Duration,
    /// The most attempts of a request.
    pub max_attempts: usize,
    /// The probability that a deployment little is known of is asked first, 0 to 1.
    pub exploration: f64,
}

impl Default for RouterConfig {
    fn default() -> Self {
        Self {
            time_budget: Duration::from_secs(120),
            max_attempts: 12,
            exploration: 0.02,
        }
    }
}

/// What comes with a request beside what it asks for.
#[derive(Clone)]
pub struct Arrival {
    /// The name of the request in the records.
    pub request_id: String,
    /// Its trace, if it is traced.
    pub trace: Option<RequestTrace>,
}

impl From<String> for Arrival {
    /// A request of this name that is not traced.
    fn from(request_id: String) -> Self {
        Self {
            request_id,
            trace: None,
        }
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
    /// Who answers, `provider/name`.
    pub deployment: String,
    /// Who was asked, in order; the last one answers.
    pub trail: Vec<AttemptSummary>,
    /// What is left of the caller's quota, if they have one.
    pub quota: Option<QuotaState>,
    /// The answer as it comes.
    pub stream: WatchedStream,
}

/// The router.
pub struct Router {
    accounts: Accounts,
    health: Mutex<HashMap<DeploymentKey, Arc<Health>>>,
    table: RwLock<Arc<Table>>,
    caller_quota: CallerQuota,
    store: Arc<dyn Store>,
    config: RouterConfig,
    recorder: Recorder,
    metrics: Arc<Metrics>,
    tracer: Option<Tracer>,
    list_problems: RwLock<Arc<[String]>>,
}

impl Router {
    /// A router over the providers of these accounts. It knows no model until
    /// [`Router::set_catalog`].
    pub fn new(
        accounts: Accounts,
        config: RouterConfig,
        store: Arc<dyn Store>,
        recorder: Recorder,
        metrics: Arc<Metrics>,
    ) -> Self {
        let table = Table::new(Arc::default(), &accounts, &mut HashMap::new());
        Self {
            accounts,
            health: Mutex::default(),
            table: RwLock::new(Arc::new(table)),
            caller_quota: CallerQuota::of_server(Arc::clone(&store), &recorder),
            store,
            config,
            recorder,
            metrics,
            tracer: None,
            list_problems: RwLock::new(Arc::new([])),
        }
    }

    /// The same, with a way for traces of its requests.
    #[must_use]
    pub fn with_tracer(self, tracer: Tracer) -> Self {
        let tracer = Some(tracer);
        Self { tracer, ..self }
    }

    /// Where traces of requests begin, if requests are traced.
    pub fn tracer(&self) -> Option<&Tracer> {
        self.tracer.as_ref()
    }

    /// Routes by this catalogue from now on. Requests under way go on with the one before.
    pub fn set_catalog(&self, catalog: Arc<Catalog>) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let table = Arc::new(Table::new(catalog, &self.accounts, &mut health));
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = table;
    }

    /// What keeps the catalogue from being up to date, for [`Router::degraded`].
    pub fn set_list_problems(&self, problems: Arc<[String]>) {
        let known = self.list_problems.write();
        *known.unwrap_or_else(PoisonError::into_inner) = problems;
    }

    /// The catalogue in use.
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.table().catalog)
    }

    /// The providers, by id.
    pub fn providers(&self) -> Vec<Arc<dyn Provider>> {
        let mut all: Vec<_> = self
            .accounts
            .hosts()
            .map(|host| Arc::clone(&host.provider))
            .collect();
        all.sort_by(|a, b| a.id().0.cmp(&b.id().0));
        all
    }

    /// The accounts at them.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    fn table(&self) -> Arc<Table> {
        Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether somebody can be asked for this model now by this caller.
    pub fn is_routable(&self, model: &Model, caller: &Caller) -> bool {
        let table = self.table();
        let mut routes = table.routes_of(&model.id.0).iter();
        routes.any(|route| wishes::left_out(route, &caller.preferences).is_none())
    }

    /// Why nothing can be answered at present, if that is so.
    pub fn unavailable(&self) -> Option<String> {
        let table = self.table();
        let reasons: Vec<_> = table
            .routes()
            .map(|one| {
                Some(format!(
                    "{}: {}",
                    one.label,
                    one.host.provider.unavailable()?
                ))
            })
            .collect();
        let reasons: Option<Vec<String>> = reasons.into_iter().collect();
        reasons.map(|reasons| match reasons.is_empty() {
            true => "there is no model".to_owned(),
            false => reasons.join("; "),
        })
    }

    /// What does not work at present though the rest does, `what: why`: deployments and accounts that
    /// do not answer, lists that cannot be read, records that are lost.
    pub fn degraded(&self) -> Vec<String> {
        let now = now();
        let mut told = Vec::new();
        for host in self.accounts.hosts() {
            match host.account().admission(0, now) {
                QuotaAdmission::Open => {}
                QuotaAdmission::UsedUp { window, .. } => {
                    told.push(format!("{}: {} used up", host.id(), window.as_str()));
                }
                QuotaAdmission::Blocked(block) => {
                    told.push(format!("{}: {}", host.id(), block.why.as_str()));
                }
            }
        }
        let table = self.table();
        for route in table.routes() {
            if let Admission::Open { why, .. } = route.health.view(now).breaker {
                told.push(format!("{}: {}", route.label, why.as_str()));
            }
        }
        told.sort();
        let lost = self.recorder.lost_lately(now).map(|why| {
            format!(
                "records: requests are answered but missing in the log and the statistics: {why}"
            )
        });
        let lists = self.list_problems.read();
        let lists = lists.unwrap_or_else(PoisonError::into_inner);
        // First: what concerns all.
        let concerning_all = lost.into_iter().chain(lists.iter().cloned());
        concerning_all.chain(told).collect()
    }

    /// Fills in how those did within the last day of whom nothing is known in memory: after a start,
    /// and of those that other servers asked.
    ///
    /// # Errors
    /// If the store fails; nothing is filled in then.
    pub async fn remember_health(&self) -> Result<(), store::StoreError> {
        let now = now();
        let query = SumQuery {
            since: Some(Timestamp(now.0.saturating_sub(REMEMBERED_MS))),
            until: None,
            model: None,
            resolution: Resolution::Whole,
        };
        let tallies = reliability::by_deployment(&self.store.sum_attempts(&query).await?);
        for route in self.table().routes() {
            if let Some(tally) = tallies.get(&route.key) {
                let failed = tally.num_failed_by(FaultDomain::Host)
                    + tally.num_failed_by(FaultDomain::Network);
                let first_token_ms = tally.first_token_ms();
                route
                    .health
                    .remember(tally.num_ok as f64, failed as f64, first_token_ms, now);
            }
        }
        Ok(())
    }

    /// Answers the next message of a conversation. What comes with it may be no more than the name of
    /// the request.
    ///
    /// # Errors
    /// What keeps the answer from beginning. Later failures come in the stream.
    pub async fn chat(
        &self,
        caller: &Caller,
        arrival: impl Into<Arrival>,
        request: &Arc<ChatRequest>,
    ) -> Result<Answer, RouterError> {
        let asked = Asked::Chat(request);
        self.answer(caller, arrival.into(), &asked).await
    }

    /// Continues a text.
    ///
    /// # Errors
    /// As [`Router::chat`].
    pub async fn complete(
        &self,
        caller: &Caller,
        arrival: impl Into<Arrival>,
        request: &Arc<CompletionRequest>,
    ) -> Result<Answer, RouterError> {
        let asked = Asked::Completion(request);
        self.answer(caller, arrival.into(), &asked).await
    }

    /// Everything that can be counted, in the text form that Prometheus reads.
    pub fn metrics_text(&self) -> String {
        let now = now();
        for host in self.accounts.hosts() {
            if let Some(load) = host.provider.load() {
                self.metrics.load(host.id(), load);
            }
            for one in host.account().uses(now) {
                self.metrics.quota(host.id(), one.window, one.remaining);
            }
        }
        for route in self.table().routes() {
            let state = route.health.view(now).breaker;
            self.metrics
                .breaker(&route.key.provider, &route.model.0, state);
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

    async fn answer(
        &self,
        caller: &Caller,
        arrival: Arrival,
        asked: &Asked<'_>,
    ) -> Result<Answer, RouterError> {
        let model = asked.models().next().unwrap_or(AUTO);
        let mut watch = Watch::begin(
            &self.recorder,
            &self.metrics,
            asked.operation(),
            caller,
            arrival,
            model,
            asked.is_stream(),
        );
        if caller.settings.keeps_content {
            watch.record.content = Some(asked.content());
        }
        match self.begin(&mut watch, caller, asked).await {
            Ok((
                Begun {
                    route,
                    stream,
                    attempt,
                    trail,
                },
                quota,
            )) => {
                let Timestamp(ms) = watch.record.started_at;
                Ok(Answer {
                    id: random_id(asked.id_prefix()),
                    created: ms / 1000,
                    model: route.model.0.clone(),
                    deployment: route.label.clone(),
                    trail,
                    quota,
                    stream: WatchedStream::new(stream, attempt, watch),
                })
            }
            Err(error) => {
                watch.failed(&error);
                Err(error)
            }
        }
    }

    async fn begin(
        &self,
        watch: &mut Watch,
        caller: &Caller,
        asked: &Asked<'_>,
    ) -> Result<(Begun, Option<QuotaState>), RouterError> {
        let targets = targets::targets(&self.table(), caller, asked);
        // What a key may not ask for does not count against its quota.
        let known = targets.as_deref().unwrap_or_default();
        if let Some(refused) = wishes::refusal(known, &caller.preferences) {
            return Err(refused);
        }
        let quota = self.caller_quota.admit(caller, now()).await?;
        let begun = chain::run(self, watch, caller, asked, &targets?).await?;
        Ok((begun, quota))
    }
}
