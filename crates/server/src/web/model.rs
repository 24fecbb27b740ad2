//! `/models/{author}/{slug}`: everything that is known of a model, with what it rests on.

mod about;
mod calendar;
mod changes;
mod faq;
mod local;
mod neighbours;
mod report;
mod specifications;

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Redirect, Response};
use router::availability::{Availability, MAX_DAYS};
use router::catalog::Model;
use router::flr::{Attribution, Cases, CasesOf, ErrorRate, Point, Shown};
use router::presets::preset;
use router::provider::QuotaWindow;
use router::recorder::now;
use router::reliability::Window;
use router::reliability::times::Times;
use router::{FaultDomain, ModelId, Router};
use store::{MAX_ROWS, Resolution, SpecChange, StoreError, Timestamp};

use self::calendar::Calendar;
use self::changes::Change;
use self::faq::Question;
use self::local::LocalOffer;
use self::specifications::{DeploymentLine, Fact};
use super::chart::ErrorChart;
use super::docs::samples::{self, KEY_VARIABLE, Sample};
use super::json_ld::{self, Software};
use super::overview::{Overview, USUAL_WINDOW, WINDOWS};
use super::page::{Nav, Page, html};
use super::row::{
    Author, Badge, ErrorText, Row, State as NowState, badges, capabilities, measured_or_told,
    told_times, url,
};
use super::site::Site;
use super::text::{self, When};
use crate::error::ApiError;
use crate::query::Query;
use crate::recent::Recent;
use crate::routes::AppState;

pub(crate) use report::create as report;

/// How old what was read of a model may be.
const MAX_AGE: Duration = Duration::from_secs(10);
/// Models whose reads are kept; each takes some 20 KB at most.
const MAX_READS: usize = 1_000;
/// Changes that are shown.
const MAX_CHANGES: usize = 50;

#[derive(Template)]
#[template(path = "web/model.html")]
struct ModelPage {
    page: Page,
    id: String,
    name: String,
    author: Author,
    badges: Vec<Badge>,
    capabilities: Vec<&'static str>,
    state: NowState,
    /// Whether somebody can be asked for it.
    is_offered: bool,
    about: String,
    first_seen: Option<When>,
    last_seen: Option<When>,
    facts: Vec<Fact>,
    deployments: Vec<DeploymentLine>,
    changes: Vec<Change>,
    /// Whether there are older changes.
    is_cut: bool,
    /// The path of its own feed.
    feed: String,
    errors: Vec<ErrorLine>,
    errors_rest_on: String,
    range: Range,
    ranges: Vec<(Range, String)>,
    chart: ErrorChart,
    calendar: Calendar,
    speeds: Vec<Fact>,
    speeds_rest_on: String,
    similar: Vec<Row>,
    more: Vec<Row>,
    questions: Vec<Question>,
    site_url: String,
    is_keyless: bool,
    sample: Sample,
    local: Option<LocalOffer>,
    reported: Option<report::Reported>,
    issues: &'static [(&'static str, &'static str)],
}

/// The errors of a window.
struct ErrorLine {
    window: &'static str,
    error: ErrorText,
    rate_limited: u64,
    unavailable: u64,
    other: u64,
    /// By whose fault, of those that do not count: our account, the caller, the network, this server.
    not_counted: [u64; 4],
}

/// The span of the chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Range {
    Day,
    Week,
    Month,
}

impl Range {
    const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    fn as_str(self) -> &'static str {
        self.window().as_str()
    }

    fn window(self) -> Window {
        match self {
            Self::Day => Window::Day,
            Self::Week => Window::Week,
            Self::Month => Window::Days30,
        }
    }

    /// How fine its chart is: what the store is asked for, and how much is put together of that.
    fn bucket(self) -> (Resolution, i64) {
        const HOUR_MS: i64 = 3_600_000;
        match self {
            Self::Day => (Resolution::Hour, HOUR_MS),
            Self::Week => (Resolution::Hour, 6 * HOUR_MS),
            Self::Month => (Resolution::Day, 24 * HOUR_MS),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Day => "24 hours",
            Self::Week => "7 days",
            Self::Month => "30 days",
        }
    }
}

/// What was read of a model lately, beside what the overview has.
pub(crate) type ModelReads = Recent<(ModelId, Window), ModelRead, StoreError>;

/// What pages of one model need of the store.
pub(crate) struct ModelRead {
    at: Timestamp,
    points: Vec<Point>,
    times: Times,
    /// Whether there are older answers than those of the times.
    is_cut: bool,
    /// One more than are shown, if there are.
    changes: Vec<SpecChange>,
}

/// A place for what was read of models.
pub(crate) fn reads() -> ModelReads {
    Recent::with_room(MAX_AGE, MAX_READS)
}

pub(crate) async fn show(
    State(app): State<Arc<AppState>>,
    site: Site,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = Query::of(&uri);
    let overview = app.overviews.newest(&app).await?;
    let model = overview.catalog.require(name.trim_end_matches('/'))?;
    let shown = Shown::of(model);
    if !is_its_path(&shown, &name) {
        return Ok(Redirect::temporary(&url(shown.id)).into_response());
    }
    let range = query.get("range");
    let range = range.and_then(|word| Range::ALL.into_iter().find(|one| one.as_str() == word));
    let range = range.unwrap_or(Range::Week);
    let num_days = query.get("days").and_then(|days| days.parse().ok());
    let num_days = num_days.filter(|days| calendar::LENGTHS.contains(days));
    let num_days = num_days.unwrap_or(calendar::LENGTHS[0]);
    let key = (model.id.clone(), range.window());
    let read = app
        .model_reads
        .get(key, || read(&app, &overview, model, range))
        .await?;
    let asked = Asked {
        range,
        num_days,
        reported: query.get("reported").and_then(report::Reported::parse),
    };
    html(&page_of(
        &site,
        &app.router,
        &overview,
        &shown,
        &read,
        asked,
    ))
}

/// What of a page can be chosen.
struct Asked {
    range: Range,
    num_days: u32,
    reported: Option<report::Reported>,
}

/// What an account at a host may ask for: our own, or else what the host lets newcomers.
fn limits(router: &Router, host: &str) -> Vec<String> {
    let words = |window: QuotaWindow, limit: u64| {
        format!(
            "{} {}",
            text::number(limit),
            window.as_str().replace('_', " ")
        )
    };
    match router.quotas(host, now()) {
        Some(ours) => ours
            .iter()
            .map(|one| words(one.window, one.limit))
            .collect(),
        None => {
            let known = preset(host).map(|preset| preset.limits).unwrap_or_default();
            let known = QuotaWindow::ALL.map(|window| Some((window, window.of(&known)?)));
            let known = known.into_iter().flatten();
            known.map(|(window, limit)| words(window, limit)).collect()
        }
    }
}

/// Whether a page is known by this name: what is given out, or the id that all hosts share. Other names
/// lead there.
fn is_its_path(shown: &Shown<'_>, name: &str) -> bool {
    name == shown.id || name == shown.model.id.0
}

async fn read(
    app: &AppState,
    overview: &Overview,
    model: &Model,
    range: Range,
) -> Result<ModelRead, StoreError> {
    let at = app.now();
    let of = CasesOf {
        model: Some(&model.id),
        ..CasesOf::default()
    };
    let (resolution, _) = range.bucket();
    let cases = Cases::read(&*app.store, of, range.window(), resolution, at).await?;
    let since = USUAL_WINDOW.since(at).unwrap_or_default();
    let attempts = app.store.answered_attempts(&model.id.0, since, MAX_ROWS);
    let attempts = attempts.await?;
    let told = attempts
        .iter()
        .filter(|one| model.is_told_by(&one.deployment));
    let ever = Timestamp::default();
    Ok(ModelRead {
        at,
        points: cases.points(&*app.store, &overview.catalog).await?,
        times: Times::of(told),
        is_cut: attempts.len() == MAX_ROWS,
        changes: app
            .store
            .spec_changes(Some(&model.id.0), ever, MAX_CHANGES + 1)
            .await?,
    })
}

fn page_of(
    site: &Site,
    router: &Router,
    overview: &Overview,
    shown: &Shown<'_>,
    read: &ModelRead,
    asked: Asked,
) -> ModelPage {
    let Asked {
        range,
        num_days,
        reported,
    } = asked;
    let model = shown.model;
    let name = text::name(shown.name());
    let own_url = url(shown.id);
    let author = overview.author(&model.author);
    let (resolution_start, bucket_ms) = (range.window().since(read.at), range.bucket().1);
    let since = resolution_start.unwrap_or_default();
    let seen = overview.availability(model, MAX_DAYS);
    let usual = overview.errors(model, USUAL_WINDOW);
    let state = NowState::of(model, overview.state(model));
    let local = local::offer(shown, overview);
    let questions = faq::questions(shown, &usual, &seen, local.is_some());
    let title = name.clone();
    let description = description(shown, &name, &seen, &usual);
    let mut page = site.page(Nav::Models, own_url.clone(), title, description);
    page.image = format!("/og{own_url}.png");
    let created = shown
        .spec
        .created
        .and_then(|seconds| seconds.checked_mul(1000));
    let created = created.map(|ms| When::day(Timestamp(ms)).iso);
    let software = Software {
        name: &name,
        description: &page.description,
        author: &author.name,
        url: &page.canonical(),
        image: &format!("{}{}", site.url, page.image),
        is_free: model.is_active(),
        published: created.as_deref().filter(|date| !date.is_empty()),
    };
    let asked = questions.iter();
    let asked = asked.map(|one| (one.question.as_str(), one.answer.as_str()));
    let above = [
        ("Home", "/"),
        ("Models", "/models"),
        (author.name.as_str(), author.url.as_str()),
    ];
    page.json_ld = vec![
        software.to_json_ld(),
        json_ld::faq(asked),
        json_ld::breadcrumbs(&page, above),
    ];
    let query = |range: Range| {
        let path = &own_url;
        match (range, num_days) {
            (Range::Week, days) if days == calendar::LENGTHS[0] => format!("{path}#errors"),
            (range, days) => format!("{path}?range={}&days={days}#errors", range.as_str()),
        }
    };
    let changes = read.changes.iter().take(MAX_CHANGES);
    ModelPage {
        id: shown.id.to_owned(),
        badges: badges(shown, overview.at),
        capabilities: capabilities(shown),
        state,
        is_offered: model.is_active(),
        about: about::html(&shown.spec.description),
        first_seen: model.first_seen_at.map(When::day),
        last_seen: model.last_seen_at.map(When::minute),
        facts: specifications::facts(shown),
        deployments: specifications::deployments(model, |host| limits(router, host)),
        changes: changes.map(Change::of).collect(),
        is_cut: read.changes.len() > MAX_CHANGES,
        feed: format!("/feed.xml?model={}", text::url_path(shown.id)),
        errors: WINDOWS
            .iter()
            .map(|&window| error_line(window, &overview.errors(model, window)))
            .collect(),
        errors_rest_on: rests_on(&usual),
        range,
        ranges: Range::ALL
            .into_iter()
            .map(|one| (one, query(one)))
            .collect(),
        chart: ErrorChart::new(&read.points, since, read.at, bucket_ms),
        calendar: Calendar::new(&seen, num_days, &own_url, range.as_str()),
        speeds: speeds(&read.times, model),
        speeds_rest_on: match read.times.num_attempts {
            0 => "Nothing was measured here in the last 7 days. A value after ~ is the host's own \
                  word."
                .to_owned(),
            count => format!(
                "Medians of {} through this server in the last 7 days{}. A value after ~ is the \
                 host's own word.",
                text::counted(count as u64, "answer"),
                if read.is_cut { ", the newest" } else { "" }
            ),
        },
        similar: neighbours::similar(overview, shown),
        more: neighbours::more(overview, shown),
        questions,
        site_url: site.url.clone(),
        is_keyless: site.is_keyless,
        sample: samples::of_model(shown.id, &site.url, site.is_keyless),
        local,
        reported,
        issues: report::ISSUES,
        name,
        author,
        page,
    }
}

fn error_line(window: Window, known: &ErrorRate) -> ErrorLine {
    use FaultDomain::{Account, Caller, Network, Server};
    let by = |domain| known.num_by_others.get(&domain).copied().unwrap_or(0);
    ErrorLine {
        window: window_words(window),
        error: ErrorText::of(known),
        rate_limited: known.num_rate_limited,
        unavailable: known.num_unavailable,
        other: known.num_other,
        not_counted: [Account, Caller, Network, Server].map(by),
    }
}

pub(super) fn window_words(window: Window) -> &'static str {
    match window {
        Window::Hour => "1 hour",
        Window::Hours6 => "6 hours",
        Window::Day => "24 hours",
        Window::Week => "7 days",
        Window::Days30 => "30 days",
        other => other.as_str(),
    }
}

/// Where the numbers come from.
fn rests_on(usual: &ErrorRate) -> String {
    match usual.attribution {
        Attribution::Attempts => {
            "Counted by this server from the requests it sent, each attempt once. Only what the host \
             did counts against the model: an empty quota of our account, a faulty request or a broken \
             network is shown beside it and left out of the rate."
        }
        Attribution::Reports => {
            "This server sent no request to this model in the last 7 days. The rate is what users of \
             this server reported; whoever reports the same twice within an hour counts once."
        }
        Attribution::None if !usual.num_by_others.is_empty() => {
            "Every request of the last 7 days failed before the host could show how it does: by our \
             account, the caller, the network or this server. So nothing is known of the model itself."
        }
        Attribution::None => {
            "Nothing is known for the last 7 days: this server sent no request to this model, and \
             nobody reported on it. That is no sign that it works, nor that it does not."
        }
    }
    .to_owned()
}

fn speeds(times: &Times, model: &Model) -> Vec<Fact> {
    let told = told_times(model);
    let first = measured_or_told(times.first_token_ms, told.0, text::duration);
    let whole = measured_or_told(times.duration_ms, None, text::duration);
    let speed = measured_or_told(times.tokens_per_second, told.1, text::speed);
    vec![
        Fact::new("First token", first),
        Fact::new("Whole answer", whole),
        Fact::new("Speed", speed),
    ]
}

/// What search engines show.
fn description(shown: &Shown<'_>, name: &str, seen: &Availability, usual: &ErrorRate) -> String {
    let mut parts = vec![match shown.model.is_active() {
        true => format!("{name} is free to call."),
        false => format!("{name} is not free to call at present."),
    }];
    if let Some(context) = shown.spec.context_length {
        parts.push(format!(
            "{} tokens of context.",
            text::tokens(Some(context))
        ));
    }
    if let tracked @ 1.. = seen.num_tracked_days() {
        let good = seen.num_available_days();
        parts.push(format!("Available on {good} of {tracked} tracked days."));
    }
    if let Some(rate) = &usual.rate {
        let cases = text::counted(rate.num_cases, faq::counted_word(usual));
        let share = text::percent(rate.share());
        parts.push(format!("{share} of {cases} failed in the last 7 days."));
    }
    parts.join(" ")
}
