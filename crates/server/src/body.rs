//! Bodies: read within limits of size and time, made into types, written as JSON.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use router::{FailureKind, InvalidRequest, ProviderError};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::ApiError;

/// Largest body of requests that hold no conversation.
pub(crate) const SMALL_BODY_BYTES: usize = 64 * 1024;
/// What all large bodies that are read or parsed at once may have together, as a multiple of the
/// largest one. The rest waits; small bodies do not, so that slow uploads hold up only each other.
const BODIES_AT_ONCE: usize = 4;
/// The unit in which that is counted.
const UNIT_BYTES: usize = 1024;
/// Bodies that take a while to parse, and are parsed away from the threads that serve connections.
const LARGE_BYTES: usize = 64 * 1024;
/// What is read and thrown away of a body that nobody wants, so that the client, which writes before
/// it reads, gets to see why.
const DISCARD_BYTES: usize = 64 << 20;
const DISCARD_TIME: Duration = Duration::from_secs(5);

/// Reads bodies.
pub(crate) struct BodyReader {
    max_bytes: usize,
    patience: Duration,
    room: Arc<Semaphore>,
}

impl BodyReader {
    pub(crate) fn new(max_bytes: usize, patience: Duration) -> Self {
        let units = max_bytes.div_ceil(UNIT_BYTES) * BODIES_AT_ONCE;
        Self {
            max_bytes,
            patience,
            room: Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// Reads the body of a request and makes a type of it.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        request: Request,
        parse: fn(Bytes) -> Result<T, InvalidRequest>,
    ) -> Result<T, ApiError> {
        let limit = self.max_bytes;
        let (head, body) = request.into_parts();
        let declared = head.headers.get(CONTENT_LENGTH);
        let declared = declared.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if declared.is_some_and(|length| length > limit) {
            discard(body).await;
            return Err(ApiError::BodyTooLarge { limit });
        }
        // Without a declared length it may turn out to be as large as allowed.
        let expected = declared.unwrap_or(limit);
        let read = async {
            let room = match expected < LARGE_BYTES {
                true => None,
                false => self.room_for(expected).await,
            };
            (room, Limited::new(body, limit).collect().await)
        };
        let Ok((room, read)) = timeout(self.patience, read).await else {
            return Err(ApiError::BodyTimeout);
        };
        let bytes = match read {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return Err(ApiError::BodyTooLarge { limit });
            }
            Err(error) => return Err(ApiError::BodyBroken(error.to_string())),
        };
        if bytes.len() < LARGE_BYTES {
            return Ok(parse(bytes)?);
        }
        let parsed = tokio::task::spawn_blocking(move || {
            let _room = room;
            parse(bytes)
        });
        let parsed = parsed.await.map_err(|error| {
            let message = format!("the body could not be parsed: {error}");
            ApiError::Router(ProviderError::new(FailureKind::Internal, message).into())
        });
        Ok(parsed??)
    }

    /// Waits until so many bytes may be held. The semaphore is never closed.
    async fn room_for(&self, num_bytes: usize) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(num_bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        Arc::clone(&self.room).acquire_many_owned(units).await.ok()
    }
}

/// Reads on, up to a limit, and forgets it.
pub(crate) async fn discard(mut body: Body) {
    let mut num_bytes = 0;
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            num_bytes += frame.data_ref().map_or(0, Bytes::len);
            if num_bytes > DISCARD_BYTES {
                return;
            }
        }
    };
    // Who takes longer sees the connection break.
    let _ = timeout(DISCARD_TIME, reading).await;
}

/// An answer in JSON.
pub(crate) fn json_response(status: StatusCode, body: &Value) -> Response {
    raw_json_response(status, body.to_string().into())
}

/// An answer that is JSON already.
pub(crate) fn raw_json_response(status: StatusCode, body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
