//! What becomes of counters when amounts are taken, whichever database keeps them.

use std::collections::HashMap;

use crate::{Counter, Take, Taken};

/// A count as databases keep it: what is beyond their numbers is the greatest of them.
pub(crate) fn as_stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Counters and what they are, never below 0.
pub(crate) struct Counts<'a> {
    before: HashMap<&'a Counter, i64>,
    after: HashMap<&'a Counter, i64>,
}

impl<'a> Counts<'a> {
    pub(crate) fn new(before: HashMap<&'a Counter, i64>) -> Self {
        Self {
            before,
            after: HashMap::new(),
        }
    }

    /// Takes one after the other, all or none.
    pub(crate) fn take(&mut self, takes: &'a [Take]) -> Taken {
        let mut values = Vec::with_capacity(takes.len());
        for (index, take) in takes.iter().enumerate() {
            let counter = &take.counter;
            let before = self.before.get(counter).copied().unwrap_or(0);
            let value = self.after.entry(counter).or_insert(before);
            *value = value.saturating_add(as_stored(take.amount));
            let value = value.cast_unsigned();
            if take.limit.is_some_and(|limit| value > limit) {
                self.after.clear();
                return Taken::Refused {
                    index,
                    used: before.cast_unsigned(),
                };
            }
            values.push(value);
        }
        Taken::Done(values)
    }

    /// The counters that were taken from, and what they are now.
    pub(crate) fn changed(&self) -> impl Iterator<Item = (&'a Counter, i64)> {
        self.after.iter().map(|(&counter, &value)| (counter, value))
    }
}
