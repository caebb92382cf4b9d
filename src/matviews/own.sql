-- A materialized view's own file and rows, with those of this session that the server has not got
-- yet, as one value. $1 the view.
SELECT jsonb_build_object(
    'file', c.relfilenode::int8,
    'inserted', pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_xact_tuples_inserted(c.oid),
    'updated', pg_stat_get_tuples_updated(c.oid) + pg_stat_get_xact_tuples_updated(c.oid),
    'deleted', pg_stat_get_tuples_deleted(c.oid) + pg_stat_get_xact_tuples_deleted(c.oid),
    'version', 0)
  FROM pg_class AS c WHERE c.oid = $1
