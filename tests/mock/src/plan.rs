//! Which behaviour is next.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::behaviour::Behaviour;

/// What was planned for each name, and what was done.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    queues: HashMap<String, VecDeque<Behaviour>>,
    tables: HashMap<String, Table>,
    fixed: HashMap<String, Behaviour>,
    pub(crate) counts: BTreeMap<(String, &'static str), u64>,
}

/// Behaviours with their weights.
#[derive(Debug)]
struct Table {
    rows: Vec<(f64, Behaviour)>,
    /// The state of a generator of its own, so that the order of other names does not matter.
    random: u64,
}

impl Plan {
    pub(crate) fn queue(&mut self, name: &str, behaviours: Vec<Behaviour>) {
        self.queues
            .entry(name.to_owned())
            .or_default()
            .extend(behaviours);
    }

    pub(crate) fn table(&mut self, name: &str, seed: u64, rows: Vec<(f64, Behaviour)>) {
        let table = Table { rows, random: seed };
        self.tables.insert(name.to_owned(), table);
    }

    pub(crate) fn set(&mut self, name: &str, behaviour: Behaviour) {
        self.fixed.insert(name.to_owned(), behaviour);
    }

    /// Whether nothing was planned for any name.
    pub(crate) fn is_empty(&self) -> bool {
        self.queues.is_empty() && self.tables.is_empty() && self.fixed.is_empty()
    }

    /// What to do with a request for `name`; counts it.
    pub(crate) fn next(&mut self, name: &str) -> Behaviour {
        let behaviour = self.choose(name);
        let key = (name.to_owned(), behaviour.name());
        *self.counts.entry(key).or_default() += 1;
        behaviour
    }

    fn choose(&mut self, name: &str) -> Behaviour {
        if let Some(next) = self.queues.get_mut(name).and_then(VecDeque::pop_front) {
            return next;
        }
        if let Some(table) = self.tables.get_mut(name) {
            return table.draw();
        }
        if let Some(behaviour) = self.fixed.get(name) {
            return behaviour.clone();
        }
        let named = name.strip_prefix("fault/").and_then(Behaviour::named);
        named.unwrap_or(Behaviour::Good)
    }
}

impl Table {
    fn draw(&mut self) -> Behaviour {
        let total: f64 = self.rows.iter().map(|(weight, _)| weight).sum();
        let mut left = self.fraction() * total;
        for (weight, behaviour) in &self.rows {
            if left < *weight {
                return behaviour.clone();
            }
            left -= weight;
        }
        self.rows
            .last()
            .map_or(Behaviour::Good, |(_, last)| last.clone())
    }

    /// A random number from 0 to 1 (SplitMix64).
    fn fraction(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_comes_before_a_table_before_what_is_set_before_the_name() {
        let mut plan = Plan::default();
        assert_eq!(plan.next("fault/internal"), Behaviour::Internal);
        plan.set("fault/internal", Behaviour::Html);
        assert_eq!(plan.next("fault/internal"), Behaviour::Html);
        plan.table("fault/internal", 1, vec![(1.0, Behaviour::Gzip)]);
        assert_eq!(plan.next("fault/internal"), Behaviour::Gzip);
        plan.queue("fault/internal", vec![Behaviour::Huge]);
        assert_eq!(plan.next("fault/internal"), Behaviour::Huge);
        assert_eq!(plan.next("fault/internal"), Behaviour::Gzip);
        assert_eq!(plan.next("fault/unheard-of"), Behaviour::Good);
        assert_eq!(plan.counts[&("fault/internal".to_owned(), "gzip")], 2);
    }

    #[test]
    fn a_table_is_drawn_from_by_weight_and_the_same_every_time() {
        let drawn = |seed| {
            let mut plan = Plan::default();
            let rows = vec![(0.7, Behaviour::Good), (0.3, Behaviour::Internal)];
            plan.table("m", seed, rows);
            let drawn: Vec<bool> = (0..10_000)
                .map(|_| plan.next("m") == Behaviour::Good)
                .collect();
            drawn
        };
        let num_good = drawn(7).iter().filter(|&&is_good| is_good).count();
        assert!((6800..7200).contains(&num_good), "{num_good}");
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
    }
}
