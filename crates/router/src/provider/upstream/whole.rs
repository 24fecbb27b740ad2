//! An answer that came in one piece, or that is at hand for another reason.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use http::HeaderMap;
use tokio::time::Instant;

use super::classify::classify;
use super::judge::Judge;
use super::repair::Repairer;
use crate::error::{FailureKind, ProviderError};
use crate::openai::upstream::Chunk;
use crate::provider::{AnswerEvent, AnswerSource, Progress};
use crate::recorder::now;

/// The events of an answer that is there already.
pub(super) struct Told {
    events: VecDeque<AnswerEvent>,
    progress: Progress,
}

impl Told {
    /// Judges the body of an answer. `headers` are those it came with; `as_stream` says whether the
    /// client asked for a stream, and gets one.
    pub(super) fn new(
        body: Bytes,
        headers: &HeaderMap,
        mut judge: Judge,
        as_stream: bool,
    ) -> Result<Self, ProviderError> {
        let failed = |kind, words: &str| {
            let mut error = ProviderError::new(kind, words);
            error.http_status = Some(200);
            error
        };
        if body.trim_ascii().is_empty() {
            return Err(failed(FailureKind::EmptyAnswer, "it said nothing"));
        }
        let text = std::str::from_utf8(&body)
            .map_err(|_| failed(FailureKind::InvalidResponse, "the answer is not UTF-8"))?;
        let chunk: Chunk<'_> =
            serde_json::from_str(text).map_err(|error| match error.is_eof() {
                true => failed(FailureKind::BrokenStream, "the answer ends in the middle"),
                false => failed(
                    FailureKind::InvalidResponse,
                    "the answer is no JSON of this API",
                ),
            })?;
        if let Some(error) = chunk.error() {
            return Err(classify(200, headers, error.as_bytes(), now()));
        }
        if !chunk.has_choices() {
            // Some put an error there without calling it one.
            return Err(
                match text.contains("\"message\"") || text.contains("\"detail\"") {
                    true => classify(200, headers, text.as_bytes(), now()),
                    false => failed(FailureKind::InvalidResponse, "the answer has no choices"),
                },
            );
        }
        judge.take(&chunk);
        let is_mendable = judge.is_mendable();
        if !is_mendable && let Some((kind, words)) = judge.verdict() {
            return Err(failed(kind, &words));
        }
        let (usage, num_said_bytes) = (chunk.usage(), judge.num_said_bytes());
        let mut events = Vec::new();
        let repairer = match (is_mendable, as_stream) {
            (true, _) => Some(Repairer::of_harmony(&judge.wishes().tools, Vec::new())),
            (false, true) => Some(Repairer::of_words()),
            (false, false) => None,
        };
        match repairer {
            None => events.push(AnswerEvent::Whole(body.clone())),
            Some(mut repairer) => {
                repairer.take(&chunk, &mut events);
                if repairer.is_full() {
                    let words = "too much of the answer has to be mended";
                    return Err(failed(FailureKind::InvalidResponse, words));
                }
                repairer.finish(&mut events);
            }
        }
        events.push(AnswerEvent::Ended { usage, fault: None });
        Ok(Self {
            events: events.into(),
            progress: Progress {
                usage,
                num_said_bytes,
                first_token: Some(Instant::now().into_std()),
                per_token: None,
            },
        })
    }
}

impl Stream for Told {
    type Item = Result<AnswerEvent, ProviderError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.events.pop_front().map(Ok))
    }
}

impl AnswerSource for Told {
    fn progress(&self) -> Progress {
        self.progress
    }
}
