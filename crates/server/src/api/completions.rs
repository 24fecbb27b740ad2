//! `POST /v1/completions`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use router::openai::{CompletionChunks, CompletionRequest, TextCompletion};
use router::otlp::RequestTrace;
use router::provider::AnswerEvent;
use router::{Arrival, Caller};

use crate::accompany::RequestId;
use crate::body::{json_response, raw_json_response};
use crate::error::ApiError;
use crate::routes::AppState;
use crate::routing_headers::AnswerHead;
use crate::sse;

pub(crate) async fn create(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    trace: Option<Extension<RequestTrace>>,
    request: Request,
) -> Result<Response, ApiError> {
    let request = app
        .bodies
        .read(request, CompletionRequest::from_json)
        .await?;
    let request = Arc::new(request);
    let arrival = Arrival {
        request_id,
        trace: trace.map(|Extension(trace)| trace),
    };
    let mut answer = app.router.complete(&caller, arrival, &request).await?;
    let head = AnswerHead {
        deployment: answer.deployment,
        trail: answer.trail,
        quota: answer.quota,
    };
    if request.is_stream() {
        let include_usage = request.includes_usage();
        let mut chunks =
            CompletionChunks::new(answer.id, answer.created, answer.model, include_usage);
        let write = move |event| chunks.write(event);
        let (keep_alive, stop) = (app.keep_alive, app.stop.clone());
        let response = sse::response(answer.stream, write, keep_alive, stop);
        return Ok(head.on(response));
    }
    let mut completion = TextCompletion::default();
    let mut whole = None;
    app.each(&mut answer.stream, |event| match event {
        AnswerEvent::Whole(json) => whole = Some(json),
        event => completion.add(event),
    })
    .await
    .map_err(|error| head.on_error(error))?;
    let response = match whole {
        Some(json) => raw_json_response(StatusCode::OK, json),
        None => {
            let with_logprobs = request.logprobs.is_some();
            let (id, created, model) = (&answer.id, answer.created, &answer.model);
            let json = completion.into_json(id, created, model, with_logprobs);
            json_response(StatusCode::OK, &json)
        }
    };
    Ok(head.on(response))
}
