//! What the local provider needs of an engine: tokens in, tokens out.

use engine::{EngineHandle, EventSink, GenerateRequest, SubmitError};

/// An engine. [`EngineHandle`] is the real one; [`crate::provider::scripted::ScriptedEngine`]
/// replays what a test gives it.
pub trait TokenEngine: Send + Sync {
    /// Starts to generate, with the events going to `sink`. Dropping what is returned aborts.
    ///
    /// # Errors
    /// See [`SubmitError`].
    fn generate(
        &self,
        request: GenerateRequest,
        sink: EventSink,
    ) -> Result<Box<dyn Send>, SubmitError>;

    /// The most tokens of a sequence, prompt and output.
    fn max_sequence_len(&self) -> usize;

    /// Requests that run and wait now.
    fn num_in_flight(&self) -> usize;

    /// The most requests that may run and wait.
    fn max_in_flight(&self) -> usize;

    /// Why it runs no more, once something stopped it.
    fn stopped(&self) -> Option<String>;
}

impl TokenEngine for EngineHandle {
    fn generate(
        &self,
        request: GenerateRequest,
        sink: EventSink,
    ) -> Result<Box<dyn Send>, SubmitError> {
        let guard = self.generate_into(request, sink)?;
        Ok(Box::new(guard))
    }

    fn max_sequence_len(&self) -> usize {
        EngineHandle::max_sequence_len(self)
    }

    fn num_in_flight(&self) -> usize {
        EngineHandle::num_in_flight(self)
    }

    fn max_in_flight(&self) -> usize {
        EngineHandle::max_in_flight(self)
    }

    fn stopped(&self) -> Option<String> {
        EngineHandle::stopped(self).map(str::to_owned)
    }
}
