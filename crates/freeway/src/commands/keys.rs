//! `freeway keys`: makes, lists and revokes the keys that callers of the server present.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, bail};
use store::{ApiKey, KeyId, KeyRecord, KeySettings, NewKey, Store, StoreError, Timestamp};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use crate::args::{KeysArgs, KeysCommand};
use crate::terminal::note;
use crate::{UsageError, data_dir, table};

mod expiry;

/// Characters that the name of a key may have.
const MAX_NAME_CHARS: usize = 100;

pub(crate) fn run(args: KeysArgs) -> anyhow::Result<ExitCode> {
    let url = data_dir::store_url(args.store.url())?;
    if url == "sqlite::memory:" {
        bail!(UsageError(
            "a store in memory is forgotten when this command ends; name a file: \
             --store sqlite:PATH"
                .to_owned()
        ));
    }
    let now = OffsetDateTime::now_utc();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(async {
            match args.command {
                KeysCommand::Create { name, expires } => {
                    create(&url, name, expires.as_deref(), now).await
                }
                KeysCommand::List { json } => list(&url, json, timestamp(now)).await,
                KeysCommand::Revoke { id } => revoke(&url, &id, timestamp(now)).await,
            }
        })?;
    Ok(ExitCode::SUCCESS)
}

async fn create(
    url: &str,
    name: Option<String>,
    expires: Option<&str>,
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let name = name.unwrap_or_default();
    check_name(&name)?;
    let expires_at = expires
        .map(|text| expiry::parse(text, now))
        .transpose()
        .map_err(UsageError)?
        .map(timestamp);
    let secret = ApiKey::generate()?;
    let key = NewKey {
        id: KeyId::random()?,
        name,
        prefix: secret.prefix().to_owned(),
        hash: secret.hash(),
        created_at: timestamp(now),
        expires_at,
        settings: KeySettings::default(),
    };
    let store = data_dir::connect(url).await?;
    let key = store
        .create_key(key)
        .await
        .context("cannot add the key to the store")?;
    if let Err(error) = print_line(secret.expose()) {
        // Nobody has seen it, and nobody ever could.
        store
            .revoke_key(&key.id, timestamp(now))
            .await
            .with_context(|| {
                format!(
                    "the key could not be printed ({error}) and could not be revoked either; \
                     run `freeway keys revoke {}`",
                    key.id
                )
            })?;
        bail!("the key could not be printed ({error}) and was revoked; make another");
    }
    let end = key
        .expires_at
        .map(|end| format!(" It is refused from {} UTC on.", minute(end)))
        .unwrap_or_default();
    note(format_args!(
        "(This is the only time that the key is shown: {url} keeps its hash alone.\n \
         Callers send it as `Authorization: Bearer KEY`.{end}\n \
         `freeway keys revoke {}` takes it back.)",
        key.id
    ));
    close(&*store).await
}

async fn list(url: &str, json: bool, now: Timestamp) -> anyhow::Result<()> {
    let store = data_dir::connect(url).await?;
    let keys = store.keys().await.context("cannot read the keys")?;
    let mut out = io::stdout().lock();
    if json {
        let keys: Vec<_> = keys.iter().map(|key| to_json(key, now)).collect();
        serde_json::to_writer(&mut out, &keys).map_err(io::Error::from)?;
        writeln!(out)?;
    } else if keys.is_empty() {
        note(format_args!(
            "(there are no keys in {url}; `freeway keys create` makes one)"
        ));
    } else {
        let header = [
            "ID",
            "KEY",
            "NAME",
            "CREATED (UTC)",
            "EXPIRES",
            "LAST USED",
            "STATE",
        ];
        let rows = keys.iter().map(|key| {
            [
                key.id.to_string(),
                format!("{}…", key.prefix),
                key.name.clone(),
                minute(key.created_at),
                key.expires_at.map_or("never".to_owned(), minute),
                key.last_used_at.map_or("never".to_owned(), minute),
                state(key, now).to_owned(),
            ]
        });
        out.write_all(table::render(header, rows).as_bytes())?;
    }
    out.flush()?;
    close(&*store).await
}

async fn revoke(url: &str, id: &str, now: Timestamp) -> anyhow::Result<()> {
    if id.starts_with("fw_") {
        // Not repeated: what is on the screen may be logged.
        bail!(UsageError(
            "that is a key, not its id; `freeway keys list` shows the ids, which begin with key_"
                .to_owned()
        ));
    }
    let store = data_dir::connect(url).await?;
    let key = match store.revoke_key(&KeyId(id.to_owned()), now).await {
        Ok(key) => key,
        Err(StoreError::NotFound) => bail!(
            "there is no key {} in {url}; `freeway keys list` shows the keys there are",
            table::printable(id)
        ),
        Err(error) => return Err(error).context("cannot revoke the key"),
    };
    let name = table::printable(&key.name);
    let name = if name.is_empty() {
        String::new()
    } else {
        format!(" ({name})")
    };
    match key.revoked_at {
        Some(at) if at < now => note(format_args!(
            "{}{name} was revoked already, at {} UTC",
            key.id,
            minute(at)
        )),
        _ => note(format_args!("{}{name} is revoked", key.id)),
    }
    close(&*store).await
}

async fn close(store: &dyn Store) -> anyhow::Result<()> {
    store.close().await.context("cannot close the store")
}

fn check_name(name: &str) -> Result<(), UsageError> {
    if name.chars().count() > MAX_NAME_CHARS {
        return Err(UsageError(format!(
            "the name of a key has at most {MAX_NAME_CHARS} characters"
        )));
    }
    if table::printable(name) != name {
        return Err(UsageError(
            "the name of a key is one line without control characters".to_owned(),
        ));
    }
    Ok(())
}

fn print_line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

fn to_json(key: &KeyRecord, now: Timestamp) -> serde_json::Value {
    serde_json::json!({
        "id": key.id.0,
        "prefix": key.prefix,
        "name": key.name,
        "created_at": rfc3339(key.created_at),
        "expires_at": key.expires_at.map(rfc3339),
        "last_used_at": key.last_used_at.map(rfc3339),
        "revoked_at": key.revoked_at.map(rfc3339),
        "state": state(key, now),
    })
}

fn state(key: &KeyRecord, now: Timestamp) -> &'static str {
    if key.revoked_at.is_some() {
        "revoked"
    } else if key.is_active(now) {
        "active"
    } else {
        "expired"
    }
}

fn timestamp(time: OffsetDateTime) -> Timestamp {
    // Years have four digits: their milliseconds fit.
    Timestamp((time.unix_timestamp_nanos() / 1_000_000) as i64)
}

/// A moment for people, to the minute.
fn minute(time: Timestamp) -> String {
    shown(time, |time| {
        let format = format_description!("[year]-[month]-[day] [hour]:[minute]");
        time.format(format).ok()
    })
}

/// A moment for programs.
fn rfc3339(time: Timestamp) -> String {
    shown(time, |time| time.format(&Rfc3339).ok())
}

/// A moment that no calendar has is shown as the number it is.
fn shown(time: Timestamp, format: impl Fn(OffsetDateTime) -> Option<String>) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(time.0) * 1_000_000)
        .ok()
        .and_then(format)
        .unwrap_or_else(|| time.0.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_to_the_minute_and_to_programs_in_full() {
        let time = Timestamp(1_763_827_200_123);
        assert_eq!(minute(time), "2025-11-22 16:00");
        assert_eq!(rfc3339(time), "2025-11-22T16:00:00.123Z");
        assert_eq!(rfc3339(Timestamp(0)), "1970-01-01T00:00:00Z");
        for time in [i64::MIN, i64::MAX] {
            assert_eq!(minute(Timestamp(time)), time.to_string());
        }
    }

    #[test]
    fn a_revoked_key_is_revoked_whether_or_not_it_would_have_expired() {
        let mut key = KeyRecord {
            id: KeyId("key_a".to_owned()),
            name: String::new(),
            prefix: "fw_abcde".to_owned(),
            created_at: Timestamp(0),
            expires_at: Some(Timestamp(10)),
            revoked_at: None,
            last_used_at: None,
            settings: KeySettings::default(),
        };
        assert_eq!(state(&key, Timestamp(9)), "active");
        assert_eq!(state(&key, Timestamp(10)), "expired");
        key.revoked_at = Some(Timestamp(5));
        for now in [9, 10] {
            assert_eq!(state(&key, Timestamp(now)), "revoked");
        }
    }

    #[test]
    fn names_are_short_and_of_one_line() {
        for name in ["", "Ada's laptop", "北京", &"é".repeat(MAX_NAME_CHARS)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["a\nb", "\x1b[31m", "\u{202e}abc", &"a".repeat(101)] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }
}
