//! `/og/…`: the pictures that stand for pages where somebody links to them.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use router::catalog::Model;
use router::flr::Shown;
use router::{FailureKind, ProviderError, RouterError};
use tokio::sync::Semaphore;

use super::overview::{Overview, USUAL_WINDOW};
use super::picture::{Card, DrawError, Figure, draw};
use super::row::ErrorText;
use super::text;
use crate::error::ApiError;
use crate::recent::Recent;
use crate::routes::AppState;

/// How old a picture may be.
const MAX_AGE: Duration = Duration::from_secs(3600);
/// The same for those who keep answers.
const CACHE: &str = "public, max-age=3600";
/// Pictures that are kept; of some 60 KB each.
const MAX_PICTURES: usize = 128;
/// Pictures that are drawn at once. The rest waits: nobody looks at them while they wait.
const MAX_DRAWN: usize = 2;
/// The days that a picture tells of.
const DAYS: u32 = 30;

/// The pictures that were drawn lately, by model; that of the whole site has none.
pub(crate) struct Pictures {
    drawn: Recent<Option<String>, Bytes, DrawError>,
    places: Arc<Semaphore>,
}

impl Default for Pictures {
    fn default() -> Self {
        Self {
            drawn: Recent::with_room(MAX_AGE, MAX_PICTURES),
            places: Arc::new(Semaphore::new(MAX_DRAWN)),
        }
    }
}

impl Pictures {
    async fn get(&self, key: Option<String>, card: Card) -> Result<Response, ApiError> {
        let drawn = self.drawn.get(key, async || {
            // The semaphore is never closed.
            let place = Arc::clone(&self.places).acquire_owned().await.ok();
            // The drawing goes on when nobody waits for it any more, and keeps its place until it ends.
            let drawn = tokio::task::spawn_blocking(move || {
                let _place = place;
                draw(&card)
            });
            let drawn = drawn.await;
            let drawn = drawn.map_err(|error| DrawError::Task(error.to_string()))?;
            drawn.map(Bytes::from)
        });
        let png = drawn.await.map_err(|error| {
            let message = format!("the picture could not be drawn: {error}");
            RouterError::from(ProviderError::new(FailureKind::Internal, message))
        })?;
        let mut response = Response::new(Body::from(Bytes::clone(&png)));
        let headers = response.headers_mut();
        let mut say = |name: HeaderName, value: &'static str| {
            headers.insert(name, HeaderValue::from_static(value));
        };
        say(CONTENT_TYPE, "image/png");
        say(CACHE_CONTROL, CACHE);
        say(X_CONTENT_TYPE_OPTIONS, "nosniff");
        Ok(response)
    }
}

/// The picture of this site.
pub(crate) async fn of_site(State(app): State<Arc<AppState>>) -> Result<Response, ApiError> {
    let overview = app.overviews.newest(&app).await?;
    let num_free = overview.num_free() as u64;
    let mut figures = vec![Figure {
        value: "1 URL".to_owned(),
        label: "OpenAI-compatible".to_owned(),
    }];
    if num_free > 0 {
        let noun = if num_free == 1 { "model" } else { "models" };
        figures.insert(
            0,
            Figure {
                value: format!("{} {noun}", text::number(num_free)),
                label: "free right now".to_owned(),
            },
        );
    }
    let card = Card {
        title: "Free LLMs that answer".to_owned(),
        subtitle: "Hosted models behind one URL, and gpt-oss on your own machine".to_owned(),
        figures,
        ..Card::default()
    };
    app.pictures.get(None, card).await
}

/// The picture of a model.
pub(crate) async fn of_model(
    State(app): State<Arc<AppState>>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let name = name.strip_suffix(".png").unwrap_or(&name);
    let overview = app.overviews.newest(&app).await?;
    let catalog = Arc::clone(&overview.catalog);
    let model = catalog.require(name)?;
    let card = card(&overview, model);
    app.pictures.get(Some(model.id.0.clone()), card).await
}

fn card(overview: &Overview, model: &Model) -> Card {
    let shown = Shown::of(model);
    let seen = overview.availability(model, DAYS);
    let tracked = seen.num_tracked_days();
    let errors = ErrorText::of(&overview.errors(model, USUAL_WINDOW));
    let availability = match tracked {
        0 => Figure {
            value: text::UNKNOWN.to_owned(),
            label: "availability not known".to_owned(),
        },
        tracked => Figure {
            value: format!("{} of {tracked}", seen.num_available_days()),
            label: "tracked days available".to_owned(),
        },
    };
    let reliability = Figure {
        label: match errors.num_cases {
            0 => "error rate not known".to_owned(),
            cases => format!("failed of {} in 7 days", text::number(cases)),
        },
        value: errors.rate,
    };
    let context = Figure {
        value: text::tokens(shown.spec.context_length),
        label: "tokens of context".to_owned(),
    };
    let author = &model.author;
    let subtitle = match author.is_empty() || shown.id.starts_with(author.as_str()) {
        // Its title is its id already.
        true if shown.name() == shown.id => author.clone(),
        true => shown.id.to_owned(),
        false => format!("{author} · {}", shown.id),
    };
    Card {
        title: text::name(shown.name()),
        other_title: text::name(shown.id),
        subtitle: text::name(&subtitle),
        figures: vec![availability, reliability, context],
    }
}
