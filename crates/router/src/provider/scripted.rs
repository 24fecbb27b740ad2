//! An engine that replays what it is given, for tests of everything above engines: the same tokens
//! every time, at the pace of the test, and every way to fail.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::{
    EngineError, EventSink, Finish, FinishReason, GenerateRequest, GeneratedToken, GenerationEvent,
    SubmitError, Timings, TokenId, Usage,
};

use harmony::Encoding;

use super::local::{LocalModel, LocalProvider, SamplingDefaults, TokenEngine};
use crate::model_info::{ModelId, ModelInfo, ModelSpec};

/// What happens next in a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// This token is generated.
    Token(TokenId),
    /// Nothing happens until [`ScriptedEngine::release`].
    Gate,
    /// The engine fails with these words.
    Fail(String),
    /// The engine forgets the request without a word, as one that panics does.
    Vanish,
}

/// Writes the script of a request.
pub type Script = Box<dyn Fn(&GenerateRequest) -> Vec<Step> + Send + Sync>;

/// What a model of gpt-oss's vocabulary writes, in words: `[start]`, `[channel]`, `[message]`,
/// `[constrain]`, `[end]`, `[call]` and `[return]` are special tokens, `{gate}`, `{fail}` and
/// `{vanish}` the other steps.
pub fn steps(text: &str) -> Vec<Step> {
    let encoding = Encoding::gpt_oss();
    let special = encoding.special_tokens();
    let named = [
        ("[start]", Step::Token(special.start)),
        ("[channel]", Step::Token(special.channel)),
        ("[message]", Step::Token(special.message)),
        ("[constrain]", Step::Token(special.constrain)),
        ("[end]", Step::Token(special.end)),
        ("[call]", Step::Token(special.call)),
        ("[return]", Step::Token(special.return_)),
        ("{gate}", Step::Gate),
        ("{fail}", Step::Fail("out of luck".to_owned())),
        ("{vanish}", Step::Vanish),
    ];
    let mut steps = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some((name, step)) = named.iter().find(|(name, _)| rest.starts_with(name)) {
            steps.push(step.clone());
            rest = &rest[name.len()..];
            continue;
        }
        let ends = named.iter().filter_map(|(name, _)| rest.find(name));
        let (words, more) = rest.split_at(ends.min().unwrap_or(rest.len()));
        let tokens = encoding.tokenizer().encode(words);
        steps.extend(tokens.into_iter().map(Step::Token));
        rest = more;
    }
    steps
}

/// A local provider of a model named `scripted` that answers a prompt, which it gets as text, with
/// what `write` says, in the words of [`steps`]. `limits` are those of
/// [`ScriptedEngine::with_limits`].
pub fn provider(
    limits: (usize, usize),
    write: impl Fn(&str) -> String + Send + Sync + 'static,
) -> (LocalProvider, Arc<ScriptedEngine>) {
    let encoding = Encoding::gpt_oss();
    let decoder = encoding.clone();
    let script = move |request: &GenerateRequest| {
        let prompt = decoder.tokenizer().decode(&request.prompt);
        steps(&write(&String::from_utf8_lossy(&prompt)))
    };
    let engine = ScriptedEngine::new(Box::new(script)).with_limits(limits.0, limits.1);
    let engine = Arc::new(engine);
    let model = LocalModel {
        info: ModelInfo {
            id: ModelId("test/scripted".to_owned()),
            provider_name: "test/scripted".to_owned(),
            aliases: vec!["scripted".to_owned()],
            owned_by: "test".to_owned(),
            spec: ModelSpec::default(),
        },
        encoding,
        sampling: SamplingDefaults::default(),
        date: Some("2026-01-02".to_owned()),
    };
    let provider = LocalProvider::new(model, Arc::clone(&engine) as Arc<dyn TokenEngine>);
    (provider, engine)
}

/// An engine that follows scripts.
pub struct ScriptedEngine {
    script: Script,
    max_sequence_len: usize,
    max_in_flight: usize,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    num_in_flight: AtomicUsize,
    at_gates: Mutex<Vec<Playback>>,
    requests: Mutex<Vec<Vec<TokenId>>>,
}

/// A script being played.
struct Playback {
    steps: VecDeque<Step>,
    sink: EventSink,
    is_aborted: Arc<AtomicBool>,
    stop_tokens: Vec<TokenId>,
    num_prompt_tokens: usize,
    num_generated: usize,
    max_tokens: usize,
    with_logprobs: bool,
}

/// Aborts a request when dropped.
struct Guard {
    shared: Arc<Shared>,
    is_aborted: Arc<AtomicBool>,
}

impl ScriptedEngine {
    /// An engine with room for 4,096 tokens a sequence and 4 requests.
    pub fn new(script: Script) -> Self {
        Self {
            script,
            max_sequence_len: 4096,
            max_in_flight: 4,
            shared: Arc::default(),
        }
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(mut self, max_sequence_len: usize, max_in_flight: usize) -> Self {
        self.max_sequence_len = max_sequence_len;
        self.max_in_flight = max_in_flight;
        self
    }

    /// Lets every request that waits at a gate go on to its next one.
    pub fn release(&self) {
        let waiting = std::mem::take(&mut *lock(&self.shared.at_gates));
        for playback in waiting {
            playback.play(&self.shared);
        }
    }

    /// The prompts that came so far.
    pub fn prompts(&self) -> Vec<Vec<TokenId>> {
        lock(&self.shared.requests).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TokenEngine for ScriptedEngine {
    fn generate(
        &self,
        request: GenerateRequest,
        sink: EventSink,
    ) -> Result<Box<dyn Send>, SubmitError> {
        if request.prompt.len() >= self.max_sequence_len {
            return Err(SubmitError::PromptTooLong {
                limit: self.max_sequence_len - 1,
                got: request.prompt.len(),
            });
        }
        if self.num_in_flight() >= self.max_in_flight {
            let limit = self.max_in_flight;
            return Err(SubmitError::QueueFull { limit });
        }
        self.shared.num_in_flight.fetch_add(1, Ordering::Relaxed);
        lock(&self.shared.requests).push(request.prompt.clone());
        let is_aborted = Arc::new(AtomicBool::new(false));
        let playback = Playback {
            steps: (self.script)(&request).into(),
            sink,
            is_aborted: Arc::clone(&is_aborted),
            num_prompt_tokens: request.prompt.len(),
            num_generated: 0,
            max_tokens: request
                .max_tokens
                .min(self.max_sequence_len - request.prompt.len()),
            stop_tokens: request.stop_tokens,
            with_logprobs: request.sampling.top_logprobs.is_some(),
        };
        playback.play(&self.shared);
        Ok(Box::new(Guard {
            shared: Arc::clone(&self.shared),
            is_aborted,
        }))
    }

    fn max_sequence_len(&self) -> usize {
        self.max_sequence_len
    }

    fn num_in_flight(&self) -> usize {
        self.shared.num_in_flight.load(Ordering::Relaxed)
    }

    fn max_in_flight(&self) -> usize {
        self.max_in_flight
    }

    fn stopped(&self) -> Option<String> {
        None
    }
}

impl Playback {
    fn play(mut self, shared: &Shared) {
        while let Some(step) = self.steps.pop_front() {
            if self.is_aborted.load(Ordering::Relaxed) {
                return self.end(FinishReason::Aborted, shared);
            }
            match step {
                Step::Gate => {
                    lock(&shared.at_gates).push(self);
                    return;
                }
                Step::Vanish => {
                    shared.num_in_flight.fetch_sub(1, Ordering::Relaxed);
                    return;
                }
                Step::Fail(reason) => {
                    shared.num_in_flight.fetch_sub(1, Ordering::Relaxed);
                    let error = EngineError::StepFailed { reason };
                    (self.sink)(GenerationEvent::Failed(error));
                    return;
                }
                Step::Token(id) => {
                    self.num_generated += 1;
                    let logprob = self.with_logprobs.then_some(-0.5);
                    let top_logprobs = logprob.map(|logprob| (id, logprob)).into_iter().collect();
                    (self.sink)(GenerationEvent::Token(GeneratedToken {
                        id,
                        logprob,
                        top_logprobs,
                    }));
                    if self.stop_tokens.contains(&id) {
                        return self.end(FinishReason::Stop(id), shared);
                    }
                    if self.num_generated == self.max_tokens {
                        break;
                    }
                }
            }
        }
        self.end(FinishReason::Length, shared);
    }

    fn end(mut self, reason: FinishReason, shared: &Shared) {
        shared.num_in_flight.fetch_sub(1, Ordering::Relaxed);
        (self.sink)(GenerationEvent::Finished(Finish {
            reason,
            usage: Usage {
                prompt_tokens: self.num_prompt_tokens,
                cached_tokens: 0,
                completion_tokens: self.num_generated,
            },
            timings: Timings::default(),
        }));
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.is_aborted.store(true, Ordering::Relaxed);
        // Whatever waits at a gate is not waited for any more.
        let mut at_gates = lock(&self.shared.at_gates);
        let (aborted, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut *at_gates)
            .into_iter()
            .partition(|playback| playback.is_aborted.load(Ordering::Relaxed));
        *at_gates = waiting;
        drop(at_gates);
        for playback in aborted {
            playback.end(FinishReason::Aborted, &self.shared);
        }
    }
}
