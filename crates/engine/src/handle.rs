//! The engine on a thread of its own, for callers on any thread.
//!
//! [`EngineHandle::generate`] checks a request and hands it over; its [`Generation`] receives the
//! events. A caller with a queue of its own, such as an async task, takes
//! [`EngineHandle::generate_into`]. The limits:
//! * At most `max_sequences + max_queued` requests are in flight, counted from `generate` to their
//!   last event; one more is refused with [`SubmitError::QueueFull`]. The channel of requests is
//!   therefore never longer than that.
//! * A slow reader holds up nobody: the engine never waits for one. Its events wait in a channel of
//!   its own, which holds at most one for each token of its prompt and its output, and one more;
//!   they belong to the reader from then on and do not count as in flight.
//! * A [`Generation`] that is dropped or aborted ends with the forward pass that is under way.
//! * Dropping the handle aborts what is in flight and waits for the thread.
//! * If the engine panics, every reader gets [`GenerationEvent::Failed`] and later requests
//!   [`SubmitError::Stopped`]. Nobody waits for ever.

mod generation;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Instant;

use crate::engine::{Engine, EngineConfig};
use crate::event::GenerationEvent;
use crate::request::{GenerateRequest, RequestLimits, SubmitError};
use crate::sequence::SequenceId;
use crate::{Config, EngineError, Model};

pub use generation::{Generation, RequestGuard};

/// Takes the events of one request, on the engine's thread. It must neither block nor panic: every
/// other request waits for it.
pub type EventSink = Box<dyn FnMut(GenerationEvent) + Send>;

/// A running engine. Share it by reference or in an `Arc`.
#[derive(Debug)]
pub struct EngineHandle {
    model_config: Config,
    limits: RequestLimits,
    shared: Arc<Shared>,
    /// `None` once the handle is being dropped, which is how the thread learns of it.
    requests: Option<Sender<Submission>>,
    thread: Option<JoinHandle<()>>,
}

/// What the handle, the generations and the engine thread share.
#[derive(Debug)]
struct Shared {
    num_in_flight: AtomicUsize,
    max_in_flight: usize,
    /// Why the engine stopped, once it did for a reason of its own.
    stopped: OnceLock<String>,
}

/// A request on its way to the engine thread.
struct Submission {
    request: GenerateRequest,
    submitted: Instant,
    client: Client,
}

/// The engine thread's end of a request.
struct Client {
    events: EventSink,
    /// Set when the reader wants no more.
    aborted: Arc<AtomicBool>,
    permit: Permit,
}

/// A place among the requests in flight, given back when dropped.
struct Permit(Arc<Shared>);

impl EngineHandle {
    /// Starts an engine around `model`.
    ///
    /// # Errors
    /// As [`Engine::new`], and [`EngineError::Stopped`] if the thread cannot be started.
    pub fn spawn(model: Model, config: EngineConfig) -> Result<EngineHandle, EngineError> {
        let engine = Engine::new(model, config)?;
        let shared = Arc::new(Shared {
            num_in_flight: AtomicUsize::new(0),
            max_in_flight: engine.capacity(),
            stopped: OnceLock::new(),
        });
        let (model_config, limits) = (engine.model_config().clone(), engine.limits().clone());
        let (sender, receiver) = mpsc::channel();
        let thread_shared = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("engine".into())
            .spawn(move || run(engine, receiver, &thread_shared))
            .map_err(|error| EngineError::Stopped {
                reason: format!("its thread cannot be started: {error}"),
            })?;
        Ok(EngineHandle {
            model_config,
            limits,
            shared,
            requests: Some(sender),
            thread: Some(thread),
        })
    }

    /// Starts to generate. Returns at once.
    ///
    /// # Errors
    /// See [`SubmitError`]; the request is dropped.
    pub fn generate(&self, request: GenerateRequest) -> Result<Generation, SubmitError> {
        let (events, receiver) = mpsc::channel();
        // A reader that has stopped listening does not mind that an event is lost.
        let sink = move |event| drop(events.send(event));
        let guard = self.generate_into(request, Box::new(sink))?;
        Ok(Generation::new(receiver, guard))
    }

    /// Starts to generate, with the events going to `sink`. Returns at once; dropping the guard
    /// aborts the request.
    ///
    /// The last event is [`GenerationEvent::Finished`] or [`GenerationEvent::Failed`]; then `sink`
    /// is dropped. If it is dropped without one, the engine stopped before it saw the request:
    /// [`RequestGuard::stop_reason`] says why.
    ///
    /// # Errors
    /// See [`SubmitError`]; the request is dropped.
    pub fn generate_into(
        &self,
        request: GenerateRequest,
        sink: EventSink,
    ) -> Result<RequestGuard, SubmitError> {
        self.limits.check(&request)?;
        let permit = Shared::admit(&self.shared)?;
        let aborted = Arc::new(AtomicBool::new(false));
        let client = Client {
            events: sink,
            aborted: Arc::clone(&aborted),
            permit,
        };
        let submission = Submission {
            request,
            submitted: Instant::now(),
            client,
        };
        let sent = self
            .requests
            .as_ref()
            .is_some_and(|channel| channel.send(submission).is_ok());
        match sent {
            true => Ok(RequestGuard::new(aborted, Arc::clone(&self.shared))),
            false => Err(SubmitError::Stopped {
                reason: self.shared.stop_reason(),
            }),
        }
    }

    /// The model's hyper-parameters.
    pub fn model_config(&self) -> &Config {
        &self.model_config
    }

    /// The most tokens of a sequence, prompt and output: what the model was made for, or what the
    /// KV cache holds if that is less.
    pub fn max_sequence_len(&self) -> usize {
        self.limits.max_len
    }

    /// The most requests that run and wait at once; one more is refused.
    pub fn max_in_flight(&self) -> usize {
        self.shared.max_in_flight
    }

    /// Why the engine runs no more, once something stopped it.
    pub fn stopped(&self) -> Option<&str> {
        self.shared.stopped.get().map(String::as_str)
    }

    /// How many requests run or wait now.
    pub fn num_in_flight(&self) -> usize {
        self.shared.num_in_flight.load(Ordering::Relaxed)
    }
}

impl Drop for EngineHandle {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // The thread catches panics itself and has told the readers by now.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn admit(shared: &Arc<Shared>) -> Result<Permit, SubmitError> {
        let limit = shared.max_in_flight;
        shared
            .num_in_flight
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |n| {
                (n < limit).then_some(n + 1)
            })
            .map(|_| Permit(Arc::clone(shared)))
            .map_err(|_| SubmitError::QueueFull { limit })
    }

    fn stop_reason(&self) -> String {
        self.stopped
            .get()
            .map_or("it was shut down", String::as_str)
            .to_owned()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.num_in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Client {
    fn send(&mut self, event: GenerationEvent) {
        (self.events)(event);
    }

    /// Sends the last event. The place among the requests in flight is free before it arrives.
    fn end(mut self, event: GenerationEvent) {
        drop(self.permit);
        (self.events)(event);
    }
}

/// The engine thread.
fn run(mut engine: Engine, requests: Receiver<Submission>, shared: &Shared) {
    let mut clients = HashMap::new();
    let serving = AssertUnwindSafe(|| serve(&mut engine, &requests, &mut clients));
    if let Err(panic) = catch_unwind(serving) {
        let words = panic.downcast_ref::<String>().map(String::as_str);
        let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
        let reason = format!("it panicked: {}", words.unwrap_or("no message"));
        // First the reason, then the loss of the channels that makes readers look for it.
        let _ = shared.stopped.set(reason.clone());
        drop(requests);
        for client in clients.into_values() {
            client.end(GenerationEvent::Failed(EngineError::Stopped {
                reason: reason.clone(),
            }));
        }
    }
}

/// Serves requests until the handle is dropped.
fn serve(
    engine: &mut Engine,
    requests: &Receiver<Submission>,
    clients: &mut HashMap<SequenceId, Client>,
) {
    loop {
        // Sleeps only if there is nothing to compute.
        let next = match engine.is_idle() {
            true => requests.recv().map_err(|_| TryRecvError::Disconnected),
            false => requests.try_recv(),
        };
        match next {
            Ok(submission) => accept(submission, engine, clients),
            Err(TryRecvError::Empty) => {
                abort_if(engine, clients, |client| {
                    client.aborted.load(Ordering::Relaxed)
                });
                step(engine, clients);
            }
            Err(TryRecvError::Disconnected) => {
                abort_if(engine, clients, |_| true);
                return;
            }
        }
    }
}

fn accept(
    Submission {
        request,
        submitted,
        client,
    }: Submission,
    engine: &mut Engine,
    clients: &mut HashMap<SequenceId, Client>,
) {
    match engine.add_request_at(request, submitted) {
        Ok(id) => {
            clients.insert(id, client);
        }
        // The handle has checked the request and counts at least as many in flight as the engine.
        Err(error) => {
            client.end(GenerationEvent::Failed(EngineError::InvalidArgument(
                error.to_string(),
            )));
        }
    }
}

fn abort_if(
    engine: &mut Engine,
    clients: &mut HashMap<SequenceId, Client>,
    condition: impl Fn(&Client) -> bool,
) {
    for (id, client) in clients.extract_if(|_, client| condition(client)) {
        if let Some(finish) = engine.abort(id) {
            client.end(GenerationEvent::Finished(finish));
        }
    }
}

fn step(engine: &mut Engine, clients: &mut HashMap<SequenceId, Client>) {
    match engine.step() {
        Ok(outputs) => {
            for output in outputs {
                if !output.event.is_last() {
                    if let Some(client) = clients.get_mut(&output.id) {
                        client.send(output.event);
                    }
                } else if let Some(client) = clients.remove(&output.id) {
                    client.end(output.event);
                }
            }
        }
        Err(error) => {
            for (_, client) in clients.drain() {
                let reason = error.to_string();
                client.end(GenerationEvent::Failed(EngineError::StepFailed { reason }));
            }
        }
    }
}

#[cfg(test)]
mod tests;
