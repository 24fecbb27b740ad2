//! Writes to the store what became of requests and of each attempt, away from the token path.
//!
//! Records go through a bounded channel to one task, which writes what gathers within
//! a fifth of a second in one go: a program that is killed loses no more than that. A store that is too
//! slow, or fails several times, costs records (counted and logged), never answers. Old records are
//! deleted every hour.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use store::{AttemptRecord, KeyId, RequestRecord, Retention, Store, StoreError, Take, Timestamp};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout_at};

use crate::metrics::Metrics;
pub(crate) use unwritten::Unwritten;

mod unwritten;

/// Records that wait for the store.
const MAX_WAITING: usize = 8192;
/// Records of one write, and how long they are gathered before it.
const MAX_BATCH: usize = 4096;
const GATHERING: Duration = Duration::from_millis(200);
/// Attempts to write a batch, and the pause after the first failure.
const MAX_ATTEMPTS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// How long it is told that records were lost.
const TOLD_MS: i64 = 5 * 60_000;
/// How often old records are deleted.
const CLEANING_INTERVAL: Duration = Duration::from_secs(3600);

/// Now.
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    let since_epoch = since_epoch.unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// How many days each kind of record is kept; 0: for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepDays {
    /// Requests and their content.
    pub requests: u32,
    /// Single attempts. Sums over them are kept longer.
    pub attempts: u32,
    /// Sums over the attempts of an hour. Sums of days are kept for ever.
    pub hours: u32,
    /// What was seen of each deployment in each hour.
    pub observations: u32,
    /// Feedback.
    pub feedback: u32,
    /// What was counted against limits. The longest of them is that of a day.
    pub counters: u32,
}

impl Default for KeepDays {
    fn default() -> Self {
        Self {
            requests: 90,
            attempts: 30,
            hours: 400,
            observations: 400,
            feedback: 400,
            counters: 2,
        }
    }
}

impl KeepDays {
    fn limits(&self, now: Timestamp) -> Retention {
        const DAY_MS: i64 = 24 * 3600 * 1000;
        let before = |days: u32| match days {
            0 => None,
            days => Some(Timestamp(now.0 - i64::from(days) * DAY_MS)),
        };
        Retention {
            requests_before: before(self.requests),
            attempts_before: before(self.attempts),
            hours_before: before(self.hours),
            observations_before: before(self.observations),
            feedback_before: before(self.feedback),
            counters_before: before(self.counters),
            // They end by themselves.
            sessions_before: Some(now),
        }
    }
}

/// What to write.
enum Entry {
    Request(Box<RequestRecord>),
    Attempt(Box<AttemptRecord>),
    /// There is something to add to counters.
    Counts,
    KeyUse(KeyId, Timestamp),
}

/// The way to the store. Clones share it.
#[derive(Clone)]
pub struct Recorder {
    entries: Sender<Entry>,
    unwritten: Unwritten,
    losses: Arc<Losses>,
}

/// The records that were lost.
struct Losses {
    metrics: Arc<Metrics>,
    /// When some were, and why.
    last: Mutex<Option<(Timestamp, String)>>,
}

impl Losses {
    fn lately(&self, now: Timestamp) -> Option<String> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, why) = last.as_ref()?;
        (now.0.saturating_sub(at.0) < TOLD_MS).then(|| why.clone())
    }

    fn note(&self, count: usize, why: impl Into<String>) {
        self.metrics.records_lost(count);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((now(), why.into()));
    }
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
    /// Starts the task.
    pub fn spawn(
        store: Arc<dyn Store>,
        metrics: Arc<Metrics>,
        keep: KeepDays,
    ) -> (Self, RecorderTask) {
        let (entries, receiver) = mpsc::channel(MAX_WAITING);
        let unwritten = Unwritten::default();
        let losses = Arc::new(Losses {
            metrics,
            last: Mutex::default(),
        });
        let writer = Writer {
            store,
            unwritten: unwritten.clone(),
            losses: Arc::clone(&losses),
            keep,
        };
        let task = tokio::spawn(writer.run(receiver));
        let recorder = Self {
            entries,
            unwritten,
            losses,
        };
        (recorder, RecorderTask(task))
    }

    /// Why records were lost within the last minutes, if some were.
    pub(crate) fn lost_lately(&self, now: Timestamp) -> Option<String> {
        self.losses.lately(now)
    }

    /// Records a request.
    pub(crate) fn request(&self, record: RequestRecord) {
        self.send(Entry::Request(Box::new(record)));
    }

    /// Records an attempt.
    pub(crate) fn attempt(&self, record: AttemptRecord) {
        self.send(Entry::Attempt(Box::new(record)));
    }

    /// Adds to counters, whatever their limits: what was used was used.
    pub(crate) fn count(&self, takes: Vec<Take>) {
        if takes.is_empty() {
            return;
        }
        self.unwritten.add(takes);
        // Where there is no room, something else makes that it is written.
        let _ = self.entries.try_send(Entry::Counts);
    }

    /// What is to be added to counters and is not in the store yet.
    pub(crate) fn unwritten(&self) -> &Unwritten {
        &self.unwritten
    }

    /// Records that a key was used.
    pub fn key_used(&self, id: KeyId, at: Timestamp) {
        self.send(Entry::KeyUse(id, at));
    }

    fn send(&self, entry: Entry) {
        if self.entries.try_send(entry).is_err() {
            self.losses.note(1, "the store is too slow for them");
        }
    }
}

struct Writer {
    store: Arc<dyn Store>,
    unwritten: Unwritten,
    losses: Arc<Losses>,
    keep: KeepDays,
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
                    gather(&mut entries, &mut batch).await;
                    self.write(batch.drain(..)).await;
                }
                _ = cleaning.tick() => self.clean().await,
            }
        }
    }

    async fn write(&self, batch: impl Iterator<Item = Entry>) {
        let (mut requests, mut attempts) = (Vec::new(), Vec::new());
        // Of many uses of a key the last one is enough.
        let mut uses: HashMap<KeyId, Timestamp> = HashMap::new();
        for entry in batch {
            match entry {
                Entry::Request(record) => requests.push(*record),
                Entry::Attempt(record) => attempts.push(*record),
                Entry::Counts => {}
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
        if !attempts.is_empty() {
            let result = with_retries(|| self.store.insert_attempts(&attempts)).await;
            self.note(result, attempts.len());
        }
        self.write_counts().await;
        if !uses.is_empty() {
            let result = with_retries(|| self.store.touch_keys(&uses)).await;
            self.note(result, uses.len());
        }
    }

    async fn write_counts(&self) {
        if self.unwritten.is_empty() {
            return;
        }
        let all = self.unwritten.take_out().await;
        for takes in all.takes.chunks(store::MAX_ROWS) {
            // Not tried again: it may have been counted before it failed, and twice is worse.
            let result = self.store.take(takes).await.map(drop);
            self.note(result, takes.len());
        }
    }

    fn note(&self, result: Result<(), StoreError>, count: usize) {
        if let Err(error) = result {
            tracing::error!(%error, count, "records could not be written");
            self.losses.note(count, error.to_string());
        }
    }

    async fn clean(&self) {
        let limits = self.keep.limits(now());
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

/// Waits for more, until there is enough for one write or the first has waited long enough.
async fn gather(entries: &mut Receiver<Entry>, batch: &mut Vec<Entry>) {
    let deadline = Instant::now() + GATHERING;
    while batch.len() < MAX_BATCH {
        let room = MAX_BATCH - batch.len();
        match timeout_at(deadline, entries.recv_many(batch, room)).await {
            Ok(1..) => {}
            // Nobody can send any more, or the time is over.
            Ok(0) | Err(_) => return,
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
