-- What pg_qualstats' advisor suggests after it has seen the workload: with its defaults,
-- and with its thresholds low enough to leave nothing out.

CREATE FUNCTION pg_temp.note(wanted text, advice json) RETURNS void LANGUAGE sql AS $$
    -- It may suggest the same index more than once. Newer versions return objects, which
    -- hold the command besides other things.
    INSERT INTO bench.sets (name, ddl)
    SELECT DISTINCT wanted, coalesce(CASE json_typeof(i) WHEN 'object' THEN i ->> 'ddl' END, i #>> '{}')
    FROM json_array_elements(advice -> 'indexes') AS i
$$;

SELECT pg_temp.note('pg_qualstats', pg_qualstats_index_advisor()),
       pg_temp.note('pg_qualstats, all', pg_qualstats_index_advisor(min_filter => 0, min_selectivity => 0)) \g /dev/null
