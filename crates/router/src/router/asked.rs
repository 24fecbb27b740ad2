//! A request in either API, as far as routing has to know.

use std::sync::Arc;

use super::table::Route;
use super::targets::AUTO;
use crate::error::RouterError;
use crate::openai::{ChatRequest, CompletionRequest};
use crate::policy::Needs;
use crate::provider::AnswerStream;

/// What is asked, in either API.
pub(super) enum Asked<'a> {
    Chat(&'a Arc<ChatRequest>),
    Completion(&'a Arc<CompletionRequest>),
}

impl Asked<'_> {
    pub(super) fn operation(&self) -> &'static str {
        match self {
            Self::Chat(_) => "chat",
            Self::Completion(_) => "text_completion",
        }
    }

    pub(super) fn id_prefix(&self) -> &'static str {
        match self {
            Self::Chat(_) => "chatcmpl-",
            Self::Completion(_) => "cmpl-",
        }
    }

    pub(super) fn is_stream(&self) -> bool {
        match self {
            Self::Chat(request) => request.is_stream(),
            Self::Completion(request) => request.is_stream(),
        }
    }

    /// The models that may answer, in order: those that are named, or whichever the router chooses.
    pub(super) fn models(&self) -> impl Iterator<Item = &str> {
        let (model, more) = match self {
            Self::Chat(request) => (&request.model, &request.models),
            Self::Completion(request) => (&request.model, &request.models),
        };
        let named = model.iter().chain(more.iter().flatten());
        let is_left_open = named.clone().next().is_none();
        named
            .map(String::as_str)
            .chain(is_left_open.then_some(AUTO))
    }

    pub(super) fn needs(&self) -> Needs {
        match self {
            Self::Chat(request) => Needs::of_chat(request),
            Self::Completion(request) => Needs::of_completion(request),
        }
    }

    /// The request as the client sent it.
    pub(super) fn content(&self) -> String {
        let body = match self {
            Self::Chat(request) => &request.body,
            Self::Completion(request) => &request.body,
        };
        String::from_utf8_lossy(body).into_owned()
    }

    pub(super) async fn ask(&self, route: &Route) -> Result<AnswerStream, RouterError> {
        let (provider, model) = (&route.host.provider, route.key.name.as_str());
        match self {
            Self::Chat(request) => provider.chat(model, request).await,
            Self::Completion(request) => provider.complete(model, request).await,
        }
    }
}
