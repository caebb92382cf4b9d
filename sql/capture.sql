-- What is captured: statements, samples, latencies, transactions.

CREATE FUNCTION pgopt.statement_list(with_text boolean DEFAULT true)
RETURNS TABLE (
    queryid bigint,
    database_id oid,
    role_id oid,
    toplevel boolean,
    query text,
    query_truncated boolean,
    utility boolean,
    calls bigint,
    rows bigint,
    total_time double precision,
    min_time double precision,
    max_time double precision,
    mean_time double precision,
    stddev_time double precision,
    p50 double precision,
    p95 double precision,
    p99 double precision,
    p999 double precision,
    plans bigint,
    total_plan_time double precision,
    min_plan_time double precision,
    max_plan_time double precision,
    mean_plan_time double precision,
    stddev_plan_time double precision,
    shared_blks_hit bigint,
    shared_blks_read bigint,
    shared_blks_dirtied bigint,
    shared_blks_written bigint,
    local_blks_hit bigint,
    local_blks_read bigint,
    local_blks_dirtied bigint,
    local_blks_written bigint,
    temp_blks_read bigint,
    temp_blks_written bigint,
    blk_read_time double precision,
    blk_write_time double precision,
    temp_blk_read_time double precision,
    temp_blk_write_time double precision,
    wal_records bigint,
    wal_fpi bigint,
    wal_bytes bigint,
    jit_functions bigint,
    jit_generation_time double precision,
    jit_inlining_time double precision,
    jit_optimization_time double precision,
    jit_emission_time double precision,
    parallel_workers_to_launch bigint,
    parallel_workers_launched bigint,
    errors bigint,
    cancelled bigint,
    timed_out bigint,
    error_time double precision,
    errors_by_class jsonb,
    last_error timestamp with time zone,
    last_sqlstate text,
    first_seen timestamp with time zone,
    last_seen timestamp with time zone,
    search_path text,
    relation_ids oid[],
    more_relations boolean,
    repeat_transactions bigint,
    repeat_calls bigint,
    worst_repeat bigint,
    repeat_time double precision)
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pgopt_statement_list';
COMMENT ON FUNCTION pgopt.statement_list(boolean) IS
'Captured statements with database, role and relations by OID; use the view pgopt.statements. Without text it is cheaper: for scraping';

CREATE VIEW pgopt.statements WITH (security_barrier) AS
SELECT s.queryid,
       d.datname AS database,
       r.rolname AS role,
       s.toplevel,
       s.query,
       s.query_truncated,
       s.utility,
       s.calls,
       s.rows,
       s.total_time,
       s.min_time,
       s.max_time,
       s.mean_time,
       s.stddev_time,
       s.p50,
       s.p95,
       s.p99,
       s.p999,
       s.plans,
       s.total_plan_time,
       s.min_plan_time,
       s.max_plan_time,
       s.mean_plan_time,
       s.stddev_plan_time,
       s.shared_blks_hit,
       s.shared_blks_read,
       s.shared_blks_dirtied,
       s.shared_blks_written,
       s.local_blks_hit,
       s.local_blks_read,
       s.local_blks_dirtied,
       s.local_blks_written,
       s.temp_blks_read,
       s.temp_blks_written,
       s.blk_read_time,
       s.blk_write_time,
       s.temp_blk_read_time,
       s.temp_blk_write_time,
       s.wal_records,
       s.wal_fpi,
       s.wal_bytes,
       s.jit_functions,
       s.jit_generation_time,
       s.jit_inlining_time,
       s.jit_optimization_time,
       s.jit_emission_time,
       s.parallel_workers_to_launch,
       s.parallel_workers_launched,
       s.errors,
       s.cancelled,
       s.timed_out,
       s.error_time,
       s.errors_by_class,
       s.last_error,
       s.last_sqlstate,
       s.first_seen,
       s.last_seen,
       s.search_path,
       CASE WHEN d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() THEN s.relation_ids::pg_catalog.regclass[] END AS relations,
       s.more_relations
  FROM pgopt.statement_list() AS s
  LEFT JOIN pg_catalog.pg_database AS d ON d.oid OPERATOR(pg_catalog.=) s.database_id
  LEFT JOIN pg_catalog.pg_roles AS r ON r.oid OPERATOR(pg_catalog.=) s.role_id;
COMMENT ON VIEW pgopt.statements IS
'Statements that were executed, one row per database, role, query identifier and nesting, with counts, times in ms, percentiles, resources and failures; texts of other roles are shown with pg_read_all_stats';
COMMENT ON COLUMN pgopt.statements.queryid IS 'query identifier, as the server computes it; null for other roles'' statements without pg_read_all_stats';
COMMENT ON COLUMN pgopt.statements.database IS 'name of the database; null when it was dropped since';
COMMENT ON COLUMN pgopt.statements.role IS 'name of the role that ran it; null when it was dropped since';
COMMENT ON COLUMN pgopt.statements.toplevel IS 'whether a client sent it; false for statements that functions and triggers ran (pgopt.track = all)';
COMMENT ON COLUMN pgopt.statements.query IS 'normalised text, constants as $n; of a utility command without any literal';
COMMENT ON COLUMN pgopt.statements.query_truncated IS 'whether the text is longer than pgopt.max_query_length, and only its beginning kept';
COMMENT ON COLUMN pgopt.statements.utility IS 'whether it is a utility command';
COMMENT ON COLUMN pgopt.statements.calls IS 'executions that came to their end';
COMMENT ON COLUMN pgopt.statements.rows IS 'rows retrieved or affected';
COMMENT ON COLUMN pgopt.statements.total_time IS 'time of executions, in ms';
COMMENT ON COLUMN pgopt.statements.min_time IS 'shortest execution, in ms';
COMMENT ON COLUMN pgopt.statements.max_time IS 'longest execution, in ms';
COMMENT ON COLUMN pgopt.statements.mean_time IS 'mean execution time, in ms';
COMMENT ON COLUMN pgopt.statements.stddev_time IS 'standard deviation of execution times, in ms';
COMMENT ON COLUMN pgopt.statements.p50 IS 'median execution time, in ms, within 6 %';
COMMENT ON COLUMN pgopt.statements.p95 IS '95th percentile of execution times, in ms, within 6 %';
COMMENT ON COLUMN pgopt.statements.p99 IS '99th percentile of execution times, in ms, within 6 %';
COMMENT ON COLUMN pgopt.statements.p999 IS '99.9th percentile of execution times, in ms, within 6 %';
COMMENT ON COLUMN pgopt.statements.plans IS 'times it was planned';
COMMENT ON COLUMN pgopt.statements.total_plan_time IS 'time of planning, in ms';
COMMENT ON COLUMN pgopt.statements.min_plan_time IS 'shortest planning, in ms';
COMMENT ON COLUMN pgopt.statements.max_plan_time IS 'longest planning, in ms';
COMMENT ON COLUMN pgopt.statements.mean_plan_time IS 'mean planning time, in ms';
COMMENT ON COLUMN pgopt.statements.stddev_plan_time IS 'standard deviation of planning times, in ms';
COMMENT ON COLUMN pgopt.statements.shared_blks_hit IS 'shared blocks found in the cache';
COMMENT ON COLUMN pgopt.statements.shared_blks_read IS 'shared blocks read';
COMMENT ON COLUMN pgopt.statements.shared_blks_dirtied IS 'shared blocks dirtied';
COMMENT ON COLUMN pgopt.statements.shared_blks_written IS 'shared blocks written';
COMMENT ON COLUMN pgopt.statements.local_blks_hit IS 'blocks of temporary tables found in the cache';
COMMENT ON COLUMN pgopt.statements.local_blks_read IS 'blocks of temporary tables read';
COMMENT ON COLUMN pgopt.statements.local_blks_dirtied IS 'blocks of temporary tables dirtied';
COMMENT ON COLUMN pgopt.statements.local_blks_written IS 'blocks of temporary tables written';
COMMENT ON COLUMN pgopt.statements.temp_blks_read IS 'temporary file blocks read';
COMMENT ON COLUMN pgopt.statements.temp_blks_written IS 'temporary file blocks written';
COMMENT ON COLUMN pgopt.statements.blk_read_time IS 'time reading shared and local blocks, in ms (with track_io_timing)';
COMMENT ON COLUMN pgopt.statements.blk_write_time IS 'time writing shared and local blocks, in ms (with track_io_timing)';
COMMENT ON COLUMN pgopt.statements.temp_blk_read_time IS 'time reading temporary file blocks, in ms (with track_io_timing)';
COMMENT ON COLUMN pgopt.statements.temp_blk_write_time IS 'time writing temporary file blocks, in ms (with track_io_timing)';
COMMENT ON COLUMN pgopt.statements.wal_records IS 'WAL records written';
COMMENT ON COLUMN pgopt.statements.wal_fpi IS 'WAL full page images written';
COMMENT ON COLUMN pgopt.statements.wal_bytes IS 'WAL bytes written';
COMMENT ON COLUMN pgopt.statements.jit_functions IS 'functions compiled just in time';
COMMENT ON COLUMN pgopt.statements.jit_generation_time IS 'time generating JIT code, in ms';
COMMENT ON COLUMN pgopt.statements.jit_inlining_time IS 'time inlining functions, in ms';
COMMENT ON COLUMN pgopt.statements.jit_optimization_time IS 'time optimizing JIT code, in ms';
COMMENT ON COLUMN pgopt.statements.jit_emission_time IS 'time emitting JIT code, in ms';
COMMENT ON COLUMN pgopt.statements.parallel_workers_to_launch IS 'parallel workers planned';
COMMENT ON COLUMN pgopt.statements.parallel_workers_launched IS 'parallel workers launched';
COMMENT ON COLUMN pgopt.statements.errors IS 'executions that failed, those cancelled and timed out among them';
COMMENT ON COLUMN pgopt.statements.cancelled IS 'executions that a user or an administrator cancelled';
COMMENT ON COLUMN pgopt.statements.timed_out IS 'executions ended by statement_timeout, lock_timeout or transaction_timeout';
COMMENT ON COLUMN pgopt.statements.error_time IS 'time of executions that failed, in ms; not part of total_time';
COMMENT ON COLUMN pgopt.statements.errors_by_class IS 'executions that failed, by class of SQLSTATE (its first two characters)';
COMMENT ON COLUMN pgopt.statements.last_error IS 'when the command that failed last began';
COMMENT ON COLUMN pgopt.statements.last_sqlstate IS 'SQLSTATE of the last failure';
COMMENT ON COLUMN pgopt.statements.first_seen IS 'when counting of this statement began';
COMMENT ON COLUMN pgopt.statements.last_seen IS 'when the command that ran it last began';
COMMENT ON COLUMN pgopt.statements.search_path IS 'search_path when the statement was first seen';
COMMENT ON COLUMN pgopt.statements.relations IS 'relations it touches, views, partitions and indexes'' tables included; for statements of this database';
COMMENT ON COLUMN pgopt.statements.more_relations IS 'whether it touches more relations than are listed';

CREATE VIEW pgopt.top_statements WITH (security_barrier) AS
SELECT s.queryid,
       s.database,
       s.role,
       pg_catalog.round((100 OPERATOR(pg_catalog.*) s.total_time
                         OPERATOR(pg_catalog./) nullif(pg_catalog.sum(s.total_time) OVER (), 0))::pg_catalog.numeric, 1) AS percent_of_time,
       s.calls,
       s.total_time,
       s.mean_time,
       s.p95,
       s.p99,
       s.rows,
       s.errors,
       s.query
  FROM pgopt.statements AS s
 WHERE s.toplevel
 ORDER BY s.total_time DESC
 LIMIT 50;
COMMENT ON VIEW pgopt.top_statements IS
'The 50 statements that took the most time, the worst first; times in ms';
COMMENT ON COLUMN pgopt.top_statements.queryid IS 'query identifier';
COMMENT ON COLUMN pgopt.top_statements.database IS 'name of the database';
COMMENT ON COLUMN pgopt.top_statements.role IS 'name of the role that ran it';
COMMENT ON COLUMN pgopt.top_statements.percent_of_time IS 'share of the time of all statements, in percent';
COMMENT ON COLUMN pgopt.top_statements.calls IS 'executions that came to their end';
COMMENT ON COLUMN pgopt.top_statements.total_time IS 'time of executions, in ms';
COMMENT ON COLUMN pgopt.top_statements.mean_time IS 'mean execution time, in ms';
COMMENT ON COLUMN pgopt.top_statements.p95 IS '95th percentile of execution times, in ms, within 6 %';
COMMENT ON COLUMN pgopt.top_statements.p99 IS '99th percentile of execution times, in ms, within 6 %';
COMMENT ON COLUMN pgopt.top_statements.rows IS 'rows retrieved or affected';
COMMENT ON COLUMN pgopt.top_statements.errors IS 'executions that failed';
COMMENT ON COLUMN pgopt.top_statements.query IS 'normalised text';

CREATE FUNCTION pgopt.sample_list()
RETURNS TABLE (
    queryid bigint, database_id oid, role_id oid, toplevel boolean, kind text,
    started timestamp with time zone, duration double precision, rows bigint, planned_rows bigint,
    parameters jsonb, parameters_left_out boolean)
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pgopt_sample_list';
COMMENT ON FUNCTION pgopt.sample_list() IS
'Samples of statements with database and role by OID; use the view pgopt.statement_samples';

CREATE VIEW pgopt.statement_samples WITH (security_barrier) AS
SELECT s.queryid,
       d.datname AS database,
       r.rolname AS role,
       s.toplevel,
       s.kind,
       s.started,
       s.duration,
       s.rows,
       s.planned_rows,
       s.parameters,
       s.parameters_left_out
  FROM pgopt.sample_list() AS s
  LEFT JOIN pg_catalog.pg_database AS d ON d.oid OPERATOR(pg_catalog.=) s.database_id
  LEFT JOIN pg_catalog.pg_roles AS r ON r.oid OPERATOR(pg_catalog.=) s.role_id;
COMMENT ON VIEW pgopt.statement_samples IS
'A few executions of each statement with what pgopt.sample_parameters keeps of their parameters; of your own statements, and with pg_read_all_stats of all';
COMMENT ON COLUMN pgopt.statement_samples.queryid IS 'query identifier, as in pgopt.statements';
COMMENT ON COLUMN pgopt.statement_samples.database IS 'name of the database';
COMMENT ON COLUMN pgopt.statement_samples.role IS 'name of the role that ran it';
COMMENT ON COLUMN pgopt.statement_samples.toplevel IS 'whether a client sent it';
COMMENT ON COLUMN pgopt.statement_samples.kind IS 'slowest, latest (looked at once a second), or random: every execution had the same chance';
COMMENT ON COLUMN pgopt.statement_samples.started IS 'when the command that ran it began';
COMMENT ON COLUMN pgopt.statement_samples.duration IS 'execution time, in ms';
COMMENT ON COLUMN pgopt.statement_samples.rows IS 'rows retrieved or affected';
COMMENT ON COLUMN pgopt.statement_samples.planned_rows IS 'rows that the planner expected';
COMMENT ON COLUMN pgopt.statement_samples.parameters IS 'parameters of the normalised text: number n, length in bytes, type if it was bound, and its shape or, under raw, its value';
COMMENT ON COLUMN pgopt.statement_samples.parameters_left_out IS 'whether there were more parameters than are kept';

CREATE FUNCTION pgopt.latency_list()
RETURNS TABLE (
    database_id oid, calls bigint, total_time double precision, mean_time double precision,
    p50 double precision, p95 double precision, p99 double precision, p999 double precision)
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pgopt_latency_list';
COMMENT ON FUNCTION pgopt.latency_list() IS
'Percentiles over all statements by OID of the database; use the view pgopt.latency';

CREATE VIEW pgopt.latency AS
SELECT d.datname AS database,
       l.calls,
       l.total_time,
       l.mean_time,
       l.p50,
       l.p95,
       l.p99,
       l.p999
  FROM pgopt.latency_list() AS l
  LEFT JOIN pg_catalog.pg_database AS d ON d.oid OPERATOR(pg_catalog.=) l.database_id;
COMMENT ON VIEW pgopt.latency IS
'Execution times over all queries that clients sent to each database, utility commands left aside, evicted statements included; in ms, percentiles within 6 %';
COMMENT ON COLUMN pgopt.latency.database IS 'name of the database';
COMMENT ON COLUMN pgopt.latency.calls IS 'executions';
COMMENT ON COLUMN pgopt.latency.total_time IS 'their time, in ms';
COMMENT ON COLUMN pgopt.latency.mean_time IS 'mean execution time, in ms';
COMMENT ON COLUMN pgopt.latency.p50 IS 'median execution time, in ms';
COMMENT ON COLUMN pgopt.latency.p95 IS '95th percentile, in ms';
COMMENT ON COLUMN pgopt.latency.p99 IS '99th percentile, in ms';
COMMENT ON COLUMN pgopt.latency.p999 IS '99.9th percentile, in ms';

CREATE VIEW pgopt.n_plus_one WITH (security_barrier) AS
SELECT s.queryid,
       d.datname AS database,
       r.rolname AS role,
       s.repeat_calls AS calls,
       s.repeat_transactions AS transactions,
       s.worst_repeat,
       s.repeat_time AS total_time,
       s.query AS example
  FROM pgopt.statement_list() AS s
  LEFT JOIN pg_catalog.pg_database AS d ON d.oid OPERATOR(pg_catalog.=) s.database_id
  LEFT JOIN pg_catalog.pg_roles AS r ON r.oid OPERATOR(pg_catalog.=) s.role_id
 WHERE s.repeat_transactions OPERATOR(pg_catalog.>) 0
   AND NOT s.utility
 ORDER BY s.repeat_time DESC;
COMMENT ON VIEW pgopt.n_plus_one IS
'Statements that clients ran pgopt.n_plus_one_threshold times or more within one transaction: often one query per row of another one, where a join or = ANY would do';
COMMENT ON COLUMN pgopt.n_plus_one.queryid IS 'query identifier, as in pgopt.statements';
COMMENT ON COLUMN pgopt.n_plus_one.database IS 'name of the database';
COMMENT ON COLUMN pgopt.n_plus_one.role IS 'name of the role that ran it';
COMMENT ON COLUMN pgopt.n_plus_one.calls IS 'executions in such transactions';
COMMENT ON COLUMN pgopt.n_plus_one.transactions IS 'such transactions';
COMMENT ON COLUMN pgopt.n_plus_one.worst_repeat IS 'most executions in one transaction';
COMMENT ON COLUMN pgopt.n_plus_one.total_time IS 'time of those executions, in ms';
COMMENT ON COLUMN pgopt.n_plus_one.example IS 'normalised text';

CREATE FUNCTION pgopt.slow_transaction_list()
RETURNS TABLE (
    database_id oid, role_id oid, application_name text, warnings bigint, errors bigint,
    total_time double precision, longest_time double precision, last_started timestamp with time zone)
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pgopt_slow_transaction_list';
COMMENT ON FUNCTION pgopt.slow_transaction_list() IS
'Slow transactions by OIDs of database and role; use the view pgopt.slow_transactions';

CREATE VIEW pgopt.slow_transactions WITH (security_barrier) AS
SELECT d.datname AS database,
       r.rolname AS role,
       t.application_name,
       t.warnings,
       t.errors,
       t.total_time,
       t.longest_time,
       t.last_started
  FROM pgopt.slow_transaction_list() AS t
  LEFT JOIN pg_catalog.pg_database AS d ON d.oid OPERATOR(pg_catalog.=) t.database_id
  LEFT JOIN pg_catalog.pg_roles AS r ON r.oid OPERATOR(pg_catalog.=) t.role_id;
COMMENT ON VIEW pgopt.slow_transactions IS
'Transactions that took pgopt.slow_transaction_warning or pgopt.slow_transaction_error or longer, by database, role and application';
COMMENT ON COLUMN pgopt.slow_transactions.database IS 'name of the database';
COMMENT ON COLUMN pgopt.slow_transactions.role IS 'name of the role at the end of the transaction';
COMMENT ON COLUMN pgopt.slow_transactions.application_name IS 'application_name at the end of the transaction; null for other roles without pg_read_all_stats';
COMMENT ON COLUMN pgopt.slow_transactions.warnings IS 'transactions over the first threshold only';
COMMENT ON COLUMN pgopt.slow_transactions.errors IS 'transactions over the second threshold';
COMMENT ON COLUMN pgopt.slow_transactions.total_time IS 'their time from beginning to end, in ms';
COMMENT ON COLUMN pgopt.slow_transactions.longest_time IS 'the longest of them, in ms';
COMMENT ON COLUMN pgopt.slow_transactions.last_started IS 'when the last of them began';

CREATE FUNCTION pgopt.capture_info_row()
RETURNS TABLE (
    since timestamp with time zone, used bigint, max_statements bigint, recorded bigint, dropped bigint,
    dropped_busy bigint, dropped_full bigint, dropped_open bigint, evicted bigint, evicted_calls bigint,
    reset_calls bigint, texts_dropped bigint, text_memory_used bigint, text_memory bigint,
    memory_bytes bigint, hook_time double precision, hook_samples bigint, saves bigint,
    save_failures bigint, bytes_written bigint, last_saved timestamp with time zone,
    housekeeper boolean, fallback_evictions bigint, query_ids boolean, overflowing boolean)
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pgopt_capture_info_row';
COMMENT ON FUNCTION pgopt.capture_info_row() IS
'What the capture does and costs; use the view pgopt.capture_info';

CREATE VIEW pgopt.capture_info AS SELECT * FROM pgopt.capture_info_row();
COMMENT ON VIEW pgopt.capture_info IS
'What the capture itself does and costs, since when, and what it could not count';
COMMENT ON COLUMN pgopt.capture_info.since IS 'when counting began: first start, or last reset of everything';
COMMENT ON COLUMN pgopt.capture_info.used IS 'statements there are';
COMMENT ON COLUMN pgopt.capture_info.max_statements IS 'statements there is room for';
COMMENT ON COLUMN pgopt.capture_info.recorded IS 'executions counted, those of evicted and reset statements included';
COMMENT ON COLUMN pgopt.capture_info.dropped IS 'executions and failures that could not be counted';
COMMENT ON COLUMN pgopt.capture_info.dropped_busy IS 'of those, because another process was changing that part of the table';
COMMENT ON COLUMN pgopt.capture_info.dropped_full IS 'of those, because there was no place for a new statement';
COMMENT ON COLUMN pgopt.capture_info.dropped_open IS 'of those, because too many cursors were open in one session';
COMMENT ON COLUMN pgopt.capture_info.evicted IS 'statements that gave their place to others';
COMMENT ON COLUMN pgopt.capture_info.evicted_calls IS 'executions counted in those, and of statements that got no place while it was overflowing';
COMMENT ON COLUMN pgopt.capture_info.reset_calls IS 'executions counted before they were reset';
COMMENT ON COLUMN pgopt.capture_info.texts_dropped IS 'texts and samples not kept because pgopt.query_text_memory was full';
COMMENT ON COLUMN pgopt.capture_info.text_memory_used IS 'bytes of pgopt.query_text_memory in use';
COMMENT ON COLUMN pgopt.capture_info.text_memory IS 'bytes of pgopt.query_text_memory';
COMMENT ON COLUMN pgopt.capture_info.memory_bytes IS 'shared memory of pgopt, texts included';
COMMENT ON COLUMN pgopt.capture_info.hook_time IS 'mean time that an execution spends in pgopt''s executor hooks, in µs, measured every 1024th time';
COMMENT ON COLUMN pgopt.capture_info.hook_samples IS 'executions it was measured on';
COMMENT ON COLUMN pgopt.capture_info.saves IS 'times everything was saved to disk';
COMMENT ON COLUMN pgopt.capture_info.save_failures IS 'times that failed';
COMMENT ON COLUMN pgopt.capture_info.bytes_written IS 'bytes written doing so';
COMMENT ON COLUMN pgopt.capture_info.last_saved IS 'when it was saved last';
COMMENT ON COLUMN pgopt.capture_info.housekeeper IS 'whether the housekeeper process is at work';
COMMENT ON COLUMN pgopt.capture_info.fallback_evictions IS 'statements that sessions evicted themselves while it was not';
COMMENT ON COLUMN pgopt.capture_info.query_ids IS 'whether the server computes query identifiers (compute_query_id), without which nothing is captured';
COMMENT ON COLUMN pgopt.capture_info.overflowing IS 'whether new statements come so fast that one gets a place only when it is seen again or takes long';

CREATE FUNCTION pgopt.statement_histogram(queryid bigint)
RETURNS TABLE (lower_bound double precision, upper_bound double precision, calls bigint, cumulative double precision)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pgopt_statement_histogram';
COMMENT ON FUNCTION pgopt.statement_histogram(bigint) IS
'Execution times of a statement in buckets of at most 12.5 % width: bounds in ms, executions, and the share of all that took no longer than the upper bound; over all databases and roles whose statements you may see';

CREATE FUNCTION pgopt.transaction_stats()
RETURNS TABLE (statements bigint, total_time double precision, longest_time double precision, started timestamp with time zone)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'transaction_stats_wrapper';
COMMENT ON FUNCTION pgopt.transaction_stats() IS
'Statements that came to their end in the current transaction before this call, their time and that of the longest in ms, and when the transaction started; commands such as BEGIN and SAVEPOINT do not count';

CREATE FUNCTION pgopt.reset_statements_by_id(database_id oid, role_id oid, queryid bigint)
RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'reset_statements_wrapper';
COMMENT ON FUNCTION pgopt.reset_statements_by_id(oid, oid, bigint) IS
'Sets the counts of statements to zero, null meaning any; use pgopt.reset_statements';

CREATE FUNCTION pgopt.reset_statements(
    database name DEFAULT NULL, role name DEFAULT NULL, queryid bigint DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    database_oid oid := (SELECT oid FROM pg_database WHERE datname = database);
    role_oid oid := (SELECT oid FROM pg_roles WHERE rolname = role);
BEGIN
    IF database IS NOT NULL AND database_oid IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_catalog_name', MESSAGE = format('database "%s" does not exist', database),
            HINT = 'See view pgopt.statements for those with captured statements.';
    ELSIF role IS NOT NULL AND role_oid IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = format('role "%s" does not exist', role),
            HINT = 'See view pgopt.statements for those with captured statements.';
    END IF;
    RETURN pgopt.reset_statements_by_id(database_oid, role_oid, queryid);
END
$function$;
COMMENT ON FUNCTION pgopt.reset_statements(name, name, bigint) IS
'Sets the counts of captured statements to zero: of all, or of a database, a role, a query identifier; returns how many. For superusers, and for those granted EXECUTE on it and on pgopt.reset_statements_by_id';
