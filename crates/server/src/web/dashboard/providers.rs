//! `/dashboard/providers`: who is set up to be asked, and what is missing for the others. Of the
//! variables with keys the names are shown and never the values, which this part does not have.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use router::recorder::now;
use router::{HostState, Resting};
use store::ProviderSync;

use super::gate::Visitor;
use super::quotas::Account;
use super::{Frame, page};
use crate::error::ApiError;
use crate::listen::ProviderSetup;
use crate::routes::AppState;
use crate::web::host_name;
use crate::web::page::{Page, html};
use crate::web::site::Site;
use crate::web::text::{self, When};

/// Deployments at rest that are named, of each host.
const MAX_RESTING: usize = 10;
/// Longest error of a list that is shown.
const MAX_ERROR_CHARS: usize = 300;

#[derive(Template)]
#[template(path = "web/dashboard/providers.html")]
struct Providers {
    page: Page,
    frame: Frame,
    /// Those that can be asked.
    used: Vec<Used>,
    /// Those that cannot.
    others: Vec<ProviderSetup>,
    /// Those whose lists are in the store, and that this server does not ask.
    unasked: Vec<Synced>,
}

/// A host that can be asked.
struct Used {
    name: String,
    account: Account,
    unavailable: Option<String>,
    load: Option<String>,
    num_deployments: usize,
    resting: Vec<Rest>,
    num_more_resting: usize,
    sync: Option<Synced>,
}

/// A deployment that is given a rest.
struct Rest {
    name: String,
    why: Option<String>,
    until: Option<When>,
}

/// The last look at the list of a host.
struct Synced {
    id: String,
    tried: When,
    succeeded: Option<When>,
    error: Option<String>,
}

impl Rest {
    fn of(one: &Resting) -> Self {
        Self {
            name: text::name(&one.name),
            why: one.why.map(|kind| kind.as_str().replace('_', " ")),
            until: one.until.map(When::minute),
        }
    }
}

impl Synced {
    fn of(sync: &ProviderSync) -> Self {
        let error = sync.error.as_ref();
        Self {
            id: sync.provider.clone(),
            tried: When::minute(sync.tried_at),
            succeeded: sync.succeeded_at.map(When::minute),
            error: error.map(|error| error.chars().take(MAX_ERROR_CHARS).collect()),
        }
    }
}

impl Used {
    fn of(host: &HostState, setups: &[ProviderSetup], syncs: &[ProviderSync]) -> Self {
        let setup = setups.iter().find(|one| one.id == host.id);
        let sync = syncs.iter().find(|one| one.provider == host.id);
        let resting = host.resting.iter().take(MAX_RESTING).map(Rest::of);
        Self {
            name: setup.map_or_else(|| host_name(&host.id), |one| one.name.clone()),
            account: Account::of(host),
            unavailable: host.unavailable.clone(),
            load: host
                .load
                .map(|load| format!("{} of {} places taken", load.in_flight, load.max_in_flight)),
            num_deployments: host.num_deployments,
            resting: resting.collect(),
            num_more_resting: host.resting.len().saturating_sub(MAX_RESTING),
            sync: sync.map(Synced::of),
        }
    }
}

pub(super) async fn show(
    State(app): State<Arc<AppState>>,
    Extension(visitor): Extension<Visitor>,
    site: Site,
) -> Result<Response, ApiError> {
    let setups = &app.dashboard.setups;
    let syncs = app.store.syncs().await?;
    let hosts = app.router.hosts(now());
    let is_used = |id: &str| hosts.iter().any(|host| host.id == *id);
    let used = hosts.iter().map(|host| Used::of(host, setups, &syncs));
    let others = setups.iter().filter(|one| !is_used(&one.id));
    let unasked = syncs.iter().filter(|one| !is_used(&one.provider));
    html(&Providers {
        page: page(&site, "Providers"),
        frame: Frame::new("providers", &visitor),
        used: used.collect(),
        others: others.cloned().collect(),
        unasked: unasked.map(Synced::of).collect(),
    })
}
