//! `GET /api/health` and `GET /api/availability`: how models did over time, for whoever asks.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::Response;
use router::Caller;
use router::Sort;
use router::availability::History;
use router::flr::{
    AvailabilityParams, BadDays, Cases, CasesOf, ErrorRates, availability_body,
    availability_params, coded_error_body, failures, health_body, health_params,
};
use router::recorder::now;
use router::reliability::Window;
use serde_json::Value;
use store::{Resolution, StoreError, Timestamp};

use super::failed;
use crate::body::json_response;
use crate::error::ApiError;
use crate::query::Query;
use crate::request_id::RequestId;
use crate::routes::AppState;

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
    let now = now();
    let failed = failed(failures::HEALTH);
    let resolution = params.window.resolution();
    let of = CasesOf {
        reporter: only,
        ..CasesOf::default()
    };
    let cases = Cases::read(&*app.store, of, params.window, resolution, now).await;
    let cases = cases.map_err(&failed)?;
    let catalog = app.router.catalog();
    let points = cases.points(&*app.store, &catalog).await;
    let points = points.map_err(&failed)?;
    let body = health_body(&catalog, &cases.rates(&catalog), &points, &params, now);
    let cache = match only {
        Some(_) => "private, max-age=60",
        None => "public, max-age=60",
    };
    Ok(cached(StatusCode::OK, &body, cache))
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

async fn availability_of(app: &AppState, params: &AvailabilityParams) -> Result<Value, StoreError> {
    let now = now();
    let history = History::read(&*app.store, None, params.num_days, now).await?;
    let catalog = app.router.catalog();
    let errors = match params.sort {
        Sort::LeastIssues => rates(app, now).await?,
        _ => ErrorRates::default(),
    };
    Ok(availability_body(&catalog, &history, &errors, params, now))
}

async fn rates(app: &AppState, now: Timestamp) -> Result<ErrorRates, StoreError> {
    let of = CasesOf::default();
    let cases = Cases::read(&*app.store, of, Window::Week, Resolution::Whole, now).await?;
    Ok(cases.rates(&app.router.catalog()))
}

fn cached(status: StatusCode, body: &Value, cache: &'static str) -> Response {
    let mut response = json_response(status, body);
    let cache = HeaderValue::from_static(cache);
    response.headers_mut().insert(CACHE_CONTROL, cache);
    response
}
