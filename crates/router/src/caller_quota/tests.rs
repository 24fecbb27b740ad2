use proptest::prelude::*;
use store::KeySettings;
use tokio::runtime::Builder;

use super::*;
use crate::recorder::{KeepDays, now};

/// 2025-11-22 16:00:07 UTC.
const NOW: Timestamp = Timestamp(1_763_827_207_000);

async fn memory() -> Arc<dyn Store> {
    store::connect("sqlite::memory:").await.unwrap()
}

fn caller(name: &str, quota: KeyQuota) -> Caller {
    let settings = KeySettings {
        quota,
        ..KeySettings::default()
    };
    Caller {
        key_id: Some(KeyId(name.to_owned())),
        settings: Arc::new(settings),
        ..Caller::default()
    }
}

fn later(ms: i64) -> Timestamp {
    Timestamp(NOW.0 + ms)
}

fn exceeded(result: Result<Option<QuotaState>, AdmitError>) -> QuotaExceeded {
    match result {
        Err(AdmitError::Exceeded(exceeded)) => exceeded,
        other => panic!("was not refused: {other:?}"),
    }
}

#[tokio::test]
async fn requests_pass_until_their_window_is_full_and_again_in_the_next() {
    let quota = CallerQuota::new(memory().await);
    let caller = caller(
        "key_a",
        KeyQuota {
            requests_per_minute: Some(2),
            ..KeyQuota::default()
        },
    );
    for used in [1, 2] {
        let state = quota.admit(&caller, NOW).await.unwrap().unwrap();
        let window = state.tightest().unwrap();
        assert_eq!((window.limit, window.used), (2, used));
        assert_eq!(window.remaining(), 2 - used);
        assert_eq!(window.resets_at, later(53_000));
    }
    for _ in 0..3 {
        let refused = exceeded(quota.admit(&caller, NOW).await);
        assert_eq!(refused.exceeded.used, 2, "a refused request counts nothing");
        assert_eq!(refused.retry_after_s(), 53);
        let words = refused.to_string();
        assert!(words.contains("2 requests a minute"), "{words}");
    }
    assert!(quota.admit(&caller, later(52_999)).await.is_err());
    assert!(quota.admit(&caller, later(53_000)).await.is_ok());
}

#[tokio::test]
async fn tokens_count_when_they_are_known_and_in_the_window_of_that_moment() {
    let quota = CallerQuota::new(memory().await);
    let caller = caller(
        "key_a",
        KeyQuota {
            tokens_per_minute: Some(100),
            tokens_per_day: Some(250),
            ..KeyQuota::default()
        },
    );
    quota.admit(&caller, NOW).await.unwrap();
    // The answer took until the next minute, and more than was left.
    let next = later(60_000);
    quota.settle(&caller, 120, next).await.unwrap();
    assert!(quota.admit(&caller, NOW).await.is_ok(), "the first minute");
    let refused = exceeded(quota.admit(&caller, next).await);
    assert_eq!(refused.exceeded.window, QuotaWindow::TokensPerMinute);
    assert_eq!(
        (refused.exceeded.used, refused.exceeded.remaining()),
        (120, 0)
    );
    let after = later(120_000);
    assert!(quota.admit(&caller, after).await.is_ok());
    quota.settle(&caller, 130, after).await.unwrap();
    let refused = exceeded(quota.admit(&caller, later(180_000)).await);
    assert_eq!(refused.exceeded.window, QuotaWindow::TokensPerDay);
}

#[tokio::test]
async fn of_two_full_windows_the_longer_wait_is_told() {
    let quota = CallerQuota::new(memory().await);
    let caller = caller(
        "key_a",
        KeyQuota {
            requests_per_minute: Some(1),
            requests_per_day: Some(1),
            ..KeyQuota::default()
        },
    );
    quota.admit(&caller, NOW).await.unwrap();
    let refused = exceeded(quota.admit(&caller, NOW).await);
    assert_eq!(refused.exceeded.window, QuotaWindow::RequestsPerDay);
    // From 16:00:07 to midnight.
    assert_eq!(refused.wait, Duration::from_secs(8 * 3600 - 7));
}

#[tokio::test]
async fn a_key_without_quota_and_a_caller_without_key_never_touch_the_store() {
    let store = memory().await;
    store.close().await.unwrap();
    let quota = CallerQuota::new(store);
    let limited = KeyQuota {
        tokens_per_day: Some(1),
        ..KeyQuota::default()
    };
    let nobody = Caller {
        key_id: None,
        ..caller("", limited)
    };
    for caller in [&caller("key_a", KeyQuota::default()), &nobody] {
        assert_eq!(quota.admit(caller, NOW).await.unwrap(), None);
        quota.settle(caller, 10, NOW).await.unwrap();
        let state = quota.state(caller, NOW).await.unwrap();
        assert_eq!(state, QuotaState::default());
    }
    // Nor is a limit forgotten because it cannot be counted.
    let error = quota
        .admit(&caller("key_a", limited), NOW)
        .await
        .unwrap_err();
    assert!(matches!(error, AdmitError::Store(_)), "{error:?}");
    assert_eq!(RouterError::from(error).kind(), FailureKind::ServerFault);
}

#[tokio::test]
async fn a_quota_of_nothing_lets_nobody_in() {
    let quota = CallerQuota::new(memory().await);
    for none in [
        KeyQuota {
            requests_per_day: Some(0),
            ..KeyQuota::default()
        },
        KeyQuota {
            tokens_per_minute: Some(0),
            ..KeyQuota::default()
        },
    ] {
        let refused = exceeded(quota.admit(&caller("key_a", none), NOW).await);
        assert_eq!(refused.exceeded.limit, 0);
    }
}

#[tokio::test]
async fn what_is_left_is_read_without_taking_any_of_it() {
    let quota = CallerQuota::new(memory().await);
    let limits = KeyQuota {
        requests_per_minute: Some(10),
        requests_per_day: Some(100),
        tokens_per_minute: Some(1000),
        tokens_per_day: Some(5000),
    };
    let caller = caller("key_a", limits);
    quota.admit(&caller, NOW).await.unwrap();
    quota.settle(&caller, 70, NOW).await.unwrap();
    for _ in 0..2 {
        let state = quota.state(&caller, NOW).await.unwrap();
        let used: Vec<_> = state.windows.iter().map(|one| one.used).collect();
        assert_eq!(used, [1, 70, 1, 70]);
    }
}

/// A key that may use `limit` tokens a day.
fn with_tokens(limit: u32) -> Caller {
    let quota = KeyQuota {
        tokens_per_day: Some(limit),
        ..KeyQuota::default()
    };
    caller("key_a", quota)
}

#[tokio::test]
async fn what_a_server_has_answered_counts_before_it_is_written() {
    // Today, since old counters are deleted.
    let (store, now) = (memory().await, now());
    let shared = Arc::clone(&store);
    let (recorder, task) = Recorder::spawn(shared, Arc::default(), KeepDays::default());
    let caller = with_tokens(20);
    // Somebody else has used some as well.
    let other = CallerQuota::new(Arc::clone(&store));
    other.settle(&caller, 1, now).await.unwrap();
    let quota = CallerQuota::of_server(Arc::clone(&store), &recorder);
    let mut left = Vec::new();
    for _ in 0..12 {
        let Ok(state) = quota.admit(&caller, now).await else {
            continue;
        };
        left.push(state.unwrap().tightest().unwrap().remaining());
        recorder.count(settlement(&caller, 12, now));
    }
    assert_eq!(left, [19, 7]);
    let refused = exceeded(quota.admit(&caller, now).await);
    assert_eq!(refused.exceeded.used, 25);
    // Another server sees it when it is written, once.
    drop((recorder, quota));
    task.finish().await;
    let state = other.state(&caller, now).await.unwrap();
    assert_eq!(state.windows[0].used, 25);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moves_to_the_store_meanwhile_is_never_seen_twice_nor_not_at_all() {
    // Today, since old counters are deleted.
    let (store, now) = (memory().await, now());
    let shared = Arc::clone(&store);
    let (recorder, task) = Recorder::spawn(shared, Arc::default(), KeepDays::default());
    let quota = CallerQuota::of_server(store, &recorder);
    let caller = with_tokens(1_000_000);
    // Over several writes.
    for number in 1..=150 {
        recorder.count(settlement(&caller, 1, now));
        let admitted = quota.admit(&caller, now).await.unwrap().unwrap();
        assert_eq!(admitted.windows[0].used, number);
        let state = quota.state(&caller, now).await.unwrap();
        assert_eq!(state, admitted);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop((recorder, quota));
    task.finish().await;
}

#[tokio::test]
async fn servers_that_share_a_store_share_a_quota() {
    let store = memory().await;
    let caller = caller(
        "key_a",
        KeyQuota {
            requests_per_day: Some(20),
            ..KeyQuota::default()
        },
    );
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let quota = CallerQuota::new(Arc::clone(&store));
        let caller = caller.clone();
        tasks.spawn(async move { quota.admit(&caller, NOW).await.is_ok() });
    }
    let admitted = tasks.join_all().await;
    assert_eq!(admitted.iter().filter(|&&is_in| is_in).count(), 20);
}

#[tokio::test]
async fn reports_are_limited_for_each_key_and_for_all_without_one() {
    let quota = CallerQuota::new(memory().await);
    let no_limits = KeyQuota::default();
    let callers = [
        caller("key_a", no_limits),
        caller("key_b", no_limits),
        Caller::default(),
    ];
    for caller in &callers {
        for _ in 0..REPORTS_PER_MINUTE {
            quota.admit_report(caller, NOW).await.unwrap();
        }
        let error = quota.admit_report(caller, NOW).await.unwrap_err();
        assert!(error.to_string().contains("60 reports a minute"), "{error}");
        quota.admit_report(caller, later(53_000)).await.unwrap();
    }
}

#[test]
fn the_window_that_ends_first_is_the_one_to_tell() {
    let window = |window, limit, used| WindowUse {
        window,
        limit,
        used,
        resets_at: NOW,
    };
    let state = |windows: &[WindowUse]| QuotaState {
        windows: windows.to_vec(),
    };
    let day = window(QuotaWindow::RequestsPerDay, 200, 150);
    let minute = window(QuotaWindow::RequestsPerMinute, 10, 1);
    let tokens = window(QuotaWindow::TokensPerDay, 100, 100);
    assert_eq!(state(&[day, tokens, minute]).tightest(), Some(day));
    let minute = window(QuotaWindow::RequestsPerMinute, 10, 9);
    assert_eq!(state(&[day, tokens, minute]).tightest(), Some(minute));
    assert_eq!(state(&[tokens]).tightest(), Some(tokens));
    assert_eq!(QuotaState::default().tightest(), None);
}

#[derive(Clone, Debug)]
enum Step {
    Admit { after_ms: i64 },
    Settle { tokens: u64 },
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..40_000_i64).prop_map(|after_ms| Step::Admit { after_ms }),
        2 => (0..60_u64).prop_map(|tokens| Step::Settle { tokens }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Against a list of everything that was let in, searched from its beginning each time.
    #[test]
    fn a_list_of_all_events_gives_the_same_verdicts(
        limits: [Option<u8>; 4],
        steps in prop::collection::vec(any_step(), 1..40),
    ) {
        let limits = limits.map(|limit| limit.map(u32::from));
        let [requests_per_minute, requests_per_day, tokens_per_minute, tokens_per_day] = limits;
        let caller = caller("key_a", KeyQuota {
            requests_per_minute: requests_per_minute.map(|limit| limit % 8),
            requests_per_day: requests_per_day.map(|limit| limit % 32),
            tokens_per_minute,
            tokens_per_day: tokens_per_day.map(|limit| limit * 4),
        });
        let KeyQuota { requests_per_minute, requests_per_day, tokens_per_minute, tokens_per_day } =
            caller.settings.quota;
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let quota = CallerQuota::new(memory().await);
            let mut requests: Vec<i64> = Vec::new();
            let mut tokens: Vec<(i64, u64)> = Vec::new();
            let mut now = NOW.0;
            for step in steps {
                match step {
                    Step::Settle { tokens: count } => {
                        quota.settle(&caller, count, Timestamp(now)).await.unwrap();
                        tokens.push((now, count));
                    }
                    Step::Admit { after_ms } => {
                        now += after_ms;
                        let same = |at: i64, span: i64| at / span == now / span;
                        let num_requests = |span| {
                            requests.iter().filter(|&&at| same(at, span)).count() as u64
                        };
                        let num_tokens = |span| -> u64 {
                            tokens.iter().filter(|one| same(one.0, span)).map(|one| one.1).sum()
                        };
                        let has_room = |limit: Option<u32>, used: u64| {
                            limit.is_none_or(|limit| used < u64::from(limit))
                        };
                        let is_let_in = has_room(requests_per_minute, num_requests(60_000))
                            && has_room(requests_per_day, num_requests(86_400_000))
                            && has_room(tokens_per_minute, num_tokens(60_000))
                            && has_room(tokens_per_day, num_tokens(86_400_000));
                        let result = quota.admit(&caller, Timestamp(now)).await;
                        assert_eq!(result.is_ok(), is_let_in, "{result:?}");
                        if is_let_in {
                            requests.push(now);
                        }
                    }
                }
            }
        });
    }
}
