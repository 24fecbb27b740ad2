//! What Freeway's own engine offers for a model that it can run.

use router::catalog::Tier;
use router::flr::Shown;

use crate::web::overview::Overview;
use crate::web::row::runs_here;
use crate::web::text;

/// A model that the engine of this program runs.
pub(super) struct LocalOffer {
    pub(super) is_running: bool,
    /// What `freeway pull` is told.
    pub(super) pull_id: &'static str,
    pub(super) download: &'static str,
    pub(super) memory: &'static str,
    /// What was measured on this machine, or nothing.
    pub(super) measured: String,
}

/// Models that the engine runs: the id, the download and the memory that it takes with a context of
/// 8,192 and of 131,072 tokens.
const OFFERS: [(&str, &str, &str); 2] = [
    ("openai/gpt-oss-20b", "13.8 GB", "14.0 to 17.0 GB"),
    ("openai/gpt-oss-120b", "65.3 GB", "65.6 to 70.1 GB"),
];

/// What is offered for a model; `None` for those that the engine does not run.
pub(super) fn offer(shown: &Shown<'_>, overview: &Overview) -> Option<LocalOffer> {
    let model = shown.model;
    let (pull_id, download, memory) = OFFERS.into_iter().find(|(id, ..)| *id == model.id.0)?;
    let is_local = |key: &store::DeploymentKey| {
        let mut all = model.deployments.iter();
        all.any(|one| one.tier == Tier::Local && one.key == *key)
    };
    let measured = overview.local_speed(is_local);
    Some(LocalOffer {
        is_running: runs_here(model),
        pull_id,
        download,
        memory,
        measured: measured.map_or_else(String::new, text::speed),
    })
}
