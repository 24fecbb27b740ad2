//! What is to be added to counters and is not in the store yet.
//!
//! Writes are gathered, and whoever asks a counter between two of them has to see both what is written
//! and what is not, each once. So amounts leave here while nobody looks, and nobody begins to look
//! while they do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use store::{Counter, Take};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The amounts, by counter. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Unwritten(Arc<Inner>);

#[derive(Default)]
struct Inner {
    amounts: Mutex<HashMap<Counter, u64>>,
    /// Held for reading by those who look at the store and here, for writing while amounts move.
    moving: RwLock<()>,
}

impl Unwritten {
    /// Adds what was used, whatever the limits of the counters.
    pub(super) fn add(&self, takes: Vec<Take>) {
        let mut amounts = self.amounts();
        for take in takes {
            let sum = amounts.entry(take.counter).or_default();
            *sum = sum.saturating_add(take.amount);
        }
    }

    /// Keeps what is here from moving to the store until the guard is dropped.
    pub(crate) async fn hold_still(&self) -> RwLockReadGuard<'_, ()> {
        self.0.moving.read().await
    }

    /// What is here of a counter.
    pub(crate) fn amount(&self, counter: &Counter) -> u64 {
        self.amounts().get(counter).copied().unwrap_or(0)
    }

    /// Everything that is here, to be written; it is gone from here when that is dropped. What is added
    /// in the meantime stays.
    pub(super) async fn take_out(&self) -> TakenOut<'_> {
        let guard = self.0.moving.write().await;
        let amounts = self.amounts();
        let takes = amounts.iter().map(|(counter, &amount)| Take {
            counter: counter.clone(),
            amount,
            limit: None,
        });
        TakenOut {
            takes: takes.collect(),
            unwritten: self,
            _guard: guard,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.amounts().is_empty()
    }

    fn amounts(&self) -> MutexGuard<'_, HashMap<Counter, u64>> {
        let amounts = &self.0.amounts;
        amounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is being written.
pub(super) struct TakenOut<'a> {
    pub(super) takes: Vec<Take>,
    unwritten: &'a Unwritten,
    /// Goes last: after `drop`.
    _guard: RwLockWriteGuard<'a, ()>,
}

impl Drop for TakenOut<'_> {
    fn drop(&mut self) {
        let mut amounts = self.unwritten.amounts();
        for take in &self.takes {
            if let Some(amount) = amounts.get_mut(&take.counter) {
                *amount = amount.saturating_sub(take.amount);
                if *amount == 0 {
                    amounts.remove(&take.counter);
                }
            }
        }
    }
}
