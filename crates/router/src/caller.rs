//! Who sends a request.

use std::sync::Arc;

use store::{KeyId, KeyRecord, KeySettings};

use crate::preferences::Preferences;

/// Who sends a request. A clone is cheap: what is in it is read once for many requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The key it came with; `None` where none is asked for.
    pub key_id: Option<KeyId>,
    /// What the key may do.
    pub settings: Arc<KeySettings>,
    /// What the key wants.
    pub preferences: Arc<Preferences>,
}

impl Caller {
    /// Whoever has this key.
    pub fn of_key(key: &KeyRecord) -> Self {
        Self {
            key_id: Some(key.id.clone()),
            preferences: Arc::new(Preferences::of(&key.settings)),
            settings: Arc::new(key.settings.clone()),
        }
    }

    /// Whoever is at this machine, where no key is asked for: nobody stands above them.
    pub fn of_this_machine() -> Self {
        let settings = KeySettings {
            is_admin: true,
            ..KeySettings::default()
        };
        Self {
            settings: Arc::new(settings),
            ..Self::default()
        }
    }

    /// Whether they may manage keys and see everybody's requests.
    pub fn is_admin(&self) -> bool {
        self.settings.is_admin
    }
}
