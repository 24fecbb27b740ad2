//! What can go wrong with a hub, sorted by what is done about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::terminal::bytes_text;

/// An error of talking to a hub, or of keeping what it sent. Its text says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HubError {
    #[error("interrupted")]
    Interrupted,

    #[error("{name}: {reason}")]
    Setting { name: &'static str, reason: String },

    #[error(
        "cannot reach {host}: {reason}; check the network, and HF_ENDPOINT and HTTPS_PROXY if set"
    )]
    Unreachable { host: String, reason: String },

    #[error(
        "no trusted connection to {host}: {reason}; where a proxy opens HTTPS, set SSL_CERT_FILE to \
         a file with its certificate"
    )]
    Untrusted { host: String, reason: String },

    #[error("the connection to {host} was lost: {reason}")]
    Lost { host: String, reason: String },

    #[error("{host} sent (almost) nothing for {:.1} seconds", waited.as_secs_f64())]
    Stalled { host: String, waited: Duration },

    #[error("{host} is busy or out of order (HTTP {status})")]
    Busy {
        host: String,
        status: u16,
        retry_after: Option<Duration>,
    },

    #[error("{host} announced {announced} bytes of {file} where {expected} are due")]
    WrongLength {
        host: String,
        file: String,
        announced: u64,
        expected: u64,
    },

    #[error("{host} answered the question for bytes from {offset} of {file} with: {answer}")]
    WrongRange {
        host: String,
        file: String,
        offset: u64,
        answer: String,
    },

    #[error(
        "{host} has no bytes from {offset} of {file} (HTTP 416): what was here of it does not belong \
         to it"
    )]
    RangeRefused {
        host: String,
        file: String,
        offset: u64,
    },

    #[error("{host} sent more than the {expected} bytes of {file}")]
    TooLong {
        host: String,
        file: String,
        expected: u64,
    },

    #[error(
        "{file} arrived damaged: its checksum is {found}, the hub says {expected}; something between \
         here and the hub changes it (a proxy or a mirror, or the disk)"
    )]
    WrongBytes {
        file: String,
        found: String,
        expected: String,
    },

    #[error(
        "{host} does not give {id} to {} (HTTP {status}){}; {}",
        if *has_token { "the owner of this HF_TOKEN" } else { "everybody" },
        suggest(nearest),
        if *has_token {
            "accept the model's terms on its page, or use a token that may read it"
        } else {
            "check the spelling, or if the model is private or gated, accept its terms on its page \
             and set HF_TOKEN to a token of yours"
        }
    )]
    Denied {
        host: String,
        id: String,
        status: u16,
        has_token: bool,
        nearest: Option<&'static str>,
    },

    #[error("{host} has no model {id}{}", suggest(nearest))]
    NoSuchModel {
        host: String,
        id: String,
        nearest: Option<&'static str>,
    },

    #[error("{id} has no revision {revision}; leave --revision out for the newest")]
    NoSuchRevision { id: String, revision: String },

    #[error("{host} lists {file} but does not have it (HTTP 404); try again later")]
    NoSuchFile { host: String, file: String },

    #[error("{host} refused {url} (HTTP {status})")]
    Refused {
        host: String,
        url: String,
        status: u16,
    },

    #[error("{host} redirects without end or to a wrong place: {reason}")]
    Redirect { host: String, reason: String },

    #[error(
        "{host} answered with a web page instead of {expected}; is HF_ENDPOINT a hub, and does the \
         network ask you to log in?"
    )]
    WebPage { host: String, expected: String },

    #[error("the answer of {host} is not that of a hub: {reason}; is HF_ENDPOINT right?")]
    BadListing { host: String, reason: String },

    #[error("{id} has nothing to download for this engine: {reason}")]
    NoCheckpoint { id: String, reason: String },

    #[error(
        "not enough space: {} to go, {} free on the disk of {}; make room, or set HF_HOME to a \
         directory on another disk",
        bytes_text(*needed), bytes_text(*free), path.display()
    )]
    NoSpace {
        needed: u64,
        free: u64,
        path: PathBuf,
    },

    #[error("cannot {action} {}{}", path.display(), disk_full(source))]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },

    #[error(
        "{what}: gave up after {attempts} attempts; the same command goes on where this one stopped"
    )]
    GaveUp {
        what: String,
        attempts: u32,
        #[source]
        last: Box<HubError>,
    },
}

/// What to do about an error before the user is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Ask again from where the bytes ended.
    Resume,
    /// Throw away what came, and ask once more from the start.
    StartOver,
    /// Nothing.
    None,
}

impl HubError {
    pub(super) fn remedy(&self) -> Remedy {
        match self {
            Self::Unreachable { .. }
            | Self::Lost { .. }
            | Self::Stalled { .. }
            | Self::Busy { .. }
            | Self::WrongLength { .. }
            | Self::WrongRange { .. } => Remedy::Resume,
            Self::RangeRefused { .. } | Self::TooLong { .. } | Self::WrongBytes { .. } => {
                Remedy::StartOver
            }
            Self::Interrupted
            | Self::Setting { .. }
            | Self::Untrusted { .. }
            | Self::Denied { .. }
            | Self::NoSuchModel { .. }
            | Self::NoSuchRevision { .. }
            | Self::NoSuchFile { .. }
            | Self::Refused { .. }
            | Self::Redirect { .. }
            | Self::WebPage { .. }
            | Self::BadListing { .. }
            | Self::NoCheckpoint { .. }
            | Self::NoSpace { .. }
            | Self::Io { .. }
            | Self::GaveUp { .. } => Remedy::None,
        }
    }
}

fn suggest(nearest: &Option<&'static str>) -> String {
    nearest.map_or_else(String::new, |id| format!("; did you mean {id}?"))
}

fn disk_full(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; make room, then the same command goes on where this one stopped"
        }
        _ => "",
    }
}
