//! `freeway keys`: makes, lists, changes and revokes the keys that callers of the server present.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use router::{Caller, CallerQuota};
use store::{
    ApiKey, KeyId, KeyRecord, KeySettings, NewKey, Store, StoreError, Timestamp,
    change_key_settings,
};
use time::OffsetDateTime;

use crate::args::{KeySettingsArgs, KeysArgs, KeysCommand};
use crate::moments::minute;
use crate::terminal::note;
use crate::{UsageError, data_dir, table};

mod expiry;
mod settings;
mod view;

pub(crate) use view::limits_text;

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
                KeysCommand::Create {
                    name,
                    name_flag,
                    expires,
                    settings,
                } => {
                    let name = name.or(name_flag).unwrap_or_default();
                    create(&url, name, expires.as_deref(), &settings, now).await
                }
                KeysCommand::Set { id, settings } => set(&url, &id, &settings).await,
                KeysCommand::Show { id, json } => show(&url, &id, json, timestamp(now)).await,
                KeysCommand::List { json } => list(&url, json, timestamp(now)).await,
                KeysCommand::Revoke { id } => revoke(&url, &id, timestamp(now)).await,
            }
        })?;
    Ok(ExitCode::SUCCESS)
}

async fn create(
    url: &str,
    name: String,
    expires: Option<&str>,
    settings: &KeySettingsArgs,
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    check_name(&name)?;
    let expires_at = expires
        .map(|text| expiry::parse(text, now))
        .transpose()
        .map_err(UsageError)?
        .map(timestamp);
    let settings = settings::changed(KeySettings::default(), settings).map_err(UsageError)?;
    let secret = ApiKey::generate()?;
    let key = NewKey {
        id: KeyId::random()?,
        name,
        prefix: secret.prefix().to_owned(),
        hash: secret.hash(),
        created_at: timestamp(now),
        expires_at,
        settings,
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
        let keys: Vec<_> = keys.iter().map(|key| view::to_json(key, now)).collect();
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
            "QUOTA",
            "ROLE",
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
                view::quota(&key.settings.quota),
                if key.settings.is_admin {
                    "admin"
                } else {
                    "caller"
                }
                .to_owned(),
                view::state(key, now).to_owned(),
            ]
        });
        out.write_all(table::render(header, rows).as_bytes())?;
    }
    out.flush()?;
    close(&*store).await
}

async fn set(url: &str, id: &str, wanted: &KeySettingsArgs) -> anyhow::Result<()> {
    let id = key_id(id)?;
    if settings::is_empty(wanted) {
        bail!(UsageError(
            "say what to change; `freeway keys set --help` lists it".to_owned()
        ));
    }
    let store = data_dir::connect(url).await?;
    let changed = change_key_settings(&*store, &id, |settings| {
        let settings = settings::changed(settings, wanted).map_err(UsageError)?;
        Ok::<_, anyhow::Error>(settings)
    });
    let key = changed.await.map_err(|error| match error.downcast_ref() {
        Some(StoreError::NotFound) => no_such_key(&id, url),
        Some(_) => error.context("cannot change the key"),
        None => error,
    })?;
    note(format_args!("{}{} is changed", key.id, named(&key)));
    close(&*store).await
}

async fn show(url: &str, id: &str, json: bool, now: Timestamp) -> anyhow::Result<()> {
    let id = key_id(id)?;
    let store = data_dir::connect(url).await?;
    let key = find(&*store, &id, url).await?;
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer(&mut out, &view::to_json(&key, now)).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        let quota = CallerQuota::new(Arc::clone(&store));
        let used = quota.state(&Caller::of_key(&key), now).await;
        let used = used.context("cannot read what is used of the quota")?;
        for [name, value] in view::card(&key, &used, now) {
            writeln!(out, "{name:<15}{}", table::printable(&value))?;
        }
    }
    out.flush()?;
    close(&*store).await
}

async fn revoke(url: &str, id: &str, now: Timestamp) -> anyhow::Result<()> {
    let id = key_id(id)?;
    let store = data_dir::connect(url).await?;
    let key = match store.revoke_key(&id, now).await {
        Ok(key) => key,
        Err(StoreError::NotFound) => return Err(no_such_key(&id, url)),
        Err(error) => return Err(error).context("cannot revoke the key"),
    };
    let name = named(&key);
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

/// The id that was typed.
fn key_id(text: &str) -> Result<KeyId, UsageError> {
    if text.starts_with("fw_") {
        // Not repeated: what is on the screen may be logged.
        return Err(UsageError(
            "that is a key, not its id; `freeway keys list` shows the ids, which begin with key_"
                .to_owned(),
        ));
    }
    Ok(KeyId(text.to_owned()))
}

async fn find(store: &dyn Store, id: &KeyId, url: &str) -> anyhow::Result<KeyRecord> {
    let key = store.key(id).await.context("cannot read the key")?;
    key.ok_or_else(|| no_such_key(id, url))
}

fn no_such_key(id: &KeyId, url: &str) -> anyhow::Error {
    anyhow::anyhow!(
        "there is no key {} in {url}; `freeway keys list` shows the keys there are",
        table::printable(&id.0)
    )
}

/// The name of a key, to stand behind its id.
fn named(key: &KeyRecord) -> String {
    match table::printable(&key.name) {
        name if name.is_empty() => name,
        name => format!(" ({name})"),
    }
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

fn timestamp(time: OffsetDateTime) -> Timestamp {
    // Years have four digits: their milliseconds fit.
    Timestamp((time.unix_timestamp_nanos() / 1_000_000) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

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
