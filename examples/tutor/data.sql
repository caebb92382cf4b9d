-- Fills the tables inside the server, the same way each time but for the dates,
-- which end now: ten thousand users who were given thirty exercises each, and a
-- pool of exercises to choose from.

\set users 10000
\set exercises 150000
\set attempts 300000

-- One process per table keeps random() a single sequence.
SET max_parallel_workers_per_gather = 0;
SELECT setseed(0.67) \g /dev/null

CREATE FUNCTION pg_temp.skewed(n bigint) RETURNS bigint LANGUAGE sql VOLATILE
    AS 'SELECT 1 + floor(n * power(random(), 2))::bigint';

CREATE FUNCTION pg_temp.pick(choices text[]) RETURNS text LANGUAGE sql VOLATILE
    AS 'SELECT choices[1 + floor(cardinality(choices) * random())::int]';

CREATE FUNCTION pg_temp.moment(i bigint, n bigint) RETURNS timestamptz LANGUAGE sql STABLE
    AS $$SELECT now() - interval '180 days' * (1 - i::float8 / n)$$;

-- The interview when joining is long: half a page of questions and answers.
INSERT INTO users
SELECT i, 'user' || i || '@tutor.example', 'User ' || i, '$2b$12$' || left(md5(i::text) || md5((i + 1)::text), 53),
       CASE WHEN i % 1000 = 7 THEN 'admin' WHEN i % 100 = 3 THEN 'instructor' ELSE 'student' END,
       random() < 0.98, random() < 0.97,
       pg_temp.pick('{beginner,beginner,intermediate,advanced}'),
       pg_temp.pick('{python,python,python,javascript,javascript,java,go,rust}'),
       'I want to ' || pg_temp.pick('{"change my career","pass an exam","build a product of my own","understand what my team does"}')
           || ' within ' || 1 + i % 24 || ' months, with about ' || 1 + i % 9 || ' hours to spend each week.',
       (SELECT jsonb_agg(jsonb_build_object('question', 'Question ' || q || ' of the interview: how would you describe yourself?',
                                            'answer', md5((i * q)::text) || ' ' || md5((i + q)::text)))
        FROM generate_series(1, 8) q),
       pg_temp.moment(i, :users), now() - interval '60 days' * random()
FROM generate_series(1, :users) i;

INSERT INTO exercises
SELECT i, 'Exercise ' || i || ': ' || topic,
       format('Write a function that solves the %s task number %s. It gets a list of values and returns another one. Mind empty lists and large ones.', topic, i),
       CASE WHEN draw < 0.4 THEN 'easy' WHEN draw < 0.8 THEN 'medium' WHEN draw < 0.99 THEN 'hard' ELSE 'expert' END,
       CASE WHEN language < 0.5 THEN 'python' WHEN language < 0.8 THEN 'javascript' WHEN language < 0.95 THEN 'java'
            WHEN language < 0.99 THEN 'go' WHEN language < 0.997 THEN 'rust' ELSE 'elixir' END,
       topic, 'def solve(values):' || chr(10) || '    # number ' || i || chr(10) || '    pass',
       jsonb_build_array(jsonb_build_object('in', i % 97, 'out', i % 89), jsonb_build_object('in', '[]', 'out', '[]')),
       pg_temp.moment(i, :exercises)
FROM (
    SELECT i, random() AS draw, random() AS language,
           pg_temp.pick('{recursion,sorting,strings,graphs,dates,closures,parsing,queues,trees,matrices}') AS topic
    FROM generate_series(1, :exercises) i
    OFFSET 0
) AS source;

INSERT INTO user_exercises
SELECT i, 1 + (hashint8(i)::bigint + 2147483648) % :users, pg_temp.skewed(:exercises), status,
       'def solve(values):' || chr(10) || '    return [v * ' || i % 31 || ' for v in values if v != ' || i % 17 || ']  # ' || md5(i::text),
       CASE WHEN status = 'completed' THEN 40 + (random() * 60)::int END,
       (random() * 3)::int, started,
       CASE WHEN status = 'completed' THEN started + interval '2 hours' * random() END
FROM (
    SELECT i, pg_temp.moment(i, :attempts) AS started,
           CASE WHEN draw < 0.85 THEN 'completed' WHEN draw < 0.96 THEN 'skipped'
                WHEN draw < 0.99 THEN 'pending' ELSE 'in_progress' END AS status
    FROM (SELECT i, random() AS draw FROM generate_series(1, :attempts) i OFFSET 0) AS numbers
    OFFSET 0
) AS source;
