//! The router among hosts that answer and fail as each test wants, in paused time.

mod accounts;
mod hosts;
mod keys;
mod refusals;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use async_trait::async_trait;
use futures_util::{Stream, StreamExt};
use serde_json::{Value, json};
use store::{AttemptRecord, Counter, RequestQuery, RequestRecord};
use tokio::time::advance;

use super::chain::MAX_ROUNDS;
use super::*;
use crate::accounts::counter_name;
use crate::catalog::{LocalModels, Tier};
use crate::error::{FailureKind, ProviderError, RetryAfter, whole_seconds};
use crate::model_info::{ModelId, ModelInfo, ModelSpec};
use crate::provider::{
    AccountLimits, AnswerEvent, AnswerSource, AnswerStream, Delta, FinishReason, Progress,
    ProviderId, QuotaReport, QuotaWindow, Usage,
};
use crate::recorder::{KeepDays, RecorderTask};

/// What a host does with a request.
#[derive(Clone, Debug)]
enum Act {
    /// Says this.
    Say(&'static str),
    /// Fails with this kind and, if there is a number, asks to be left alone for so many seconds.
    Fail(FailureKind, Option<u64>),
    /// Says this and breaks off.
    Break(&'static str),
    /// Says this and does not tell how many tokens it was.
    Mumble(&'static str),
    /// Never answers.
    Hang,
}

/// A host that does one thing after the other, and the last one again and again.
struct FakeHost {
    id: ProviderId,
    models: Vec<ModelInfo>,
    acts: Mutex<VecDeque<Act>>,
    limits: AccountLimits,
    quota: Vec<QuotaReport>,
    num_asked: AtomicUsize,
}

impl FakeHost {
    fn next(&self) -> Act {
        self.num_asked.fetch_add(1, Ordering::Relaxed);
        let mut acts = self.acts.lock().unwrap();
        match acts.len() {
            0 | 1 => acts.front().cloned().unwrap_or(Act::Hang),
            _ => acts.pop_front().unwrap(),
        }
    }

    async fn answer(&self) -> Result<AnswerStream, RouterError> {
        let (text, breaks, tells) = match self.next() {
            Act::Say(text) => (text, false, true),
            Act::Break(text) => (text, true, true),
            Act::Mumble(text) => (text, false, false),
            Act::Fail(kind, seconds) => {
                let mut error = ProviderError::new(kind, "as the test wants");
                error.http_status = Some(500);
                error.retry_after = seconds.map(|seconds| RetryAfter {
                    wait: Duration::from_secs(seconds),
                    is_authoritative: true,
                });
                return Err(error.into());
            }
            Act::Hang => std::future::pending().await,
        };
        let usage = tells.then(|| Usage {
            prompt_tokens: 10,
            completion_tokens: 5,
            ..Usage::default()
        });
        let delta = Ok(AnswerEvent::Delta {
            choice: 0,
            delta: Delta::Content(text.to_owned()),
            logprobs: Vec::new(),
        });
        let reason = FinishReason::Stop;
        let rest = match breaks {
            true => vec![Err(ProviderError::new(FailureKind::BrokenStream, "cut"))],
            false => vec![
                Ok(AnswerEvent::Finished { choice: 0, reason }),
                Ok(AnswerEvent::Ended { usage, fault: None }),
            ],
        };
        let items = std::iter::once(delta).chain(rest).collect();
        let first_token = Some(std::time::Instant::now());
        Ok(Box::pin(FakeAnswer {
            items,
            usage,
            num_said_bytes: text.len(),
            first_token,
        }))
    }
}

struct FakeAnswer {
    items: VecDeque<Result<AnswerEvent, ProviderError>>,
    usage: Option<Usage>,
    num_said_bytes: usize,
    first_token: Option<std::time::Instant>,
}

impl Stream for FakeAnswer {
    type Item = Result<AnswerEvent, ProviderError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.items.pop_front())
    }
}

impl AnswerSource for FakeAnswer {
    fn progress(&self) -> Progress {
        Progress {
            usage: self.usage,
            num_said_bytes: self.num_said_bytes,
            first_token: self.first_token,
            per_token: None,
        }
    }
}

#[async_trait]
impl Provider for FakeHost {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    async fn models(&self) -> Result<Vec<ModelInfo>, ProviderError> {
        Ok(self.models.clone())
    }

    async fn chat(&self, _: &str, _: &Arc<ChatRequest>) -> Result<AnswerStream, RouterError> {
        self.answer().await
    }

    async fn complete(
        &self,
        _: &str,
        _: &Arc<CompletionRequest>,
    ) -> Result<AnswerStream, RouterError> {
        self.answer().await
    }

    fn limits(&self) -> AccountLimits {
        self.limits
    }

    async fn ask_quota(&self) -> Result<Vec<QuotaReport>, ProviderError> {
        Ok(self.quota.clone())
    }

    fn unavailable(&self) -> Option<String> {
        None
    }

    fn load(&self) -> Option<crate::provider::Load> {
        None
    }
}

/// A host with these models.
fn host(id: &str, models: &[&str], acts: &[Act]) -> FakeHost {
    let info = |name: &&str| ModelInfo {
        id: ModelId((*name).to_owned()),
        provider_name: format!("{name}:free"),
        aliases: Vec::new(),
        owned_by: "test".to_owned(),
        spec: ModelSpec {
            context_length: Some(1000),
            ..ModelSpec::default()
        },
    };
    FakeHost {
        id: ProviderId(id.to_owned()),
        models: models.iter().map(info).collect(),
        acts: Mutex::new(acts.to_vec().into()),
        limits: AccountLimits::default(),
        quota: Vec::new(),
        num_asked: AtomicUsize::new(0),
    }
}

struct World {
    router: Router,
    hosts: Vec<Arc<FakeHost>>,
    store: Arc<dyn Store>,
    task: RecorderTask,
}

impl World {
    async fn new(hosts: Vec<(Tier, FakeHost)>) -> Self {
        let store = store::connect("sqlite::memory:").await.unwrap();
        let metrics = Arc::new(Metrics::default());
        let (recorder, task) = Recorder::spawn(
            Arc::clone(&store),
            Arc::clone(&metrics),
            KeepDays::default(),
        );
        let mut local = Vec::new();
        let mut shared = Vec::new();
        for (tier, host) in hosts {
            local.push(LocalModels {
                provider: host.id.0.clone(),
                tier,
                models: host.models.clone(),
                since: Timestamp(0),
            });
            shared.push(Arc::new(host));
        }
        let providers = shared
            .iter()
            .map(|host| Arc::clone(host) as Arc<dyn Provider>);
        let config = RouterConfig {
            exploration: 0.0,
            ..RouterConfig::default()
        };
        let router = Router::new(
            Accounts::new(providers),
            config,
            Arc::clone(&store),
            recorder,
            metrics,
        );
        router.set_catalog(Arc::new(Catalog::builtin().with_local(&local)));
        Self {
            router,
            hosts: shared,
            store,
            task,
        }
    }

    /// Asks for `model` and listens to the end: what was said, and who said it.
    async fn ask(&self, model: &str) -> Result<(String, Answer), RouterError> {
        self.ask_with(json!({"model": model})).await
    }

    async fn ask_with(&self, more: Value) -> Result<(String, Answer), RouterError> {
        let mut body = json!({"messages": [{"role": "user", "content": "hi"}]});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let request = Arc::new(ChatRequest::from_json(body.to_string().into()).unwrap());
        let id = crate::request_id();
        let mut answer = self.router.chat(&Caller::default(), id, &request).await?;
        let mut said = String::new();
        while let Some(event) = answer.stream.next().await {
            match event {
                Ok(AnswerEvent::Delta {
                    delta: Delta::Content(text),
                    ..
                }) => said.push_str(&text),
                Ok(_) => {}
                Err(error) => said.push_str(error.kind.as_str()),
            }
        }
        Ok((said, answer))
    }

    fn num_asked(&self) -> Vec<usize> {
        self.hosts
            .iter()
            .map(|host| host.num_asked.load(Ordering::Relaxed))
            .collect()
    }

    /// What was recorded of the only request.
    async fn records(self) -> (RequestRecord, Vec<AttemptRecord>) {
        drop(self.router);
        self.task.finish().await;
        let query = RequestQuery {
            limit: 10,
            ..RequestQuery::default()
        };
        let mut requests = self.store.requests(&query).await.unwrap();
        assert_eq!(requests.len(), 1, "{requests:?}");
        let request = requests.remove(0);
        let attempts = self
            .store
            .attempts(std::slice::from_ref(&request.id))
            .await
            .unwrap();
        (request, attempts)
    }
}

const M: &str = "test/m";

fn hosted(id: &str, acts: &[Act]) -> (Tier, FakeHost) {
    (Tier::Hosted, host(id, &[M], acts))
}

fn trail(answer: &Answer) -> Vec<String> {
    answer.trail.iter().map(AttemptSummary::to_text).collect()
}

#[tokio::test(start_paused = true)]
async fn a_failure_before_the_first_word_goes_on_to_the_next_and_each_attempt_is_recorded_once() {
    let world = World::new(vec![
        hosted("a", &[Act::Fail(FailureKind::Internal, None)]),
        hosted("b", &[Act::Say("hello")]),
    ])
    .await;
    let (said, answer) = world.ask(M).await.unwrap();
    assert_eq!(said, "hello");
    assert_eq!(answer.deployment, "b/test/m:free");
    assert_eq!(
        trail(&answer),
        ["a/test/m:free=internal", "b/test/m:free=ok"]
    );
    drop(answer);
    let (request, attempts) = world.records().await;
    assert_eq!(
        (request.outcome.as_str(), request.completion_tokens),
        ("ok", 5)
    );
    assert_eq!(request.deployment.as_deref(), Some("b/test/m:free"));
    let told: Vec<_> = attempts
        .iter()
        .map(|one| {
            let provider = one.deployment.provider.as_str();
            (
                one.number,
                provider,
                one.outcome.as_str(),
                one.fault_domain.as_str(),
                one.http_status,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (0, "a", "internal", "host", Some(500)),
            (1, "b", "ok", "", None)
        ]
    );
    assert_eq!(attempts[1].prompt_tokens, 10);
}

#[tokio::test(start_paused = true)]
async fn after_the_first_word_nobody_else_is_asked() {
    let world = World::new(vec![
        hosted("a", &[Act::Break("half")]),
        hosted("b", &[Act::Say("other")]),
    ])
    .await;
    let (said, answer) = world.ask(M).await.unwrap();
    assert_eq!(said, "halfbroken_stream");
    drop(answer);
    assert_eq!(world.num_asked(), [1, 0]);
    let (request, attempts) = world.records().await;
    assert_eq!(request.outcome, "broken_stream");
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].fault_domain, "host");
}

#[tokio::test(start_paused = true)]
async fn the_callers_own_mistake_is_told_and_not_tried_elsewhere() {
    for kind in [FailureKind::InvalidRequest, FailureKind::ContentRefused] {
        let world = World::new(vec![
            hosted("a", &[Act::Fail(kind, None)]),
            hosted("b", &[Act::Say("never")]),
        ])
        .await;
        let error = world.ask(M).await.err().unwrap();
        assert_eq!(error.kind(), kind);
        assert_eq!(world.num_asked(), [1, 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_named_model_is_never_changed_for_another_unless_that_is_asked_for() {
    let world = World::new(vec![
        (
            Tier::Hosted,
            host("a", &["test/m"], &[Act::Fail(FailureKind::Internal, None)]),
        ),
        (
            Tier::Hosted,
            host("b", &["test/other"], &[Act::Say("other")]),
        ),
    ])
    .await;
    assert!(world.ask("test/m").await.is_err());
    assert_eq!(world.num_asked()[1], 0);
    let (said, answer) = world
        .ask_with(json!({"model": "test/m", "models": ["test/other"]}))
        .await
        .unwrap();
    assert_eq!(
        (said.as_str(), answer.model.as_str()),
        ("other", "test/other")
    );
}

#[tokio::test(start_paused = true)]
async fn an_id_with_free_an_own_name_and_a_provider_before_it_all_mean_the_model() {
    let world = World::new(vec![
        hosted("a", &[Act::Say("a")]),
        hosted("b", &[Act::Say("b")]),
    ])
    .await;
    for name in ["test/m", "test/m:free", "TEST/M", "m", " test/m "] {
        let (said, _) = world.ask(name).await.unwrap();
        assert_eq!(said, "a", "{name}");
    }
    let (said, answer) = world.ask("b/test/m:free").await.unwrap();
    assert_eq!(said, "b");
    drop(answer);
    let error = world.ask("test/n").await.err().unwrap();
    assert!(matches!(&error, RouterError::ModelNotFound { similar, .. } if similar == &[M]));
}

#[tokio::test(start_paused = true)]
async fn a_lone_host_that_fails_by_chance_is_asked_again_after_a_pause() {
    let fail = Act::Fail(FailureKind::Internal, None);
    let world = World::new(vec![hosted("a", &[fail.clone(), Act::Say("a")])]).await;
    let (said, answer) = world.ask(M).await.unwrap();
    assert_eq!(said, "a");
    assert_eq!(answer.trail.len(), 2);
    // Not for ever.
    let world = World::new(vec![hosted("a", &[fail])]).await;
    assert!(world.ask(M).await.is_err());
    assert_eq!(world.num_asked(), [MAX_ROUNDS as usize]);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_was_left_out_for_a_guess_gets_a_last_chance() {
    let fail = Act::Fail(FailureKind::Internal, None);
    let acts = [vec![fail; 3], vec![Act::Say("back")]].concat();
    let world = World::new(vec![hosted("a", &acts)]).await;
    assert!(world.ask(M).await.is_err());
    // Its breaker is open now, but nobody else is there.
    assert_eq!(world.ask(M).await.unwrap().0, "back");
}

#[tokio::test(start_paused = true)]
async fn a_prompt_that_was_too_long_is_tried_only_where_there_is_more_room() {
    let too_long = Act::Fail(FailureKind::ContextLengthExceeded, None);
    let (_, mut same) = hosted("b", &[Act::Say("b")]);
    let (_, mut larger) = hosted("c", &[Act::Say("c")]);
    same.models[0].spec.context_length = Some(1000);
    larger.models[0].spec.context_length = Some(2000);
    let world = World::new(vec![
        hosted("a", &[too_long]),
        (Tier::Hosted, same),
        (Tier::Hosted, larger),
    ])
    .await;
    assert_eq!(world.ask(M).await.unwrap().0, "c");
    assert_eq!(world.num_asked(), [1, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_request_has_an_end_and_that_is_nobodys_fault() {
    let world = World::new(vec![
        hosted("a", &[Act::Hang]),
        hosted("b", &[Act::Say("b")]),
    ])
    .await;
    let error = world.ask(M).await.err().unwrap();
    assert_eq!(error.kind(), FailureKind::OutOfTime, "{error}");
    let (request, attempts) = world.records().await;
    assert_eq!(request.outcome, "out_of_time");
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].fault_domain, "server");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_is_not_held_against_the_host() {
    let world = World::new(vec![hosted("a", &[Act::Hang])]).await;
    let asking = world.ask(M);
    tokio::select! {
        _ = asking => panic!("it hangs"),
        () = advance(Duration::from_secs(1)) => {}
    }
    let (request, attempts) = world.records().await;
    assert_eq!(request.outcome, "canceled");
    let told: Vec<_> = attempts
        .iter()
        .map(|one| (&*one.outcome, &*one.fault_domain))
        .collect();
    assert_eq!(told, [("canceled", "caller")]);
}

#[tokio::test(start_paused = true)]
async fn auto_takes_hosts_first_then_this_machine_and_the_demo_only_where_nothing_else_exists() {
    let fail = [Act::Fail(FailureKind::Internal, None)];
    let demo = || (Tier::Demo, host("local", &["demo"], &[Act::Say("demo")]));
    let world = World::new(vec![
        hosted("a", &fail),
        (Tier::Local, host("mine", &["test/n"], &[Act::Say("mine")])),
        demo(),
    ])
    .await;
    assert_eq!(world.ask("auto").await.unwrap().0, "mine");
    let world = World::new(vec![hosted("a", &fail), demo()]).await;
    assert!(world.ask("auto").await.is_err());
    assert_eq!(world.ask("demo").await.unwrap().0, "demo");
    let world = World::new(vec![demo()]).await;
    assert_eq!(world.ask("auto").await.unwrap().0, "demo");
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_known_and_offered_by_nobody_is_told_apart_from_one_that_is_unknown() {
    let world = World::new(vec![hosted("a", &[Act::Say("a")])]).await;
    let error = world.ask("openai/gpt-oss-20b").await.err().unwrap();
    assert!(matches!(error, RouterError::NotOffered { .. }), "{error}");
    assert!(
        error.to_string().contains("offered by nobody here"),
        "{error}"
    );
    assert_eq!(error.kind(), FailureKind::ModelNotFound);
    // In a list it does no harm.
    let more = json!({"models": ["openai/gpt-oss-20b", "nobody/knows", M]});
    assert_eq!(world.ask_with(more).await.unwrap().0, "a");
}

#[tokio::test(start_paused = true)]
async fn those_who_cannot_do_what_is_asked_are_named_with_the_reason() {
    let world = World::new(vec![
        hosted("a", &[Act::Say("a")]),
        hosted("b", &[Act::Say("b")]),
    ])
    .await;
    let image = json!([{"type": "image_url", "image_url": {"url": "data:,"}}]);
    let more = json!({"model": M, "messages": [{"role": "user", "content": image}]});
    let error = world.ask_with(more).await.err().unwrap();
    assert_eq!(error.kind(), FailureKind::InvalidRequest);
    let text = error.to_string();
    assert!(
        text.contains("a/test/m:free not asked: no_images"),
        "{text}"
    );
    assert_eq!(world.num_asked(), [0, 0]);
}

#[tokio::test(start_paused = true)]
async fn an_explanation_asks_nobody_and_tells_the_order_that_a_request_would_take() {
    let fail = Act::Fail(FailureKind::RateLimited, Some(60));
    let world = World::new(vec![
        hosted("a", &[fail, Act::Say("a")]),
        hosted("b", &[Act::Say("b")]),
        (Tier::Local, host("local", &[M], &[Act::Say("local")])),
    ])
    .await;
    world.ask(M).await.unwrap();
    let before = world.num_asked();
    let body = json!({"model": M, "messages": [{"role": "user", "content": "hi"}]});
    let request = Arc::new(ChatRequest::from_json(body.to_string().into()).unwrap());
    let told = world.router.explain(&Caller::default(), &request).unwrap();
    let names = |list: &Value| -> Vec<String> {
        let all = list.as_array().unwrap().iter();
        all.map(|one| one["deployment"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        names(&told["order"]),
        ["b/test/m:free", "local/test/m:free"]
    );
    assert_eq!(names(&told["excluded"]), ["a/test/m:free"]);
    assert_eq!(told["excluded"][0]["reason"], "breaker_open");
    assert_eq!(told["excluded"][0]["detail"]["failure"], "rate_limited");
    assert_eq!(told["excluded"][0]["detail"]["stated_by_host"], true);
    assert!(told["order"][0]["score"]["total"].as_f64().unwrap() > 0.0);
    assert_eq!(world.num_asked(), before);
}

#[tokio::test(start_paused = true)]
async fn a_new_catalogue_keeps_what_is_known_of_those_who_stay() {
    let world = World::new(vec![
        hosted("a", &[Act::Fail(FailureKind::RateLimited, Some(600))]),
        hosted("b", &[Act::Say("b")]),
    ])
    .await;
    world.ask(M).await.unwrap();
    world.router.set_catalog(world.router.catalog());
    world.ask(M).await.unwrap();
    assert_eq!(world.num_asked(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_a_short_pause_gets_it_before_he_is_asked_again() {
    let busy = Act::Fail(FailureKind::Unavailable, Some(2));
    let world = World::new(vec![hosted("a", &[busy, Act::Say("a")])]).await;
    let begun = tokio::time::Instant::now();
    assert_eq!(world.ask(M).await.unwrap().0, "a");
    assert!(begun.elapsed() >= Duration::from_secs(2));
}

// In real time: a paused clock would run ahead of the store, which then is not waited for.
#[tokio::test(start_paused = true)]
async fn a_list_without_a_model_is_the_whole_choice() {
    let world = World::new(vec![
        (
            Tier::Hosted,
            host("a", &["test/other"], &[Act::Say("other")]),
        ),
        (
            Tier::Hosted,
            host("b", &[M], &[Act::Fail(FailureKind::Internal, None)]),
        ),
    ])
    .await;
    for open in [
        json!({}),
        json!({"model": null}),
        json!({"model": null, "models": []}),
    ] {
        assert_eq!(world.ask_with(open).await.unwrap().0, "other");
    }
    let before = world.num_asked()[0];
    for list in [
        json!({"models": [M, "nobody/knows"]}),
        json!({"models": [M], "model": null}),
        json!({"models": ["nobody/knows", "nobody/knows-it"]}),
    ] {
        let is_known = list["models"][0] == M;
        let error = world.ask_with(list).await.err().unwrap();
        let expected = match is_known {
            true => FailureKind::Internal,
            false => FailureKind::ModelNotFound,
        };
        assert_eq!(error.kind(), expected, "{error}");
    }
    assert_eq!(world.num_asked()[0], before, "never exchanged for another");
}

#[tokio::test(start_paused = true)]
async fn what_this_machine_cannot_do_goes_to_a_host_that_can() {
    let forced = json!({
        "models": ["test/l", M],
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "tool_choice": "required",
    });
    let local = || {
        let own = host("local", &["test/l"], &[Act::Say("local")]);
        (Tier::Local, own)
    };
    let world = World::new(vec![local(), hosted("a", &[Act::Say("a")])]).await;
    let (said, answer) = world.ask_with(forced.clone()).await.unwrap();
    assert_eq!((said.as_str(), answer.trail.len()), ("a", 1));
    assert_eq!(world.num_asked(), [0, 1]);
    // Where there is no other it says itself what it cannot do; this one does not.
    let world = World::new(vec![local()]).await;
    assert_eq!(world.ask_with(forced).await.unwrap().0, "local");
}
