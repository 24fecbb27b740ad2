//! What is set, where things are kept, and what is wrong with it. Nothing here changes anything.

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Command, CommandFactory};

use super::Problem;
use crate::args::Cli;
use crate::config::Config;
use crate::hub::{Hub, HubError, Limits};
use crate::{data_dir, hub_cache, table};

/// Variables beside our own that change what `freeway` does.
const FOREIGN_VARIABLES: [&str; 14] = [
    "HF_HOME",
    "HF_HUB_CACHE",
    "HF_ENDPOINT",
    "HF_HUB_OFFLINE",
    "HF_TOKEN",
    "HF_TOKEN_PATH",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
    "SSL_CERT_FILE",
    "ALL_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "NO_COLOR",
];

/// How a SQLite file begins.
const SQLITE_MAGIC: &[u8] = b"SQLite format 3\0";

/// Longest value that is shown.
const MAX_VALUE_CHARS: usize = 200;

/// A place on the disk.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) exists: bool,
    /// Of the file system, if it tells.
    pub(super) free_bytes: Option<u64>,
}

impl Place {
    fn new(path: PathBuf) -> Self {
        // Where it is going to be made, its nearest parent is on the same file system.
        let existing = path.ancestors().find(|parent| parent.exists());
        Self {
            exists: path.exists(),
            free_bytes: existing.and_then(|parent| fs4::available_space(parent).ok()),
            path,
        }
    }
}

/// All that was found.
pub(super) struct Environment {
    /// The cache of models; `None` if there is no place for one.
    pub(super) cache: Option<Place>,
    /// The store of keys and requests, without secrets.
    pub(super) store: Option<String>,
    pub(super) store_exists: bool,
    /// Names of variables that are set, and their values where they are no secret.
    pub(super) variables: Vec<(String, Option<String>)>,
}

impl Environment {
    /// Looks around, and adds what is wrong to `problems`.
    pub(super) fn look(problems: &mut Vec<Problem>) -> Self {
        let cache = hub_cache::directory().map(Place::new);
        match &cache {
            Some(place) => check_cache(place, problems),
            None => problems.push(Problem::broken(
                "there is no home directory to keep models in",
                "set HF_HOME to a directory",
            )),
        }
        check_hub(problems);
        let config = read_config(problems);
        let named_store = env::var("FREEWAY_STORE")
            .ok()
            .filter(|url| !url.is_empty())
            .or_else(|| {
                config
                    .map(|config| config.store.url)
                    .filter(|url| !url.is_empty())
            });
        let (store, store_exists) = look_at_store(named_store.as_deref(), problems);
        Self {
            cache,
            store,
            store_exists,
            variables: variables(problems),
        }
    }
}

fn check_cache(cache: &Place, problems: &mut Vec<Problem>) {
    let path = cache.path.display();
    if !cache.exists {
        return;
    }
    if let Err(error) = fs::read_dir(&cache.path) {
        problems.push(Problem::broken(
            format!("the cache of models {path} cannot be read: {error}"),
            "correct its permissions, or set HF_HOME to another directory",
        ));
    } else if let Err(error) = tempfile::tempfile_in(&cache.path) {
        problems.push(Problem::warning(
            format!("nothing can be written to the cache of models {path}: {error}"),
            "for `freeway pull`, correct its permissions or set HF_HOME to another directory",
        ));
    }
}

/// What `freeway pull` would refuse before it connects to anything.
fn check_hub(problems: &mut Vec<Problem>) {
    let limits = Limits {
        retries: 0,
        backoff: Duration::ZERO,
        stall: Duration::from_secs(1),
    };
    match Hub::from_env(limits) {
        // Wanted by whoever sets it, and shown among the variables.
        Err(HubError::Setting {
            name: "HF_HUB_OFFLINE",
            ..
        })
        | Ok(_) => {}
        Err(error) => problems.push(Problem::broken(
            error.to_string(),
            "correct or unset it: `freeway pull` cannot work like this",
        )),
    }
}

fn read_config(problems: &mut Vec<Problem>) -> Option<Config> {
    let path = hub_cache::path_variable("FREEWAY_CONFIG")?;
    match Config::read(&path) {
        Ok(config) => Some(config),
        Err(error) => {
            problems.push(Problem::broken(
                format!("FREEWAY_CONFIG: {error:#}"),
                "correct the file, or unset the variable",
            ));
            None
        }
    }
}

/// The store without what may be a password, and whether it is there.
fn look_at_store(named: Option<&str>, problems: &mut Vec<Problem>) -> (Option<String>, bool) {
    let url = match data_dir::store_url(named) {
        Ok(url) => url,
        Err(error) => {
            problems.push(Problem::broken(format!("{error:#}"), "set FREEWAY_STORE"));
            return (None, false);
        }
    };
    let shown = Some(without_secrets(&url));
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        // Whoever reports on this machine does not speak to others.
        return (shown, true);
    }
    let advice = "set FREEWAY_STORE to sqlite:PATH";
    let Some(path) = url.strip_prefix("sqlite:") else {
        problems.push(Problem::broken(
            "the store is no SQLite file and no PostgreSQL",
            advice,
        ));
        return (shown, false);
    };
    let path = Path::new(path);
    match is_sqlite(path) {
        Ok(Some(true)) => (shown, true),
        Ok(None) => (shown, false),
        Ok(Some(false)) => {
            problems.push(Problem::broken(
                format!(
                    "the store {} is something else than a SQLite file",
                    path.display()
                ),
                advice,
            ));
            (shown, true)
        }
        Err(error) => {
            problems.push(Problem::broken(
                format!("the store {} cannot be read: {error}", path.display()),
                "correct its permissions, or set FREEWAY_STORE to sqlite:PATH",
            ));
            (shown, true)
        }
    }
}

/// Whether a file is one of SQLite; `None` if there is none. A new one is empty.
fn is_sqlite(path: &Path) -> std::io::Result<Option<bool>> {
    match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
        Ok(metadata) if !metadata.is_file() => return Ok(Some(false)),
        Ok(_) => {}
    }
    let mut start = Vec::new();
    File::open(path)?
        .take(SQLITE_MAGIC.len() as u64)
        .read_to_end(&mut start)?;
    Ok(Some(start.is_empty() || start == SQLITE_MAGIC))
}

/// The variables that are set. One of ours that does not exist is probably misspelt.
fn variables(problems: &mut Vec<Problem>) -> Vec<(String, Option<String>)> {
    let own = own_variables();
    let mut variables: Vec<_> = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, value)| {
            let name = name.to_ascii_uppercase();
            !value.is_empty()
                && (name.starts_with("FREEWAY_") || FOREIGN_VARIABLES.contains(&name.as_str()))
        })
        .map(|(name, value)| {
            let value = (!is_secret(&name)).then(|| without_secrets(&value.to_string_lossy()));
            (name, value)
        })
        .collect();
    variables.sort();
    for (name, _) in &variables {
        if name.starts_with("FREEWAY_") && !own.contains(name) {
            let nearest = own
                .iter()
                .max_by_key(|known| {
                    (strsim::normalized_damerau_levenshtein(known, name) * 1e6) as u32
                })
                .map_or_else(String::new, |known| format!("; the nearest is {known}"));
            problems.push(Problem::warning(
                format!("{name} is set, and nothing reads it"),
                format!("unset it, or correct its name{nearest}"),
            ));
        }
    }
    variables
}

/// Every variable that stands in for a flag.
fn own_variables() -> BTreeSet<String> {
    fn collect(command: &Command, names: &mut BTreeSet<String>) {
        let variables = command
            .get_arguments()
            .filter_map(|argument| argument.get_env());
        names.extend(variables.map(|name| name.to_string_lossy().into_owned()));
        for subcommand in command.get_subcommands() {
            collect(subcommand, names);
        }
    }
    let mut names = BTreeSet::new();
    collect(&Cli::command(), &mut names);
    names
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    // HF_TOKEN_PATH says where, not what.
    !name.ends_with("_PATH")
        && ["TOKEN", "KEY", "SECRET", "PASSWORD"]
            .iter()
            .any(|word| name.contains(word))
}

/// A value fit to be shown: of an address neither user nor query, where passwords stand, and
/// nothing that moves the cursor.
fn without_secrets(value: &str) -> String {
    let mut text: String = value.chars().take(MAX_VALUE_CHARS).collect();
    if let Some((scheme, rest)) = text.split_once("://") {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let host = match authority.rsplit_once('@') {
            Some((_, host)) => format!("…@{host}"),
            None => authority.to_owned(),
        };
        let path = match path.split_once('?') {
            Some((path, _)) => format!("{path}?…"),
            None => path.to_owned(),
        };
        text = format!("{scheme}://{host}{path}");
    } else if let Some((_, host)) = text.rsplit_once('@').filter(|(user, _)| user.contains(':')) {
        // A proxy may be written without its scheme.
        text = format!("…@{host}");
    }
    table::printable(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        for (value, shown) in [
            ("http://user:pa@ss@proxy:3128/x", "http://…@proxy:3128/x"),
            ("postgres://u:p@db/x?password=p", "postgres://…@db/x?…"),
            ("https://hub.example/a?token=t", "https://hub.example/a?…"),
            ("user:secret@proxy:3128", "…@proxy:3128"),
            ("/home/ada/a@b", "/home/ada/a@b"),
            ("sqlite:/data/x.db", "sqlite:/data/x.db"),
            ("\x1b[2Jx", "\u{fffd}[2Jx"),
        ] {
            assert_eq!(without_secrets(value), shown);
        }
        for (name, secret) in [
            ("HF_TOKEN", true),
            ("HF_TOKEN_PATH", false),
            ("FREEWAY_API_KEY", true),
            ("FREEWAY_MODEL", false),
        ] {
            assert_eq!(is_secret(name), secret, "{name}");
        }
    }

    #[test]
    fn our_variables_are_those_of_the_flags() {
        let names = own_variables();
        for name in [
            "FREEWAY_MODEL",
            "FREEWAY_STORE",
            "FREEWAY_CONFIG",
            "FREEWAY_PULL_RETRIES",
        ] {
            assert!(names.contains(name), "{name} is missing in {names:?}");
        }
    }

    #[test]
    fn a_store_is_a_sqlite_file_or_not_there_yet() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.db");
        assert_eq!(is_sqlite(&path).unwrap(), None);
        for (bytes, is_one) in [
            (&b""[..], true),
            (b"SQLite format 3\0 and pages", true),
            (b"SQLite", false),
            (b"something else altogether", false),
        ] {
            fs::write(&path, bytes).unwrap();
            assert_eq!(is_sqlite(&path).unwrap(), Some(is_one));
        }
        assert_eq!(is_sqlite(directory.path()).unwrap(), Some(false));
    }
}
