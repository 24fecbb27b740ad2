//! Who could be asked for what a request names, before anybody looks at how they are doing.

use std::sync::Arc;

use store::Timestamp;

use super::asked::Asked;
use super::table::{Route, Table};
use super::wishes;
use crate::caller::Caller;
use crate::catalog::{Model, Tier};
use crate::error::{FailureKind, ProviderError, RouterError};
use crate::policy::{Candidate, Needs};

/// The name that leaves the choice of the model to the router.
pub const AUTO: &str = "auto";

/// Who could be asked.
pub(super) struct Target {
    pub(super) route: Arc<Route>,
    /// The place of its model in the list asked for.
    pub(super) group: usize,
    /// Its place by what the caller's key prefers, the least first.
    pub(super) preference: i64,
}

impl Target {
    pub(super) fn candidate(&self, needs: &Needs, now: Timestamp) -> Candidate<'_> {
        let (group, preference) = (self.group, self.preference);
        self.route
            .candidate(group, preference, needs.prompt_tokens, now)
    }
}

/// Who could be asked, before anybody looks at whether it makes sense.
pub(super) fn targets(
    table: &Table,
    caller: &Caller,
    asked: &Asked<'_>,
) -> Result<Vec<Target>, RouterError> {
    let mut targets: Vec<Target> = Vec::new();
    let mut error = None;
    for (group, name) in asked.models().enumerate() {
        let name = name.trim();
        if name.eq_ignore_ascii_case(AUTO) {
            let models = table.catalog.active_models();
            let models = models.filter(|model| wishes::is_wanted(model, &caller.preferences));
            let routes = models.flat_map(|model| table.routes_of(&model.id.0));
            let (demo, mut real): (Vec<_>, Vec<_>) =
                routes.partition(|route| route.tier == Tier::Demo);
            // The demo is for machines that have nothing else: what it says is no answer for
            // somebody who wanted one of a real model.
            if real.is_empty() {
                real = demo;
            }
            let mut chosen = Vec::new();
            add(&mut chosen, group, real);
            wishes::prefer(&mut chosen, &table.catalog, &caller.preferences);
            targets.extend(chosen);
            if targets.is_empty() {
                error.get_or_insert_with(nobody_here);
            }
        } else if let Some(model) = table.catalog.find(name) {
            let routes = table.routes_of(&model.id.0);
            add(&mut targets, group, routes);
            if routes.is_empty() {
                error.get_or_insert_with(|| not_offered(table, model));
            }
        } else if let Some((model, deployment)) = table.catalog.pinned(name) {
            let routes = table.routes_of(&model.id.0).iter();
            let it = routes.filter(|route| route.key == deployment.key);
            add(&mut targets, group, it);
            error.get_or_insert_with(|| not_offered(table, model));
        } else {
            error.get_or_insert_with(|| table.catalog.not_found(name));
        }
    }
    match (targets.is_empty(), error) {
        (true, Some(error)) => Err(error),
        (true, None) => Err(nobody_here()),
        (false, _) => Ok(targets),
    }
}

/// Adds those who are not there yet.
fn add<'a>(
    targets: &mut Vec<Target>,
    group: usize,
    routes: impl IntoIterator<Item = &'a Arc<Route>>,
) {
    for route in routes {
        if targets.iter().all(|other| other.route.key != route.key) {
            targets.push(Target {
                route: Arc::clone(route),
                group,
                preference: 0,
            });
        }
    }
}

fn nobody_here() -> RouterError {
    let message = "there is no model here; pull one with `freeway pull openai/gpt-oss-20b`, or set \
                   the key of a provider and look at `freeway models`";
    ProviderError::new(FailureKind::Unavailable, message).into()
}

/// A model that is known and that nobody who can be asked offers.
fn not_offered(table: &Table, model: &Model) -> RouterError {
    let routes = table.routes_of(&model.id.0);
    let out_of_reach = model
        .active()
        .filter(|one| routes.iter().all(|route| route.key != one.key));
    RouterError::NotOffered {
        model: model.id.0.clone(),
        was_offered: model.deployments.iter().any(|one| !one.is_active()),
        listed_by: out_of_reach.map(|one| one.key.provider.clone()).collect(),
    }
}
