CREATE VIEW bench.figure AS SELECT json_object_agg(name, value) AS of FROM bench.figures;

\echo
\echo 'Jobs that are due once a minute, evenly spread'
\echo
SELECT (of->>'due')::int AS "due", (of->>'done')::int AS "run in their minute", (of->>'not succeeded')::int AS "not succeeded",
       to_char(1000 * percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds), '9,990') AS "median start ms late",
       to_char(1000 * percentile_cont(0.99) WITHIN GROUP (ORDER BY seconds), '9,990') AS "p99",
       to_char(1000 * max(seconds), '99,990') AS "worst",
       to_char((of->>'burst')::float8, '990.0') AS "s for all at once"
FROM bench.figure, bench.latencies GROUP BY of::text, of->>'due', of->>'done', of->>'not succeeded', of->>'burst';

\echo 'Processor time, as shares of one core'
\echo
SELECT to_char(100 * (of->>'launcher, busy')::float8, '990.00') AS "launcher %, jobs running",
       to_char(100 * (of->>'launcher, idle')::float8, '990.00') AS "launcher %, nothing to do",
       (of->>'workers when idle')::int AS "other processes then"
FROM bench.figure;

CREATE VIEW bench.skips AS
SELECT (of->>'skips after')::float8 - (of->>'skips before')::float8 AS skips, (of->>'processor time of the worker')::float8 AS seconds FROM bench.figure;

\echo 'Refreshes that were not needed'
\echo
SELECT skips, to_char(seconds, '990.00') AS "s of the worker", to_char(1000 * seconds / skips, '990.00') AS "ms each" FROM bench.skips;

\echo 'An hour of the dashboard, refreshed every minute, tests run in every fifth'
\echo
SELECT policy, count(*) FILTER (WHERE refreshed) AS refreshes, count(*) FILTER (WHERE NOT refreshed) AS skipped,
       to_char(sum(seconds), '9,990.0') AS seconds,
       to_char(1000 * avg(seconds) FILTER (WHERE NOT refreshed), '990.0') AS "ms to skip"
FROM bench.refreshes GROUP BY policy ORDER BY policy;

CREATE VIEW bench.verdicts AS
SELECT position, bar, measured, wanted, coalesce(met, false) AS met FROM bench.parts JOIN (
SELECT 'hold' AS part, 1 AS position, 'jobs run in the minute in which they were due, share' AS bar, (of->>'done')::float8 / (of->>'due')::float8 AS measured,
       'all' AS wanted, (of->>'done')::float8 = (of->>'due')::float8 AND (of->>'not succeeded')::int = 0 AS met FROM bench.figure
UNION ALL
SELECT 'hold', 2, 'start, p99 seconds late', percentile_cont(0.99) WITHIN GROUP (ORDER BY seconds), 'less than 1',
       percentile_cont(0.99) WITHIN GROUP (ORDER BY seconds) < 1 FROM bench.latencies
UNION ALL
SELECT 'idle', 3, 'launcher with nothing to do, % of a core', 100 * (of->>'launcher, idle')::float8, 'less than 1', (of->>'launcher, idle')::float8 < 0.01 FROM bench.figure
UNION ALL
SELECT 'skip', 4, 'ms for a refresh that is not needed', 1000 * seconds / nullif(skips, 0), 'less than 5', seconds / nullif(skips, 0) < 0.005 FROM bench.skips
UNION ALL
SELECT 'dashboard', 5, 'dashboard: refreshes that were needed and left out', 12 - count(*) FILTER (WHERE refreshed), '0',
       count(*) FILTER (WHERE refreshed) = 12 FROM bench.refreshes WHERE policy = 'skip'
UNION ALL
SELECT 'dashboard', 6, 'dashboard: time with skipping, share of that of refreshing always',
       sum(seconds) FILTER (WHERE policy = 'skip') / sum(seconds) FILTER (WHERE policy = 'always'), 'at most 0.5',
       sum(seconds) FILTER (WHERE policy = 'skip') <= 0.5 * sum(seconds) FILTER (WHERE policy = 'always') FROM bench.refreshes
) AS bars USING (part);

\echo 'Bars'
\echo
SELECT bar, to_char(measured, '9,990.000') AS measured, wanted, CASE WHEN met THEN 'ok' ELSE 'SHORT' END AS verdict
FROM bench.verdicts ORDER BY position;
