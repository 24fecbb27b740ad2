//! The settings of `freeway serve`: a TOML file, over which flags and variables win.
//!
//! `freeway.example.toml` documents them; a test holds it to the defaults here.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use router::RouterConfig;
use router::recorder::KeepDays;
use router::sync::SyncConfig;
use serde::{Deserialize, Serialize};
use server::ServerConfig;

use crate::UsageError;

/// Largest configuration file.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Everything that can be set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) server: ServerSection,
    pub(crate) model: ModelSection,
    pub(crate) routing: RoutingSection,
    pub(crate) store: StoreSection,
    pub(crate) log: LogSection,
    pub(crate) telemetry: TelemetrySection,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) provider: Vec<ProviderSection>,
}

/// `[server]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ServerSection {
    pub(crate) listen: SocketAddr,
    pub(crate) require_key: bool,
    pub(crate) max_body_mib: u32,
    pub(crate) max_connections: u32,
    pub(crate) header_timeout_s: u32,
    pub(crate) body_timeout_s: u32,
    pub(crate) write_timeout_s: u32,
    pub(crate) keep_alive_s: u32,
    pub(crate) key_cache_s: u32,
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) public_url: String,
    pub(crate) behind_proxy: bool,
    pub(crate) drain_delay_s: u32,
    pub(crate) drain_timeout_s: u32,
}

impl Default for ServerSection {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            require_key: false,
            max_body_mib: 32,
            max_connections: 1024,
            header_timeout_s: 30,
            body_timeout_s: 60,
            write_timeout_s: 60,
            keep_alive_s: 15,
            key_cache_s: 10,
            allowed_origins: Vec::new(),
            public_url: String::new(),
            behind_proxy: false,
            drain_delay_s: 0,
            drain_timeout_s: 30,
        }
    }
}

/// `[model]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ModelSection {
    pub(crate) name: String,
    pub(crate) served_name: String,
    pub(crate) threads: u16,
    pub(crate) exact: bool,
    pub(crate) max_sequences: u32,
    pub(crate) max_queued: u32,
    pub(crate) max_batch_tokens: u32,
    pub(crate) kv_cache_mib: u32,
    pub(crate) date: String,
}

impl Default for ModelSection {
    fn default() -> Self {
        Self {
            name: String::new(),
            served_name: String::new(),
            threads: 0,
            exact: false,
            max_sequences: 16,
            max_queued: 64,
            max_batch_tokens: 128,
            kv_cache_mib: 4096,
            date: String::new(),
        }
    }
}

/// `[routing]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RoutingSection {
    pub(crate) known_providers: bool,
    pub(crate) time_budget_s: u32,
    pub(crate) max_attempts: u32,
    pub(crate) exploration_percent: f64,
    pub(crate) sync_minutes: u32,
    pub(crate) probes_per_day: u32,
}

impl Default for RoutingSection {
    fn default() -> Self {
        Self {
            known_providers: true,
            time_budget_s: 120,
            max_attempts: 12,
            exploration_percent: 2.0,
            sync_minutes: 60,
            probes_per_day: 0,
        }
    }
}

/// `[[provider]]`: what differs from what is known of the provider, or all of it. Its members that
/// are not set are those of the known provider of the same id, or the defaults of the router.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ProviderSection {
    pub(crate) id: String,
    pub(crate) like: Option<String>,
    pub(crate) disabled: bool,
    pub(crate) base_url: Option<String>,
    pub(crate) key_variable: Option<String>,
    pub(crate) account: Option<String>,
    pub(crate) is_own: Option<bool>,
    pub(crate) trains_on_prompts: Option<bool>,
    pub(crate) leaks_harmony: Option<bool>,
    pub(crate) sends_trace: Option<bool>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) models: Vec<ProviderModel>,
    pub(crate) free_models: Vec<String>,
    pub(crate) requests_per_minute: Option<u64>,
    pub(crate) requests_per_day: Option<u64>,
    pub(crate) tokens_per_minute: Option<u64>,
    pub(crate) tokens_per_day: Option<u64>,
    pub(crate) max_connections: Option<u32>,
    pub(crate) connect_timeout_s: Option<f64>,
    pub(crate) first_byte_timeout_s: Option<f64>,
    pub(crate) first_content_timeout_s: Option<f64>,
    pub(crate) idle_timeout_s: Option<f64>,
    pub(crate) answer_timeout_s: Option<f64>,
}

/// A model of a provider that has no list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderModel {
    pub(crate) name: String,
    pub(crate) id: String,
}

/// `[store]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StoreSection {
    pub(crate) url: String,
    pub(crate) keep_requests_days: u32,
    pub(crate) keep_attempts_days: u32,
    pub(crate) keep_hours_days: u32,
    pub(crate) keep_observations_days: u32,
    pub(crate) keep_feedback_days: u32,
}

impl Default for StoreSection {
    fn default() -> Self {
        Self {
            url: String::new(),
            keep_requests_days: 90,
            keep_attempts_days: 30,
            keep_hours_days: 400,
            keep_observations_days: 400,
            keep_feedback_days: 400,
        }
    }
}

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogSection {
    pub(crate) level: String,
    pub(crate) format: LogFormat,
}

impl Default for LogSection {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::Text,
        }
    }
}

/// `[telemetry]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TelemetrySection {
    pub(crate) otlp_endpoint: String,
    pub(crate) sample_ratio: f64,
}

impl Default for TelemetrySection {
    fn default() -> Self {
        Self {
            otlp_endpoint: String::new(),
            sample_ratio: 1.0,
        }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

impl Config {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let name = path.display();
        let size = std::fs::metadata(path)
            .with_context(|| format!("cannot read the configuration {name}"))?
            .len();
        if size > MAX_FILE_BYTES {
            bail!(UsageError(format!(
                "the configuration {name} has {size} bytes; that is no configuration of Freeway"
            )));
        }
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration {name}"))?;
        let config: Self = toml::from_str(&text).map_err(|error| {
            UsageError(format!(
                "the configuration {name} is wrong:\n{error}\
                 freeway.example.toml shows every setting"
            ))
        })?;
        Ok(config)
    }
}

impl StoreSection {
    /// How long what is kept.
    pub(crate) fn keep(&self) -> KeepDays {
        KeepDays {
            requests: self.keep_requests_days,
            attempts: self.keep_attempts_days,
            hours: self.keep_hours_days,
            observations: self.keep_observations_days,
            feedback: self.keep_feedback_days,
            ..KeepDays::default()
        }
    }
}

impl RoutingSection {
    /// The settings as the router takes them.
    pub(crate) fn router(&self) -> anyhow::Result<RouterConfig> {
        if self.time_budget_s == 0 || self.max_attempts == 0 {
            bail!(UsageError(
                "[routing] time_budget_s and max_attempts must be at least 1".to_owned()
            ));
        }
        if !(0.0..=100.0).contains(&self.exploration_percent) {
            bail!(UsageError(
                "[routing] exploration_percent must be from 0 to 100".to_owned()
            ));
        }
        Ok(RouterConfig {
            time_budget: Duration::from_secs(self.time_budget_s.into()),
            max_attempts: self.max_attempts as usize,
            exploration: self.exploration_percent / 100.0,
        })
    }

    /// The settings as the one who looks at providers takes them. `phase` is a random number from 0
    /// to 1.
    pub(crate) fn sync(&self, phase: f64) -> anyhow::Result<SyncConfig> {
        if self.sync_minutes == 0 {
            bail!(UsageError(
                "[routing] sync_minutes must be at least 1".to_owned()
            ));
        }
        Ok(SyncConfig {
            interval: Duration::from_secs(u64::from(self.sync_minutes) * 60),
            phase,
            probes_per_day: self.probes_per_day,
        })
    }
}

impl ServerSection {
    /// The origins of pages that may ask, as browsers write them.
    fn origins(&self) -> anyhow::Result<Vec<String>> {
        for origin in &self.allowed_origins {
            if origin != "*" && origin != "null" && !is_origin(origin) {
                bail!(UsageError(format!(
                    "[server] allowed_origins: {origin:?} is no origin as browsers send it; write \
                     scheme and host, as \"https://app.example\" or \"http://localhost:3000\", in \
                     small letters and without a path, or \"*\" for all"
                )));
            }
        }
        Ok(self.allowed_origins.clone())
    }

    /// The limits as the server takes them.
    pub(crate) fn limits(&self) -> anyhow::Result<ServerConfig> {
        let positive = |name: &str, value: u32| match value {
            0 => Err(UsageError(format!("[server] {name} must be at least 1"))),
            value => Ok(value),
        };
        let seconds =
            |name, value| positive(name, value).map(|value| Duration::from_secs(u64::from(value)));
        Ok(ServerConfig {
            max_body_bytes: (positive("max_body_mib", self.max_body_mib)? as usize) << 20,
            max_connections: positive("max_connections", self.max_connections)? as usize,
            header_timeout: seconds("header_timeout_s", self.header_timeout_s)?,
            body_timeout: seconds("body_timeout_s", self.body_timeout_s)?,
            write_timeout: seconds("write_timeout_s", self.write_timeout_s)?,
            keep_alive: seconds("keep_alive_s", self.keep_alive_s)?,
            key_cache: Duration::from_secs(self.key_cache_s.into()),
            allowed_origins: self.origins()?,
            hosted_providers: Vec::new(),
            public_url: self.public_url()?,
            sample_moment: None,
            trusts_proxy: self.behind_proxy,
            providers: Vec::new(),
            drain_delay: Duration::from_secs(self.drain_delay_s.into()),
            drain_timeout: Duration::from_secs(self.drain_timeout_s.into()),
        })
    }
}

impl ServerSection {
    /// Whether others than this machine reach the server, wherever it listens.
    pub(crate) fn is_behind_proxy(&self) -> bool {
        let host = self
            .public_url
            .split_once("://")
            .map_or("", |(_, host)| host);
        let host = host.trim_end_matches('/');
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let is_here = name == "localhost"
            || name.ends_with(".localhost")
            || name
                .trim_matches(['[', ']'])
                .parse::<IpAddr>()
                .is_ok_and(|ip| ip.is_loopback());
        self.behind_proxy || !(host.is_empty() || is_here)
    }

    fn public_url(&self) -> anyhow::Result<Option<String>> {
        let url = self.public_url.trim_end_matches('/');
        if url.is_empty() {
            return Ok(None);
        }
        let is_web = url.starts_with("https://") || url.starts_with("http://");
        if !is_web || !is_origin(url) {
            bail!(UsageError(format!(
                "[server] public_url = {url:?}: give the scheme and the host, such as \
                 \"https://freeway.example\""
            )));
        }
        Ok(Some(url.to_owned()))
    }
}

/// Whether a browser would send this as the origin of a page: the usual port is left out.
fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else {
        return false;
    };
    let usual_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => "",
    };
    let is_of = |part: &str, others: &[char]| {
        let is_one = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || others.contains(&c);
        !part.is_empty() && part.chars().all(is_one)
    };
    is_of(scheme, &['+', '-', '.'])
        && is_of(authority, &['-', '.', '_', ':', '[', ']'])
        && (usual_port.is_empty() || !authority.ends_with(usual_port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_shows_every_setting_with_its_default() {
        let example = include_str!("../../../freeway.example.toml");
        let shown: toml::Table = toml::from_str(example).unwrap();
        let defaults = toml::Table::try_from(Config::default()).unwrap();
        assert_eq!(shown, defaults);
    }

    #[test]
    fn an_empty_file_means_the_defaults() {
        assert_eq!(toml::from_str::<Config>("").unwrap(), Config::default());
    }

    #[test]
    fn what_is_kept_and_how_is_routed_have_the_same_defaults() {
        assert_eq!(StoreSection::default().keep(), KeepDays::default());
        let routing = RoutingSection::default();
        assert_eq!(routing.router().unwrap(), RouterConfig::default());
        assert_eq!(routing.sync(0.0).unwrap(), SyncConfig::default());
    }

    #[test]
    fn the_limits_of_the_server_have_the_same_defaults() {
        let limits = ServerSection::default().limits().unwrap();
        assert_eq!(limits, ServerConfig::default());
    }

    #[test]
    fn origins_are_taken_as_browsers_send_them_and_not_otherwise() {
        let with = |origin: &str| ServerSection {
            allowed_origins: vec![origin.to_owned()],
            ..ServerSection::default()
        };
        for good in [
            "*",
            "null",
            "https://app.example",
            "http://localhost:3000",
            "http://[::1]:3000",
            "chrome-extension://abcdef",
        ] {
            assert_eq!(with(good).limits().unwrap().allowed_origins, [good]);
        }
        for bad in [
            "",
            "app.example",
            "https://",
            "://app.example",
            "https://app.example/",
            "https://App.example",
            "https://app.example:443",
            "https://a@app.example",
            "https://*.example",
        ] {
            let error = with(bad).limits().unwrap_err();
            assert!(error.is::<UsageError>());
            let text = error.to_string();
            assert!(
                text.contains("allowed_origins") && text.contains(bad),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (text, expected) in [
            ("[server]\nlisten = \"nowhere\"", "listen"),
            ("[server]\nport = 1", "port"),
            ("[model]\nmax_sequences = -1", "max_sequences"),
            ("[log]\nformat = \"xml\"", "format"),
            ("[", "line 1"),
        ] {
            std::fs::write(file.path(), text).unwrap();
            let error = Config::read(file.path()).unwrap_err();
            assert!(error.is::<UsageError>());
            assert!(error.to_string().contains(expected), "{text}: {error}");
        }
        let zero = ServerSection {
            max_body_mib: 0,
            ..ServerSection::default()
        };
        assert!(
            zero.limits()
                .unwrap_err()
                .to_string()
                .contains("max_body_mib")
        );
    }
}
