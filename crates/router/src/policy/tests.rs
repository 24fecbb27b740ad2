use std::time::Duration;

use proptest::prelude::*;

use super::*;

struct World {
    key: DeploymentKey,
    model: ModelId,
    spec: ModelSpec,
}

fn world(provider: &str, model: &str) -> World {
    World {
        key: DeploymentKey {
            provider: provider.to_owned(),
            name: format!("{model}:free"),
        },
        model: ModelId(model.to_owned()),
        spec: ModelSpec {
            context_length: Some(8192),
            max_output_tokens: Some(4096),
            input_modalities: vec!["text".to_owned()],
            supported_parameters: vec!["temperature".to_owned()],
            ..ModelSpec::default()
        },
    }
}

fn candidate(world: &World) -> Candidate<'_> {
    Candidate {
        key: &world.key,
        model: &world.model,
        spec: &world.spec,
        tier: Tier::Hosted,
        group: 0,
        preference: 0,
        honors_data_policy: false,
        breaker: Admission::Closed,
        quota: QuotaAdmission::Open,
        pace: 1.0,
        num_good: 0.0,
        num_bad: 0.0,
        first_token_ms: None,
        tokens_per_second: None,
    }
}

fn names(candidates: &[Candidate<'_>], ranking: &Ranking) -> Vec<String> {
    let ranked = ranking.ranked.iter();
    ranked
        .map(|one| candidates[one.index].key.provider.clone())
        .collect()
}

fn ordered(candidates: &[Candidate<'_>]) -> Vec<String> {
    let ranking = order(candidates, &Needs::default(), &Policy::default(), 0.9);
    names(candidates, &ranking)
}

/// Why the only candidate is not asked.
fn excluded(candidate: Candidate<'_>, needs: &Needs, policy: &Policy) -> Option<Exclusion> {
    let ranking = order(&[candidate], needs, policy, 0.9);
    ranking.excluded.first().map(|&(_, why)| why)
}

#[test]
fn who_answers_more_surely_is_asked_first_and_a_few_lucky_answers_prove_little() {
    let worlds = ["a", "b", "c", "d"].map(|name| world(name, "m/m"));
    let [mut proven, mut lucky, unknown, mut bad] = worlds.each_ref().map(candidate);
    (proven.num_good, proven.num_bad) = (97.0, 3.0);
    lucky.num_good = 2.0;
    (bad.num_good, bad.num_bad) = (3.0, 7.0);
    assert_eq!(
        ordered(&[bad, unknown, lucky, proven]),
        ["a", "b", "c", "d"]
    );
}

#[test]
fn of_two_that_are_as_sure_the_faster_one_and_the_one_with_quota_left_come_first() {
    let worlds = ["a", "b", "c"].map(|name| world(name, "m/m"));
    let [mut slow, mut fast, mut scarce] = worlds.each_ref().map(|world| Candidate {
        num_good: 50.0,
        ..candidate(world)
    });
    (slow.first_token_ms, fast.first_token_ms) = (Some(9000.0), Some(300.0));
    (scarce.first_token_ms, scarce.pace) = (Some(300.0), 0.4);
    assert_eq!(ordered(&[slow, scarce, fast]), ["b", "a", "c"]);
}

#[test]
fn models_keep_the_order_they_were_asked_for_in_and_the_demo_is_the_last_resort_of_all() {
    let worlds = ["a", "b", "c", "d"].map(|name| world(name, "m/m"));
    let [mut first, mut local, mut second, mut demo] = worlds.each_ref().map(candidate);
    first.num_bad = 3.0;
    local.tier = Tier::Local;
    (second.group, second.num_good) = (1, 1000.0);
    demo.tier = Tier::Demo;
    assert_eq!(ordered(&[demo, second, local, first]), ["a", "b", "c", "d"]);
}

#[test]
fn a_stated_preference_comes_before_the_score_but_not_before_hope() {
    let worlds = ["a", "b", "c"].map(|name| world(name, "m/m"));
    let [mut preferred, mut better, mut hopeless] = worlds.each_ref().map(candidate);
    (preferred.preference, preferred.num_good, preferred.num_bad) = (1, 8.0, 2.0);
    (better.preference, better.num_good) = (2, 500.0);
    (hopeless.preference, hopeless.num_bad) = (0, 20.0);
    assert_eq!(ordered(&[better, hopeless, preferred]), ["a", "b", "c"]);
}

#[test]
fn an_answer_that_would_be_cut_short_is_the_second_choice() {
    let worlds = ["a", "b"].map(|name| world(name, "m/m"));
    let mut short = candidate(&worlds[1]);
    short.num_good = 100.0;
    let mut long = world("a", "m/m");
    long.spec.max_output_tokens = None;
    let candidates = [short, candidate(&long)];
    let needs = Needs {
        output_tokens: Some(5000),
        ..Needs::default()
    };
    let ranking = order(&candidates, &needs, &Policy::default(), 0.9);
    assert_eq!(names(&candidates, &ranking), ["a", "b"]);
}

#[test]
fn what_a_request_needs_and_a_model_lacks_excludes_it_with_the_reason() {
    let world = world("a", "m/m");
    let none = Needs::default();
    let policy = Policy::default();
    assert_eq!(excluded(candidate(&world), &none, &policy), None);
    let cases = [
        (
            Needs {
                prompt_tokens: 8192,
                ..none.clone()
            },
            Exclusion::ContextTooShort {
                context_length: 8192,
            },
        ),
        (
            Needs {
                tools: true,
                ..none.clone()
            },
            Exclusion::NoTools,
        ),
        (
            Needs {
                images: true,
                ..none.clone()
            },
            Exclusion::NoImages,
        ),
        (
            Needs {
                structured_output: true,
                ..none.clone()
            },
            Exclusion::NoStructuredOutput,
        ),
        (
            Needs {
                reasoning: true,
                ..none.clone()
            },
            Exclusion::NoReasoning,
        ),
        (
            Needs {
                no_training: true,
                ..none.clone()
            },
            Exclusion::MayTrain,
        ),
    ];
    for (needs, why) in cases {
        assert_eq!(excluded(candidate(&world), &needs, &policy), Some(why));
    }
}

#[test]
fn what_the_model_of_this_machine_cannot_do_excludes_it_as_well() {
    let world = world("local", "m/m");
    let ours = |tier| Candidate {
        tier,
        ..candidate(&world)
    };
    let images = Needs {
        images: true,
        ..Needs::default()
    };
    let forced_call = Needs {
        forced_call: true,
        ..Needs::default()
    };
    let policy = Policy::default();
    for tier in [Tier::Local, Tier::Demo] {
        let why = excluded(ours(tier), &images, &policy);
        assert_eq!(why, Some(Exclusion::NoImages));
        let why = excluded(ours(tier), &forced_call, &policy);
        assert_eq!(why, Some(Exclusion::NoForcedCall));
    }
    assert_eq!(excluded(ours(Tier::Hosted), &forced_call, &policy), None);
}

#[test]
fn a_host_that_does_not_say_what_it_supports_is_tried_but_not_with_images() {
    let mut world = world("a", "m/m");
    world.spec = ModelSpec::default();
    let needs = Needs {
        prompt_tokens: 1_000_000,
        tools: true,
        structured_output: true,
        reasoning: true,
        ..Needs::default()
    };
    assert_eq!(
        excluded(candidate(&world), &needs, &Policy::default()),
        None
    );
    let needs = Needs {
        images: true,
        ..needs
    };
    let why = excluded(candidate(&world), &needs, &Policy::default());
    assert_eq!(why, Some(Exclusion::NoImages));
}

#[test]
fn a_prompt_that_nobody_may_train_on_goes_to_this_machine_or_to_a_host_that_promises() {
    let world = world("a", "m/m");
    let needs = Needs {
        no_training: true,
        ..Needs::default()
    };
    let mut local = candidate(&world);
    local.tier = Tier::Local;
    assert_eq!(excluded(local, &needs, &Policy::default()), None);
    let mut asked = candidate(&world);
    asked.honors_data_policy = true;
    assert_eq!(excluded(asked, &needs, &Policy::default()), None);
    let mut promising = super::tests::world("a", "m/m");
    promising.spec.trains_on_prompts = Some(false);
    assert_eq!(
        excluded(candidate(&promising), &needs, &Policy::default()),
        None
    );
}

#[test]
fn the_wishes_of_a_key_exclude_by_either_name_and_by_errors_that_were_seen() {
    let world = world("a", "m/m");
    for (excluded_models, allowed_models, is_asked) in [
        (vec![], None, true),
        (vec!["M/m"], None, false),
        (vec!["m/m:free"], None, false),
        (vec!["m/other"], None, true),
        (vec![], Some(vec!["m/other"]), false),
        (vec![], Some(vec![]), false),
        (vec![], Some(vec!["m/other", "m/m"]), true),
    ] {
        let owned = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect();
        let policy = Policy {
            excluded_models: owned(&excluded_models),
            allowed_models: allowed_models.as_deref().map(owned),
            ..Policy::default()
        };
        let why = excluded(candidate(&world), &Needs::default(), &policy);
        assert_eq!(why.is_none(), is_asked, "{policy:?}");
    }
    let policy = Policy {
        max_error_rate: Some(0.1),
        ..Policy::default()
    };
    let mut failing = candidate(&world);
    (failing.num_good, failing.num_bad) = (8.0, 2.0);
    let why = excluded(failing, &Needs::default(), &policy);
    assert_eq!(why, Some(Exclusion::TooManyErrors { error_rate: 0.2 }));
    // Nothing is known, so nothing is held against it.
    assert_eq!(
        excluded(candidate(&world), &Needs::default(), &policy),
        None
    );
}

#[test]
fn an_open_breaker_and_an_empty_account_say_until_when() {
    let world = world("a", "m/m");
    let until = Timestamp(99);
    let mut open = candidate(&world);
    let why = FailureKind::Timeout;
    open.breaker = Admission::Open {
        until,
        why,
        is_stated: true,
    };
    let mut empty = candidate(&world);
    let window = crate::provider::QuotaWindow::RequestsPerDay;
    empty.quota = QuotaAdmission::UsedUp { window, until };
    for candidate in [open, empty] {
        let why = excluded(candidate, &Needs::default(), &Policy::default()).unwrap();
        assert_eq!(why.until(), Some(until), "{why:?}");
    }
    let mut half_open = candidate(&world);
    half_open.breaker = Admission::HalfOpen;
    assert_eq!(
        excluded(half_open, &Needs::default(), &Policy::default()),
        None
    );
}

#[test]
fn now_and_then_one_that_little_is_known_of_comes_first_but_no_other_model_than_the_named() {
    let worlds = ["a", "b", "c", "d"].map(|name| world(name, "m/m"));
    let [mut best, unknown, mut known, mut other] = worlds.each_ref().map(candidate);
    best.num_good = 100.0;
    known.num_good = 50.0;
    other.group = 1;
    let candidates = [best, unknown, known, other];
    let policy = Policy {
        exploration: 0.05,
        ..Policy::default()
    };
    let mut num_explored = 0;
    for draw in 0..1000 {
        let draw = f64::from(draw) / 1000.0;
        let ranking = order(&candidates, &Needs::default(), &policy, draw);
        let first = ranking.ranked[0];
        match first.is_exploration {
            true => {
                num_explored += 1;
                assert_eq!(names(&candidates, &ranking), ["b", "a", "c", "d"]);
            }
            false => assert_eq!(names(&candidates, &ranking), ["a", "c", "b", "d"]),
        }
    }
    assert_eq!(num_explored, 50);
}

proptest! {
    #[test]
    fn everyone_is_either_asked_or_excluded_and_the_order_does_not_depend_on_the_list(
        states in prop::collection::vec(
            (0..3u8, 0..3usize, 0..3i64, 0.0..50.0f64, 0.0..50.0f64, any::<bool>()), 1..12),
        draw in 0.0..1.0f64,
        rotation in 0..12usize,
    ) {
        let worlds: Vec<World> = (0..states.len()).map(|i| world(&format!("p{i:02}"), "m/m")).collect();
        let mut candidates = Vec::new();
        for (world, &(tier, group, preference, num_good, num_bad, is_open)) in worlds.iter().zip(&states) {
            let until = Timestamp(Duration::from_secs(1).as_millis() as i64);
            candidates.push(Candidate {
                tier: [Tier::Hosted, Tier::Local, Tier::Demo][tier as usize],
                group,
                preference,
                num_good,
                num_bad,
                breaker: match is_open {
                    true => Admission::Open { until, why: FailureKind::Timeout, is_stated: false },
                    false => Admission::Closed,
                },
                ..candidate(world)
            });
        }
        let policy = Policy { exploration: 0.0, ..Policy::default() };
        let ranking = order(&candidates, &Needs::default(), &policy, draw);
        let mut all: Vec<usize> = ranking.ranked.iter().map(|one| one.index).collect();
        all.extend(ranking.excluded.iter().map(|&(index, _)| index));
        all.sort_unstable();
        prop_assert_eq!(all, (0..candidates.len()).collect::<Vec<_>>());
        for one in &ranking.ranked {
            for part in [one.score.total, one.score.reliability, one.score.speed, one.score.quota] {
                prop_assert!((0.0..=1.0).contains(&part));
            }
        }
        let first = names(&candidates, &ranking);
        let len = candidates.len();
        candidates.rotate_left(rotation % len);
        let again = order(&candidates, &Needs::default(), &policy, draw);
        prop_assert_eq!(first, names(&candidates, &again));
    }
}
