//! An answer under way: the events of the engine become those of the answer.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use engine::{
    EventSink, Finish, FinishReason as EngineFinish, GenerateRequest, GenerationEvent,
    LogitConstraint, SamplingParams, SubmitError, TokenMask, TokenSet,
};
use futures_util::Stream;
use harmony::{Encoding, TokenId};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use super::call_memory::CallMemory;
use super::choice::{Choice, Grown};
use super::token_engine::TokenEngine;
use crate::error::{FailureKind, ProviderError};
use crate::provider::{AnswerEvent, AnswerSource, Delta, FinishReason, Progress, Usage};

/// All choices of one request, as a stream of events. Dropping it aborts them.
pub(super) struct Answering {
    engine: Arc<dyn TokenEngine>,
    encoding: Encoding,
    calls: Arc<CallMemory>,
    sequences: Vec<Sequence>,
    /// From the engine's thread. It holds an event for each token at most, and the tokens of a
    /// request are limited; the engine never waits for a slow client.
    sender: UnboundedSender<Heard>,
    receiver: UnboundedReceiver<Heard>,
    pending: VecDeque<Result<AnswerEvent, ProviderError>>,
    is_over: bool,
}

/// What is heard of the engine.
struct Heard {
    /// The sequence it is about, and which of its runs.
    index: usize,
    run: u32,
    /// `None`: the engine has forgotten the run.
    event: Option<GenerationEvent>,
}

/// What a request says about sampling; the same for a continuation.
#[derive(Clone)]
pub(super) struct Generation {
    pub(super) sampling: SamplingParams,
    /// Most tokens of the output.
    pub(super) max_tokens: usize,
    pub(super) stop_tokens: Vec<TokenId>,
}

impl Generation {
    fn request(&self, prompt: Vec<TokenId>, max_tokens: usize) -> GenerateRequest {
        GenerateRequest {
            prompt,
            max_tokens,
            stop_tokens: self.stop_tokens.clone(),
            sampling: self.sampling.clone(),
            constraint: None,
        }
    }
}

/// One sequence of the engine, which is one choice of the answer.
struct Sequence {
    /// `None` once it is complete.
    choice: Option<Choice>,
    prompt: Arc<Vec<TokenId>>,
    generation: Generation,
    generated: Vec<TokenId>,
    num_reasoning_tokens: usize,
    num_cached_tokens: usize,
    /// Whether its prompt counts: the choices of one prompt share it.
    counts_prompt: bool,
    /// How often it was started: a second time if the answer had to be asked for.
    run: u32,
    first_token: Option<Instant>,
    last_token: Option<Instant>,
    /// Keeps it running.
    hold: Option<Box<dyn Send>>,
}

impl Answering {
    pub(super) fn new(
        engine: Arc<dyn TokenEngine>,
        encoding: Encoding,
        calls: Arc<CallMemory>,
    ) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self {
            engine,
            encoding,
            calls,
            sequences: Vec::new(),
            sender,
            receiver,
            pending: VecDeque::new(),
            is_over: false,
        }
    }

    /// Starts one more choice.
    pub(super) fn start(
        &mut self,
        choice: Choice,
        prompt: &Arc<Vec<TokenId>>,
        generation: Generation,
        counts_prompt: bool,
    ) -> Result<(), SubmitError> {
        let request = generation.request(prompt.to_vec(), generation.max_tokens);
        let sink = self.sink(self.sequences.len(), 0);
        let hold = self.engine.generate(request, sink)?;
        self.sequences.push(Sequence {
            choice: Some(choice),
            prompt: Arc::clone(prompt),
            generation,
            generated: Vec::new(),
            num_reasoning_tokens: 0,
            num_cached_tokens: 0,
            counts_prompt,
            run: 0,
            first_token: None,
            last_token: None,
            hold: Some(hold),
        });
        Ok(())
    }

    /// Shows `text` before what choice `index` says.
    pub(super) fn echo(&mut self, index: usize, text: String) {
        self.push(index, vec![(Delta::Content(text), Vec::new())]);
    }

    fn sink(&self, index: usize, run: u32) -> EventSink {
        struct Feed {
            index: usize,
            run: u32,
            sender: UnboundedSender<Heard>,
        }
        impl Feed {
            fn send(&self, event: Option<GenerationEvent>) {
                let (index, run) = (self.index, self.run);
                // Nobody listens once the client has gone.
                let _ = self.sender.send(Heard { index, run, event });
            }
        }
        impl Drop for Feed {
            fn drop(&mut self) {
                self.send(None);
            }
        }
        let sender = self.sender.clone();
        let feed = Feed { index, run, sender };
        Box::new(move |event| feed.send(Some(event)))
    }

    fn hear(&mut self, index: usize, event: GenerationEvent) {
        let sequence = &mut self.sequences[index];
        match event {
            GenerationEvent::Prefill { .. } => {}
            GenerationEvent::Token(token) => {
                sequence.generated.push(token.id);
                let now = Instant::now();
                sequence.first_token.get_or_insert(now);
                sequence.last_token = Some(now);
                if let Some(choice) = &mut sequence.choice {
                    let grown = choice.take(&token);
                    let is_over = choice.is_over();
                    self.push(index, grown);
                    if is_over {
                        self.complete(index, FinishReason::Stop);
                    }
                }
            }
            GenerationEvent::Finished(finish) => self.finished(index, &finish),
            GenerationEvent::Failed(error) => {
                self.fail(FailureKind::Internal, format!("the engine failed: {error}"));
            }
        }
    }

    /// The engine forgot a sequence that had not ended.
    fn lose(&mut self) {
        let reason = self.engine.stopped();
        let reason = reason.unwrap_or_else(|| "it was shut down".to_owned());
        let message = format!("the engine has stopped: {reason}");
        self.fail(FailureKind::Unavailable, message);
    }

    fn finished(&mut self, index: usize, finish: &Finish) {
        let sequence = &mut self.sequences[index];
        if sequence.run == 0 {
            sequence.num_cached_tokens = finish.usage.cached_tokens;
        }
        let lacks_answer = sequence.choice.as_ref().is_some_and(Choice::lacks_answer);
        match finish.reason {
            EngineFinish::Length => self.complete(index, FinishReason::Length),
            EngineFinish::Aborted => self.fail(
                FailureKind::Unavailable,
                "the engine is shutting down".to_owned(),
            ),
            EngineFinish::Stop(_) if lacks_answer && sequence.run == 0 => {
                self.ask_for_answer(index);
            }
            EngineFinish::Stop(_) => self.complete(index, FinishReason::Stop),
        }
    }

    /// The model thought and then said nothing: lets it go on, at the beginning of an answer.
    fn ask_for_answer(&mut self, index: usize) {
        let sequence = &mut self.sequences[index];
        let special = self.encoding.special_tokens();
        let word = |text| self.encoding.tokenizer().encode(text);
        // Without its stop token; the message that it closed is closed all the same.
        let thought = sequence
            .generated
            .split_last()
            .map_or(&[][..], |(_, rest)| rest);
        let mut forced = Vec::new();
        if !thought.is_empty() {
            forced.extend([special.end, special.start]);
            forced.extend(word("assistant"));
        }
        forced.push(special.channel);
        forced.extend(word("final"));
        forced.push(special.message);

        let generation = &sequence.generation;
        let max_tokens = generation
            .max_tokens
            .saturating_sub(sequence.generated.len());
        if max_tokens == 0 {
            self.complete(index, FinishReason::Length);
            return;
        }
        let prompt = [sequence.prompt.as_slice(), thought, &forced].concat();
        let mut request = generation.request(prompt, max_tokens);
        // It has to say something this time.
        let has_words = |id: &TokenId| {
            let tokenizer = self.encoding.tokenizer();
            !tokenizer.is_special(*id) && tokenizer.token_bytes(*id).is_some()
        };
        let vocabulary = self.encoding.tokenizer().num_tokens();
        let words = (0..TokenId::try_from(vocabulary).unwrap_or(TokenId::MAX)).filter(has_words);
        request.constraint = Some(Box::new(BeginsWithWords {
            words: TokenSet::from_ids(vocabulary, words).into(),
            has_begun: false,
        }));
        sequence.run += 1;
        let run = sequence.run;
        if let Some(choice) = &mut sequence.choice {
            choice.take_forced(&forced);
        }
        match self.engine.generate(request, self.sink(index, run)) {
            Ok(hold) => self.sequences[index].hold = Some(hold),
            Err(SubmitError::PromptTooLong { .. }) => self.complete(index, FinishReason::Length),
            Err(error @ SubmitError::QueueFull { .. }) => {
                self.fail(FailureKind::Overloaded, error.to_string());
            }
            Err(error) => self.fail(FailureKind::Unavailable, error.to_string()),
        }
    }

    /// A choice is complete.
    fn complete(&mut self, index: usize, reason: FinishReason) {
        let sequence = &mut self.sequences[index];
        sequence.hold = None;
        let Some(mut choice) = sequence.choice.take() else {
            return;
        };
        let rest = choice.close();
        sequence.num_reasoning_tokens = choice.num_reasoning_tokens();
        if choice.num_repairs() > 0 {
            // Not what: that is the model's words.
            tracing::debug!(count = choice.num_repairs(), "mended the model's output");
        }
        let reason = match reason {
            FinishReason::Stop if choice.has_calls() => FinishReason::ToolCalls,
            reason => reason,
        };
        if choice.has_calls() {
            let (call_ids, messages) = choice.into_calls();
            self.calls.keep(&call_ids, messages);
        }
        self.push(index, rest);
        self.pending.push_back(Ok(AnswerEvent::Finished {
            choice: number(index),
            reason,
        }));
        if self
            .sequences
            .iter()
            .all(|sequence| sequence.choice.is_none())
        {
            self.is_over = true;
            let usage = Some(self.usage());
            self.pending
                .push_back(Ok(AnswerEvent::Ended { usage, fault: None }));
        }
    }

    fn push(&mut self, index: usize, grown: Vec<Grown>) {
        let events = grown.into_iter().map(|(delta, logprobs)| {
            Ok(AnswerEvent::Delta {
                choice: number(index),
                delta,
                logprobs,
            })
        });
        self.pending.extend(events);
    }

    fn fail(&mut self, kind: FailureKind, message: String) {
        if !std::mem::replace(&mut self.is_over, true) {
            for sequence in &mut self.sequences {
                sequence.hold = None;
            }
            self.pending
                .push_back(Err(ProviderError::new(kind, message)));
        }
    }

    fn usage(&self) -> Usage {
        let mut usage = Usage::default();
        for sequence in &self.sequences {
            if sequence.counts_prompt {
                usage.prompt_tokens += sequence.prompt.len();
                usage.cached_tokens += sequence.num_cached_tokens;
            }
            usage.completion_tokens += sequence.generated.len();
            let running = sequence.choice.as_ref().map(Choice::num_reasoning_tokens);
            usage.reasoning_tokens += running.unwrap_or(sequence.num_reasoning_tokens);
        }
        usage
    }
}

impl Stream for Answering {
    type Item = Result<AnswerEvent, ProviderError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Poll::Ready(Some(event));
            }
            if self.is_over {
                return Poll::Ready(None);
            }
            // The sender lies beside the receiver, so there is always a next one to wait for.
            let Some(heard) = ready!(self.receiver.poll_recv(context)) else {
                return Poll::Ready(None);
            };
            let Heard { index, run, event } = heard;
            // What is complete was aborted here, of which the engine tells a little later.
            let sequence = &self.sequences[index];
            if sequence.choice.is_none() || sequence.run != run {
                continue;
            }
            match event {
                Some(event) => self.hear(index, event),
                None => self.lose(),
            }
        }
    }
}

impl AnswerSource for Answering {
    fn progress(&self) -> Progress {
        let starts = self.sequences.iter().filter_map(|one| one.first_token);
        // One choice stands for all: they share the passes.
        let per_token = self.sequences.first().and_then(|one| {
            let gaps = u32::try_from(one.generated.len().checked_sub(1)?).ok()?;
            let time = one.last_token? - one.first_token?;
            time.checked_div(gaps)
        });
        Progress {
            usage: Some(self.usage()),
            num_said_bytes: 0,
            first_token: starts.min(),
            per_token,
        }
    }
}

/// Lets the first token be one that has words; anything after that.
struct BeginsWithWords {
    words: TokenMask,
    has_begun: bool,
}

impl LogitConstraint for BeginsWithWords {
    fn allowed(&mut self) -> TokenMask {
        match self.has_begun {
            true => TokenMask::All,
            false => self.words.clone(),
        }
    }

    fn accept(&mut self, _: TokenId) {
        self.has_begun = true;
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
