//! Server-sent events: one `data:` line for each chunk, `[DONE]` at the end.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::Response;
use futures_util::{Stream, StreamExt, stream};
use http_body_util::StreamBody;
use hyper::body::Frame;
use router::openai::error_body;
use router::provider::AnswerEvent;
use router::{FailureKind, ProviderError, RouterError, WatchedStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tracing::Span;

/// What is written when nothing else was for a while, so that no proxy takes the connection for
/// dead while a long prompt is read. Clients skip comments.
const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";
const DONE: &[u8] = b"data: [DONE]\n\n";

/// Writes an answer as events. `write` gives the JSON of an event, if it has one; `stop` ends the
/// stream early.
pub(crate) fn response(
    stream: WatchedStream,
    write: impl FnMut(AnswerEvent) -> Option<String> + Send + 'static,
    keep_alive: Duration,
    stop: watch::Receiver<bool>,
) -> Response {
    let events = Events {
        stream,
        write,
        keep_alive,
        stop,
        is_over: false,
        span: Span::current(),
    };
    let body = StreamBody::new(events.into_stream());
    let mut response = Response::new(Body::new(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Tells nginx not to hold events back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

struct Events<W> {
    stream: WatchedStream,
    write: W,
    keep_alive: Duration,
    stop: watch::Receiver<bool>,
    is_over: bool,
    /// Says in the log which request it is.
    span: Span,
}

impl<W: FnMut(AnswerEvent) -> Option<String> + Send + 'static> Events<W> {
    fn into_stream(self) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> + Send {
        stream::unfold(self, |mut events| async move {
            let bytes = events.next().await?;
            Some((Ok(Frame::data(bytes)), events))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        if self.is_over {
            return None;
        }
        let deadline = Instant::now() + self.keep_alive;
        loop {
            let item = tokio::select! {
                item = self.stream.next() => item,
                () = sleep_until(deadline) => return Some(Bytes::from_static(KEEP_ALIVE)),
                _ = self.stop.wait_for(|&is_stopped| is_stopped) => {
                    self.is_over = true;
                    self.stream.shut_down();
                    let message = "the server is shutting down";
                    let error = ProviderError::new(FailureKind::ShutDown, message);
                    return Some(data(&error_body(&error.into()).to_string()));
                }
            };
            match item {
                Some(Ok(AnswerEvent::Relayed(events))) => return Some(events),
                Some(Ok(event)) => {
                    if let Some(json) = (self.write)(event) {
                        return Some(data(&json));
                    }
                }
                // After the headers an error can only be told as an event; without `[DONE]` behind
                // it no client takes the answer for complete.
                Some(Err(error)) => {
                    self.is_over = true;
                    tracing::warn!(parent: &self.span, %error, "answer broke off");
                    return Some(data(&error_body(&RouterError::from(error)).to_string()));
                }
                None => {
                    self.is_over = true;
                    return Some(Bytes::from_static(DONE));
                }
            }
        }
    }
}

fn data(json: &str) -> Bytes {
    let mut line = Vec::with_capacity(json.len() + 8);
    line.extend_from_slice(b"data: ");
    line.extend_from_slice(json.as_bytes());
    line.extend_from_slice(b"\n\n");
    line.into()
}
