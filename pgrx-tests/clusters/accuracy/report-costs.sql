\pset footer off
\echo
\echo 'Costs with a hypothetical and with the real index: pairs off by more than 1 %'
SELECT query, rest AS index, kind, to_char(hypothetical, '999,999,990.0') AS hypothetical,
       to_char(real, '999,999,990.0') AS real, to_char(error, 'S99990.0') AS "error %",
       CASE WHEN same_choice THEN '' ELSE 'only one plan uses the index' END AS remark
FROM accuracy.costs WHERE abs(error) > 1 ORDER BY abs(error) DESC;

SELECT kind, schema, count(*) AS pairs, count(DISTINCT rest) AS indexes, count(DISTINCT query) AS queries,
       round(percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(error))::numeric, 3) AS "median %",
       round(percentile_disc(0.9) WITHIN GROUP (ORDER BY abs(error))::numeric, 3) AS "p90 %",
       round(max(abs(error))::numeric, 3) AS "worst %"
FROM accuracy.costs GROUP BY GROUPING SETS ((kind), (kind, schema)) ORDER BY 1, schema NULLS FIRST;

SELECT round(percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(error))::numeric, 3) AS median,
       round(percentile_disc(0.9) WITHIN GROUP (ORDER BY abs(error))::numeric, 3) AS p90
FROM accuracy.costs WHERE kind = 'columns' \gset
\echo Columns: median error :median %, 90th percentile :p90 %

SELECT accuracy.require('the median error of costs', :median, 1),
       accuracy.require('the 90th percentile of the errors of costs', :p90, 5) \g /dev/null
