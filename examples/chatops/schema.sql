-- A chat in which people give work to agents: agents answer in channels, and an
-- orchestrator turns requests into workflows of tasks. Primary keys and nothing
-- else.

CREATE TABLE channels (
    id         bigint PRIMARY KEY,
    name       text NOT NULL,
    topic      text NOT NULL,
    created_at timestamptz NOT NULL
);

-- Every version of an agent stays, of which one is active.
CREATE TABLE agents (
    id            bigint PRIMARY KEY,
    name          text NOT NULL,
    type          text NOT NULL,
    is_active     boolean NOT NULL,
    system_prompt text NOT NULL,
    config        jsonb NOT NULL,
    created_at    timestamptz NOT NULL
);

-- author_id is a user or an agent, as author_type says.
CREATE TABLE messages (
    id          bigint PRIMARY KEY,
    channel_id  bigint NOT NULL,
    author_id   bigint NOT NULL,
    author_type text NOT NULL,
    content     text NOT NULL,
    metadata    jsonb NOT NULL,
    created_at  timestamptz NOT NULL
);

CREATE TABLE workflows (
    id           bigint PRIMARY KEY,
    channel_id   bigint NOT NULL,
    requested_by bigint NOT NULL,
    description  text NOT NULL,
    status       text NOT NULL,
    plan         jsonb NOT NULL,
    created_at   timestamptz NOT NULL,
    completed_at timestamptz
);

CREATE TABLE workflow_tasks (
    id          bigint PRIMARY KEY,
    workflow_id bigint NOT NULL,
    agent_id    bigint NOT NULL,
    "order"     integer NOT NULL,
    description text NOT NULL,
    status      text NOT NULL,
    output      text,
    started_at  timestamptz
);
