//! What the model thought before its calls, for clients that do not send it back.
//!
//! A model that is not shown its own reasoning between calls loses its way after two or three of
//! them, and many clients drop it. So the messages of a turn that ended in calls are kept under the
//! calls' ids. The ids are random and long: who knows one was told it. Kept in memory only, the
//! oldest forgotten first.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use harmony::Message;

/// Most bytes of text.
const MAX_BYTES: usize = 64 << 20;
/// Most calls.
const MAX_CALLS: usize = 100_000;

#[derive(Debug)]
pub(super) struct CallMemory {
    kept: Mutex<Kept>,
    max_bytes: usize,
    max_calls: usize,
}

#[derive(Debug, Default)]
struct Kept {
    turns: HashMap<String, Arc<Vec<Message>>>,
    /// The calls by age, with the bytes that each accounts for.
    ages: VecDeque<(String, usize)>,
    num_bytes: usize,
}

impl Default for CallMemory {
    fn default() -> Self {
        Self::with_limits(MAX_BYTES, MAX_CALLS)
    }
}

impl CallMemory {
    fn with_limits(max_bytes: usize, max_calls: usize) -> Self {
        Self {
            kept: Mutex::default(),
            max_bytes,
            max_calls,
        }
    }

    /// Keeps the messages of a turn under the ids of its calls.
    pub(super) fn keep(&self, call_ids: &[String], messages: Vec<Message>) {
        let num_bytes: usize = messages.iter().map(|message| message.text().len()).sum();
        let messages = Arc::new(messages);
        let mut kept = self.lock();
        for (index, id) in call_ids.iter().enumerate() {
            // The calls of a turn share its messages; the first one accounts for them.
            let share = if index == 0 { num_bytes } else { 0 } + id.len();
            kept.turns.insert(id.clone(), Arc::clone(&messages));
            kept.ages.push_back((id.clone(), share));
            kept.num_bytes += share;
        }
        while kept.num_bytes > self.max_bytes || kept.ages.len() > self.max_calls {
            let Some((oldest, share)) = kept.ages.pop_front() else {
                break;
            };
            kept.turns.remove(&oldest);
            kept.num_bytes -= share;
        }
    }

    /// The messages of the turn that made the call `id`.
    pub(super) fn turn(&self, id: &str) -> Option<Arc<Vec<Message>>> {
        self.lock().turns.get(id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Nothing between lock and unlock can panic half-way through a change that matters.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thought(text: &str) -> Vec<Message> {
        vec![Message::assistant("analysis", text)]
    }

    #[test]
    fn a_turn_is_found_by_each_of_its_calls() {
        let memory = CallMemory::default();
        memory.keep(&["a".to_owned(), "b".to_owned()], thought("why"));
        for id in ["a", "b"] {
            assert_eq!(*memory.turn(id).unwrap(), thought("why"), "{id}");
        }
        assert!(memory.turn("c").is_none());
    }

    #[test]
    fn the_oldest_calls_are_forgotten_first() {
        let by_bytes = CallMemory::with_limits(25, 100);
        let by_number = CallMemory::with_limits(1000, 2);
        for memory in [by_bytes, by_number] {
            for id in ["a", "b", "c"] {
                memory.keep(&[id.to_owned()], thought("0123456789"));
            }
            assert!(memory.turn("a").is_none());
            assert!(memory.turn("b").is_some() && memory.turn("c").is_some());
        }
    }

    #[test]
    fn a_turn_larger_than_the_memory_is_not_kept() {
        let memory = CallMemory::with_limits(5, 100);
        memory.keep(&["a".to_owned()], thought("0123456789"));
        assert!(memory.turn("a").is_none());
        assert_eq!(memory.lock().num_bytes, 0);
    }
}
