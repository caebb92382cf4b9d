\pset footer off
\echo
\echo 'Sizes of B-tree indexes, predicted and real'
SELECT shape, pg_size_pretty(real) AS real, pg_size_pretty(predicted) AS predicted,
       to_char(error, 'S99990.0') AS "error %", coalesce(caveat, '') AS caveat
FROM accuracy.sizes WHERE method = 'btree' ORDER BY caveat IS NOT NULL, position;

SELECT count(*) AS shapes,
       round(percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(error))::numeric, 2) AS median,
       round(max(abs(error))::numeric, 2) AS worst
FROM accuracy.sizes WHERE caveat IS NULL AND method = 'btree' \gset
\echo Over :shapes shapes: median error :median %, worst :worst %

SELECT accuracy.require('the median error of sizes', :median, 10),
       accuracy.require('the worst error of sizes', :worst, 25) \g /dev/null

\echo
\echo 'Sizes of indexes of other access methods (no bar)'
SELECT method, shape, pg_size_pretty(real) AS real, pg_size_pretty(predicted) AS predicted,
       to_char(error, 'S99990.0') AS "error %"
FROM accuracy.sizes WHERE method <> 'btree' ORDER BY method, position;

SELECT method, count(*) AS shapes, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(error))::numeric, 1) AS "median %",
       round(max(abs(error))::numeric, 1) AS "worst %"
FROM accuracy.sizes WHERE method <> 'btree' GROUP BY method ORDER BY method;
