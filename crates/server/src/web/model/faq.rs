//! What people ask of a model, answered from what is known now: also when the answer is no, and when
//! nobody knows.

use router::UseCase;
use router::availability::Availability;
use router::catalog::{DEMO_ID, Model, Tier};
use router::flr::{Attribution, ErrorRate, Shown, is_for};

use super::specifications::Said;
use crate::web::host_name;
use crate::web::row::{interval, runs_here, was_hosted};
use crate::web::text::{self, When};

/// A question and its answer.
pub(super) struct Question {
    pub(super) question: String,
    pub(super) answer: String,
}

pub(super) fn questions(
    shown: &Shown<'_>,
    usual: &ErrorRate,
    seen: &Availability,
    can_run_here: bool,
) -> Vec<Question> {
    let name = text::name(shown.name());
    let spec = &shown.spec;
    let is_demo = shown.model.id.0 == DEMO_ID;
    let mut questions = Vec::new();
    let mut ask = |question: String, answer: String| {
        questions.push(Question { question, answer });
    };
    ask(
        format!("Is {name} free to use?"),
        is_free(shown, &name, can_run_here),
    );
    ask(
        format!("What is the context window of {name}?"),
        match spec.context_length {
            Some(count) => format!(
                "{} tokens ({}), prompt and answer together.",
                text::number(count),
                text::tokens(Some(count))
            ),
            None => "No host states it.".to_owned(),
        },
    );
    ask(
        format!("How long can answers of {name} be?"),
        match spec.max_output_tokens {
            Some(count) => format!(
                "Up to {} tokens ({}) per answer, reasoning included.",
                text::number(count),
                text::tokens(Some(count))
            ),
            None => {
                "No host states a limit of its own; the context window is the limit.".to_owned()
            }
        },
    );
    let ability = |case, yes: &str, no: &str| match (is_for(shown, &[case]), says_nothing(shown)) {
        (true, _) => format!("Yes. {yes}"),
        (false, true) => "Its hosts do not say.".to_owned(),
        (false, false) => format!("No. {no}"),
    };
    ask(
        format!("Does {name} support function calling (tools)?"),
        ability(
            UseCase::Tools,
            "Send tools with the request; calls come back as tool_calls.",
            "Its hosts do not list the parameter tools. Pick a model with the Tools badge for that.",
        ),
    );
    ask(
        format!("Does {name} reason before it answers?"),
        match &spec.reasoning {
            Some(reasoning) if !reasoning.efforts.is_empty() => format!(
                "Yes, at these efforts: {}.{}",
                text::name(&reasoning.efforts.join(", ")),
                if reasoning.is_mandatory {
                    " It cannot be turned off."
                } else {
                    ""
                }
            ),
            _ => ability(
                UseCase::Reasoning,
                "Its reasoning comes apart from the answer.",
                "Its hosts list no reasoning parameter.",
            ),
        },
    );
    ask(
        format!("Can {name} see images?"),
        match (spec.takes_images(), spec.input_modalities.as_slice()) {
            (true, _) => "Yes. Send them as image_url parts of a message.".to_owned(),
            (false, []) => "Its hosts do not say what it takes.".to_owned(),
            (false, kinds) => format!("No. It takes {}.", text::name(&kinds.join(", "))),
        },
    );
    ask(
        format!("Can {name} answer in JSON that follows a schema?"),
        match (spec.follows_schemas(), says_nothing(shown)) {
            (true, _) => "Yes, with response_format.".to_owned(),
            (false, true) => "Its hosts do not say.".to_owned(),
            (false, false) => {
                "Not by itself: its hosts do not list response_format or structured_outputs."
                    .to_owned()
            }
        },
    );
    ask(format!("How reliable is {name}?"), reliability(usual, seen));
    ask(
        format!("Are prompts to {name} used for training?"),
        training(shown.model),
    );
    ask(
        format!("Can I run {name} on my own machine?"),
        match (can_run_here, &spec.hugging_face_id) {
            (true, _) => {
                "Yes: Freeway has an engine for it. The section Run it here says how.".to_owned()
            }
            _ if is_demo => "It does already: it is inside this program.".to_owned(),
            (false, Some(id)) => format!(
                "Its weights are published as {}. Freeway's own engine runs gpt-oss models alone; \
                 another server such as Ollama or vLLM can serve it and be added as a provider.",
                text::name(id)
            ),
            (false, None) => "No published weights are known for it.".to_owned(),
        },
    );
    questions
}

/// Whether hosts say nothing of what a model can do.
fn says_nothing(shown: &Shown<'_>) -> bool {
    shown.spec.supported_parameters.is_empty()
}

/// Whether what is asked is kept for training, by all who may be asked.
fn training(model: &Model) -> String {
    let said = Said::of(model, |spec| spec.trains_on_prompts);
    let mut parts = Vec::new();
    if !said.yes.is_empty() {
        parts.push(format!(
            "{} may train on prompts or publish them.",
            said.yes.join(", ")
        ));
    }
    if !said.silent.is_empty() {
        parts.push(format!(
            "Of {} it is not known; take it that prompts may be used.",
            said.silent.join(", ")
        ));
    }
    if !said.no.is_empty() {
        parts.push(format!("Not by {}.", said.no.join(", ")));
    }
    if runs_here(model) {
        parts.push("What runs on this server's own machines goes to nobody.".to_owned());
    }
    if parts.is_empty() {
        parts.push("Nobody offers it now, so prompts to it go to nobody.".to_owned());
    }
    if !(said.yes.is_empty() && said.silent.is_empty()) {
        parts
            .push("With the data policy noTraining Freeway asks only those who do not.".to_owned());
    }
    parts.join(" ")
}

fn is_free(shown: &Shown<'_>, name: &str, can_run_here: bool) -> String {
    let model = shown.model;
    let mut hosts: Vec<String> = model
        .active()
        .filter(|one| one.tier == Tier::Hosted)
        .map(|one| host_name(&one.key.provider))
        .collect();
    hosts.dedup();
    let here = match runs_here(model) {
        true => " It also runs on this server, without any limit.",
        false => "",
    };
    if !hosts.is_empty() {
        return format!(
            "Yes. {} {name} for nothing now; an account there and its daily limits may apply.{here}",
            match hosts.as_slice() {
                [one] => format!("{one} offers"),
                [all @ .., last] => format!("{} and {last} offer", all.join(", ")),
                [] => String::new(),
            }
        );
    }
    if runs_here(model) {
        return format!("Yes. {name} runs on this server.");
    }
    if was_hosted(model) {
        let since = model.deployments.iter().filter_map(|one| one.gone_at).max();
        let since = since.map_or_else(String::new, |at| format!(" since {}", When::day(at).text));
        return format!(
            "Not any more{since}: no host that this server knows offers it for nothing."
        );
    }
    if can_run_here {
        return format!(
            "Yes, on your own machine: Freeway runs {name}, see Run it here. No host that this server \
             knows offers it for nothing now."
        );
    }
    format!("No host that this server knows offers {name} for nothing now.")
}

/// What a rate is counted by.
pub(super) fn counted_word(known: &ErrorRate) -> &'static str {
    match known.attribution {
        Attribution::Reports => "report",
        Attribution::Attempts | Attribution::None => "request",
    }
}

fn reliability(usual: &ErrorRate, seen: &Availability) -> String {
    let errors = match &usual.rate {
        Some(rate) => format!(
            "In the last 7 days {} of {} told of a failure of the host; the true rate is {} with 95 % \
             certainty.",
            text::percent(rate.share()),
            text::counted(rate.num_cases, counted_word(usual)),
            interval(rate)
        ),
        None => "In the last 7 days nothing was counted, so nobody can say.".to_owned(),
    };
    let days = match seen.num_tracked_days() {
        0 => String::new(),
        tracked => format!(
            " It was available on {} of {}.",
            seen.num_available_days(),
            text::counted(tracked.into(), "tracked day")
        ),
    };
    format!("{errors}{days}")
}
