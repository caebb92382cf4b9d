\echo
\echo 'Cost of the 19 queries with the advice, and with that of the best other advisor'
\echo
SELECT to_char(cost, '999,999,999') AS "start cost", CASE WHEN EXISTS (SELECT FROM bench.peers) THEN '   5,169,510' END AS "of the others",
       to_char(cost / 5169510, '0.0000') AS ratio
FROM bench.workload_costs WHERE state = 'start';

SELECT label AS budget, to_char(cost, '9,999,999') AS cost, peer AS "best other", to_char(peer_cost, '9,999,999') AS "its cost",
       to_char(ratio, '0.000') AS ratio, indexes, to_char(size / 1e6, '9,990.0') AS "MB", planner_calls AS "planner calls",
       to_char(seconds, '990.00') AS seconds, to_char(peer_seconds, '990.00') AS "its seconds",
       concat_ws(', ', CASE WHEN size > bytes THEN 'over the budget' END, CASE WHEN NOT complete THEN 'not complete' END,
                 CASE WHEN abs(claimed / cost - 1) > 0.001 THEN 'says ' || to_char(claimed, 'FM9,999,999') END) AS remark
FROM bench.results ORDER BY position;

\echo 'The advice'
\echo
SELECT label AS budget, rank, bench.short(ddl) AS index, to_char(size_bytes / 1e6, '990.0') AS "MB",
       to_char(100 * benefit, '990.00') AS "benefit %", to_char(cost_after, '9,999,999') AS "cost after"
FROM bench.advice JOIN bench.budgets USING (label) ORDER BY position, rank;
