//! Opens a store by URL: the one place that chooses the database.

use std::path::{MAIN_SEPARATOR, PathBuf};
use std::sync::Arc;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::postgres::{PostgresStore, Roots};
use crate::sqlite::SqliteStore;
use crate::{Store, StoreError};

/// Where a store in SQLite is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SqliteLocation {
    /// In memory, forgotten when the store is dropped.
    Memory,
    /// In a file.
    File(PathBuf),
}

/// Where a store in PostgreSQL is. Its `Debug` does not show the password.
#[derive(Clone, Debug)]
pub(crate) struct PostgresLocation {
    /// What a connection is made from.
    pub(crate) config: Config,
    /// The server and the database, for messages; never the password.
    pub(crate) server: String,
    /// Whose word for the server's certificate is taken; `None`: without TLS.
    pub(crate) tls: Option<Roots>,
}

/// Opens the store at `url`, and brings an older schema up to date.
///
/// `sqlite:PATH` is a file. If it is not there it is made, for its owner only, and so are its
/// directories. Several processes of one machine may use it at once. `sqlite::memory:` is forgotten
/// when it is dropped.
///
/// `postgres://USER:PASSWORD@HOST:PORT/DATABASE` is a database that several machines may share. Its
/// tables lie in the user's usual schema, or in that of `?options=-csearch_path%3DNAME`. TLS is used
/// with `?sslmode=require`, and the certificate is checked, against the authorities in the PEM file
/// `&sslrootcert=PATH` or else those that browsers trust.
///
/// # Errors
/// [`StoreError::InvalidUrl`], [`StoreError::NotAFile`], [`StoreError::CannotOpen`],
/// [`StoreError::ForeignFile`], [`StoreError::NewerSchema`], [`StoreError::Unreachable`] and
/// [`StoreError::ForeignSchema`].
pub async fn connect(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    if is_postgres(url) {
        let location = PostgresLocation::parse(url)?;
        return Ok(Arc::new(PostgresStore::open(location).await?));
    }
    let location = SqliteLocation::parse(url)?;
    Ok(Arc::new(SqliteStore::open(location).await?))
}

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

impl PostgresLocation {
    /// No part of the URL is repeated in an error: what looks like something else may be a part of
    /// the password.
    fn parse(url: &str) -> Result<Self, StoreError> {
        let invalid = |problem: &str| StoreError::InvalidUrl {
            problem: problem.to_owned(),
        };
        let (address, options) = url.split_once('?').unwrap_or((url, ""));
        let mut wants_tls = false;
        let mut roots = Roots::Mozilla;
        let mut kept = Vec::new();
        for option in options.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                // Every certificate is checked, so that these are one.
                Some(("sslmode", "require" | "verify-ca" | "verify-full")) => {
                    wants_tls = true;
                }
                Some(("sslmode", "disable")) => {}
                Some(("sslmode", _)) => {
                    return Err(invalid(
                        "sslmode is either require, where the certificate is checked, or disable",
                    ));
                }
                Some(("sslrootcert", path)) => roots = Roots::File(path.into()),
                _ => kept.push(option),
            }
        }
        let url = format!("{address}?{}", kept.join("&"));
        let mut config: Config = url.parse().map_err(|_| {
            invalid(
                "the URL of PostgreSQL cannot be read; in a password, write what is no letter or \
                 digit as %XX, and of options those that tokio-postgres knows",
            )
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(invalid("the URL of PostgreSQL names no host"));
        }
        config.ssl_mode(if wants_tls {
            SslMode::Require
        } else {
            SslMode::Disable
        });
        let server = server(&config);
        let tls = wants_tls.then_some(roots);
        Ok(Self {
            config,
            server,
            tls,
        })
    }
}

/// The hosts and the database.
fn server(config: &Config) -> String {
    let ports = config.get_ports();
    let mut hosts = Vec::new();
    for (place, host) in config.get_hosts().iter().enumerate() {
        let port = ports.get(place).or(ports.last()).unwrap_or(&5432);
        hosts.push(match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            #[cfg(unix)]
            Host::Unix(path) => format!("{}:{port}", path.display()),
        });
    }
    for address in config.get_hostaddrs().iter().skip(hosts.len()) {
        hosts.push(address.to_string());
    }
    // The server's own default.
    let database = config.get_dbname().or(config.get_user()).unwrap_or("");
    format!("postgres://{}/{database}", hosts.join(","))
}

impl SqliteLocation {
    fn parse(url: &str) -> Result<Self, StoreError> {
        let invalid = |problem: String| Err(StoreError::InvalidUrl { problem });
        if url.trim().is_empty() {
            return invalid("the URL of the store is empty".to_owned());
        }
        let Some((scheme, path)) = url.split_once(':') else {
            return invalid(format!(
                "{} does not say which database it is (write sqlite:{0} if it is a file)",
                shortened(url)
            ));
        };
        if scheme != "sqlite" {
            return invalid(format!("{}: is no database known here", shortened(scheme)));
        }
        if path == ":memory:" {
            return Ok(SqliteLocation::Memory);
        }
        if path.is_empty() {
            return invalid("sqlite: names no file".to_owned());
        }
        if path.starts_with(':') {
            return invalid(format!("{} is not a path", shortened(path)));
        }
        if path.contains('\0') {
            return invalid("a path cannot contain a NUL character".to_owned());
        }
        if path.starts_with('~') {
            return invalid(
                "no shell replaces the ~ in it, write the directory out ($HOME in a shell)"
                    .to_owned(),
            );
        }
        // With three slashes it is an absolute path. With two, other programs disagree on whether a
        // host, an absolute or a relative path follows.
        if path.starts_with("//") && !path.starts_with("///") {
            return invalid("the path follows sqlite: without //".to_owned());
        }
        if path.ends_with(['/', MAIN_SEPARATOR]) {
            return Err(StoreError::NotAFile { path: path.into() });
        }
        Ok(SqliteLocation::File(path.into()))
    }
}

/// As much of the user's text as an error message should repeat.
fn shortened(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    let mut short: String = text.chars().take(MAX_CHARS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_scheme_and_a_path() {
        let file = |path: &str| SqliteLocation::File(path.into());
        for (url, location) in [
            ("sqlite::memory:", SqliteLocation::Memory),
            ("sqlite:freeway.db", file("freeway.db")),
            ("sqlite:/var/lib/freeway.db", file("/var/lib/freeway.db")),
            ("sqlite:///var/lib/a.db", file("///var/lib/a.db")),
            ("sqlite:./:memory:", file("./:memory:")),
            ("sqlite:file:a?mode=ro", file("file:a?mode=ro")),
            ("sqlite:with space.db", file("with space.db")),
        ] {
            assert_eq!(SqliteLocation::parse(url).unwrap(), location, "{url}");
        }
    }

    #[test]
    fn what_names_no_store_is_refused_and_told_the_form() {
        for (url, words) in [
            ("", "empty"),
            (" ", "empty"),
            ("/var/lib/freeway.db", "write sqlite:/var/lib/freeway.db"),
            ("mysql://root:hunter2@db/x", "mysql: is no database"),
            ("SQLITE:x", "SQLITE: is no database"),
            ("sqlite:", "names no file"),
            ("sqlite::memory", "is not a path"),
            ("sqlite:a\0b", "NUL"),
            ("sqlite:~/freeway.db", "$HOME"),
            ("sqlite://freeway.db", "without //"),
        ] {
            let error = SqliteLocation::parse(url).unwrap_err();
            assert!(
                matches!(error, StoreError::InvalidUrl { .. }),
                "{url}: {error:?}"
            );
            let message = error.to_string();
            assert!(message.contains(words), "{url}: {message}");
            assert!(
                message.contains("sqlite:PATH") && message.contains("sqlite::memory:"),
                "{message}"
            );
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn long_text_is_not_repeated_whole() {
        let message = SqliteLocation::parse(&"é".repeat(100_000))
            .unwrap_err()
            .to_string();
        assert!(message.len() < 500, "{}", message.len());
    }
}
