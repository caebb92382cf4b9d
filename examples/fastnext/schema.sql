-- The backend of a web application: who may log in, what everybody did, the
-- workflows they automate and an audit trail. Primary keys and nothing else.

CREATE TABLE users (
    id              bigint PRIMARY KEY,
    email           text NOT NULL,
    username        text NOT NULL,
    full_name       text NOT NULL,
    hashed_password text NOT NULL,
    is_active       boolean NOT NULL,
    is_superuser    boolean NOT NULL,
    created_at      timestamp NOT NULL
);

CREATE TABLE activity_logs (
    id         bigint PRIMARY KEY,
    user_id    bigint NOT NULL,
    action     varchar(100) NOT NULL,
    details    jsonb,
    ip_address varchar(45),
    user_agent text,
    timestamp  timestamp NOT NULL
);

CREATE TABLE workflow_templates (
    id          bigint PRIMARY KEY,
    name        text NOT NULL,
    description text NOT NULL,
    category    text NOT NULL,
    config      jsonb NOT NULL,
    created_by  bigint NOT NULL,
    is_public   boolean NOT NULL,
    created_at  timestamp NOT NULL
);

CREATE TABLE audit_trails (
    id          bigint PRIMARY KEY,
    user_id     bigint NOT NULL,
    entity_type text NOT NULL,
    entity_id   bigint NOT NULL,
    action      text NOT NULL,
    metadata    jsonb NOT NULL,
    created_at  timestamp NOT NULL
);
