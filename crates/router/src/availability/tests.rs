use proptest::prelude::*;
use store::{AttemptSum, DeploymentKey, Observation, OutcomeSum};

use super::*;
use crate::model_info::{ModelId, ModelSpec};

/// 2026-03-19, 12:30.
const NOON: i64 = (20_531 * 24 + 12) * HOUR_MS + HOUR_MS / 2;
const HOUR_MS: i64 = 3_600_000;

fn key(provider: &str) -> DeploymentKey {
    DeploymentKey {
        provider: provider.to_owned(),
        name: "m".to_owned(),
    }
}

fn deployment(provider: &str, first_seen: i64, gone: Option<i64>) -> Deployment {
    Deployment {
        key: key(provider),
        model: ModelId("a/m".to_owned()),
        spec: ModelSpec::default(),
        aliases: Vec::new(),
        owned_by: String::new(),
        status: None,
        first_seen_at: Hour(first_seen).start(),
        last_seen_at: Hour(first_seen).start(),
        gone_at: gone.map(|hour| Hour(hour).start()),
        tier: match provider {
            "local" => Tier::Local,
            _ => Tier::Hosted,
        },
    }
}

fn model(deployments: Vec<Deployment>) -> Model {
    Model {
        id: ModelId("a/m".to_owned()),
        author: "a".to_owned(),
        spec: ModelSpec::default(),
        first_seen_at: None,
        last_seen_at: None,
        deployments,
    }
}

fn seen(provider: &str, hour: i64, is_listed: bool, is_up: Option<bool>) -> Observation {
    Observation {
        key: key(provider),
        hour: Hour(hour),
        is_listed,
        is_up,
        num_probes_ok: 0,
        num_probes_failed: 0,
    }
}

fn traffic(provider: &str, hour: i64, outcome: &str, domain: &str) -> OutcomeSum {
    OutcomeSum {
        model: "a/m".to_owned(),
        deployment: key(provider),
        start: Hour(hour).start(),
        outcome: outcome.to_owned(),
        fault_domain: domain.to_owned(),
        sum: AttemptSum {
            count: 3,
            ..AttemptSum::default()
        },
    }
}

#[test]
fn the_verdict_on_an_hour_follows_the_strongest_evidence() {
    use HourStatus::{Callable, ListedOnly, NotListed, NotObserved};
    let sight = |is_listed, is_up, probes: (u64, u64), served: (u64, u64)| Sight {
        is_listed,
        is_up,
        num_probes_ok: probes.0,
        num_probes_failed: probes.1,
        num_served: served.0,
        num_failed: served.1,
    };
    let (yes, no) = (Some(true), Some(false));
    for (sight, status, is_good) in [
        (sight(None, None, (0, 0), (0, 0)), NotObserved, None),
        (sight(no, None, (0, 0), (0, 0)), NotListed, Some(false)),
        (sight(yes, None, (0, 0), (0, 0)), ListedOnly, Some(true)),
        (sight(yes, no, (0, 0), (0, 0)), ListedOnly, Some(false)),
        (sight(yes, yes, (0, 0), (0, 0)), Callable, Some(true)),
        // Our own experience is worth more than the host's word.
        (sight(yes, yes, (0, 1), (0, 0)), ListedOnly, Some(false)),
        (sight(yes, yes, (0, 0), (0, 4)), ListedOnly, Some(false)),
        (sight(yes, no, (0, 0), (1, 0)), Callable, Some(true)),
        (sight(yes, None, (0, 3), (1, 9)), Callable, Some(true)),
        (sight(yes, None, (1, 0), (0, 9)), Callable, Some(true)),
        (sight(yes, None, (0, 1), (0, 0)), ListedOnly, Some(false)),
        // What is not free cannot be had for nothing, whoever answers.
        (sight(no, yes, (1, 0), (1, 0)), NotListed, Some(false)),
        // The list could not be read, but requests were sent.
        (sight(None, None, (0, 0), (2, 0)), Callable, Some(true)),
        (sight(None, None, (0, 0), (0, 2)), ListedOnly, Some(false)),
    ] {
        let verdict = sight.verdict();
        assert_eq!(
            (verdict.status, verdict.is_good()),
            (status, is_good),
            "{sight:?}"
        );
    }
}

#[test]
fn faults_of_others_say_nothing_of_a_model() {
    let sums: Vec<_> = ["caller", "account", "network", "server", ""]
        .iter()
        .map(|domain| traffic("x", 5, "some_failure", domain))
        .collect();
    assert_eq!(History::new(&[], &sums).sight(&key("x"), Hour(5)), None);
}

/// Looks at `x` in every hour of the days before today, but for what `status` says of a day.
fn of_days(num_days: i64, listed: impl Fn(i64, i64) -> Option<bool>) -> Availability {
    let today = NOON.div_euclid(24 * HOUR_MS);
    let first = (today - num_days + 1) * 24;
    let rows: Vec<_> = (first..=Hour::of(Timestamp(NOON)).0)
        .filter_map(|hour| {
            let is_listed = listed((hour - first) / 24, hour % 24)?;
            Some(seen("x", hour, is_listed, None))
        })
        .collect();
    let model = model(vec![deployment("x", first, None)]);
    availability(&model, &History::new(&rows, &[]), Timestamp(NOON), MAX_DAYS)
}

#[test]
fn a_model_that_was_always_there_is_available_on_all_tracked_days() {
    let all = of_days(41, |_, _| Some(true));
    assert_eq!((all.num_available_days(), all.num_tracked_days()), (41, 41));
    assert_eq!(all.num_unobserved_days(), 0);
    assert_eq!(all.percent(), Some(100.0));
    assert_eq!(all.days.len(), 90);
    assert_eq!(all.days[89].date.to_string(), "2026-03-19");
    // Twelve hours of today are over and one runs.
    assert_eq!(all.days[89].num_observed(), 13);
    assert_eq!(all.evidence().listed, 40 * 24 + 13);
}

#[test]
fn two_days_on_which_it_was_away_are_missing_and_stay_tracked() {
    let all = of_days(41, |day, _| Some(day != 7 && day != 30));
    assert_eq!((all.num_available_days(), all.num_tracked_days()), (39, 41));
    let away = &all.days[90 - 41 + 7];
    assert_eq!(away.is_available(), Some(false));
    assert_eq!(away.status(), HourStatus::NotListed);
}

#[test]
fn days_on_which_nobody_looked_are_told_by_name_and_count_neither_way() {
    let all = of_days(41, |day, _| (day != 7 && day != 30).then_some(true));
    assert_eq!((all.num_available_days(), all.num_tracked_days()), (39, 39));
    assert_eq!(all.num_unobserved_days(), 2);
    assert_eq!(all.percent(), Some(100.0));
    assert_eq!(all.days[90 - 41 + 7].status(), HourStatus::NotObserved);
    assert_eq!(all.days[90 - 41 + 7].is_available(), None);
}

#[test]
fn a_lucky_hour_does_not_make_a_day_and_half_of_the_hours_do() {
    let all = of_days(3, |day, hour| match day {
        0 => Some(hour == 5),
        1 => Some(hour % 2 == 0),
        _ => (hour < 4).then_some(hour < 2),
    });
    let days: Vec<_> = all.days.iter().rev().take(3).collect();
    assert_eq!(days[2].is_available(), Some(false));
    assert_eq!(days[1].is_available(), Some(true));
    // Of the four hours in which somebody looked.
    assert_eq!(days[0].is_available(), Some(true));
    assert_eq!(
        days[0].num_not_observed, 8,
        "the hour that runs may still be looked at"
    );
}

#[test]
fn the_best_host_decides_and_what_runs_here_does_not_count() {
    let now = Hour::of(Timestamp(NOON)).0;
    let both = model(vec![
        deployment("local", now - 9, None),
        deployment("x", now - 9, None),
        deployment("y", now - 9, Some(now - 3)),
    ]);
    let verdict_of = |rows: &[Observation], hour: i64| {
        verdict(&both, &History::new(rows, &[]), Hour(hour)).status
    };
    let listed = seen("x", now - 5, true, None);
    let up = seen("y", now - 5, true, Some(true));
    assert_eq!(
        verdict_of(&[listed.clone(), up], now - 5),
        HourStatus::Callable
    );
    let away = seen("y", now - 5, false, None);
    assert_eq!(
        verdict_of(&[listed, away.clone()], now - 5),
        HourStatus::ListedOnly
    );
    // `x` might have had it: its list could not be read.
    assert_eq!(verdict_of(&[away], now - 5), HourStatus::NotObserved);
    // But one that was gone already need not be looked at.
    let away = seen("x", now - 2, false, None);
    assert_eq!(verdict_of(&[away], now - 2), HourStatus::NotListed);
    let here = seen("local", now - 2, true, Some(true));
    assert_eq!(verdict_of(&[here], now - 2), HourStatus::NotObserved);
    let only_here = model(vec![deployment("local", now - 9, None)]);
    let all = availability(&only_here, &History::default(), Timestamp(NOON), 30);
    assert_eq!((all.num_tracked_days(), all.num_unobserved_days()), (0, 0));
    assert_eq!(all.percent(), None);
}

#[test]
fn kinds_of_evidence_are_kept_apart() {
    let now = Hour::of(Timestamp(NOON)).0;
    let mut probed = seen("x", now - 3, true, None);
    probed.num_probes_ok = 1;
    let rows = [
        seen("x", now - 4, true, Some(true)),
        probed,
        seen("x", now - 2, true, Some(false)),
        seen("x", now - 1, false, Some(true)),
    ];
    let sums = [
        traffic("x", now - 4, "ok", ""),
        traffic("x", now - 2, "ok", ""),
    ];
    let model = model(vec![deployment("x", now - 4, None)]);
    let all = availability(&model, &History::new(&rows, &sums), Timestamp(NOON), 1);
    let expected = EvidenceHours {
        listed: 3,
        endpoint_up: 1,
        probed: 1,
        served: 2,
    };
    assert_eq!(all.evidence(), expected);
}

#[test]
fn days_have_their_dates() {
    for (days, date) in [
        (0, "1970-01-01"),
        (-1, "1969-12-31"),
        (20_531, "2026-03-19"),
        (11_016, "2000-02-29"),
        (i64::MAX, "day 9223372036854775807"),
    ] {
        assert_eq!(UtcDay(days).to_string(), date);
    }
    assert_eq!(UtcDay::of(Timestamp(-1)), UtcDay(-1));
    assert_eq!(UtcDay(i64::MAX).hours().count(), 0);
}

/// What a plain reading of the rules says of these hours: how many somebody looked at, and how many
/// of them were good.
fn oracle(
    deployments: &[Deployment],
    rows: &[Observation],
    sums: &[OutcomeSum],
    hours: std::ops::Range<i64>,
) -> (u32, u32) {
    let (mut num_observed, mut num_good) = (0, 0);
    for hour in hours {
        let words = deployments.iter().map(|one| {
            let rows: Vec<_> = rows
                .iter()
                .filter(|row| row.key == one.key && row.hour.0 == hour)
                .collect();
            let any_sum = |is_it: fn(&OutcomeSum) -> bool| {
                let mut here = sums
                    .iter()
                    .filter(|sum| sum.deployment == one.key && Hour::of(sum.start).0 == hour);
                here.any(is_it)
            };
            let is_answered =
                any_sum(|sum| sum.outcome == "ok") || rows.iter().any(|row| row.num_probes_ok > 0);
            let is_failed = any_sum(|sum| sum.fault_domain == "host")
                || rows.iter().any(|row| row.num_probes_failed > 0);
            let is_gone = one.gone_at.is_some_and(|at| Hour::of(at).0 <= hour);
            if rows.is_empty() && !is_answered && !is_failed {
                return match Hour::of(one.first_seen_at).0 <= hour && !is_gone {
                    true => "unknown",
                    false => "not its time",
                };
            }
            if !rows.is_empty() && rows.iter().all(|row| !row.is_listed) {
                return "away";
            }
            let is_down = rows.iter().rev().find_map(|row| row.is_up) == Some(false);
            match is_answered || (!is_failed && !is_down) {
                true => "good",
                false => "bad",
            }
        });
        let words: Vec<_> = words.collect();
        if words.contains(&"good") {
            num_good += 1;
            num_observed += 1;
        } else if words.contains(&"bad") || (words.contains(&"away") && !words.contains(&"unknown"))
        {
            num_observed += 1;
        }
    }
    (num_observed, num_good)
}

proptest! {
    #[test]
    fn days_are_as_a_plain_reading_of_the_rules_has_them(
        firsts in prop::collection::vec((-30i64..10, prop::option::of(-10i64..20)), 1..4),
        looks in prop::collection::vec(
            (0usize..3, -30i64..20, any::<bool>(), any::<Option<bool>>(), 0u32..3, 0u32..3),
            0..120,
        ),
        requests in prop::collection::vec((0usize..3, -30i64..20, any::<bool>()), 0..30),
    ) {
        let names = ["x", "y", "z"];
        let now = Hour::of(Timestamp(NOON)).0;
        let deployments: Vec<_> = firsts
            .iter()
            .zip(names)
            .map(|((first, gone), name)| {
                deployment(name, now + first, gone.map(|gone| now + gone))
            })
            .collect();
        let rows: Vec<_> = looks
            .iter()
            .map(|&(place, hour, is_listed, is_up, num_probes_ok, num_probes_failed)| Observation {
                num_probes_ok,
                num_probes_failed,
                ..seen(names[place], now + hour, is_listed, is_up)
            })
            .collect();
        let sums: Vec<_> = requests
            .iter()
            .map(|&(place, hour, is_ok)| match is_ok {
                true => traffic(names[place], now + hour, "ok", ""),
                false => traffic(names[place], now + hour, "internal", "host"),
            })
            .collect();
        let history = History::new(&rows, &sums);
        let model = model(deployments.clone());
        let all = availability(&model, &history, Timestamp(NOON), 3);
        for day in &all.days {
            let first = day.date.0 * 24;
            let hours = first..(first + 24).min(now + 1);
            let (num_observed, num_good) = oracle(&deployments, &rows, &sums, hours);
            prop_assert_eq!(day.num_observed(), num_observed, "{:?}", day);
            prop_assert_eq!(day.num_good(), num_good, "{:?}", day);
            prop_assert_eq!(day.is_tracked(), num_observed > 0);
            let is_available = num_good * 2 >= num_observed;
            prop_assert_eq!(day.is_available(), (num_observed > 0).then_some(is_available));
            prop_assert!(day.num_observed() + day.num_not_observed <= 24);
        }
        let (good, observed) = all.hours();
        prop_assert!(good <= observed);
    }
}
