//! Finds who could answer a request, asks them one after the other until one does, and watches the
//! answer go by.

mod attempt;
mod explain;
mod table;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use store::{Counter, DeploymentKey, Store, Take, Taken, Timestamp};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::breaker::Admission;
use crate::caller::Caller;
use crate::catalog::{Catalog, Model, Tier};
use crate::error::{Exhausted, FailureKind, FaultDomain, ProviderError, RouterError};
use crate::health::Health;
use crate::metrics::Metrics;
use crate::openai::{ChatRequest, CompletionRequest};
use crate::policy::{self, Candidate, Exclusion, Needs, Policy, Ranking};
use crate::provider::{AnswerStream, Provider, QuotaWindow};
use crate::quota::QuotaAdmission;
use crate::random_id::{random_id, random_unit};
use crate::recorder::{Recorder, now};
use attempt::{Attempt, counter_name};
use table::{Host, Route, Table};
use watch::{MAX_RECORDED_NAME, Watch};

pub use attempt::AttemptSummary;
pub use watch::WatchedStream;

/// The name that leaves the choice of the model to the router.
const AUTO: &str = "auto";
/// When everybody who could be asked has failed, those who may have failed by chance are asked
/// again so often, after so long a pause, which doubles.
const MAX_ROUNDS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// A host that asks for a longer pause is not asked again by the same request.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// How long the store may take to count a request against an account's quota. The count in memory
/// holds when it takes longer.
const STORE_PATIENCE: Duration = Duration::from_millis(250);

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
    /// The answer as it comes.
    pub stream: WatchedStream,
}

/// The router.
pub struct Router {
    hosts: HashMap<String, Arc<Host>>,
    health: Mutex<HashMap<DeploymentKey, Arc<Health>>>,
    table: RwLock<Arc<Table>>,
    store: Arc<dyn Store>,
    config: RouterConfig,
    recorder: Recorder,
    metrics: Arc<Metrics>,
}

/// What is asked, in either API.
enum Asked<'a> {
    Chat(&'a Arc<ChatRequest>),
    Completion(&'a Arc<CompletionRequest>),
}

impl Asked<'_> {
    fn operation(&self) -> &'static str {
        match self {
            Self::Chat(_) => "chat",
            Self::Completion(_) => "text_completion",
        }
    }

    fn id_prefix(&self) -> &'static str {
        match self {
            Self::Chat(_) => "chatcmpl-",
            Self::Completion(_) => "cmpl-",
        }
    }

    fn is_stream(&self) -> bool {
        match self {
            Self::Chat(request) => request.is_stream(),
            Self::Completion(request) => request.is_stream(),
        }
    }

    /// The models that may answer, in order.
    fn models(&self) -> impl Iterator<Item = &str> {
        let (model, more) = match self {
            Self::Chat(request) => (&request.model, &request.models),
            Self::Completion(request) => (&request.model, &request.models),
        };
        let more = more.iter().flatten().map(String::as_str);
        std::iter::once(model.as_str()).chain(more)
    }

    fn needs(&self) -> Needs {
        match self {
            Self::Chat(request) => Needs::of_chat(request),
            Self::Completion(request) => Needs::of_completion(request),
        }
    }

    async fn ask(&self, route: &Route) -> Result<AnswerStream, RouterError> {
        let (provider, model) = (&route.host.provider, route.key.name.as_str());
        match self {
            Self::Chat(request) => provider.chat(model, request).await,
            Self::Completion(request) => provider.complete(model, request).await,
        }
    }
}

/// Who could be asked: a route and the place of its model in the list asked for.
type Target = (usize, Arc<Route>);

impl Router {
    /// A router over these providers. It knows no model until [`Router::set_catalog`].
    pub fn new(
        providers: Vec<Arc<dyn Provider>>,
        config: RouterConfig,
        store: Arc<dyn Store>,
        recorder: Recorder,
        metrics: Arc<Metrics>,
    ) -> Self {
        let hosts = providers.into_iter().map(|provider| {
            let host = Host::new(provider);
            (host.id().to_owned(), Arc::new(host))
        });
        let hosts: HashMap<_, _> = hosts.collect();
        let table = Table::new(Arc::default(), &hosts, &mut HashMap::new());
        Self {
            hosts,
            health: Mutex::default(),
            table: RwLock::new(Arc::new(table)),
            store,
            config,
            recorder,
            metrics,
        }
    }

    /// Routes by this catalogue from now on. Requests under way go on with the one before.
    pub fn set_catalog(&self, catalog: Arc<Catalog>) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let table = Arc::new(Table::new(catalog, &self.hosts, &mut health));
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = table;
    }

    /// The catalogue in use.
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.table().catalog)
    }

    /// The providers, by id.
    pub fn providers(&self) -> Vec<Arc<dyn Provider>> {
        let mut all: Vec<_> = self
            .hosts
            .values()
            .map(|host| Arc::clone(&host.provider))
            .collect();
        all.sort_by(|a, b| a.id().0.cmp(&b.id().0));
        all
    }

    fn table(&self) -> Arc<Table> {
        Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether somebody can be asked for this model now.
    pub fn is_routable(&self, model: &Model) -> bool {
        !self.table().routes_of(&model.id.0).is_empty()
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

    /// Fills in what the store remembers of our accounts' use in the windows under way, so that a
    /// restart does not forget the day.
    ///
    /// # Errors
    /// If the store fails; nothing is filled in then.
    pub async fn remember_quotas(&self) -> Result<(), store::StoreError> {
        let now = now();
        let (mut counters, mut places) = (Vec::new(), Vec::new());
        for host in self.hosts.values() {
            for window in QuotaWindow::ALL {
                counters.push(Counter {
                    name: counter_name(host.id(), window),
                    start: window.start(now),
                });
                places.push((host, window));
            }
        }
        for (chunk, places) in counters
            .chunks(store::MAX_ROWS)
            .zip(places.chunks(store::MAX_ROWS))
        {
            let used = self.store.counters(chunk).await?;
            for (&(host, window), used) in places.iter().zip(used) {
                host.account().raise(window, used, now);
            }
        }
        Ok(())
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
        self.answer(caller, request_id, &Asked::Chat(request)).await
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
        self.answer(caller, request_id, &Asked::Completion(request))
            .await
    }

    /// Everything that can be counted, in the text form that Prometheus reads.
    pub fn metrics_text(&self) -> String {
        let now = now();
        for host in self.hosts.values() {
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
        request_id: String,
        asked: &Asked<'_>,
    ) -> Result<Answer, RouterError> {
        let model = asked.models().next().unwrap_or(AUTO);
        let mut watch = Watch::begin(
            &self.recorder,
            &self.metrics,
            asked.operation(),
            caller,
            request_id,
            model,
            asked.is_stream(),
        );
        match self.try_all(&mut watch, asked).await {
            Ok(Begun {
                route,
                stream,
                attempt,
                trail,
            }) => {
                let Timestamp(ms) = watch.record.started_at;
                Ok(Answer {
                    id: random_id(asked.id_prefix()),
                    created: ms / 1000,
                    model: route.model.0.clone(),
                    deployment: route.label.clone(),
                    trail,
                    stream: WatchedStream::new(stream, attempt, watch),
                })
            }
            Err(error) => {
                watch.failed(&error);
                Err(error)
            }
        }
    }

    /// Asks one after the other until one answers.
    async fn try_all(&self, watch: &mut Watch, asked: &Asked<'_>) -> Result<Begun, RouterError> {
        let table = self.table();
        let targets = Self::targets(&table, asked)?;
        let needs = asked.needs();
        let policy = Policy {
            exploration: self.config.exploration,
            ..Policy::default()
        };
        let ranking = rank(&targets, &needs, &policy, random_unit());
        let mut chain = Chain {
            router: self,
            asked,
            needs: &needs,
            deadline: Instant::now() + self.config.time_budget,
            trail: Vec::new(),
            failed: Vec::new(),
        };
        for one in &ranking.ranked {
            let route = &targets[one.index].1;
            if let Some(begun) = chain.ask(watch, route, one.is_exploration, false).await? {
                return Ok(begun);
            }
        }
        // Nobody is left. Those that were left out for a guess of ours, and those that may have
        // failed by chance, get another chance: the client would get nothing otherwise.
        let guessed = ranking
            .excluded
            .iter()
            .filter_map(|&(index, why)| match why {
                Exclusion::BreakerOpen {
                    is_stated: false,
                    until,
                    ..
                } => Some((until, index)),
                _ => None,
            });
        let mut guessed: Vec<_> = guessed.collect();
        guessed.sort_unstable();
        let mut pause = FIRST_PAUSE;
        let mut again: Vec<Arc<Route>> = guessed
            .into_iter()
            .map(|(_, index)| Arc::clone(&targets[index].1))
            .collect();
        for _ in 1..MAX_ROUNDS {
            if again.is_empty() {
                again = chain.retryable();
                if again.is_empty() {
                    break;
                }
                sleep(pause.mul_f64(0.8 + 0.4 * random_unit())).await;
                pause *= 2;
            }
            for route in std::mem::take(&mut again) {
                if let Some(begun) = chain.ask(watch, &route, false, true).await? {
                    return Ok(begun);
                }
            }
        }
        Err(chain.exhausted(&targets, &ranking))
    }

    /// Who could be asked, before anybody looks at whether it makes sense.
    fn targets(table: &Table, asked: &Asked<'_>) -> Result<Vec<Target>, RouterError> {
        let mut targets: Vec<Target> = Vec::new();
        let mut error = None;
        for (group, name) in asked.models().enumerate() {
            let mut add = |routes: &mut dyn Iterator<Item = &Arc<Route>>| {
                for route in routes {
                    if targets.iter().all(|(_, other)| other.key != route.key) {
                        targets.push((group, Arc::clone(route)));
                    }
                }
            };
            let name = name.trim();
            if name.eq_ignore_ascii_case(AUTO) {
                let models = table
                    .catalog
                    .active_models()
                    .filter(|model| model.is_chat());
                let routes = models.flat_map(|model| table.routes_of(&model.id.0));
                let (demo, mut real): (Vec<_>, Vec<_>) =
                    routes.partition(|route| route.tier == Tier::Demo);
                // The demo is for machines that have nothing else: what it says is no answer for
                // somebody who wanted one of a real model.
                if real.is_empty() {
                    real = demo;
                }
                add(&mut real.into_iter());
                if targets.is_empty() {
                    error.get_or_insert_with(nobody_here);
                }
            } else if let Some(model) = table.catalog.find(name) {
                let routes = table.routes_of(&model.id.0);
                add(&mut routes.iter());
                if routes.is_empty() {
                    error.get_or_insert_with(|| not_offered(model));
                }
            } else if let Some((model, deployment)) = table.catalog.pinned(name) {
                let routes = table.routes_of(&model.id.0).iter();
                add(&mut routes.filter(|route| route.key == deployment.key));
                error.get_or_insert_with(|| not_offered(model));
            } else {
                error.get_or_insert_with(|| RouterError::ModelNotFound {
                    model: name.chars().take(MAX_RECORDED_NAME).collect(),
                    similar: table.catalog.near(name),
                });
            }
        }
        match (targets.is_empty(), error) {
            (true, Some(error)) => Err(error),
            (true, None) => Err(nobody_here()),
            (false, _) => Ok(targets),
        }
    }

    /// Counts a request against the account, in the store as well if it has limits that others who
    /// share the store have to keep. Whether it may go ahead.
    async fn take_quota(&self, host: &Host, tokens: u64) -> bool {
        let now = now();
        let takes: Vec<(QuotaWindow, Take)> = {
            let mut account = host.account();
            if account.admission(tokens, now) != QuotaAdmission::Open {
                return false;
            }
            account.take(tokens, now);
            let windows = QuotaWindow::ALL.into_iter();
            let limited = windows.filter_map(|window| Some((window, account.limit(window)?)));
            limited
                .map(|(window, limit)| {
                    let amount = match window {
                        QuotaWindow::RequestsPerMinute | QuotaWindow::RequestsPerDay => 1,
                        QuotaWindow::TokensPerMinute | QuotaWindow::TokensPerDay => {
                            tokens.min(limit)
                        }
                    };
                    let name = counter_name(host.id(), window);
                    let start = window.start(now);
                    let counter = Counter { name, start };
                    let limit = Some(limit);
                    (
                        window,
                        Take {
                            counter,
                            amount,
                            limit,
                        },
                    )
                })
                .collect()
        };
        if takes.is_empty() {
            return true;
        }
        let (windows, takes): (Vec<_>, Vec<_>) = takes.into_iter().unzip();
        match timeout(STORE_PATIENCE, self.store.take(&takes)).await {
            Ok(Ok(Taken::Done(used))) => {
                let mut account = host.account();
                for (window, used) in windows.into_iter().zip(used) {
                    account.raise(window, used, now);
                }
                true
            }
            Ok(Ok(Taken::Refused { index, used })) => {
                host.account().raise(windows[index], used, now);
                false
            }
            // Better a request too many than none at all.
            Ok(Err(_)) | Err(_) => true,
        }
    }
}

/// An answer that has begun, with all that it took.
struct Begun {
    route: Arc<Route>,
    stream: AnswerStream,
    attempt: Attempt,
    trail: Vec<AttemptSummary>,
}

/// The attempts of one request.
struct Chain<'a> {
    router: &'a Router,
    asked: &'a Asked<'a>,
    needs: &'a Needs,
    /// When there has to be something to say.
    deadline: Instant,
    trail: Vec<AttemptSummary>,
    /// Who failed and how, each once, with the last failure.
    failed: Vec<(Arc<Route>, RouterError)>,
}

impl Chain<'_> {
    /// Asks one. `Ok(None)`: it does not answer, but another may; an error: nobody else may be
    /// asked. `is_last_chance` asks it although its breaker is open.
    async fn ask(
        &mut self,
        watch: &mut Watch,
        route: &Arc<Route>,
        is_exploration: bool,
        is_last_chance: bool,
    ) -> Result<Option<Begun>, RouterError> {
        if Instant::now() >= self.deadline || self.trail.len() >= self.router.config.max_attempts {
            return Ok(None);
        }
        if self.is_too_short(route) {
            return Ok(None);
        }
        let tokens = self.needs.prompt_tokens;
        if !is_last_chance && matches!(route.health.admit(now()), Admission::Open { .. }) {
            return Ok(None);
        }
        if !self.router.take_quota(&route.host, tokens).await {
            route.health.gave_up();
            return Ok(None);
        }
        let Watch { record, .. } = &*watch;
        let mut attempt = Attempt::begin(
            route,
            &self.router.recorder,
            &self.router.metrics,
            &record.id,
            self.trail.len(),
            is_exploration,
            tokens,
        );
        watch.is_asked(route);
        let deployment = route.label.clone();
        let error = match timeout_at(self.deadline, self.asked.ask(route)).await {
            Ok(Ok(stream)) => {
                let failure = None;
                self.trail.push(AttemptSummary {
                    deployment,
                    failure,
                });
                return Ok(Some(Begun {
                    route: Arc::clone(route),
                    stream,
                    attempt,
                    trail: std::mem::take(&mut self.trail),
                }));
            }
            Ok(Err(error)) => {
                attempt.failed(&error, Default::default());
                error
            }
            Err(_) => {
                attempt.given_up(FailureKind::OutOfTime, Default::default());
                let message = format!(
                    "nobody answered within {} s",
                    self.router.config.time_budget.as_secs_f64()
                );
                ProviderError::new(FailureKind::OutOfTime, message).into()
            }
        };
        let failure = Some(error.kind());
        self.trail.push(AttemptSummary {
            deployment,
            failure,
        });
        tracing::debug!(
            deployment = route.label,
            error.kind = error.kind().as_str(),
            "attempt failed"
        );
        if is_final(&error, route) {
            return Err(error);
        }
        self.failed.retain(|(other, _)| other.key != route.key);
        self.failed.push((Arc::clone(route), error));
        Ok(None)
    }

    /// Whether the prompt was too long for somebody with at least as much room.
    fn is_too_short(&self, route: &Route) -> bool {
        let length = |route: &Route| route.spec.context_length.unwrap_or(0);
        self.failed.iter().any(|(other, error)| {
            error.kind() == FailureKind::ContextLengthExceeded && length(route) <= length(other)
        })
    }

    /// Who may have failed by chance and did not ask for a long pause.
    fn retryable(&self) -> Vec<Arc<Route>> {
        let by_chance = self.failed.iter().filter(|(_, error)| {
            let RouterError::Provider(error) = error else {
                return false;
            };
            matches!(
                error.kind,
                FailureKind::Network
                    | FailureKind::Internal
                    | FailureKind::Unavailable
                    | FailureKind::BrokenStream
                    | FailureKind::InvalidResponse
                    | FailureKind::EmptyAnswer
                    | FailureKind::LeakedTokens
                    | FailureKind::ToolCallInText
                    | FailureKind::InvalidJson
            ) && error
                .retry_after
                .is_none_or(|after| after.wait <= LONGEST_PAUSE)
        });
        by_chance.map(|(route, _)| Arc::clone(route)).collect()
    }

    /// Why nobody answered.
    fn exhausted(mut self, targets: &[Target], ranking: &Ranking) -> RouterError {
        // One who was asked alone speaks for himself.
        if targets.len() == 1 && self.failed.len() == 1 {
            let (_, error) = self.failed.remove(0);
            return error;
        }
        let time = now();
        let mut waits: Vec<Duration> = Vec::new();
        let excluded: Vec<(String, Exclusion)> = ranking
            .excluded
            .iter()
            .map(|&(index, why)| {
                if let Some(until) = why.until() {
                    let millis = u64::try_from(until.0.saturating_sub(time.0)).unwrap_or(0);
                    waits.push(Duration::from_millis(millis));
                }
                (targets[index].1.label.clone(), why)
            })
            .collect();
        for (_, error) in &self.failed {
            if let RouterError::Provider(error) = error {
                waits.extend(error.retry_after.map(|after| after.wait));
            }
        }
        let is_quota = |kind: FailureKind| {
            kind.fault_domain() == FaultDomain::Account
                || matches!(kind, FailureKind::RateLimited | FailureKind::Overloaded)
        };
        let failures: Vec<FailureKind> =
            self.failed.iter().map(|(_, error)| error.kind()).collect();
        let unfit = excluded
            .iter()
            .filter(|(_, why)| why.until().is_none())
            .count();
        let kind = if failures.is_empty() && unfit == excluded.len() {
            // Nobody here can do what is asked for.
            FailureKind::InvalidRequest
        } else if failures.contains(&FailureKind::ContextLengthExceeded) {
            FailureKind::ContextLengthExceeded
        } else if failures.iter().all(|&kind| is_quota(kind))
            && excluded.iter().all(|(_, why)| match why {
                Exclusion::BreakerOpen { why, .. } => is_quota(*why),
                _ => true,
            })
        {
            FailureKind::RateLimited
        } else if failures.iter().all(|&kind| kind == FailureKind::OutOfTime)
            && !failures.is_empty()
        {
            FailureKind::OutOfTime
        } else {
            FailureKind::Unavailable
        };
        RouterError::Exhausted(Box::new(Exhausted {
            kind,
            trail: self.trail,
            excluded,
            last: self.failed.pop().map(|(_, error)| error.to_string()),
            retry_after: waits.into_iter().min(),
        }))
    }
}

/// Whether asking somebody else makes no sense: the caller is at fault.
fn is_final(error: &RouterError, route: &Route) -> bool {
    match error {
        // What this machine cannot do a host may.
        RouterError::Invalid(_) => route.tier == Tier::Hosted,
        _ => matches!(
            error.kind(),
            FailureKind::InvalidRequest | FailureKind::ContentRefused
        ),
    }
}

fn rank(targets: &[Target], needs: &Needs, policy: &Policy, draw: f64) -> Ranking {
    let now = now();
    let candidates: Vec<Candidate<'_>> = targets
        .iter()
        .map(|(group, route)| route.candidate(*group, 0, needs.prompt_tokens, now))
        .collect();
    policy::order(&candidates, needs, policy, draw)
}

fn nobody_here() -> RouterError {
    let message = "there is no model here; pull one with `freeway pull openai/gpt-oss-20b`, or set \
                   the key of a provider and look at `freeway models`";
    ProviderError::new(FailureKind::Unavailable, message).into()
}

/// A model that is known and that nobody who can be asked offers.
fn not_offered(model: &Model) -> RouterError {
    RouterError::NotOffered {
        model: model.id.0.clone(),
        was_offered: model.deployments.iter().any(|one| !one.is_active()),
    }
}
