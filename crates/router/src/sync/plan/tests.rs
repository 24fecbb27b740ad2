use proptest::prelude::*;

use super::*;

const HOUR_MS: i64 = 3_600_000;
const NOW: Timestamp = Timestamp(1000 * HOUR_MS);

fn info(id: &str, name: &str) -> ModelInfo {
    ModelInfo {
        id: ModelId(id.to_owned()),
        provider_name: name.to_owned(),
        aliases: Vec::new(),
        owned_by: String::new(),
        spec: ModelSpec::default(),
    }
}

fn look(names: &[&str]) -> Look {
    Look {
        models: names
            .iter()
            .map(|name| info(&format!("a/{name}"), name))
            .collect(),
        ..Look::default()
    }
}

/// The rows of a store, kept as a store keeps them.
#[derive(Default)]
struct Rows {
    models: BTreeMap<String, ModelRecord>,
    deployments: BTreeMap<DeploymentKey, DeploymentRecord>,
    changes: Vec<SpecChange>,
    observations: Vec<Observation>,
    syncs: BTreeMap<String, ProviderSync>,
}

impl Rows {
    fn catalog(&self) -> Catalog {
        let models = self.models.values().cloned().collect();
        Catalog::from_store(models, self.deployments.values().cloned().collect())
    }

    fn sync(&mut self, provider: &str, seen: Result<&Look, &str>, now: Timestamp) -> SyncSummary {
        self.sync_by(provider, &ListSource::default(), seen, now)
    }

    fn sync_by(
        &mut self,
        provider: &str,
        source: &ListSource,
        seen: Result<&Look, &str>,
        now: Timestamp,
    ) -> SyncSummary {
        let before = self.syncs.get(provider);
        let plan = plan_update(provider, source, &self.catalog(), before, seen, now);
        for model in plan.update.models {
            self.models.insert(model.id.clone(), model);
        }
        for one in plan.update.deployments {
            self.deployments.insert(one.key.clone(), one);
        }
        self.changes.extend(plan.update.changes);
        self.observations.extend(plan.update.observations);
        self.syncs.insert(provider.to_owned(), plan.sync);
        plan.summary
    }

    fn words(&self) -> Vec<String> {
        let word = |change: &SpecChange| {
            let whose = match &change.deployment {
                Some(key) => format!("{}/{}", key.provider, key.name),
                None => change.model.clone(),
            };
            format!("{whose} {}", change.field)
        };
        self.changes.iter().map(word).collect()
    }

    fn gone_at(&self, provider: &str, name: &str) -> Option<i64> {
        let key = DeploymentKey {
            provider: provider.to_owned(),
            name: name.to_owned(),
        };
        self.deployments[&key].gone_at.map(|at| at.0)
    }
}

fn hour(number: i64) -> Timestamp {
    Timestamp(NOW.0 + number * HOUR_MS + 5)
}

#[test]
fn a_first_look_makes_models_deployments_and_sights_of_them() {
    let mut rows = Rows::default();
    let mut seen = look(&["m", "n"]);
    let up = EndpointStatus {
        is_up: true,
        uptime_percent: Some(99.0),
        ..EndpointStatus::default()
    };
    seen.statuses.insert("m".to_owned(), up);
    let summary = rows.sync("x", Ok(&seen), hour(0));
    assert_eq!((summary.num_listed, summary.appeared.len()), (2, 2));
    assert_eq!(
        rows.words(),
        [
            "x/m appeared",
            "x/n appeared",
            "a/m appeared",
            "a/n appeared"
        ]
    );
    let catalog = rows.catalog();
    let model = catalog.find("a/m").unwrap();
    assert_eq!(model.first_seen_at, Some(hour(0)));
    assert_eq!(model.deployments[0].status, Some((up, hour(0))));
    let sights: Vec<_> = rows
        .observations
        .iter()
        .map(|one| (one.key.name.as_str(), one.hour, one.is_listed, one.is_up))
        .collect();
    let now = Hour::of(hour(0));
    assert_eq!(
        sights,
        [("m", now, true, Some(true)), ("n", now, true, None)]
    );
    let sync = &rows.syncs["x"];
    assert_eq!((sync.succeeded_at, &sync.error), (Some(hour(0)), &None));
}

#[test]
fn the_same_model_at_another_host_is_another_deployment_of_it() {
    let mut rows = Rows::default();
    rows.sync("x", Ok(&look(&["m"])), hour(0));
    rows.changes.clear();
    rows.sync("y", Ok(&look(&["m"])), hour(1));
    assert_eq!(rows.words(), ["y/m appeared"]);
    assert_eq!(rows.catalog().find("a/m").unwrap().deployments.len(), 2);
    // It is there as long as anybody has it.
    rows.changes.clear();
    rows.sync("x", Ok(&look(&[])), hour(2));
    rows.sync("x", Ok(&look(&[])), hour(3));
    assert_eq!(rows.words(), ["x/m left"]);
    assert!(rows.catalog().find("a/m").unwrap().is_hosted());
    rows.changes.clear();
    rows.sync("y", Ok(&look(&[])), hour(4));
    rows.sync("y", Ok(&look(&[])), hour(5));
    assert_eq!(rows.words(), ["y/m left", "a/m left"]);
}

#[test]
fn a_model_that_left_is_not_forgotten_and_may_return() {
    let mut rows = Rows::default();
    rows.sync("x", Ok(&look(&["m", "n", "o"])), hour(0));
    rows.changes.clear();
    let summary = rows.sync("x", Ok(&look(&["m", "n"])), hour(1));
    assert_eq!(summary.left, ["o"]);
    assert_eq!(rows.words(), ["x/o left", "a/o left"]);
    assert_eq!(rows.gone_at("x", "o"), Some(hour(1).0));
    // It is noted that it is away, and when it was last seen stays.
    rows.sync("x", Ok(&look(&["m", "n"])), hour(2));
    assert_eq!(rows.gone_at("x", "o"), Some(hour(1).0));
    let away = rows
        .observations
        .iter()
        .filter(|one| !one.is_listed)
        .count();
    assert_eq!(away, 2);
    let catalog = rows.catalog();
    assert_eq!(catalog.find("a/o").unwrap().last_seen_at, Some(hour(0)));

    rows.changes.clear();
    let summary = rows.sync("x", Ok(&look(&["m", "n", "o"])), hour(3));
    assert_eq!(summary.returned, ["o"]);
    assert_eq!(rows.words(), ["x/o returned", "a/o returned"]);
    let catalog = rows.catalog();
    let model = catalog.find("a/o").unwrap();
    assert!(model.is_active());
    assert_eq!(model.first_seen_at, Some(hour(0)));
    assert_eq!(model.last_seen_at, Some(hour(3)));
}

#[test]
fn a_list_that_the_settings_have_changed_is_not_doubted() {
    let source = |is_fixed, settings: &str| ListSource {
        is_fixed,
        settings: settings.to_owned(),
    };
    for (before, after, is_doubted) in [
        (source(false, "1"), source(false, "1"), true),
        (source(false, "1"), source(false, "2"), false),
        (source(true, "1"), source(true, "2"), false),
        // Somebody else wrote what was known.
        (source(true, "1"), source(true, "1"), false),
    ] {
        let mut rows = Rows::default();
        rows.sync_by("x", &before, Ok(&look(&["m"])), hour(0));
        // A look that failed tells nothing of the settings.
        rows.sync_by("x", &after, Err("no connection"), hour(1));
        assert_eq!(rows.syncs["x"].settings, before.settings);
        let summary = rows.sync_by("x", &after, Ok(&look(&["n"])), hour(2));
        assert_eq!(summary.doubt.is_some(), is_doubted, "{before:?} {after:?}");
        assert_eq!(rows.gone_at("x", "m").is_some(), !is_doubted);
        assert_eq!(rows.syncs["x"].settings, after.settings);
    }
}

#[test]
fn what_is_gone_for_three_months_is_not_noted_any_more() {
    let mut rows = Rows::default();
    rows.sync("x", Ok(&look(&["m", "n", "o"])), hour(0));
    rows.sync("x", Ok(&look(&["m", "n"])), hour(1));
    rows.observations.clear();
    rows.sync("x", Ok(&look(&["m", "n"])), hour(24 * 90));
    assert_eq!(rows.observations.len(), 3);
    rows.observations.clear();
    rows.sync("x", Ok(&look(&["m", "n"])), hour(24 * 90 + 2));
    assert_eq!(rows.observations.len(), 2);
}

#[test]
fn a_look_that_failed_changes_nothing() {
    let mut rows = Rows::default();
    rows.sync("x", Ok(&look(&["m", "n"])), hour(0));
    let before = (rows.changes.len(), rows.observations.len());
    let summary = rows.sync("x", Err("no connection"), hour(1));
    assert_eq!(summary.error.as_deref(), Some("no connection"));
    assert_eq!((rows.changes.len(), rows.observations.len()), before);
    assert_eq!(rows.catalog().active_models().count(), 2);
    let sync = &rows.syncs["x"];
    assert_eq!((sync.tried_at, sync.succeeded_at), (hour(1), Some(hour(0))));
    assert_eq!(sync.error.as_deref(), Some("no connection"));
    let mut many = look(&[]);
    many.models = (0..=MAX_LIST_MODELS)
        .map(|number| info("a/b", &number.to_string()))
        .collect();
    let summary = rows.sync("x", Ok(&many), hour(2));
    assert!(
        summary.error.unwrap().contains("5000"),
        "too many models are no list"
    );
    assert_eq!(rows.catalog().active_models().count(), 2);
}

#[test]
fn a_list_that_lost_most_is_believed_when_it_is_seen_twice() {
    let mut rows = Rows::default();
    rows.sync("x", Ok(&look(&["m", "n", "o", "p"])), hour(0));
    // Half of them may go.
    rows.sync("x", Ok(&look(&["m", "n"])), hour(1));
    assert_eq!(rows.gone_at("x", "o"), Some(hour(1).0));
    // Not more than half, of those that were still offered; what is there is seen.
    rows.changes.clear();
    rows.observations.clear();
    let summary = rows.sync("x", Ok(&look(&["new"])), hour(2));
    assert!(summary.doubt.unwrap().contains("2 of 2"));
    assert_eq!(rows.gone_at("x", "m"), None);
    assert_eq!(rows.words(), ["x/new appeared", "a/new appeared"]);
    assert_eq!(
        rows.observations.len(),
        1,
        "what is missing was not observed"
    );
    assert!(
        rows.syncs["x"]
            .error
            .as_ref()
            .unwrap()
            .starts_with("doubted: ")
    );
    assert_eq!(rows.syncs["x"].succeeded_at, Some(hour(2)));
    // A list that could not be read says nothing either way: the doubt begins anew.
    rows.sync("x", Err("no connection"), hour(3));
    assert!(rows.sync("x", Ok(&look(&["new"])), hour(4)).doubt.is_some());
    let summary = rows.sync("x", Ok(&look(&["new"])), hour(5));
    assert_eq!(summary.left, ["m", "n"]);
    assert_eq!(summary.doubt, None);
    assert_eq!(rows.gone_at("x", "m"), Some(hour(5).0));
    // After a doubt that was wrong everything is as it was.
    rows.sync("x", Ok(&look(&["m", "n", "new"])), hour(6));
    assert!(rows.sync("x", Ok(&look(&[])), hour(7)).doubt.is_some());
    let summary = rows.sync("x", Ok(&look(&["m", "n", "new"])), hour(8));
    assert_eq!((summary.returned.len(), summary.left.len()), (0, 0));
    assert_eq!(rows.syncs["x"].error, None);
}

#[test]
fn changes_of_a_specification_are_kept_with_their_dates() {
    let mut rows = Rows::default();
    let with = |max_output_tokens, description: &str| {
        let mut look = look(&["m"]);
        look.models[0].spec.max_output_tokens = max_output_tokens;
        look.models[0].spec.description = description.to_owned();
        look
    };
    rows.sync("x", Ok(&with(Some(131_072), "")), hour(0));
    rows.changes.clear();
    rows.sync("x", Ok(&with(Some(131_072), "")), hour(1));
    assert_eq!(rows.changes, []);
    let summary = rows.sync("x", Ok(&with(Some(8192), "New words.")), hour(2));
    assert_eq!(summary.num_changed_fields, 2);
    let changes: Vec<_> = rows
        .changes
        .iter()
        .map(|one| {
            (
                one.field.as_str(),
                one.old.as_deref(),
                one.new.as_deref(),
                one.at,
            )
        })
        .collect();
    assert_eq!(
        changes,
        [
            ("description", None, Some("\"New words.\""), hour(2)),
            ("max_output_tokens", Some("131072"), Some("8192"), hour(2)),
        ]
    );
    assert_eq!(
        rows.catalog().find("a/m").unwrap().spec.max_output_tokens,
        Some(8192)
    );
    // What is not said any more is not known any more.
    rows.changes.clear();
    rows.sync("x", Ok(&with(None, "New words.")), hour(3));
    assert_eq!(rows.words(), ["x/m max_output_tokens"]);
    assert_eq!(
        rows.catalog().find("a/m").unwrap().spec.max_output_tokens,
        None
    );
}

#[test]
fn a_deployment_that_turns_out_to_be_of_another_model_moves() {
    let mut rows = Rows::default();
    rows.sync("x", Ok(&look(&["m", "n"])), hour(0));
    rows.changes.clear();
    let moved = Look {
        models: vec![info("b/other", "m"), info("a/n", "n")],
        ..Look::default()
    };
    rows.sync("x", Ok(&moved), hour(1));
    assert_eq!(rows.words(), ["x/m model", "a/m left", "b/other appeared"]);
    let catalog = rows.catalog();
    assert!(!catalog.model("a/m").unwrap().is_active());
    assert_eq!(catalog.find("m").unwrap().id.0, "b/other");
    assert_eq!(catalog.model("b/other").unwrap().deployments.len(), 1);
}

#[test]
fn of_two_entries_of_one_name_the_first_counts() {
    let mut rows = Rows::default();
    let mut twice = look(&["m", "m"]);
    twice.models[0].spec.context_length = Some(5);
    let summary = rows.sync("x", Ok(&twice), hour(0));
    assert_eq!(summary.num_listed, 1);
    assert_eq!(
        rows.catalog().find("a/m").unwrap().spec.context_length,
        Some(5)
    );
}

#[test]
fn what_is_built_in_has_its_own_words_and_the_limits_of_its_hosts() {
    let mut rows = Rows::default();
    let mut seen = look(&[]);
    let mut listed = info("openai/gpt-oss-20b", "openai/gpt-oss-20b:free");
    listed.spec.description = "Cut off...".to_owned();
    listed.spec.max_output_tokens = Some(8192);
    seen.models.push(listed);
    rows.sync("openrouter", Ok(&seen), hour(0));
    let catalog = rows.catalog();
    let model = catalog.find("openai/gpt-oss-20b:free").unwrap();
    assert!(model.spec.description.contains("21 billion"));
    assert_eq!(model.spec.max_output_tokens, Some(8192));
    assert_eq!(model.author, "openai");
    assert_eq!(model.deployments[0].spec.description, "Cut off...");
}

#[test]
fn an_update_is_cut_to_what_a_store_takes() {
    let mut rows = Rows::default();
    let names: Vec<_> = (0..4000).map(|number| format!("m{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    rows.sync("x", Ok(&look(&names)), hour(0));
    let mut changed = look(&names);
    for model in &mut changed.models {
        model.spec.name = "n".to_owned();
        model.spec.context_length = Some(1);
        model.spec.max_output_tokens = Some(1);
    }
    let plan = {
        let source = ListSource::default();
        plan_update("x", &source, &rows.catalog(), None, Ok(&changed), hour(1))
    };
    let num_changes = plan.update.changes.len();
    assert_eq!(num_changes, 12_000);
    let pieces = pieces(plan.update);
    assert_eq!(pieces.len(), 2);
    assert!(pieces.iter().all(|piece| piece.changes.len() <= MAX_BATCH));
    assert_eq!(
        pieces
            .iter()
            .map(|piece| piece.changes.len())
            .sum::<usize>(),
        num_changes
    );
    assert_eq!(pieces[0].models.len(), 4000);
    assert!(super::pieces(CatalogUpdate::default()).is_empty());
}

/// What a plain reading of the rules says is offered after each list.
#[derive(Default)]
struct Oracle {
    offered: BTreeSet<String>,
    is_doubted: bool,
}

impl Oracle {
    fn see(&mut self, list: Option<&BTreeSet<String>>) {
        let Some(list) = list else {
            self.is_doubted = false;
            return;
        };
        let num_lost = self.offered.difference(list).count();
        let num_left = self.offered.len() - num_lost;
        if num_lost > num_left && !self.is_doubted {
            self.is_doubted = true;
            self.offered.extend(list.iter().cloned());
        } else {
            self.is_doubted = false;
            self.offered.clone_from(list);
        }
    }
}

proptest! {
    #[test]
    fn what_is_offered_is_what_was_last_listed_and_believed(
        lists in prop::collection::vec(
            prop::option::weighted(0.85, prop::collection::btree_set("[a-h]", 0..8)),
            1..25,
        ),
    ) {
        let mut rows = Rows::default();
        let mut oracle = Oracle::default();
        for (number, list) in lists.iter().enumerate() {
            let now = hour(number as i64);
            let num_observations = rows.observations.len();
            match list {
                None => rows.sync("x", Err("down"), now),
                Some(list) => {
                    let names: Vec<_> = list.iter().map(String::as_str).collect();
                    rows.sync("x", Ok(&look(&names)), now)
                }
            };
            oracle.see(list.as_ref());
            let catalog = rows.catalog();
            let offered: BTreeSet<String> = catalog
                .deployments()
                .filter(|(_, one)| one.is_active())
                .map(|(_, one)| one.key.name.clone())
                .collect();
            prop_assert_eq!(&offered, &oracle.offered);
            prop_assert_eq!(is_doubted(&rows.syncs["x"]), oracle.is_doubted);
            // Everything that is listed was seen in this hour; nothing is seen where nobody looked.
            let seen: BTreeSet<String> = rows.observations[num_observations..]
                .iter()
                .filter(|one| one.is_listed)
                .map(|one| one.key.name.clone())
                .collect();
            prop_assert_eq!(seen, list.clone().unwrap_or_default());
            // Models and deployments agree on who is there, and every change of that has its row.
            for model in catalog.models() {
                let row = |word: &str, is_model: bool| {
                    let changes = rows.changes.iter().filter(|one| {
                        one.model == model.id.0
                            && one.field == word
                            && one.deployment.is_none() == is_model
                    });
                    changes.count()
                };
                if model.deployments.is_empty() {
                    continue;
                }
                for is_model in [true, false] {
                    prop_assert_eq!(row("appeared", is_model), 1);
                    let num_away = row("left", is_model) - row("returned", is_model);
                    prop_assert_eq!(num_away, usize::from(!model.is_active()));
                }
            }
        }
    }
}
