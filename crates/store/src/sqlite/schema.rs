//! Opens a database, recognises whose it is, and brings its schema up to date.

use std::fs::DirBuilder;
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use crate::StoreError;
use crate::error::BoxError;

/// Marks a SQLite file as ours: "frwy".
const APPLICATION_ID: i64 = 0x6672_7779;

/// How the schema came to be. The version of a file is how many of these were applied to it; what
/// is here never changes, new ones are added below.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/sqlite/0001_keys_and_requests.sql"),
    include_str!("../../migrations/sqlite/0002_catalog_and_attempts.sql"),
    include_str!("../../migrations/sqlite/0003_settings_of_syncs.sql"),
    include_str!("../../migrations/sqlite/0004_sessions.sql"),
];

const FLAGS: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// How long to wait for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes to which the log of changes is cut after a burst.
const JOURNAL_SIZE_LIMIT: i64 = 64 << 20;

/// Pages of changes that are gathered before they are sorted into the file: a page that changes often
/// is then written there once.
const CHECKPOINT_PAGES: i64 = 4_000;

/// KiB of the file that the writer keeps in memory, as SQLite wants it told. Attempts come in no
/// order of their names, so that each changes another page of an index.
const WRITER_CACHE_KIB: i64 = -8_192;

/// The statements of this crate, with room to spare.
const NUM_CACHED_STATEMENTS: usize = 128;

/// Makes a database in memory, ready for use.
pub(super) fn open_memory() -> Result<Connection, StoreError> {
    let mut connection = Connection::open_in_memory()?;
    prepare(&mut connection, Path::new(":memory:"))?;
    Ok(connection)
}

/// Opens a second connection to a file that [`open_file`] has opened, to read only.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let file = std::path::absolute(path).map_err(|error| StoreError::Database(error.into()))?;
    // May write, so that whoever of the connections closes last can clean up.
    let connection = Connection::open_with_flags(&file, FLAGS)?;
    configure(&connection)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Opens or makes a file, ready for use.
pub(super) fn open_file(path: &Path) -> Result<Connection, StoreError> {
    let cannot_open = |source: BoxError| StoreError::CannotOpen {
        path: path.to_owned(),
        source,
    };
    // Absolute: SQLite gives a meaning to names like `file:x` and `:memory:`.
    let file = std::path::absolute(path).map_err(|error| cannot_open(error.into()))?;
    match file.metadata() {
        // A pipe would be waited for.
        Ok(metadata) if !metadata.is_file() => {
            return Err(StoreError::NotAFile {
                path: path.to_owned(),
            });
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create_file(&file).map_err(|error| cannot_open(error.into()))?;
        }
        Err(error) => return Err(cannot_open(error.into())),
    }
    let mut connection = Connection::open_with_flags(&file, FLAGS)
        .map_err(|error| cannot_open(StoreError::from(error).into()))?;
    if connection.is_readonly("main")? {
        return Err(cannot_open("the file may be read but not written".into()));
    }
    prepare(&mut connection, path).map_err(|error| match error {
        StoreError::ForeignFile { .. } | StoreError::NewerSchema { .. } => error,
        error => cannot_open(error.into()),
    })?;
    Ok(connection)
}

/// Makes an empty file that only its owner may read, and the directories above it likewise.
///
/// The file gets its name when it is closed again. Closing it later would take away the locks that
/// another connection of this process might have on it by then: POSIX locks work like that.
fn create_file(path: &Path) -> io::Result<()> {
    let parent = path.parent().unwrap_or(path);
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(parent)?;
    let file = tempfile::NamedTempFile::new_in(parent)?;
    match file.into_temp_path().persist_noclobber(path) {
        // Another process was faster.
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => result.map_err(|error| error.error),
    }
}

/// Settings and schema. A file that is not ours, or too new, is not changed.
fn prepare(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    configure(connection)?;
    let version = schema_version(&connection.transaction()?, path)?;
    use_write_ahead_log(connection)?;
    // A power cut may take the last transactions but leaves the database whole.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "journal_size_limit", JOURNAL_SIZE_LIMIT)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "cache_size", WRITER_CACHE_KIB)?;
    for (number, migration) in (1_usize..).zip(MIGRATIONS).skip(version) {
        // The lock first, then a second look: another process may be doing the same.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if schema_version(&transaction, path)? >= number {
            continue;
        }
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", number as i64)?;
        transaction.commit()?;
    }
    Ok(())
}

/// The settings of a connection that say nothing to the file.
fn configure(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(NUM_CACHED_STATEMENTS);
    // The file may come from anywhere: what its schema says is not to be trusted.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    Ok(())
}

/// How many migrations the file has seen, if it is ours or empty. Wants a transaction, so that all
/// it reads is of one moment.
fn schema_version(transaction: &Transaction<'_>, path: &Path) -> Result<usize, StoreError> {
    let foreign = || StoreError::ForeignFile {
        path: path.to_owned(),
    };
    let read = |sql: &str| {
        transaction
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .map_err(|error| match error.sqlite_error_code() {
                Some(ErrorCode::NotADatabase) => foreign(),
                _ => error.into(),
            })
    };
    let application_id = read("PRAGMA application_id")?;
    let version = read("PRAGMA user_version")?;
    let num_objects = read("SELECT count(*) FROM sqlite_schema")?;
    match (application_id, version, num_objects) {
        (0, 0, 0) => Ok(0),
        (APPLICATION_ID, 1.., _) => {
            let known = MIGRATIONS.len();
            match usize::try_from(version) {
                Ok(version) if version <= known => Ok(version),
                _ => Err(StoreError::NewerSchema {
                    place: path.display().to_string(),
                    found: version,
                    known: known as i64,
                }),
            }
        }
        _ => Err(foreign()),
    }
}

/// Readers and the writer do not wait for each other in this mode, which the file keeps. Where the
/// file system cannot do it SQLite stays in the mode it is in, slower and just as safe.
fn use_write_ahead_log(connection: &Connection) -> Result<(), StoreError> {
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        // SQLite does not always wait here: two that switch at once would wait for each other.
        match connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())) {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && Instant::now() < deadline =>
            {
                thread::sleep(Duration::from_millis(10));
            }
            result => return Ok(result?),
        }
    }
}

#[cfg(test)]
mod tests;
