-- The dashboard of the demo's platform, the tests that are run meanwhile, and its refreshes.

CREATE MATERIALIZED VIEW bench.dashboard AS
SELECT p.id AS project_id, p.name, e.result, count(*) AS executions, count(DISTINCT e.test_id) AS tests,
       avg(e.duration_ms) AS average_ms, max(e.created_at) AS latest
  FROM test_executions AS e JOIN projects AS p ON p.id = e.project_id
 GROUP BY p.id, p.name, e.result;
CREATE UNIQUE INDEX ON bench.dashboard (project_id, result);
SELECT pgopt.refresh_every('bench.dashboard', '@yearly');
-- What the skipping compares with.
SELECT pgopt.refresh_scheduled(id) FROM pgopt.matview_schedules WHERE view = 'bench.dashboard'::regclass;

-- A hundred executions like those before, now.
CREATE PROCEDURE bench.run_tests() LANGUAGE plpgsql AS $$
DECLARE highest bigint := (SELECT max(id) FROM test_executions);
BEGIN
    INSERT INTO test_executions
    SELECT (jsonb_populate_record(NULL::test_executions,
                to_jsonb(e) || jsonb_build_object('id', highest + row_number() OVER (), 'created_at', now()))).*
      FROM (SELECT * FROM test_executions ORDER BY id DESC LIMIT 100) AS e;
END $$;

CREATE PROCEDURE bench.refresh(policy text, minute int) LANGUAGE plpgsql AS $$
DECLARE
    started timestamptz := clock_timestamp();
    version bigint := (SELECT last_refresh_count FROM bench.counts());
BEGIN
    CASE policy
        WHEN 'always' THEN REFRESH MATERIALIZED VIEW CONCURRENTLY bench.dashboard;
        ELSE PERFORM pgopt.refresh_scheduled(id) FROM pgopt.matview_schedules WHERE view = 'bench.dashboard'::regclass;
    END CASE;
    INSERT INTO bench.refreshes VALUES (policy, minute, extract(epoch FROM clock_timestamp() - started),
        policy = 'always' OR (SELECT last_refresh_count FROM bench.counts()) <> version);
END $$;

-- Changes with each refresh by pgopt.
CREATE FUNCTION bench.counts(OUT last_refresh_count bigint) LANGUAGE sql AS
$$ SELECT (extract(epoch FROM last_refresh) * 1e6)::bigint FROM pgopt.matview_status WHERE view = 'bench.dashboard'::regclass $$;
