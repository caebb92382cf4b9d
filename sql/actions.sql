-- Advice carried out: build, verify, take back.

CREATE SEQUENCE pgopt.action_log_id_seq;
COMMENT ON SEQUENCE pgopt.action_log_id_seq IS 'numbers of actions';

CREATE TABLE pgopt.action_log (
    id bigint PRIMARY KEY DEFAULT pg_catalog.nextval('pgopt.action_log_id_seq'::pg_catalog.regclass),
    owner regrole NOT NULL,
    action text NOT NULL,
    table_name regclass NOT NULL,
    ddl text NOT NULL,
    undo_steps text[] NOT NULL,
    plan jsonb NOT NULL,
    progress jsonb NOT NULL,
    state text NOT NULL,
    job_id bigint NOT NULL,
    undo_job_id bigint,
    clean_up_job_id bigint,
    predicted_size bigint,
    size bigint,
    predicted_build_time interval,
    build_time interval,
    predicted_cost_before double precision,
    predicted_cost_after double precision,
    cost_before double precision,
    cost_after double precision,
    used_by jsonb,
    not_used_by jsonb,
    sqlstate text,
    message text,
    requested timestamptz NOT NULL,
    started timestamptz,
    finished timestamptz,
    undone timestamptz);
CREATE INDEX action_log_job_id ON pgopt.action_log (job_id);
CREATE INDEX action_log_undo_job_id ON pgopt.action_log (undo_job_id) WHERE undo_job_id IS NOT NULL;
CREATE INDEX action_log_clean_up_job_id ON pgopt.action_log (clean_up_job_id) WHERE clean_up_job_id IS NOT NULL;
COMMENT ON TABLE pgopt.action_log IS 'Recommendations that were carried out; written by pgopt''s functions only; use the view pgopt.applied';
COMMENT ON COLUMN pgopt.action_log.id IS 'number of the action';
COMMENT ON COLUMN pgopt.action_log.owner IS 'role that asked for it';
COMMENT ON COLUMN pgopt.action_log.action IS 'create, replace, drop or create statistics';
COMMENT ON COLUMN pgopt.action_log.table_name IS 'the table';
COMMENT ON COLUMN pgopt.action_log.ddl IS 'the command that was advised';
COMMENT ON COLUMN pgopt.action_log.undo_steps IS 'commands that take it back';
COMMENT ON COLUMN pgopt.action_log.plan IS 'the recommendation';
COMMENT ON COLUMN pgopt.action_log.progress IS 'what its runs have found out';
COMMENT ON COLUMN pgopt.action_log.state IS 'how far it has come';
COMMENT ON COLUMN pgopt.action_log.job_id IS 'job that carries it out';
COMMENT ON COLUMN pgopt.action_log.undo_job_id IS 'job that takes it back';
COMMENT ON COLUMN pgopt.action_log.clean_up_job_id IS 'job that drops what a failed run left behind';
COMMENT ON COLUMN pgopt.action_log.predicted_size IS 'size that was predicted, in bytes';
COMMENT ON COLUMN pgopt.action_log.size IS 'size when it was built, in bytes';
COMMENT ON COLUMN pgopt.action_log.predicted_build_time IS 'build time that was predicted';
COMMENT ON COLUMN pgopt.action_log.build_time IS 'time that building it took';
COMMENT ON COLUMN pgopt.action_log.predicted_cost_before IS 'planner cost of its statements when the advice was given';
COMMENT ON COLUMN pgopt.action_log.predicted_cost_after IS 'planner cost of its statements that was predicted';
COMMENT ON COLUMN pgopt.action_log.cost_before IS 'planner cost of its statements before it was built';
COMMENT ON COLUMN pgopt.action_log.cost_after IS 'planner cost of its statements with the real index';
COMMENT ON COLUMN pgopt.action_log.used_by IS 'statements whose plans use it';
COMMENT ON COLUMN pgopt.action_log.not_used_by IS 'statements it was advised for whose plans do not use it';
COMMENT ON COLUMN pgopt.action_log.sqlstate IS 'SQLSTATE of the last failure';
COMMENT ON COLUMN pgopt.action_log.message IS 'what there is to say about it';
COMMENT ON COLUMN pgopt.action_log.requested IS 'when it was asked for';
COMMENT ON COLUMN pgopt.action_log.started IS 'when its last run began';
COMMENT ON COLUMN pgopt.action_log.finished IS 'when it was done or had failed for good';
COMMENT ON COLUMN pgopt.action_log.undone IS 'when it had been taken back';

CREATE FUNCTION pgopt.apply(rank int)
RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'apply_wrapper';
COMMENT ON FUNCTION pgopt.apply(int) IS
'Carries out the recommendation with that rank of the advice that this session was shown last: queues its steps to be run in the background, concurrently, as the current role, which must own the table. Returns the number of the action, or of the one that does the same already; see the view pgopt.applied for what comes of it';

CREATE FUNCTION pgopt.undo(id bigint)
RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'undo_wrapper';
COMMENT ON FUNCTION pgopt.undo(bigint) IS
'Takes an action back: queues its undo_steps to be run in the background. Returns the number of the action';

CREATE FUNCTION pgopt.action_check(id bigint, task text)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'action_check_wrapper';
COMMENT ON FUNCTION pgopt.action_check(bigint, text) IS
'First command of the jobs of an action: whether it can be done now; of no use anywhere else';

CREATE FUNCTION pgopt.action_built(id bigint, task text)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'action_built_wrapper';
COMMENT ON FUNCTION pgopt.action_built(bigint, text) IS
'Command of the jobs of an action: whether its indexes were built; of no use anywhere else';

CREATE FUNCTION pgopt.action_verify(id bigint, task text)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'action_verify_wrapper';
COMMENT ON FUNCTION pgopt.action_verify(bigint, text) IS
'Last command of the jobs of an action: what came of it; of no use anywhere else';

CREATE VIEW pgopt.applied WITH (security_barrier) AS
SELECT a.id,
       CASE WHEN a.state OPERATOR(pg_catalog.=) ANY ('{queued,running}'::pg_catalog.text[])
             AND NOT EXISTS (SELECT FROM pgopt.job_definitions AS j WHERE j.id OPERATOR(pg_catalog.=) a.job_id)
             AND NOT EXISTS (SELECT FROM pgopt.job_states AS s WHERE s.job_id OPERATOR(pg_catalog.=) a.job_id AND s.running_run IS NOT NULL)
            THEN 'failed'
            WHEN a.state OPERATOR(pg_catalog.=) 'undoing'
             AND NOT EXISTS (SELECT FROM pgopt.job_definitions AS j WHERE j.id OPERATOR(pg_catalog.=) a.undo_job_id)
             AND NOT EXISTS (SELECT FROM pgopt.job_states AS s WHERE s.job_id OPERATOR(pg_catalog.=) a.undo_job_id AND s.running_run IS NOT NULL)
            THEN coalesce(a.progress OPERATOR(pg_catalog.->>) 'before_undo', 'failed')
            ELSE a.state END AS state,
       a.action,
       a.table_name,
       a.ddl,
       a.owner,
       a.predicted_size,
       a.size,
       a.predicted_build_time::interval(3) AS predicted_build_time,
       a.build_time::interval(3) AS build_time,
       pg_catalog.round(a.predicted_cost_before::numeric, 1)::double precision AS predicted_cost_before,
       pg_catalog.round(a.predicted_cost_after::numeric, 1)::double precision AS predicted_cost_after,
       pg_catalog.round(a.cost_before::numeric, 1)::double precision AS cost_before,
       pg_catalog.round(a.cost_after::numeric, 1)::double precision AS cost_after,
       a.used_by,
       a.not_used_by,
       a.sqlstate,
       a.message,
       CASE WHEN a.state OPERATOR(pg_catalog.=) ANY ('{succeeded,not used}'::pg_catalog.text[])
            THEN pg_catalog.format('SELECT pgopt.undo(%s)', a.id) END AS undo,
       a.undo_steps,
       a.requested,
       a.started,
       a.finished,
       a.undone
  FROM pgopt.action_log AS a
 WHERE pg_catalog.pg_has_role(a.owner::pg_catalog.oid, 'USAGE')
    OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE');
COMMENT ON VIEW pgopt.applied IS
'Recommendations that were carried out with pgopt.apply(): what was predicted, what came of it, and how to take it back';
COMMENT ON COLUMN pgopt.applied.id IS 'number of the action';
COMMENT ON COLUMN pgopt.applied.state IS 'queued, running, succeeded, not used (built, but no statement''s plan uses it), failed, undoing or undone';
COMMENT ON COLUMN pgopt.applied.action IS 'create, replace, drop or create statistics';
COMMENT ON COLUMN pgopt.applied.table_name IS 'the table';
COMMENT ON COLUMN pgopt.applied.ddl IS 'the command that was advised';
COMMENT ON COLUMN pgopt.applied.owner IS 'role that asked for it and as which it runs';
COMMENT ON COLUMN pgopt.applied.predicted_size IS 'size that was predicted, in bytes';
COMMENT ON COLUMN pgopt.applied.size IS 'size when it was built, in bytes';
COMMENT ON COLUMN pgopt.applied.predicted_build_time IS 'build time that was predicted';
COMMENT ON COLUMN pgopt.applied.build_time IS 'time that building it took, waits included';
COMMENT ON COLUMN pgopt.applied.predicted_cost_before IS 'planner cost of the statements it was advised for, times how often they ran, when the advice was given';
COMMENT ON COLUMN pgopt.applied.predicted_cost_after IS 'the same with the index, as predicted';
COMMENT ON COLUMN pgopt.applied.cost_before IS 'the same right before it was built';
COMMENT ON COLUMN pgopt.applied.cost_after IS 'the same with the real index';
COMMENT ON COLUMN pgopt.applied.used_by IS 'statements whose plans use it, with the cost of one execution before and after';
COMMENT ON COLUMN pgopt.applied.not_used_by IS 'statements it was advised for whose plans do not use it, or that could not be planned';
COMMENT ON COLUMN pgopt.applied.sqlstate IS 'SQLSTATE of the last failure';
COMMENT ON COLUMN pgopt.applied.message IS 'what there is to say about it, such as why it failed';
COMMENT ON COLUMN pgopt.applied.undo IS 'command that takes it back';
COMMENT ON COLUMN pgopt.applied.undo_steps IS 'commands that would do the same by hand';
COMMENT ON COLUMN pgopt.applied.requested IS 'when it was asked for';
COMMENT ON COLUMN pgopt.applied.started IS 'when its last run began';
COMMENT ON COLUMN pgopt.applied.finished IS 'when it was done or had failed for good';
COMMENT ON COLUMN pgopt.applied.undone IS 'when it had been taken back';
