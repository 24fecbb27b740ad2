-- Times are milliseconds since 1970-01-01T00:00:00Z.

CREATE TABLE api_keys (
    id           TEXT    NOT NULL PRIMARY KEY,
    name         TEXT    NOT NULL,
    prefix       TEXT    NOT NULL,
    -- SHA-256 of the secret: the secret itself is nowhere.
    hash         BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    last_used_at INTEGER
) STRICT;

CREATE INDEX api_keys_by_creation ON api_keys (created_at, id);
CREATE INDEX api_keys_unrevoked ON api_keys (expires_at) WHERE revoked_at IS NULL;

CREATE TABLE requests (
    id                TEXT    NOT NULL PRIMARY KEY,
    -- Not a foreign key: the log tells what happened, whatever became of the key.
    key_id            TEXT,
    started_at        INTEGER NOT NULL,
    operation         TEXT    NOT NULL,
    requested_model   TEXT    NOT NULL,
    deployment        TEXT,
    outcome           TEXT    NOT NULL,
    is_stream         INTEGER NOT NULL CHECK (is_stream IN (0, 1)),
    first_token_ms    INTEGER,
    duration_ms       INTEGER NOT NULL,
    prompt_tokens     INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    reasoning_tokens  INTEGER NOT NULL
) STRICT;

CREATE INDEX requests_by_start ON requests (started_at, id);
CREATE INDEX requests_by_key ON requests (key_id, started_at, id) WHERE key_id IS NOT NULL;
