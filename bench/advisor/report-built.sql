\echo
\echo 'Promised and real costs, the advice without a budget being built ("analysed": with new'
\echo 'statistics), and the time of one execution; * is a query that was not advised on'
\echo
SELECT number || CASE WHEN compared THEN '' ELSE '*' END AS query, to_char(before, '999,999,999,999') AS start, to_char(promised, '999,999,999,999') AS promised,
       to_char(built, '999,999,999,999') AS real, to_char(error, 'S990.000') AS "error %", to_char(analysed, '999,999,999,999') AS analysed,
       to_char(error_analysed, 'S990.000') AS "error %",
       CASE WHEN b.ms IS NULL THEN '> ' || :'timeout' ELSE to_char(b.ms, '999,990') END AS "before ms",
       CASE WHEN a.ms IS NULL THEN '> ' || :'timeout' ELSE to_char(a.ms, '999,990') END AS "after ms",
       CASE WHEN a.ms IS NULL THEN '' WHEN b.ms IS NULL THEN '> ' ELSE '' END
           || to_char(coalesce(b.ms, 1000 * extract(epoch FROM :'timeout'::interval)) / a.ms, 'FM9,990.0') || 'x' AS faster
FROM bench.cost_errors JOIN bench.times AS b USING (number) JOIN bench.times AS a USING (number)
WHERE b.phase = 'before' AND a.phase = 'after' ORDER BY number;

WITH given_up AS (SELECT 1000 * extract(epoch FROM :'timeout'::interval) AS ms)
SELECT what AS queries,
       CASE WHEN count(b.ms) < count(*) THEN '> ' ELSE '' END || to_char(sum(coalesce(b.ms, g.ms)) / 1000, 'FM9,990.0') AS "before s",
       CASE WHEN count(a.ms) < count(*) THEN '> ' ELSE '' END || to_char(sum(coalesce(a.ms, g.ms)) / 1000, 'FM9,990.0') AS "after s",
       count(*) - count(b.ms) AS "timeouts before", count(*) - count(a.ms) AS "timeouts after"
FROM bench.queries JOIN bench.times AS b USING (number) JOIN bench.times AS a USING (number)
CROSS JOIN given_up AS g CROSS JOIN LATERAL (VALUES ('advised on', compared), ('all', true)) AS kinds (what, asked)
WHERE b.phase = 'before' AND a.phase = 'after' AND asked GROUP BY what ORDER BY what;

\echo 'Promised and real sizes of all indexes advised; "used by" tells of those advised without a budget'
\echo
SELECT bench.short(ddl) AS index, string_agg(label, ', ' ORDER BY position) AS budgets, to_char(promised / 1e6, '9,990.0') AS "promised MB",
       to_char(real / 1e6, '9,990.0') AS "real MB", to_char(error, 'S990.0') AS "error %",
       max(array_to_string(used_by, ' ')) FILTER (WHERE label = 'none') AS "used by"
FROM bench.size_errors JOIN bench.budgets USING (label) GROUP BY bench.short(ddl), promised, real, error ORDER BY abs(error) DESC, 1;
