//! Writes to the store what became of requests, away from the token path.
//!
//! Records go through a bounded channel to one task, which writes what has gathered since its last
//! write in one go. A store that is too slow, or fails several times, costs records (counted and
//! logged), never answers. Old records are deleted every hour.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use store::{KeyId, RequestRecord, Retention, Store, StoreError, Timestamp};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::metrics::Metrics;

/// Records that wait for the store.
const MAX_WAITING: usize = 8192;
/// Records of one write.
const MAX_BATCH: usize = 512;
/// Attempts to write a batch, and the pause after the first failure.
const MAX_ATTEMPTS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// How often old records are deleted.
const CLEANING_INTERVAL: Duration = Duration::from_secs(3600);

/// Now.
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    let since_epoch = since_epoch.unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// What to write.
enum Entry {
    Request(Box<RequestRecord>),
    KeyUse(KeyId, Timestamp),
}

/// The way to the store. Clones share it.
#[derive(Clone)]
pub struct Recorder {
    entries: Sender<Entry>,
    metrics: Arc<Metrics>,
}

/// The task that writes. Wait for it after the last [`Recorder`] is gone, and nothing is lost.
pub struct RecorderTask(JoinHandle<()>);

impl RecorderTask {
    /// Waits until everything is written.
    pub async fn finish(self) {
        if let Err(error) = self.0.await {
            tracing::error!(%error, "the recorder ended badly");
        }
    }
}

impl Recorder {
    /// Starts the task. Requests are kept for `keep_days`; 0 keeps them for ever.
    pub fn spawn(
        store: Arc<dyn Store>,
        metrics: Arc<Metrics>,
        keep_days: u32,
    ) -> (Self, RecorderTask) {
        let (entries, receiver) = mpsc::channel(MAX_WAITING);
        let writer = Writer {
            store,
            metrics: Arc::clone(&metrics),
            keep_days,
        };
        let task = tokio::spawn(writer.run(receiver));
        (Self { entries, metrics }, RecorderTask(task))
    }

    /// Records a request.
    pub(crate) fn request(&self, record: RequestRecord) {
        self.send(Entry::Request(Box::new(record)));
    }

    /// Records that a key was used.
    pub fn key_used(&self, id: KeyId, at: Timestamp) {
        self.send(Entry::KeyUse(id, at));
    }

    fn send(&self, entry: Entry) {
        if self.entries.try_send(entry).is_err() {
            self.metrics.records_lost(1);
        }
    }
}

struct Writer {
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    keep_days: u32,
}

impl Writer {
    async fn run(self, mut entries: Receiver<Entry>) {
        let mut cleaning = interval(CLEANING_INTERVAL);
        cleaning.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                count = entries.recv_many(&mut batch, MAX_BATCH) => {
                    if count == 0 {
                        return;
                    }
                    self.write(batch.drain(..)).await;
                }
                _ = cleaning.tick(), if self.keep_days > 0 => self.clean().await,
            }
        }
    }

    async fn write(&self, batch: impl Iterator<Item = Entry>) {
        let mut requests = Vec::new();
        // Of many uses of a key the last one is enough.
        let mut uses: HashMap<KeyId, Timestamp> = HashMap::new();
        for entry in batch {
            match entry {
                Entry::Request(record) => requests.push(*record),
                Entry::KeyUse(id, at) => {
                    let last = uses.entry(id).or_insert(at);
                    *last = at.max(*last);
                }
            }
        }
        let uses: Vec<_> = uses.into_iter().collect();
        if !requests.is_empty() {
            let result = with_retries(|| self.store.insert_requests(&requests)).await;
            self.note(result, requests.len());
        }
        if !uses.is_empty() {
            let result = with_retries(|| self.store.touch_keys(&uses)).await;
            self.note(result, uses.len());
        }
    }

    fn note(&self, result: Result<(), StoreError>, count: usize) {
        if let Err(error) = result {
            tracing::error!(%error, count, "records could not be written");
            self.metrics.records_lost(count);
        }
    }

    async fn clean(&self) {
        const DAY_MS: i64 = 24 * 3600 * 1000;
        let before = Timestamp(now().0 - i64::from(self.keep_days) * DAY_MS);
        let limits = Retention {
            requests_before: Some(before),
            ..Retention::default()
        };
        loop {
            match self.store.prune(&limits).await {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "old records could not be deleted");
                    return;
                }
            }
        }
    }
}

async fn with_retries<F: Future<Output = Result<(), StoreError>>>(
    attempt: impl Fn() -> F,
) -> Result<(), StoreError> {
    let mut pause = FIRST_PAUSE;
    for _ in 1..MAX_ATTEMPTS {
        match attempt().await {
            Ok(()) => return Ok(()),
            Err(StoreError::Closed) => return Err(StoreError::Closed),
            Err(error) => tracing::warn!(%error, "writing records failed; trying again"),
        }
        sleep(pause).await;
        pause *= 4;
    }
    attempt().await
}

#[cfg(test)]
mod tests;
