//! `/dashboard/keys/{id}/preferences`: what the requests of a key are routed by, with the order that
//! comes of it.
//!
//! The form is sent to one place: with the button that saves, or with the one that shows what would come
//! of it. A script presses the latter whenever something changes, and takes the preview out of the page
//! that it gets.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use router::reliability::Window;
use router::{DataPolicy, Preferences, Sort, UseCase};
use serde_json::{Map, Value, json};
use store::{KeyId, KeyRecord, KeySettings};

use super::form::{Checked, Form};
use super::gate::Visitor;
use super::preview::Preview;
use super::{Frame, key_name, page, see_other};
use crate::api::keys::{change_settings, find};
use crate::error::ApiError;
use crate::query::Query;
use crate::routes::AppState;
use crate::web::page::{Page, html, html_with};
use crate::web::site::Site;

#[derive(Template)]
#[template(path = "web/dashboard/preferences.html")]
struct PreferencesPage {
    page: Page,
    frame: Frame,
    id: String,
    name: String,
    use_cases: Vec<Choice>,
    sorts: Vec<Choice>,
    windows: Vec<Choice>,
    reports: Vec<Choice>,
    policies: Vec<Choice>,
    top_n: String,
    max_error_rate: String,
    excluded: String,
    allowed: String,
    /// What of the form cannot be used.
    faults: Vec<String>,
    preview: Preview,
}

/// A value to choose.
struct Choice {
    value: &'static str,
    label: &'static str,
    is_chosen: bool,
}

/// What stands for no model at all among those that may be asked: no model has this name.
const NO_MODEL: &str = "(none)";

/// What a form has in its fields.
struct Wishes {
    use_cases: Vec<String>,
    sort: String,
    window: String,
    my_reports: String,
    policy: String,
    top_n: String,
    max_error_rate: String,
    excluded: String,
    allowed: String,
}

impl Wishes {
    fn of(known: &Preferences) -> Self {
        let word = |word: Option<&str>| word.unwrap_or_default().to_owned();
        let number = |number: Option<u8>| number.map_or_else(String::new, |n| n.to_string());
        let cases = known.use_cases.iter();
        Self {
            use_cases: cases.map(|case| case.as_str().to_owned()).collect(),
            sort: word(known.sort.map(Sort::as_str)),
            window: word(known.time_range.map(Window::as_str)),
            my_reports: known
                .my_reports
                .map_or_else(String::new, |own| own.to_string()),
            policy: word(known.data_policy.map(DataPolicy::as_str)),
            top_n: number(known.top_n),
            max_error_rate: number(known.max_error_rate),
            excluded: known.exclude_model_ids.join("\n"),
            allowed: match known.allowed_models.as_deref() {
                None => String::new(),
                // An empty field would allow all.
                Some([]) => NO_MODEL.to_owned(),
                Some(models) => models.join("\n"),
            },
        }
    }

    fn sent(form: &Form) -> Self {
        let cases = form.all("use_case").into_iter();
        Self {
            use_cases: cases.map(str::to_owned).collect(),
            sort: form.text("sort"),
            window: form.text("time_range"),
            my_reports: form.text("my_reports"),
            policy: form.text("data_policy"),
            top_n: form.text("top_n"),
            max_error_rate: form.text("max_error_rate"),
            excluded: form.text("excluded"),
            allowed: form.text("allowed"),
        }
    }
}

/// The preferences that a form describes, as JSON with the names that the API has.
fn wanted(form: &Form) -> Value {
    let mut members = Map::new();
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            members.insert(name.to_owned(), value);
        }
    };
    // What is no number stays text, which is refused by name.
    let number = |name: &str| {
        let text = form.get(name)?;
        Some(
            text.parse::<i64>()
                .map_or_else(|_| json!(text), Value::from),
        )
    };
    let list = |items: Vec<&str>| (!items.is_empty()).then(|| json!(items));
    set("useCases", list(form.all("use_case")));
    set("sort", form.get("sort").map(Value::from));
    set("topN", number("top_n"));
    set("maxErrorRate", number("max_error_rate"));
    set("timeRange", form.get("time_range").map(Value::from));
    let my_reports = form.get("my_reports");
    set("myReports", my_reports.map(|word| json!(word == "true")));
    set("excludeModelIds", list(form.lines("excluded")));
    set("allowedModels", list(form.lines("allowed")));
    set("dataPolicy", form.get("data_policy").map(Value::from));
    Value::Object(members)
}

/// What is wrong, in the words of the page.
fn friendly(fault: &str) -> String {
    let names = [
        ("topN", "At most so many"),
        ("maxErrorRate", "At most this error rate"),
        ("excludeModelIds", "Leave out"),
        ("allowedModels", "Only these"),
        ("timeRange", "Errors count over"),
    ];
    let found = names.into_iter().find(|(name, _)| fault.starts_with(name));
    match found {
        Some((name, label)) => fault.replacen(name, label, 1),
        None => fault.to_owned(),
    }
}

pub(super) async fn show(
    State(app): State<Arc<AppState>>,
    Extension(visitor): Extension<Visitor>,
    site: Site,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let key = find(&app, &KeyId(id)).await?;
    let frame = Frame::new("keys", &visitor).after(Query::of(&uri).get("done"));
    let known = Preferences::of(&key.settings);
    let wishes = Wishes::of(&known);
    html(&template(&app, &site, frame, &key, &known, wishes).await?)
}

pub(super) async fn change(
    State(app): State<Arc<AppState>>,
    Extension(visitor): Extension<Visitor>,
    site: Site,
    Path(id): Path<String>,
    Checked(form): Checked,
) -> Result<Response, ApiError> {
    let key = find(&app, &KeyId(id)).await?;
    let (wish, faults) = Preferences::read(&wanted(&form));
    let is_preview = form.get("do") == Some("preview");
    if !is_preview && faults.is_empty() {
        let stored = wish.to_stored();
        change_settings(&app, &key.id, |settings| {
            Ok(KeySettings {
                preferences: stored.clone(),
                ..settings
            })
        })
        .await?;
        let path = format!("/dashboard/keys/{}/preferences?done=saved", key.id);
        return Ok(see_other(&path));
    }
    // What is left out because it is misspelt would restrict nothing: nothing is saved then.
    let frame = Frame::new("keys", &visitor);
    let wishes = Wishes::sent(&form);
    let template = PreferencesPage {
        faults: faults.iter().map(|fault| friendly(fault)).collect(),
        ..template(&app, &site, frame, &key, &wish, wishes).await?
    };
    match is_preview {
        true => html(&template),
        false => html_with(StatusCode::BAD_REQUEST, &template),
    }
}

async fn template(
    app: &AppState,
    site: &Site,
    frame: Frame,
    key: &KeyRecord,
    wish: &Preferences,
    wishes: Wishes,
) -> Result<PreferencesPage, ApiError> {
    let choices = |words: &[(&'static str, &'static str)], chosen: &str| -> Vec<Choice> {
        let choice = |&(value, label): &(&'static str, &'static str)| Choice {
            value,
            label,
            is_chosen: value == chosen,
        };
        words.iter().map(choice).collect()
    };
    let use_cases = UseCase::ALL.iter().map(|&case| Choice {
        value: case.as_str(),
        label: case_label(case),
        is_chosen: wishes.use_cases.iter().any(|one| one == case.as_str()),
    });
    let mut sorts = vec![("", "Not set: by merit")];
    sorts.extend(
        Sort::ALL
            .iter()
            .map(|&sort| (sort.as_str(), sort_label(sort))),
    );
    let mut windows = vec![("", "Not set: 7 days")];
    let all = Window::ALL.into_iter();
    windows.extend(all.map(|window| (window.as_str(), window_label(window))));
    let reports = [
        ("", "Not set: everybody's"),
        ("false", "Everybody's"),
        ("true", "Those of this key alone"),
    ];
    let policies = [
        ("", "Any host"),
        (DataPolicy::Any.as_str(), "Any host, stated"),
        (
            DataPolicy::NoTraining.as_str(),
            "Only hosts that do not train on prompts",
        ),
    ];
    Ok(PreferencesPage {
        page: page(site, format!("Preferences of {}", key_name(key))),
        frame,
        id: key.id.0.clone(),
        name: key_name(key),
        use_cases: use_cases.collect(),
        sorts: choices(&sorts, &wishes.sort),
        windows: choices(&windows, &wishes.window),
        reports: choices(&reports, &wishes.my_reports),
        policies: choices(&policies, &wishes.policy),
        top_n: wishes.top_n,
        max_error_rate: wishes.max_error_rate,
        excluded: wishes.excluded,
        allowed: wishes.allowed,
        faults: Vec::new(),
        preview: Preview::of(app, key, wish).await?,
    })
}

fn case_label(case: UseCase) -> &'static str {
    match case {
        UseCase::Chat => "Chat",
        UseCase::Vision => "Sees images",
        UseCase::Tools => "Calls functions",
        UseCase::LongContext => "Long context",
        UseCase::Reasoning => "Reasons",
    }
}

fn sort_label(sort: Sort) -> &'static str {
    match sort {
        Sort::ContextLength => "Longest context first",
        Sort::MaxOutput => "Longest output first",
        Sort::Capable => "Most parameters first",
        Sort::LeastIssues => "Fewest errors first",
        Sort::Newest => "Newest first",
    }
}

fn window_label(window: Window) -> &'static str {
    match window {
        Window::Minutes15 => "15 minutes",
        Window::Minutes30 => "30 minutes",
        Window::Hour => "1 hour",
        Window::Hours6 => "6 hours",
        Window::Day => "24 hours",
        Window::Week => "7 days",
        Window::Days30 => "30 days",
        Window::All => "All time",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_in_the_words_of_the_page() {
        let (_, faults) = Preferences::read(&json!({"topN": "many", "sort": "best"}));
        let faults: Vec<_> = faults.iter().map(|fault| friendly(fault)).collect();
        assert!(
            faults[0].starts_with("At most so many: must be"),
            "{faults:?}"
        );
        assert!(faults[1].starts_with("sort: must be one of"), "{faults:?}");
    }
}
