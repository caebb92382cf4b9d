-- Fills the tables inside the server, the same way each time but for the dates,
-- which end now. Events are spread over the last 365 days in the order of their
-- ids; number k of n organisations and users gets a share in proportion to
-- 1 / sqrt(k). One row in twenty is deleted, which means marked as such.

\set organizations 40000
\set users 200000
\set events 1400000
\set keys 200000

-- One process per table keeps random() a single sequence.
SET max_parallel_workers_per_gather = 0;
SELECT setseed(0.404) \g /dev/null

CREATE FUNCTION pg_temp.skewed(n bigint) RETURNS bigint LANGUAGE sql VOLATILE
    AS 'SELECT 1 + floor(n * power(random(), 2))::bigint';

CREATE FUNCTION pg_temp.pick(choices text[]) RETURNS text LANGUAGE sql VOLATILE
    AS 'SELECT choices[1 + floor(cardinality(choices) * random())::int]';

CREATE FUNCTION pg_temp.moment(i bigint, n bigint) RETURNS timestamptz LANGUAGE sql STABLE
    AS $$SELECT now() - interval '365 days' * (1 - i::float8 / n)$$;

INSERT INTO organizations
SELECT i,
       format('%s %s %s', pg_temp.pick('{Northern,Southern,Blue,Green,First,United,Global,Royal,Alpine,Coastal}'),
              pg_temp.pick('{Bank,Railways,Airlines,Insurance,Clinic,Brewery,Shipyard,Software,Energy,Foods,Textiles,Press,Observatory,Robotics}'), i),
       CASE WHEN random() < 0.9 THEN 'org' || i || '.example' END,
       CASE WHEN draw < 0.92 THEN 'active' WHEN draw < 0.99 THEN 'trial' ELSE 'suspended' END,
       jsonb_build_object('plan', pg_temp.pick('{free,team,enterprise}'), 'seats', (random() * 500)::int),
       pg_temp.moment(i, :organizations),
       CASE WHEN i % 20 = 0 THEN now() - interval '30 days' * random() END
FROM (SELECT i, random() AS draw FROM generate_series(1, :organizations) i OFFSET 0) AS source;

INSERT INTO users
SELECT i, pg_temp.skewed(:organizations), 'User' || i || '@Testplatform.Example',
       pg_temp.pick('{Ada,Alan,Barbara,Carl,Donald,Edsger,Frances,Grace,Hedy,Ivan,John,Katherine,Leslie,Margaret,Niklaus}'),
       pg_temp.pick('{Adler,Bauer,Castillo,Duarte,Eriksen,Fischer,Garcia,Haddad,Ivanova,Jansen,Kowalski,Lindqvist,Moreau,Novak,Okafor}')
           || pg_temp.pick('{"","-Smith","-Lee","-Brown"}') || CASE WHEN i % 5000 = 77 THEN ' Quintanilla' ELSE '' END,
       '$2b$12$' || left(md5(i::text) || md5((i + 1)::text), 53),
       CASE WHEN draw < 0.001 THEN 'operator' WHEN draw < 0.05 THEN 'admin' WHEN draw < 0.3 THEN 'manager' ELSE 'tester' END,
       CASE WHEN standing < 0.9 THEN 'active' WHEN standing < 0.98 THEN 'invited' ELSE 'locked' END,
       (random() * 400)::int,
       CASE WHEN standing < 0.9 THEN now() - interval '200 days' * random() END,
       pg_temp.moment(i, :users),
       CASE WHEN i % 20 = 0 THEN now() - interval '30 days' * random() END
FROM (SELECT i, random() AS draw, random() AS standing FROM generate_series(1, :users) i OFFSET 0) AS source;

-- About seven events for each aggregate, whose number decides its organisation.
INSERT INTO events
SELECT i, md5('aggregate' || aggregate)::uuid,
       (ARRAY['suite', 'run', 'device', 'report'])[1 + aggregate % 4],
       1 + floor(:organizations * power((hashint8(aggregate)::bigint + 2147483648) / 4294967296.0::float8, 2))::bigint,
       CASE WHEN draw < 0.001 THEN 'run.aborted' WHEN draw < 0.02 THEN 'suite.archived'
            ELSE pg_temp.pick('{run.started,run.finished,run.finished,step.passed,step.passed,step.failed,suite.changed,device.attached}') END,
       CASE WHEN i % 4 <> 0 THEN md5('request' || i / 6)::uuid END,
       jsonb_build_object('version', 1 + i % 9, 'by', pg_temp.skewed(:users), 'note', 'event ' || i),
       CASE WHEN draw > 0.98 THEN 1 + (random() * 4)::int ELSE 0 END,
       pg_temp.moment(i, :events),
       CASE WHEN i < :events - 3000 AND draw < 0.9995 THEN pg_temp.moment(i, :events) + interval '2 seconds' * random() END
FROM (
    SELECT i, 1 + floor(200000 * random())::bigint AS aggregate, random() AS draw
    FROM generate_series(1, :events) i
    OFFSET 0
) AS source;

INSERT INTO api_keys
SELECT i, pg_temp.skewed(:users), md5(i::text) || md5((i + 1)::text), 'key ' || i,
       CASE WHEN draw < 0.3 THEN 'active' WHEN draw < 0.9 THEN 'expired' ELSE 'revoked' END,
       (random() * 100000)::bigint,
       pg_temp.moment(i, :keys),
       CASE WHEN draw < 0.3 THEN now() + interval '365 days' * random() ELSE now() - interval '365 days' * random() END,
       CASE WHEN random() < 0.8 THEN now() - interval '90 days' * random() END
FROM (SELECT i, random() AS draw FROM generate_series(1, :keys) i OFFSET 0) AS source;
