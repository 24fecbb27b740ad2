-- Times are milliseconds since 1970-01-01T00:00:00Z, hours are whole hours since then.

ALTER TABLE api_keys ADD COLUMN is_admin BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE api_keys ADD COLUMN keeps_content BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE api_keys ADD COLUMN requests_per_minute BIGINT;
ALTER TABLE api_keys ADD COLUMN requests_per_day BIGINT;
ALTER TABLE api_keys ADD COLUMN tokens_per_minute BIGINT;
ALTER TABLE api_keys ADD COLUMN tokens_per_day BIGINT;
ALTER TABLE api_keys ADD COLUMN preferences TEXT;

-- Apart from the log, which stays small.
CREATE TABLE request_contents (
    request_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES requests (id) ON DELETE CASCADE,
    content    TEXT NOT NULL
);

CREATE TABLE models (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    spec          TEXT NOT NULL,
    first_seen_at BIGINT NOT NULL,
    last_seen_at  BIGINT NOT NULL
);

CREATE TABLE deployments (
    provider      TEXT COLLATE "C" NOT NULL,
    name          TEXT COLLATE "C" NOT NULL,
    model         TEXT COLLATE "C" NOT NULL,
    spec          TEXT NOT NULL,
    first_seen_at BIGINT NOT NULL,
    last_seen_at  BIGINT NOT NULL,
    gone_at       BIGINT,
    PRIMARY KEY (provider, name)
);

CREATE INDEX deployments_by_model ON deployments (model);

-- The order in which rows came is that of their numbers.
CREATE TABLE spec_changes (
    number   BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model    TEXT COLLATE "C" NOT NULL,
    -- Both or neither: of a deployment, or of the model itself.
    provider TEXT COLLATE "C",
    name     TEXT COLLATE "C",
    at       BIGINT NOT NULL,
    field    TEXT NOT NULL,
    old      TEXT,
    new      TEXT,
    CHECK ((provider IS NULL) = (name IS NULL))
);

CREATE INDEX spec_changes_by_time ON spec_changes (at, number);
CREATE INDEX spec_changes_by_model ON spec_changes (model, at, number);

CREATE TABLE observations (
    hour              BIGINT NOT NULL,
    provider          TEXT COLLATE "C" NOT NULL,
    name              TEXT COLLATE "C" NOT NULL,
    is_listed         BOOLEAN NOT NULL,
    is_up             BOOLEAN,
    num_probes_ok     BIGINT NOT NULL,
    num_probes_failed BIGINT NOT NULL,
    PRIMARY KEY (hour, provider, name)
);

CREATE INDEX observations_by_deployment ON observations (provider, name, hour);

CREATE TABLE provider_syncs (
    provider     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tried_at     BIGINT NOT NULL,
    succeeded_at BIGINT,
    error        TEXT
);

CREATE TABLE attempts (
    request_id        TEXT COLLATE "C" NOT NULL,
    number            INTEGER NOT NULL,
    model             TEXT COLLATE "C" NOT NULL,
    provider          TEXT COLLATE "C" NOT NULL,
    name              TEXT COLLATE "C" NOT NULL,
    started_at        BIGINT NOT NULL,
    outcome           TEXT COLLATE "C" NOT NULL,
    fault_domain      TEXT COLLATE "C" NOT NULL,
    http_status       INTEGER,
    first_token_ms    BIGINT,
    duration_ms       BIGINT NOT NULL,
    prompt_tokens     BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL,
    reasoning_tokens  BIGINT NOT NULL,
    is_exploration    BOOLEAN NOT NULL,
    PRIMARY KEY (request_id, number)
);

CREATE INDEX attempts_by_start ON attempts (started_at);
CREATE INDEX attempts_by_model ON attempts (model, started_at);
CREATE INDEX attempts_answered ON attempts (model, started_at, request_id, number)
    WHERE outcome = 'ok';

-- Sums over attempts, also over those that are forgotten; `start` is the beginning of the hour.
CREATE TABLE attempt_hours (
    start             BIGINT NOT NULL,
    model             TEXT COLLATE "C" NOT NULL,
    provider          TEXT COLLATE "C" NOT NULL,
    name              TEXT COLLATE "C" NOT NULL,
    outcome           TEXT COLLATE "C" NOT NULL,
    fault_domain      TEXT COLLATE "C" NOT NULL,
    count             BIGINT NOT NULL,
    num_first_tokens  BIGINT NOT NULL,
    first_token_ms    BIGINT NOT NULL,
    duration_ms       BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL,
    PRIMARY KEY (start, model, provider, name, outcome, fault_domain)
);

CREATE INDEX attempt_hours_by_model ON attempt_hours (model, start);

-- Likewise; `start` is the beginning of the day.
CREATE TABLE attempt_days (
    start             BIGINT NOT NULL,
    model             TEXT COLLATE "C" NOT NULL,
    provider          TEXT COLLATE "C" NOT NULL,
    name              TEXT COLLATE "C" NOT NULL,
    outcome           TEXT COLLATE "C" NOT NULL,
    fault_domain      TEXT COLLATE "C" NOT NULL,
    count             BIGINT NOT NULL,
    num_first_tokens  BIGINT NOT NULL,
    first_token_ms    BIGINT NOT NULL,
    duration_ms       BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL,
    PRIMARY KEY (start, model, provider, name, outcome, fault_domain)
);

CREATE INDEX attempt_days_by_model ON attempt_days (model, start);

-- From when on nothing is missing of what is forgotten after a while.
CREATE TABLE kept_since (
    kind TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (kind IN ('attempts', 'attempt_hours')),
    at   BIGINT NOT NULL
);

CREATE TABLE feedback (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    key_id     TEXT COLLATE "C",
    model      TEXT COLLATE "C" NOT NULL,
    request_id TEXT COLLATE "C",
    is_success BOOLEAN NOT NULL,
    issue      TEXT COLLATE "C",
    details    TEXT,
    created_at BIGINT NOT NULL
);

CREATE INDEX feedback_by_time ON feedback (created_at, id);
CREATE INDEX feedback_by_model ON feedback (model, created_at, id);
CREATE INDEX feedback_by_key ON feedback (key_id, created_at, id) WHERE key_id IS NOT NULL;
CREATE INDEX feedback_by_request ON feedback (request_id, created_at, id)
    WHERE request_id IS NOT NULL;

CREATE TABLE counters (
    name  TEXT COLLATE "C" NOT NULL,
    start BIGINT NOT NULL,
    value BIGINT NOT NULL,
    PRIMARY KEY (name, start)
);

CREATE INDEX counters_by_start ON counters (start);
