\echo
\echo 'The advice'
\echo
SELECT load, rank, ddl, to_char(size_bytes / 1e6, '990.0') AS "MB", to_char(100 * benefit, '990.00') AS "benefit %",
       to_char(100 * write_penalty, '990.00') AS "write penalty %"
FROM bench.advice ORDER BY load DESC, rank;

\echo 'Transactions per second with the advice, to those without'
\echo
SELECT load, pairs, to_char(median, '990.000') AS median, format('%s .. %s', to_char(low, 'FM990.000'), to_char(high, 'FM990.000')) AS "95 % interval"
FROM bench.ratios ORDER BY load DESC;

CREATE VIEW bench.verdicts AS
SELECT 1 AS position, 'indexes advised for the writes alone' AS bar, (SELECT count(*) FROM bench.advice WHERE load = 'writes')::float8 AS measured,
       'at most 0' AS wanted, (SELECT count(*) FROM bench.advice WHERE load = 'writes') = 0 AS met
UNION ALL
SELECT 2, 'writes alone with the advice for both, upper end of the interval', high, 'at least 1', high >= 1 FROM bench.ratios WHERE load = 'writes'
UNION ALL
SELECT 3, 'writes and reads, median', median, 'at least 1', median >= 1 FROM bench.ratios WHERE load = 'mixed';

\echo 'Bars'
\echo
SELECT bar, to_char(measured, '9,990.000') AS measured, wanted, CASE WHEN met THEN 'ok' ELSE 'SHORT' END AS verdict
FROM bench.verdicts ORDER BY position;
