//! The published models that this engine is made for.

/// A published model.
pub(crate) struct KnownModel {
    pub(crate) id: &'static str,
}

/// Smallest first.
pub(crate) const KNOWN_MODELS: [KnownModel; 2] = [
    KnownModel {
        id: "openai/gpt-oss-20b",
    },
    KnownModel {
        id: "openai/gpt-oss-120b",
    },
];

/// How alike two names must be for one to be a misspelling of the other; 1 is the same.
const MIN_SIMILARITY: f64 = 0.7;

/// The known model whose id `name` may be a misspelling of, or a part.
pub(crate) fn nearest(name: &str) -> Option<&'static str> {
    let ids = || KNOWN_MODELS.iter().map(|model| model.id);
    if ids().any(|id| id == name) {
        return None;
    }
    let name = name.to_ascii_lowercase();
    // `20b` and `gpt-oss-20b` are ends of an id, and much shorter.
    let end = name.rsplit('/').next().filter(|end| !end.is_empty());
    let similarity = |id: &&str| strsim::normalized_damerau_levenshtein(id, &name);
    end.and_then(|end| ids().find(|id| id.ends_with(end)))
        .or_else(|| {
            ids()
                .filter(|id| similarity(id) >= MIN_SIMILARITY)
                .max_by(|a, b| similarity(a).total_cmp(&similarity(b)))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspellings_and_parts_lead_to_the_model() {
        for (name, id) in [
            ("gpt-oss-20b", Some("openai/gpt-oss-20b")),
            ("20b", Some("openai/gpt-oss-20b")),
            ("120b", Some("openai/gpt-oss-120b")),
            ("openai/gpt-oss-120B", Some("openai/gpt-oss-120b")),
            ("openai/gpt-oss20b", Some("openai/gpt-oss-20b")),
            ("opneai/gpt-oss-20b", Some("openai/gpt-oss-20b")),
            ("unsloth/gpt-oss-20b", Some("openai/gpt-oss-20b")),
            ("meta-llama/Llama-3.1-8B", None),
            ("openai/gpt-oss-20b", None),
            ("openai/gpt-oss-120b", None),
            ("", None),
        ] {
            assert_eq!(nearest(name), id, "{name}");
        }
    }
}
