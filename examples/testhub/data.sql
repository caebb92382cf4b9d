-- Fills the tables inside the server, the same way each time but for the dates,
-- which end now. Events are spread over the last 365 days in the order of their
-- ids; projects, tests, users, models and agents are as unevenly busy as in real
-- life: number k of n gets a share in proportion to 1 / sqrt(k).

\set users 20000
\set projects 500
\set cases 120000
\set executions 2000000
\set predictions 300000
\set decisions 300000
\set messages 200000
\set audits 500000

-- One transaction per table keeps random() a single sequence.
SET max_parallel_workers_per_gather = 0;
SELECT setseed(0.4711) \g /dev/null

-- A row number with low numbers more often, the skew described above.
CREATE FUNCTION pg_temp.skewed(n bigint) RETURNS bigint LANGUAGE sql VOLATILE
    AS 'SELECT 1 + floor(n * power(random(), 2))::bigint';

CREATE FUNCTION pg_temp.pick(choices text[]) RETURNS text LANGUAGE sql VOLATILE
    AS 'SELECT choices[1 + floor(cardinality(choices) * random())::int]';

-- The project of a test case is a function of its id, so that the executions
-- need no join to agree with it.
CREATE FUNCTION pg_temp.project_of(test bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
    AS 'SELECT 1 + floor(500 * power((hashint8(test)::bigint + 2147483648) / 4294967296.0::float8, 2))::bigint';

-- When number i of n events happened.
CREATE FUNCTION pg_temp.moment(i bigint, n bigint) RETURNS timestamptz LANGUAGE sql STABLE
    AS $$SELECT now() - interval '365 days' * (1 - i::float8 / n)$$;

INSERT INTO users
SELECT i, 'user' || i || '@testhub.example', 'User ' || i,
       CASE WHEN i % 50 = 0 THEN 'admin' WHEN i % 10 = 0 THEN 'manager' ELSE 'tester' END,
       'team-' || pg_temp.skewed(80), random() < 0.9,
       now() - interval '3 years' * random(),
       CASE WHEN random() < 0.95 THEN now() - interval '60 days' * random() END
FROM generate_series(1, :users) i;

INSERT INTO projects
SELECT i, 1 + (i * 7) % 200, 'Project ' || i, 'Automated tests of product ' || i,
       CASE WHEN i % 9 = 0 THEN 'archived' ELSE 'active' END,
       jsonb_build_object('branch', 'main', 'parallel', 1 + i % 8, 'notify', i % 3 = 0),
       now() - interval '3 years' * random()
FROM generate_series(1, :projects) i;

INSERT INTO test_cases
SELECT i, pg_temp.project_of(i), 'TC-' || lpad(i::text, 6, '0'),
       format('%s %s %s',
              pg_temp.pick('{Verify,Check,Validate,Confirm,Measure}'), feature,
              pg_temp.pick('{"with valid input","with empty input","after a timeout","on a small screen","as a guest","in dark mode","with a slow network"}')),
       format('Given a user of the %s, when %s is used %s, then the page shows the expected result within %s seconds and nothing is written to the error log. See requirement REQ-%s.',
              pg_temp.pick('{"web shop","mobile app","back office","partner portal"}'), feature,
              pg_temp.pick('{"for the first time",repeatedly,"from two tabs","by keyboard only"}'),
              1 + i % 9, pg_temp.skewed(9000)),
       CASE WHEN draw < 0.62 THEN 'active' WHEN draw < 0.80 THEN 'draft'
            WHEN draw < 0.92 THEN 'deprecated' ELSE 'blocked' END,
       CASE WHEN rank < 0.05 THEN 'critical' WHEN rank < 0.25 THEN 'high'
            WHEN rank < 0.75 THEN 'medium' ELSE 'low' END,
       ARRAY[pg_temp.pick('{smoke,regression,nightly,release}'), pg_temp.pick('{ui,api,database,security,performance}')],
       jsonb_build_array(
           jsonb_build_object('do', 'open the page', 'expect', 'status 200'),
           jsonb_build_object('do', 'use ' || feature, 'expect', 'no error')),
       jsonb_build_object('component', feature, 'automated', i % 4 <> 0, 'owner', pg_temp.skewed(:users)),
       pg_temp.skewed(:users),
       pg_temp.moment(i, :cases), pg_temp.moment(i, :cases) + (now() - pg_temp.moment(i, :cases)) * random()
FROM (
    SELECT i, random() AS draw, random() AS rank,
           CASE WHEN i % 600 = 11 THEN 'the login form'
                ELSE pg_temp.pick('{"the search box","the basket","the checkout","the invoice","the profile page","the newsletter","the price filter","the image upload","the export","the calendar","the report","the dashboard","the chat window","the discount code","the address book","the payment step","the language switch","the wish list","the review form","the help page"}')
           END AS feature
    FROM generate_series(1, :cases) i
    OFFSET 0
) AS source;

INSERT INTO test_executions
SELECT i, test, pg_temp.project_of(test), pg_temp.skewed(:users),
       result,
       CASE WHEN random() < 0.7 THEN 'staging' ELSE pg_temp.pick('{production,development,preview}') END,
       pg_temp.pick('{chrome,chrome,chrome,firefox,safari,edge}'),
       'build-' || (100000 + i / 40),
       (200 + 30000 * random() * random())::int,
       CASE WHEN random() < 0.9 THEN 0 ELSE 1 + (random() * 2)::int END,
       CASE WHEN result IN ('fail', 'error')
            THEN 'AssertionError: expected status 200 but got ' || pg_temp.pick('{400,401,404,500,503}') || ' in step ' || 1 + i % 12 END,
       'https://logs.testhub.example/runs/' || md5(i::text),
       jsonb_build_object('runner', 'runner-' || i % 97, 'commit', md5((i / 40)::text),
                          'branch', 'main', 'cpu_percent', (random() * 100)::int, 'trigger', 'schedule'),
       pg_temp.moment(i, :executions)
FROM (
    SELECT i, pg_temp.skewed(:cases) AS test,
           CASE WHEN draw < 0.86 THEN 'pass' WHEN draw < 0.95 THEN 'fail'
                WHEN draw < 0.97 THEN 'error' ELSE 'skipped' END AS result
    FROM (SELECT i, random() AS draw FROM generate_series(1, :executions) i OFFSET 0) AS numbers
    OFFSET 0
) AS source;

INSERT INTO ml_models
SELECT i,
       (ARRAY['flaky-detector', 'failure-classifier', 'duration-forecast', 'risk-ranking', 'duplicate-finder'])[1 + (i - 1) % 5],
       '1.' || (i - 1) / 5,
       CASE WHEN i > 15 THEN 'live' ELSE 'retired' END,
       jsonb_build_object('accuracy', round((0.8 + 0.19 * random())::numeric, 3)),
       pg_temp.moment(i, 20)
FROM generate_series(1, 20) i;

INSERT INTO predictions
SELECT i, m.id, m.name, m.version, pg_temp.skewed(:cases), verdict, 0.5 + 0.5 * random(),
       CASE WHEN draw < 0.03 THEN NULL WHEN draw < 0.9 THEN verdict ELSE 'flaky' END,
       jsonb_build_object('runs', (random() * 200)::int, 'failures', (random() * 20)::int, 'age_days', (random() * 365)::int),
       pg_temp.moment(i, :predictions)
FROM (
    SELECT i, pg_temp.skewed(20) AS model, pg_temp.pick('{pass,pass,fail,flaky}') AS verdict, random() AS draw
    FROM generate_series(1, :predictions) i
    OFFSET 0
) AS source
JOIN ml_models m ON m.id = source.model;

INSERT INTO agent_decisions
SELECT i, pg_temp.skewed(60),
       pg_temp.pick('{rerun,rerun,quarantine,open_ticket,ignore,heal_locator}'),
       round((1 - 0.9 * random() * random())::numeric, 4),
       jsonb_build_object('test_id', pg_temp.skewed(:cases), 'attempt', 1 + i % 3,
                          'signal', pg_temp.pick('{timeout,"new failure","slow response","element not found"}'),
                          'environment', pg_temp.pick('{staging,production,preview}')),
       pg_temp.pick('{accepted,accepted,rejected,pending}'),
       pg_temp.moment(i, :decisions)
FROM generate_series(1, :decisions) i;

INSERT INTO agent_messages
SELECT i, 1 + i / 8, pg_temp.skewed(60), pg_temp.skewed(60),
       format('Test %s failed in build %s. Proposal: %s.', pg_temp.skewed(:cases), 100000 + i,
              pg_temp.pick('{"run it again","ask its owner","compare with the previous build","quarantine it"}')),
       random() < 0.97,
       pg_temp.moment(i, :messages)
FROM generate_series(1, :messages) i;

INSERT INTO audit_logs
SELECT i, pg_temp.skewed(:users),
       pg_temp.pick('{login,login,view,view,view,update,create,delete,export}'),
       pg_temp.pick('{test_case,project,execution,report}'), pg_temp.skewed(:cases),
       jsonb_build_object('address', format('10.%s.%s.%s', i % 200, i % 250, i % 241), 'client', pg_temp.pick('{web,api,cli}')),
       pg_temp.moment(i, :audits)
FROM generate_series(1, :audits) i;
