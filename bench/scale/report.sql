\echo
\echo 'Advice on distinct statements of one application'
\echo
SELECT statements, to_char(seconds, '990.00') AS seconds, to_char(1000 * seconds / statements, '990.0') AS "ms each",
       planner_calls AS "planner calls", to_char(planner_calls / statements::float8, '990.0') AS "calls each",
       reused AS "answers reused", indexes, to_char(cost_after / cost_before, '0.000') AS "cost ratio",
       to_char((memory - memory_before) / 1e6, '9,990') AS "MB more memory",
       CASE WHEN NOT complete THEN 'not complete' END AS remark
FROM bench.calls ORDER BY statements;

CREATE VIEW bench.verdicts AS
WITH ends AS (
    SELECT first_value(c) OVER small AS few, last_value(c) OVER small AS many
    FROM bench.calls AS c
    WINDOW small AS (ORDER BY statements ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
    LIMIT 1
), figures (position, bar, measured, most) AS (
    SELECT 1, format('seconds for %s statements', (many).statements), (many).seconds, 20 FROM ends
    UNION ALL
    SELECT 2, format('time of a statement among %s to that among %s', (many).statements, (few).statements),
           ((many).seconds / (many).statements) / ((few).seconds / (few).statements), 3 FROM ends
    UNION ALL
    SELECT 3, 'MB more memory', ((many).memory - (many).memory_before) / 1e6, 512 FROM ends
)
SELECT position, bar, measured, most, coalesce(measured <= most, true) AS met FROM figures;

\echo 'Bars'
\echo
SELECT bar, to_char(measured, '990.00') AS measured, most AS "at most", CASE WHEN met THEN 'ok' ELSE 'SHORT' END AS verdict
FROM bench.verdicts ORDER BY position;
