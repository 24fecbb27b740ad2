//! Attempts and the sums over them, which a plain fold over all attempts tells as well.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use store::{
    AttemptRecord, AttemptSum, DeploymentKey, MAX_BATCH, MAX_ROWS, OutcomeSum, Resolution,
    Retention, StoreError, SumQuery, Timestamp,
};

use crate::{Subject, block_on, postgres_store, sqlite_stores, stores};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

pub(crate) fn attempt(request: &str, number: u16, model: &str, at: i64) -> AttemptRecord {
    AttemptRecord {
        request_id: request.to_owned(),
        number,
        model: model.to_owned(),
        deployment: DeploymentKey {
            provider: "groq".to_owned(),
            name: format!("{model}-on-groq"),
        },
        started_at: Timestamp(at),
        outcome: "ok".to_owned(),
        fault_domain: String::new(),
        http_status: Some(200),
        first_token_ms: Some(120),
        duration_ms: 800,
        prompt_tokens: 10,
        completion_tokens: 20,
        reasoning_tokens: 5,
        is_exploration: false,
    }
}

fn failed(request: &str, number: u16, model: &str, at: i64) -> AttemptRecord {
    AttemptRecord {
        outcome: "rate_limited".to_owned(),
        fault_domain: "account".to_owned(),
        http_status: None,
        first_token_ms: None,
        completion_tokens: 0,
        reasoning_tokens: 0,
        is_exploration: true,
        ..attempt(request, number, model, at)
    }
}

/// Everything since ever.
pub(crate) fn whole() -> SumQuery {
    SumQuery {
        since: None,
        until: None,
        model: None,
        resolution: Resolution::Whole,
    }
}

fn width_ms(resolution: Resolution) -> Option<i64> {
    match resolution {
        Resolution::Whole => None,
        Resolution::Minute => Some(MINUTE_MS),
        Resolution::Hour => Some(HOUR_MS),
        Resolution::Day => Some(DAY_MS),
    }
}

/// What the sums are while every attempt is there.
pub(crate) fn naive_sums(attempts: &[AttemptRecord], query: &SumQuery) -> Vec<OutcomeSum> {
    let start = query.since.unwrap_or_default();
    let is_within = |attempt: &AttemptRecord| {
        query.since.is_none_or(|since| since <= attempt.started_at)
            && query.until.is_none_or(|until| attempt.started_at < until)
    };
    fold(attempts, query, start, is_within)
}

fn fold(
    attempts: &[AttemptRecord],
    query: &SumQuery,
    start: Timestamp,
    is_within: impl Fn(&AttemptRecord) -> bool,
) -> Vec<OutcomeSum> {
    let mut sums: Vec<OutcomeSum> = Vec::new();
    for attempt in attempts {
        let is_of_model = query.model.as_ref().is_none_or(|m| *m == attempt.model);
        if !is_of_model || !is_within(attempt) {
            continue;
        }
        let one = OutcomeSum {
            model: attempt.model.clone(),
            deployment: attempt.deployment.clone(),
            start: width_ms(query.resolution).map_or(start, |width| {
                Timestamp(attempt.started_at.0.div_euclid(width) * width)
            }),
            outcome: attempt.outcome.clone(),
            fault_domain: attempt.fault_domain.clone(),
            sum: AttemptSum::default(),
        };
        let known = sums.iter().position(|other| {
            OutcomeSum {
                sum: AttemptSum::default(),
                ..other.clone()
            } == one
        });
        let place = known.unwrap_or_else(|| {
            sums.push(one);
            sums.len() - 1
        });
        let sum = &mut sums[place].sum;
        sum.count += 1;
        sum.num_first_tokens += u64::from(attempt.first_token_ms.is_some());
        sum.first_token_ms += u64::from(attempt.first_token_ms.unwrap_or(0));
        sum.duration_ms += u64::from(attempt.duration_ms);
        sum.completion_tokens += u64::from(attempt.completion_tokens);
    }
    sums.sort_by(|a, b| {
        let key = |one: &OutcomeSum| {
            (
                one.start,
                one.deployment.clone(),
                one.outcome.clone(),
                one.fault_domain.clone(),
                one.model.clone(),
            )
        };
        key(a).cmp(&key(b))
    });
    sums
}

#[tokio::test]
async fn attempts_come_by_request_in_the_order_asked_and_then_by_number() {
    for Subject { name, store, .. } in stores().await {
        let all = [
            attempt("b", 1, "m", 30),
            failed("b", 0, "m", 20),
            attempt("a", 0, "n", 10),
            failed("c", u16::MAX, "m", -5),
        ];
        store.insert_attempts(&[]).await.unwrap();
        store.insert_attempts(&all).await.unwrap();
        let list = async |ids: &[&str]| {
            let ids: Vec<_> = ids.iter().map(|&id| id.to_owned()).collect();
            store.attempts(&ids).await.unwrap()
        };
        let [b1, b0, a, c] = all;
        assert_eq!(list(&[]).await, [], "{name}");
        assert_eq!(list(&["none"]).await, [], "{name}");
        let expected = [c, b0.clone(), b1.clone(), a];
        assert_eq!(list(&["c", "none", "b", "a"]).await, expected, "{name}");
        assert_eq!(list(&["b"]).await, [b0, b1], "{name}");

        let too_many = vec![String::new(); MAX_ROWS + 1];
        let error = store.attempts(&too_many).await.unwrap_err();
        assert!(
            matches!(error, StoreError::TooMany { max: MAX_ROWS, .. }),
            "{name}: {error:?}"
        );
    }
}

#[tokio::test]
async fn attempts_that_are_sent_again_are_neither_changed_nor_summed_again() {
    for Subject { name, store, .. } in stores().await {
        let batch = [attempt("a", 0, "m", 10), failed("a", 1, "m", 20)];
        store.insert_attempts(&batch).await.unwrap();
        store.insert_attempts(&batch).await.unwrap();
        // One that is there with other words, one that is new, and that one twice.
        let again = [
            failed("a", 0, "other", 99),
            attempt("a", 2, "m", 30),
            failed("a", 2, "m", 40),
        ];
        store.insert_attempts(&again).await.unwrap();
        let mut expected = batch.to_vec();
        expected.push(again[1].clone());
        let listed = store.attempts(&["a".to_owned()]).await.unwrap();
        assert_eq!(listed, expected, "{name}");
        for resolution in [Resolution::Whole, Resolution::Hour, Resolution::Day] {
            let query = SumQuery {
                resolution,
                ..whole()
            };
            let sums = store.sum_attempts(&query).await.unwrap();
            assert_eq!(sums, naive_sums(&expected, &query), "{name}");
        }

        let too_many: Vec<_> = (0..=MAX_BATCH)
            .map(|i| attempt(&i.to_string(), 0, "m", 50))
            .collect();
        let error = store.insert_attempts(&too_many).await.unwrap_err();
        assert!(
            matches!(error, StoreError::TooMany { max: MAX_BATCH, .. }),
            "{name}: {error:?}"
        );
        store.insert_attempts(&too_many[1..]).await.unwrap();
        expected.extend_from_slice(&too_many[1..]);
        let sums = store.sum_attempts(&whole()).await.unwrap();
        assert_eq!(sums, naive_sums(&expected, &whole()), "{name}");
    }
}

#[tokio::test]
async fn of_those_that_answered_the_newest_come_first() {
    for Subject { name, store, .. } in stores().await {
        let mut answered: Vec<_> = (0..30)
            .map(|i: i64| attempt(&format!("r{}", i * 7 % 30), 0, "m", i / 3))
            .collect();
        answered.push(attempt("r3", 1, "m", 1));
        let others = [failed("f", 0, "m", 5), attempt("o", 0, "other", 5)];
        store.insert_attempts(&answered).await.unwrap();
        store.insert_attempts(&others).await.unwrap();
        answered.sort_by(|a, b| {
            let key = |one: &AttemptRecord| (one.started_at, one.request_id.clone(), one.number);
            key(b).cmp(&key(a))
        });
        for since in [i64::MIN, 0, 4, 9, 10] {
            for limit in [0, 1, 10, usize::MAX] {
                let expected = answered.iter().filter(|one| one.started_at.0 >= since);
                let expected: Vec<_> = expected.take(limit).cloned().collect();
                let listed = store.answered_attempts("m", Timestamp(since), limit).await;
                assert_eq!(listed.unwrap(), expected, "{name}: {since} {limit}");
            }
        }
        let many: Vec<_> = (0..=MAX_ROWS)
            .map(|i| attempt(&format!("many{i}"), 0, "many", 5))
            .collect();
        store.insert_attempts(&many).await.unwrap();
        let listed = store.answered_attempts("many", Timestamp(0), usize::MAX);
        assert_eq!(listed.await.unwrap().len(), MAX_ROWS, "{name}");
    }
}

#[tokio::test]
async fn a_sum_by_the_minute_has_a_beginning_and_at_most_six_hours() {
    for Subject { name, store, .. } in stores().await {
        let all: Vec<_> = (-3..10)
            .map(|i: i64| attempt(&i.to_string(), 0, "m", i * HOUR_MS + 1))
            .collect();
        store.insert_attempts(&all).await.unwrap();
        let query = |since: Option<i64>, until: Option<i64>| SumQuery {
            since: since.map(Timestamp),
            until: until.map(Timestamp),
            resolution: Resolution::Minute,
            ..whole()
        };
        for (since, until) in [
            (None, None),
            (None, Some(5)),
            (Some(0), Some(6 * HOUR_MS + 1)),
        ] {
            let error = store.sum_attempts(&query(since, until)).await.unwrap_err();
            assert!(
                matches!(error, StoreError::TooMany { max: 6, .. }),
                "{name}: {error:?}"
            );
        }
        let six_hours = query(Some(5), Some(6 * HOUR_MS + 5));
        let expected = naive_sums(&all, &six_hours);
        assert_eq!(expected.len(), 6);
        assert_eq!(store.sum_attempts(&six_hours).await.unwrap(), expected);
        let no_end = query(Some(5), None);
        assert_eq!(
            store.sum_attempts(&no_end).await.unwrap(),
            expected,
            "{name}"
        );
    }
}

/// The first multiple of `width` at or after `at`.
fn ceil(at: i64, width: i64) -> i64 {
    at + (-at).rem_euclid(width)
}

fn floor(at: i64, width: i64) -> i64 {
    at.div_euclid(width) * width
}

/// What the sums are when single attempts before one moment, and sums of hours before another, are
/// gone: those of all attempts within the span, once its ends are widened to what is known there.
fn sums_of_kept(
    attempts: &[AttemptRecord],
    query: &SumQuery,
    attempts_since: i64,
    hours_since: i64,
) -> Vec<OutcomeSum> {
    let is_by_day = query.resolution != Resolution::Hour;
    let first = query.since.map_or(i64::MIN, |since| since.0);
    let is_exact = first >= attempts_since;
    // A span that begins where only days are known takes the last of these days whole.
    let begins_in_days = is_by_day
        && !is_exact
        && query.since.map_or(i64::MIN, |_| floor(first, HOUR_MS)) < hours_since;
    let since = query.since.map(|since| match (is_exact, begins_in_days) {
        (true, _) => since.0,
        (_, true) => floor(since.0, DAY_MS),
        _ => floor(since.0, HOUR_MS),
    });
    let until = query.until.map(|until| {
        if begins_in_days && until.0 <= ceil(hours_since, DAY_MS) {
            ceil(until.0, DAY_MS)
        } else if is_exact || floor(until.0, HOUR_MS) >= attempts_since {
            until.0
        } else {
            ceil(until.0, HOUR_MS)
        }
    });
    let is_nothing = query.until.is_some_and(|until| until.0 <= first);
    let is_within = |attempt: &AttemptRecord| {
        let at = attempt.started_at.0;
        let is_known = is_by_day || floor(at, HOUR_MS) >= hours_since;
        !is_nothing
            && is_known
            && since.is_none_or(|since| at >= since)
            && until.is_none_or(|until| at < until)
    };
    let start = Timestamp(since.unwrap_or_default());
    fold(attempts, query, start, is_within)
}

fn random_attempt() -> impl Strategy<Value = AttemptRecord> {
    (
        (0..40_u16, 0..3_u16, select(vec!["a", "b"])),
        (select(vec!["groq", "cerebras"]), -3 * DAY_MS..3 * DAY_MS),
        select(vec![("ok", ""), ("empty", "host"), ("429", "account")]),
        proptest::option::of(any::<u32>()),
        any::<(u32, u32)>(),
    )
        .prop_map(
            |((request, number, model), (provider, at), (outcome, fault), first, (d, c))| {
                AttemptRecord {
                    deployment: DeploymentKey {
                        provider: provider.to_owned(),
                        name: model.to_owned(),
                    },
                    outcome: outcome.to_owned(),
                    fault_domain: fault.to_owned(),
                    first_token_ms: first,
                    duration_ms: d,
                    completion_tokens: c,
                    ..attempt(&request.to_string(), number, model, at)
                }
            },
        )
}

/// On the hour and beside it as often as anywhere.
fn moment() -> impl Strategy<Value = i64> {
    prop_oneof![
        -3 * DAY_MS..3 * DAY_MS,
        (-72..72_i64, -1..2_i64).prop_map(|(hour, beside)| hour * HOUR_MS + beside),
        (-3..3_i64, -1..2_i64).prop_map(|(day, beside)| day * DAY_MS + beside),
    ]
}

fn query() -> impl Strategy<Value = SumQuery> {
    let resolution = select(vec![Resolution::Whole, Resolution::Hour, Resolution::Day]);
    (
        proptest::option::of(moment()),
        proptest::option::of(moment()),
        proptest::option::of(select(vec!["a", "b", "c"])),
        resolution,
    )
        .prop_map(|(since, until, model, resolution)| SumQuery {
            since: since.map(Timestamp),
            until: until.map(Timestamp),
            model: model.map(str::to_owned),
            resolution,
        })
}

#[derive(Clone, Debug)]
struct Story {
    batches: Vec<Vec<AttemptRecord>>,
    queries: Vec<SumQuery>,
    /// Before when attempts, and sums of hours, are forgotten.
    forgotten: Option<(i64, i64)>,
}

fn story() -> impl Strategy<Value = Story> {
    let batch = vec(random_attempt(), 0..40);
    let forgotten = proptest::option::of((moment(), moment()));
    (vec(batch, 1..4), vec(query(), 20), forgotten).prop_map(|(batches, queries, forgotten)| {
        Story {
            batches,
            queries,
            forgotten,
        }
    })
}

async fn tell(subjects: Vec<Subject>, story: &Story) {
    for Subject { name, store, .. } in subjects {
        let mut all: Vec<AttemptRecord> = Vec::new();
        for batch in &story.batches {
            store.insert_attempts(batch).await.unwrap();
            for one in batch {
                let name = |one: &AttemptRecord| (one.request_id.clone(), one.number);
                if all.iter().all(|other| name(other) != name(one)) {
                    all.push(one.clone());
                }
            }
        }
        let (mut attempts_since, mut hours_since) = (i64::MIN, i64::MIN);
        if let Some((attempts_before, hours_before)) = story.forgotten {
            let limits = Retention {
                attempts_before: Some(Timestamp(attempts_before)),
                hours_before: Some(Timestamp(hours_before)),
                ..Retention::default()
            };
            while store.prune(&limits).await.unwrap() > 0 {}
            attempts_since = attempts_before;
            hours_since = floor(hours_before.min(attempts_before), HOUR_MS);
        }
        for query in &story.queries {
            let sums = store.sum_attempts(query).await.unwrap();
            let expected = sums_of_kept(&all, query, attempts_since, hours_since);
            assert_eq!(sums, expected, "{name}: {query:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 64,
        ..ProptestConfig::default()
    })]

    #[test]
    fn sqlite_sums_as_a_plain_fold_does_also_when_attempts_and_hours_are_forgotten(
        story in story()
    ) {
        block_on(async { tell(sqlite_stores().await, &story).await });
    }
}

proptest! {
    // Fewer: each makes a schema.
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 24,
        ..ProptestConfig::default()
    })]

    #[test]
    fn postgres_sums_as_a_plain_fold_does_also_when_attempts_and_hours_are_forgotten(
        story in story()
    ) {
        block_on(async { tell(Vec::from_iter(postgres_store().await), &story).await });
    }
}
