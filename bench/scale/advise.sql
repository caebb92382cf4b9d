-- Advice on as many statements as "count" says.

CREATE TABLE IF NOT EXISTS bench.calls (
    statements    int PRIMARY KEY,
    seconds       float8 NOT NULL,
    -- Most memory this session ever had, in bytes; what it shares with others included.
    memory        float8,
    -- The same before the call.
    memory_before float8,
    indexes       int NOT NULL,
    planner_calls int NOT NULL,
    reused        int NOT NULL,
    complete      boolean NOT NULL,
    cost_before   float8 NOT NULL,
    cost_after    float8 NOT NULL
);

-- What the library itself takes is not the workload's.
SELECT FROM pgopt.status();

CREATE FUNCTION pg_temp.memory() RETURNS float8 LANGUAGE sql AS $$
    SELECT 1024 * substring(pg_read_file('/proc/' || pg_backend_pid() || '/status') FROM 'VmHWM:\s+(\d+)')::float8
$$;

SELECT pg_temp.memory() AS memory_before, clock_timestamp() AS started \gset

CREATE TEMPORARY TABLE advised AS
SELECT advice.*
FROM (SELECT array_agg(query) AS queries, array_agg(weight) AS weights FROM bench.statements(:count, :tables)) AS workload
CROSS JOIN LATERAL pgopt.recommend_for(queries, weights, min_benefit => 0, time_limit => '10 minutes') AS advice
WHERE action IN ('create', 'replace');

INSERT INTO bench.calls
SELECT :count, extract(epoch FROM clock_timestamp() - :'started'), pg_temp.memory(), :memory_before, count(*),
       max((evidence ->> 'planner_calls')::int), max((evidence ->> 'answers_reused')::int),
       bool_and((evidence ->> 'complete')::boolean), max(cost_before), min(cost_after)
FROM advised;
