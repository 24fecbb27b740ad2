//! What comes of preferences: whom the router would ask, and what lists of models would show.

use std::sync::Arc;

use router::flr::{Cases, CasesOf, chosen, list_params};
use router::openai::ChatRequest;
use router::{Caller, Preferences};
use serde_json::Value;
use store::{KeyRecord, KeySettings, Resolution};

use crate::error::ApiError;
use crate::routes::AppState;
use crate::web::text;

/// Rows of each list.
const MAX_ROWS: usize = 20;

/// The question that is not sent.
const QUESTION: &[u8] =
    br#"{"model":"auto","messages":[{"role":"user","content":"What is 27 + 58?"}]}"#;

/// What comes of preferences.
pub(super) struct Preview {
    /// Whom `auto` would ask, in this order.
    pub(super) asked: Vec<Asked>,
    /// All of them.
    pub(super) num_asked: usize,
    /// Whom not, and why.
    pub(super) left_out: Vec<(String, String)>,
    /// All of them.
    pub(super) num_left_out: usize,
    /// Why nobody would be asked.
    pub(super) problem: Option<String>,
    /// The first models of lists.
    pub(super) listed: Vec<Listed>,
    /// All of them.
    pub(super) num_listed: usize,
}

/// A deployment that would be asked.
pub(super) struct Asked {
    pub(super) deployment: String,
    pub(super) model: String,
    pub(super) url: String,
    pub(super) score: String,
}

/// A model of a list.
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) context: String,
    pub(super) error_rate: String,
}

impl Preview {
    /// Of these preferences, for the owner of a key.
    pub(super) async fn of(
        app: &AppState,
        key: &KeyRecord,
        wish: &Preferences,
    ) -> Result<Self, ApiError> {
        let caller = Caller::of_key(&KeyRecord {
            settings: KeySettings {
                preferences: wish.to_stored(),
                ..key.settings.clone()
            },
            ..key.clone()
        });
        let request = ChatRequest::from_json(QUESTION.into())?;
        let (told, problem) = match app.router.explain(&caller, &Arc::new(request)) {
            Ok(told) => (told, None),
            Err(error) => (Value::Null, Some(error.to_string())),
        };
        let params = list_params(|_| None, wish);
        let of = CasesOf {
            reporter: Some(&key.id).filter(|_| params.is_own_reports),
            ..CasesOf::default()
        };
        let (store, now) = (&*app.store, app.now());
        let cases = Cases::read(store, of, params.window, Resolution::Whole, now).await?;
        let catalog = app.router.catalog();
        let errors = cases.rates(&catalog);
        let all = chosen(&catalog, &errors, &params);
        let listed = all.iter().take(MAX_ROWS).map(|one| {
            let rate = errors.of(one.model).rate;
            Listed {
                name: text::name(one.name()),
                url: format!("/models/{}", text::url_path(one.id)),
                context: text::tokens(one.spec.context_length),
                error_rate: rate.map_or_else(
                    || text::UNKNOWN.to_owned(),
                    |rate| text::percent(rate.share()),
                ),
            }
        });
        Ok(Self {
            asked: asked(&told),
            num_asked: count(&told["order"]),
            left_out: left_out(&told),
            num_left_out: count(&told["excluded"]),
            problem,
            listed: listed.collect(),
            num_listed: all.len(),
        })
    }
}

fn word(json: &Value) -> String {
    text::name(json.as_str().unwrap_or_default())
}

fn rows(json: &Value) -> impl Iterator<Item = &Value> {
    json.as_array().into_iter().flatten().take(MAX_ROWS)
}

fn count(json: &Value) -> usize {
    json.as_array().map_or(0, Vec::len)
}

fn asked(told: &Value) -> Vec<Asked> {
    let rows = rows(&told["order"]).map(|one| Asked {
        deployment: word(&one["deployment"]),
        model: word(&one["model"]),
        url: format!(
            "/models/{}",
            text::url_path(one["model"].as_str().unwrap_or_default())
        ),
        score: format!("{:.2}", one["score"]["total"].as_f64().unwrap_or_default()),
    });
    rows.collect()
}

fn left_out(told: &Value) -> Vec<(String, String)> {
    let rows = rows(&told["excluded"]);
    let rows = rows.map(|one| {
        let reason = word(&one["reason"]).replace('_', " ");
        (word(&one["deployment"]), reason)
    });
    rows.collect()
}
