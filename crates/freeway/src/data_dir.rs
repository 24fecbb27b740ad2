//! Where Freeway keeps what it remembers: keys and the log of requests.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use store::{Store, StoreError};

use crate::UsageError;

/// The store to use: the one that was named, else a file in the user's data directory.
pub(crate) fn store_url(named: Option<&str>) -> anyhow::Result<String> {
    match named {
        Some(url) => Ok(url.to_owned()),
        None => default_store(
            |name| env::var_os(name).filter(|value| !value.is_empty()),
            env::home_dir().as_deref(),
        ),
    }
}

/// Opens the store. A URL that means nothing is a wrong command line.
pub(crate) async fn connect(url: &str) -> anyhow::Result<Arc<dyn Store>> {
    match store::connect(url).await {
        Err(error @ StoreError::InvalidUrl { .. }) => bail!(UsageError(error.to_string())),
        result => Ok(result?),
    }
}

fn default_store(
    variable: impl Fn(&str) -> Option<OsString>,
    home: Option<&Path>,
) -> anyhow::Result<String> {
    let advice = "name a place with --store sqlite:PATH, or in FREEWAY_STORE";
    let path = directory(variable, home)
        .with_context(|| format!("there is no home directory to keep keys in; {advice}"))?
        .join("freeway.db");
    let path = path
        .to_str()
        .with_context(|| format!("{} is not Unicode; {advice}", path.display()))?;
    Ok(format!("sqlite:{path}"))
}

/// The directory of this program's data: `$XDG_DATA_HOME/freeway`, else the usual place of the
/// operating system.
fn directory(variable: impl Fn(&str) -> Option<OsString>, home: Option<&Path>) -> Option<PathBuf> {
    // The XDG specification has relative paths ignored.
    let absolute = |name| {
        variable(name)
            .map(PathBuf::from)
            .filter(|p| p.is_absolute())
    };
    let data = absolute("XDG_DATA_HOME").or_else(|| {
        if cfg!(windows) {
            return absolute("LOCALAPPDATA");
        }
        let usual = if cfg!(target_os = "macos") {
            "Library/Application Support"
        } else {
            ".local/share"
        };
        home.filter(|home| home.is_absolute())
            .map(|home| home.join(usual))
    })?;
    Some(data.join("freeway"))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn a_named_store_is_taken_as_it_is() {
        assert_eq!(store_url(Some("sqlite:a.db")).unwrap(), "sqlite:a.db");
    }

    #[test]
    fn the_data_directory_is_the_variable_if_it_is_absolute_else_below_home() {
        let home = Some(Path::new("/home/ada"));
        let with = |value: &str, home| {
            let value = OsString::from(value);
            default_store(
                move |name| (name == "XDG_DATA_HOME").then(|| value.clone()),
                home,
            )
        };
        assert_eq!(
            with("/data", home).unwrap(),
            "sqlite:/data/freeway/freeway.db"
        );
        assert_eq!(
            with("/data", None).unwrap(),
            "sqlite:/data/freeway/freeway.db"
        );
        let below_home = default_store(|_| None, home).unwrap();
        assert!(below_home.starts_with("sqlite:/home/ada/"), "{below_home}");
        assert!(below_home.ends_with("/freeway/freeway.db"), "{below_home}");
        assert_eq!(with("data", home).unwrap(), below_home, "a relative path");
    }

    #[test]
    fn without_a_usable_place_the_error_says_how_to_name_one() {
        let no_home = default_store(|_| None, None);
        let not_unicode = default_store(|_| Some(OsString::from_vec(b"/\xff".to_vec())), None);
        for error in [no_home.unwrap_err(), not_unicode.unwrap_err()] {
            assert!(error.to_string().contains("--store sqlite:PATH"), "{error}");
        }
    }
}
