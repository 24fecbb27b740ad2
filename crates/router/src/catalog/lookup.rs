//! Which model a name means.

use std::collections::HashMap;

use super::canonical::FREE;
use super::{Catalog, Deployment, Model};
use crate::error::RouterError;

/// How alike a name must be to be suggested (Jaro-Winkler, 0 to 1), and how many are.
const MIN_SIMILARITY: f64 = 0.7;
const MAX_SUGGESTIONS: usize = 3;
/// Longest name that is compared with others: comparing takes the product of the lengths.
const MAX_COMPARED_CHARS: usize = 200;
/// Longest part of a name that an error repeats.
const MAX_NAME_CHARS: usize = 200;

/// How a name names a model. A better one wins over all that are worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// It is the id.
    Id,
    /// It is the name at a provider.
    OwnName,
    /// A provider says that it is another name.
    Alias,
    /// It is the id without the author.
    Slug,
}

/// Names in small letters to the models that have them, the best rank first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names(HashMap<String, Vec<(Rank, usize)>>);

impl Names {
    pub(super) fn of(models: &[Model]) -> Self {
        let mut names: HashMap<String, Vec<(Rank, usize)>> = HashMap::new();
        let mut add = |name: &str, rank: Rank, index: usize| {
            let of_name = names.entry(name.to_ascii_lowercase()).or_default();
            of_name.push((rank, index));
        };
        for (index, model) in models.iter().enumerate() {
            add(&model.id.0, Rank::Id, index);
            if let Some((_, slug)) = model.id.0.rsplit_once('/') {
                add(slug, Rank::Slug, index);
            }
            for one in &model.deployments {
                add(&one.key.name, Rank::OwnName, index);
                for alias in &one.aliases {
                    add(alias, Rank::Alias, index);
                }
            }
        }
        for of_name in names.values_mut() {
            of_name.sort();
            of_name.dedup();
            // One that has a name twice has it in its better way.
            let mut seen = Vec::new();
            of_name.retain(|(_, index)| {
                let is_new = !seen.contains(index);
                seen.push(*index);
                is_new
            });
        }
        Self(names)
    }

    /// The models of this name, the best rank first and then by id.
    pub(super) fn of_name(&self, name: &str) -> impl Iterator<Item = usize> {
        let of_name = self.0.get(&name.to_ascii_lowercase());
        of_name.into_iter().flatten().map(|&(_, index)| index)
    }

    fn ranked(&self, name: &str) -> &[(Rank, usize)] {
        let of_name = self.0.get(name);
        of_name.map(Vec::as_slice).unwrap_or_default()
    }
}

impl Catalog {
    /// The model that a name means: its id, with or without `:free`; its name at a provider; another
    /// name; its id without the author. Case does not matter. Where a name means several in the same
    /// way it means the one that is offered now, and nobody if that leaves several.
    pub fn find(&self, name: &str) -> Option<&Model> {
        match self.meant(name).as_slice() {
            [one] => Some(one),
            _ => None,
        }
    }

    /// [`Catalog::find`], for those who are asked for a model by its name.
    ///
    /// # Errors
    /// [`RouterError::ModelNotFound`], with what the name may have meant.
    pub fn require(&self, name: &str) -> Result<&Model, RouterError> {
        self.find(name).ok_or_else(|| self.not_found(name))
    }

    /// That there is no model of this name, and what it may have meant.
    pub fn not_found(&self, name: &str) -> RouterError {
        RouterError::ModelNotFound {
            similar: self.near(name),
            model: name.chars().take(MAX_NAME_CHARS).collect(),
        }
    }

    /// The one deployment that `provider/name` means, such as `groq/openai/gpt-oss-20b`. A model of
    /// that name comes first: ask [`Catalog::find`] before.
    pub fn pinned(&self, name: &str) -> Option<(&Model, &Deployment)> {
        let (provider, own_name) = name.split_once('/')?;
        let is_it = |one: &&Deployment| {
            one.key.provider.eq_ignore_ascii_case(provider)
                && one.key.name.eq_ignore_ascii_case(own_name)
        };
        let mut models = self
            .names
            .of_name(own_name)
            .map(|index| &self.models[index]);
        models.find_map(|model| Some((model, model.deployments.iter().find(is_it)?)))
    }

    /// Ids of models that somebody offers now and that `name` may have meant, the likeliest first.
    pub fn near(&self, name: &str) -> Vec<String> {
        let several = self.meant(name);
        if !several.is_empty() {
            let ids = several.into_iter().map(|model| model.id.0.clone());
            return ids.take(MAX_SUGGESTIONS).collect();
        }
        let name: String = name.chars().take(MAX_COMPARED_CHARS).collect();
        let name = name.to_ascii_lowercase();
        let score = |model: &Model| {
            let ids = std::iter::once(model.id.0.as_str());
            let others = model.deployments.iter().flat_map(|one| {
                let aliases = one.aliases.iter().map(String::as_str);
                aliases.chain([one.key.name.as_str()])
            });
            let scores = ids.chain(others).map(|other| {
                let other: String = other.chars().take(MAX_COMPARED_CHARS).collect();
                strsim::jaro_winkler(&name, &other.to_ascii_lowercase())
            });
            scores.fold(0.0, f64::max)
        };
        let mut near: Vec<_> = self
            .active_models()
            .map(|model| (score(model), &model.id.0))
            .filter(|(score, _)| *score >= MIN_SIMILARITY)
            .collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        near.truncate(MAX_SUGGESTIONS);
        near.into_iter().map(|(_, id)| id.clone()).collect()
    }

    /// The models that a name means in the best way in which it means any.
    fn meant(&self, name: &str) -> Vec<&Model> {
        let name = name.trim().to_ascii_lowercase();
        let with_suffix = self.best(&name);
        match name.strip_suffix(FREE) {
            Some(without) if with_suffix.is_empty() => self.best(without),
            _ => with_suffix,
        }
    }

    fn best(&self, name: &str) -> Vec<&Model> {
        let all = self.names.ranked(name);
        // What is built in and was never offered is only known of: whoever runs a model under that
        // name here means his own.
        let is_met = |&&(_, index): &&(Rank, usize)| !self.models[index].deployments.is_empty();
        let met: Vec<(Rank, usize)> = all.iter().filter(is_met).copied().collect();
        let ranked = match met.is_empty() {
            true => all,
            false => &met,
        };
        let Some(&(best, _)) = ranked.first() else {
            return Vec::new();
        };
        let of_best = ranked.iter().take_while(|(rank, _)| *rank == best);
        let models: Vec<&Model> = of_best.map(|&(_, index)| &self.models[index]).collect();
        let active: Vec<&Model> = models
            .iter()
            .copied()
            .filter(|one| one.is_active())
            .collect();
        match active.is_empty() {
            true => models,
            false => active,
        }
    }
}
