//! Random stories, told to every database and to the plain model: they must answer alike.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use store::{
    KeyHash, KeyId, KeyQuota, KeySettings, NewKey, RequestCursor, RequestOutcome, RequestQuery,
    RequestRecord, Retention, Store, StoreError, Timestamp,
};

use crate::model::Model;
use crate::{Subject, all_requests, block_on, postgres_store, sqlite_stores};

#[derive(Clone, Debug)]
enum Step {
    CreateKey(NewKey),
    KeyByHash(KeyHash),
    HasActiveKey(Timestamp),
    RevokeKey(KeyId, Timestamp),
    TouchKeys(Vec<(KeyId, Timestamp)>),
    InsertRequests(Vec<RequestRecord>),
    Requests(RequestQuery),
    /// From those that are there, or from others.
    ReplaceKeySettings(KeyId, Option<KeySettings>, KeySettings),
    ForgetRequests(Timestamp),
}

/// Few enough that some are equal, and the extremes.
fn timestamp() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        8 => (0..20_i64).boxed(),
        1 => select(vec![i64::MIN, -1, i64::MAX]).boxed(),
    ]
    .prop_map(Timestamp)
}

/// Any text: empty, with control characters, beyond the basic plane. Not the character 0, of which
/// not every database keeps the value.
fn text() -> impl Strategy<Value = String> {
    let character = any::<char>().prop_filter("not 0", |&character| character != '\0');
    vec(character, 0..12).prop_map(String::from_iter)
}

fn id() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-f]",
        1 => text(),
    ]
}

fn key_id() -> impl Strategy<Value = KeyId> {
    id().prop_map(KeyId)
}

fn hash() -> impl Strategy<Value = KeyHash> {
    (0..8_u8).prop_map(|byte| KeyHash([byte.wrapping_mul(37); 32]))
}

prop_compose! {
    fn settings()(
        (is_admin, keeps_content) in any::<(bool, bool)>(),
        (requests_per_minute, requests_per_day) in any::<(Option<u32>, Option<u32>)>(),
        (tokens_per_minute, tokens_per_day) in any::<(Option<u32>, Option<u32>)>(),
        preferences in option::of(text()),
    ) -> KeySettings {
        let quota = KeyQuota {
            requests_per_minute, requests_per_day, tokens_per_minute, tokens_per_day,
        };
        KeySettings { is_admin, keeps_content, quota, preferences }
    }
}

prop_compose! {
    fn new_key()(
        id in key_id(),
        name in text(),
        prefix in text(),
        hash in hash(),
        created_at in timestamp(),
        expires_at in option::of(timestamp()),
        settings in settings(),
    ) -> NewKey {
        NewKey { id, name, prefix, hash, created_at, expires_at, settings }
    }
}

fn outcome() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("ok".to_owned()),
        Just("canceled".to_owned()),
        Just("timeout".to_owned()),
        text(),
    ]
}

fn wanted_outcome() -> impl Strategy<Value = RequestOutcome> {
    prop_oneof![
        Just(RequestOutcome::Ok),
        Just(RequestOutcome::Failed),
        outcome().prop_map(RequestOutcome::Is),
    ]
}

prop_compose! {
    fn request()(
        (id, key_id, started_at) in (id(), option::of(key_id()), timestamp()),
        (operation, requested_model, deployment, outcome) in
            (text(), text(), option::of(text()), outcome()),
        is_stream in any::<bool>(),
        (first_token_ms, duration_ms) in any::<(Option<u32>, u32)>(),
        (prompt_tokens, completion_tokens, reasoning_tokens) in any::<(u32, u32, u32)>(),
        content in option::of(text()),
    ) -> RequestRecord {
        RequestRecord {
            id, key_id, started_at, operation, requested_model, deployment, outcome,
            is_stream, first_token_ms, duration_ms, prompt_tokens, completion_tokens,
            reasoning_tokens, content,
        }
    }
}

prop_compose! {
    fn query()(
        key_id in option::of(key_id()),
        after in option::of((timestamp(), id())),
        outcome in option::of(wanted_outcome()),
        limit in prop_oneof![0..6_usize, Just(usize::MAX)],
    ) -> RequestQuery {
        let after = after.map(|(started_at, id)| RequestCursor { started_at, id });
        RequestQuery {
            key_id,
            after,
            outcome,
            limit,
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => new_key().prop_map(Step::CreateKey),
        1 => hash().prop_map(Step::KeyByHash),
        1 => timestamp().prop_map(Step::HasActiveKey),
        1 => (key_id(), timestamp()).prop_map(|(id, at)| Step::RevokeKey(id, at)),
        1 => vec((key_id(), timestamp()), 0..4).prop_map(Step::TouchKeys),
        2 => vec(request(), 0..6).prop_map(Step::InsertRequests),
        1 => query().prop_map(Step::Requests),
        2 => (key_id(), option::weighted(0.3, settings()), settings())
            .prop_map(|(id, old, new)| Step::ReplaceKeySettings(id, old, new)),
        1 => timestamp().prop_map(Step::ForgetRequests),
    ]
}

async fn tell(store: &dyn Store, model: &mut Model, step: &Step) {
    match step {
        Step::CreateKey(key) => match store.create_key(key.clone()).await {
            Ok(record) => assert_eq!(Some(record), model.create_key(key)),
            Err(StoreError::Duplicate) => assert_eq!(None, model.create_key(key)),
            Err(error) => panic!("{error:?}"),
        },
        Step::KeyByHash(hash) => {
            let record = store.key_by_hash(*hash).await.unwrap();
            assert_eq!(record, model.key_by_hash(*hash));
        }
        Step::HasActiveKey(now) => {
            let has_active = store.has_active_key(*now).await.unwrap();
            assert_eq!(has_active, model.has_active_key(*now));
        }
        Step::RevokeKey(id, at) => match store.revoke_key(id, *at).await {
            Ok(record) => assert_eq!(Some(record), model.revoke_key(id, *at)),
            Err(StoreError::NotFound) => assert_eq!(None, model.revoke_key(id, *at)),
            Err(error) => panic!("{error:?}"),
        },
        Step::TouchKeys(uses) => {
            store.touch_keys(uses).await.unwrap();
            model.touch_keys(uses);
        }
        Step::InsertRequests(requests) => {
            store.insert_requests(requests).await.unwrap();
            model.insert_requests(requests);
        }
        Step::Requests(query) => {
            let requests = store.requests(query).await.unwrap();
            assert_eq!(requests, model.requests(query));
        }
        Step::ReplaceKeySettings(id, old, new) => {
            let known = model.keys().into_iter().find(|key| key.id == *id);
            let known = known.map(|key| key.settings).unwrap_or_default();
            let old = old.as_ref().unwrap_or(&known);
            let replaced = model.replace_key_settings(id, old, new);
            match store.replace_key_settings(id, old, new).await {
                Ok(record) => assert_eq!(Some(record), replaced),
                Err(StoreError::NotFound) => assert_eq!(None, replaced),
                Err(error) => panic!("{error:?}"),
            }
        }
        Step::ForgetRequests(before) => {
            let limits = Retention {
                requests_before: Some(*before),
                ..Retention::default()
            };
            let num_deleted = store.prune(&limits).await.unwrap();
            assert_eq!(num_deleted, model.forget_requests(*before));
        }
    }
}

async fn tell_all(subjects: Vec<Subject>, steps: &[Step]) {
    for subject in subjects {
        let mut model = Model::default();
        for step in steps {
            tell(&*subject.store, &mut model, step).await;
            // Whatever the step was, nothing else has changed.
            assert_eq!(subject.store.keys().await.unwrap(), model.keys());
            let all = RequestQuery {
                limit: usize::MAX,
                ..RequestQuery::default()
            };
            assert_eq!(all_requests(&subject.store).await, model.requests(&all));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_does_what_the_plain_model_does(steps in vec(step(), 1..40)) {
        block_on(async { tell_all(sqlite_stores().await, &steps).await });
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
    fn postgres_does_what_the_plain_model_does(steps in vec(step(), 1..40)) {
        block_on(async { tell_all(Vec::from_iter(postgres_store().await), &steps).await });
    }
}
