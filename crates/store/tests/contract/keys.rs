//! Keys.

use std::sync::Arc;

use store::{
    ApiKey, KeyId, KeyQuota, KeyRecord, KeySettings, MAX_BATCH, MAX_KEYS, NewKey, Store,
    StoreError, Timestamp, change_key_settings, connect,
};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::{Subject, new_key, stores, unused};

#[tokio::test]
async fn a_key_is_found_by_its_hash_and_by_nothing_else() {
    for Subject { name, store, .. } in stores().await {
        let (first, second) = (new_key("laptop", 10), new_key("phone", 20));
        assert_eq!(store.key_by_hash(first.hash).await.unwrap(), None, "{name}");
        let created = store.create_key(first.clone()).await.unwrap();
        assert_eq!(created, unused(&first), "{name}");
        store.create_key(second.clone()).await.unwrap();

        let found = store.key_by_hash(first.hash).await.unwrap();
        assert_eq!(found, Some(unused(&first)), "{name}");
        let found = store.key_by_hash(second.hash).await.unwrap();
        assert_eq!(found, Some(unused(&second)), "{name}");
        let other = ApiKey::generate().unwrap().hash();
        assert_eq!(store.key_by_hash(other).await.unwrap(), None, "{name}");
    }
}

#[tokio::test]
async fn a_key_is_found_by_its_id_also_when_it_is_revoked() {
    for Subject { name, store, .. } in stores().await {
        let (first, second) = (new_key("laptop", 10), new_key("phone", 20));
        store.create_key(first.clone()).await.unwrap();
        store.create_key(second.clone()).await.unwrap();
        let revoked = store.revoke_key(&second.id, Timestamp(30)).await.unwrap();
        let found = store.key(&first.id).await.unwrap();
        assert_eq!(found, Some(unused(&first)), "{name}");
        assert_eq!(
            store.key(&second.id).await.unwrap(),
            Some(revoked),
            "{name}"
        );
        let unknown = KeyId("key_unknown".to_owned());
        assert_eq!(store.key(&unknown).await.unwrap(), None, "{name}");
    }
}

#[tokio::test]
async fn an_id_or_a_hash_that_is_there_already_is_refused_and_changes_nothing() {
    for Subject { name, store, .. } in stores().await {
        let key = new_key("first", 10);
        store.create_key(key.clone()).await.unwrap();
        let same_id = NewKey {
            id: key.id.clone(),
            ..new_key("same id", 20)
        };
        let same_hash = NewKey {
            hash: key.hash,
            ..new_key("same hash", 20)
        };
        for duplicate in [same_id, same_hash, key.clone()] {
            let error = store.create_key(duplicate).await.unwrap_err();
            assert!(matches!(error, StoreError::Duplicate), "{name}: {error:?}");
        }
        assert_eq!(store.keys().await.unwrap(), [unused(&key)], "{name}");
    }
}

#[tokio::test]
async fn keys_are_limited_in_number() {
    // In memory only: it is a matter of counting, and a file takes long.
    let store = connect("sqlite::memory:").await.unwrap();
    for _ in 0..MAX_KEYS {
        store.create_key(new_key("one of many", 1)).await.unwrap();
    }
    let one_more = new_key("one too many", 1);
    let error = store.create_key(one_more.clone()).await.unwrap_err();
    assert!(
        matches!(error, StoreError::TooMany { max: MAX_KEYS, .. }),
        "{error:?}"
    );
    assert_eq!(store.keys().await.unwrap().len(), MAX_KEYS);
    assert_eq!(store.key_by_hash(one_more.hash).await.unwrap(), None);

    // One that opens no door any more makes room.
    let revoked = store.keys().await.unwrap().swap_remove(0);
    store.revoke_key(&revoked.id, Timestamp(5)).await.unwrap();
    store.create_key(one_more.clone()).await.unwrap();
    let ids: Vec<_> = store
        .keys()
        .await
        .unwrap()
        .into_iter()
        .map(|key| key.id)
        .collect();
    assert_eq!(ids.len(), MAX_KEYS);
    assert!(!ids.contains(&revoked.id) && ids.contains(&one_more.id));
}

#[tokio::test]
async fn keys_come_the_newest_first() {
    for Subject { name, store, .. } in stores().await {
        assert_eq!(store.keys().await.unwrap(), [], "{name}");
        let mut keys: Vec<_> = [30, 10, -5, 20, 10]
            .map(|created_at| new_key("key", created_at))
            .into();
        for key in &keys {
            store.create_key(key.clone()).await.unwrap();
        }
        keys.sort_by(|a, b| (b.created_at, &b.id.0).cmp(&(a.created_at, &a.id.0)));
        let expected: Vec<_> = keys.iter().map(unused).collect();
        assert_eq!(store.keys().await.unwrap(), expected, "{name}");
    }
}

#[tokio::test]
async fn a_key_is_active_until_it_expires_or_is_revoked() {
    for Subject { name, store, .. } in stores().await {
        assert!(!store.has_active_key(Timestamp(0)).await.unwrap(), "{name}");
        let key = NewKey {
            expires_at: Some(Timestamp(100)),
            ..new_key("for a while", 10)
        };
        store.create_key(key.clone()).await.unwrap();
        for (now, is_active) in [(99, true), (100, false), (101, false)] {
            let now = Timestamp(now);
            assert_eq!(
                store.has_active_key(now).await.unwrap(),
                is_active,
                "{name}"
            );
            assert_eq!(unused(&key).is_active(now), is_active, "{name}");
        }

        let forever = new_key("forever", 10);
        store.create_key(forever.clone()).await.unwrap();
        let late = Timestamp(i64::MAX);
        assert!(store.has_active_key(late).await.unwrap(), "{name}");
        store.revoke_key(&forever.id, Timestamp(50)).await.unwrap();
        assert!(!store.has_active_key(late).await.unwrap(), "{name}");
        assert!(store.has_active_key(Timestamp(60)).await.unwrap(), "{name}");
        store.revoke_key(&key.id, Timestamp(50)).await.unwrap();
        assert!(
            !store.has_active_key(Timestamp(60)).await.unwrap(),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_revoked_key_stays_known_with_the_time_of_its_first_revocation() {
    for Subject { name, store, .. } in stores().await {
        let (leaked, other) = (new_key("leaked", 10), new_key("other", 20));
        store.create_key(leaked.clone()).await.unwrap();
        store.create_key(other.clone()).await.unwrap();
        let revoked = KeyRecord {
            revoked_at: Some(Timestamp(30)),
            ..unused(&leaked)
        };
        for at in [30, 40, 20] {
            let record = store.revoke_key(&leaked.id, Timestamp(at)).await.unwrap();
            assert_eq!(record, revoked, "{name}");
        }
        let found = store.key_by_hash(leaked.hash).await.unwrap();
        assert_eq!(found.as_ref(), Some(&revoked), "{name}");
        let keys = store.keys().await.unwrap();
        assert_eq!(keys, [unused(&other), revoked], "{name}");

        let unknown = KeyId::random().unwrap();
        let error = store.revoke_key(&unknown, Timestamp(1)).await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound), "{name}: {error:?}");
        assert_eq!(store.keys().await.unwrap(), keys, "{name}");
    }
}

#[tokio::test]
async fn the_last_use_of_a_key_only_moves_forward() {
    for Subject { name, store, .. } in stores().await {
        let (used, unused_key) = (new_key("used", 20), new_key("unused", 10));
        store.create_key(used.clone()).await.unwrap();
        store.create_key(unused_key.clone()).await.unwrap();
        let last_use = async || {
            let keys = store.keys().await.unwrap();
            assert_eq!(keys[1], unused(&unused_key), "{name}");
            let changed = KeyRecord {
                last_used_at: keys[0].last_used_at,
                ..unused(&used)
            };
            assert_eq!(keys[0], changed, "{name}: nothing else is changed");
            keys[0].last_used_at.map(|time| time.0)
        };
        let at = |time| (used.id.clone(), Timestamp(time));
        store.touch_keys(&[]).await.unwrap();
        assert_eq!(last_use().await, None, "{name}");
        store.touch_keys(&[at(-7)]).await.unwrap();
        assert_eq!(last_use().await, Some(-7), "{name}");
        store.touch_keys(&[at(50), at(70), at(60)]).await.unwrap();
        assert_eq!(last_use().await, Some(70), "{name}");
        store.touch_keys(&[at(65)]).await.unwrap();
        assert_eq!(last_use().await, Some(70), "{name}: an older use");
        let unknown = (KeyId("key_unknown".to_owned()), Timestamp(90));
        store.touch_keys(&[unknown.clone(), at(80)]).await.unwrap();
        assert_eq!(last_use().await, Some(80), "{name}: beside an unknown key");

        let too_many = vec![unknown; MAX_BATCH + 1];
        let error = store.touch_keys(&too_many).await.unwrap_err();
        assert!(
            matches!(error, StoreError::TooMany { max: MAX_BATCH, .. }),
            "{name}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_key_is_given_another_name_and_another_end_and_nothing_else_changes() {
    for Subject { name, store, .. } in stores().await {
        let (key, other) = (new_key("before", 20), new_key("other", 10));
        store.create_key(key.clone()).await.unwrap();
        store.create_key(other.clone()).await.unwrap();
        for end in [Some(Timestamp(70)), None] {
            let changed = KeyRecord {
                name: "after".to_owned(),
                expires_at: end,
                ..unused(&key)
            };
            let told = store.relabel_key(&key.id, Some("after"), Some(end)).await;
            assert_eq!(told.unwrap(), changed, "{name}");
            let keys = store.keys().await.unwrap();
            assert_eq!(keys, [changed, unused(&other)], "{name}");
        }
        let end = Some(Timestamp(80));
        store.relabel_key(&key.id, None, Some(end)).await.unwrap();
        store
            .relabel_key(&key.id, Some("last"), None)
            .await
            .unwrap();
        let told = store.relabel_key(&key.id, None, None).await.unwrap();
        assert_eq!(
            (told.name.as_str(), told.expires_at),
            ("last", end),
            "{name}"
        );
        let unknown = KeyId::random().unwrap();
        let error = store
            .relabel_key(&unknown, Some("x"), None)
            .await
            .unwrap_err();
        assert!(matches!(error, StoreError::NotFound), "{name}: {error:?}");
    }
}

#[tokio::test]
async fn settings_are_kept_as_they_are_given_and_replaced_as_a_whole() {
    for Subject { name, store, .. } in stores().await {
        let settings = KeySettings {
            is_admin: true,
            keeps_content: true,
            quota: KeyQuota {
                requests_per_minute: Some(0),
                requests_per_day: Some(u32::MAX),
                tokens_per_minute: None,
                tokens_per_day: Some(7),
            },
            preferences: Some("{\"sort\":\"speed\"}".to_owned()),
        };
        let given = NewKey {
            settings: settings.clone(),
            ..new_key("given", 20)
        };
        let other = new_key("other", 10);
        assert_eq!(
            store.create_key(given.clone()).await.unwrap(),
            unused(&given)
        );
        store.create_key(other.clone()).await.unwrap();
        let keys = store.keys().await.unwrap();
        assert_eq!(keys, [unused(&given), unused(&other)], "{name}");

        let nothing = KeySettings::default();
        let set = replace(&store, &other, [&nothing, &settings]).await;
        let changed = KeyRecord {
            settings: settings.clone(),
            ..unused(&other)
        };
        assert_eq!(set.as_ref(), Some(&changed), "{name}");
        let found = store.key_by_hash(other.hash).await.unwrap();
        assert_eq!(found, Some(changed), "{name}");
        let found = store.key_by_hash(given.hash).await.unwrap();
        assert_eq!(found, Some(unused(&given)), "{name}: of the other key");

        // Whatever differs from what is there, nothing is replaced.
        for stale in others(&settings) {
            let set = replace(&store, &other, [&stale, &nothing]).await;
            assert_eq!(set, None, "{name}: {stale:?}");
        }
        let set = replace(&store, &other, [&settings, &nothing]).await;
        assert_eq!(set, Some(unused(&other)), "{name}");
        for stale in others(&nothing) {
            let set = replace(&store, &other, [&stale, &settings]).await;
            assert_eq!(set, None, "{name}: {stale:?}");
        }
        let found = store.key(&other.id).await.unwrap();
        assert_eq!(found, Some(unused(&other)), "{name}");
        // What else happens to a key leaves them.
        let revoked = store.revoke_key(&given.id, Timestamp(30)).await.unwrap();
        assert_eq!(revoked.settings, settings, "{name}");

        let unknown = KeyId::random().unwrap();
        let error = store.replace_key_settings(&unknown, &nothing, &nothing);
        let error = error.await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound), "{name}: {error:?}");
    }
}

/// Replaces the first settings by the second.
async fn replace(
    store: &Arc<dyn Store>,
    key: &NewKey,
    [old, new]: [&KeySettings; 2],
) -> Option<KeyRecord> {
    let replaced = store.replace_key_settings(&key.id, old, new).await;
    replaced.unwrap()
}

/// Settings that differ from these in one member each.
fn others(settings: &KeySettings) -> [KeySettings; 7] {
    let mut others = std::array::from_fn(|_| settings.clone());
    let changes: [fn(&mut KeySettings); 7] = [
        |one| one.is_admin ^= true,
        |one| one.keeps_content ^= true,
        |one| one.quota.requests_per_minute = Some(1),
        |one| one.quota.requests_per_day = Some(1),
        |one| one.quota.tokens_per_minute = Some(1),
        |one| one.quota.tokens_per_day = Some(1),
        |one| one.preferences = Some("{}".to_owned()),
    ];
    for (other, change) in others.iter_mut().zip(changes) {
        change(other);
    }
    others
}

#[tokio::test]
async fn a_change_that_fails_writes_nothing_and_one_of_no_key_is_told() {
    for Subject { name, store, .. } in stores().await {
        let key = new_key("a key", 1);
        store.create_key(key.clone()).await.unwrap();
        let refused = change_key_settings(&*store, &key.id, |_| Err(StoreError::Closed)).await;
        assert!(matches!(refused, Err(StoreError::Closed)), "{name}");
        let found = store.key(&key.id).await.unwrap();
        assert_eq!(found, Some(unused(&key)), "{name}");
        let unknown = KeyId::random().unwrap();
        let change = |_| -> Result<_, StoreError> { panic!("there is nothing to change") };
        let error = change_key_settings(&*store, &unknown, change).await;
        assert!(matches!(error, Err(StoreError::NotFound)), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_begins_anew_when_another_is_faster_and_ends_when_that_is_always_so() {
    for Subject { name, store, .. } in stores().await {
        let key = new_key("a key", 1);
        store.create_key(key.clone()).await.unwrap();
        // Writes while the other change is under way.
        let outrun = |old: &KeySettings| {
            let mut faster = old.clone();
            let used = &mut faster.quota.tokens_per_day;
            *used = Some(used.unwrap_or(0) + 1);
            let replaced = store.replace_key_settings(&key.id, old, &faster);
            let replaced = block_in_place(|| Handle::current().block_on(replaced));
            assert!(replaced.unwrap().is_some(), "{name}");
        };
        let mut num_tries = 0_u32;
        let changed = change_key_settings(&*store, &key.id, |settings| {
            num_tries += 1;
            if num_tries <= 3 {
                outrun(&settings);
            }
            let is_admin = true;
            Ok::<_, StoreError>(KeySettings {
                is_admin,
                ..settings
            })
        });
        let settings = changed.await.unwrap().settings;
        assert!(settings.is_admin, "{name}");
        assert_eq!(settings.quota.tokens_per_day, Some(3), "{name}");

        num_tries = 0;
        let error = change_key_settings(&*store, &key.id, |settings| {
            num_tries += 1;
            outrun(&settings);
            let is_admin = false;
            Ok(KeySettings {
                is_admin,
                ..settings
            })
        });
        let error = error.await.unwrap_err();
        assert!(matches!(error, StoreError::Busy), "{name}: {error:?}");
        let settings = store.key(&key.id).await.unwrap().unwrap().settings;
        assert!(settings.is_admin, "{name}");
        let faster = settings.quota.tokens_per_day;
        assert_eq!(faster, Some(3 + num_tries), "{name}");
    }
}
