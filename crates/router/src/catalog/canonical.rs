//! Which names of hosts mean the same model.
//!
//! A wrong merge would answer with another model than the one that was named and count its failures
//! against it, so that only three things make two names one: the form `author/slug`, which the hosts
//! share with Hugging Face and OpenRouter; what a host itself says a model's weights are; and the
//! table below. Every other name stays its provider's own.

use crate::model_info::ModelId;

/// A model that hosts call by names of their own.
struct Known {
    id: &'static str,
    /// Names without an author, for everybody. Endings of [`is_harmless`] may follow.
    slugs: &'static [&'static str],
    /// Whole names, for everybody.
    names: &'static [&'static str],
    /// Whole names, for one provider.
    names_at: &'static [(&'static str, &'static str)],
}

/// Looked up in Ollama's library and in the documents of the providers.
static KNOWN: [Known; 3] = [
    Known {
        id: "openai/gpt-oss-20b",
        slugs: &["gpt-oss-20b"],
        names: &["gpt-oss:20b", "gpt-oss:20b-cloud"],
        names_at: &[("pollinations", "openai-fast")],
    },
    Known {
        id: "openai/gpt-oss-120b",
        slugs: &["gpt-oss-120b"],
        names: &["gpt-oss:120b", "gpt-oss:120b-cloud"],
        names_at: &[],
    },
    Known {
        id: "openai/gpt-oss-safeguard-20b",
        slugs: &["gpt-oss-safeguard-20b"],
        names: &["gpt-oss-safeguard:20b"],
        names_at: &[],
    },
];

/// What OpenRouter appends to the names of deployments that cost nothing.
pub(super) const FREE: &str = ":free";

/// Prefixes of hosts for the models of others.
const HOST_PREFIXES: [&str; 2] = ["@cf/", "@hf/"];

/// The id of the model that `provider` lists as `listed`: the same for the same model wherever it
/// is offered. Beside its name a host may tell where the weights are from (`hugging_face_id`) and
/// a name that never changes (`canonical_slug`).
pub fn canonical_id(
    provider: &str,
    listed: &str,
    hugging_face_id: Option<&str>,
    canonical_slug: Option<&str>,
) -> ModelId {
    let provider = provider.trim().to_ascii_lowercase();
    let listed = bare(listed);
    // Only OpenRouter's list has such slugs; its variants (`:thinking`) are models of their own.
    let is_openrouter = provider == "openrouter" || canonical_slug.is_some();
    let others = || {
        [canonical_slug, hugging_face_id]
            .into_iter()
            .flatten()
            .map(bare)
    };
    let id = known(&provider, &listed)
        .or_else(|| is_global(&listed, is_openrouter).then(|| listed.clone()))
        .or_else(|| others().find_map(|name| known("", &name)))
        .or_else(|| others().find(|name| is_global(name, false)))
        .unwrap_or_else(|| format!("{provider}/{listed}"));
    ModelId(id)
}

/// A name in small letters, without what hosts put before and after.
fn bare(name: &str) -> String {
    let name = name.trim().to_ascii_lowercase();
    let name = name.strip_suffix(FREE).unwrap_or(&name);
    let prefixes = HOST_PREFIXES.iter();
    let mut bare = prefixes.filter_map(|prefix| name.strip_prefix(prefix));
    bare.next().unwrap_or(name).to_owned()
}

fn known(provider: &str, name: &str) -> Option<String> {
    let is_it = |one: &&Known| {
        let is_name = one.names.contains(&name);
        let is_name_at = one.names_at.contains(&(provider, name));
        let slug = match name.split_once('/') {
            None => name,
            // An author that is not the model's own may have changed its weights.
            Some((author, slug)) if one.id.starts_with(&format!("{author}/")) => slug,
            Some(_) => "",
        };
        let mut endings = one
            .slugs
            .iter()
            .filter_map(|known| slug.strip_prefix(known));
        is_name || is_name_at || endings.any(is_harmless)
    };
    KNOWN.iter().find(is_it).map(|one| one.id.to_owned())
}

/// Whether the ending of a name tells only of the file or the day, not of another model: nothing, or
/// `-` and words such as `mxfp4`, `gguf`, `20250805` or `2025-08-05`.
fn is_harmless(ending: &str) -> bool {
    if ending.is_empty() {
        return true;
    }
    let Some(words) = ending.strip_prefix(['-', '.']) else {
        return false;
    };
    let is_digits = |word: &str, len: usize| {
        word.len() == len && word.bytes().all(|byte| byte.is_ascii_digit())
    };
    let mut words = words.split(['-', '.', '_']).peekable();
    while let Some(word) = words.next() {
        let is_date = is_digits(word, 8)
            || (is_digits(word, 4)
                && words.next_if(|month| is_digits(month, 2)).is_some()
                && words.next_if(|day| is_digits(day, 2)).is_some());
        if !is_date && !matches!(word, "mxfp4" | "bf16" | "gguf" | "mlx" | "safetensors") {
            return false;
        }
    }
    true
}

/// Whether a name is `author/slug` and nothing else, as on Hugging Face; there it means the same to
/// everybody. With a variant (`:thinking`) only OpenRouter's are.
fn is_global(name: &str, with_variant: bool) -> bool {
    let is_word = |word: &str| {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        !word.is_empty() && word.bytes().all(is_letter)
    };
    let name = match name.split_once(':') {
        Some((name, variant)) if with_variant && is_word(variant) => name,
        _ => name,
    };
    name.split_once('/')
        .is_some_and(|(author, slug)| is_word(author) && is_word(slug))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(provider: &str, listed: &str) -> String {
        canonical_id(provider, listed, None, None).0
    }

    #[test]
    fn one_model_has_one_id_whatever_its_hosts_call_it() {
        for (provider, listed) in [
            ("openrouter", "openai/gpt-oss-20b:free"),
            ("openrouter", "openai/gpt-oss-20b"),
            ("groq", "openai/gpt-oss-20b"),
            ("cloudflare", "@cf/openai/gpt-oss-20b"),
            ("nvidia", "openai/gpt-oss-20b"),
            ("ollama", "gpt-oss:20b"),
            ("my-machine", "gpt-oss:20b"),
            ("ollama-cloud", "gpt-oss:20b-cloud"),
            ("llm7", "GPT-OSS:20b"),
            ("pollinations", "openai-fast"),
            ("llamacpp", "gpt-oss-20b-mxfp4.gguf"),
            ("lmstudio", "openai/gpt-oss-20b"),
            ("any", "openai/gpt-oss-20b-2025-08-05"),
            ("any", "openai/gpt-oss-20b-20250805"),
            ("any", " openai/gpt-oss-20b-MXFP4-GGUF "),
        ] {
            assert_eq!(
                id(provider, listed),
                "openai/gpt-oss-20b",
                "{provider} {listed}"
            );
        }
        assert_eq!(id("cerebras", "gpt-oss-120b"), "openai/gpt-oss-120b");
    }

    #[test]
    fn what_is_not_known_to_be_the_same_stays_apart() {
        for (provider, listed, expected) in [
            // Other weights, whatever the name begins with.
            (
                "x",
                "openai/gpt-oss-safeguard-20b",
                "openai/gpt-oss-safeguard-20b",
            ),
            (
                "x",
                "openai/gpt-oss-20b-finetuned",
                "openai/gpt-oss-20b-finetuned",
            ),
            ("x", "openai/gpt-oss-20b-2025", "openai/gpt-oss-20b-2025"),
            ("x", "openai/gpt-oss-200b", "openai/gpt-oss-200b"),
            ("x", "unsloth/gpt-oss-20b", "unsloth/gpt-oss-20b"),
            ("x", "unsloth/gpt-oss-20b-GGUF", "unsloth/gpt-oss-20b-gguf"),
            ("x", "gpt-oss-20b-uncensored", "x/gpt-oss-20b-uncensored"),
            // Names of one provider mean nothing at another.
            ("x", "openai-fast", "x/openai-fast"),
            ("ollama", "qwen3:8b", "ollama/qwen3:8b"),
            (
                "ollama",
                "someone/gpt-oss:20b",
                "ollama/someone/gpt-oss:20b",
            ),
            ("llm7", "gpt-oss", "llm7/gpt-oss"),
            // A variant of OpenRouter's is a model of its own.
            ("openrouter", "a/b:thinking", "a/b:thinking"),
            ("openrouter", "a/b:free", "a/b"),
            ("huggingface", "Qwen/Qwen3-32B", "qwen/qwen3-32b"),
            ("x", "/models/a/b.gguf", "x//models/a/b.gguf"),
        ] {
            assert_eq!(id(provider, listed), expected, "{provider} {listed}");
        }
    }

    #[test]
    fn a_name_without_an_author_is_what_its_host_says_its_weights_are() {
        let hugging_face = Some("Qwen/Qwen3-8B");
        let named = canonical_id("x", "my-model", hugging_face, None);
        assert_eq!(named.0, "qwen/qwen3-8b");
        // But a name that says whose it is stands: several models may come from the same weights.
        let named = canonical_id("x", "acme/tuned", hugging_face, None);
        assert_eq!(named.0, "acme/tuned");
        let slug = canonical_id("x", "latest", None, Some("openai/gpt-oss-20b-2025-08-05"));
        assert_eq!(slug.0, "openai/gpt-oss-20b");
    }

    proptest! {
        #[test]
        fn the_id_of_an_id_is_itself_and_no_author_takes_anothers(
            author in "[a-z][a-z0-9]{0,5}",
            slug in "(gpt-oss-20b|gpt-oss|x)[a-z0-9.-]{0,8}",
            is_free: bool,
        ) {
            let free = if is_free { ":free" } else { "" };
            let first = id("openrouter", &format!("{author}/{slug}{free}"));
            prop_assert_eq!(&id("groq", &first), &first);
            prop_assert!(first.starts_with(&format!("{author}/")), "{}", first);
        }
    }
}
