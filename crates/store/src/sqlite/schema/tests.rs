use std::fs;
use std::sync::{Arc, Barrier};

use super::*;
use crate::sqlite::{attempts, catalog, counters, feedback, keys, requests, retention, sessions};
use crate::{ApiKey, KeyId, NewKey, RequestQuery, RequestRecord, Timestamp};

fn number(connection: &Connection, sql: &str) -> i64 {
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

fn new_key() -> NewKey {
    let key = ApiKey::generate().unwrap();
    NewKey {
        id: KeyId::random().unwrap(),
        name: "test".to_owned(),
        prefix: key.prefix().to_owned(),
        hash: key.hash(),
        created_at: Timestamp(1),
        expires_at: None,
        settings: crate::KeySettings::default(),
    }
}

fn request(id: usize, text: &str) -> RequestRecord {
    RequestRecord {
        id: format!("request-{id}"),
        key_id: None,
        started_at: Timestamp(id as i64),
        operation: "chat".to_owned(),
        requested_model: text.to_owned(),
        deployment: None,
        outcome: "ok".to_owned(),
        is_stream: true,
        first_token_ms: None,
        duration_ms: 1,
        prompt_tokens: 2,
        completion_tokens: 3,
        reasoning_tokens: 4,
        content: None,
    }
}

/// How SQLite would answer a query.
fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap();
    for parameter in 1..=statement.parameter_count() {
        statement.raw_bind_parameter(parameter, 1).unwrap();
    }
    let mut steps = statement.raw_query();
    let mut plan = Vec::new();
    while let Some(step) = steps.next().unwrap() {
        plan.push(step.get::<_, String>("detail").unwrap());
    }
    plan
}

fn is_indexed(step: &str) -> bool {
    !step.starts_with("SCAN") || step.contains("INDEX") || step == "SCAN CONSTANT ROW"
}

#[test]
fn every_query_finds_its_rows_by_an_index_and_sorts_none() {
    let connection = open_memory().unwrap();
    let constant = [
        keys::QUERIES,
        catalog::QUERIES,
        counters::QUERIES,
        retention::QUERIES,
        sessions::QUERIES,
    ]
    .concat();
    let queries = constant.into_iter().map(str::to_owned);
    let queries = queries
        .chain(requests::queries())
        .chain(attempts::queries())
        .chain(feedback::queries());
    for sql in queries {
        let plan = plan(&connection, &sql);
        for step in &plan {
            assert!(
                is_indexed(step) && !step.contains("TEMP B-TREE"),
                "{sql}\n{plan:#?}"
            );
        }
    }
}

#[test]
fn what_is_summed_is_found_by_an_index_on_its_time_and_sorted_only_to_group() {
    let connection = open_memory().unwrap();
    let sums = attempts::grouping_queries();
    let sums = sums.into_iter().chain(feedback::grouping_queries());
    for sql in sums.chain(requests::grouping_queries()) {
        let plan = plan(&connection, &sql);
        let is_within_span = sql.contains("WHERE");
        for step in &plan {
            let is_found = step.starts_with("SEARCH") || !is_within_span;
            let is_grouping = step.contains("GROUP BY") || step.contains("count(DISTINCT)");
            assert!(is_found || is_grouping, "{sql}\n{plan:#?}");
        }
    }
}

#[test]
fn a_file_is_opened_with_the_settings_that_the_store_relies_on() {
    let directory = tempfile::tempdir().unwrap();
    let connection = open_file(&directory.path().join("a.db")).unwrap();
    let mode: String = connection
        .query_row("PRAGMA journal_mode", [], |row| row.get(0))
        .unwrap();
    assert_eq!(mode, "wal");
    for (pragma, value) in [
        ("synchronous", 1),
        ("foreign_keys", 1),
        ("busy_timeout", BUSY_TIMEOUT.as_millis() as i64),
        ("journal_size_limit", JOURNAL_SIZE_LIMIT),
        ("wal_autocheckpoint", CHECKPOINT_PAGES),
        ("cache_size", WRITER_CACHE_KIB),
        ("trusted_schema", 0),
        ("application_id", APPLICATION_ID),
        ("user_version", MIGRATIONS.len() as i64),
    ] {
        assert_eq!(
            number(&connection, &format!("PRAGMA {pragma}")),
            value,
            "{pragma}"
        );
    }
    let num_loose = "SELECT count(*) FROM pragma_table_list WHERE type = 'table' AND NOT strict \
                     AND name NOT LIKE 'sqlite_%'";
    assert_eq!(number(&connection, num_loose), 0);
}

#[test]
fn changes_of_keys_wait_for_the_disk_and_what_comes_after_does_not() {
    let mut connection = open_memory().unwrap();
    let key = new_key();
    let synchronous = |connection: &Connection| number(connection, "PRAGMA synchronous");
    // 2 is FULL, 1 is NORMAL. The trigger sees what holds while the key is written.
    connection
        .execute_batch(
            "CREATE TABLE seen (synchronous INTEGER);
             CREATE TEMP TRIGGER created AFTER INSERT ON api_keys BEGIN
                 INSERT INTO main.seen SELECT synchronous FROM pragma_synchronous; END;
             CREATE TEMP TRIGGER revoked AFTER UPDATE ON api_keys BEGIN
                 INSERT INTO main.seen SELECT synchronous FROM pragma_synchronous; END",
        )
        .unwrap();
    keys::create(&mut connection, &key).unwrap();
    assert_eq!(synchronous(&connection), 1);
    keys::create(&mut connection, &key).unwrap_err();
    assert_eq!(synchronous(&connection), 1, "after a failure");
    keys::revoke(&mut connection, &key.id, Timestamp(2)).unwrap();
    assert_eq!(synchronous(&connection), 1);
    let seen = "SELECT count(*) FROM seen WHERE synchronous = 2";
    assert_eq!(number(&connection, seen), 2);
}

#[test]
fn an_older_schema_becomes_the_latest_whatever_its_version() {
    let schema = |connection: &Connection| -> Vec<(String, String)> {
        let sql = "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name";
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    };
    let latest = schema(&open_memory().unwrap());
    assert!(latest.iter().any(|(name, _)| name == "api_keys"));
    let directory = tempfile::tempdir().unwrap();
    for version in 0..=MIGRATIONS.len() {
        let path = directory.path().join(format!("{version}.db"));
        let old = Connection::open(&path).unwrap();
        for migration in &MIGRATIONS[..version] {
            old.execute_batch(migration).unwrap();
            old.pragma_update(None, "application_id", APPLICATION_ID)
                .unwrap();
        }
        old.pragma_update(None, "user_version", version as i64)
            .unwrap();
        drop(old);
        for _ in 0..2 {
            assert_eq!(schema(&open_file(&path).unwrap()), latest, "{version}");
        }
    }
}

#[test]
fn what_the_first_version_kept_is_there_after_the_upgrade() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("old.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(MIGRATIONS[0]).unwrap();
    old.pragma_update(None, "application_id", APPLICATION_ID)
        .unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    old.execute_batch(
        "INSERT INTO api_keys VALUES
             ('key_1', 'laptop', 'fw_abcde', zeroblob(32), 10, 20, NULL, 15);
         INSERT INTO requests VALUES
             ('r', 'key_1', 2, 'chat', 'm', NULL, 'ok', 0, NULL, 3, 4, 5, 6)",
    )
    .unwrap();
    drop(old);
    let connection = open_file(&path).unwrap();
    let kept = crate::KeyRecord {
        id: KeyId("key_1".to_owned()),
        name: "laptop".to_owned(),
        prefix: "fw_abcde".to_owned(),
        created_at: Timestamp(10),
        expires_at: Some(Timestamp(20)),
        revoked_at: None,
        last_used_at: Some(Timestamp(15)),
        settings: crate::KeySettings::default(),
    };
    assert_eq!(keys::all(&connection).unwrap(), [kept]);
    let query = RequestQuery {
        limit: 10,
        ..RequestQuery::default()
    };
    let requests = requests::list(&connection, &query).unwrap();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].reasoning_tokens, 6);
    assert_eq!(requests[0].content, None);
}

#[test]
fn a_reader_sees_what_is_written_and_writes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let mut writer = open_file(&path).unwrap();
    let mut reader = open_reader(&path).unwrap();
    keys::create(&mut writer, &new_key()).unwrap();
    assert_eq!(keys::all(&reader).unwrap().len(), 1);
    keys::create(&mut reader, &new_key()).unwrap_err();
    assert_eq!(keys::all(&writer).unwrap().len(), 1);
}

#[test]
fn those_who_open_a_new_file_at_once_all_succeed() {
    const NUM_THREADS: usize = 8;
    for _ in 0..10 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/deep/freeway.db");
        let barrier = Arc::new(Barrier::new(NUM_THREADS));
        let threads: Vec<_> = (0..NUM_THREADS)
            .map(|_| {
                let (path, barrier) = (path.clone(), Arc::clone(&barrier));
                std::thread::spawn(move || {
                    barrier.wait();
                    let mut connection = open_file(&path).unwrap();
                    keys::create(&mut connection, &new_key()).unwrap();
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        let connection = open_file(&path).unwrap();
        assert_eq!(keys::all(&connection).unwrap().len(), NUM_THREADS);
        assert_eq!(
            number(
                &connection,
                "SELECT integrity_check = 'ok' FROM pragma_integrity_check"
            ),
            1
        );
        let names = fs::read_dir(path.parent().unwrap()).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        assert!(
            names
                .iter()
                .all(|name| name.to_str().unwrap().starts_with("freeway.db")),
            "nothing else is left: {names:?}"
        );
    }
}

#[cfg(unix)]
#[test]
fn what_is_made_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let parent = directory.path().join("data/freeway");
    let path = parent.join("freeway.db");
    let mut connection = open_file(&path).unwrap();
    keys::create(&mut connection, &new_key()).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory.path().join("data")), 0o700);
    assert_eq!(mode(&parent), 0o700);
    for entry in fs::read_dir(&parent).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }

    // What was there keeps its mode.
    drop(connection);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    drop(open_file(&path).unwrap());
    assert_eq!(mode(&path), 0o640);
}

#[test]
fn a_file_that_is_not_ours_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("theirs");
    let sqlite = |sql: &str| {
        let path = directory.path().join("made.db");
        let _ = fs::remove_file(&path);
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(sql).unwrap();
        drop(connection);
        fs::read(path).unwrap()
    };
    for content in [
        b"A text that is no database, long enough to be one.".repeat(100),
        b"short".to_vec(),
        vec![0; 4096],
        sqlite("CREATE TABLE notes (text TEXT)"),
        sqlite("PRAGMA user_version = 1; CREATE TABLE notes (text TEXT)"),
        sqlite("PRAGMA application_id = 1234"),
        sqlite("PRAGMA application_id = 0x66727779; PRAGMA user_version = 0"),
        sqlite("PRAGMA application_id = 0x66727779; PRAGMA user_version = -1"),
    ] {
        fs::write(&path, &content).unwrap();
        let error = open_file(&path).unwrap_err();
        assert!(matches!(error, StoreError::ForeignFile { .. }), "{error:?}");
        let message = error.to_string();
        assert!(
            message.contains("theirs") && message.contains("name another file"),
            "{message}"
        );
        assert_eq!(fs::read(&path).unwrap(), content, "the file was changed");
    }
}

#[test]
fn an_empty_file_is_taken() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut connection = open_file(file.path()).unwrap();
    keys::create(&mut connection, &new_key()).unwrap();
}

#[test]
fn a_newer_schema_is_refused_with_both_versions_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("newer.db");
    let connection = open_file(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let before = fs::read(&path).unwrap();
    let error = open_file(&path).unwrap_err();
    assert!(
        matches!(error, StoreError::NewerSchema { found: 99, .. }),
        "{error:?}"
    );
    let message = error.to_string();
    assert!(
        message.contains("99") && message.contains("update"),
        "{message}"
    );
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn what_cannot_be_a_file_is_an_error_that_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let error = open_file(directory.path()).unwrap_err();
    assert!(matches!(error, StoreError::NotAFile { .. }), "{error:?}");
    assert!(error.to_string().contains("freeway.db"), "{error}");
    if cfg!(unix) {
        let error = open_file(Path::new("/dev/null")).unwrap_err();
        assert!(matches!(error, StoreError::NotAFile { .. }), "{error:?}");
    }

    let occupied = directory.path().join("occupied");
    fs::write(&occupied, "").unwrap();
    for path in [
        occupied.join("freeway.db"),
        directory.path().join("x".repeat(300)),
        directory.path().join("xxxxxxxx/".repeat(1000)).join("a.db"),
    ] {
        let error = open_file(&path).unwrap_err();
        assert!(matches!(error, StoreError::CannotOpen { .. }), "{error:?}");
        assert!(std::error::Error::source(&error).is_some());
        assert!(error.to_string().contains("name another place"), "{error}");
    }
}

#[test]
fn a_file_that_may_only_be_read_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    drop(open_file(&path).unwrap());
    let mut permissions = path.metadata().unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    // Whoever may write everything, as root may, is not hindered.
    if fs::OpenOptions::new().write(true).open(&path).is_err() {
        let error = open_file(&path).unwrap_err();
        assert!(matches!(error, StoreError::CannotOpen { .. }), "{error:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_name_with_a_meaning_for_sqlite_or_that_is_not_unicode_is_just_a_name() {
    use std::os::unix::ffi::OsStringExt;

    let directory = tempfile::tempdir().unwrap();
    let bytes = std::ffi::OsString::from_vec(b"\xff.db".to_vec());
    for name in [":memory:", "file:a.db?mode=memory", "a b#%41.db"] {
        let path = directory.path().join(name);
        let mut connection = open_file(&path).unwrap();
        keys::create(&mut connection, &new_key()).unwrap();
        drop(connection);
        assert!(path.metadata().unwrap().len() > 0, "{name}");
    }
    assert!(open_file(&directory.path().join(bytes)).is_ok());
}

#[test]
fn a_lock_that_another_holds_for_too_long_is_busy() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let first = open_file(&path).unwrap();
    let mut second = open_file(&path).unwrap();
    second.busy_timeout(Duration::ZERO).unwrap();
    first.execute_batch("BEGIN IMMEDIATE").unwrap();
    let key = new_key();
    let error = keys::create(&mut second, &key).unwrap_err();
    assert!(matches!(error, StoreError::Busy), "{error:?}");
    assert!(keys::all(&second).unwrap().is_empty(), "reading goes on");
    first.execute_batch("ROLLBACK").unwrap();
    keys::create(&mut second, &key).unwrap();
}

#[test]
fn a_full_disk_is_told_and_a_batch_is_added_whole_or_not_at_all() {
    let mut connection = open_memory().unwrap();
    requests::insert(&mut connection, &[request(0, "small")]).unwrap();
    let num_pages = number(&connection, "PRAGMA page_count");
    connection
        .pragma_update(None, "max_page_count", num_pages + 20)
        .unwrap();
    let batch: Vec<_> = (1..=100).map(|id| request(id, &"x".repeat(4096))).collect();
    let error = requests::insert(&mut connection, &batch).unwrap_err();
    assert!(matches!(error, StoreError::Full), "{error:?}");
    let query = RequestQuery {
        limit: 100,
        ..RequestQuery::default()
    };
    let left = requests::list(&connection, &query).unwrap();
    assert_eq!(left, [request(0, "small")]);
    requests::insert(&mut connection, &[request(1, "fits")]).unwrap();
}

#[test]
fn a_damaged_file_is_told_and_never_a_panic() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let mut connection = open_file(&path).unwrap();
    let batch: Vec<_> = (0..500).map(|id| request(id, "model")).collect();
    requests::insert(&mut connection, &batch).unwrap();
    drop(connection);
    let whole = fs::read(&path).unwrap();
    let query = RequestQuery {
        limit: 1000,
        ..RequestQuery::default()
    };
    let mut num_damaged = 0;
    // Each page in turn is overwritten with noise.
    for page in 0..whole.len() / 4096 {
        let mut bytes = whole.clone();
        for (i, byte) in bytes[page * 4096..(page + 1) * 4096].iter_mut().enumerate() {
            *byte = (i * 167 + page * 31) as u8;
        }
        fs::write(&path, &bytes).unwrap();
        let result = open_file(&path).and_then(|mut connection| {
            requests::insert(&mut connection, &[request(1000, "more")])?;
            keys::all(&connection)?;
            requests::list(&connection, &query)
        });
        match result {
            // The page was not among those that were read.
            Ok(requests) => assert_eq!(requests.len(), 501),
            Err(StoreError::Damaged | StoreError::ForeignFile { .. }) => num_damaged += 1,
            Err(StoreError::CannotOpen { source, .. }) => {
                assert!(source.to_string().contains("damaged"), "{source}");
                num_damaged += 1;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    assert!(num_damaged > 3, "{num_damaged}");
}
