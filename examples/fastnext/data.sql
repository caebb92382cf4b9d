-- Fills the tables inside the server, the same way each time but for the dates,
-- which end now. Events are spread over the last 365 days in the order of their
-- ids; number k of n users gets a share in proportion to 1 / sqrt(k).

\set users 50000
\set activities 1600000
\set templates 60000
\set audits 300000

-- One process per table keeps random() a single sequence.
SET max_parallel_workers_per_gather = 0;
SELECT setseed(0.31) \g /dev/null

CREATE FUNCTION pg_temp.skewed(n bigint) RETURNS bigint LANGUAGE sql VOLATILE
    AS 'SELECT 1 + floor(n * power(random(), 2))::bigint';

CREATE FUNCTION pg_temp.pick(choices text[]) RETURNS text LANGUAGE sql VOLATILE
    AS 'SELECT choices[1 + floor(cardinality(choices) * random())::int]';

-- When number i of n events happened.
CREATE FUNCTION pg_temp.moment(i bigint, n bigint) RETURNS timestamp LANGUAGE sql STABLE
    AS $$SELECT localtimestamp - interval '365 days' * (1 - i::float8 / n)$$;

INSERT INTO users
SELECT i, 'user' || i || '@fastnext.example', 'user_' || i, 'User ' || i,
       '$2b$12$' || left(md5(i::text) || md5((i + 1)::text), 53),
       random() < 0.8, i % 2000 = 0, localtimestamp - interval '3 years' * random()
FROM generate_series(1, :users) i;

INSERT INTO activity_logs
SELECT i, pg_temp.skewed(:users),
       pg_temp.pick('{login,logout,view,view,view,view,create,update,update,delete,export,share,comment}'),
       jsonb_build_object('page', pg_temp.pick('{/projects,/pages,/settings,/workflows,/reports}'), 'ms', (random() * 900)::int),
       format('10.%s.%s.%s', i % 200, i % 250, i % 241),
       'Mozilla/5.0 (' || pg_temp.pick('{X11; Linux x86_64,Windows NT 10.0,Macintosh; Intel Mac OS X 10_15}') || ') Gecko/20100101 Firefox/128.0',
       pg_temp.moment(i, :activities)
FROM generate_series(1, :activities) i;

INSERT INTO workflow_templates
SELECT i, 'Workflow ' || i, 'Runs when something happens, and tells somebody about it. Number ' || i || ' of many.',
       pg_temp.pick('{approval,onboarding,invoice,release,support}'),
       jsonb_build_object(
           'trigger', jsonb_build_object('type', pg_temp.pick('{schedule,schedule,form,form,webhook}'), 'source', 'source-' || pg_temp.skewed(4000)),
           'steps', jsonb_build_array(
               jsonb_build_object('kind', 'approve', 'role', pg_temp.pick('{manager,finance,legal}')),
               jsonb_build_object('kind', 'mail', 'to', 'team-' || pg_temp.skewed(300)),
               jsonb_build_object('kind', 'http', 'url', 'https://hooks.fastnext.example/' || md5(i::text))),
           'retries', i % 4),
       pg_temp.skewed(:users), random() < 0.3, pg_temp.moment(i, :templates)
FROM generate_series(1, :templates) i;

INSERT INTO audit_trails
SELECT i, pg_temp.skewed(:users), pg_temp.pick('{project,page,workflow,user}'), pg_temp.skewed(100000),
       pg_temp.pick('{created,updated,updated,updated,deleted,exported}'),
       jsonb_build_object('request_id', 'req-' || i / 3, 'reason', pg_temp.pick('{"user request","bulk edit","api call","retention"}'),
                          'fields', jsonb_build_array(pg_temp.pick('{title,owner,status}'), 'updated_at')),
       pg_temp.moment(i, :audits)
FROM generate_series(1, :audits) i;
