//! Hosts that are known: where they are, what they give for nothing, and how they differ. Terms are
//! those of mid-2026; whatever changes is a field of [`ProviderConfig`] that a configuration may set.

use std::time::Duration;

use crate::config::{
    Bounds, ConfigError, Dialect, FreeRule, ListedModel, MaxTokensName, ModelList, ProviderConfig,
    RateHeaders, Secret, StreamUsage, Timeouts,
};
use crate::provider::{AccountLimits, QuotaWindow};

/// A host that is known.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Its name, such as `groq`.
    pub id: &'static str,
    /// Its name for people, such as `Groq`.
    pub name: &'static str,
    /// Its base URL; `{account}` stands for the account.
    pub base_url: &'static str,
    /// The environment variable that has the key.
    pub key_variable: Option<&'static str>,
    /// What is sent where there is no key.
    pub key_without: Option<&'static str>,
    /// Whether nothing can be asked without a key. Others are asked only where somebody wants it.
    pub needs_key: bool,
    /// The environment variable that has the account in the URL.
    pub account_variable: Option<&'static str>,
    /// Whether it is a server of one's own: no limits, and nobody else reads along.
    pub is_local: bool,
    /// What an account may ask for.
    pub limits: AccountLimits,
    /// How its list is read.
    list: PresetList,
    /// What of the list is free; empty: as it says itself.
    free: &'static [&'static str],
    /// Names at the host and everywhere, where they are all there is.
    names: &'static [(&'static str, &'static str)],
    /// Further headers.
    headers: &'static [(&'static str, &'static str)],
    /// How it differs.
    pub dialect: Dialect,
    /// What to know before one uses it.
    pub note: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum PresetList {
    OpenRouter,
    OpenAi,
    Fixed,
}

const NO_LIMITS: AccountLimits = AccountLimits {
    requests_per_minute: None,
    requests_per_day: None,
    tokens_per_minute: None,
    tokens_per_day: None,
};

const PLAIN: Dialect = Dialect {
    stream_usage: StreamUsage::OnRequest,
    max_tokens: MaxTokensName::Either,
    leaks_harmony: false,
    is_openrouter: false,
    rate_headers: None,
};

const HOSTED: Preset = Preset {
    id: "",
    name: "",
    base_url: "",
    key_variable: None,
    key_without: None,
    needs_key: true,
    account_variable: None,
    is_local: false,
    limits: NO_LIMITS,
    list: PresetList::OpenAi,
    free: &[],
    names: &[],
    headers: &[],
    dialect: PLAIN,
    note: "",
};

const LOCAL: Preset = Preset {
    needs_key: false,
    is_local: true,
    ..HOSTED
};

const GPT_OSS: &[&str] = &["openai/gpt-oss-20b", "openai/gpt-oss-120b"];

/// Every host that is known.
pub const PRESETS: &[Preset] = &[
    Preset {
        id: "openrouter",
        name: "OpenRouter",
        base_url: "https://openrouter.ai/api/v1",
        key_variable: Some("OPENROUTER_API_KEY"),
        limits: AccountLimits {
            requests_per_minute: Some(20),
            requests_per_day: Some(50),
            ..NO_LIMITS
        },
        list: PresetList::OpenRouter,
        headers: &[("x-openrouter-title", "Freeway")],
        dialect: Dialect {
            stream_usage: StreamUsage::Always,
            is_openrouter: true,
            ..PLAIN
        },
        note: "the limits are one account's over all free models; 1,000 requests a day once 10 \
               credits were bought; failed requests count",
        ..HOSTED
    },
    Preset {
        id: "groq",
        name: "Groq",
        base_url: "https://api.groq.com/openai/v1",
        key_variable: Some("GROQ_API_KEY"),
        limits: AccountLimits {
            requests_per_minute: Some(30),
            requests_per_day: Some(1000),
            tokens_per_minute: Some(8000),
            tokens_per_day: Some(200_000),
        },
        free: GPT_OSS,
        dialect: Dialect {
            rate_headers: Some(RateHeaders {
                requests: QuotaWindow::RequestsPerDay,
                tokens: QuotaWindow::TokensPerMinute,
            }),
            ..PLAIN
        },
        note: "the limits are one organisation's for each model",
        ..HOSTED
    },
    Preset {
        id: "cloudflare",
        name: "Cloudflare Workers AI",
        base_url: "https://api.cloudflare.com/client/v4/accounts/{account}/ai/v1",
        key_variable: Some("CLOUDFLARE_API_TOKEN"),
        account_variable: Some("CLOUDFLARE_ACCOUNT_ID"),
        list: PresetList::Fixed,
        names: &[
            ("@cf/openai/gpt-oss-20b", "openai/gpt-oss-20b"),
            ("@cf/openai/gpt-oss-120b", "openai/gpt-oss-120b"),
        ],
        dialect: Dialect {
            leaks_harmony: true,
            max_tokens: MaxTokensName::MaxTokens,
            ..PLAIN
        },
        note: "10,000 neurons a day, about 500 short turns of gpt-oss-20b; anew at 00:00 UTC",
        ..HOSTED
    },
    Preset {
        id: "nvidia",
        name: "NVIDIA NIM",
        base_url: "https://integrate.api.nvidia.com/v1",
        key_variable: Some("NVIDIA_API_KEY"),
        limits: AccountLimits {
            requests_per_minute: Some(40),
            ..NO_LIMITS
        },
        free: GPT_OSS,
        dialect: Dialect {
            max_tokens: MaxTokensName::MaxTokens,
            ..PLAIN
        },
        note: "for evaluation only",
        ..HOSTED
    },
    Preset {
        id: "llm7",
        name: "LLM7",
        base_url: "https://api.llm7.io/v1",
        key_variable: Some("LLM7_API_KEY"),
        key_without: Some("unused"),
        needs_key: false,
        limits: AccountLimits {
            requests_per_minute: Some(20),
            ..NO_LIMITS
        },
        dialect: Dialect {
            max_tokens: MaxTokensName::MaxTokens,
            ..PLAIN
        },
        note: "needs no key; about 100 requests an hour",
        ..HOSTED
    },
    Preset {
        id: "pollinations",
        name: "Pollinations",
        base_url: "https://text.pollinations.ai/openai",
        key_variable: Some("POLLINATIONS_API_KEY"),
        needs_key: false,
        limits: AccountLimits {
            requests_per_minute: Some(4),
            ..NO_LIMITS
        },
        list: PresetList::Fixed,
        names: &[("openai-fast", "openai/gpt-oss-20b")],
        dialect: Dialect {
            max_tokens: MaxTokensName::MaxTokens,
            ..PLAIN
        },
        note: "needs no key; about one request in 15 seconds",
        ..HOSTED
    },
    Preset {
        id: "huggingface",
        name: "Hugging Face",
        base_url: "https://router.huggingface.co/v1",
        key_variable: Some("HF_TOKEN"),
        free: GPT_OSS,
        note: "a credit of 0.10 $ a month, then it wants money",
        ..HOSTED
    },
    Preset {
        id: "cerebras",
        name: "Cerebras",
        base_url: "https://api.cerebras.ai/v1",
        key_variable: Some("CEREBRAS_API_KEY"),
        limits: AccountLimits {
            requests_per_minute: Some(30),
            tokens_per_day: Some(1_000_000),
            ..NO_LIMITS
        },
        dialect: Dialect {
            rate_headers: Some(RateHeaders {
                requests: QuotaWindow::RequestsPerDay,
                tokens: QuotaWindow::TokensPerMinute,
            }),
            ..PLAIN
        },
        note: "does not have gpt-oss-20b",
        ..HOSTED
    },
    Preset {
        id: "ollama-cloud",
        name: "Ollama Cloud",
        base_url: "https://ollama.com/v1",
        key_variable: Some("OLLAMA_API_KEY"),
        dialect: Dialect {
            max_tokens: MaxTokensName::MaxTokens,
            ..PLAIN
        },
        note: "GPU time within 5 hours and within 7 days is limited; one request at a time",
        ..HOSTED
    },
    Preset {
        id: "ollama",
        name: "Ollama",
        base_url: "http://127.0.0.1:11434/v1",
        dialect: Dialect {
            max_tokens: MaxTokensName::MaxTokens,
            ..PLAIN
        },
        ..LOCAL
    },
    Preset {
        id: "lmstudio",
        name: "LM Studio",
        base_url: "http://127.0.0.1:1234/v1",
        dialect: Dialect {
            max_tokens: MaxTokensName::MaxTokens,
            ..PLAIN
        },
        ..LOCAL
    },
    Preset {
        id: "llamacpp",
        name: "llama.cpp",
        base_url: "http://127.0.0.1:8080/v1",
        dialect: Dialect {
            max_tokens: MaxTokensName::MaxTokens,
            ..PLAIN
        },
        ..LOCAL
    },
    Preset {
        id: "vllm",
        name: "vLLM",
        base_url: "http://127.0.0.1:8000/v1",
        ..LOCAL
    },
    Preset {
        id: "sglang",
        name: "SGLang",
        base_url: "http://127.0.0.1:30000/v1",
        ..LOCAL
    },
];

/// A machine of one's own may read a long prompt for minutes.
const LOCAL_TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(3),
    first_byte: Duration::from_secs(600),
    first_content: Duration::from_secs(600),
    idle: Duration::from_secs(120),
    stream: Duration::from_secs(7200),
    whole: Duration::from_secs(1800),
    list: Duration::from_secs(10),
};

/// The host of this name.
pub fn preset(id: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.id == id)
}

impl Preset {
    /// The configuration with this key and this account.
    ///
    /// # Errors
    /// If one of them is needed and is not there.
    pub fn config(
        &self,
        key: Option<Secret>,
        account: Option<&str>,
    ) -> Result<ProviderConfig, ConfigError> {
        let missing = |variable: Option<&str>, what: &str| ConfigError {
            provider: self.id.to_owned(),
            message: format!("it needs {what}: set {}", variable.unwrap_or(what)),
        };
        if key.is_none() && self.needs_key {
            return Err(missing(self.key_variable, "a key"));
        }
        let base_url = match (self.account_variable, account) {
            (None, _) => self.base_url.to_owned(),
            (Some(_), Some(account)) if is_account(account) => {
                self.base_url.replace("{account}", account)
            }
            (variable, _) => return Err(missing(variable, "the id of the account")),
        };
        let names = self.names.iter().map(|(name, id)| ListedModel {
            name: (*name).to_owned(),
            id: (*id).to_owned(),
        });
        let owned = |text: &&str| (*text).to_owned();
        Ok(ProviderConfig {
            id: self.id.to_owned(),
            base_url,
            api_key: key.or(self.key_without.map(Secret::new)),
            headers: self
                .headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            limits: self.limits,
            list: match self.list {
                PresetList::OpenRouter => ModelList::OpenRouter,
                PresetList::OpenAi => ModelList::OpenAi,
                PresetList::Fixed => ModelList::Fixed(names.collect()),
            },
            free: match self.free {
                [] => FreeRule::AsListed,
                names => FreeRule::Named(names.iter().map(owned).collect()),
            },
            sends_trace: false,
            trains_on_prompts: self.is_local.then_some(false),
            dialect: self.dialect,
            timeouts: match self.is_local {
                true => LOCAL_TIMEOUTS,
                false => Timeouts::default(),
            },
            bounds: Bounds::default(),
        })
    }
}

/// Whether a text can stand for an account in a URL.
fn is_account(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 128
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::upstream::UpstreamProvider;

    #[test]
    fn every_preset_makes_a_provider() {
        for preset in PRESETS {
            let key = preset.key_variable.map(|_| Secret::new("key"));
            let config = preset.config(key, Some("0123abc")).unwrap();
            assert!(!config.base_url.contains('{'), "{}", config.base_url);
            assert_eq!(
                config.base_url.starts_with("http://127.0.0.1"),
                preset.is_local
            );
            UpstreamProvider::new(config).unwrap();
        }
    }

    #[test]
    fn names_are_found_and_differ() {
        for preset in PRESETS {
            assert_eq!(super::preset(preset.id).unwrap().base_url, preset.base_url);
        }
        assert!(super::preset("nobody").is_none());
    }

    #[test]
    fn what_is_needed_is_named() {
        let error = preset("groq").unwrap().config(None, None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "provider groq: it needs a key: set GROQ_API_KEY"
        );
        let cloudflare = preset("cloudflare").unwrap();
        for account in [None, Some(""), Some("a/b"), Some("x?y")] {
            let error = cloudflare
                .config(Some(Secret::new("k")), account)
                .unwrap_err();
            assert!(
                error.to_string().contains("CLOUDFLARE_ACCOUNT_ID"),
                "{error}"
            );
        }
        let config = cloudflare
            .config(Some(Secret::new("k")), Some("acc"))
            .unwrap();
        let url = "https://api.cloudflare.com/client/v4/accounts/acc/ai/v1";
        assert_eq!(config.base_url, url);
        let keyless = preset("llm7").unwrap().config(None, None).unwrap();
        assert_eq!(keyless.api_key, Some(Secret::new("unused")));
    }
}
