-- Statements whose text is not the one pg_stat_statements has; there is to be none.
SELECT b.calls, a.query AS ours, b.query AS theirs
  FROM pg_stat_statements b
  LEFT JOIN pgopt.statement_list() a
    ON (a.queryid, a.database_id, a.role_id, a.toplevel) = (b.queryid, b.dbid, b.userid, b.toplevel)
 WHERE a.utility IS DISTINCT FROM true AND a.query IS DISTINCT FROM b.query AND b.query !~ 'pgopt[.]'
   -- Utility commands that are theirs alone.
   AND b.query !~* '^\s*(deallocate|declare|fetch|close)\M';
