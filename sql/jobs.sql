-- Scheduled commands: what is to be done, where it stands, what was done.

CREATE SEQUENCE pgopt.job_ids;
COMMENT ON SEQUENCE pgopt.job_ids IS 'identifiers of jobs';

CREATE SEQUENCE pgopt.job_run_ids;
COMMENT ON SEQUENCE pgopt.job_run_ids IS 'identifiers of runs of jobs';

CREATE TABLE pgopt.job_definitions (
    id bigint PRIMARY KEY DEFAULT pg_catalog.nextval('pgopt.job_ids'::pg_catalog.regclass),
    name text NOT NULL UNIQUE,
    owner regrole NOT NULL,
    schedule text,
    every interval,
    time_zone text NOT NULL,
    starts timestamptz NOT NULL,
    commands text[] NOT NULL,
    enabled boolean NOT NULL DEFAULT true,
    statement_timeout integer,
    lock_timeout integer,
    max_attempts integer NOT NULL DEFAULT 3,
    backoff interval NOT NULL DEFAULT '10 seconds',
    backoff_max interval NOT NULL DEFAULT '5 minutes',
    breaker_failures integer NOT NULL DEFAULT 5,
    breaker_cooldown interval NOT NULL DEFAULT '10 minutes',
    overlap text NOT NULL DEFAULT 'skip',
    catch_up boolean NOT NULL DEFAULT true,
    priority integer NOT NULL DEFAULT 0,
    maintenance_window boolean NOT NULL DEFAULT false,
    exclusion_key text,
    run_after bigint[] NOT NULL DEFAULT '{}',
    once boolean NOT NULL DEFAULT false,
    slow_down boolean NOT NULL DEFAULT false,
    created timestamptz NOT NULL,
    first_run timestamptz,
    version bigint NOT NULL DEFAULT 1);
COMMENT ON TABLE pgopt.job_definitions IS 'Jobs as they were scheduled; written by pgopt''s functions only, dumped by pg_dump; use the view pgopt.jobs';
COMMENT ON COLUMN pgopt.job_definitions.id IS 'identifier of the job';
COMMENT ON COLUMN pgopt.job_definitions.name IS 'its name';
COMMENT ON COLUMN pgopt.job_definitions.owner IS 'role that it runs as';
COMMENT ON COLUMN pgopt.job_definitions.schedule IS 'cron text, interval or name such as @daily; null for on demand only';
COMMENT ON COLUMN pgopt.job_definitions.every IS 'the interval, if the schedule is one';
COMMENT ON COLUMN pgopt.job_definitions.time_zone IS 'time zone of the schedule';
COMMENT ON COLUMN pgopt.job_definitions.starts IS 'moment that intervals are counted from, and before which nothing is due';
COMMENT ON COLUMN pgopt.job_definitions.commands IS 'statements, run one after the other, each in a transaction of its own';
COMMENT ON COLUMN pgopt.job_definitions.enabled IS 'false while it is paused';
COMMENT ON COLUMN pgopt.job_definitions.statement_timeout IS 'statement_timeout of its runs in ms; null for the owner''s setting';
COMMENT ON COLUMN pgopt.job_definitions.lock_timeout IS 'lock_timeout of its runs in ms; null for the owner''s setting';
COMMENT ON COLUMN pgopt.job_definitions.max_attempts IS 'attempts after failures that can pass, the first included';
COMMENT ON COLUMN pgopt.job_definitions.backoff IS 'longest wait before the second attempt; doubled with each further one';
COMMENT ON COLUMN pgopt.job_definitions.backoff_max IS 'longest wait before any attempt';
COMMENT ON COLUMN pgopt.job_definitions.breaker_failures IS 'failures in a row that open its breaker; 0 for never';
COMMENT ON COLUMN pgopt.job_definitions.breaker_cooldown IS 'how long the breaker stays open; doubled each time it opens again, up to 24 hours';
COMMENT ON COLUMN pgopt.job_definitions.overlap IS 'when it is due while it runs: skip, or queue one run';
COMMENT ON COLUMN pgopt.job_definitions.catch_up IS 'whether missed runs are made up for, once';
COMMENT ON COLUMN pgopt.job_definitions.priority IS 'of jobs that are due together, higher ones start first';
COMMENT ON COLUMN pgopt.job_definitions.maintenance_window IS 'whether it waits for pgopt.maintenance_window';
COMMENT ON COLUMN pgopt.job_definitions.exclusion_key IS 'two jobs with the same key never run at once';
COMMENT ON COLUMN pgopt.job_definitions.run_after IS 'jobs that it lets go first when they are due';
COMMENT ON COLUMN pgopt.job_definitions.once IS 'whether it is removed when its run has ended for good';
COMMENT ON COLUMN pgopt.job_definitions.slow_down IS 'whether it runs less often when a run takes longer than its interval';
COMMENT ON COLUMN pgopt.job_definitions.created IS 'when it was scheduled';
COMMENT ON COLUMN pgopt.job_definitions.first_run IS 'when it was to run first after it was last changed';
COMMENT ON COLUMN pgopt.job_definitions.version IS 'how often it was changed, plus one';

-- Written by the database's worker alone, so that it never waits for a user's transaction.
CREATE TABLE pgopt.job_states (
    job_id bigint PRIMARY KEY,
    version bigint NOT NULL,
    due timestamptz,
    slot timestamptz,
    retry_at timestamptz,
    not_before timestamptz,
    attempt integer NOT NULL,
    failures integer NOT NULL,
    breaker text NOT NULL,
    openings integer NOT NULL,
    open_until timestamptz,
    requested_run bigint,
    running_run bigint,
    started timestamptz,
    run_name text,
    run_owner oid,
    run_command text,
    priority integer NOT NULL,
    exclusion_key text,
    run_after bigint[] NOT NULL,
    skipped bigint NOT NULL,
    booted timestamptz NOT NULL,
    last_run bigint,
    last_status text,
    last_started timestamptz,
    last_finished timestamptz,
    last_success timestamptz,
    last_rows bigint,
    last_sqlstate text,
    last_message text)
WITH (fillfactor = 50);
CREATE INDEX job_states_due ON pgopt.job_states (due) WHERE due IS NOT NULL;
CREATE INDEX job_states_running ON pgopt.job_states (running_run) WHERE running_run IS NOT NULL;
COMMENT ON TABLE pgopt.job_states IS 'Where each job stands; written by the worker only; use the view pgopt.jobs';
COMMENT ON COLUMN pgopt.job_states.job_id IS 'identifier of the job';
COMMENT ON COLUMN pgopt.job_states.version IS 'version of the definition that it follows';
COMMENT ON COLUMN pgopt.job_states.due IS 'next moment at which something is to happen';
COMMENT ON COLUMN pgopt.job_states.slot IS 'next time of the schedule for which no run began';
COMMENT ON COLUMN pgopt.job_states.retry_at IS 'when the next attempt is made';
COMMENT ON COLUMN pgopt.job_states.not_before IS 'no run of the schedule before then, because the last one took longer than the interval';
COMMENT ON COLUMN pgopt.job_states.attempt IS 'attempts begun since the last end for good';
COMMENT ON COLUMN pgopt.job_states.failures IS 'failures in a row';
COMMENT ON COLUMN pgopt.job_states.breaker IS 'closed, open or half-open';
COMMENT ON COLUMN pgopt.job_states.openings IS 'how often in a row the breaker opened';
COMMENT ON COLUMN pgopt.job_states.open_until IS 'when the open breaker lets a probe through';
COMMENT ON COLUMN pgopt.job_states.requested_run IS 'run that pgopt.run_now() asked for and that has not begun';
COMMENT ON COLUMN pgopt.job_states.running_run IS 'run under way';
COMMENT ON COLUMN pgopt.job_states.started IS 'when it began';
COMMENT ON COLUMN pgopt.job_states.run_name IS 'name of the job when it began';
COMMENT ON COLUMN pgopt.job_states.run_owner IS 'role that it runs as';
COMMENT ON COLUMN pgopt.job_states.run_command IS 'its commands, the first 1000 characters';
COMMENT ON COLUMN pgopt.job_states.priority IS 'as in the definition';
COMMENT ON COLUMN pgopt.job_states.exclusion_key IS 'as in the definition';
COMMENT ON COLUMN pgopt.job_states.run_after IS 'as in the definition';
COMMENT ON COLUMN pgopt.job_states.skipped IS 'times of the schedule that were skipped because a run was under way, or missed';
COMMENT ON COLUMN pgopt.job_states.booted IS 'start of the server for which a @reboot job ran';
COMMENT ON COLUMN pgopt.job_states.last_run IS 'last run that ended';
COMMENT ON COLUMN pgopt.job_states.last_status IS 'how it ended';
COMMENT ON COLUMN pgopt.job_states.last_started IS 'when it began';
COMMENT ON COLUMN pgopt.job_states.last_finished IS 'when it ended';
COMMENT ON COLUMN pgopt.job_states.last_success IS 'when the last run that succeeded ended';
COMMENT ON COLUMN pgopt.job_states.last_rows IS 'rows that the last run processed';
COMMENT ON COLUMN pgopt.job_states.last_sqlstate IS 'SQLSTATE of the last run, if it failed';
COMMENT ON COLUMN pgopt.job_states.last_message IS 'what it said';

CREATE TABLE pgopt.job_requests (
    run bigint PRIMARY KEY,
    job_id bigint NOT NULL,
    kind text NOT NULL);
COMMENT ON TABLE pgopt.job_requests IS 'What users asked of the worker and it has not taken up yet; nearly always empty';
COMMENT ON COLUMN pgopt.job_requests.run IS 'identifier of the run asked for, or just a number';
COMMENT ON COLUMN pgopt.job_requests.job_id IS 'identifier of the job';
COMMENT ON COLUMN pgopt.job_requests.kind IS 'run or reset';

CREATE TABLE pgopt.job_run_log (
    id bigint PRIMARY KEY,
    job_id bigint NOT NULL,
    name text NOT NULL,
    owner oid NOT NULL,
    command text NOT NULL,
    status text NOT NULL,
    attempt integer NOT NULL,
    started timestamptz,
    finished timestamptz NOT NULL,
    rows bigint,
    sqlstate text,
    message text,
    next_try timestamptz);
CREATE INDEX job_run_log_of_job ON pgopt.job_run_log (job_id, id);
CREATE INDEX job_run_log_by_time ON pgopt.job_run_log (finished);
COMMENT ON TABLE pgopt.job_run_log IS 'Runs that ended, one row each, written once; use the view pgopt.job_runs';
COMMENT ON COLUMN pgopt.job_run_log.id IS 'identifier of the run';
COMMENT ON COLUMN pgopt.job_run_log.job_id IS 'identifier of the job';
COMMENT ON COLUMN pgopt.job_run_log.name IS 'name of the job then';
COMMENT ON COLUMN pgopt.job_run_log.owner IS 'role that it ran as';
COMMENT ON COLUMN pgopt.job_run_log.command IS 'its commands, the first 1000 characters';
COMMENT ON COLUMN pgopt.job_run_log.status IS 'succeeded, failed, skipped or lost';
COMMENT ON COLUMN pgopt.job_run_log.attempt IS 'number of the attempt, from 1';
COMMENT ON COLUMN pgopt.job_run_log.started IS 'when it began; null for runs that did not';
COMMENT ON COLUMN pgopt.job_run_log.finished IS 'when it ended, or was found lost';
COMMENT ON COLUMN pgopt.job_run_log.rows IS 'rows processed';
COMMENT ON COLUMN pgopt.job_run_log.sqlstate IS 'SQLSTATE of the failure';
COMMENT ON COLUMN pgopt.job_run_log.message IS 'error message, reason or remark';
COMMENT ON COLUMN pgopt.job_run_log.next_try IS 'when the next attempt was to be made';

SELECT pg_catalog.pg_extension_config_dump('pgopt.job_definitions', '');
SELECT pg_catalog.pg_extension_config_dump('pgopt.job_ids', '');

CREATE FUNCTION pgopt.jobs_changed()
RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'jobs_changed_wrapper';
COMMENT ON FUNCTION pgopt.jobs_changed() IS 'Trigger: wakes the worker when the transaction commits';

CREATE TRIGGER wake_worker AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON pgopt.job_definitions
    FOR EACH STATEMENT EXECUTE FUNCTION pgopt.jobs_changed();
CREATE TRIGGER wake_worker AFTER INSERT ON pgopt.job_requests
    FOR EACH STATEMENT EXECUTE FUNCTION pgopt.jobs_changed();
