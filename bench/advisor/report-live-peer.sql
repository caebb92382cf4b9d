\echo 'Costed by HypoPG: the advice of pg_qualstats after the same queries ran (with its defaults, and'
\echo 'with every threshold at 0), and that of pgopt'
\echo
WITH chosen AS (
    SELECT name, min(id) AS position, count(size_bytes) AS indexes, count(refused) AS refused, sum(size_bytes) AS size
    FROM bench.sets GROUP BY name
    UNION ALL SELECT 'nothing', 0, 0, 0, 0
)
SELECT name AS advice, indexes, refused, to_char(size / 1e6, '9,990.0') AS "MB", to_char(cost, '9,999,999') AS cost
FROM chosen JOIN bench.workload_costs ON state = 'hypopg ' || name ORDER BY position;

SELECT name AS advice, bench.short(ddl) AS index, to_char(size_bytes / 1e6, '990.0') AS "MB", coalesce(refused, '') AS refused
FROM bench.sets WHERE name LIKE 'pg\_qualstats%' ORDER BY id;
