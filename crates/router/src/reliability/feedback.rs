//! What users say of models. It is kept apart from what was seen here: anybody may say anything.

use std::collections::{BTreeMap, BTreeSet};

use store::{FeedbackRecord, FeedbackSum, Hour};

use super::Rate;

/// What was said of a model. Whoever says the same of it more than once within an hour counts once
/// for that hour, so that nobody outweighs the others by repeating himself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reports {
    /// That it answered.
    pub num_ok: u64,
    /// That something went wrong, by what.
    pub num_issues: BTreeMap<String, u64>,
    /// How many said so, of those who said most within one hour.
    pub num_reporters: u64,
}

impl Reports {
    /// How often something went wrong, by what was said.
    pub fn rate(&self) -> Option<Rate> {
        let failed = self.num_failed();
        Rate::of(failed, self.num_ok.saturating_add(failed))
    }

    /// How often something went wrong.
    pub fn num_failed(&self) -> u64 {
        self.num_issues.values().sum()
    }

    fn add(&mut self, issue: Option<&str>, count: u64) {
        match issue {
            None => self.num_ok += count,
            Some(issue) => *self.num_issues.entry(issue.to_owned()).or_default() += count,
        }
    }
}

/// What was said of each model, of sums by the hour.
pub fn by_model(sums: &[FeedbackSum]) -> BTreeMap<String, Reports> {
    let mut reports: BTreeMap<String, Reports> = BTreeMap::new();
    for sum in sums {
        // Those without a key are one.
        let weight = sum.count.min(sum.num_reporters.max(1));
        let of_model = reports.entry(sum.model.clone()).or_default();
        of_model.add(sum.issue.as_deref(), weight);
        of_model.num_reporters = of_model.num_reporters.max(weight);
    }
    reports
}

/// What was said of each model, of single reports: the same by the letter, and with the number of
/// reporters of the whole span.
pub fn by_model_of_reports(records: &[FeedbackRecord]) -> BTreeMap<String, Reports> {
    let mut said = BTreeSet::new();
    let mut reporters: BTreeMap<&str, BTreeSet<Option<&str>>> = BTreeMap::new();
    let mut reports: BTreeMap<String, Reports> = BTreeMap::new();
    for record in records {
        let key = record.key_id.as_ref().map(|id| id.0.as_str());
        let issue = match record.is_success {
            true => None,
            false => Some(record.issue.as_deref().unwrap_or("error")),
        };
        let hour = Hour::of(record.created_at);
        let of_model = reporters.entry(&record.model).or_default();
        of_model.insert(key);
        let num_reporters = of_model.len() as u64;
        let all = reports.entry(record.model.clone()).or_default();
        all.num_reporters = num_reporters;
        if said.insert((record.model.as_str(), hour, issue, key)) {
            all.add(issue, 1);
        }
    }
    reports
}
