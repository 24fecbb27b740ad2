//! An answer that comes as a stream: read, judged, and passed on as it came.
//!
//! Nothing is passed on before the first word, thought or call, so that until then somebody else may
//! still be asked; what comes in the same look at the socket as the first word, a fault say, still
//! counts as before it. After that all whole events of one look at the socket go on as one piece of
//! memory, which the relay has read once and not copied.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use http::HeaderMap;
use tokio::time::{Instant, Sleep, sleep_until};

use super::classify::classify;
use super::client::{Exchange, body_error};
use super::judge::Judge;
use super::repair::Repairer;
use super::sse::{MAX_EVENT_BYTES, SseEvent, SseSplitter, sse_events};
use crate::config::Timeouts;
use crate::error::{FailureKind, ProviderError};
use crate::openai::upstream::Chunk;
use crate::provider::{AnswerEvent, AnswerSource, Progress, Usage};
use crate::recorder::now;

/// Events and bytes that are held back before the first word; after them they go on without it.
const MAX_HELD_EVENTS: usize = 64;
const MAX_HELD_BYTES: usize = 64 << 10;
/// Bytes that are taken from the socket before others get a turn.
const MAX_BATCH_BYTES: usize = 64 << 10;

/// What a relay has to know of the request and the host.
pub(super) struct RelayOptions {
    /// The host's name, for messages.
    pub(super) name: String,
    /// When the request began.
    pub(super) started: Instant,
    pub(super) timeouts: Timeouts,
    /// Bytes of the stream in all.
    pub(super) max_bytes: usize,
    /// Whether the client asked for the usage.
    pub(super) wants_usage: bool,
}

/// A stream of a host.
pub(super) struct Relay {
    options: RelayOptions,
    /// `None` once it is over.
    exchange: Option<Exchange>,
    splitter: SseSplitter,
    judge: Judge,
    /// `None` while events go on as they came.
    repairer: Option<Repairer>,
    /// Events that may not go on yet.
    held: Held,
    /// What the reader gets next.
    ready: VecDeque<Result<AnswerEvent, ProviderError>>,
    has_begun: bool,
    /// Whether the last item is in `ready` or was taken from it.
    is_over: bool,
    num_bytes: usize,
    usage: Option<Usage>,
    /// Whether an event that went on told the usage.
    is_usage_told: bool,
    first_token: Option<Instant>,
    last_event: Instant,
    timer: Pin<Box<Sleep>>,
}

/// Events in a row, the first piece without a copy.
#[derive(Default)]
struct Held {
    first: Bytes,
    more: BytesMut,
    num_events: usize,
}

impl Held {
    fn len(&self) -> usize {
        self.first.len().max(self.more.len())
    }

    fn push(&mut self, piece: Bytes) {
        if self.first.is_empty() && self.more.is_empty() {
            self.first = piece;
        } else {
            self.push_copy(&piece);
        }
    }

    fn push_copy(&mut self, piece: &[u8]) {
        if self.more.is_empty() {
            self.more.extend_from_slice(&self.first);
            self.first = Bytes::new();
        }
        self.more.extend_from_slice(piece);
    }

    fn take(&mut self) -> Bytes {
        self.num_events = 0;
        match self.more.is_empty() {
            true => std::mem::take(&mut self.first),
            false => self.more.split().freeze(),
        }
    }
}

impl Relay {
    pub(super) fn new(exchange: Exchange, judge: Judge, options: RelayOptions) -> Self {
        let deadline = options.started + options.timeouts.first_content;
        Self {
            last_event: options.started,
            options,
            exchange: Some(exchange),
            splitter: SseSplitter::default(),
            judge,
            repairer: None,
            held: Held::default(),
            ready: VecDeque::new(),
            has_begun: false,
            is_over: false,
            num_bytes: 0,
            usage: None,
            is_usage_told: false,
            first_token: None,
            timer: Box::pin(sleep_until(deadline)),
        }
    }

    /// Waits for the first word, thought or call.
    pub(super) async fn begin(&mut self) -> Result<(), ProviderError> {
        poll_fn(|context| {
            loop {
                if self.has_begun {
                    return Poll::Ready(Ok(()));
                }
                if self.is_over {
                    // What failed before it began has said nothing else.
                    let silent = Ok(AnswerEvent::Ended {
                        usage: None,
                        fault: None,
                    });
                    let last = self.ready.pop_back().unwrap_or(silent);
                    return Poll::Ready(last.map(|_| ()));
                }
                if self.advance(context).is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    /// Reads what there is; ready when it made something of it.
    fn advance(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let before = self.num_bytes;
        while !self.is_over {
            let Some(exchange) = &mut self.exchange else {
                break;
            };
            match exchange.poll_bytes(context) {
                Poll::Ready(Some(Ok(bytes))) => self.take(bytes),
                Poll::Ready(Some(Err(error))) => {
                    let (kind, words) = body_error(&error);
                    self.fail(kind, words);
                }
                Poll::Ready(None) => self.ended_by_host(),
                Poll::Pending => break,
            }
            if self.num_bytes - before > MAX_BATCH_BYTES {
                // There may be more, of which nobody will tell.
                context.waker().wake_by_ref();
                break;
            }
        }
        if self.is_over
            && let Some(mut exchange) = self.exchange.take()
            && exchange.poll_bytes(context).is_pending()
        {
            // The answer is complete, the end of its body is on the way.
            exchange.drain();
        }
        self.flush();
        let is_waiting = !self.has_begun || self.ready.is_empty();
        match is_waiting && !self.is_over {
            true => self.watch(context),
            false => Poll::Ready(()),
        }
    }

    /// Fails when a deadline has passed.
    fn watch(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            let (deadline, words) = self.deadline();
            if Instant::now() >= deadline {
                self.fail(FailureKind::Timeout, words);
                return Poll::Ready(());
            }
            // Events came in the meantime: a timer is set for each wait, not for each event.
            self.timer.as_mut().reset(deadline);
        }
    }

    fn deadline(&self) -> (Instant, String) {
        let Timeouts {
            first_content,
            idle,
            stream,
            ..
        } = self.options.timeouts;
        if !self.has_begun {
            let words = format!("not a word within {first_content:?}");
            return (self.options.started + first_content, words);
        }
        let (by_idle, by_length) = (self.last_event + idle, self.options.started + stream);
        match by_idle <= by_length {
            true => (by_idle, format!("nothing more for {idle:?}")),
            false => (by_length, format!("no end within {stream:?}")),
        }
    }

    fn take(&mut self, mut bytes: Bytes) {
        // What is within the limit counts, whatever came with it.
        let is_too_long = bytes.len() > self.options.max_bytes - self.num_bytes;
        bytes.truncate(self.options.max_bytes - self.num_bytes);
        self.num_bytes += bytes.len();
        match self.splitter.push(bytes) {
            Ok(block) if block.is_empty() => {}
            Ok(block) => self.take_block(&block, FailureKind::InvalidResponse),
            Err(_) => {
                let words = "an event of the stream does not end".to_owned();
                self.fail(FailureKind::InvalidResponse, words);
            }
        }
        if is_too_long {
            let words = format!("the stream has more than {} bytes", self.options.max_bytes);
            self.fail(FailureKind::InvalidResponse, words);
        }
    }

    /// Takes whole events. `malformed` says what it is if one is no JSON.
    fn take_block(&mut self, block: &Bytes, malformed: FailureKind) {
        let text = block.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        self.last_event = Instant::now();
        // Neighbours that go on as they are go on as one.
        let mut run = 0..0;
        for event in sse_events(text) {
            if text[event.place.clone()].trim_end().len() > MAX_EVENT_BYTES {
                self.keep(block, &mut run);
                let words = "an event of the stream is too long".to_owned();
                return self.fail(FailureKind::InvalidResponse, words);
            }
            let data = event.data.trim();
            if data.is_empty() {
                continue;
            }
            if data == "[DONE]" {
                self.keep(block, &mut run);
                return self.end();
            }
            let Ok(chunk) = serde_json::from_str::<Chunk<'_>>(data) else {
                self.keep(block, &mut run);
                return self.fail(malformed, "an event of the stream is no chunk".to_owned());
            };
            let error = chunk.error().or((event.name == "error").then_some(data));
            if let Some(error) = error {
                self.keep(block, &mut run);
                return self.fail_with(error);
            }
            self.usage = chunk.usage().or(self.usage);
            if let Some(repairer) = &mut self.repairer {
                let mut events = Vec::new();
                repairer.take(&chunk, &mut events);
                if repairer.is_full() {
                    let words = "too much of the stream has to be mended".to_owned();
                    return self.fail(FailureKind::InvalidResponse, words);
                }
                self.judge.take(&chunk);
                self.say(events);
                continue;
            }
            self.judge.take(&chunk);
            if self.judge.has_harmony() {
                self.keep(block, &mut run);
                self.mend(&chunk);
                continue;
            }
            if chunk.tells_usage() {
                let is_alone = chunk.choices().next().is_none();
                if is_alone && !self.options.wants_usage {
                    continue;
                }
                self.is_usage_told = true;
            }
            self.held.num_events += 1;
            if event.is_plain && run.end == event.place.start {
                run.end = event.place.end;
            } else {
                self.keep(block, &mut run);
                match event.is_plain {
                    true => run = event.place,
                    false => self.keep_rewritten(&event),
                }
            }
        }
        self.keep(block, &mut run);
        // The events before it have been heard.
        if text.len() < block.len() {
            let words = "the stream is not UTF-8".to_owned();
            self.fail(FailureKind::InvalidResponse, words);
        }
    }

    fn keep(&mut self, block: &Bytes, run: &mut Range<usize>) {
        if run.start < run.end {
            self.held.push(block.slice(run.clone()));
        }
        *run = run.end..run.end;
    }

    /// Keeps an event in the form that every client reads. JSON has line ends between tokens only.
    fn keep_rewritten(&mut self, event: &SseEvent<'_>) {
        let mut rewritten = BytesMut::with_capacity(event.data.len() + 8);
        rewritten.extend_from_slice(b"data: ");
        for (index, line) in event.data.trim().split('\n').enumerate() {
            if index > 0 {
                rewritten.extend_from_slice(b" ");
            }
            rewritten.extend_from_slice(line.as_bytes());
        }
        rewritten.extend_from_slice(b"\n\n");
        self.held.push(rewritten.freeze());
    }

    /// From here on the words are Harmony's: what was held back is read again, and this chunk.
    fn mend(&mut self, chunk: &Chunk<'_>) {
        let plain = self.judge.plain_choices();
        let mut repairer = Repairer::of_harmony(&self.judge.wishes().tools, plain);
        self.judge.begin_mending();
        let mut events = Vec::new();
        let held = self.held.take();
        // It was UTF-8 and JSON when it was kept.
        let text = std::str::from_utf8(&held).unwrap_or_default();
        for event in sse_events(text) {
            if let Ok(chunk) = serde_json::from_str(&event.data) {
                repairer.take(&chunk, &mut events);
            }
        }
        repairer.take(chunk, &mut events);
        self.repairer = Some(repairer);
        self.say(events);
    }

    /// Passes events of our own on.
    fn say(&mut self, events: Vec<AnswerEvent>) {
        for event in events {
            if let AnswerEvent::Delta { choice, delta, .. } = &event {
                self.judge.take_mended(*choice, delta);
            }
            self.ready.push_back(Ok(event));
        }
    }

    /// Lets go on what may.
    fn flush(&mut self) {
        let is_full = self.held.num_events > MAX_HELD_EVENTS || self.held.len() > MAX_HELD_BYTES;
        if !self.has_begun {
            if self.is_over || !(self.judge.has_begun() || is_full) {
                return;
            }
            self.begin_now();
        }
        if self.is_over || is_full || !self.judge.is_unclear() {
            self.release();
        }
    }

    fn begin_now(&mut self) {
        let now = Instant::now();
        self.has_begun = true;
        self.first_token = Some(now);
        self.last_event = now;
        let (deadline, _) = self.deadline();
        self.timer.as_mut().reset(deadline);
    }

    fn release(&mut self) {
        let events = self.held.take();
        if !events.is_empty() {
            self.ready.push_back(Ok(AnswerEvent::Relayed(events)));
        }
    }

    /// The body ended, without `[DONE]` so far.
    fn ended_by_host(&mut self) {
        self.exchange = None;
        let rest = self.splitter.finish();
        if !rest.is_empty() {
            self.take_block(&rest, FailureKind::BrokenStream);
        }
        if self.is_over {
            return;
        }
        if self.num_bytes == 0 {
            return self.fail(FailureKind::EmptyAnswer, "it said nothing".to_owned());
        }
        match self.judge.is_finished() {
            true => self.end(),
            false => {
                let words = "the stream ended in the middle of the answer".to_owned();
                self.fail(FailureKind::BrokenStream, words);
            }
        }
    }

    /// The answer is complete.
    fn end(&mut self) {
        if let Some(mut repairer) = self.repairer.take() {
            let mut events = Vec::new();
            repairer.finish(&mut events);
            self.say(events);
        }
        let fault = match self.judge.verdict() {
            // Nothing went on yet: somebody else may do better.
            Some((kind, words)) if !self.has_begun => {
                return self.fail(kind, words);
            }
            verdict => verdict.map(|(kind, _)| kind),
        };
        if !self.has_begun {
            self.begin_now();
        }
        self.release();
        self.is_over = true;
        self.ready.push_back(Ok(AnswerEvent::Ended {
            usage: self.usage.filter(|_| !self.is_usage_told),
            fault,
        }));
    }

    fn fail(&mut self, kind: FailureKind, words: String) {
        let words = format!("{}: {words}", self.options.name);
        let mut error = ProviderError::new(kind, words);
        error.http_status = Some(200);
        self.fail_as(error);
    }

    /// Fails with what the host says in the stream.
    fn fail_with(&mut self, error: &str) {
        let mut error = classify(200, &HeaderMap::new(), error.as_bytes(), now());
        error.message = format!("{}: {}", self.options.name, error.message);
        self.fail_as(error);
    }

    fn fail_as(&mut self, error: ProviderError) {
        if self.is_over {
            return;
        }
        self.is_over = true;
        self.exchange = None;
        match self.has_begun {
            true => self.release(),
            false => {
                self.held.take();
                self.ready.clear();
            }
        }
        self.ready.push_back(Err(error));
    }
}

impl Stream for Relay {
    type Item = Result<AnswerEvent, ProviderError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Poll::Ready(Some(item));
            }
            if self.is_over {
                return Poll::Ready(None);
            }
            if self.advance(context).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl AnswerSource for Relay {
    fn progress(&self) -> Progress {
        let tokens = self.usage.map_or(0, |usage| usage.completion_tokens);
        let gaps = u32::try_from(tokens.saturating_sub(1)).unwrap_or(u32::MAX);
        let took = self.first_token.map(|first| self.last_event - first);
        Progress {
            usage: self.usage,
            num_said_bytes: self.judge.num_said_bytes(),
            first_token: self.first_token.map(Instant::into_std),
            per_token: took.filter(|_| gaps > 0).map(|took| took / gaps),
        }
    }
}
