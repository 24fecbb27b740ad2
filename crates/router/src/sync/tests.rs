use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use store::{Counter, Observation};

use super::probe::PROBES;
use super::*;
use crate::accounts::counter_name;
use crate::error::{FailureKind, ProviderError, RouterError};
use crate::flaky_store::FlakyStore;
use crate::model_info::{ModelId, ModelInfo, ModelSpec};
use crate::openai::{ChatRequest, CompletionRequest};
use crate::provider::{
    AccountLimits, AnswerEvent, AnswerSource, AnswerStream, EndpointStatus, ListSource, Load,
    Progress, ProviderId, QuotaWindow, Usage,
};

/// A provider that lists what the test says and notes what it is asked.
struct Listing {
    id: ProviderId,
    limits: AccountLimits,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    models: Vec<ModelInfo>,
    failure: Option<FailureKind>,
    statuses: HashMap<String, Result<Option<EndpointStatus>, FailureKind>>,
    num_lists: usize,
    asked_status: Vec<String>,
    source: ListSource,
    /// What becomes of the next questions: an answer, or a failure.
    answers: VecDeque<Result<Vec<AnswerItem>, FailureKind>>,
    asked: Vec<(String, Option<i64>)>,
}

type AnswerItem = Result<AnswerEvent, ProviderError>;

impl Listing {
    fn new(id: &str, names: &[&str]) -> Arc<Self> {
        Self::limited(id, names, AccountLimits::default())
    }

    fn limited(id: &str, names: &[&str], limits: AccountLimits) -> Arc<Self> {
        let listing = Self {
            id: ProviderId(id.to_owned()),
            limits,
            state: Mutex::default(),
        };
        listing.list(names);
        Arc::new(listing)
    }

    fn list(&self, names: &[&str]) {
        let models = names.iter().map(|&name| ModelInfo {
            id: ModelId(format!("a/{name}")),
            provider_name: name.to_owned(),
            aliases: Vec::new(),
            owned_by: String::new(),
            spec: ModelSpec::default(),
        });
        self.state().models = models.collect();
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

fn error(kind: FailureKind) -> ProviderError {
    ProviderError::new(kind, kind.as_str())
}

#[async_trait]
impl Provider for Listing {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    async fn models(&self) -> Result<Vec<ModelInfo>, ProviderError> {
        let mut state = self.state();
        state.num_lists += 1;
        match state.failure {
            Some(kind) => Err(error(kind)),
            None => Ok(state.models.clone()),
        }
    }

    fn list_source(&self) -> ListSource {
        self.state().source.clone()
    }

    async fn endpoint_status(&self, model: &str) -> Result<Option<EndpointStatus>, ProviderError> {
        let mut state = self.state();
        state.asked_status.push(model.to_owned());
        let status = state.statuses.get(model).copied().unwrap_or(Ok(None));
        status.map_err(error)
    }

    async fn chat(
        &self,
        model: &str,
        request: &Arc<ChatRequest>,
    ) -> Result<AnswerStream, RouterError> {
        let mut state = self.state();
        state.asked.push((model.to_owned(), request.max_tokens));
        let answer = state.answers.pop_front().unwrap_or(Ok(vec![ended()]));
        let items = answer.map_err(error)?;
        let usage = items.iter().find_map(|item| match item {
            Ok(AnswerEvent::Ended { usage, .. }) => *usage,
            _ => None,
        });
        Ok(Box::pin(Items {
            items: items.into(),
            usage,
        }))
    }

    async fn complete(
        &self,
        _model: &str,
        _request: &Arc<CompletionRequest>,
    ) -> Result<AnswerStream, RouterError> {
        Err(error(FailureKind::InvalidRequest).into())
    }

    fn limits(&self) -> AccountLimits {
        self.limits
    }

    fn unavailable(&self) -> Option<String> {
        None
    }

    fn load(&self) -> Option<Load> {
        None
    }
}

fn ended() -> AnswerItem {
    Ok(AnswerEvent::Ended {
        usage: None,
        fault: None,
    })
}

struct Items {
    items: VecDeque<AnswerItem>,
    usage: Option<Usage>,
}

impl futures_util::Stream for Items {
    type Item = AnswerItem;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<AnswerItem>> {
        std::task::Poll::Ready(self.items.pop_front())
    }
}

impl AnswerSource for Items {
    fn progress(&self) -> Progress {
        Progress {
            usage: self.usage,
            ..Progress::default()
        }
    }
}

async fn memory() -> Arc<dyn Store> {
    store::connect("sqlite::memory:").await.unwrap()
}

fn hosted(listing: &Arc<Listing>) -> SyncTarget {
    SyncTarget {
        provider: Arc::clone(listing) as Arc<dyn Provider>,
        tier: Tier::Hosted,
    }
}

fn local(listing: &Arc<Listing>) -> SyncTarget {
    SyncTarget {
        tier: Tier::Local,
        ..hosted(listing)
    }
}

async fn syncer(targets: Vec<SyncTarget>, store: &Arc<dyn Store>) -> Syncer {
    let accounts = Accounts::new(targets.iter().map(|one| Arc::clone(&one.provider)));
    Syncer::start(targets, accounts, Arc::clone(store), SyncConfig::default()).await
}

fn at(hour: i64) -> Timestamp {
    Timestamp(hour * 3_600_000 + 60_000)
}

fn offered(syncer: &Syncer) -> Vec<String> {
    let catalog = syncer.subscribe().borrow().clone();
    let offered = catalog.deployments().filter(|(_, one)| one.is_active());
    offered
        .map(|(_, one)| format!("{}/{}", one.key.provider, one.key.name))
        .collect()
}

#[tokio::test]
async fn what_is_hosted_is_stored_and_what_runs_here_is_not() {
    let store = memory().await;
    let (far, here) = (Listing::new("x", &["m", "n"]), Listing::new("here", &["m"]));
    let mut syncer = syncer(vec![hosted(&far), local(&here)], &store).await;
    // What runs here is there from the start.
    assert_eq!(offered(&syncer), ["here/m"]);
    let mut changes = syncer.subscribe();
    changes.mark_unchanged();
    let report = syncer.pass(Pass::Start, at(1)).await.unwrap();
    assert_eq!(report.providers[0].1.num_listed, 2);
    assert_eq!(offered(&syncer), ["here/m", "x/m", "x/n"]);
    assert!(changes.has_changed().unwrap());

    let (models, deployments) = store.catalog().await.unwrap();
    assert_eq!((models.len(), deployments.len()), (2, 2));
    let hour = Hour::of(at(1));
    let seen = store
        .observations(None, hour, Hour(hour.0 + 1))
        .await
        .unwrap();
    assert_eq!(seen.len(), 2);
    assert_eq!(store.syncs().await.unwrap().len(), 1);

    // It is another server's matter what runs there.
    let other = self::syncer(vec![hosted(&far)], &store).await;
    assert_eq!(offered(&other), ["x/m", "x/n"]);
    // And what is hosted is offered to those alone who can ask for it.
    let without = self::syncer(vec![], &store).await;
    assert_eq!(offered(&without), [""; 0]);
    let catalog = without.subscribe().borrow().clone();
    let model = catalog.find("a/m").unwrap();
    assert_eq!(model.deployments[0].gone_at, Some(at(1)));
    here.list(&["new"]);
    syncer.pass(Pass::Due, at(1)).await.unwrap();
    assert_eq!(offered(&syncer), ["x/m", "x/n", "here/new"]);
}

#[tokio::test]
async fn without_a_network_the_catalogue_is_the_last_one() {
    let store = memory().await;
    let far = Listing::new("x", &["m"]);
    let mut first = syncer(vec![hosted(&far)], &store).await;
    first.pass(Pass::Start, at(1)).await.unwrap();
    far.state().failure = Some(FailureKind::Network);
    let mut second = syncer(vec![hosted(&far)], &store).await;
    assert_eq!(offered(&second), ["x/m"]);
    let report = second.pass(Pass::All, at(2)).await.unwrap();
    assert_eq!(report.providers[0].1.error.as_deref(), Some("network"));
    assert_eq!(offered(&second), ["x/m"]);
    let sync = store.syncs().await.unwrap().remove(0);
    assert_eq!((sync.tried_at, sync.succeeded_at), (at(2), Some(at(1))));
    let seen = store.observations(None, Hour(2), Hour(3)).await.unwrap();
    assert_eq!(seen, [], "not observed, and not away");
}

#[tokio::test]
async fn what_cannot_be_read_is_told_until_it_can() {
    let store = memory().await;
    let (far, here) = (Listing::new("x", &["m", "n"]), Listing::new("here", &[]));
    let mut syncer = syncer(vec![hosted(&far), local(&here)], &store).await;
    let problems = syncer.problems();
    let told = || -> Vec<String> { problems.borrow().iter().cloned().collect() };
    syncer.pass(Pass::Start, at(1)).await.unwrap();
    assert_eq!(told(), [""; 0]);
    far.state().failure = Some(FailureKind::Network);
    here.state().failure = Some(FailureKind::Network);
    syncer.pass(Pass::Due, at(2)).await.unwrap();
    let [own, host] = &told()[..] else {
        panic!("{:?}", told())
    };
    assert!(
        own.starts_with("here: it does not say what it runs"),
        "{own}"
    );
    assert!(
        host.starts_with("x: its list of models cannot be read"),
        "{host}"
    );
    // Also by a server that did not look itself.
    let mut other = self::syncer(vec![hosted(&far)], &store).await;
    other.pass(Pass::Due, at(2)).await.unwrap();
    assert_eq!(
        other.problems().borrow().as_ref(),
        std::slice::from_ref(host)
    );

    far.state().failure = None;
    here.state().failure = None;
    far.list(&[]);
    syncer.pass(Pass::All, at(3)).await.unwrap();
    assert!(told()[0].contains("lacks more than half"), "{:?}", told());
    syncer.pass(Pass::All, at(4)).await.unwrap();
    assert_eq!(told(), [""; 0]);
}

#[tokio::test]
async fn every_hour_is_looked_once() {
    let store = memory().await;
    let far = Listing::new("x", &["m"]);
    let mut syncer = syncer(vec![hosted(&far)], &store).await;
    for (moment, num_lists) in [
        (at(1), 1),
        (Timestamp(at(1).0 + 60_000), 1),
        (Timestamp(at(2).0 - 120_000), 1),
        (at(2), 2),
        (at(2), 2),
        (at(5), 3),
    ] {
        syncer.pass(Pass::Due, moment).await.unwrap();
        assert_eq!(far.state().num_lists, num_lists, "{moment:?}");
    }
    syncer.pass(Pass::All, at(5)).await.unwrap();
    assert_eq!(far.state().num_lists, 4);
}

#[tokio::test]
async fn settings_that_changed_are_news_at_a_start_also_just_after_a_look() {
    let store = memory().await;
    let far = Listing::new("x", &["m"]);
    let mut first = syncer(vec![hosted(&far)], &store).await;
    assert_eq!(first.unseen().await.unwrap(), ["x"]);
    first.pass(Pass::Start, at(1)).await.unwrap();
    let mut same = syncer(vec![hosted(&far)], &store).await;
    assert_eq!(same.unseen().await.unwrap(), [""; 0]);
    same.pass(Pass::Start, at(1)).await.unwrap();
    assert_eq!(far.state().num_lists, 1);

    far.state().source.settings = "other".to_owned();
    far.list(&["n"]);
    let mut changed = syncer(vec![hosted(&far)], &store).await;
    assert_eq!(changed.unseen().await.unwrap(), ["x"]);
    // Another server looks meanwhile, with settings of its own.
    let lock = store.try_lock(LOCK).await.unwrap().unwrap();
    assert!(
        changed
            .pass(Pass::Start, at(1))
            .await
            .unwrap()
            .is_left_to_another
    );
    drop(lock);
    changed.pass(Pass::Start, at(1)).await.unwrap();
    assert_eq!(offered(&changed), ["x/n"]);
    assert_eq!(changed.unseen().await.unwrap(), [""; 0]);

    // Without a network it is what was seen last, and still to be looked at.
    far.state().source.settings = "third".to_owned();
    far.state().failure = Some(FailureKind::Network);
    let mut offline = syncer(vec![hosted(&far)], &store).await;
    offline.pass(Pass::Start, at(1)).await.unwrap();
    assert_eq!(offered(&offline), ["x/n"]);
    assert_eq!(offline.unseen().await.unwrap(), ["x"]);
}

#[tokio::test]
async fn what_cannot_be_written_is_offered_all_the_same_and_written_when_there_is_room() {
    for failing in [
        &["update_catalog", "record_sync"][..],
        &["record_sync"],
        &["try_lock", "update_catalog", "record_sync"],
    ] {
        let is_full = Arc::new(AtomicBool::new(true));
        let is_now = Arc::clone(&is_full);
        let flaky = FlakyStore::new(move |method| {
            match is_now.load(Ordering::Relaxed) && failing.contains(&method) {
                true => Err(StoreError::Full),
                false => Ok(()),
            }
        });
        let flaky = flaky.await;
        let inner = Arc::clone(&flaky.store);
        let store: Arc<dyn Store> = flaky;
        let (x, y) = (Listing::new("x", &["m", "n"]), Listing::new("y", &["m"]));
        let mut syncer = syncer(vec![hosted(&x), hosted(&y)], &store).await;
        let error = syncer.pass(Pass::Start, at(1)).await.unwrap_err();
        assert!(matches!(error, StoreError::Full), "{error:?}");
        let told = syncer.problems().borrow()[0].clone();
        assert!(
            told.contains("the store does not take what hosts list"),
            "{told}"
        );
        assert_eq!(offered(&syncer), ["x/m", "y/m", "x/n"]);

        // It is written again without another look; the next look sees what left.
        syncer.pass(Pass::Due, at(1)).await.unwrap_err();
        assert_eq!((x.state().num_lists, y.state().num_lists), (1, 1));
        x.list(&["m"]);
        y.state().failure = Some(FailureKind::Network);
        syncer.pass(Pass::Due, at(2)).await.unwrap_err();
        assert_eq!(offered(&syncer), ["x/m", "y/m"]);

        is_full.store(false, Ordering::Relaxed);
        syncer.pass(Pass::Due, at(2)).await.unwrap();
        assert_eq!((x.state().num_lists, y.state().num_lists), (2, 2));
        assert_eq!(offered(&syncer), ["x/m", "y/m"]);
        let tried = |sync: ProviderSync| (sync.tried_at, sync.succeeded_at);
        let syncs = inner.syncs().await.unwrap().into_iter().map(tried);
        let expected = [(at(2), Some(at(2))), (at(2), Some(at(1)))];
        assert_eq!(syncs.collect::<Vec<_>>(), expected);
        let other = self::syncer(vec![hosted(&x), hosted(&y)], &inner).await;
        assert_eq!(offered(&other), ["x/m", "y/m"]);
        let changes = inner.spec_changes(Some("a/m"), at(0), 10).await.unwrap();
        assert_eq!(
            changes.len(),
            3,
            "x, y and the model appeared once: {changes:?}"
        );
    }
}

#[tokio::test]
async fn of_what_is_unwritten_a_later_look_of_another_server_counts_and_one_of_the_future_does_not()
{
    for (other_at, expected) in [(at(3), "x/o"), (at(99), "x/n")] {
        let is_full = Arc::new(AtomicBool::new(true));
        let is_now = Arc::clone(&is_full);
        let flaky = FlakyStore::new(move |method| {
            match is_now.load(Ordering::Relaxed) && method == "update_catalog" {
                true => Err(StoreError::Full),
                false => Ok(()),
            }
        });
        let flaky = flaky.await;
        let inner = Arc::clone(&flaky.store);
        let store: Arc<dyn Store> = flaky;
        let (far, other) = (Listing::new("x", &["n"]), Listing::new("x", &["o"]));
        let mut first = syncer(vec![hosted(&far)], &store).await;
        first.pass(Pass::All, at(2)).await.unwrap_err();
        let mut second = syncer(vec![hosted(&other)], &inner).await;
        second.pass(Pass::All, other_at).await.unwrap();
        is_full.store(false, Ordering::Relaxed);
        first.pass(Pass::Due, Timestamp(at(3).0 + 1)).await.unwrap();
        assert!(
            offered(&first).contains(&expected.to_owned()),
            "{other_at:?}"
        );
    }
}

#[tokio::test]
async fn of_several_servers_one_looks_and_the_others_read_what_it_wrote() {
    let store = memory().await;
    let (one, other) = (Listing::new("x", &["m"]), Listing::new("x", &["m"]));
    let mut first = syncer(vec![hosted(&one)], &store).await;
    let mut second = syncer(vec![hosted(&other)], &store).await;
    let lock = store.try_lock(LOCK).await.unwrap().unwrap();
    let report = first.pass(Pass::Start, at(1)).await.unwrap();
    assert!(report.is_left_to_another);
    assert_eq!(one.state().num_lists, 0);
    drop(lock);
    first.pass(Pass::Start, at(1)).await.unwrap();
    let report = second.pass(Pass::Due, at(1)).await.unwrap();
    assert_eq!(report, PassReport::default());
    assert_eq!((one.state().num_lists, other.state().num_lists), (1, 0));
    assert_eq!(offered(&second), ["x/m"]);
}

#[tokio::test]
async fn one_provider_that_fails_does_not_keep_the_others_from_being_seen() {
    let store = memory().await;
    let (bad, good) = (Listing::new("bad", &[]), Listing::new("good", &["m"]));
    bad.state().failure = Some(FailureKind::Internal);
    let mut syncer = syncer(vec![hosted(&bad), hosted(&good)], &store).await;
    let report = syncer.pass(Pass::Start, at(1)).await.unwrap();
    assert_eq!(report.providers.len(), 2);
    assert_eq!(offered(&syncer), ["good/m"]);
}

#[tokio::test]
async fn two_hosts_that_appear_at_once_with_one_model_are_two_deployments_of_it() {
    let store = memory().await;
    let (x, y) = (Listing::new("x", &["m"]), Listing::new("y", &["m"]));
    let mut syncer = syncer(vec![hosted(&x), hosted(&y)], &store).await;
    syncer.pass(Pass::Start, at(1)).await.unwrap();
    let changes = store.spec_changes(Some("a/m"), at(0), 10).await.unwrap();
    let of_model = changes.iter().filter(|one| one.deployment.is_none());
    assert_eq!(of_model.count(), 1, "the model appeared once");
    assert_eq!(offered(&syncer), ["x/m", "y/m"]);
}

#[tokio::test]
async fn health_is_asked_for_until_the_provider_has_enough_of_it() {
    let up = EndpointStatus {
        is_up: true,
        uptime_percent: Some(97.0),
        ..EndpointStatus::default()
    };
    let names: Vec<String> = (10..60).map(|number| format!("m{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let far = Listing::new("x", &names);
    for name in &names {
        far.state()
            .statuses
            .insert((*name).to_owned(), Ok(Some(up)));
    }
    far.state()
        .statuses
        .insert("m20".to_owned(), Err(FailureKind::RateLimited));
    let seen = look(&*far, Hour(0)).await.unwrap();
    assert_eq!((seen.models.len(), seen.statuses.len()), (50, 10));
    assert!(far.state().asked_status.len() < 20);

    // A provider that never says anything is not asked for every model.
    let silent = Listing::new("y", &names);
    let seen = look(&*silent, Hour(0)).await.unwrap();
    assert_eq!(seen.statuses.len(), 0);
    assert!(silent.state().asked_status.len() < 10);

    // Single failures are not the end of it.
    far.state()
        .statuses
        .insert("m20".to_owned(), Err(FailureKind::Internal));
    let seen = look(&*far, Hour(0)).await.unwrap();
    assert_eq!(seen.statuses.len(), 49);
}

#[tokio::test]
async fn probes_are_off_unless_there_is_a_budget_which_they_keep() {
    let store = memory().await;
    let far = Listing::new("x", &["m", "n", "o"]);
    let mut syncer = syncer(vec![hosted(&far)], &store).await;
    syncer.pass(Pass::All, at(1)).await.unwrap();
    assert_eq!(far.state().asked, []);

    // Two a day: one by the middle of it.
    syncer.config.probes_per_day = 2;
    let report = syncer.pass(Pass::All, at(24 + 12)).await.unwrap();
    assert_eq!(report.probes.len(), 1);
    assert_eq!(far.state().asked.len(), 1);
    assert!(
        far.state().asked[0].1.unwrap() >= 64,
        "fewer starve one that reasons"
    );
    far.state().answers.push_back(Err(FailureKind::Overloaded));
    let report = syncer.pass(Pass::All, at(24 + 23)).await.unwrap();
    let [(key, is_ok)] = &report.probes[..] else {
        panic!("{report:?}")
    };
    assert_eq!(
        (key.name.as_str(), is_ok),
        ("n", &false),
        "another one than before"
    );
    syncer.pass(Pass::All, at(24 + 23)).await.unwrap();
    assert_eq!(
        far.state().asked.len(),
        2,
        "the budget of the day is used up"
    );
    let seen = store.observations(None, Hour(36), Hour(48)).await.unwrap();
    let probes: Vec<_> = seen
        .iter()
        .filter(|one| one.num_probes_ok + one.num_probes_failed > 0)
        .map(|one| {
            (
                one.key.name.as_str(),
                one.num_probes_ok,
                one.num_probes_failed,
            )
        })
        .collect();
    assert_eq!(probes, [("m", 1, 0), ("n", 0, 1)]);
    assert!(seen.iter().all(|one| one.is_listed));
}

#[tokio::test]
async fn a_probe_tells_only_what_the_host_did() {
    let far = Listing::new("x", &["m"]);
    let broken = Err(error(FailureKind::BrokenStream));
    for (answer, expected) in [
        (Ok(vec![ended()]), Some(true)),
        (Ok(vec![broken]), Some(false)),
        (Ok(vec![]), Some(false)),
        (Err(FailureKind::Unavailable), Some(false)),
        (Err(FailureKind::EmptyAnswer), Some(false)),
        (Err(FailureKind::TruncatedReasoning), Some(true)),
        (Err(FailureKind::AccountQuotaExhausted), None),
        (Err(FailureKind::KeyRejected), None),
        (Err(FailureKind::Network), None),
        (Err(FailureKind::InvalidRequest), None),
    ] {
        let words = format!("{answer:?}");
        far.state().answers.push_back(answer);
        let end = probe::probe(&*far, "m").await;
        assert_eq!(probe::answers(end.failure), expected, "{words}");
    }
}

/// What the store counted of an account within a window, also if the next one has begun meanwhile.
async fn counted(store: &Arc<dyn Store>, provider: &str, window: QuotaWindow) -> u64 {
    let counters = [window.start(now()), window.start(before(window))].map(|start| Counter {
        name: counter_name(provider, window),
        start,
    });
    store.counters(&counters).await.unwrap().iter().sum()
}

fn before(window: QuotaWindow) -> Timestamp {
    Timestamp(now().0 - window.length_ms())
}

#[tokio::test]
async fn probes_are_taken_from_the_account_and_counted_for_all_who_share_it() {
    let store = memory().await;
    let limits = AccountLimits {
        requests_per_day: Some(50),
        tokens_per_day: Some(100_000),
        ..AccountLimits::default()
    };
    let far = Listing::limited("x", &["m", "n"], limits);
    let mut syncer = syncer(vec![hosted(&far)], &store).await;
    syncer.config.probes_per_day = 48;
    let usage = Some(Usage {
        prompt_tokens: 80,
        completion_tokens: 20,
        ..Usage::default()
    });
    let told = Ok(AnswerEvent::Ended { usage, fault: None });
    far.state().answers.push_back(Ok(vec![told]));
    let report = syncer.pass(Pass::All, at(24 + 12)).await.unwrap();
    assert_eq!(report.probes.len(), 2);
    // Of the second nothing was told but that it was asked.
    let num_tokens = 100 + probe::PROMPT_TOKENS;
    for (window, expected) in [
        (QuotaWindow::RequestsPerDay, 2),
        (QuotaWindow::TokensPerDay, num_tokens),
    ] {
        assert_eq!(counted(&store, "x", window).await, expected, "{window:?}");
        let account = syncer.accounts.at("x").unwrap().account();
        let used = account.used(window, now()) + account.used(window, before(window));
        assert_eq!(used, expected, "{window:?}");
    }
}

#[tokio::test]
async fn an_account_that_is_used_up_or_refused_is_not_probed_and_others_are() {
    let daily = |limit| AccountLimits {
        requests_per_day: Some(limit),
        ..AccountLimits::default()
    };
    let store = memory().await;
    let small = Listing::limited("a", &["m", "n", "o"], daily(2));
    let spent = Listing::limited("b", &["m", "n", "o"], daily(9));
    let refused = Listing::new("c", &["m", "n", "o"]);
    let open = Listing::new("d", &["m", "n", "o"]);
    // Another server took all of it.
    for start in [now(), Timestamp(now().0 + 86_400_000)] {
        let counter = Counter {
            name: counter_name("b", QuotaWindow::RequestsPerDay),
            start: QuotaWindow::RequestsPerDay.start(start),
        };
        store.raise_counters(&[(counter, 9)]).await.unwrap();
    }
    let quota = Err(FailureKind::AccountQuotaExhausted);
    refused.state().answers.push_back(quota);
    let all = [&small, &spent, &refused, &open];
    let mut syncer = syncer(all.map(hosted).into(), &store).await;
    syncer.config.probes_per_day = 48;
    let report = syncer.pass(Pass::All, at(24 + 12)).await.unwrap();
    let num_asked = all.map(|one| one.state().asked.len());
    assert_eq!(num_asked, [2, 0, 1, 3]);
    // What the refusal says of the account it does not say of the deployment.
    assert_eq!(report.probes.len(), 5);

    // Nor is what is not asked taken from the budget.
    let day = Counter {
        name: PROBES.to_owned(),
        start: Timestamp(86_400_000),
    };
    assert_eq!(store.counters(&[day]).await.unwrap(), [6]);
}

#[test]
fn the_budget_of_a_day_lasts_the_day() {
    let hour_ms = 3_600_000;
    let share = |hour: i64, used| probe::share_of_day(48, used, hour * hour_ms);
    assert_eq!(share(0, 0), 2);
    assert_eq!(share(0, 2), 0);
    assert_eq!(share(12, 0), 26);
    assert_eq!(share(12, 25), 1);
    assert_eq!(share(23, 0), 48);
    assert_eq!(share(23, 99), 0);
    let of_one: u64 = (0..24)
        .map(|hour| probe::share_of_day(1, 0, hour * hour_ms))
        .max()
        .unwrap();
    assert_eq!(of_one, 1, "a budget of one is used within the day");
}

#[tokio::test]
async fn those_of_whom_nothing_is_known_for_longest_are_probed_first() {
    let store = memory().await;
    let far = Listing::new("x", &["guarded", "m", "n", "o", "p"]);
    far.state().models[0].spec.kind = crate::model_info::ModelKind::Classifier;
    let mut syncer = syncer(
        vec![hosted(&far), local(&Listing::new("here", &["q"]))],
        &store,
    )
    .await;
    syncer.pass(Pass::All, at(1)).await.unwrap();
    let catalog = syncer.subscribe().borrow().clone();
    let key = |name: &str| DeploymentKey {
        provider: "x".to_owned(),
        name: name.to_owned(),
    };
    let probed = |name: &str, hour| Observation {
        key: key(name),
        hour: Hour(hour),
        is_listed: true,
        is_up: None,
        num_probes_ok: 1,
        num_probes_failed: 0,
    };
    let seen = [
        probed("m", 9),
        probed("n", 5),
        probed("n", 3),
        probed("o", 10),
    ];
    let chosen = choose_probes(&catalog, &seen, &[], Hour(10));
    assert_eq!(chosen, [key("p"), key("n"), key("m")]);
}

#[tokio::test]
async fn a_syncer_that_runs_looks_at_once_and_tells_who_subscribed() {
    let store = memory().await;
    let syncer = syncer(vec![hosted(&Listing::new("x", &["m"]))], &store).await;
    let mut catalog = syncer.subscribe();
    catalog.mark_unchanged();
    let running = tokio::spawn(syncer.run());
    catalog.changed().await.unwrap();
    assert!(catalog.borrow().find("a/m").unwrap().is_hosted());
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
}
