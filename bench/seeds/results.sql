-- What is measured, for all systems, and the views that the report prints.

-- In the order in which they are measured.
CREATE TABLE systems (position int, system text, rows bigint, bytes bigint, load_s float8, advice_ms float8);

-- bar: how many times faster the indexes made by hand had made the query.
CREATE TABLE queries (system text, position int, query text, bar float8, remark text);

-- Executions one at a time; phase is before or after.
CREATE TABLE timings (system text, phase text, query text, ms float8);

-- The planner's, means over the constants.
CREATE TABLE costs (system text, query text, before float8, after float8);

-- Transactions under load, as the clients saw them.
CREATE TABLE latencies (system text, phase text, position int, ms float8);

-- Their 95th percentile as the capture counted it.
CREATE TABLE captured (system text, phase text, p95 float8);

CREATE TABLE advice (system text, rank int, ddl text, steps text[], benefit float8, size_bytes bigint);

-- share: by how much of its cost the index would make the query cheaper.
CREATE TABLE judged (
    system text, name text, purpose text, kind text, verdict text, query text, share float8,
    -- Shares of what the whole workload and that query cost at the start.
    of_workload float8, of_query float8
);

CREATE VIEW medians AS
SELECT system, phase, query, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS ms
FROM timings GROUP BY system, phase, query;

CREATE VIEW comparison AS
SELECT q.system, q.position, q.query, b.ms AS before, a.ms AS after, b.ms / a.ms AS ratio,
       c.before / c.after AS cost_ratio, q.bar, q.remark
FROM queries q
JOIN costs c ON c.system = q.system AND c.query = q.query
JOIN medians b ON b.system = q.system AND b.query = q.query AND b.phase = 'before'
JOIN medians a ON a.system = q.system AND a.query = q.query AND a.phase = 'after';

-- Small: what pgopt leaves out on purpose. It would save less of the workload than min_benefit is by default, and
-- no tenth of a query that is slow by itself.
CREATE VIEW hand AS
SELECT j.system, j.name, j.purpose, j.kind, j.query, j.share, j.of_workload, c.before,
       CASE WHEN j.verdict = 'missed' AND j.of_workload < 0.01 AND (c.before <= 100 OR j.of_query < 0.1) THEN 'small'
            ELSE j.verdict END AS verdict
FROM judged j JOIN comparison c USING (system, query);

CREATE VIEW load_p95 AS
SELECT system,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY ms) FILTER (WHERE phase = 'before') AS before,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY ms) FILTER (WHERE phase = 'after') AS after,
       count(*) FILTER (WHERE phase = 'before') AS transactions_before,
       count(*) FILTER (WHERE phase = 'after') AS transactions_after
FROM latencies GROUP BY system;

CREATE FUNCTION times(ratio float8) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN ratio < 10 THEN to_char(ratio, 'FM990.0') ELSE to_char(ratio, 'FM99,990') END || 'x';

CREATE FUNCTION milliseconds(ms float8) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN to_char(ms, 'FM99,990.00');

-- Everything that decides about the exit code.
CREATE VIEW bars AS
SELECT system, position, query AS what, times(bar) || ' faster' AS bar,
       format('%s (%s ms -> %s ms)', times(ratio), milliseconds(before), milliseconds(after)) AS measured,
       ratio >= bar AS met, remark
FROM comparison WHERE bar IS NOT NULL
UNION ALL
SELECT system, 1000, 'p95 under load', 'below 100 ms',
       format('%s ms (before: %s ms)', milliseconds(after), milliseconds(before)),
       after < 100, slowest.remark
FROM load_p95 CROSS JOIN LATERAL (
    SELECT 'slowest: ' || string_agg(query || ' ' || milliseconds(ms) || ' ms', ', ' ORDER BY ms DESC) AS remark
    FROM (SELECT q.query, percentile_cont(0.5) WITHIN GROUP (ORDER BY l.ms) AS ms
          FROM latencies l JOIN queries q USING (system, position)
          WHERE l.system = load_p95.system AND l.phase = 'after'
          GROUP BY q.query ORDER BY 2 DESC LIMIT 2) AS worst
) AS slowest
UNION ALL
SELECT system, 1001, 'indexes made by hand', 'none missed',
       format('%s missed of %s', count(*) FILTER (WHERE verdict = 'missed'), count(*)),
       count(*) FILTER (WHERE verdict = 'missed') = 0,
       (SELECT string_agg(DISTINCT h.kind, '; ') FROM hand h WHERE h.system = hand.system AND h.verdict = 'missed')
FROM hand GROUP BY system;
