//! `GET /api/health` and `GET /api/availability`: how models did over time, for whoever asks.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::Response;
use router::Caller;
use router::Sort;
use router::availability::History;
use router::catalog::Catalog;
use router::flr::{
    AvailabilityParams, BadDays, Cases, CasesOf, ErrorRates, Point, availability_body,
    availability_params, coded_error_body, failures, health_body, health_params,
};
use router::reliability::Window;
use serde_json::Value;
use store::{KeyId, Resolution, StoreError, Timestamp};

use super::failed;
use crate::accompany::RequestId;
use crate::body::json_response;
use crate::error::ApiError;
use crate::query::Query;
use crate::recent::Recent;
use crate::routes::AppState;

/// How old what is shown to everybody may be.
const MAX_AGE: Duration = Duration::from_secs(10);

/// What was read lately of what everybody may see, by what the reads depend on. All other parameters
/// choose from what was read.
pub(crate) struct Charts {
    health: Recent<Window, HealthRead, StoreError>,
    /// By the number of days.
    history: Recent<u32, HistoryRead, StoreError>,
    rates: Recent<(), ErrorRates, StoreError>,
}

impl Default for Charts {
    fn default() -> Self {
        Self {
            health: Recent::new(MAX_AGE),
            history: Recent::new(MAX_AGE),
            rates: Recent::new(MAX_AGE),
        }
    }
}

/// How often models failed, as of a moment.
struct HealthRead {
    at: Timestamp,
    catalog: Arc<Catalog>,
    rates: ErrorRates,
    points: Vec<Point>,
}

/// When they could be had, as of a moment.
struct HistoryRead {
    at: Timestamp,
    history: History,
}

/// How often models fail, and when.
pub(crate) async fn health(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = Query::of(&uri);
    let params = health_params(|name| query.get(name));
    // Without a key nobody knows whose reports are meant.
    let only = caller.key_id.as_ref().filter(|_| params.is_own_reports);
    let window = params.window;
    let (read, cache) = match only {
        Some(_) => {
            let own = health_of(&app, only, window).await;
            let own = own.map(Arc::new).map_err(Arc::new);
            (own, "private, max-age=60")
        }
        None => {
            let all = app
                .charts
                .health
                .get(window, || health_of(&app, None, window));
            (all.await, "public, max-age=60")
        }
    };
    let read = read.map_err(failed(failures::HEALTH))?;
    let body = health_body(&read.catalog, &read.rates, &read.points, &params, read.at);
    Ok(cached(StatusCode::OK, &body, cache))
}

async fn health_of(
    app: &AppState,
    reporter: Option<&KeyId>,
    window: Window,
) -> Result<HealthRead, StoreError> {
    let at = app.now();
    let of = CasesOf {
        reporter,
        ..CasesOf::default()
    };
    let cases = Cases::read(&*app.store, of, window, window.resolution(), at).await?;
    let catalog = app.router.catalog();
    Ok(HealthRead {
        at,
        rates: cases.rates(&catalog),
        points: cases.points(&*app.store, &catalog).await?,
        catalog,
    })
}

/// On which days they could be had.
pub(crate) async fn availability(
    State(app): State<Arc<AppState>>,
    Extension(RequestId(id)): Extension<RequestId>,
    uri: Uri,
) -> Response {
    let query = Query::of(&uri);
    let params = match availability_params(|name| query.get(name)) {
        Ok(params) => params,
        Err(error) => {
            let body = coded_error_body(&error.to_string(), BadDays::CODE, &id);
            return json_response(StatusCode::BAD_REQUEST, &body);
        }
    };
    match availability_of(&app, &params).await {
        Ok(body) => cached(StatusCode::OK, &body, "public, max-age=300"),
        Err(error) => {
            tracing::warn!(%error, "the availability could not be read");
            let body = coded_error_body(failures::AVAILABILITY, "INTERNAL_ERROR", &id);
            json_response(StatusCode::INTERNAL_SERVER_ERROR, &body)
        }
    }
}

async fn availability_of(
    app: &AppState,
    params: &AvailabilityParams,
) -> Result<Value, Arc<StoreError>> {
    let num_days = params.num_days;
    let read = app.charts.history.get(num_days, async || {
        let at = app.now();
        let history = History::read(&*app.store, None, num_days, at).await?;
        Ok(HistoryRead { at, history })
    });
    let HistoryRead { at, history } = &*read.await?;
    let catalog = app.router.catalog();
    let errors = match params.sort {
        Sort::LeastIssues => app.charts.rates.get((), || rates(app)).await?,
        _ => Arc::default(),
    };
    Ok(availability_body(&catalog, history, &errors, params, *at))
}

async fn rates(app: &AppState) -> Result<ErrorRates, StoreError> {
    let of = CasesOf::default();
    let cases = Cases::read(&*app.store, of, Window::Week, Resolution::Whole, app.now()).await?;
    Ok(cases.rates(&app.router.catalog()))
}

fn cached(status: StatusCode, body: &Value, cache: &'static str) -> Response {
    let mut response = json_response(status, body);
    let cache = HeaderValue::from_static(cache);
    response.headers_mut().insert(CACHE_CONTROL, cache);
    response
}
