//! The store of keys and requests as plainly as it can be written: two vectors. What a database answers is compared with
//! what this answers.

use store::{
    KeyHash, KeyId, KeyRecord, KeySettings, MAX_ROWS, NewKey, RequestOutcome, RequestQuery,
    RequestRecord, Timestamp,
};

#[derive(Default)]
pub(crate) struct Model {
    keys: Vec<(KeyHash, KeyRecord)>,
    requests: Vec<RequestRecord>,
}

impl Model {
    /// `None` for a duplicate.
    pub(crate) fn create_key(&mut self, key: &NewKey) -> Option<KeyRecord> {
        let is_taken =
            |(hash, other): &(KeyHash, KeyRecord)| *hash == key.hash || other.id == key.id;
        if self.keys.iter().any(is_taken) {
            return None;
        }
        let record = KeyRecord {
            id: key.id.clone(),
            name: key.name.clone(),
            prefix: key.prefix.clone(),
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: None,
            last_used_at: None,
            settings: key.settings.clone(),
        };
        self.keys.push((key.hash, record.clone()));
        Some(record)
    }

    pub(crate) fn key_by_hash(&self, hash: KeyHash) -> Option<KeyRecord> {
        let (_, record) = self.keys.iter().find(|(other, _)| *other == hash)?;
        Some(record.clone())
    }

    pub(crate) fn keys(&self) -> Vec<KeyRecord> {
        let mut keys: Vec<_> = self.keys.iter().map(|(_, record)| record.clone()).collect();
        keys.sort_by(|a, b| (b.created_at, &b.id.0).cmp(&(a.created_at, &a.id.0)));
        keys
    }

    pub(crate) fn has_active_key(&self, now: Timestamp) -> bool {
        self.keys.iter().any(|(_, record)| record.is_active(now))
    }

    /// `None` if there is no such key.
    pub(crate) fn revoke_key(&mut self, id: &KeyId, at: Timestamp) -> Option<KeyRecord> {
        let (_, record) = self.keys.iter_mut().find(|(_, record)| record.id == *id)?;
        record.revoked_at = record.revoked_at.or(Some(at));
        Some(record.clone())
    }

    pub(crate) fn touch_keys(&mut self, uses: &[(KeyId, Timestamp)]) {
        for (id, at) in uses {
            for (_, record) in &mut self.keys {
                if record.id == *id {
                    // `None` is less than any `Some`.
                    record.last_used_at = record.last_used_at.max(Some(*at));
                }
            }
        }
    }

    pub(crate) fn insert_requests(&mut self, requests: &[RequestRecord]) {
        for request in requests {
            if self.requests.iter().all(|other| other.id != request.id) {
                self.requests.push(request.clone());
            }
        }
    }

    pub(crate) fn requests(&self, query: &RequestQuery) -> Vec<RequestRecord> {
        let mut requests = self.requests.clone();
        requests.sort_by(|a, b| (b.started_at, &b.id).cmp(&(a.started_at, &a.id)));
        requests.retain(|request| {
            let is_of_key = query.key_id.is_none() || request.key_id == query.key_id;
            let is_after = query.after.as_ref().is_none_or(|cursor| {
                (request.started_at, &request.id) < (cursor.started_at, &cursor.id)
            });
            let is_ended_so = match &query.outcome {
                None => true,
                Some(RequestOutcome::Ok) => request.outcome == "ok",
                Some(RequestOutcome::Failed) => {
                    request.outcome != "ok" && request.outcome != "canceled"
                }
                Some(RequestOutcome::Is(word)) => request.outcome == *word,
            };
            is_of_key && is_after && is_ended_so
        });
        requests.truncate(query.limit.min(MAX_ROWS));
        requests
    }

    /// `None`: there is no such key.
    pub(crate) fn replace_key_settings(
        &mut self,
        id: &KeyId,
        old: &KeySettings,
        new: &KeySettings,
    ) -> Option<Option<KeyRecord>> {
        let (_, record) = self.keys.iter_mut().find(|(_, record)| record.id == *id)?;
        if record.settings != *old {
            return Some(None);
        }
        record.settings = new.clone();
        Some(Some(record.clone()))
    }

    pub(crate) fn forget_requests(&mut self, before: Timestamp) -> usize {
        let num_before = self.requests.len();
        self.requests.retain(|request| request.started_at >= before);
        num_before - self.requests.len()
    }
}
