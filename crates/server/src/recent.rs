//! What was read a moment ago, for all who ask for it: so that however many ask at once, the store is
//! asked once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;

/// Answers that are kept at most, if nothing else is said. Those that are too old stay until others need their place.
const MAX_ENTRIES: usize = 32;

/// Answers by what was asked.
pub(crate) struct Recent<K, V, E> {
    max_age: Duration,
    max_entries: usize,
    entries: Mutex<HashMap<K, Entry<V, E>>>,
}

/// A read that is under way or done. Whoever reads may go away: another of those who wait reads then.
type Entry<V, E> = Arc<OnceCell<Read<V, E>>>;

struct Read<V, E> {
    begun: Instant,
    result: Result<Arc<V>, Arc<E>>,
}

impl<K: Eq + Hash, V, E> Recent<K, V, E> {
    /// Keeps each answer for `max_age` from when it was begun to be read.
    pub(crate) fn new(max_age: Duration) -> Self {
        Self::with_room(max_age, MAX_ENTRIES)
    }

    /// The same with room for so many answers.
    pub(crate) fn with_room(max_age: Duration, max_entries: usize) -> Self {
        Self {
            max_age,
            max_entries,
            entries: Mutex::default(),
        }
    }

    /// The answer that is kept, else what `read` gives. Of several who ask at once one reads, for all
    /// of them; a failure is told to them and not kept.
    pub(crate) async fn get<F>(&self, key: K, read: impl FnOnce() -> F) -> Result<Arc<V>, Arc<E>>
    where
        F: Future<Output = Result<V, E>>,
    {
        let entry = self.entry(key);
        let read = entry.get_or_init(async || {
            let begun = Instant::now();
            let result = read().await.map(Arc::new).map_err(Arc::new);
            Read { begun, result }
        });
        read.await.result.clone()
    }

    fn entry(&self, key: K) -> Entry<V, E> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some(entry) = entries.get(&key)
            && entry.get().is_none_or(|read| self.is_fresh(read, now))
        {
            return Arc::clone(entry);
        }
        entries.remove(&key);
        if entries.len() >= self.max_entries {
            // One that is not read yet and that nobody else holds was given up.
            entries.retain(|_, entry| match entry.get() {
                Some(read) => self.is_fresh(read, now),
                None => Arc::strong_count(entry) > 1,
            });
        }
        let entry = Entry::default();
        // Without a place it is read for this one alone.
        if entries.len() < self.max_entries {
            entries.insert(key, Arc::clone(&entry));
        }
        entry
    }

    fn is_fresh(&self, read: &Read<V, E>, now: Instant) -> bool {
        read.result.is_ok() && now.duration_since(read.begun) < self.max_age
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use tokio::sync::Notify;
    use tokio::time::{advance, sleep};

    use super::*;

    const MAX_AGE: Duration = Duration::from_secs(10);

    fn recent() -> Recent<u32, usize, &'static str> {
        Recent::new(MAX_AGE)
    }

    /// Counts the reads, each of which takes a second and gives its number.
    #[derive(Default)]
    struct Reads(AtomicUsize);

    impl Reads {
        async fn read(&self) -> Result<usize, &'static str> {
            let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
            sleep(Duration::from_secs(1)).await;
            Ok(number)
        }

        async fn fail(&self) -> Result<usize, &'static str> {
            self.read().await?;
            Err("as the test wants")
        }

        fn count(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn however_many_ask_at_once_one_reads_and_each_key_has_its_own() {
        let (recent, reads) = (recent(), Reads::default());
        let all = join_all((0..100).map(|_| recent.get(1, || reads.read())));
        assert!(all.await.iter().all(|one| one.as_deref() == Ok(&1)));
        assert_eq!(reads.count(), 1);
        let other = recent.get(2, || reads.read()).await;
        assert_eq!(other.as_deref(), Ok(&2));
        assert_eq!(recent.get(1, || reads.read()).await.as_deref(), Ok(&1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_kept_until_it_is_too_old_counted_from_its_beginning() {
        let (recent, reads) = (recent(), Reads::default());
        recent.get(1, || reads.read()).await.unwrap();
        advance(MAX_AGE - Duration::from_millis(1001)).await;
        assert_eq!(recent.get(1, || reads.read()).await.as_deref(), Ok(&1));
        advance(Duration::from_millis(1)).await;
        let both = join_all((0..2).map(|_| recent.get(1, || reads.read()))).await;
        assert!(both.iter().all(|one| one.as_deref() == Ok(&2)));
        assert_eq!(reads.count(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_told_to_those_who_wait_and_not_kept() {
        let (recent, reads) = (recent(), Reads::default());
        let all = join_all((0..9).map(|_| recent.get(1, || reads.fail())));
        assert!(all.await.iter().all(Result::is_err));
        assert_eq!(reads.count(), 1);
        assert_eq!(recent.get(1, || reads.read()).await.as_deref(), Ok(&2));
    }

    #[tokio::test(start_paused = true)]
    async fn when_the_one_who_reads_goes_away_another_who_waits_reads() {
        let recent = Arc::new(recent());
        let reads = Arc::new(Reads::default());
        let begun = Arc::new(Notify::new());
        let first = tokio::spawn({
            let (recent, begun) = (Arc::clone(&recent), Arc::clone(&begun));
            async move {
                let never = || async {
                    begun.notify_one();
                    std::future::pending().await
                };
                recent.get(1, never).await
            }
        });
        begun.notified().await;
        let waiting = [(); 3].map(|()| {
            let (recent, reads) = (Arc::clone(&recent), Arc::clone(&reads));
            tokio::spawn(async move { recent.get(1, || reads.read()).await })
        });
        sleep(Duration::from_secs(3)).await;
        assert_eq!(reads.count(), 0, "they wait for the first");
        first.abort();
        for one in waiting {
            assert_eq!(one.await.unwrap().as_deref(), Ok(&1));
        }
        assert_eq!(reads.count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_is_kept_than_there_are_places() {
        let (recent, reads) = (recent(), Reads::default());
        let num_keys = 3 * MAX_ENTRIES as u32;
        let all = join_all((0..num_keys).map(|key| recent.get(key, || reads.read())));
        assert!(all.await.iter().all(Result::is_ok));
        assert_eq!(recent.entries.lock().unwrap().len(), MAX_ENTRIES);
        // Those that are too old make room.
        advance(MAX_AGE).await;
        let last = recent.get(num_keys, || reads.read()).await.unwrap();
        let again = recent.get(num_keys, || reads.read()).await.unwrap();
        assert_eq!(last, again);
        assert_eq!(recent.entries.lock().unwrap().len(), 1);
    }
}
