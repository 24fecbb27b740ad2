//! The Hugging Face hub: which files a model has, and getting them.
//!
//! A hub is trusted with nothing but the bytes whose checksums it gave: it may be a mirror, a proxy
//! may stand before it, and a redirect may lead to anyone. What it can do wrong ends in an error,
//! after a limited number of attempts.

mod checksum;
mod download;
mod error;
mod listing;
mod request;
mod token;

use std::path::Path;
use std::time::Duration;
use std::{env, fs};

use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

pub(crate) use error::HubError;
pub(crate) use listing::{Listing, RemoteFile};

use crate::hub_cache;
use crate::hub_cache::repository::Repository;
use crate::known_models;
use listing::MAX_LISTING_BYTES;
use request::{Head, Request, Response, host, pause};
use token::Token;

const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

/// Longest pause before another attempt, and longest that a hub may ask for.
const MAX_BACKOFF: Duration = Duration::from_secs(30);
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

/// Longest file of certificates.
const MAX_CERTIFICATES_BYTES: u64 = 16 << 20;

/// How patient to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Failures in a row after which a file is given up; real progress starts the count again.
    pub(crate) retries: u32,
    /// The pause after the first failure; it doubles with every further one.
    pub(crate) backoff: Duration,
    /// How long a server may say nothing.
    pub(crate) stall: Duration,
}

/// What a download has to say while it goes on.
pub(crate) enum Progress<'a> {
    /// Another program is getting the same file; it is waited for.
    Waiting(&'a RemoteFile),
    /// Bytes that are here are read, so that they can be held against the checksum.
    Checking(&'a RemoteFile),
    /// So many bytes of a file are here. Fewer than before if the file starts over.
    Present(&'a RemoteFile, u64),
    /// The file is whole and right.
    Finished,
    /// Something went wrong and is tried again after a pause.
    Retrying {
        error: &'a HubError,
        pause: Duration,
    },
}

/// Whom to tell.
pub(crate) type Watch<'a> = &'a mut dyn FnMut(Progress<'_>);

/// A hub, and who asks it.
pub(crate) struct Hub {
    /// Without a slash at the end.
    endpoint: String,
    host: String,
    token: Option<Token>,
    agent: Agent,
    limits: Limits,
}

impl Hub {
    /// The hub that the environment names: `HF_ENDPOINT`, else huggingface.co.
    pub(crate) fn from_env(limits: Limits) -> Result<Self, HubError> {
        let is_offline = env::var("HF_HUB_OFFLINE").is_ok_and(|value| {
            matches!(
                value.to_ascii_lowercase().as_str(),
                "1" | "true" | "yes" | "on"
            )
        });
        if is_offline {
            return Err(HubError::Setting {
                name: "HF_HUB_OFFLINE",
                reason: "is set, so nothing is downloaded; unset it to download".to_owned(),
            });
        }
        let endpoint = match env::var("HF_ENDPOINT") {
            Ok(endpoint) if !endpoint.is_empty() => endpoint,
            _ => DEFAULT_ENDPOINT.to_owned(),
        };
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        let url = endpoint
            .parse::<Uri>()
            .ok()
            .filter(|url| matches!(url.scheme_str(), Some("http" | "https")))
            .filter(|url| url.host().is_some() && url.query().is_none())
            .ok_or_else(|| HubError::Setting {
                name: "HF_ENDPOINT",
                reason: "this is no address such as https://huggingface.co".to_owned(),
            })?;
        Ok(Self {
            host: host(&url),
            endpoint,
            token: Token::from_env()?,
            agent: agent(limits.stall)?,
            limits,
        })
    }

    /// The files of a model that this engine reads, or all.
    pub(crate) fn list(
        &self,
        id: &str,
        revision: &str,
        all: bool,
        watch: Watch<'_>,
    ) -> Result<Listing, HubError> {
        let url = self.url(&["api/models", id, "revision", &encode(revision, false)])?;
        let url = format!("{url}?blobs=true")
            .parse()
            .map_err(|_| self.bad_url())?;
        let mut attempts = Attempts::new(self.limits);
        let mut listing = loop {
            match self.try_list(id, revision, &url) {
                Ok(listing) => break listing,
                // Whoever is offline wants to know it now.
                Err(error @ HubError::Unreachable { .. }) => return Err(error),
                Err(error) if error.remedy() == error::Remedy::Resume => {
                    attempts.failed(error, "the list of files", watch)?;
                }
                Err(error) => return Err(error),
            }
        };
        if !all {
            listing
                .retain_needed()
                .map_err(|reason| HubError::NoCheckpoint {
                    id: id.to_owned(),
                    reason,
                })?;
        }
        Ok(listing)
    }

    fn try_list(&self, id: &str, revision: &str, url: &Uri) -> Result<Listing, HubError> {
        let Response { head, body } = self.request(url.clone(), 0)?;
        match head.status {
            200 => {}
            404 if head.error_code.as_deref() == Some("RevisionNotFound") => {
                return Err(HubError::NoSuchRevision {
                    id: id.to_owned(),
                    revision: revision.to_owned(),
                });
            }
            404 => {
                return Err(HubError::NoSuchModel {
                    host: head.host,
                    id: id.to_owned(),
                    nearest: known_models::nearest(id),
                });
            }
            _ => return Err(self.refused(id, url, &head)),
        }
        let bad = |host: String, reason| HubError::BadListing { host, reason };
        if head.is_html {
            return Err(HubError::WebPage {
                host: head.host,
                expected: "a list of files".to_owned(),
            });
        }
        let json = body.read_to_end(MAX_LISTING_BYTES)?.ok_or_else(|| {
            let reason = format!("it is longer than {} MiB", MAX_LISTING_BYTES >> 20);
            bad(head.host.clone(), reason)
        })?;
        Listing::from_json(&json).map_err(|reason| bad(head.host, reason))
    }

    /// Gets a file into the cache, unless it is there. `verify` reads what is there to see whether
    /// it is right.
    pub(crate) fn download(
        &self,
        repository: &Repository,
        id: &str,
        commit: &str,
        file: &RemoteFile,
        verify: bool,
        watch: Watch<'_>,
    ) -> Result<(), HubError> {
        let url = self.url(&[id, "resolve", commit, &encode(&file.name, true)])?;
        let download = download::Download {
            hub: self,
            repository,
            id,
            commit,
            file,
            url,
        };
        download.run(verify, watch)
    }

    fn request(&self, url: Uri, offset: u64) -> Result<Response, HubError> {
        let request = Request {
            url,
            offset,
            token: self.token.clone(),
        };
        request.send(&self.agent, &self.limits)
    }

    /// The error for a status that is neither success nor special to what was asked.
    fn refused(&self, id: &str, url: &Uri, head: &Head) -> HubError {
        let (host, status) = (head.host.clone(), head.status);
        match status {
            401 | 403 if head.is_asked_host => HubError::Denied {
                host,
                id: id.to_owned(),
                status,
                has_token: self.token.is_some(),
                nearest: known_models::nearest(id),
            },
            // From elsewhere it says that the address which the hub gave out is no longer valid.
            401 | 403 | 404 | 410 if !head.is_asked_host => HubError::Busy {
                host,
                status,
                retry_after: None,
            },
            408 | 425 | 429 | 500..=599 => HubError::Busy {
                host,
                status,
                retry_after: head.retry_after,
            },
            _ => HubError::Refused {
                host,
                url: url.path().to_owned(),
                status,
            },
        }
    }

    fn url(&self, parts: &[&str]) -> Result<Uri, HubError> {
        format!("{}/{}", self.endpoint, parts.join("/"))
            .parse()
            .map_err(|_| self.bad_url())
    }

    fn bad_url(&self) -> HubError {
        HubError::BadListing {
            host: self.host.clone(),
            reason: "a name makes no valid address".to_owned(),
        }
    }
}

/// Counts failures and pauses between attempts.
struct Attempts {
    limits: Limits,
    num_failures: u32,
}

impl Attempts {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            num_failures: 0,
        }
    }

    /// Pauses after a failure, or gives up.
    fn failed(&mut self, error: HubError, what: &str, watch: Watch<'_>) -> Result<(), HubError> {
        self.num_failures += 1;
        if self.num_failures > self.limits.retries {
            return Err(HubError::GaveUp {
                what: what.to_owned(),
                attempts: self.num_failures,
                last: Box::new(error),
            });
        }
        let doubled = self
            .limits
            .backoff
            .saturating_mul(1 << (self.num_failures - 1).min(16));
        let duration = match error {
            HubError::Busy {
                retry_after: Some(asked),
                ..
            } => asked.min(MAX_RETRY_AFTER),
            _ => doubled.min(MAX_BACKOFF),
        };
        watch(Progress::Retrying {
            error: &error,
            pause: duration,
        });
        pause(duration)
    }
}

/// The HTTP client. Redirects are followed in `request.rs`, which knows where the token may go.
fn agent(stall: Duration) -> Result<Agent, HubError> {
    let mut tls = TlsConfig::builder();
    if let Some(path) = hub_cache::path_variable("SSL_CERT_FILE") {
        tls = tls.root_certs(certificates(&path)?);
    }
    let config = Agent::config_builder()
        .tls_config(tls.build())
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("freeway/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity")
        .timeout_resolve(Some(stall))
        .timeout_connect(Some(stall))
        .timeout_send_request(Some(stall))
        .timeout_recv_response(Some(stall))
        // `request.rs` counts the time of the body itself; this ends what it has given up.
        .timeout_per_read(Some(stall.saturating_mul(2)))
        .build();
    Ok(config.into())
}

/// The certificates of a PEM file, to be trusted in the place of the built-in ones.
fn certificates(path: &Path) -> Result<RootCerts, HubError> {
    let wrong = |reason: &str| HubError::Setting {
        name: "SSL_CERT_FILE",
        reason: format!("{}: {reason}", path.display()),
    };
    let pem = read_small(path, MAX_CERTIFICATES_BYTES).ok_or_else(|| wrong("cannot be read"))?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(wrong("has no certificate in PEM form"));
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

/// The bytes of a regular file, if they can be had and are no more than `max_bytes`.
fn read_small(path: &Path, max_bytes: u64) -> Option<Vec<u8>> {
    let metadata = fs::metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > max_bytes {
        return None;
    }
    fs::read(path).ok()
}

/// Percent-encodes what may not stand in the path of an address; slashes too unless they are kept.
fn encode(text: &str, keep_slashes: bool) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(byte.into());
            }
            b'/' if keep_slashes => encoded.push('/'),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_for_addresses() {
        assert_eq!(encode("refs/pr/1", false), "refs%2Fpr%2F1");
        assert_eq!(encode("a b/ü?#%.bin", true), "a%20b/%C3%BC%3F%23%25.bin");
    }

    #[test]
    fn pauses_double_up_to_a_limit_and_attempts_end() {
        let mut attempts = Attempts::new(Limits {
            retries: 3,
            backoff: Duration::ZERO,
            stall: Duration::ZERO,
        });
        let mut num_told = 0;
        let lost = || HubError::Lost {
            host: "hub".to_owned(),
            reason: "cut".to_owned(),
        };
        for _ in 0..3 {
            attempts
                .failed(lost(), "a file", &mut |_| num_told += 1)
                .unwrap();
        }
        let error = attempts
            .failed(lost(), "a file", &mut |_| num_told += 1)
            .unwrap_err();
        assert!(
            matches!(error, HubError::GaveUp { attempts: 4, .. }),
            "{error}"
        );
        assert_eq!(num_told, 3);
    }
}
