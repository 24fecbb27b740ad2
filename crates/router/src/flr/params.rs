//! The parameters of the lists of models: from the query, else from what the key has saved, else the
//! default. What cannot be read has a meaning too, the one that it has always had.

use std::cmp::Ordering;

use super::errors::ErrorRates;
use super::{LONG_CONTEXT, Shown};
use crate::catalog::Tier;
use crate::model_info::ModelKind;
use crate::preferences::{DataPolicy, Preferences, Sort, UseCase};
use crate::reliability::{self, Window};

/// The window when nothing is said.
const DEFAULT_WINDOW: Window = Window::Week;

/// Which models to list, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListParams {
    /// What each must be good for, all of it.
    pub use_cases: Vec<UseCase>,
    /// Which come first.
    pub sort: Sort,
    /// How many, at most.
    pub top_n: Option<u8>,
    /// The error rate in percent up to which they are listed.
    pub max_error_rate: Option<u8>,
    /// Over which time errors count.
    pub window: Window,
    /// Whether only reports of the caller count.
    pub is_own_reports: bool,
    /// What the key may see at all, and what it does not want to.
    pub saved: Preferences,
}

/// Reads the parameters of the lists of models. `get` gives the first value of a name.
pub fn list_params<'a>(get: impl Fn(&str) -> Option<&'a str>, saved: &Preferences) -> ListParams {
    let get = |name: &str| get(name).map(str::trim).filter(|value| !value.is_empty());
    let is_true = |name: &str| get(name) == Some("true");
    let default = Preferences::default();
    let saved_or_none = match is_true("_ignoreSavedPreferences") {
        true => &default,
        false => saved,
    };
    let mut kept = saved.clone();
    if is_true("_clearExcludedModels") {
        kept.exclude_model_ids.clear();
    }
    ListParams {
        use_cases: use_cases(&get).unwrap_or_else(|| saved_or_none.use_cases.clone()),
        sort: match get("sort") {
            Some(word) => Sort::parse(word).unwrap_or(Sort::ContextLength),
            None => saved_or_none.sort.unwrap_or(Sort::ContextLength),
        },
        top_n: match get("topN") {
            Some(number) => int(number).map(|number| number.clamp(1, 100) as u8),
            None => saved_or_none.top_n,
        },
        max_error_rate: match get("maxErrorRate") {
            Some(number) => int(number).map(|number| number.clamp(0, 100) as u8),
            None => saved_or_none.max_error_rate,
        },
        window: match get("timeRange") {
            Some(word) => Window::parse(word).unwrap_or(DEFAULT_WINDOW),
            None => saved_or_none.time_range.unwrap_or(DEFAULT_WINDOW),
        },
        is_own_reports: match get("myReports") {
            Some(word) => word == "true",
            None => saved_or_none.my_reports.unwrap_or(false),
        },
        saved: kept,
    }
}

/// The use cases that are asked for, under the name of either kind of list; those that nobody knows
/// are left out. `None`: nothing is asked for.
pub(super) fn use_cases<'a>(get: &impl Fn(&str) -> Option<&'a str>) -> Option<Vec<UseCase>> {
    let words = get("useCase").or_else(|| get("useCases"))?;
    let mut cases: Vec<UseCase> = Vec::new();
    for case in words
        .split(',')
        .filter_map(|word| UseCase::parse(word.trim()))
    {
        if !cases.contains(&case) {
            cases.push(case);
        }
    }
    Some(cases)
}

/// The whole number that a text begins with, as JavaScript reads it; `None` if it begins with none.
/// Those that are too large for us are as large as can be.
pub(super) fn int(text: &str) -> Option<i64> {
    let text = text.trim_start();
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let num_digits = digits.bytes().take_while(u8::is_ascii_digit).count();
    if num_digits == 0 {
        return None;
    }
    let value = digits[..num_digits].parse().unwrap_or(i64::MAX);
    Some(if is_negative { -value } else { value })
}

/// The number that a text begins with, as JavaScript's `parseFloat` reads it.
pub(super) fn float(text: &str) -> Option<f64> {
    let text = text.trim_start();
    // The longest beginning that is a number. Texts of a query are short.
    let ends = (1..=text.len().min(64))
        .rev()
        .filter(|&end| text.is_char_boundary(end));
    let is_number = |text: &&str| {
        // Rust also knows words for what is no number.
        text.bytes()
            .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
    };
    let mut numbers = ends
        .map(|end| &text[..end])
        .filter(is_number)
        .filter_map(|text| text.parse().ok());
    numbers.next()
}

impl ListParams {
    /// Keeps those that are wanted, in the order in which they are wanted.
    pub(super) fn choose<'a>(
        &self,
        mut shown: Vec<Shown<'a>>,
        errors: &ErrorRates,
    ) -> Vec<Shown<'a>> {
        shown.retain(|one| is_for(one, &self.use_cases));
        sort(&mut shown, self.sort, errors);
        if let Some(max) = self.max_error_rate {
            let max = f64::from(max) / 100.0;
            shown.retain(|one| errors.of(one.model).share() <= max);
        }
        shown.retain(|one| self.may_show(one));
        if let Some(top_n) = self.top_n {
            shown.truncate(usize::from(top_n));
        }
        shown
    }

    fn may_show(&self, one: &Shown<'_>) -> bool {
        let mut deployments = one.model.active();
        let is_trusted = match self.saved.data_policy {
            Some(DataPolicy::NoTraining) => deployments
                .any(|one| one.tier != Tier::Hosted || one.spec.trains_on_prompts == Some(false)),
            Some(DataPolicy::Any) | None => true,
        };
        is_trusted && self.saved.allow(&one.model.id.0) && self.saved.allow(one.id)
    }
}

/// Whether a model is good for all of it.
pub fn is_for(shown: &Shown<'_>, cases: &[UseCase]) -> bool {
    let spec = &shown.spec;
    let is_for = |case: &UseCase| match case {
        UseCase::Chat => {
            let is_text = spec.modality.as_deref() == Some("text->text");
            let puts_out_text = spec.output_modalities.iter().any(|kind| kind == "text");
            // Hosts that do not say have models of words.
            let says_nothing = spec.modality.is_none() && spec.output_modalities.is_empty();
            (is_text || puts_out_text || says_nothing) && shown.model.spec.kind == ModelKind::Chat
        }
        UseCase::Vision => spec.takes_images(),
        UseCase::Tools => spec.supports("tools"),
        UseCase::LongContext => shown.context_length() >= LONG_CONTEXT,
        UseCase::Reasoning => spec.reasons(),
    };
    cases.iter().all(is_for)
}

/// Orders models; of equals the one with the longer context comes first, and then the one whose id
/// does.
pub fn sort(shown: &mut [Shown<'_>], sort: Sort, errors: &ErrorRates) {
    let by = |a: &Shown<'_>, b: &Shown<'_>| match sort {
        Sort::ContextLength => Ordering::Equal,
        Sort::MaxOutput => {
            let most = |one: &Shown<'_>| one.spec.max_output_tokens.unwrap_or(0);
            most(b).cmp(&most(a))
        }
        Sort::Capable => {
            let count = |one: &Shown<'_>| one.spec.supported_parameters.len();
            count(b).cmp(&count(a))
        }
        Sort::LeastIssues => {
            let rate = |one: &Shown<'_>| errors.of(one.model).rate;
            reliability::compare(rate(a).as_ref(), rate(b).as_ref())
        }
        Sort::Newest => b.model.first_seen_at.cmp(&a.model.first_seen_at),
    };
    shown.sort_by(|a, b| {
        by(a, b)
            .then_with(|| b.context_length().cmp(&a.context_length()))
            .then_with(|| a.id.cmp(b.id))
    });
}
