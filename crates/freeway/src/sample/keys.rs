//! The keys of the sample: names and figures alone, for nobody has their secrets.

use std::sync::Arc;

use router::recorder::now;
use router::{Caller, CallerQuota, settlement};
use store::{
    ApiKey, KeyHash, KeyId, KeyQuota, KeySettings, MAX_ROWS, NewKey, RequestQuery, Store, Timestamp,
};

use super::random::Random;
use super::{DAY_MS, MOMENT, day};

/// A key that many requests of the sample came with.
pub(super) const LAPTOP: &str = "key_SampleLaptop";
/// Another one, of a program that runs by night.
pub(super) const NIGHTLY: &str = "key_SampleNights";

pub(super) async fn write(store: &dyn Store, random: &mut Random) -> anyhow::Result<()> {
    let laptop = KeySettings {
        is_admin: true,
        keeps_content: true,
        ..KeySettings::default()
    };
    let nightly = KeySettings {
        quota: KeyQuota {
            requests_per_day: Some(400),
            tokens_per_day: Some(500_000),
            ..KeyQuota::default()
        },
        preferences: Some(
            r#"{"useCases":["tools"],"sort":"leastIssues","topN":10,"maxErrorRate":25,"excludeModelIds":["qwen/qwen3-coder"]}"#
                .to_owned(),
        ),
        ..KeySettings::default()
    };
    add(store, LAPTOP, "laptop", day(0.4), laptop, random).await?;
    add(store, NIGHTLY, "nightly reports", day(2.6), nightly, random).await?;
    let uses = [
        (LAPTOP, MOMENT.0 - 140_000),
        (NIGHTLY, MOMENT.0 - 29_000_000),
    ];
    let uses = uses.map(|(id, at)| (KeyId(id.to_owned()), Timestamp(at)));
    store.touch_keys(&uses).await?;
    Ok(())
}

async fn add(
    store: &dyn Store,
    id: &str,
    name: &str,
    created_at: Timestamp,
    settings: KeySettings,
    random: &mut Random,
) -> anyhow::Result<()> {
    let prefix = format!("fw_{}", random.word(5));
    // Of a text that nobody knows: such a key opens no door.
    let hash = KeyHash(std::array::from_fn(|_| random.next() as u8));
    let key = NewKey {
        id: KeyId(id.to_owned()),
        name: name.to_owned(),
        prefix,
        hash,
        created_at,
        expires_at: None,
        settings,
    };
    store.create_key(key).await?;
    Ok(())
}

/// Counts what the key with a quota asked on the day of the moment.
pub(super) async fn count(store: &Arc<dyn Store>) -> anyhow::Result<()> {
    let id = KeyId(NIGHTLY.to_owned());
    let Some(key) = store.key(&id).await? else {
        return Ok(());
    };
    let (caller, quota) = (Caller::of_key(&key), CallerQuota::new(Arc::clone(store)));
    let query = RequestQuery {
        key_id: Some(id),
        limit: MAX_ROWS,
        ..RequestQuery::default()
    };
    let day_began = Timestamp(MOMENT.0.div_euclid(DAY_MS) * DAY_MS);
    for request in store.requests(&query).await? {
        if request.started_at >= day_began {
            quota.admit(&caller, MOMENT).await?;
            let tokens = u64::from(request.prompt_tokens + request.completion_tokens);
            store.take(&settlement(&caller, tokens, MOMENT)).await?;
        }
    }
    Ok(())
}

/// Adds a key of an administrator that works while the server runs, and returns its secret: a server
/// that asks for keys could not be entered otherwise.
pub(crate) async fn add_key_of_this_run(store: &dyn Store) -> anyhow::Result<String> {
    let secret = ApiKey::generate()?;
    let key = NewKey {
        id: KeyId::random()?,
        name: "this run".to_owned(),
        prefix: secret.prefix().to_owned(),
        hash: secret.hash(),
        created_at: now(),
        expires_at: None,
        settings: KeySettings {
            is_admin: true,
            ..KeySettings::default()
        },
    };
    store.create_key(key).await?;
    Ok(secret.expose().to_owned())
}
