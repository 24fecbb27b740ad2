//! `freeway models --free`: the catalogue as a table.

use router::flr::{Freshness, ListParams, Shown, chosen, list_params};
use router::reliability::Window;
use router::reliability::times::Times;
use router::{Preferences, UseCase};
use serde_json::{Value, json};

use super::figures::{
    availability, availability_json, error_rate, error_rate_json, measured_or_told, times_json,
    tokens,
};
use crate::args::FreeArgs;
use crate::knowledge::{Knowledge, NUM_DAYS, hosts, told_times, without_name};
use crate::moments::{minute, rfc3339};
use crate::{table, terminal};

pub(super) async fn text(
    knowledge: &Knowledge<'_>,
    filters: &FreeArgs,
    is_json: bool,
) -> anyhow::Result<String> {
    let params = params(filters);
    let errors = knowledge.errors(None, params.window).await?;
    let history = knowledge.history(None).await?;
    let mut listed = chosen(&knowledge.catalog, &errors, &params);
    listed.retain(|one| is_wanted(one, filters));
    listed.truncate(filters.limit.map_or(usize::MAX, |limit| limit as usize));
    let mut rows = Vec::new();
    for one in listed {
        rows.push(Row {
            availability: knowledge.availability(one.model, &history),
            errors: errors.of(one.model).clone(),
            times: knowledge.times(one.model, params.window).await?,
            told: told_times(one.model),
            shown: one,
        });
    }
    let freshness = Freshness::of(
        &knowledge.syncs,
        knowledge.syncs.len().max(1),
        knowledge.now,
    );
    if is_json {
        let models: Vec<Value> = rows.iter().map(Row::to_json).collect();
        let list = json!({
            "models": models,
            "count": models.len(),
            "sort": params.sort.as_str(),
            "window": params.window.as_str(),
            "days": NUM_DAYS,
            "updated_at": freshness.updated_at.map(rfc3339),
            "unread": knowledge.unread(),
        });
        return Ok(format!("{}\n", table::json_line(&list)));
    }
    tell_age(knowledge, &freshness);
    if rows.is_empty() {
        if freshness.updated_at.is_some() {
            terminal::note("(no model is like that)");
        }
        return Ok(String::new());
    }
    Ok(to_table(&rows, params.window))
}

/// The parameters, with the defaults of everybody else's lists.
fn params(filters: &FreeArgs) -> ListParams {
    let defaults = list_params(|_| None, &Preferences::default());
    let wanted = [
        (filters.tools, UseCase::Tools),
        (filters.vision, UseCase::Vision),
        (filters.reasoning, UseCase::Reasoning),
        (filters.long_context, UseCase::LongContext),
    ];
    ListParams {
        use_cases: wanted
            .into_iter()
            .filter_map(|(is_wanted, case)| is_wanted.then_some(case))
            .collect(),
        sort: filters.sort.unwrap_or(defaults.sort),
        max_error_rate: filters.max_error_rate,
        window: filters.window.unwrap_or(defaults.window),
        ..defaults
    }
}

/// What those lists have no parameter for.
fn is_wanted(one: &Shown<'_>, filters: &FreeArgs) -> bool {
    let is_found = filters
        .search
        .as_ref()
        .is_none_or(|text| one.mentions(text));
    is_found && (!filters.structured || one.spec.follows_schemas())
}

/// How old the catalogue is, if that matters, and whose list is missing.
fn tell_age(knowledge: &Knowledge<'_>, freshness: &Freshness) {
    match freshness.updated_at {
        None if knowledge.syncs.is_empty() => terminal::note(
            "(nobody has looked at what hosts have; `freeway sync` does, with the key of one, such \
             as OPENROUTER_API_KEY)",
        ),
        None => terminal::note("(no list of a host could be read yet)"),
        Some(at) if freshness.is_stale => terminal::note(format_args!(
            "(as of {} UTC; `freeway sync` looks again)",
            minute(at)
        )),
        Some(_) => {}
    }
    for (provider, why) in knowledge.unread() {
        let why = table::printable(without_name(why, provider));
        terminal::note(format_args!(
            "({}: the last look did not succeed: {why})",
            table::printable(provider)
        ));
    }
}

/// A model with what was seen of it.
struct Row<'a> {
    shown: Shown<'a>,
    availability: router::availability::Availability,
    errors: router::flr::ErrorRate,
    times: Times,
    told: (Option<f64>, Option<f64>),
}

impl Row<'_> {
    fn cells(&self) -> [String; 8] {
        let hosts: Vec<&str> = hosts(self.shown.model).into_iter().collect();
        [
            self.shown.id.to_owned(),
            hosts.join(", "),
            tokens(self.shown.spec.context_length),
            availability(&self.availability),
            error_rate(&self.errors),
            measured_or_told(self.times.first_token_ms, self.told.0, " ms"),
            measured_or_told(self.times.duration_ms, None, " ms"),
            measured_or_told(self.times.tokens_per_second, self.told.1, "/s"),
        ]
    }

    fn to_json(&self) -> Value {
        let (model, spec) = (self.shown.model, &self.shown.spec);
        json!({
            "id": self.shown.id,
            "canonical_id": model.id.0,
            "name": self.shown.name(),
            "hosts": hosts(model),
            "context_length": spec.context_length,
            "max_output_tokens": spec.max_output_tokens,
            "input_modalities": spec.input_modalities,
            "supported_parameters": spec.supported_parameters,
            "expiration_date": spec.expiration_date,
            "availability": availability_json(&self.availability),
            "errors": error_rate_json(&self.errors),
            "times": times_json(&self.times, self.told),
        })
    }
}

fn to_table(rows: &[Row<'_>], window: Window) -> String {
    let errors = format!("ERRORS ({window})");
    let days = format!("AVAILABLE ({NUM_DAYS}d)");
    let header = [
        "MODEL",
        "HOSTS",
        "CONTEXT",
        &days,
        &errors,
        "FIRST TOKEN",
        "WHOLE",
        "TOKENS",
    ];
    table::render(header, rows.iter().map(Row::cells))
}
