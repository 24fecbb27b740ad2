//! `/models`: every free model, to search, filter, sort and compare; how often they fail, and when they
//! could be had.

mod compare;

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse, Redirect, Response};
use router::availability::{Day, HourStatus};
use router::catalog::{Catalog, Tier};
use router::flr::{Shown, is_for, sort};
use router::reliability;
use router::{ModelKind, Sort, UseCase};

use super::json_ld;
use super::overview::{Overview, USUAL_WINDOW, WINDOWS};
use super::page::{Nav, Page, html};
use super::row::{Author, ErrorText, Row, runs_here, was_hosted};
use super::site::Site;
use super::text;
use crate::error::ApiError;
use crate::query::Query;
use crate::routes::AppState;

pub(crate) use compare::show as compare;

/// Models on a page of the list.
pub(super) const PAGE_LEN: usize = 50;
/// Days of the availability tab.
const NUM_DAYS: u32 = 30;
/// Characters that a search may have.
const MAX_SEARCH_CHARS: usize = 100;

#[derive(Template)]
#[template(path = "web/models.html")]
struct Models {
    page: Page,
    tab: Tab,
    tabs: Vec<Choice>,
    filter: Filter,
    use_cases: Vec<Choice>,
    statuses: Vec<Choice>,
    sorts: Vec<Choice>,
    hosts: Vec<Choice>,
    author: Option<Author>,
    /// Where nothing is found: how much there is among all models, and where.
    everywhere: Option<(usize, String)>,
    num_found: usize,
    num_all: usize,
    windows: Vec<&'static str>,
    rows: Vec<Listed>,
    dates: Dates,
    pages: Pages,
}

/// A model of the list, with what the tab shows of it.
pub(super) struct Listed {
    pub(super) row: Row,
    pub(super) errors: Vec<ErrorText>,
    pub(super) days: Vec<DayCell>,
}

impl Listed {
    pub(super) fn of(overview: &Overview, shown: &Shown<'_>) -> Self {
        Self {
            row: Row::of(overview, shown),
            errors: Vec::new(),
            days: Vec::new(),
        }
    }

    pub(super) fn with_errors(self, overview: &Overview, shown: &Shown<'_>) -> Self {
        Self {
            errors: Row::errors(overview, shown.model, &WINDOWS),
            ..self
        }
    }

    pub(super) fn with_days(self, overview: &Overview, shown: &Shown<'_>) -> Self {
        let days = overview.availability(shown.model, NUM_DAYS).days;
        Self {
            days: days.iter().map(DayCell::of).collect(),
            ..self
        }
    }
}

/// A day in a small calendar.
pub(super) struct DayCell {
    /// `c`, `l`, `n` or `u`: callable, listed, not listed, unknown; `x` before it was first seen.
    pub(super) class: &'static str,
    pub(super) text: String,
}

impl DayCell {
    pub(super) fn of(day: &Day) -> Self {
        let date = text::day(day.date);
        let is_known = day.is_tracked() || day.is_unobserved();
        let (class, word) = match day.status() {
            _ if !is_known => ("x", "not tracked yet"),
            HourStatus::Callable => ("c", "callable"),
            HourStatus::ListedOnly => ("l", "listed"),
            HourStatus::NotListed => ("n", "not available"),
            HourStatus::NotObserved => ("u", "not observed"),
        };
        let hours = match day.is_tracked() {
            true => format!(", {} of {} hours", day.num_good(), day.num_observed()),
            false => String::new(),
        };
        Self {
            class,
            text: format!("{date}: {word}{hours}"),
        }
    }
}

/// The columns of the availability tab.
#[derive(Default)]
pub(super) struct Dates {
    /// Months, and how many columns each has.
    pub(super) months: Vec<(String, usize)>,
    pub(super) days: Vec<u8>,
}

/// One of several to choose from.
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) text: String,
    pub(super) is_chosen: bool,
    /// Where choosing it leads, for links.
    pub(super) url: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tab {
    List,
    Health,
    Availability,
}

impl Tab {
    const ALL: [Self; 3] = [Self::List, Self::Health, Self::Availability];

    fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Health => "health",
            Self::Availability => "availability",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::List => "Models",
            Self::Health => "Health",
            Self::Availability => "Availability",
        }
    }

    fn is_health(&self) -> bool {
        *self == Self::Health
    }

    fn is_availability(&self) -> bool {
        *self == Self::Availability
    }
}

/// Whether a model is to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Free,
    Gone,
    Here,
    All,
}

impl Status {
    const ALL: [Self; 4] = [Self::Free, Self::Gone, Self::Here, Self::All];

    fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Gone => "gone",
            Self::Here => "here",
            Self::All => "all",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Free => "Free now",
            Self::Gone => "No longer free",
            Self::Here => "Runs here",
            Self::All => "All",
        }
    }

    fn is_free(&self) -> bool {
        *self == Self::Free
    }

    /// What the list is of.
    fn lead(&self) -> &'static str {
        match self {
            Self::Free => {
                "Every model that some host gives away right now, with what this server measured of it."
            }
            Self::Gone => {
                "Models that hosts gave away once and do not any more, with what this server measured \
                 of them."
            }
            Self::Here => "Models that run on this machine, or on another one of its owner's.",
            Self::All => "Every model that is free, was free, or runs here.",
        }
    }

    fn includes(self, shown: &Shown<'_>) -> bool {
        let model = shown.model;
        match self {
            Self::Free => model.is_active() || is_built_in(shown),
            Self::Gone => was_hosted(model),
            Self::Here => runs_here(model),
            Self::All => true,
        }
    }
}

/// Whether a model is known only because this program can run it.
fn is_built_in(shown: &Shown<'_>) -> bool {
    shown.model.first_seen_at.is_none() && shown.model.deployments.is_empty()
}

/// The orders of the list: those of the API, and those that only people want.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Api(Sort),
    Availability,
    Fastest,
    Name,
}

impl Order {
    fn all() -> impl Iterator<Item = Self> {
        let own = [Self::Availability, Self::Fastest, Self::Name];
        Sort::ALL.iter().copied().map(Self::Api).chain(own)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Api(sort) => sort.as_str(),
            Self::Availability => "availability",
            Self::Fastest => "fastest",
            Self::Name => "name",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Api(Sort::ContextLength) => "Longest context",
            Self::Api(Sort::MaxOutput) => "Longest answers",
            Self::Api(Sort::Capable) => "Most request parameters",
            Self::Api(Sort::LeastIssues) => "Fewest errors",
            Self::Api(Sort::Newest) => "Newest",
            Self::Availability => "Most available",
            Self::Fastest => "Fastest first token",
            Self::Name => "Name",
        }
    }
}

/// What is asked for.
#[derive(Clone)]
struct Filter {
    search: String,
    use_cases: Vec<UseCase>,
    status: Status,
    order: Order,
    host: Option<String>,
    author: Option<String>,
    page: usize,
}

impl Filter {
    fn of(query: &Query<'_>) -> Self {
        let search = query.get("q").unwrap_or("");
        let words = query.all("use").flat_map(|words| words.split(','));
        let mut use_cases: Vec<UseCase> = words.filter_map(UseCase::parse).collect();
        use_cases.sort();
        use_cases.dedup();
        let find = |name| query.get(name);
        let status = find("status")
            .and_then(|word| Status::ALL.into_iter().find(|one| one.as_str() == word));
        let order = find("sort").and_then(|word| Order::all().find(|one| one.as_str() == word));
        let page = find("page").and_then(|page| page.parse().ok());
        Self {
            search: search.chars().take(MAX_SEARCH_CHARS).collect(),
            use_cases,
            status: status.unwrap_or(Status::Free),
            order: order.unwrap_or(Order::Api(Sort::LeastIssues)),
            host: find("host").map(str::to_owned),
            author: find("author").map(str::to_owned),
            page: page.filter(|&page: &usize| page > 0).unwrap_or(1),
        }
    }

    /// Whether it leaves anything out that the plain list has.
    fn is_narrow(&self) -> bool {
        !self.search.is_empty()
            || !self.use_cases.is_empty()
            || self.host.is_some()
            || self.author.is_some()
    }

    /// The query string with this tab and page.
    fn url(&self, tab: Tab, page: usize) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if tab != Tab::List {
            query.append_pair("tab", tab.as_str());
        }
        if !self.search.is_empty() {
            query.append_pair("q", &self.search);
        }
        for case in &self.use_cases {
            query.append_pair("use", case.as_str());
        }
        if self.status != Status::Free {
            query.append_pair("status", self.status.as_str());
        }
        if self.order != Order::Api(Sort::LeastIssues) {
            query.append_pair("sort", self.order.as_str());
        }
        if let Some(host) = &self.host {
            query.append_pair("host", host);
        }
        if let Some(author) = &self.author {
            query.append_pair("author", author);
        }
        if page > 1 {
            query.append_pair("page", &page.to_string());
        }
        match query.finish() {
            query if query.is_empty() => "/models".to_owned(),
            query => format!("/models?{query}"),
        }
    }

    fn choose<'a>(&self, overview: &'a Overview) -> Vec<Shown<'a>> {
        let mut shown = shown(&overview.catalog);
        shown.retain(|one| {
            let mut hosts = one.model.active().map(|one| one.key.provider.as_str());
            let author = self.author.as_deref();
            self.status.includes(one)
                && author.is_none_or(|author| one.model.author == author)
                && is_for(one, &self.use_cases)
                && self
                    .host
                    .as_deref()
                    .is_none_or(|host| hosts.any(|own| own == host))
                && one.mentions(&self.search)
        });
        let errors = overview.rates(USUAL_WINDOW);
        match self.order {
            Order::Api(order) => sort(&mut shown, order, errors),
            Order::Availability => {
                sort(&mut shown, Sort::LeastIssues, errors);
                let share = |one: &Shown<'_>| {
                    let seen = overview.availability(one.model, NUM_DAYS);
                    // Few hours say little: those that are not tracked count as bad ones.
                    let (good, observed) = seen.hours();
                    (f64::from(good) / f64::from(observed.max(72)), good)
                };
                shown.sort_by_cached_key(|one| {
                    let (share, good) = share(one);
                    std::cmp::Reverse(((share * 1e6) as u64, good))
                });
            }
            Order::Fastest => {
                sort(&mut shown, Sort::LeastIssues, errors);
                let time = |one: &Shown<'_>| {
                    let tally = overview.tally(one.model);
                    let measured = tally.and_then(|tally| tally.first_token_ms());
                    let time = measured.or(super::row::told_times(one.model).0);
                    time.map_or(u64::MAX, |ms| ms as u64)
                };
                shown.sort_by_cached_key(time);
            }
            Order::Name => shown.sort_by_cached_key(|one| (one.name().to_lowercase(), one.id)),
        }
        shown
    }
}

/// Every model that a page lists: those made for words that somebody has or had, and those that this
/// program can run.
pub(super) fn shown(catalog: &Catalog) -> Vec<Shown<'_>> {
    let models = catalog.models().iter();
    let is_listed = |model: &&router::catalog::Model| {
        let mut all = model.deployments.iter();
        let is_demo_alone = !model.deployments.is_empty() && all.all(|one| one.tier == Tier::Demo);
        model.spec.kind != ModelKind::Other
            && !is_demo_alone
            && model.id.0 != router::catalog::DEMO_ID
    };
    models.filter(is_listed).map(Shown::of).collect()
}

/// The pages of a list.
pub(super) struct Pages {
    pub(super) number: usize,
    pub(super) count: usize,
    pub(super) previous: Option<String>,
    pub(super) next: Option<String>,
}

pub(crate) async fn show(
    State(app): State<Arc<AppState>>,
    site: Site,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = Query::of(&uri);
    let overview = app.overviews.newest(&app).await?;
    let tab = query.get("tab");
    let tab = tab.and_then(|word| Tab::ALL.into_iter().find(|tab| tab.as_str() == word));
    let tab = tab.unwrap_or(Tab::List);
    let filter = Filter::of(&query);
    let found = filter.choose(&overview);
    let count = found.len().div_ceil(PAGE_LEN).max(1);
    let number = filter.page.min(count);
    let on_page = found.iter().skip((number - 1) * PAGE_LEN).take(PAGE_LEN);
    let rows = on_page.map(|one| {
        let listed = Listed::of(&overview, one);
        match tab {
            Tab::List => listed,
            Tab::Health => listed.with_errors(&overview, one),
            Tab::Availability => listed.with_days(&overview, one),
        }
    });
    let rows: Vec<Listed> = rows.collect();
    let num_all = shown(&overview.catalog).len();
    let num_free = overview.num_free();
    let title = match tab {
        Tab::List => "Free models",
        Tab::Health => "Error rates of free models",
        Tab::Availability => "Availability of free models",
    };
    let description = format!(
        "{} free to call now, with measured error rates, availability by the hour, context length \
         and speed.",
        text::counted(num_free as u64, "model")
    );
    // Searches are endless; the list and its tabs are what is worth finding.
    let is_plain = uri
        .query()
        .is_none_or(|query| query == format!("tab={}", tab.as_str()));
    let path = match tab {
        Tab::List => "/models".to_owned(),
        tab => format!("/models?tab={}", tab.as_str()),
    };
    let mut page = site.page(Nav::Models, path, title, description);
    page.is_indexed = is_plain;
    if is_plain {
        let listed = rows
            .iter()
            .map(|one| (one.row.name.as_str(), one.row.url.as_str()));
        page.json_ld = vec![json_ld::collection(&page, listed)];
    }
    let template = Models {
        page,
        tab,
        tabs: Tab::ALL
            .into_iter()
            .map(|one| Choice {
                value: one.as_str().to_owned(),
                text: one.title().to_owned(),
                is_chosen: one == tab,
                url: filter.url(one, 1),
            })
            .collect(),
        use_cases: UseCase::ALL
            .iter()
            .map(|&case| Choice {
                value: case.as_str().to_owned(),
                text: use_case_title(case).to_owned(),
                is_chosen: filter.use_cases.contains(&case),
                url: String::new(),
            })
            .collect(),
        statuses: choices(
            Status::ALL.into_iter(),
            filter.status,
            Status::as_str,
            Status::title,
        ),
        sorts: choices(Order::all(), filter.order, Order::as_str, Order::title),
        hosts: hosts(&overview, filter.host.as_deref()),
        author: filter.author.as_deref().map(|id| overview.author(id)),
        everywhere: match found.is_empty() {
            true => elsewhere(&overview, &filter),
            false => None,
        },
        num_found: found.len(),
        num_all,
        windows: WINDOWS.iter().map(|window| window.as_str()).collect(),
        dates: match rows.first() {
            Some(_) if tab.is_availability() => dates(&overview),
            _ => Dates::default(),
        },
        rows,
        pages: Pages {
            number,
            count,
            previous: (number > 1).then(|| filter.url(tab, number - 1)),
            next: (number < count).then(|| filter.url(tab, number + 1)),
        },
        filter,
    };
    html(&template)
}

/// `/models/` is what somebody types who wants the list.
pub(crate) async fn to_list() -> Response {
    Redirect::permanent("/models").into_response()
}

/// How much the same search finds among all models, and where it is shown.
fn elsewhere(overview: &Overview, filter: &Filter) -> Option<(usize, String)> {
    if filter.status == Status::All {
        return None;
    }
    let all = Filter {
        status: Status::All,
        ..filter.clone()
    };
    let count = all.choose(overview).len();
    (count > 0).then(|| (count, all.url(Tab::List, 1)))
}

fn choices<T: Copy + PartialEq>(
    all: impl Iterator<Item = T>,
    chosen: T,
    value: impl Fn(T) -> &'static str,
    title: impl Fn(T) -> &'static str,
) -> Vec<Choice> {
    all.map(|one| Choice {
        value: value(one).to_owned(),
        text: title(one).to_owned(),
        is_chosen: one == chosen,
        url: String::new(),
    })
    .collect()
}

pub(super) fn use_case_title(case: UseCase) -> &'static str {
    match case {
        UseCase::Chat => "Chat",
        UseCase::Vision => "Vision",
        UseCase::Tools => "Tools",
        UseCase::LongContext => "Long context",
        UseCase::Reasoning => "Reasoning",
    }
}

/// The hosts that offer something now.
fn hosts(overview: &Overview, chosen: Option<&str>) -> Vec<Choice> {
    let models = overview.catalog.active_models();
    let hosted = models.flat_map(|model| model.active().map(|one| one.key.provider.as_str()));
    let mut hosts: Vec<&str> = hosted.collect();
    hosts.sort_unstable();
    hosts.dedup();
    hosts
        .into_iter()
        .map(|host| Choice {
            value: host.to_owned(),
            text: super::host_name(host),
            is_chosen: chosen == Some(host),
            url: String::new(),
        })
        .collect()
}

/// The columns of the last days.
pub(super) fn dates(overview: &Overview) -> Dates {
    let mut dates = Dates::default();
    for day in overview.dates(NUM_DAYS) {
        let date = text::date(day);
        let month = text::month(date);
        match dates.months.last_mut() {
            Some((last, count)) if *last == month => *count += 1,
            _ => dates.months.push((month, 1)),
        }
        dates.days.push(date.day());
    }
    dates
}

/// The better of two rates is first; for tables of neighbours.
pub(super) fn by_errors(overview: &Overview, a: &Shown<'_>, b: &Shown<'_>) -> std::cmp::Ordering {
    let rate = |one: &Shown<'_>| overview.errors(one.model, USUAL_WINDOW).rate;
    reliability::compare(rate(a).as_ref(), rate(b).as_ref()).then_with(|| a.id.cmp(b.id))
}
