-- The tables that a materialized view reads, and what tells whether the server's counters can be
-- compared with older ones, as one value.
-- $1 the view, $2 and $3 relations and whether their children are read as well.
WITH RECURSIVE relations(oid, inherited) AS (
    SELECT g.oid::oid, g.inherited FROM unnest($2::int8[], $3::bool[]) AS g(oid, inherited)
    UNION
    SELECT h.inhrelid, true
      FROM relations AS r JOIN pg_inherits AS h ON h.inhparent = r.oid
     WHERE r.inherited AND NOT h.inhdetachpending
)
SELECT jsonb_build_object(
    'relations', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'oid', c.oid::int8, 'name', format('%I.%I', n.nspname, c.relname), 'kind', c.relkind::text,
                   'built_in', c.oid < 16384, 'policies', c.relrowsecurity,
                   'heap', c.relkind NOT IN ('r', 'm') OR c.relam = 2, 'file', c.relfilenode::int8,
                   'inserted', pg_stat_get_tuples_inserted(c.oid), 'updated', pg_stat_get_tuples_updated(c.oid),
                   'deleted', pg_stat_get_tuples_deleted(c.oid), 'version', coalesce(s.version, 0)) ORDER BY c.oid), '[]')
          FROM (SELECT DISTINCT r.oid FROM relations AS r) AS r
               JOIN pg_class AS c ON c.oid = r.oid JOIN pg_namespace AS n ON n.oid = c.relnamespace
               LEFT JOIN pgopt.matview_states AS s ON s.view = c.oid),
    'counted', current_setting('track_counts')::bool AND NOT EXISTS (
        SELECT FROM pg_db_role_setting AS s CROSS JOIN unnest(s.setconfig) AS c(entry)
         WHERE lower(split_part(c.entry, '=', 1)) = 'track_counts'
           AND lower(split_part(c.entry, '=', 2)) NOT IN ('on', 'true', 'yes', '1')),
    'epoch', concat_ws('/', (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()),
        extract(epoch FROM pg_postmaster_start_time()),
        extract(epoch FROM pg_stat_get_bgwriter_stat_reset_time()),
        extract(epoch FROM pg_stat_get_db_stat_reset_time(
            (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())))),
    'populated', coalesce((SELECT c.relispopulated FROM pg_class AS c WHERE c.oid = $1::oid), false),
    'unique_index', (
        SELECT x.relname FROM pg_index AS i JOIN pg_class AS x ON x.oid = i.indexrelid
         WHERE i.indrelid = $1::oid AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL
           AND x.relam = 403 AND 0 < ALL (i.indkey) ORDER BY i.indnkeyatts, x.oid LIMIT 1))
