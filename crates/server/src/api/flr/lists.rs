//! `GET /api/v1/models/ids` and `GET /api/v1/models/full`: which models to ask, in which order.

use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::Response;
use router::Caller;
use router::catalog::Catalog;
use router::flr::{
    Cases, CasesOf, ErrorRates, Freshness, ListParams, failures, full_body, ids_body, list_params,
};
use router::recorder::now;
use serde_json::Value;
use store::{RequestRecord, Resolution, StoreError, Timestamp};

use super::failed;
use crate::accompany::RequestId;
use crate::body::json_response;
use crate::error::ApiError;
use crate::query::Query;
use crate::quota::told;
use crate::routes::AppState;

/// The word for it in the log of requests.
const OPERATION: &str = "list_models";

/// The ids alone; the answer can be named in feedback.
pub(crate) async fn ids(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Extension(RequestId(id)): Extension<RequestId>,
    uri: Uri,
) -> Result<Response, ApiError> {
    list(&app, &caller, id, &uri, failures::IDS, |found, id| {
        ids_body(
            &found.catalog,
            &found.errors,
            &found.params,
            &found.freshness,
            id,
        )
    })
    .await
}

/// Everything that is known of them.
pub(crate) async fn full(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Extension(RequestId(id)): Extension<RequestId>,
    uri: Uri,
) -> Result<Response, ApiError> {
    list(&app, &caller, id, &uri, failures::MODELS, |found, _| {
        full_body(
            &found.catalog,
            &found.errors,
            &found.params,
            &found.freshness,
        )
    })
    .await
}

/// What a list is made of.
struct Found {
    catalog: Arc<Catalog>,
    errors: ErrorRates,
    params: ListParams,
    freshness: Freshness,
}

async fn list(
    app: &AppState,
    caller: &Caller,
    id: String,
    uri: &Uri,
    known_words: &'static str,
    body: impl FnOnce(&Found, &str) -> Value,
) -> Result<Response, ApiError> {
    let (started, started_at) = (Instant::now(), now());
    let quota = app.quota.admit(caller, started_at).await?;
    let found = find(app, caller, uri, app.now()).await;
    let found = found.map_err(failed(known_words))?;
    // Before the answer: whoever has it may name it at once.
    let record = record(caller, id, started_at, started);
    let recorded = app
        .store
        .insert_requests(std::slice::from_ref(&record))
        .await;
    recorded.map_err(failed(known_words))?;
    let mut response = json_response(StatusCode::OK, &body(&found, &record.id));
    let headers = response.headers_mut();
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("private, max-age=60"),
    );
    for (name, value) in found.freshness.headers() {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    Ok(told(response, quota.as_ref()))
}

async fn find(
    app: &AppState,
    caller: &Caller,
    uri: &Uri,
    now: Timestamp,
) -> Result<Found, StoreError> {
    let query = Query::of(uri);
    let params = list_params(|name| query.get(name), &caller.preferences);
    // Without a key nobody knows whose reports are meant.
    let of = CasesOf {
        reporter: caller.key_id.as_ref().filter(|_| params.is_own_reports),
        ..CasesOf::default()
    };
    let cases = Cases::read(&*app.store, of, params.window, Resolution::Whole, now).await?;
    let catalog = app.router.catalog();
    Ok(Found {
        errors: cases.rates(&catalog),
        freshness: freshness(app, now).await?,
        catalog,
        params,
    })
}

/// How old the lists are that the catalogue was made of.
async fn freshness(app: &AppState, now: Timestamp) -> Result<Freshness, StoreError> {
    let mut syncs = app.store.syncs().await?;
    syncs.retain(|sync| app.hosted_providers.contains(&sync.provider));
    Ok(Freshness::of(&syncs, app.hosted_providers.len(), now))
}

fn record(caller: &Caller, id: String, started_at: Timestamp, started: Instant) -> RequestRecord {
    RequestRecord {
        id,
        key_id: caller.key_id.clone(),
        started_at,
        operation: OPERATION.to_owned(),
        requested_model: String::new(),
        deployment: None,
        outcome: "ok".to_owned(),
        is_stream: false,
        first_token_ms: None,
        duration_ms: u32::try_from(started.elapsed().as_millis()).unwrap_or(u32::MAX),
        prompt_tokens: 0,
        completion_tokens: 0,
        reasoning_tokens: 0,
        content: None,
    }
}
