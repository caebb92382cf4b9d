-- A tutor that generates programming exercises and follows how its users get on
-- with them. Primary keys and the unique e-mail address, and no other index.

CREATE TABLE users (
    id                   bigint PRIMARY KEY,
    email                text NOT NULL UNIQUE,
    full_name            text NOT NULL,
    hashed_password      text NOT NULL,
    role                 text NOT NULL,
    is_active            boolean NOT NULL,
    onboarding_completed boolean NOT NULL,
    skill_level          text NOT NULL,
    programming_language text NOT NULL,
    career_goals         text NOT NULL,
    interview            jsonb NOT NULL,
    created_at           timestamptz NOT NULL,
    last_seen_at         timestamptz NOT NULL
);

CREATE TABLE exercises (
    id                   bigint PRIMARY KEY,
    title                text NOT NULL,
    description          text NOT NULL,
    difficulty           text NOT NULL,
    programming_language varchar(50) NOT NULL,
    topic                text NOT NULL,
    starter_code         text NOT NULL,
    test_cases           jsonb NOT NULL,
    created_at           timestamptz NOT NULL
);

CREATE TABLE user_exercises (
    id           bigint PRIMARY KEY,
    user_id      bigint NOT NULL,
    exercise_id  bigint NOT NULL,
    status       text NOT NULL,
    solution     text NOT NULL,
    score        integer,
    hints_used   integer NOT NULL,
    created_at   timestamptz NOT NULL,
    completed_at timestamptz
);
