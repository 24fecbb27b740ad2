-- Times are milliseconds since 1970-01-01T00:00:00Z. Text is ordered by its bytes, as in SQLite.

CREATE TABLE api_keys (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name         TEXT NOT NULL,
    prefix       TEXT NOT NULL,
    -- SHA-256 of the secret: the secret itself is nowhere.
    hash         BYTEA NOT NULL UNIQUE CHECK (length(hash) = 32),
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT,
    revoked_at   BIGINT,
    last_used_at BIGINT
);

CREATE INDEX api_keys_by_creation ON api_keys (created_at, id);
CREATE INDEX api_keys_unrevoked ON api_keys (expires_at) WHERE revoked_at IS NULL;

CREATE TABLE requests (
    id                TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- Not a foreign key: the log tells what happened, whatever became of the key.
    key_id            TEXT COLLATE "C",
    started_at        BIGINT NOT NULL,
    operation         TEXT NOT NULL,
    requested_model   TEXT NOT NULL,
    deployment        TEXT,
    outcome           TEXT NOT NULL,
    is_stream         BOOLEAN NOT NULL,
    first_token_ms    BIGINT,
    duration_ms       BIGINT NOT NULL,
    prompt_tokens     BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL,
    reasoning_tokens  BIGINT NOT NULL
);

CREATE INDEX requests_by_start ON requests (started_at, id);
CREATE INDEX requests_by_key ON requests (key_id, started_at, id) WHERE key_id IS NOT NULL;
