//! What hosts say of a model.

use router::ModelSpec;
use router::catalog::{Model, Tier};
use router::flr::Shown;

use crate::web::host_name;
use crate::web::text::{self, When};

/// Words of a list that are shown.
const MAX_WORDS: usize = 60;

/// A property and its value.
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) value: String,
    /// Several short values.
    pub(super) words: Vec<String>,
    /// What to know about it.
    pub(super) note: &'static str,
}

impl Fact {
    pub(super) fn new(name: &'static str, value: impl Into<String>) -> Self {
        Self {
            name,
            value: value.into(),
            words: Vec::new(),
            note: "",
        }
    }

    fn words(name: &'static str, words: &[String]) -> Self {
        let value = match words.is_empty() {
            true => text::UNKNOWN,
            false => "",
        };
        let words = words.iter().take(MAX_WORDS).map(|word| text::name(word));
        Self {
            words: words.collect(),
            ..Self::new(name, value)
        }
    }

    fn noted(self, note: &'static str) -> Self {
        Self { note, ..self }
    }
}

pub(super) fn facts(shown: &Shown<'_>) -> Vec<Fact> {
    let spec = &shown.spec;
    let tokens = |count: Option<u64>| match count {
        None => text::UNKNOWN.to_owned(),
        Some(count) => format!(
            "{} tokens ({})",
            text::number(count),
            text::tokens(Some(count))
        ),
    };
    let said = |text: &Option<String>| match text.as_deref() {
        None | Some("") => text::UNKNOWN.to_owned(),
        Some(text) => text::name(text),
    };
    let mut facts = vec![
        Fact::new("Context length", tokens(spec.context_length)),
        Fact::new("Max output", tokens(spec.max_output_tokens)),
        Fact::new("Modality", said(&spec.modality)),
        Fact::words("Input", &spec.input_modalities),
        Fact::words("Output", &spec.output_modalities),
        Fact::words("Supported parameters", &spec.supported_parameters),
        Fact::new(
            "Content moderation",
            Said::of(shown.model, |spec| spec.is_moderated).words(),
        ),
        Fact::new(
            "Trains on prompts",
            Said::of(shown.model, |spec| spec.trains_on_prompts).words(),
        ),
    ];
    if let Some(reasoning) = &spec.reasoning
        && !reasoning.efforts.is_empty()
    {
        let efforts = Fact::words("Reasoning efforts", &reasoning.efforts);
        facts.push(match reasoning.is_mandatory {
            true => efforts.noted("It always reasons before it answers."),
            false => efforts,
        });
    }
    let mut add = |name, value: &Option<String>| {
        if value.as_deref().is_some_and(|value| !value.is_empty()) {
            facts.push(Fact::new(name, said(value)));
        }
    };
    add("Knowledge cutoff", &spec.knowledge_cutoff);
    add("Weights", &spec.hugging_face_id);
    add("Leaves on", &spec.expiration_date);
    facts
}

/// What those who offer a model now say to a question. Who is silent has not said no.
#[derive(Default)]
pub(super) struct Said {
    pub(super) yes: Vec<String>,
    pub(super) no: Vec<String>,
    pub(super) silent: Vec<String>,
}

impl Said {
    /// By the hosts; of what runs on machines of this server's owner nothing has to be asked.
    pub(super) fn of(model: &Model, answer: impl Fn(&ModelSpec) -> Option<bool>) -> Self {
        let mut said = Self::default();
        for one in model.active().filter(|one| one.tier == Tier::Hosted) {
            let hosts = match answer(&one.spec) {
                Some(true) => &mut said.yes,
                Some(false) => &mut said.no,
                None => &mut said.silent,
            };
            let name = host_name(&one.key.provider);
            if !hosts.contains(&name) {
                hosts.push(name);
            }
        }
        said
    }

    fn words(&self) -> String {
        let kinds = [
            ("Yes", &self.yes),
            ("No", &self.no),
            ("Not stated", &self.silent),
        ];
        let told: Vec<_> = kinds
            .into_iter()
            .filter(|(_, hosts)| !hosts.is_empty())
            .collect();
        match told.as_slice() {
            [] => text::UNKNOWN.to_owned(),
            [(word, _)] => (*word).to_owned(),
            several => {
                let parts = several
                    .iter()
                    .map(|(word, hosts)| format!("{word}: {}", hosts.join(", ")));
                parts.collect::<Vec<_>>().join("; ")
            }
        }
    }
}

/// A deployment in a line.
pub(super) struct DeploymentLine {
    pub(super) host: String,
    pub(super) name: String,
    pub(super) is_active: bool,
    pub(super) gone: Option<When>,
    pub(super) context: String,
    pub(super) max_output: String,
    pub(super) quantization: String,
    /// What an account there may ask for.
    pub(super) limits: Vec<String>,
    /// Whether nobody needs an account: it runs on a machine of this server's owner.
    pub(super) is_own: bool,
    /// What the host last said of itself.
    pub(super) said: String,
    pub(super) said_at: Option<When>,
}

/// The deployments of a model; `limits` are those of an account at a host.
pub(super) fn deployments(
    model: &Model,
    limits: impl Fn(&str) -> Vec<String>,
) -> Vec<DeploymentLine> {
    let mut lines: Vec<_> = model.deployments.iter().collect();
    // Those that can be asked come first.
    lines.sort_by_key(|one| (!one.is_active(), one.tier != Tier::Hosted));
    let line = |one: &&router::catalog::Deployment| {
        let (said, said_at) = match one.status {
            None => (String::new(), None),
            Some((status, at)) => {
                let mut words = vec![if status.is_up { "up" } else { "down" }.to_owned()];
                words.extend(
                    status
                        .uptime_percent
                        .map(|percent| format!("{} uptime", text::percent(percent / 100.0))),
                );
                words.extend(status.first_token_ms.map(text::duration));
                words.extend(status.tokens_per_second.map(text::speed));
                (words.join(", "), Some(When::minute(at)))
            }
        };
        DeploymentLine {
            host: host_name(&one.key.provider),
            name: text::name(&one.key.name),
            is_active: one.is_active(),
            gone: one.gone_at.map(When::day),
            context: text::tokens(one.spec.context_length),
            max_output: text::tokens(one.spec.max_output_tokens),
            quantization: match &one.spec.quantization {
                Some(text) if !text.is_empty() => text::name(text),
                _ => text::UNKNOWN.to_owned(),
            },
            limits: limits(&one.key.provider),
            is_own: one.tier != Tier::Hosted,
            said,
            said_at,
        }
    };
    lines.iter().map(line).collect()
}
