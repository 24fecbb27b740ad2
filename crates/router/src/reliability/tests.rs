use proptest::prelude::*;
use store::{AttemptSum, FeedbackRecord, FeedbackSum, Hour, KeyId, Timestamp};

use super::feedback::{self, Reports};
use super::series::{MAX_BUCKETS, bucket_starts, series};
use super::*;
use crate::error::FailureKind;

fn sum(outcome: &str, domain: &str, count: u64, start_ms: i64) -> OutcomeSum {
    OutcomeSum {
        model: "a/b".to_owned(),
        deployment: DeploymentKey {
            provider: "x".to_owned(),
            name: "b".to_owned(),
        },
        start: Timestamp(start_ms),
        outcome: outcome.to_owned(),
        fault_domain: domain.to_owned(),
        sum: AttemptSum {
            count,
            num_first_tokens: count,
            first_token_ms: 100 * count,
            duration_ms: 1000 * count,
            completion_tokens: 10 * count,
        },
    }
}

/// The ends of the set of rates that what was seen does not speak against, by halving.
fn oracle(failed: f64, cases: f64) -> (f64, f64) {
    let share = failed / cases;
    let is_plausible =
        |p: f64| (share - p).powi(2) * cases <= Z * Z * p * (1.0 - p) * (1.0 + 1e-15);
    let end = |mut inside: f64, mut outside: f64| {
        if is_plausible(outside) {
            return outside;
        }
        for _ in 0..200 {
            let middle = f64::midpoint(inside, outside);
            match is_plausible(middle) {
                true => inside = middle,
                false => outside = middle,
            }
        }
        inside
    };
    (end(share, 0.0), end(share, 1.0))
}

#[test]
fn the_interval_is_wilsons() {
    // To 15 digits by a calculation with 50; those of 81/263, 15/148 and 0/20 are also printed, to
    // four digits, in R. G. Newcombe's "Two-sided confidence intervals for the single proportion"
    // (Statistics in Medicine 17, 1998), table I.
    for (failed, cases, low, high) in [
        (0, 1, 0.0, 0.793_450_685_622_763),
        (1, 1, 0.206_549_314_377_237, 1.0),
        (0, 10, 0.0, 0.277_532_799_862_889),
        (1, 10, 0.017_876_213_095_073, 0.404_150_026_795_238),
        (5, 10, 0.236_593_090_512_564, 0.763_406_909_487_436),
        (15, 148, 0.062_386_399_530_736, 0.160_487_241_723_308),
        (81, 263, 0.255_288_519_878_274, 0.366_209_576_982_800),
        (0, 20, 0.0, 0.161_125_158_052_819),
        (29, 29, 0.883_030_201_500_259, 1.0),
        (457, 1000, 0.426_348_304_544_764, 0.487_980_796_684_993),
    ] {
        let rate = Rate::of(failed, cases).unwrap();
        assert!((rate.interval.low - low).abs() < 1e-14, "{rate:?}");
        assert!((rate.interval.high - high).abs() < 1e-14, "{rate:?}");
    }
}

#[test]
fn no_case_is_no_rate() {
    assert_eq!(Rate::of(0, 0), None);
    assert_eq!(Tally::default().rate(), None);
    assert_eq!(wilson(0.0, 0.0), None);
    assert_eq!(wilson(f64::NAN, 3.0), None);
    assert_eq!(wilson(1.0, f64::INFINITY), None);
    assert_eq!(Decayed::default().interval(), None);
}

proptest! {
    #[test]
    fn the_interval_is_that_of_the_oracle(failed in 0u64..5000, more in 0u64..5000) {
        prop_assume!(failed + more > 0);
        let rate = Rate::of(failed, failed + more).unwrap();
        let (low, high) = oracle(failed as f64, (failed + more) as f64);
        prop_assert!((rate.interval.low - low).abs() < 1e-9, "{:?} {}", rate, low);
        prop_assert!((rate.interval.high - high).abs() < 1e-9, "{:?} {}", rate, high);
        prop_assert!(rate.interval.low <= rate.share() && rate.share() <= rate.interval.high);
    }

    #[test]
    fn more_cases_of_the_same_share_narrow_the_interval(
        failed in 0u64..1000, more in 1u64..1000, times in 2u64..50,
    ) {
        let cases = failed + more;
        let few = Rate::of(failed, cases).unwrap().interval;
        let many = Rate::of(failed * times, cases * times).unwrap().interval;
        prop_assert!(many.high - many.low < few.high - few.low);
        prop_assert!(many.high <= few.high && many.low >= few.low);
    }
}

#[test]
fn nine_of_ten_times_the_interval_holds_the_true_rate_and_oftener() {
    // Every outcome of 30 cases, weighted by its probability.
    for true_rate in [0.02, 0.1, 0.3, 0.5, 0.77] {
        let cases = 30u64;
        let mut covered = 0.0;
        let mut choose = 1.0;
        for failed in 0..=cases {
            let probability = choose
                * f64::powi(true_rate, failed as i32)
                * f64::powi(1.0 - true_rate, (cases - failed) as i32);
            let interval = Rate::of(failed, cases).unwrap().interval;
            if (interval.low..=interval.high).contains(&true_rate) {
                covered += probability;
            }
            choose = choose * (cases - failed) as f64 / (failed + 1) as f64;
        }
        assert!(covered > 0.9, "{true_rate}: {covered}");
    }
}

#[test]
fn only_what_hosts_did_counts_against_them() {
    let sums: Vec<OutcomeSum> = FailureKind::ALL
        .iter()
        .map(|kind| sum(kind.as_str(), kind.fault_domain().as_str(), 2, 0))
        .chain([sum("ok", "", 10, 0), sum("new_kind", "nobody_yet", 5, 0)])
        .collect();
    let tally = &by_model(&sums)["a/b"];
    let num_host_kinds = FailureKind::ALL
        .iter()
        .filter(|kind| kind.fault_domain() == FaultDomain::Host)
        .count() as u64;
    let rate = tally.rate().unwrap();
    assert_eq!(rate.num_failed, 2 * num_host_kinds);
    assert_eq!(rate.num_cases, 10 + 2 * num_host_kinds);
    assert_eq!(tally.host_failures.len() as u64, num_host_kinds);
    assert_eq!(tally.host_failures["empty_answer"], 2);
    // The others stand beside it.
    assert_eq!(tally.num_failed_by(FaultDomain::Network), 2);
    assert_eq!(tally.num_failed_by(FaultDomain::Account), 10);
    let all: u64 = tally.num_failed.values().sum();
    assert_eq!(all, 2 * FailureKind::ALL.len() as u64);
    assert_eq!(tally.first_token_ms(), Some(100.0));
    assert_eq!(by_deployment(&sums).len(), 1);
}

#[test]
fn ranking_asks_how_bad_it_may_be() {
    let rate = |failed, cases| Rate::of(failed, cases);
    let mut rates = [
        ("nothing known", None),
        ("one success", rate(0, 1)),
        ("one failure", rate(1, 1)),
        ("ten failures", rate(10, 10)),
        ("thousand, one in ten", rate(100, 1000)),
        ("twenty successes", rate(0, 20)),
    ];
    rates.sort_by(|a, b| compare(a.1.as_ref(), b.1.as_ref()));
    assert_eq!(
        rates.map(|(name, _)| name),
        [
            "thousand, one in ten",
            "twenty successes",
            "one success",
            "nothing known",
            "one failure",
            "ten failures",
        ]
    );
}

#[test]
fn windows_are_their_words() {
    for window in Window::ALL {
        assert_eq!(Window::parse(window.as_str()), Some(window));
        assert_eq!(window.to_string(), window.as_str());
    }
    for odd in ["", "7D", "7", " 7d", "1w", "24"] {
        assert_eq!(Window::parse(odd), None, "{odd:?}");
    }
    let now = Timestamp(10_000_000_000);
    assert_eq!(Window::Minutes15.since(now), Some(Timestamp(9_999_100_000)));
    assert_eq!(Window::Days30.since(now), Some(Timestamp(7_408_000_000)));
    assert_eq!(Window::All.since(now), None);
}

#[test]
fn a_series_has_every_bucket_and_says_which_are_empty() {
    let hour = 3_600_000;
    let sums = [
        sum("ok", "", 3, 2 * hour),
        sum("timeout", "host", 1, 2 * hour + 60_000),
        sum("ok", "", 1, 5 * hour),
        // Before and after the span.
        sum("ok", "", 7, hour),
        sum("ok", "", 7, 6 * hour),
    ];
    let since = Some(Timestamp(2 * hour + 5));
    let told = series(&sums, since, Timestamp(6 * hour), hour);
    let rates: Vec<_> = told
        .buckets
        .iter()
        .map(|(start, tally)| (start.0 / hour, tally.rate().map(|rate| rate.num_cases)))
        .collect();
    assert_eq!(
        rates,
        [(2, Some(4)), (3, None), (4, None), (5, Some(1))],
        "an empty hour is there and has no rate"
    );
    // Without a beginning it begins with the first sum.
    let told = series(&sums, None, Timestamp(6 * hour), hour);
    assert_eq!(told.buckets.len(), 5);
    assert_eq!(series(&[], None, Timestamp(5), hour).buckets, []);
}

proptest! {
    #[test]
    fn buckets_are_aligned_cover_the_span_and_are_never_too_many(
        since in -100_000_000_000i64..100_000_000_000,
        length in 1i64..20_000_000_000,
        bucket in prop::sample::select(vec![60_000i64, 3_600_000, 86_400_000]),
    ) {
        let until = since + length;
        let starts = bucket_starts(Timestamp(since), Timestamp(until), bucket);
        prop_assert!(!starts.is_empty() && starts.len() <= MAX_BUCKETS);
        prop_assert!(starts.iter().all(|start| start.0.rem_euclid(bucket) == 0));
        prop_assert!(starts.windows(2).all(|pair| pair[1].0 - pair[0].0 == bucket));
        let last = starts[starts.len() - 1].0;
        prop_assert!(last < until && last + bucket >= until);
        prop_assert!(starts[0].0 + bucket > since);
        if starts.len() < MAX_BUCKETS {
            prop_assert!(starts[0].0 <= since);
        }
    }

    #[test]
    fn a_series_loses_and_invents_nothing(
        cases in prop::collection::vec((0i64..50_000_000, 1u64..9, any::<bool>()), 0..30),
    ) {
        let sums: Vec<_> = cases
            .iter()
            .map(|&(start, count, is_ok)| match is_ok {
                true => sum("ok", "", count, start),
                false => sum("internal", "host", count, start),
            })
            .collect();
        let told = series(&sums, None, Timestamp(50_000_000), 3_600_000);
        let of_series = |get: fn(&Tally) -> u64| {
            told.buckets.iter().map(|(_, tally)| get(tally)).sum::<u64>()
        };
        let counts = |wanted: bool| {
            cases.iter().filter(|case| case.2 == wanted).map(|case| case.1).sum::<u64>()
        };
        prop_assert_eq!(of_series(|tally| tally.num_ok), counts(true));
        prop_assert_eq!(of_series(|tally| tally.num_failed_by(FaultDomain::Host)), counts(false));
    }
}

#[test]
fn counts_halve_every_half_life() {
    let mut counts = Decayed::default();
    counts.add(8.0, 2.0, 1_000, 60_000.0);
    let later = counts.at(61_000, 60_000.0);
    assert_eq!((later.ok, later.failed), (4.0, 1.0));
    let later = later.at(121_000, 60_000.0);
    assert_eq!((later.ok, later.failed), (2.0, 0.5));
    // Less is known, so that more may be true.
    let (now, then) = (counts.interval().unwrap(), later.interval().unwrap());
    assert!(then.low < now.low && then.high > now.high);
    // A clock that goes back changes nothing, and no half-life forgets at once.
    assert_eq!(later.at(0, 60_000.0), later);
    assert_eq!(counts.at(61_000, 0.0).interval(), None);
}

fn report(key: Option<&str>, issue: Option<&str>, at_ms: i64) -> FeedbackRecord {
    FeedbackRecord {
        id: String::new(),
        key_id: key.map(|key| KeyId(key.to_owned())),
        model: "a/b".to_owned(),
        request_id: None,
        is_success: issue.is_none(),
        issue: issue.map(str::to_owned),
        details: None,
        created_at: Timestamp(at_ms),
    }
}

#[test]
fn nobody_outweighs_the_others_by_repeating_himself() {
    let mut said = vec![report(Some("k1"), None, 0), report(Some("k2"), None, 5)];
    said.extend((0..1000).map(|second| report(Some("k3"), Some("error"), 1000 * second)));
    let reports = &feedback::by_model_of_reports(&said)["a/b"];
    assert_eq!(reports.num_ok, 2);
    assert_eq!(reports.num_failed(), 1);
    assert_eq!(reports.num_reporters, 3);
    assert_eq!(reports.rate().unwrap().num_cases, 3);

    let sum = |issue: Option<&str>, count, num_reporters| FeedbackSum {
        model: "a/b".to_owned(),
        hour: Hour(0),
        issue: issue.map(str::to_owned),
        count,
        num_reporters,
    };
    let sums = [sum(None, 2, 2), sum(Some("error"), 1000, 1)];
    let of_sums = &feedback::by_model(&sums)["a/b"];
    assert_eq!(of_sums.rate(), reports.rate());
    // Those without a key count as one.
    let of_sums = &feedback::by_model(&[sum(Some("error"), 50, 0)])["a/b"];
    assert_eq!(of_sums.num_failed(), 1);
    assert_eq!(Reports::default().rate(), None);
}
