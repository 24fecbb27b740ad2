//! What is known of all models at a moment: read once, in the background, for all pages.
//!
//! Three months of hours of many models are a million rows. They are read a day at a time, and days
//! that are over are read again only when the catalogue changes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use router::availability::{Availability, Day, History, MAX_DAYS, UtcDay, Verdict, day};
use router::catalog::{Catalog, Model};
use router::flr::{Cases, CasesOf, ErrorRate, ErrorRates, Freshness};
use router::reliability::{Tally, Window, by_model};
use store::{
    DeploymentKey, OutcomeSum, ProviderSync, Resolution, Store, StoreError, SumQuery, Timestamp,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::row::Author;
use super::text;
use crate::routes::AppState;

/// How old an overview may be before a new one is read beside it.
const FRESH_FOR: Duration = Duration::from_secs(10);
/// How old it may be at most: beyond that whoever asks waits.
const USABLE_FOR: Duration = Duration::from_secs(300);
/// How long a failure is told before it is tried again.
const FAILED_FOR: Duration = Duration::from_secs(1);
/// The spans over which errors are told.
pub(crate) const WINDOWS: [Window; 5] = [
    Window::Hour,
    Window::Hours6,
    Window::Day,
    Window::Week,
    Window::Days30,
];
/// The span of the speeds, and of the errors where there is room for one.
pub(crate) const USUAL_WINDOW: Window = Window::Week;
/// How far back the state of now may lie, in hours.
const NOW_HOURS: usize = 3;

/// What is known of all models.
pub(crate) struct Overview {
    /// As of when.
    pub(crate) at: Timestamp,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) syncs: Vec<ProviderSync>,
    pub(crate) freshness: Freshness,
    rates: BTreeMap<Window, ErrorRates>,
    /// Of [`USUAL_WINDOW`], also of what runs here.
    sums: Vec<OutcomeSum>,
    tallies: BTreeMap<String, Tally>,
    author_names: HashMap<String, String>,
    days: Arc<Days>,
    today: HashMap<String, Day>,
}

/// Days that are over, of each model that has one, the oldest first.
type Days = HashMap<String, Vec<Day>>;

/// The newest overview.
#[derive(Default)]
pub(crate) struct Overviews {
    newest: RwLock<Option<(Instant, Arc<Overview>)>>,
    /// Of several who want a newer one, one reads it.
    reading: ReadingPlace,
    past: Mutex<Option<Past>>,
    failure: Mutex<Option<(Instant, Arc<StoreError>)>>,
}

struct ReadingPlace(Arc<Semaphore>);

impl Default for ReadingPlace {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

/// The days that are over, and what they were read for.
#[derive(Clone)]
struct Past {
    today: UtcDay,
    catalog: Arc<Catalog>,
    days: Arc<Days>,
}

impl Overviews {
    /// The newest overview. One that is a little old is good enough, and a newer one is read
    /// meanwhile.
    pub(crate) async fn newest(
        &self,
        app: &Arc<AppState>,
    ) -> Result<Arc<Overview>, Arc<StoreError>> {
        let known = self.known();
        match known {
            Some((begun, overview)) if begun.elapsed() < FRESH_FOR => Ok(overview),
            Some((begun, overview)) if begun.elapsed() < USABLE_FOR => {
                if let Ok(place) = Arc::clone(&self.reading.0).try_acquire_owned() {
                    let app = Arc::clone(app);
                    tokio::spawn(async move {
                        let _place = place;
                        if let Err(error) = app.overviews.read(&app).await {
                            tracing::warn!(%error, "pages show what was known a moment ago");
                        }
                    });
                }
                Ok(overview)
            }
            _ => {
                // The semaphore is never closed.
                let place = Arc::clone(&self.reading.0).acquire_owned().await.ok();
                match (self.known(), self.failed()) {
                    (Some((begun, overview)), _) if begun.elapsed() < USABLE_FOR => Ok(overview),
                    // Those who waited are told what happened, instead of trying one after the other.
                    (_, Some(error)) => Err(error),
                    _ => self.read_apart(app, place).await,
                }
            }
        }
    }

    /// Reads in a task of its own: whoever asked may go away, and the next one has what was read.
    async fn read_apart(
        &self,
        app: &Arc<AppState>,
        place: Option<OwnedSemaphorePermit>,
    ) -> Result<Arc<Overview>, Arc<StoreError>> {
        let own = Arc::clone(app);
        let reading = tokio::spawn(async move {
            let _place = place;
            let result = own.overviews.read(&own).await.map_err(Arc::new);
            let failure = result
                .as_ref()
                .err()
                .map(|error| (Instant::now(), Arc::clone(error)));
            *own.overviews.lock_failure() = failure;
            result
        });
        let read = reading.await;
        read.unwrap_or_else(|_| Err(Arc::new(StoreError::Panicked)))
    }

    fn failed(&self) -> Option<Arc<StoreError>> {
        let (at, error) = self.lock_failure().clone()?;
        (at.elapsed() < FAILED_FOR).then_some(error)
    }

    fn lock_failure(&self) -> MutexGuard<'_, Option<(Instant, Arc<StoreError>)>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> Option<(Instant, Arc<Overview>)> {
        let newest = self.newest.read().unwrap_or_else(PoisonError::into_inner);
        newest.clone()
    }

    async fn read(&self, app: &AppState) -> Result<Arc<Overview>, StoreError> {
        let begun = Instant::now();
        let (store, at) = (&*app.store, app.now());
        let catalog = app.router.catalog();
        let past = self.past(store, &catalog, at).await?;
        let history = History::read_day(store, UtcDay::of(at)).await?;
        let today = days_of(&catalog, &history, UtcDay::of(at), at).collect();
        let mut rates = BTreeMap::new();
        for window in WINDOWS {
            let of = CasesOf::default();
            let cases = Cases::read(store, of, window, Resolution::Whole, at).await?;
            rates.insert(window, cases.rates(&catalog));
        }
        let query = SumQuery {
            since: USUAL_WINDOW.since(at),
            until: None,
            model: None,
            resolution: Resolution::Whole,
        };
        let sums = store.sum_attempts(&query).await?;
        let tallies = by_model(sums.iter().filter(|sum| {
            let model = catalog.model(&sum.model);
            model.is_some_and(|model| model.is_told_by(&sum.deployment))
        }));
        let syncs = store.syncs().await?;
        let asked = syncs
            .iter()
            .filter(|sync| app.hosted_providers.contains(&sync.provider));
        let asked: Vec<_> = asked.cloned().collect();
        let freshness = Freshness::of(&asked, app.hosted_providers.len(), at);
        let overview = Arc::new(Overview {
            at,
            syncs,
            freshness,
            rates,
            author_names: author_names(&catalog),
            sums,
            tallies,
            catalog,
            days: past,
            today,
        });
        let mut newest = self.newest.write().unwrap_or_else(PoisonError::into_inner);
        *newest = Some((begun, Arc::clone(&overview)));
        Ok(overview)
    }

    /// The days before that of `at`.
    async fn past(
        &self,
        store: &dyn Store,
        catalog: &Arc<Catalog>,
        at: Timestamp,
    ) -> Result<Arc<Days>, StoreError> {
        let today = UtcDay::of(at);
        let lock = || self.past.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().clone();
        if let Some(past) = known
            && past.today == today
            && Arc::ptr_eq(&past.catalog, catalog)
        {
            return Ok(past.days);
        }
        let mut days = Days::new();
        for ago in (1..i64::from(MAX_DAYS)).rev() {
            let date = UtcDay(today.0 - ago);
            let history = History::read_day(store, date).await?;
            for (model, day) in days_of(catalog, &history, date, at) {
                days.entry(model).or_default().push(day);
            }
        }
        let days = Arc::new(days);
        *lock() = Some(Past {
            today,
            catalog: Arc::clone(catalog),
            days: Arc::clone(&days),
        });
        Ok(days)
    }
}

/// The day of each model of which anything is known on it, or should be.
fn days_of(
    catalog: &Catalog,
    history: &History,
    date: UtcDay,
    at: Timestamp,
) -> impl Iterator<Item = (String, Day)> {
    let days = catalog.models().iter().map(move |model| {
        let day = day(model, history, date, at);
        (model.id.0.clone(), day)
    });
    days.filter(|(_, day)| day.hours.iter().any(Option::is_some))
}

impl Overview {
    /// How often a model failed within one of [`WINDOWS`].
    pub(crate) fn errors(&self, model: &Model, window: Window) -> ErrorRate {
        let rates = self.rates.get(&window);
        rates.map_or_else(ErrorRate::default, |rates| rates.of(model).clone())
    }

    /// How often all models failed within one of [`WINDOWS`].
    pub(crate) fn rates(&self, window: Window) -> &ErrorRates {
        static NOTHING: ErrorRates = ErrorRates::new_empty();
        self.rates.get(&window).unwrap_or(&NOTHING)
    }

    /// What became of the attempts of a model within [`USUAL_WINDOW`].
    pub(crate) fn tally(&self, model: &Model) -> Option<&Tally> {
        self.tallies.get(&model.id.0)
    }

    /// The last `num_days` days of a model, today included.
    pub(crate) fn availability(&self, model: &Model, num_days: u32) -> Availability {
        let today = UtcDay::of(self.at);
        let num_days = i64::from(num_days.clamp(1, MAX_DAYS));
        let past = self.days.get(&model.id.0).map_or(&[][..], Vec::as_slice);
        let known = past.iter().chain(self.today.get(&model.id.0));
        let known: HashMap<UtcDay, &Day> = known.map(|day| (day.date, day)).collect();
        let days = (today.0 - num_days + 1..=today.0).map(UtcDay);
        let days = days.map(|date| match known.get(&date) {
            Some(&day) => *day,
            None => Day::new(date),
        });
        Availability {
            days: days.collect(),
        }
    }

    /// What is known of a model of the last hours; `None`: nothing.
    pub(crate) fn state(&self, model: &Model) -> Option<Verdict> {
        let yesterday = self.days.get(&model.id.0).and_then(|days| days.last());
        let yesterday = yesterday.filter(|day| day.date.0 + 1 == UtcDay::of(self.at).0);
        let today = self.today.get(&model.id.0);
        let hour = usize::try_from(self.at.0.div_euclid(3_600_000).rem_euclid(24)).unwrap_or(0);
        let hours = |day: Option<&Day>| day.map_or([None; 24], |day| day.hours);
        let (today, yesterday) = (hours(today), hours(yesterday));
        let newest_first = today[..=hour].iter().rev().chain(yesterday.iter().rev());
        let mut told = newest_first.take(NOW_HOURS).flatten();
        told.find(|verdict| verdict.is_good().is_some()).copied()
    }

    /// The last days, today included, the oldest first.
    pub(crate) fn dates(&self, num_days: u32) -> impl Iterator<Item = UtcDay> + use<> {
        let UtcDay(today) = UtcDay::of(self.at);
        (0..i64::from(num_days))
            .rev()
            .map(move |ago| UtcDay(today - ago))
    }

    /// Models that some host offers for nothing now.
    pub(crate) fn num_free(&self) -> usize {
        let models = self.catalog.models().iter();
        models.filter(|model| model.is_hosted()).count()
    }

    /// An author, with the name that hosts write before the names of its models.
    pub(crate) fn author(&self, id: &str) -> Author {
        Author {
            name: match self.author_names.get(id) {
                Some(name) => name.clone(),
                None => text::name(id),
            },
            url: format!("/providers/{}", text::url_path(id)),
            id: id.to_owned(),
        }
    }

    /// How fast deployments for which `is_local` holds answered within [`USUAL_WINDOW`].
    pub(crate) fn local_speed(&self, is_local: impl Fn(&DeploymentKey) -> bool) -> Option<f64> {
        let mut all = Tally::default();
        for sum in self.sums.iter().filter(|sum| is_local(&sum.deployment)) {
            all.add(sum);
        }
        all.tokens_per_second()
    }
}

/// The names of authors, from names of models such as `OpenAI: gpt-oss-20b`; of several the one that
/// most models have, and of those the first.
fn author_names(catalog: &Catalog) -> HashMap<String, String> {
    let mut counts: BTreeMap<&str, BTreeMap<String, usize>> = BTreeMap::new();
    for model in catalog.models() {
        if let Some((name, _)) = model.spec.name.split_once(": ") {
            let names = counts.entry(&model.author).or_default();
            *names.entry(text::name(name)).or_default() += 1;
        }
    }
    let names = counts.into_iter().filter_map(|(author, names)| {
        let most = names.iter().rev().max_by_key(|(_, count)| **count)?;
        Some((author.to_owned(), most.0.clone()))
    });
    names.collect()
}
