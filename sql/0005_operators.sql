-- The people who run the shop: who they are, how they prove it, and where they are signed in.

CREATE TABLE users (
    id              text PRIMARY KEY,
    email           bytea NOT NULL,
    email_index     bytea NOT NULL UNIQUE,
    name            bytea NOT NULL,
    role            text NOT NULL CHECK (role IN ('owner', 'admin', 'finance', 'support', 'risk', 'developer', 'auditor')),
    state           text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'disabled')),
    password_hash   text NOT NULL,
    password_set_at timestamptz NOT NULL,
    totp_secret     bytea,
    totp_set_at     timestamptz CHECK (totp_set_at IS NULL OR totp_secret IS NOT NULL),
    totp_step       bigint,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    last_sign_in_at timestamptz
);
COMMENT ON TABLE users IS 'Operators: people who sign in to the dashboard.';
COMMENT ON COLUMN users.id IS 'usr_…';
COMMENT ON COLUMN users.email IS 'Sealed, bound to the row.';
COMMENT ON COLUMN users.email_index IS 'HMAC-SHA256 of the address in lower case: what is signed in with is found by it.';
COMMENT ON COLUMN users.name IS 'Sealed, bound to the row.';
COMMENT ON COLUMN users.role IS 'What they may do: a set of scopes (docs/dashboard.md).';
COMMENT ON COLUMN users.state IS 'active or disabled; nobody is removed, as the audit log names them.';
COMMENT ON COLUMN users.password_hash IS 'argon2id, with its parameters and salt.';
COMMENT ON COLUMN users.password_set_at IS 'Since when it is that password.';
COMMENT ON COLUMN users.totp_secret IS 'What the authenticator app has, sealed and bound to the row; NULL without a second factor.';
COMMENT ON COLUMN users.totp_set_at IS 'When it was confirmed with a code; NULL while it is being set up.';
COMMENT ON COLUMN users.totp_step IS 'The last time step whose code was taken: none is taken twice.';
COMMENT ON COLUMN users.created_at IS 'When they were added.';
COMMENT ON COLUMN users.updated_at IS 'When any of this was last changed by a person.';
COMMENT ON COLUMN users.last_sign_in_at IS 'When they last signed in.';

CREATE TABLE user_passwords (
    user_id text NOT NULL REFERENCES users,
    hash    text NOT NULL,
    set_at  timestamptz NOT NULL,
    PRIMARY KEY (user_id, hash)
);
COMMENT ON TABLE user_passwords IS 'The last passwords of each user, which are not taken again.';
COMMENT ON COLUMN user_passwords.user_id IS 'Whose.';
COMMENT ON COLUMN user_passwords.hash IS 'argon2id.';
COMMENT ON COLUMN user_passwords.set_at IS 'Since when it was theirs.';

CREATE TABLE recovery_codes (
    user_id text NOT NULL REFERENCES users,
    hash    bytea NOT NULL,
    used_at timestamptz,
    PRIMARY KEY (user_id, hash)
);
COMMENT ON TABLE recovery_codes IS 'What stands in for the authenticator app when it is lost, each once.';
COMMENT ON COLUMN recovery_codes.user_id IS 'Whose.';
COMMENT ON COLUMN recovery_codes.hash IS 'HMAC-SHA256 of the user''s id and the code.';
COMMENT ON COLUMN recovery_codes.used_at IS 'When it was used; NULL while it is good.';

CREATE TABLE operator_sessions (
    id            text PRIMARY KEY,
    user_id       text NOT NULL REFERENCES users,
    token_hash    bytea NOT NULL UNIQUE,
    address       text,
    user_agent    text,
    created_at    timestamptz NOT NULL,
    seen_at       timestamptz NOT NULL,
    stepped_up_at timestamptz,
    ended_at      timestamptz,
    flash         text
);
CREATE INDEX operator_sessions_user ON operator_sessions (user_id, created_at);
CREATE INDEX operator_sessions_old ON operator_sessions (created_at);
COMMENT ON TABLE operator_sessions IS 'Where an operator is signed in, or was in the last 90 days.';
COMMENT ON COLUMN operator_sessions.id IS 'ses_…; says nothing about the token.';
COMMENT ON COLUMN operator_sessions.user_id IS 'Who.';
COMMENT ON COLUMN operator_sessions.token_hash IS 'SHA-256 of the 256 random bits in the browser''s cookie.';
COMMENT ON COLUMN operator_sessions.address IS 'From where they signed in.';
COMMENT ON COLUMN operator_sessions.user_agent IS 'With what.';
COMMENT ON COLUMN operator_sessions.created_at IS 'When; twelve hours later it is over.';
COMMENT ON COLUMN operator_sessions.seen_at IS 'When it was last used, to the minute; a quarter of an hour later it is over.';
COMMENT ON COLUMN operator_sessions.stepped_up_at IS 'When password and code were last given again.';
COMMENT ON COLUMN operator_sessions.ended_at IS 'When they signed out or it was revoked; NULL while it may be good.';
COMMENT ON COLUMN operator_sessions.flash IS 'What the next page says once: the outcome of what was just done.';

CREATE TABLE sign_in_failures (
    subject      text PRIMARY KEY,
    failures     integer NOT NULL,
    failed_at    timestamptz NOT NULL,
    locked_until timestamptz
);
CREATE INDEX sign_in_failures_old ON sign_in_failures (failed_at);
COMMENT ON TABLE sign_in_failures IS 'Tries to sign in that did not succeed, by user and by address.';
COMMENT ON COLUMN sign_in_failures.subject IS 'user: and the keyed hash of what was typed as e-mail address, whether it exists or not; or address: and where from.';
COMMENT ON COLUMN sign_in_failures.failures IS 'Since the last success; from 1 again after a lock.';
COMMENT ON COLUMN sign_in_failures.failed_at IS 'The last one.';
COMMENT ON COLUMN sign_in_failures.locked_until IS 'Until when nothing is tried.';

-- The audit page searches by who, what and when
CREATE INDEX audit_log_principal ON audit_log (principal, id);
CREATE INDEX audit_log_action ON audit_log (action, id);
CREATE INDEX audit_log_at ON audit_log (at, id);

GRANT SELECT, INSERT, UPDATE ON users TO {{app_role}};
GRANT SELECT, INSERT, UPDATE, DELETE ON operator_sessions, sign_in_failures, recovery_codes, user_passwords TO {{app_role}};
