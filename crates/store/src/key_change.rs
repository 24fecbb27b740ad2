//! Changing the settings of a key while others do the same.

use crate::{KeyId, KeyRecord, KeySettings, Store, StoreError};

/// How often a change begins anew. Each time somebody else's change was written, so that this is
/// met only by more than so many at once on one key.
const MAX_TRIES: usize = 256;

/// Makes the settings of a key what `change` makes of them, and loses no change that somebody else
/// makes at the same time: if the settings are others by the time they would be written, `change` is
/// asked anew about those.
///
/// # Errors
/// What `change` returns, and nothing is written then; [`StoreError::NotFound`] if there is no such
/// key, and [`StoreError::Busy`] if others were faster every time.
pub async fn change_key_settings<E: From<StoreError>>(
    store: &dyn Store,
    id: &KeyId,
    mut change: impl FnMut(KeySettings) -> Result<KeySettings, E>,
) -> Result<KeyRecord, E> {
    for _ in 0..MAX_TRIES {
        let old = store.key(id).await?.ok_or(StoreError::NotFound)?.settings;
        let new = change(old.clone())?;
        if let Some(key) = store.replace_key_settings(id, &old, &new).await? {
            return Ok(key);
        }
    }
    Err(StoreError::Busy.into())
}
