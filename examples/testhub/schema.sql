-- A platform that runs automated tests, judges them with machine learning and
-- lets agents decide what to do about failures. It grew without anyone adding an
-- index: there are primary keys and nothing else.

-- Comes with PostgreSQL; without it, a search inside texts has no index to use.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE TABLE users (
    id            bigint PRIMARY KEY,
    email         text NOT NULL,
    full_name     text NOT NULL,
    role          text NOT NULL,
    team          text NOT NULL,
    is_active     boolean NOT NULL,
    created_at    timestamptz NOT NULL,
    last_login_at timestamptz
);

CREATE TABLE projects (
    id          bigint PRIMARY KEY,
    owner_id    bigint NOT NULL,
    name        text NOT NULL,
    description text NOT NULL,
    status      text NOT NULL,
    settings    jsonb NOT NULL,
    created_at  timestamptz NOT NULL
);

-- test_id is the key people use ("TC-004711"); other tables refer to id.
CREATE TABLE test_cases (
    id          bigint PRIMARY KEY,
    project_id  bigint NOT NULL,
    test_id     text NOT NULL,
    title       text NOT NULL,
    description text NOT NULL,
    status      text NOT NULL,
    priority    text NOT NULL,
    tags        text[] NOT NULL,
    steps       jsonb NOT NULL,
    metadata    jsonb NOT NULL,
    created_by  bigint NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL
);

CREATE TABLE test_executions (
    id            bigint PRIMARY KEY,
    test_id       bigint NOT NULL,
    project_id    bigint NOT NULL,
    executed_by   bigint NOT NULL,
    result        text NOT NULL,
    environment   text NOT NULL,
    browser       text NOT NULL,
    build         text NOT NULL,
    duration_ms   integer NOT NULL,
    retries       integer NOT NULL,
    error_message text,
    log_url       text NOT NULL,
    details       jsonb NOT NULL,
    created_at    timestamptz NOT NULL
);

CREATE TABLE ml_models (
    id         bigint PRIMARY KEY,
    name       text NOT NULL,
    version    text NOT NULL,
    status     text NOT NULL,
    metrics    jsonb NOT NULL,
    created_at timestamptz NOT NULL
);

-- ground_truth stays empty until somebody has checked the prediction.
CREATE TABLE predictions (
    id            bigint PRIMARY KEY,
    model_id      bigint NOT NULL,
    model_name    text NOT NULL,
    model_version text NOT NULL,
    test_id       bigint NOT NULL,
    prediction    text NOT NULL,
    confidence    double precision NOT NULL,
    ground_truth  text,
    features      jsonb NOT NULL,
    created_at    timestamptz NOT NULL
);

CREATE TABLE agent_decisions (
    id               bigint PRIMARY KEY,
    agent_id         bigint NOT NULL,
    decision         text NOT NULL,
    confidence_score double precision NOT NULL,
    context          jsonb NOT NULL,
    outcome          text,
    created_at       timestamptz NOT NULL
);

CREATE TABLE agent_messages (
    id              bigint PRIMARY KEY,
    conversation_id bigint NOT NULL,
    sender_id       bigint NOT NULL,
    receiver_id     bigint NOT NULL,
    body            text NOT NULL,
    is_read         boolean NOT NULL,
    created_at      timestamptz NOT NULL
);

CREATE TABLE audit_logs (
    id          bigint PRIMARY KEY,
    user_id     bigint NOT NULL,
    action      text NOT NULL,
    entity_type text NOT NULL,
    entity_id   bigint NOT NULL,
    details     jsonb NOT NULL,
    created_at  timestamptz NOT NULL
);
