//! The attempts of one request: one after the other until one answers, and what is told if none does.

use std::sync::Arc;
use std::time::Duration;

use store::Timestamp;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::asked::Asked;
use super::attempt::{Attempt, AttemptSummary};
use super::table::Route;
use super::targets::Target;
use super::watch::Watch;
use super::{Router, wishes};
use crate::breaker::Admission;
use crate::caller::Caller;
use crate::catalog::Tier;
use crate::error::{Exhausted, Failed, FailureKind, FaultDomain, ProviderError, RouterError};
use crate::policy::{Candidate, Exclusion, Needs, Policy, Ranking, order};
use crate::provider::{AnswerStream, Progress};
use crate::quota::QuotaAdmission;
use crate::random_id::random_unit;
use crate::recorder::now;

/// When everybody who could be asked has failed, those who may have failed by chance are asked
/// again so often, after so long a pause, which doubles.
pub(super) const MAX_ROUNDS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// A host that asks for a longer pause is not asked again by the same request.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// An answer that has begun, with all that it took.
pub(super) struct Begun {
    pub(super) route: Arc<Route>,
    pub(super) stream: AnswerStream,
    pub(super) attempt: Attempt,
    pub(super) trail: Vec<AttemptSummary>,
}

/// Asks those of `targets` that it makes sense to ask, one after the other until one answers.
pub(super) async fn run(
    router: &Router,
    watch: &mut Watch,
    caller: &Caller,
    asked: &Asked<'_>,
    targets: &[Target],
) -> Result<Begun, RouterError> {
    let needs = wishes::needs_of(caller, asked);
    let policy = wishes::policy_of(caller, router.config.exploration);
    let ranking = rank(targets, &needs, &policy, random_unit());
    let mut chain = Chain {
        router,
        asked,
        needs: &needs,
        targets,
        ranking: &ranking,
        deadline: Instant::now() + router.config.time_budget,
        trail: Vec::new(),
        failed: Vec::new(),
    };
    match chain.ask_all(watch).await {
        Ok(Some(begun)) => Ok(begun),
        Ok(None) => Err(chain.exhausted()),
        Err(error) => {
            let (excluded, retry_after) = (chain.excluded(), error.retry_after());
            Err(chain.told(error, excluded, retry_after))
        }
    }
}

/// The attempts of one request.
pub(super) struct Chain<'a> {
    router: &'a Router,
    asked: &'a Asked<'a>,
    needs: &'a Needs,
    targets: &'a [Target],
    ranking: &'a Ranking,
    /// When there has to be something to say.
    deadline: Instant,
    trail: Vec<AttemptSummary>,
    /// Who failed and how, each once, with the last failure.
    failed: Vec<(Arc<Route>, RouterError)>,
}

impl Chain<'_> {
    /// Asks one after the other. `Ok(None)`: nobody answers; an error: nobody else may be asked.
    async fn ask_all(&mut self, watch: &mut Watch) -> Result<Option<Begun>, RouterError> {
        let (targets, ranking) = (self.targets, self.ranking);
        for one in &ranking.ranked {
            let route = &targets[one.index].route;
            let begun = self.ask(watch, route, one.is_exploration, false).await?;
            if begun.is_some() {
                return Ok(begun);
            }
        }
        if ranking.ranked.is_empty()
            && let Some(route) = self.spokesman()
        {
            return self.ask(watch, &route, false, false).await;
        }
        // Nobody is left. Those that were left out for a guess of ours, and those that may have
        // failed by chance, get another chance: the client would get nothing otherwise.
        let guessed = ranking
            .excluded
            .iter()
            .filter_map(|&(index, why)| match why {
                Exclusion::BreakerOpen {
                    is_stated: false,
                    until,
                    ..
                } => Some((until, index)),
                _ => None,
            });
        let mut guessed: Vec<_> = guessed.collect();
        guessed.sort_unstable();
        let mut pause = FIRST_PAUSE;
        let mut again: Vec<Arc<Route>> = guessed
            .into_iter()
            .map(|(_, index)| Arc::clone(&targets[index].route))
            .collect();
        for _ in 1..MAX_ROUNDS {
            if again.is_empty() {
                again = self.retryable();
                if again.is_empty() {
                    break;
                }
                let own = pause.mul_f64(0.8 + 0.4 * random_unit());
                let until = Instant::now() + own.max(self.stated_pause());
                if until >= self.deadline {
                    break;
                }
                sleep_until(until).await;
                pause *= 2;
            }
            for route in std::mem::take(&mut again) {
                let begun = self.ask(watch, &route, false, true).await?;
                if begun.is_some() {
                    return Ok(begun);
                }
            }
        }
        Ok(None)
    }

    /// Asks one. `Ok(None)`: it does not answer, but another may; an error: nobody else may be
    /// asked. `is_last_chance` asks it although its breaker is open.
    async fn ask(
        &mut self,
        watch: &mut Watch,
        route: &Arc<Route>,
        is_exploration: bool,
        is_last_chance: bool,
    ) -> Result<Option<Begun>, RouterError> {
        if Instant::now() >= self.deadline || self.trail.len() >= self.router.config.max_attempts {
            return Ok(None);
        }
        if self.is_too_short(route) {
            return Ok(None);
        }
        let tokens = self.needs.prompt_tokens;
        if !is_last_chance && matches!(route.health.admit(now()), Admission::Open { .. }) {
            return Ok(None);
        }
        if !route.host.take(&*self.router.store, tokens).await {
            route.health.gave_up();
            return Ok(None);
        }
        let mut attempt = Attempt::begin(
            route,
            &self.router.recorder,
            &self.router.metrics,
            watch,
            self.trail.len(),
            is_exploration,
            tokens,
        );
        watch.is_asked(route, tokens);
        let deployment = route.label.clone();
        let asking = self.asked.ask(route);
        let asked = match attempt.trace_context() {
            Some(context) => timeout_at(self.deadline, context.within(asking)).await,
            None => timeout_at(self.deadline, asking).await,
        };
        let error = match asked {
            Ok(Ok(stream)) => {
                let failure = None;
                self.trail.push(AttemptSummary {
                    deployment,
                    failure,
                });
                return Ok(Some(Begun {
                    route: Arc::clone(route),
                    stream,
                    attempt,
                    trail: std::mem::take(&mut self.trail),
                }));
            }
            Ok(Err(error)) => {
                attempt.failed(&error, Progress::default());
                error
            }
            Err(_) => {
                attempt.given_up(FailureKind::OutOfTime, Progress::default());
                let message = format!(
                    "nobody answered within {} s",
                    self.router.config.time_budget.as_secs_f64()
                );
                ProviderError::new(FailureKind::OutOfTime, message).into()
            }
        };
        let failure = Some(error.kind());
        self.trail.push(AttemptSummary {
            deployment,
            failure,
        });
        tracing::debug!(
            deployment = route.label,
            error.kind = error.kind().as_str(),
            "attempt failed"
        );
        if is_final(&error, route) {
            return Err(error);
        }
        self.failed.retain(|(other, _)| other.key != route.key);
        self.failed.push((Arc::clone(route), error));
        Ok(None)
    }

    /// Where nobody can do what is asked for: the model of this machine says which part of the request
    /// it cannot take.
    fn spokesman(&self) -> Option<Arc<Route>> {
        let unfit = self.ranking.excluded.iter().find(|&&(index, why)| {
            self.targets[index].route.tier != Tier::Hosted
                && matches!(why, Exclusion::NoImages | Exclusion::NoForcedCall)
        });
        unfit.map(|&(index, _)| Arc::clone(&self.targets[index].route))
    }

    /// Whether the prompt was too long for somebody with at least as much room.
    fn is_too_short(&self, route: &Route) -> bool {
        let length = |route: &Route| route.spec.context_length.unwrap_or(0);
        self.failed.iter().any(|(other, error)| {
            error.kind() == FailureKind::ContextLengthExceeded && length(route) <= length(other)
        })
    }

    /// Who may have failed by chance and did not ask for a long pause.
    fn retryable(&self) -> Vec<Arc<Route>> {
        let by_chance = self.failed.iter().filter(|(_, error)| {
            let RouterError::Provider(error) = error else {
                return false;
            };
            matches!(
                error.kind,
                FailureKind::Network
                    | FailureKind::Internal
                    | FailureKind::Unavailable
                    | FailureKind::BrokenStream
                    | FailureKind::InvalidResponse
                    | FailureKind::EmptyAnswer
                    | FailureKind::LeakedTokens
                    | FailureKind::ToolCallInText
                    | FailureKind::InvalidJson
            ) && error
                .retry_after
                .is_none_or(|after| after.wait <= LONGEST_PAUSE)
        });
        by_chance.map(|(route, _)| Arc::clone(route)).collect()
    }

    /// The longest pause that those who are asked again have asked for.
    fn stated_pause(&self) -> Duration {
        let stated = self
            .failed
            .iter()
            .filter_map(|(_, error)| error.retry_after());
        let short = stated.filter(|wait| *wait <= LONGEST_PAUSE);
        short.max().unwrap_or_default()
    }

    /// Who was not asked, and why.
    fn excluded(&self) -> Vec<(String, Exclusion)> {
        let excluded = self.ranking.excluded.iter();
        let excluded = excluded.filter_map(|&(index, why)| {
            let route = &self.targets[index].route;
            // Those who were asked after all have an error of their own.
            let is_asked = self.failed.iter().any(|(other, _)| other.key == route.key);
            (!is_asked).then(|| (route.label.clone(), why))
        });
        excluded.collect()
    }

    /// How long until one who failed is asked again: as with the next request.
    fn wait_of(&self, route: &Route, error: &RouterError, now: Timestamp) -> Option<Duration> {
        let account = route
            .host
            .account()
            .admission(self.needs.prompt_tokens, now);
        let account = match account {
            QuotaAdmission::Open => None,
            QuotaAdmission::UsedUp { until, .. } => Some(until),
            QuotaAdmission::Blocked(block) => Some(block.until),
        };
        let rest = match route.health.view(now).breaker {
            Admission::Open {
                until,
                is_stated: true,
                ..
            } => Some(until),
            _ => None,
        };
        let until = account.max(rest);
        until.map_or_else(|| error.retry_after(), |until| Some(span(now, until)))
    }

    /// The error of one who was asked, with what it took.
    fn told(
        self,
        error: RouterError,
        excluded: Vec<(String, Exclusion)>,
        retry_after: Option<Duration>,
    ) -> RouterError {
        RouterError::Failed(Box::new(Failed {
            error,
            excluded,
            trail: self.trail,
            retry_after,
        }))
    }

    /// Why nobody answered.
    fn exhausted(mut self) -> RouterError {
        let time = now();
        let excluded = self.excluded();
        let waits = self
            .failed
            .iter()
            .filter_map(|(route, error)| self.wait_of(route, error, time));
        let passing = excluded.iter().filter_map(|(_, why)| why.until());
        let retry_after = waits.chain(passing.map(|until| span(time, until))).min();
        // One who was asked alone speaks for himself.
        if self.targets.len() == 1 && self.failed.len() == 1 {
            let (_, error) = self.failed.remove(0);
            return self.told(error, excluded, retry_after);
        }
        let failures: Vec<FailureKind> =
            self.failed.iter().map(|(_, error)| error.kind()).collect();
        // Nobody can, however long one waits; a quota that ran out meanwhile leaves no trace here.
        let is_unfit = self.failed.len() + excluded.len() == self.targets.len()
            && excluded.iter().all(|(_, why)| why.until().is_none());
        let is_callers = |kind: &FailureKind| *kind == FailureKind::InvalidRequest;
        let is_short = |why: &Exclusion| matches!(why, Exclusion::ContextTooShort { .. });
        let kind =
            if is_unfit && failures.is_empty() && excluded.iter().all(|(_, why)| is_short(why)) {
                FailureKind::ContextLengthExceeded
            } else if is_unfit && failures.iter().all(is_callers) {
                // Who was asked knows the field.
                if let Some((_, error)) = self.failed.pop() {
                    return self.told(error, excluded, None);
                }
                // Nobody here can do what is asked for.
                FailureKind::InvalidRequest
            } else if failures.contains(&FailureKind::ContextLengthExceeded) {
                FailureKind::ContextLengthExceeded
            } else {
                let reasons = excluded.iter().filter_map(|(_, why)| why.failure());
                common_kind(&failures, reasons)
            };
        RouterError::Exhausted(Box::new(Exhausted {
            kind,
            trail: self.trail,
            excluded,
            last: self.failed.pop().map(|(_, error)| error.to_string()),
            retry_after,
        }))
    }
}

/// The kind that says best what to do about these failures of now and those from before for which
/// somebody was not asked. Quotas that are used up are none.
fn common_kind(
    failures: &[FailureKind],
    before: impl IntoIterator<Item = FailureKind>,
) -> FailureKind {
    let is_limit = |kind: &FailureKind| {
        matches!(
            kind,
            FailureKind::AccountRateLimited
                | FailureKind::AccountQuotaExhausted
                | FailureKind::RateLimited
                | FailureKind::Overloaded
        )
    };
    let is_account = |kind: &FailureKind| kind.fault_domain() == FaultDomain::Account;
    let all: Vec<FailureKind> = failures.iter().copied().chain(before).collect();
    let mut others = all.iter().filter(|kind| !is_limit(kind));
    let Some(&other) = others.next() else {
        return FailureKind::RateLimited;
    };
    if all.iter().all(|kind| is_account(kind) || is_limit(kind)) {
        // Waiting helps where at least one has no more than a limit.
        return match (all.iter().any(is_limit), others.all(|&kind| kind == other)) {
            (true, _) => FailureKind::RateLimited,
            (false, true) => other,
            (false, false) => FailureKind::Unavailable,
        };
    }
    let is_late = !failures.is_empty() && failures.iter().all(|&one| one == FailureKind::OutOfTime);
    match is_late {
        true => FailureKind::OutOfTime,
        false => FailureKind::Unavailable,
    }
}

fn span(now: Timestamp, until: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(until.0.saturating_sub(now.0)).unwrap_or(0))
}

fn rank(targets: &[Target], needs: &Needs, policy: &Policy, draw: f64) -> Ranking {
    let now = now();
    let candidates: Vec<Candidate<'_>> = targets
        .iter()
        .map(|target| target.candidate(needs, now))
        .collect();
    order(&candidates, needs, policy, draw)
}

/// Whether asking somebody else makes no sense: the caller is at fault.
fn is_final(error: &RouterError, route: &Route) -> bool {
    match error {
        // What this machine cannot do a host may.
        RouterError::Invalid(_) => route.tier == Tier::Hosted,
        _ => matches!(
            error.kind(),
            FailureKind::InvalidRequest | FailureKind::ContentRefused
        ),
    }
}
