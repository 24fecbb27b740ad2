//! What the router is told of a provider: a row of data. Nothing here reads the environment.

use std::fmt;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::provider::{AccountLimits, ListSource, QuotaWindow};

/// A provider that is asked over HTTP.
#[derive(Clone, Debug, PartialEq)]
pub struct ProviderConfig {
    /// Its name, such as `openrouter`.
    pub id: String,
    /// What comes before `/chat/completions`, such as `https://openrouter.ai/api/v1`.
    pub base_url: String,
    /// Sent as `Authorization: Bearer …`.
    pub api_key: Option<Secret>,
    /// Further headers of every request.
    pub headers: Vec<(String, String)>,
    /// What our account may ask for.
    pub limits: AccountLimits,
    /// Where it says what it runs.
    pub list: ModelList,
    /// What of that is free.
    pub free: FreeRule,
    /// Whether prompts may be trained on or published; `None`: unknown.
    pub trains_on_prompts: Option<bool>,
    /// Whether it is told the trace that a request belongs to, where requests are traced.
    pub sends_trace: bool,
    /// How it differs from others.
    pub dialect: Dialect,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// How much it may send, and how often it is asked at once.
    pub bounds: Bounds,
}

/// A fault in what the router was told of a provider.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("provider {provider}: {message}")]
pub struct ConfigError {
    /// Its name.
    pub provider: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// A text that is shown to nobody but the one it is meant for.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Of this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A model by both of its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedModel {
    /// What the provider calls it, such as `@cf/openai/gpt-oss-20b`.
    pub name: String,
    /// What it is called everywhere, such as `openai/gpt-oss-20b`.
    pub id: String,
}

/// Where a provider says what it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelList {
    /// `GET /models` in OpenRouter's form, with prices and specifications.
    OpenRouter,
    /// `GET /models` in OpenAI's form, without prices.
    OpenAi,
    /// It is not asked: these.
    Fixed(Vec<ListedModel>),
}

/// What of a list is free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FreeRule {
    /// What the list says: with prices, what has none but zero; without, everything.
    AsListed,
    /// Of that, what has one of these names at the provider.
    Named(Vec<String>),
}

/// How a provider's API differs from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// When streams tell the usage.
    pub stream_usage: StreamUsage,
    /// What it calls the limit on the tokens of an answer.
    pub max_tokens: MaxTokensName,
    /// Whether gpt-oss's control tokens are known to get into its answers, so that they are looked
    /// for at once and mended.
    pub leaks_harmony: bool,
    /// Whether it has OpenRouter's further endpoints: `/key`, `/models/…/endpoints`.
    pub is_openrouter: bool,
    /// What `x-ratelimit-*-requests` and `x-ratelimit-*-tokens` of its answers count, if it sends
    /// them.
    pub rate_headers: Option<RateHeaders>,
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            stream_usage: StreamUsage::OnRequest,
            max_tokens: MaxTokensName::Either,
            leaks_harmony: false,
            is_openrouter: false,
            rate_headers: None,
        }
    }
}

/// When streams tell the usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamUsage {
    /// Always, asked or not.
    Always,
    /// When `stream_options.include_usage` asks for it.
    OnRequest,
    /// Never; some then refuse `stream_options`.
    Never,
}

/// What the limit on the tokens of an answer is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxTokensName {
    /// It knows both names.
    Either,
    /// It knows `max_tokens` only.
    MaxTokens,
    /// It knows `max_completion_tokens` only.
    MaxCompletionTokens,
}

/// What rate headers without a span in their name count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateHeaders {
    /// Those of requests.
    pub requests: QuotaWindow,
    /// Those of tokens.
    pub tokens: QuotaWindow,
}

/// How long a provider may take. All but [`Timeouts::idle`] begin with the request, whatever comes
/// in the meantime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To connect, TLS included.
    pub connect: Duration,
    /// To the head of a stream. An answer in one piece has its head when it is complete.
    pub first_byte: Duration,
    /// To the first word, thought or call of a stream.
    pub first_content: Duration,
    /// From one event of a stream to the next, after the first.
    pub idle: Duration,
    /// To the end of a stream.
    pub stream: Duration,
    /// To the end of an answer in one piece.
    pub whole: Duration,
    /// To the end of a list of models or any other small question.
    pub list: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            first_byte: Duration::from_secs(15),
            first_content: Duration::from_secs(45),
            idle: Duration::from_secs(20),
            stream: Duration::from_secs(1800),
            whole: Duration::from_secs(60),
            list: Duration::from_secs(10),
        }
    }
}

/// How much a provider may send, and how often it is asked at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Requests that run at once; each has a connection.
    pub max_connections: usize,
    /// Connections that are kept for later.
    pub max_idle_connections: usize,
    /// How long they are kept.
    pub idle_connection: Duration,
    /// Bytes of an answer in one piece.
    pub max_answer_bytes: usize,
    /// Bytes of a list of models.
    pub max_list_bytes: usize,
    /// Bytes of a stream in all.
    pub max_stream_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            max_connections: 256,
            max_idle_connections: 32,
            idle_connection: Duration::from_secs(30),
            max_answer_bytes: 16 << 20,
            max_list_bytes: 16 << 20,
            max_stream_bytes: 64 << 20,
        }
    }
}

impl ProviderConfig {
    /// Any server with OpenAI's API: what nobody knows more of.
    pub fn new(id: impl Into<String>, base_url: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            base_url: base_url.into(),
            api_key: None,
            headers: Vec::new(),
            limits: AccountLimits::default(),
            list: ModelList::OpenAi,
            free: FreeRule::AsListed,
            trains_on_prompts: None,
            sends_trace: false,
            dialect: Dialect::default(),
            timeouts: Timeouts::default(),
            bounds: Bounds::default(),
        }
    }

    /// Where it is learned what the provider offers. Of the key it only matters whether there is one.
    pub(crate) fn list_source(&self) -> ListSource {
        let Self {
            base_url,
            api_key,
            list,
            free,
            trains_on_prompts,
            ..
        } = self;
        let has_key = api_key.is_some();
        let deciding = format!("{:?}", (base_url, has_key, list, free, trains_on_prompts));
        let digest = Sha256::digest(deciding);
        ListSource {
            is_fixed: matches!(list, ModelList::Fixed(_)),
            settings: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_not_shown() {
        let mut config = ProviderConfig::new("mine", "http://127.0.0.1:1/v1");
        config.api_key = Some(Secret::new("sk-or-very-secret"));
        let shown = format!("{config:?} {config:#?}");
        assert!(!shown.contains("very-secret"), "{shown}");
        assert!(shown.contains("Secret(…)"), "{shown}");
    }

    #[test]
    fn the_fingerprint_of_a_list_changes_with_what_decides_it_and_with_nothing_else() {
        let row = || ProviderConfig::new("x", "http://127.0.0.1:1/v1");
        let changed = |change: fn(&mut ProviderConfig)| {
            let mut config = row();
            change(&mut config);
            config.list_source()
        };
        let plain = row().list_source();
        assert!(!plain.is_fixed);
        let key = changed(|row| row.api_key = Some(Secret::new("a")));
        assert_eq!(key, changed(|row| row.api_key = Some(Secret::new("b"))));
        let models = |id: &str| {
            let model = ListedModel {
                name: "n".to_owned(),
                id: id.to_owned(),
            };
            ModelList::Fixed(vec![model])
        };
        let mut config = row();
        config.list = models("a/b");
        let fixed = config.list_source();
        config.list = models("a/c");
        assert!(fixed.is_fixed);
        let all = [
            plain.clone(),
            key,
            fixed,
            config.list_source(),
            changed(|row| row.base_url.push('2')),
            changed(|row| row.free = FreeRule::Named(vec!["n".to_owned()])),
            changed(|row| row.trains_on_prompts = Some(true)),
        ];
        let different: std::collections::BTreeSet<_> =
            all.iter().map(|one| &one.settings).collect();
        assert_eq!(different.len(), all.len(), "{all:#?}");
        assert_eq!(changed(|row| row.sends_trace = true), plain);
    }
}
