//! Opens a store by URL: the one place that chooses the database.

use std::path::{MAIN_SEPARATOR, PathBuf};
use std::sync::Arc;

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

/// Opens the store at `url`: `sqlite:PATH`, or `sqlite::memory:` for one that is forgotten when it
/// is dropped. A file that is not there is made, for its owner only, and so are its directories;
/// an older schema is brought up to date. Several processes may use a file at once.
///
/// # Errors
/// [`StoreError::InvalidUrl`], [`StoreError::NotAFile`], [`StoreError::CannotOpen`],
/// [`StoreError::ForeignFile`] and [`StoreError::NewerSchema`].
pub async fn connect(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    let location = SqliteLocation::parse(url)?;
    Ok(Arc::new(SqliteStore::open(location).await?))
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
