-- Times are milliseconds since 1970-01-01T00:00:00Z, hours are whole hours since then.

ALTER TABLE api_keys ADD COLUMN is_admin INTEGER NOT NULL DEFAULT 0 CHECK (is_admin IN (0, 1));
ALTER TABLE api_keys ADD COLUMN keeps_content INTEGER NOT NULL DEFAULT 0
    CHECK (keeps_content IN (0, 1));
ALTER TABLE api_keys ADD COLUMN requests_per_minute INTEGER;
ALTER TABLE api_keys ADD COLUMN requests_per_day INTEGER;
ALTER TABLE api_keys ADD COLUMN tokens_per_minute INTEGER;
ALTER TABLE api_keys ADD COLUMN tokens_per_day INTEGER;
ALTER TABLE api_keys ADD COLUMN preferences TEXT;

-- Apart from the log, which stays small.
CREATE TABLE request_contents (
    request_id TEXT NOT NULL PRIMARY KEY REFERENCES requests (id) ON DELETE CASCADE,
    content    TEXT NOT NULL
) STRICT;

CREATE TABLE models (
    id            TEXT    NOT NULL PRIMARY KEY,
    spec          TEXT    NOT NULL,
    first_seen_at INTEGER NOT NULL,
    last_seen_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE deployments (
    provider      TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    model         TEXT    NOT NULL,
    spec          TEXT    NOT NULL,
    first_seen_at INTEGER NOT NULL,
    last_seen_at  INTEGER NOT NULL,
    gone_at       INTEGER,
    PRIMARY KEY (provider, name)
) STRICT;

CREATE INDEX deployments_by_model ON deployments (model);

-- The order in which rows came is that of their numbers.
CREATE TABLE spec_changes (
    number   INTEGER NOT NULL PRIMARY KEY,
    model    TEXT    NOT NULL,
    -- Both or neither: of a deployment, or of the model itself.
    provider TEXT,
    name     TEXT,
    at       INTEGER NOT NULL,
    field    TEXT    NOT NULL,
    old      TEXT,
    new      TEXT,
    CHECK ((provider IS NULL) = (name IS NULL))
) STRICT;

CREATE INDEX spec_changes_by_time ON spec_changes (at);
CREATE INDEX spec_changes_by_model ON spec_changes (model, at);

CREATE TABLE observations (
    hour              INTEGER NOT NULL,
    provider          TEXT    NOT NULL,
    name              TEXT    NOT NULL,
    is_listed         INTEGER NOT NULL CHECK (is_listed IN (0, 1)),
    is_up             INTEGER CHECK (is_up IN (0, 1)),
    num_probes_ok     INTEGER NOT NULL,
    num_probes_failed INTEGER NOT NULL,
    PRIMARY KEY (hour, provider, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX observations_by_deployment ON observations (provider, name, hour);

CREATE TABLE provider_syncs (
    provider     TEXT    NOT NULL PRIMARY KEY,
    tried_at     INTEGER NOT NULL,
    succeeded_at INTEGER,
    error        TEXT
) STRICT;

CREATE TABLE attempts (
    request_id        TEXT    NOT NULL,
    number            INTEGER NOT NULL,
    model             TEXT    NOT NULL,
    provider          TEXT    NOT NULL,
    name              TEXT    NOT NULL,
    started_at        INTEGER NOT NULL,
    outcome           TEXT    NOT NULL,
    fault_domain      TEXT    NOT NULL,
    http_status       INTEGER,
    first_token_ms    INTEGER,
    duration_ms       INTEGER NOT NULL,
    prompt_tokens     INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    reasoning_tokens  INTEGER NOT NULL,
    is_exploration    INTEGER NOT NULL CHECK (is_exploration IN (0, 1)),
    PRIMARY KEY (request_id, number)
) STRICT;

CREATE INDEX attempts_by_start ON attempts (started_at);
CREATE INDEX attempts_by_model ON attempts (model, started_at);
CREATE INDEX attempts_answered ON attempts (model, started_at, request_id, number)
    WHERE outcome = 'ok';

-- Sums over attempts, also over those that are forgotten; `start` is the beginning of the hour.
CREATE TABLE attempt_hours (
    start             INTEGER NOT NULL,
    model             TEXT    NOT NULL,
    provider          TEXT    NOT NULL,
    name              TEXT    NOT NULL,
    outcome           TEXT    NOT NULL,
    fault_domain      TEXT    NOT NULL,
    count             INTEGER NOT NULL,
    num_first_tokens  INTEGER NOT NULL,
    first_token_ms    INTEGER NOT NULL,
    duration_ms       INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    PRIMARY KEY (start, model, provider, name, outcome, fault_domain)
) STRICT, WITHOUT ROWID;

CREATE INDEX attempt_hours_by_model ON attempt_hours (model, start);

-- Likewise; `start` is the beginning of the day.
CREATE TABLE attempt_days (
    start             INTEGER NOT NULL,
    model             TEXT    NOT NULL,
    provider          TEXT    NOT NULL,
    name              TEXT    NOT NULL,
    outcome           TEXT    NOT NULL,
    fault_domain      TEXT    NOT NULL,
    count             INTEGER NOT NULL,
    num_first_tokens  INTEGER NOT NULL,
    first_token_ms    INTEGER NOT NULL,
    duration_ms       INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    PRIMARY KEY (start, model, provider, name, outcome, fault_domain)
) STRICT, WITHOUT ROWID;

CREATE INDEX attempt_days_by_model ON attempt_days (model, start);

-- From when on nothing is missing of what is forgotten after a while.
CREATE TABLE kept_since (
    kind TEXT    NOT NULL PRIMARY KEY CHECK (kind IN ('attempts', 'attempt_hours')),
    at   INTEGER NOT NULL
) STRICT;

CREATE TABLE feedback (
    id         TEXT    NOT NULL PRIMARY KEY,
    key_id     TEXT,
    model      TEXT    NOT NULL,
    request_id TEXT,
    is_success INTEGER NOT NULL CHECK (is_success IN (0, 1)),
    issue      TEXT,
    details    TEXT,
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX feedback_by_time ON feedback (created_at, id);
CREATE INDEX feedback_by_model ON feedback (model, created_at, id);
CREATE INDEX feedback_by_key ON feedback (key_id, created_at, id) WHERE key_id IS NOT NULL;
CREATE INDEX feedback_by_request ON feedback (request_id, created_at, id)
    WHERE request_id IS NOT NULL;

CREATE TABLE counters (
    name  TEXT    NOT NULL,
    start INTEGER NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (name, start)
) STRICT, WITHOUT ROWID;

CREATE INDEX counters_by_start ON counters (start);
