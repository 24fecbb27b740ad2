//! People who are logged in.

use store::{
    KeyId, MAX_SESSIONS, NewKey, Retention, SessionHash, SessionRecord, SessionToken, StoreError,
    Timestamp,
};

use crate::{Subject, new_key, stores};

fn session(key: &NewKey, created_at: i64, expires_at: i64) -> SessionRecord {
    SessionRecord {
        hash: SessionToken::generate().unwrap().hash(),
        key_id: key.id.clone(),
        created_at: Timestamp(created_at),
        expires_at: Timestamp(expires_at),
    }
}

#[tokio::test]
async fn a_session_is_found_until_it_is_over_or_ended() {
    for Subject { name, store, .. } in stores().await {
        let key = new_key("admin", 1);
        store.create_key(key.clone()).await.unwrap();
        let (one, other) = (session(&key, 10, 100), session(&key, 20, 200));
        store.create_session(&one).await.unwrap();
        store.create_session(&other).await.unwrap();
        let found =
            async |hash: SessionHash, now| store.session(hash, Timestamp(now)).await.unwrap();
        assert_eq!(found(one.hash, 99).await.as_ref(), Some(&one), "{name}");
        assert_eq!(found(one.hash, 100).await, None, "{name}: it is over");
        assert_eq!(
            found(other.hash, 100).await.as_ref(),
            Some(&other),
            "{name}"
        );
        let unknown = SessionToken::generate().unwrap().hash();
        assert_eq!(found(unknown, 0).await, None, "{name}");

        let error = store.create_session(&one).await.unwrap_err();
        assert!(matches!(error, StoreError::Duplicate), "{name}: {error:?}");
        store.delete_session(unknown).await.unwrap();
        store.delete_session(other.hash).await.unwrap();
        assert_eq!(found(other.hash, 0).await, None, "{name}");
        assert_eq!(
            found(one.hash, 0).await,
            Some(one),
            "{name}: the other stays"
        );
    }
}

#[tokio::test]
async fn sessions_end_with_their_key_and_only_those() {
    for Subject { name, store, .. } in stores().await {
        let keys = ["leaked", "other"].map(|name| new_key(name, 1));
        for key in &keys {
            store.create_key(key.clone()).await.unwrap();
        }
        let [leaked, other] = &keys;
        let sessions = [
            session(leaked, 1, 99),
            session(leaked, 2, 99),
            session(other, 3, 99),
        ];
        for one in &sessions {
            store.create_session(one).await.unwrap();
        }
        let left = async || {
            let mut left = 0;
            for one in &sessions {
                let found = store.session(one.hash, Timestamp(5)).await.unwrap();
                left += usize::from(found.is_some());
            }
            left
        };
        store.revoke_key(&leaked.id, Timestamp(4)).await.unwrap();
        assert_eq!(left().await, 1, "{name}");
        let error = store.create_session(&session(leaked, 5, 99)).await;
        assert!(
            matches!(error, Err(StoreError::NotFound)),
            "{name}: {error:?}"
        );
        let nobody = new_key("nobody", 1);
        let error = store.create_session(&session(&nobody, 5, 99)).await;
        assert!(
            matches!(error, Err(StoreError::NotFound)),
            "{name}: {error:?}"
        );

        assert_eq!(store.delete_sessions_of(&nobody.id).await.unwrap(), 0);
        assert_eq!(
            store.delete_sessions_of(&other.id).await.unwrap(),
            1,
            "{name}"
        );
        assert_eq!(left().await, 0, "{name}");
        // A key without sessions can be taken back as well, and one that nobody has cannot.
        store.revoke_key(&other.id, Timestamp(6)).await.unwrap();
        let error = store
            .revoke_key(&KeyId("key_".to_owned()), Timestamp(6))
            .await;
        assert!(
            matches!(error, Err(StoreError::NotFound)),
            "{name}: {error:?}"
        );
    }
}

#[tokio::test]
async fn beyond_the_limit_the_oldest_session_ends() {
    for Subject { name, store, .. } in stores().await {
        let key = new_key("admin", 1);
        store.create_key(key.clone()).await.unwrap();
        let max = MAX_SESSIONS as i64;
        let all: Vec<_> = (0..=max).map(|at| session(&key, at, 10_000)).collect();
        for one in &all {
            store.create_session(one).await.unwrap();
        }
        let mut found = Vec::new();
        for one in &all {
            found.push(store.session(one.hash, Timestamp(0)).await.unwrap());
        }
        assert_eq!(found[0], None, "{name}");
        let rest: Vec<_> = found.into_iter().flatten().collect();
        assert!(rest == all[1..], "{name}");
    }
}

#[tokio::test]
async fn sessions_that_are_over_are_forgotten_and_others_are_not() {
    for Subject { name, store, .. } in stores().await {
        let key = new_key("admin", 1);
        store.create_key(key.clone()).await.unwrap();
        let all: Vec<_> = (1..=5).map(|i| session(&key, i, i * 10)).collect();
        for one in &all {
            store.create_session(one).await.unwrap();
        }
        let limits = Retention {
            sessions_before: Some(Timestamp(30)),
            ..Retention::default()
        };
        assert_eq!(store.prune(&limits).await.unwrap(), 3, "{name}");
        assert_eq!(store.prune(&limits).await.unwrap(), 0, "{name}");
        for (place, one) in all.iter().enumerate() {
            let found = store.session(one.hash, Timestamp(0)).await.unwrap();
            assert_eq!(found.is_some(), place >= 3, "{name}: {place}");
        }
    }
}
