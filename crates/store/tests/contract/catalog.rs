//! The catalogue: models, deployments, changes, observations, looks at providers.

use store::{
    CatalogUpdate, DeploymentKey, DeploymentRecord, Hour, MAX_BATCH, MAX_ROWS, ModelRecord,
    Observation, ProviderSync, SpecChange, StoreError, Timestamp,
};

use crate::{Subject, stores};

fn key(provider: &str, name: &str) -> DeploymentKey {
    DeploymentKey {
        provider: provider.to_owned(),
        name: name.to_owned(),
    }
}

fn model(id: &str, first: i64, last: i64) -> ModelRecord {
    ModelRecord {
        id: id.to_owned(),
        spec: format!("{{\"id\":\"{id}\"}}"),
        first_seen_at: Timestamp(first),
        last_seen_at: Timestamp(last),
    }
}

fn deployment(provider: &str, name: &str, model: &str, first: i64, last: i64) -> DeploymentRecord {
    DeploymentRecord {
        key: key(provider, name),
        model: model.to_owned(),
        spec: "{}".to_owned(),
        first_seen_at: Timestamp(first),
        last_seen_at: Timestamp(last),
        gone_at: None,
    }
}

fn change(model: &str, at: i64, field: &str) -> SpecChange {
    SpecChange {
        model: model.to_owned(),
        deployment: None,
        at: Timestamp(at),
        field: field.to_owned(),
        old: Some("1".to_owned()),
        new: None,
    }
}

fn observation(provider: &str, name: &str, hour: i64) -> Observation {
    Observation {
        key: key(provider, name),
        hour: Hour(hour),
        is_listed: true,
        is_up: None,
        num_probes_ok: 0,
        num_probes_failed: 0,
    }
}

#[tokio::test]
async fn what_is_seen_again_replaces_what_is_there_but_the_first_sight_stays() {
    for Subject { name, store, .. } in stores().await {
        let empty = store.catalog().await.unwrap();
        assert_eq!(empty, (vec![], vec![]), "{name}");
        let update = CatalogUpdate {
            models: vec![model("b", 10, 10), model("a", 10, 10)],
            deployments: vec![
                deployment("groq", "b", "b", 10, 10),
                deployment("groq", "a", "a", 10, 10),
                deployment("cerebras", "z", "a", 10, 10),
            ],
            ..CatalogUpdate::default()
        };
        store.update_catalog(&update).await.unwrap();
        let (models, deployments) = store.catalog().await.unwrap();
        assert_eq!(models, [model("a", 10, 10), model("b", 10, 10)], "{name}");
        let names: Vec<_> = deployments.iter().map(|d| d.key.clone()).collect();
        let expected = [key("cerebras", "z"), key("groq", "a"), key("groq", "b")];
        assert_eq!(names, expected, "{name}: by provider and name");

        let changed = ModelRecord {
            spec: "{\"changed\":true}".to_owned(),
            ..model("a", 20, 20)
        };
        let gone = DeploymentRecord {
            gone_at: Some(Timestamp(20)),
            model: "b".to_owned(),
            spec: "{\"gone\":1}".to_owned(),
            ..deployment("groq", "a", "b", 20, 15)
        };
        let earlier = deployment("groq", "b", "b", 5, 30);
        let update = CatalogUpdate {
            models: vec![changed.clone()],
            deployments: vec![gone.clone(), earlier.clone()],
            ..CatalogUpdate::default()
        };
        store.update_catalog(&update).await.unwrap();
        let (models, deployments) = store.catalog().await.unwrap();
        let seen_first = ModelRecord {
            first_seen_at: Timestamp(10),
            ..changed
        };
        assert_eq!(models, [seen_first, model("b", 10, 10)], "{name}");
        let gone_since = DeploymentRecord {
            first_seen_at: Timestamp(10),
            ..gone
        };
        let expected = [
            deployment("cerebras", "z", "a", 10, 10),
            gone_since.clone(),
            earlier,
        ];
        assert_eq!(deployments, expected, "{name}");

        // It returns, and twice in one update the later one counts.
        let back = deployment("groq", "a", "a", 40, 40);
        let update = CatalogUpdate {
            deployments: vec![gone_since, back],
            ..CatalogUpdate::default()
        };
        store.update_catalog(&update).await.unwrap();
        let (_, deployments) = store.catalog().await.unwrap();
        let expected = deployment("groq", "a", "a", 10, 40);
        assert_eq!(deployments[1], expected, "{name}");
    }
}

#[tokio::test]
async fn changes_come_the_newest_first_of_one_model_or_of_all() {
    for Subject { name, store, .. } in stores().await {
        let of_deployment = SpecChange {
            deployment: Some(key("groq", "a")),
            old: None,
            new: Some("\"x\"".to_owned()),
            ..change("a", 20, "left")
        };
        let changes = [
            change("a", 10, "one"),
            change("b", 30, "two"),
            of_deployment,
            change("a", 20, "three"),
            change("a", -5, "early"),
        ];
        for changes in changes.chunks(2) {
            let update = CatalogUpdate {
                changes: changes.to_vec(),
                ..CatalogUpdate::default()
            };
            store.update_catalog(&update).await.unwrap();
        }
        let [one, two, left, three, early] = changes;
        let all = [two.clone(), three.clone(), left, one, early];
        let of_a: Vec<_> = all.iter().filter(|c| c.model == "a").cloned().collect();
        let list = async |model, since, limit| {
            let listed = store.spec_changes(model, Timestamp(since), limit).await;
            listed.unwrap()
        };
        assert_eq!(list(None, i64::MIN, usize::MAX).await, all, "{name}");
        assert_eq!(list(None, 10, 100).await, all[..4], "{name}");
        assert_eq!(list(None, 11, 100).await, all[..3], "{name}");
        assert_eq!(list(None, i64::MIN, 2).await, all[..2], "{name}");
        assert_eq!(list(None, i64::MIN, 0).await, [], "{name}");
        assert_eq!(list(Some("a"), i64::MIN, 100).await, of_a, "{name}");
        assert_eq!(list(Some("a"), 20, 1).await, [three], "{name}");
        assert_eq!(list(Some("b"), 0, 100).await, [two], "{name}");
        assert_eq!(list(Some("c"), 0, 100).await, [], "{name}");

        let update = CatalogUpdate {
            changes: vec![change("many", 1, "x"); MAX_ROWS + 1],
            ..CatalogUpdate::default()
        };
        store.update_catalog(&update).await.unwrap();
        let listed = list(Some("many"), 0, usize::MAX).await;
        assert_eq!(listed.len(), MAX_ROWS, "{name}");
    }
}

#[tokio::test]
async fn sights_of_an_hour_are_merged() {
    for Subject { name, store, .. } in stores().await {
        let see = async |is_listed, is_up, num_probes_ok, num_probes_failed| {
            let update = CatalogUpdate {
                observations: vec![Observation {
                    is_listed,
                    is_up,
                    num_probes_ok,
                    num_probes_failed,
                    ..observation("groq", "a", 7)
                }],
                ..CatalogUpdate::default()
            };
            store.update_catalog(&update).await.unwrap();
            let seen = store.observations(None, Hour(7), Hour(8)).await.unwrap();
            let [seen] = &seen[..] else {
                panic!("{name}: {seen:?}")
            };
            let probes = (seen.num_probes_ok, seen.num_probes_failed);
            (seen.is_listed, seen.is_up, probes)
        };
        assert_eq!(
            see(false, None, 0, 1).await,
            (false, None, (0, 1)),
            "{name}"
        );
        let up = see(true, Some(true), 2, 3).await;
        assert_eq!(up, (true, Some(true), (2, 4)), "{name}");
        let down = see(false, Some(false), 1, 0).await;
        assert_eq!(down, (true, Some(false), (3, 4)), "{name}: the last word");
        let silent = see(false, None, u32::MAX, 0).await;
        assert_eq!(silent, (true, Some(false), (u32::MAX, 4)), "{name}");

        // Twice in one update.
        let update = CatalogUpdate {
            observations: vec![
                Observation {
                    num_probes_ok: 1,
                    is_up: Some(true),
                    ..observation("groq", "b", 9)
                };
                2
            ],
            ..CatalogUpdate::default()
        };
        store.update_catalog(&update).await.unwrap();
        let seen = store.observations(None, Hour(9), Hour(10)).await.unwrap();
        assert_eq!(seen[0].num_probes_ok, 2, "{name}");
    }
}

#[tokio::test]
async fn observations_come_by_hour_and_then_by_deployment() {
    for Subject { name, store, .. } in stores().await {
        let deployments = [
            deployment("openrouter", "a:free", "a", 1, 1),
            deployment("groq", "b", "b", 1, 1),
            deployment("groq", "a", "a", 1, 1),
        ];
        let mut all: Vec<_> = deployments
            .iter()
            .flat_map(|d| (-3..3).map(|hour| observation(&d.key.provider, &d.key.name, hour)))
            .collect();
        // Of a deployment that the catalogue does not have.
        all.push(observation("ghost", "a", 0));
        let update = CatalogUpdate {
            deployments: deployments.to_vec(),
            observations: all.clone(),
            ..CatalogUpdate::default()
        };
        store.update_catalog(&update).await.unwrap();
        all.sort_by(|a, b| (a.hour, &a.key).cmp(&(b.hour, &b.key)));
        for model in [None, Some("a"), Some("b"), Some("c")] {
            for (from, until) in [(-3, 3), (-1, 2), (0, 0), (2, -2), (i64::MIN, i64::MAX)] {
                let seen = store.observations(model, Hour(from), Hour(until)).await;
                let expected: Vec<_> = all
                    .iter()
                    .filter(|o| (from..until).contains(&o.hour.0))
                    .filter(|o| {
                        model.is_none_or(|model| {
                            deployments
                                .iter()
                                .any(|d| d.key == o.key && d.model == model)
                        })
                    })
                    .cloned()
                    .collect();
                assert_eq!(seen.unwrap(), expected, "{name}: {model:?} {from}..{until}");
            }
        }
    }
}

#[tokio::test]
async fn an_update_is_written_whole_or_not_at_all() {
    for Subject { name, store, .. } in stores().await {
        let update = CatalogUpdate {
            models: vec![model("a", 1, 1)],
            observations: vec![observation("groq", "a", 1); MAX_BATCH + 1],
            ..CatalogUpdate::default()
        };
        let error = store.update_catalog(&update).await.unwrap_err();
        assert!(
            matches!(error, StoreError::TooMany { max: MAX_BATCH, .. }),
            "{name}: {error:?}"
        );
        assert_eq!(store.catalog().await.unwrap().0, [], "{name}");
        let nothing = CatalogUpdate::default();
        store.update_catalog(&nothing).await.unwrap();
    }
}

#[tokio::test]
async fn the_last_look_at_each_provider_is_kept_and_a_failure_forgets_no_success() {
    for Subject { name, store, .. } in stores().await {
        assert_eq!(store.syncs().await.unwrap(), [], "{name}");
        let look = |provider: &str, tried: i64, succeeded: Option<i64>, error: Option<&str>| {
            ProviderSync {
                provider: provider.to_owned(),
                tried_at: Timestamp(tried),
                succeeded_at: succeeded.map(Timestamp),
                error: error.map(str::to_owned),
                settings: format!("settings {tried}"),
            }
        };
        let never = look("groq", 1, None, Some("timeout"));
        store.record_sync(&never).await.unwrap();
        let good = look("cerebras", 2, Some(2), None);
        store.record_sync(&good).await.unwrap();
        assert_eq!(store.syncs().await.unwrap(), [good, never], "{name}");
        store
            .record_sync(&look("cerebras", 3, None, Some("503")))
            .await
            .unwrap();
        store
            .record_sync(&look("groq", 4, Some(4), None))
            .await
            .unwrap();
        let expected = [
            look("cerebras", 3, Some(2), Some("503")),
            look("groq", 4, Some(4), None),
        ];
        assert_eq!(store.syncs().await.unwrap(), expected, "{name}");
    }
}
