-- Fills the tables inside the server, the same way each time but for the dates,
-- which end now. Events are spread over the last 365 days in the order of their
-- ids; number k of n channels, users and agents gets a share in proportion to
-- 1 / sqrt(k). Only the latest workflows are still being executed.

\set channels 2000
\set agents 20000
\set messages 1200000
\set workflows 200000
\set tasks 1000000

-- One process per table keeps random() a single sequence.
SET max_parallel_workers_per_gather = 0;
SELECT setseed(0.100) \g /dev/null

CREATE FUNCTION pg_temp.skewed(n bigint) RETURNS bigint LANGUAGE sql VOLATILE
    AS 'SELECT 1 + floor(n * power(random(), 2))::bigint';

CREATE FUNCTION pg_temp.pick(choices text[]) RETURNS text LANGUAGE sql VOLATILE
    AS 'SELECT choices[1 + floor(cardinality(choices) * random())::int]';

CREATE FUNCTION pg_temp.moment(i bigint, n bigint) RETURNS timestamptz LANGUAGE sql STABLE
    AS $$SELECT now() - interval '365 days' * (1 - i::float8 / n)$$;

INSERT INTO channels
SELECT i, 'channel-' || i, 'Everything about product ' || i, pg_temp.moment(i, :channels)
FROM generate_series(1, :channels) i;

INSERT INTO agents
SELECT i, '@' || (ARRAY['backend', 'frontend', 'tester', 'devops', 'writer'])[1 + i % 5] || '-' || i,
       CASE WHEN i % 40 = 0 THEN 'orchestrator' ELSE 'specialist' END, i % 25 = 0,
       'You are agent number ' || i || '. Answer in short sentences, say what you do and do not know, and ask when a request has two meanings.',
       jsonb_build_object('model', pg_temp.pick('{small,medium,large}'), 'temperature', round(random()::numeric, 2)),
       pg_temp.moment(i, :agents)
FROM generate_series(1, :agents) i;

-- Users have numbers from a million on.
INSERT INTO messages
SELECT i, pg_temp.skewed(:channels),
       CASE WHEN by_agent THEN pg_temp.skewed(:agents) ELSE 1000000 + pg_temp.skewed(5000) END,
       CASE WHEN by_agent THEN 'agent' ELSE 'user' END,
       format('Message %s: %s, see build %s of %s.', i, pg_temp.pick('{"the tests pass again","please have a look at the failing deployment","I have opened a pull request","which of the two endpoints do you mean"}'), i / 50, md5(i::text)),
       jsonb_build_object('tokens', (random() * 900)::int),
       pg_temp.moment(i, :messages)
FROM (SELECT i, random() < 0.6 AS by_agent FROM generate_series(1, :messages) i OFFSET 0) AS source;

INSERT INTO workflows
SELECT i, pg_temp.skewed(:channels), 1000000 + pg_temp.skewed(5000),
       'Build what was asked for in message ' || i * 6, status,
       jsonb_build_object('tasks', 5, 'strategy', pg_temp.pick('{sequential,parallel}')), started,
       CASE WHEN status IN ('completed', 'failed') THEN started + interval '3 hours' * random() END
FROM (
    SELECT i, pg_temp.moment(i, :workflows) AS started,
           CASE WHEN i > :workflows - 200 AND random() < 0.5 THEN 'executing'
                WHEN random() < 0.04 THEN 'failed' WHEN random() < 0.02 THEN 'cancelled' ELSE 'completed' END AS status
    FROM generate_series(1, :workflows) i
    OFFSET 0
) AS source;

-- Five tasks for each workflow; those of the latest are not all done.
INSERT INTO workflow_tasks
SELECT i, 1 + (i - 1) / 5, pg_temp.skewed(:agents), 1 + (i - 1) % 5,
       'Step ' || 1 + (i - 1) % 5 || ': ' || pg_temp.pick('{"write the tests","write the code","review the code","update the documentation","deploy it"}'),
       status,
       CASE WHEN status IN ('completed', 'failed') THEN 'Done, see ' || md5(i::text) || md5((i + 1)::text) END,
       CASE WHEN status <> 'pending' THEN pg_temp.moment(i, :tasks) END
FROM (
    SELECT i, CASE WHEN i > :tasks - 1000 THEN pg_temp.pick('{pending,pending,running,completed}')
                   WHEN random() < 0.02 THEN 'failed' ELSE 'completed' END AS status
    FROM generate_series(1, :tasks) i
    OFFSET 0
) AS source;
