//! `freeway models show`: one model, for people.

use std::collections::BTreeMap;

use router::availability::{Availability, Day};
use router::catalog::{Deployment, Model};
use router::flr::{ErrorRate, Shown};
use router::provider::AccountLimits;
use router::reliability::Window;
use router::reliability::times::Times;
use store::SpecChange;

use super::figures::{availability, error_rate, measured_or_told, tokens};
use super::show_json;
use crate::commands::keys::limits_text;
use crate::config::Config;
use crate::knowledge::{Knowledge, told_times};
use crate::moments::minute;
use crate::{providers, table, terminal, wiring};

/// The spans over which errors are told.
const WINDOWS: [Window; 5] = [
    Window::Hour,
    Window::Day,
    Window::Week,
    Window::Days30,
    Window::All,
];
/// The span of the times.
const TIMES_WINDOW: Window = Window::Week;
/// Changes that are printed; JSON has more.
const MAX_CHANGES: usize = 30;
/// Characters of a value that a line repeats.
const MAX_VALUE_CHARS: usize = 60;

/// Everything that is told of a model.
pub(super) struct Told<'a> {
    pub(super) shown: Shown<'a>,
    pub(super) availability: Availability,
    pub(super) errors: Vec<(Window, ErrorRate)>,
    pub(super) times: Times,
    pub(super) changes: Vec<SpecChange>,
    /// What our account at each provider of the settings may ask for.
    pub(super) limits: BTreeMap<String, AccountLimits>,
}

pub(super) async fn text(
    knowledge: &Knowledge<'_>,
    config: &Config,
    id: &str,
    is_json: bool,
) -> anyhow::Result<String> {
    let model = knowledge.find(id)?;
    let mut errors = Vec::new();
    for window in WINDOWS {
        let rates = knowledge.errors(Some(model), window).await?;
        errors.push((window, rates.of(model).clone()));
    }
    let history = knowledge.history(Some(model)).await?;
    let told = Told {
        shown: Shown::of(model),
        availability: knowledge.availability(model, &history),
        errors,
        times: knowledge.times(model, TIMES_WINDOW).await?,
        changes: knowledge.changes(model).await?,
        limits: limits(config),
    };
    match is_json {
        true => Ok(format!("{}\n", table::json_line(&show_json::json(&told)))),
        false => Ok(told.to_text()),
    }
}

/// The limits of the settings. What is wrong with them does not matter to what is known of a model.
fn limits(config: &Config) -> BTreeMap<String, AccountLimits> {
    match providers::rows(config, &wiring::variable) {
        Ok(rows) => rows
            .into_iter()
            .map(|(_, row)| (row.id, row.limits))
            .collect(),
        Err(error) => {
            terminal::note(format_args!(
                "(the limits of accounts are left out: {error:#})"
            ));
            BTreeMap::new()
        }
    }
}

impl Told<'_> {
    fn model(&self) -> &Model {
        self.shown.model
    }

    fn to_text(&self) -> String {
        let mut text = String::new();
        for (name, value) in self.card() {
            text.push_str(&format!("{name:<16}{}\n", table::printable(&value)));
        }
        let description = table::printable_lines(self.shown.spec.description.trim());
        if !description.is_empty() {
            text.push_str(&format!("\n{description}\n"));
        }
        let num_deployments = self.model().deployments.len();
        if num_deployments > 0 {
            text.push_str(&format!("\n{}", self.deployments()));
        }
        text.push_str(&format!("\n{}", self.error_table()));
        let days = self.days();
        if !days.is_empty() {
            text.push_str(&format!("\n{days}"));
        }
        text.push_str(&self.change_lines());
        text
    }

    fn card(&self) -> Vec<(&'static str, String)> {
        let (model, spec) = (self.model(), &self.shown.spec);
        let told = told_times(model);
        let yes = |is_so: bool| if is_so { "yes" } else { "no" }.to_owned();
        let seen = |at: Option<store::Timestamp>| at.map_or("never".to_owned(), minute);
        let mut card = vec![("id", self.shown.id.to_owned())];
        let mut add = |name, value: Option<String>| {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                card.push((name, value));
            }
        };
        let other_names = other_names(self.shown.id, model);
        add("also", Some(other_names.join(", ")));
        add("name", Some(self.shown.name().to_owned()));
        add("maker", Some(model.author.clone()));
        add(
            "context",
            Some(format!("{} tokens", tokens(spec.context_length))),
        );
        add(
            "answer at most",
            spec.max_output_tokens
                .map(|count| format!("{count} tokens")),
        );
        add("modality", spec.modality.clone());
        add("parameters", Some(spec.supported_parameters.join(", ")));
        let reasoning = spec.reasoning.as_ref().map(|reasoning| {
            let when = if reasoning.is_mandatory {
                "always"
            } else {
                "on request"
            };
            match reasoning.efforts.is_empty() {
                true => when.to_owned(),
                false => format!("{when}: {}", reasoning.efforts.join(", ")),
            }
        });
        add("reasoning", reasoning);
        add("knows until", spec.knowledge_cutoff.clone());
        add("weights", spec.hugging_face_id.clone());
        add("moderated", spec.is_moderated.map(yes));
        add("may train", spec.trains_on_prompts.map(yes));
        add("taken away on", spec.expiration_date.clone());
        add("first seen", Some(seen(model.first_seen_at)));
        add("last seen", Some(seen(model.last_seen_at)));
        add("available", Some(availability(&self.availability)));
        add(
            "first token",
            Some(measured_or_told(self.times.first_token_ms, told.0, " ms")),
        );
        add(
            "whole answer",
            Some(measured_or_told(self.times.duration_ms, None, " ms")),
        );
        add(
            "tokens",
            Some(measured_or_told(self.times.tokens_per_second, told.1, "/s")),
        );
        card
    }

    fn deployments(&self) -> String {
        let rows = self.model().deployments.iter().map(|one| {
            [
                format!("{}/{}", one.key.provider, one.key.name),
                match one.gone_at {
                    None => "offered".to_owned(),
                    Some(at) => format!("gone since {}", minute(at)),
                },
                tokens(one.spec.context_length),
                tokens(one.spec.max_output_tokens),
                one.spec.quantization.clone().unwrap_or_default(),
                self.limit_text(&one.key.provider),
                status_text(one),
            ]
        });
        let header = [
            "DEPLOYMENT",
            "STATE",
            "CONTEXT",
            "ANSWER",
            "WEIGHTS",
            "OUR LIMITS",
            "THE HOST SAYS",
        ];
        table::render(header, rows)
    }

    fn limit_text(&self, provider: &str) -> String {
        let Some(limits) = self.limits.get(provider) else {
            return "not set up".to_owned();
        };
        limits_text([
            limits.requests_per_minute,
            limits.requests_per_day,
            limits.tokens_per_minute,
            limits.tokens_per_day,
        ])
    }

    fn error_table(&self) -> String {
        let rows = self.errors.iter().map(|(window, known)| {
            let by_host = [
                (known.num_rate_limited, "rate limited"),
                (known.num_unavailable, "unavailable"),
                (known.num_other, "other"),
            ];
            let by_others = known.num_by_others.iter();
            let by_others = by_others.map(|(domain, &count)| (count, domain.as_str()));
            [
                window.as_str().to_owned(),
                error_rate(known),
                counts(by_host),
                counts(by_others),
            ]
        });
        table::render(["WINDOW", "ERRORS", "BY THE HOST", "BY OTHERS"], rows)
    }

    /// The days that say anything, the newest first.
    fn days(&self) -> String {
        let is_told = |day: &&Day| day.is_tracked() || day.is_unobserved();
        let days = self.availability.days.iter().rev().filter(is_told);
        let mut rows = days
            .map(|day| {
                [
                    day.date.to_string(),
                    day.status().as_str().replace('_', " "),
                    format!("{} of {}", day.num_good(), day.num_observed()),
                    day.num_not_observed.to_string(),
                ]
            })
            .peekable();
        if rows.peek().is_none() {
            return String::new();
        }
        let header = ["DAY (UTC)", "STATE", "GOOD HOURS", "NOT OBSERVED"];
        table::render(header, rows)
    }

    fn change_lines(&self) -> String {
        if self.changes.is_empty() {
            return String::new();
        }
        let rows = self.changes.iter().take(MAX_CHANGES).map(|change| {
            let whose = match &change.deployment {
                Some(key) => format!("{}/{}", key.provider, key.name),
                None => "the model".to_owned(),
            };
            let values = match (&change.old, &change.new) {
                (None, None) => String::new(),
                (old, new) => format!("{} → {}", value(old.as_deref()), value(new.as_deref())),
            };
            [minute(change.at), whose, change.field.clone(), values]
        });
        let header = ["CHANGED (UTC)", "OF", "WHAT", "HOW"];
        let mut text = format!("\n{}", table::render(header, rows));
        if self.changes.len() > MAX_CHANGES {
            let num_more = self.changes.len() - MAX_CHANGES;
            text.push_str(&format!("and {num_more} more; --json has them\n"));
        }
        text
    }
}

/// Names that mean a model beside the one that is given out.
pub(super) fn other_names(id: &str, model: &Model) -> Vec<String> {
    let of_hosts = model.deployments.iter().flat_map(|one| {
        let aliases = one.aliases.iter();
        std::iter::once(&one.key.name).chain(aliases)
    });
    let mut names: Vec<String> = std::iter::once(&model.id.0)
        .chain(of_hosts)
        .cloned()
        .collect();
    names.sort();
    names.dedup();
    names.retain(|name| name != id);
    names
}

fn status_text(deployment: &Deployment) -> String {
    let Some((status, at)) = deployment.status else {
        return String::new();
    };
    let mut words = vec![if status.is_up { "up" } else { "down" }.to_owned()];
    words.extend(
        status
            .uptime_percent
            .map(|percent| format!("{percent:.1} %")),
    );
    words.extend(status.first_token_ms.map(|ms| format!("{ms:.0} ms")));
    words.extend(
        status
            .tokens_per_second
            .map(|speed| format!("{speed:.0}/s")),
    );
    format!("{} ({})", words.join(", "), minute(at))
}

/// Such as `3 account, 1 network`.
fn counts<'a>(counts: impl IntoIterator<Item = (u64, &'a str)>) -> String {
    let some = counts.into_iter().filter(|&(count, _)| count > 0);
    let words: Vec<_> = some
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    words.join(", ")
}

/// A value of a specification, cut where it grows too long for a line.
fn value(json: Option<&str>) -> String {
    let json = json.unwrap_or("nothing");
    match json.char_indices().nth(MAX_VALUE_CHARS) {
        None => json.to_owned(),
        Some((end, _)) => format!("{}…", &json[..end]),
    }
}
