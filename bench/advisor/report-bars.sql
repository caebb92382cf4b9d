-- What has to be reached; all but the seconds, which depend on the machine.

CREATE VIEW bench.verdicts AS
WITH errors AS (
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(error)) AS median,
           percentile_disc(0.9) WITHIN GROUP (ORDER BY abs(error)) AS p90, max(abs(error)) AS worst
    FROM bench.cost_errors WHERE compared
), distinct_sizes AS (
    SELECT DISTINCT bench.definition(ddl), abs(error) AS error FROM bench.size_errors
), sizes AS (
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY error) AS median, max(error) AS worst FROM distinct_sizes
), taken AS (
    SELECT position, label, sum(real) / bytes AS share FROM bench.size_errors JOIN bench.budgets USING (label) GROUP BY position, label, bytes
), figures (position, bar, measured, most, gate) AS (
    SELECT 100 + position, 'budget ' || label || ': cost, ratio to the best other advisor', ratio, 0.97, true
    FROM bench.results WHERE ratio IS NOT NULL
    UNION ALL SELECT 200 + position, 'budget ' || label || ': planner calls', planner_calls, 2000, true FROM bench.results
    UNION ALL SELECT 300 + position, 'budget ' || label || ': seconds', seconds, 0.3, false FROM bench.results
    UNION ALL SELECT 400 + position, 'budget ' || label || ': share of it promised to be taken', size / bytes, 1, true
              FROM bench.results WHERE bytes IS NOT NULL
    UNION ALL SELECT 410 + position, 'budget ' || label || ': share of it really taken', share, NULL, false
              FROM taken WHERE share IS NOT NULL
    UNION ALL SELECT 500, 'promised cost, median error %', median, 1, true FROM errors
    UNION ALL SELECT 501, 'promised cost, 90th percentile of the errors %', p90, 5, true FROM errors
    UNION ALL SELECT 502, 'promised cost, worst error %', worst, NULL, false FROM errors
    UNION ALL SELECT 600, 'promised size, median error %', median, 10, true FROM sizes
    UNION ALL SELECT 601, 'promised size, worst error %', worst, 25, true FROM sizes
    UNION ALL SELECT 700, 'built indexes that no plan uses', count(*), 0, true
              FROM bench.size_errors WHERE label = 'none' AND used_by = '{}'
)
SELECT position, bar, measured, most, gate, coalesce(measured <= most, most IS NULL) AS met FROM figures;

SELECT bar, to_char(measured, '99,990.000') AS measured, to_char(most, '9,990.00') AS "at most",
       CASE WHEN most IS NULL THEN '' WHEN met THEN 'ok' WHEN gate THEN 'SHORT' ELSE 'short (a guide)' END AS verdict
FROM bench.verdicts ORDER BY position;
