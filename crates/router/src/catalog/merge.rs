//! One specification of what several providers say of the same model.

use super::{Deployment, builtin};
use crate::model_info::{ModelId, ModelSpec};

/// What is known of the model `id` from its deployments, the first of which is believed before the
/// others where only one can be right. Of limits the widest counts, as one deployment has it; what
/// the others lack is seen in their own specifications. `known` fills what nobody says now, and
/// what is built in fills the rest.
pub(crate) fn merged_spec(
    id: &ModelId,
    known: Option<&ModelSpec>,
    deployments: &[&Deployment],
) -> ModelSpec {
    let said: Vec<&ModelSpec> = deployments.iter().map(|one| &one.spec).collect();
    let builtin = builtin::spec(id);
    // Of itself a model says more than its hosts do, whose texts may be cut off.
    let first_words = || builtin.iter().chain(said.iter().copied()).chain(known);
    let all = || said.iter().copied().chain(known).chain(&builtin);

    let text = |get: fn(&ModelSpec) -> &String| {
        let mut texts = first_words().map(get).filter(|text| !text.is_empty());
        texts.next().cloned().unwrap_or_default()
    };
    ModelSpec {
        name: text(|spec| &spec.name),
        description: text(|spec| &spec.description),
        created: first_words().filter_map(|spec| spec.created).min(),
        context_length: widest(&said, all(), |spec| spec.context_length),
        max_output_tokens: widest(&said, all(), |spec| spec.max_output_tokens),
        modality: first(all(), |spec| spec.modality.clone()),
        input_modalities: union(&said, all(), |spec| &spec.input_modalities),
        output_modalities: union(&said, all(), |spec| &spec.output_modalities),
        supported_parameters: sorted(union(&said, all(), |spec| &spec.supported_parameters)),
        // Somebody lets it answer unmoderated, or keeps prompts to himself: then that can be had.
        is_moderated: least(&said, |spec| spec.is_moderated),
        trains_on_prompts: least(&said, |spec| spec.trains_on_prompts),
        expiration_date: last_day(&said),
        knowledge_cutoff: first(all(), |spec| spec.knowledge_cutoff.clone()),
        hugging_face_id: first(all(), |spec| spec.hugging_face_id.clone()),
        quantization: unanimous(&said, |spec| spec.quantization.clone()),
        reasoning: first(all(), |spec| spec.reasoning.clone()),
        kind: all().next().map_or_else(Default::default, |spec| spec.kind),
    }
}

fn first<'a, T>(
    mut specs: impl Iterator<Item = &'a ModelSpec>,
    get: impl Fn(&ModelSpec) -> Option<T>,
) -> Option<T> {
    specs.find_map(get)
}

/// The greatest that is said, else the first that is known otherwise.
fn widest<'a>(
    said: &[&ModelSpec],
    all: impl Iterator<Item = &'a ModelSpec>,
    get: fn(&ModelSpec) -> Option<u64>,
) -> Option<u64> {
    let said = said.iter().filter_map(|spec| get(spec)).max();
    said.or_else(|| first(all, get))
}

/// Everything that is said, in the order it is said in; else the first that is known otherwise.
fn union<'a>(
    said: &[&ModelSpec],
    all: impl Iterator<Item = &'a ModelSpec>,
    get: fn(&ModelSpec) -> &Vec<String>,
) -> Vec<String> {
    let mut union: Vec<String> = Vec::new();
    for word in said.iter().flat_map(|spec| get(spec)) {
        if !union.contains(word) {
            union.push(word.clone());
        }
    }
    if union.is_empty() {
        let mut known = all.map(get).filter(|words| !words.is_empty());
        return known.next().cloned().unwrap_or_default();
    }
    union
}

fn sorted(mut words: Vec<String>) -> Vec<String> {
    words.sort();
    words
}

fn least(said: &[&ModelSpec], get: fn(&ModelSpec) -> Option<bool>) -> Option<bool> {
    said.iter().filter_map(|spec| get(spec)).min()
}

/// The day after which nobody has it; `None` if somebody has no such day.
fn last_day(said: &[&ModelSpec]) -> Option<String> {
    let days: Option<Vec<&String>> = said
        .iter()
        .map(|spec| spec.expiration_date.as_ref())
        .collect();
    // Days as `YYYY-MM-DD` are in the order of their texts.
    days?.into_iter().max().cloned()
}

fn unanimous(said: &[&ModelSpec], get: fn(&ModelSpec) -> Option<String>) -> Option<String> {
    let mut all = said.iter().map(|spec| get(spec));
    let first = all.next()??;
    all.all(|other| other.as_ref() == Some(&first))
        .then_some(first)
}
