//! The engine thread, kept in step by a constraint that stops it where a test wants it.

use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use super::*;
use crate::constraint::{LogitConstraint, TokenMask};
use crate::engine::tests::{generate_alone, model, request};
use crate::{FinishReason, GeneratedToken, TokenId};

fn handle(config: EngineConfig) -> EngineHandle {
    EngineHandle::spawn(model(1), config).unwrap()
}

/// Reports each token before it is sampled, and waits until it may be. Lets everything pass once
/// the test has dropped its [`Gate`].
struct Gated {
    reached: Sender<usize>,
    may_pass: Receiver<()>,
    num_tokens: usize,
}

/// The test's side of a [`Gated`].
struct Gate {
    /// Disconnected once the engine has dropped the request.
    reached: Receiver<usize>,
    may_pass: Sender<()>,
}

fn gated(request: GenerateRequest) -> (GenerateRequest, Gate) {
    let (reached_sender, reached) = mpsc::channel();
    let (may_pass, may_pass_receiver) = mpsc::channel();
    let gated = Gated {
        reached: reached_sender,
        may_pass: may_pass_receiver,
        num_tokens: 0,
    };
    (
        GenerateRequest {
            constraint: Some(Box::new(gated)),
            ..request
        },
        Gate { reached, may_pass },
    )
}

impl LogitConstraint for Gated {
    fn allowed(&mut self) -> TokenMask {
        let _ = self.reached.send(self.num_tokens);
        let _ = self.may_pass.recv();
        TokenMask::All
    }

    fn accept(&mut self, _: TokenId) {
        self.num_tokens += 1;
    }
}

struct Panicking;

impl LogitConstraint for Panicking {
    fn allowed(&mut self) -> TokenMask {
        panic!("out of cheese")
    }

    fn accept(&mut self, _: TokenId) {}
}

fn tokens(generation: Generation) -> Vec<GeneratedToken> {
    let mut tokens = Vec::new();
    let mut last = None;
    for event in generation {
        if let GenerationEvent::Token(token) = &event {
            tokens.push(token.clone());
        }
        last = Some(event);
    }
    assert!(
        matches!(last, Some(GenerationEvent::Finished(_))),
        "{last:?}"
    );
    tokens
}

#[test]
fn callers_on_several_threads_get_what_each_would_get_alone() {
    let handle = handle(EngineConfig {
        max_sequences: 3,
        ..EngineConfig::default()
    });
    let model = model(1);
    std::thread::scope(|scope| {
        for caller in 0..4 {
            let (handle, model) = (&handle, &model);
            scope.spawn(move || {
                for round in 0..3 {
                    let request = || request(1 + 31 * caller + round, 20 + caller);
                    let alone = generate_alone(model, &request());
                    assert_eq!(tokens(handle.generate(request()).unwrap()), alone);
                }
            });
        }
    });
    assert_eq!(handle.num_in_flight(), 0);
}

#[test]
fn a_bad_request_is_refused_at_once() {
    let handle = handle(EngineConfig::default());
    assert_eq!(
        handle.generate(request(0, 1)).unwrap_err(),
        SubmitError::EmptyPrompt
    );
    let limit = handle.max_sequence_len() - 1;
    assert_eq!(limit, handle.model_config().max_position_embeddings - 1);
    let refused = handle.generate(request(limit + 1, 1)).unwrap_err();
    assert_eq!(
        refused,
        SubmitError::PromptTooLong {
            limit,
            got: limit + 1
        }
    );
    assert_eq!(handle.num_in_flight(), 0);
}

#[test]
fn dropping_a_generation_ends_it_with_the_pass_under_way() {
    let handle = handle(EngineConfig::default());
    let (request, gate) = gated(request(5, 100));
    let generation = handle.generate(request).unwrap();
    for num_tokens in 0..3 {
        assert_eq!(gate.reached.recv(), Ok(num_tokens));
        gate.may_pass.send(()).unwrap();
    }
    assert_eq!(gate.reached.recv(), Ok(3));
    drop(generation);
    gate.may_pass.send(()).unwrap();
    // The engine drops the request before it reaches another token.
    assert!(gate.reached.recv().is_err());
}

#[test]
fn an_aborted_generation_says_what_it_took() {
    let handle = handle(EngineConfig::default());
    let (request, gate) = gated(request(5, 100));
    let mut generation = handle.generate(request).unwrap();
    assert_eq!(gate.reached.recv(), Ok(0));
    generation.abort();
    gate.may_pass.send(()).unwrap();
    let last = generation.by_ref().last();
    let Some(GenerationEvent::Finished(finish)) = last else {
        panic!("{last:?}")
    };
    assert_eq!(finish.reason, FinishReason::Aborted);
    assert_eq!(
        (finish.usage.prompt_tokens, finish.usage.completion_tokens),
        (5, 1)
    );
    assert!(generation.next().is_none());
}

#[test]
fn a_waiting_generation_can_be_dropped() {
    let handle = handle(EngineConfig {
        max_sequences: 1,
        ..EngineConfig::default()
    });
    let (running, running_gate) = gated(request(5, 100));
    let (waiting, waiting_gate) = gated(request(6, 100));
    let running = handle.generate(running).unwrap();
    let waiting = handle.generate(waiting).unwrap();
    assert_eq!(running_gate.reached.recv(), Ok(0));
    drop(waiting);
    running_gate.may_pass.send(()).unwrap();
    assert!(waiting_gate.reached.recv().is_err());
    drop(running_gate);
    assert_eq!(tokens(running).len(), 100);
}

#[test]
fn one_request_too_many_is_refused_until_another_ends() {
    let handle = handle(EngineConfig {
        max_sequences: 1,
        max_queued: 1,
        ..EngineConfig::default()
    });
    let (first, gate) = gated(request(5, 1));
    let first = handle.generate(first).unwrap();
    let second = handle.generate(request(6, 1)).unwrap();
    let refused = handle.generate(request(7, 1)).unwrap_err();
    assert_eq!(refused, SubmitError::QueueFull { limit: 2 });
    assert_eq!(handle.num_in_flight(), 2);
    drop(gate);
    // The place is free by the time the last event arrives.
    assert_eq!(tokens(first).len(), 1);
    let third = handle.generate(request(7, 1)).unwrap();
    assert_eq!(tokens(second).len(), 1);
    assert_eq!(tokens(third).len(), 1);
}

#[test]
fn a_reader_who_does_not_read_holds_up_nobody() {
    let handle = handle(EngineConfig {
        max_sequences: 1,
        ..EngineConfig::default()
    });
    let unread = handle.generate(request(5, 200)).unwrap();
    // With one place, this one starts when the other has ended.
    assert_eq!(tokens(handle.generate(request(6, 5)).unwrap()).len(), 5);
    assert_eq!(tokens(unread).len(), 200);
}

#[test]
fn waiting_can_be_limited_or_avoided() {
    let handle = handle(EngineConfig::default());
    let (request, gate) = gated(request(5, 1));
    let mut generation = handle.generate(request).unwrap();
    assert_eq!(gate.reached.recv(), Ok(0));
    // The prompt is reported with the first token.
    assert_eq!(generation.try_recv().unwrap_err(), TryRecvError::Empty);
    let error = generation
        .recv_timeout(Duration::from_millis(1))
        .unwrap_err();
    assert_eq!(error, RecvTimeoutError::Timeout);
    drop(gate);
    assert!(matches!(
        generation.recv(),
        Ok(GenerationEvent::Prefill { done: 5, total: 5 })
    ));
    assert!(matches!(generation.recv(), Ok(GenerationEvent::Token(_))));
    let forever = Duration::from_secs(3600);
    assert!(matches!(
        generation.recv_timeout(forever),
        Ok(GenerationEvent::Finished(_))
    ));
    assert!(generation.recv().is_err());
    assert_eq!(
        generation.try_recv().unwrap_err(),
        TryRecvError::Disconnected
    );
    let error = generation.recv_timeout(forever).unwrap_err();
    assert_eq!(error, RecvTimeoutError::Disconnected);
}

#[test]
fn a_panic_reaches_every_reader_and_later_callers() {
    let handle = handle(EngineConfig::default());
    let (first, gate) = gated(request(5, 100));
    let first = handle.generate(first).unwrap();
    assert_eq!(gate.reached.recv(), Ok(0));
    let constraint: Option<Box<dyn LogitConstraint>> = Some(Box::new(Panicking));
    let second = handle
        .generate(GenerateRequest {
            constraint,
            ..request(6, 100)
        })
        .unwrap();
    drop(gate);
    for generation in [first, second] {
        let last = generation.last();
        let Some(GenerationEvent::Failed(error)) = last else {
            panic!("{last:?}")
        };
        assert_eq!(
            error.to_string(),
            "the engine has stopped: it panicked: out of cheese"
        );
    }
    let refused = handle.generate(request(7, 1)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the engine has stopped: it panicked: out of cheese"
    );
    assert_eq!(handle.num_in_flight(), 0);
}

#[test]
fn dropping_the_handle_ends_everything() {
    let mut handle = handle(EngineConfig {
        max_sequences: 1,
        ..EngineConfig::default()
    });
    let (running, gate) = gated(request(5, 100));
    let running = handle.generate(running).unwrap();
    let waiting = handle.generate(request(6, 100)).unwrap();
    assert_eq!(gate.reached.recv(), Ok(0));
    // What dropping does first; then it waits for the thread, which must not wait for the gate.
    handle.requests = None;
    drop(gate);
    drop(handle);
    for generation in [running, waiting] {
        let last = generation.last();
        let Some(GenerationEvent::Finished(finish)) = last else {
            panic!("{last:?}")
        };
        assert_eq!(finish.reason, FinishReason::Aborted);
    }
}

#[test]
fn a_failed_pass_is_reported_to_everyone_in_flight() {
    let mut engine = Engine::new(model(1), EngineConfig::default()).unwrap();
    let shared = Arc::new(Shared {
        num_in_flight: AtomicUsize::new(0),
        max_in_flight: 2,
        stopped: OnceLock::new(),
    });
    let mut clients = HashMap::new();
    let mut generations = Vec::new();
    for prompt_len in [3, 4] {
        let (events, receiver) = mpsc::channel();
        let aborted = Arc::new(AtomicBool::new(false));
        let guard = RequestGuard::new(Arc::clone(&aborted), Arc::clone(&shared));
        generations.push(Generation::new(receiver, guard));
        let client = Client {
            events: Box::new(move |event| drop(events.send(event))),
            aborted,
            permit: Shared::admit(&shared).unwrap(),
        };
        let id = engine.add_request(request(prompt_len, 5)).unwrap();
        clients.insert(id, client);
    }
    engine.break_down();
    step(&mut engine, &mut clients);
    for generation in generations {
        let events: Vec<_> = generation.collect();
        assert!(matches!(
            events[..],
            [GenerationEvent::Failed(EngineError::StepFailed { .. })]
        ));
    }
    assert_eq!(shared.num_in_flight.load(Ordering::Relaxed), 0);
    assert!(clients.is_empty() && engine.is_idle());
}
