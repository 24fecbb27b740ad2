//! Models that somebody who looks at one may want instead.

use std::cmp::Reverse;

use router::UseCase;
use router::flr::{Shown, is_for};

use crate::web::models::{by_errors, shown as all_shown};
use crate::web::overview::Overview;
use crate::web::row::Row;

/// Neighbours of each kind.
const NUM_NEIGHBOURS: usize = 5;

/// Models of others that share what this one can do, the most alike first: by shared abilities, then
/// by a context of like length, then by who fails less.
pub(super) fn similar(overview: &Overview, shown: &Shown<'_>) -> Vec<Row> {
    let abilities = abilities(shown);
    let context = |one: &Shown<'_>| one.spec.context_length.unwrap_or(0).max(1) as f64;
    let own_context = context(shown);
    let mut others: Vec<_> = all_shown(&overview.catalog)
        .into_iter()
        .filter(|one| one.model.is_active() && one.model.author != shown.model.author)
        .map(|one| {
            let theirs = self::abilities(&one);
            let shared = abilities.iter().filter(|ability| theirs.contains(ability));
            let num_shared = shared.count();
            // Doublings between the two, in tenths.
            let distance = (context(&one) / own_context).log2().abs() * 10.0;
            ((Reverse(num_shared), distance as u64), one)
        })
        .filter(|((Reverse(num_shared), _), _)| *num_shared > 0)
        .collect();
    others.sort_by(|(a, one), (b, other)| a.cmp(b).then_with(|| by_errors(overview, one, other)));
    let nearest = others.iter().take(NUM_NEIGHBOURS);
    nearest.map(|(_, one)| Row::of(overview, one)).collect()
}

fn abilities(shown: &Shown<'_>) -> Vec<UseCase> {
    let has = |case: &&UseCase| is_for(shown, &[**case]);
    UseCase::ALL.iter().filter(has).copied().collect()
}

/// Further models of the same author, those that fail less first.
pub(super) fn more(overview: &Overview, shown: &Shown<'_>) -> Vec<Row> {
    let mut others: Vec<_> = all_shown(&overview.catalog)
        .into_iter()
        .filter(|one| one.model.author == shown.model.author && one.model.id != shown.model.id)
        .collect();
    others.sort_by(|one, other| {
        let is_gone = |one: &Shown<'_>| !one.model.is_active();
        is_gone(one)
            .cmp(&is_gone(other))
            .then_with(|| by_errors(overview, one, other))
    });
    let first = others.iter().take(NUM_NEIGHBOURS);
    first.map(|one| Row::of(overview, one)).collect()
}
