-- A test platform for many organisations that stores what happens as events:
-- the state of anything is read from the events of its aggregate. Primary keys
-- and nothing else.

-- Searches by name and by e-mail address were always going to need it.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE TABLE organizations (
    id         bigint PRIMARY KEY,
    name       text NOT NULL,
    domain     text,
    status     text NOT NULL,
    settings   jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    deleted_at timestamptz
);

CREATE TABLE users (
    id              bigint PRIMARY KEY,
    organization_id bigint NOT NULL,
    email           text NOT NULL,
    first_name      text NOT NULL,
    last_name       text NOT NULL,
    password_hash   text NOT NULL,
    role            text NOT NULL,
    status          text NOT NULL,
    login_count     integer NOT NULL,
    last_login_at   timestamptz,
    created_at      timestamptz NOT NULL,
    deleted_at      timestamptz
);

CREATE TABLE events (
    id              bigint PRIMARY KEY,
    aggregate_id    uuid NOT NULL,
    aggregate_type  text NOT NULL,
    organization_id bigint NOT NULL,
    event_type      text NOT NULL,
    correlation_id  uuid,
    payload         jsonb NOT NULL,
    retry_count     integer NOT NULL,
    created_at      timestamptz NOT NULL,
    processed_at    timestamptz
);

CREATE TABLE api_keys (
    id           bigint PRIMARY KEY,
    user_id      bigint NOT NULL,
    key_hash     text NOT NULL,
    name         text NOT NULL,
    status       text NOT NULL,
    usage_count  bigint NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    last_used_at timestamptz
);
