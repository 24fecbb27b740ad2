use store::{FeedbackQuery, Hour, RequestQuery, Resolution, SumQuery};

use super::*;

/// Everything that a store says.
async fn told(store: &dyn Store) -> String {
    let (models, deployments) = store.catalog().await.unwrap();
    let changes = store.spec_changes(None, Timestamp(0), 1000).await.unwrap();
    let hours = (Hour::of(START), Hour(Hour::of(MOMENT).0 + 1));
    let observations = store.observations(None, hours.0, hours.1).await.unwrap();
    let newest = RequestQuery {
        limit: 500,
        ..RequestQuery::default()
    };
    let requests = store.requests(&newest).await.unwrap();
    let ids: Vec<_> = requests.iter().map(|request| request.id.clone()).collect();
    let attempts = store.attempts(&ids).await.unwrap();
    let sums = SumQuery {
        since: None,
        until: None,
        model: None,
        resolution: Resolution::Hour,
    };
    let sums = store.sum_attempts(&sums).await.unwrap();
    let all = FeedbackQuery::default();
    let feedback = store.feedback(&all, 1000).await.unwrap();
    let keys = store.keys().await.unwrap();
    let syncs = store.syncs().await.unwrap();
    format!(
        "{models:?} {deployments:?} {changes:?} {observations:?} {requests:?} {attempts:?} {sums:?} \
         {feedback:?} {keys:?} {syncs:?}"
    )
}

#[tokio::test]
async fn it_is_the_same_each_time_and_speaks_of_no_later_moment() {
    let (one, catalog) = open().await.unwrap();
    let (other, same) = open().await.unwrap();
    assert!(catalog == same);
    assert!(told(&*one).await == told(&*other).await);
    let newest = RequestQuery {
        limit: 1,
        ..RequestQuery::default()
    };
    let newest = &one.requests(&newest).await.unwrap()[0];
    assert!(newest.started_at <= MOMENT, "{newest:?}");
    let syncs = one.syncs().await.unwrap();
    assert_eq!(syncs.len(), HOSTS.len());
    assert!(
        syncs.iter().all(|sync| sync.tried_at <= MOMENT),
        "{syncs:?}"
    );
    let this_hour = Hour::of(MOMENT);
    let later = one.observations(None, this_hour, Hour(this_hour.0 + 1_000));
    assert_eq!(later.await.unwrap(), []);
}

#[tokio::test]
async fn it_has_models_of_every_fate() {
    let (store, catalog) = open().await.unwrap();
    let model = |id: &str| catalog.model(id).unwrap();
    assert!(catalog.models().len() > 46);
    let oss = model("openai/gpt-oss-20b");
    assert_eq!(oss.deployments.len(), HOSTS.len());
    assert_eq!(oss.spec.context_length, Some(131_072));
    assert_eq!(oss.spec.max_output_tokens, Some(131_072));
    assert!(!model("minimax/minimax-m2").is_active());
    assert!(model("deepseek/deepseek-chat-v3.1").is_active());
    let new = model("stepfun/step-3.5-flash").first_seen_at.unwrap();
    assert!(MOMENT.0 - new.0 < 7 * DAY_MS);
    let changes = store.spec_changes(None, Timestamp(0), 1000).await.unwrap();
    for field in ["appeared", "left", "returned", "context_length"] {
        assert!(changes.iter().any(|one| one.field == field), "{field}");
    }
    let cut = |one: &store::SpecChange| {
        one.field == "max_output_tokens"
            && one.old.as_deref() == Some("131072")
            && one.new.as_deref() == Some("8192")
    };
    assert!(changes.iter().any(cut));
    let unknown = model("upstage/solar-pro-3");
    assert!(unknown.is_active() && unknown.spec.context_length.is_none());
    let hours = (Hour::of(START), Hour::of(MOMENT));
    let seen = store.observations(Some("upstage/solar-pro-3"), hours.0, hours.1);
    assert_eq!(seen.await.unwrap(), []);
}
