-- People who are logged in. They go with their key.
CREATE TABLE sessions (
    -- SHA-256 of the secret in the cookie: the secret itself is nowhere.
    hash       BYTEA NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    key_id     TEXT COLLATE "C" NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX sessions_by_key ON sessions (key_id);
CREATE INDEX sessions_by_creation ON sessions (created_at, hash);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- Of few requests, so that the others cost nothing more to write.
CREATE INDEX requests_not_ok ON requests (started_at, id) WHERE outcome <> 'ok';
