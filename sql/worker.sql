-- The background workers.

CREATE FUNCTION pgopt.worker_list()
RETURNS TABLE (
    process text,
    pid int,
    database_id oid,
    role_id oid,
    job_id bigint,
    run_id bigint,
    state text,
    started timestamp with time zone,
    heartbeat timestamp with time zone,
    queue_length int,
    slots_used int,
    slots int,
    last_error text,
    last_error_at timestamp with time zone)
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'worker_list_wrapper';
COMMENT ON FUNCTION pgopt.worker_list() IS
'Background workers of pgopt in the whole server; use the view pgopt.worker_status';

CREATE VIEW pgopt.worker_status WITH (security_barrier) AS
SELECT w.process,
       w.pid,
       d.datname AS database,
       r.rolname AS role,
       w.job_id,
       w.run_id,
       w.state,
       w.started,
       w.heartbeat,
       w.queue_length,
       w.slots_used,
       w.slots,
       w.last_error,
       w.last_error_at
  FROM pgopt.worker_list() AS w
  LEFT JOIN pg_catalog.pg_database AS d ON d.oid OPERATOR(pg_catalog.=) w.database_id
  LEFT JOIN pg_catalog.pg_roles AS r ON r.oid OPERATOR(pg_catalog.=) w.role_id;
COMMENT ON VIEW pgopt.worker_status IS
'Background workers of pgopt in the whole server: the launcher, the housekeeper, one worker for each database that has or had work, one executor for each run under way; empty unless the library was loaded at server start';
COMMENT ON COLUMN pgopt.worker_status.process IS 'launcher, housekeeper, worker or executor';
COMMENT ON COLUMN pgopt.worker_status.pid IS 'process identifier; null for a worker that is not needed now';
COMMENT ON COLUMN pgopt.worker_status.database IS 'database it works in';
COMMENT ON COLUMN pgopt.worker_status.role IS 'owner of the job that an executor runs';
COMMENT ON COLUMN pgopt.worker_status.job_id IS 'job that an executor runs';
COMMENT ON COLUMN pgopt.worker_status.run_id IS 'its run, as in pgopt.job_runs';
COMMENT ON COLUMN pgopt.worker_status.state IS 'what it does or waits for';
COMMENT ON COLUMN pgopt.worker_status.started IS 'when it was started';
COMMENT ON COLUMN pgopt.worker_status.heartbeat IS 'when it was last seen at work';
COMMENT ON COLUMN pgopt.worker_status.queue_length IS 'of a worker: runs that are due and wait; of the launcher: databases that wait for a worker';
COMMENT ON COLUMN pgopt.worker_status.slots_used IS 'workers and executors there are';
COMMENT ON COLUMN pgopt.worker_status.slots IS 'workers and executors there may be (pgopt.max_workers)';
COMMENT ON COLUMN pgopt.worker_status.last_error IS 'last error of the launcher or worker itself; shown with pg_read_all_stats';
COMMENT ON COLUMN pgopt.worker_status.last_error_at IS 'when that was';
