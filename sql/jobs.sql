-- Scheduled commands: what is to be done, where it stands, what was done.

CREATE SEQUENCE pgopt.job_ids;
COMMENT ON SEQUENCE pgopt.job_ids IS 'identifiers of jobs';

CREATE SEQUENCE pgopt.job_run_ids;
COMMENT ON SEQUENCE pgopt.job_run_ids IS 'identifiers of runs of jobs';

-- They begin where the clock is, so that what still runs for an extension that was dropped has no
-- number in common with this one.
SELECT pg_catalog.setval(s::pg_catalog.regclass,
           ((pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) OPERATOR(pg_catalog.-) 1577836800)
               OPERATOR(pg_catalog.*) 1000)::bigint)
  FROM pg_catalog.unnest('{pgopt.job_ids,pgopt.job_run_ids}'::text[]) AS s;

CREATE TABLE pgopt.job_definitions (
    id bigint PRIMARY KEY DEFAULT pg_catalog.nextval('pgopt.job_ids'::pg_catalog.regclass),
    name text NOT NULL UNIQUE,
    owner text NOT NULL,
    owner_oid oid NOT NULL,
    owner_place text NOT NULL,
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
COMMENT ON COLUMN pgopt.job_definitions.owner IS 'name of the role that it runs as, by which the role is found after a restore; kept up with renames';
COMMENT ON COLUMN pgopt.job_definitions.owner_oid IS 'that role, as long as owner_place is where it is';
COMMENT ON COLUMN pgopt.job_definitions.owner_place IS 'the server, database and extension that owner_oid is an OID of';
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
COMMENT ON COLUMN pgopt.job_definitions.exclusion_key IS 'two jobs of one owner with the same key never run at once; keys that begin with pgopt: are everybody''s';
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
    run_version bigint,
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
    last_message text,
    over boolean NOT NULL DEFAULT false,
    quarantined bigint)
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
COMMENT ON COLUMN pgopt.job_states.run_version IS 'version of the definition that it was begun for';
COMMENT ON COLUMN pgopt.job_states.run_command IS 'its commands, the first 1000 characters';
COMMENT ON COLUMN pgopt.job_states.priority IS 'as in the definition';
COMMENT ON COLUMN pgopt.job_states.exclusion_key IS 'as in the definition, with the owner before it';
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
COMMENT ON COLUMN pgopt.job_states.over IS 'whether the job ran its once, and is removed as soon as nobody holds its definition';
COMMENT ON COLUMN pgopt.job_states.quarantined IS 'version of the definition that could not be worked with; it is left alone until it is changed';

CREATE TABLE pgopt.job_requests (
    run bigint PRIMARY KEY,
    job_id bigint NOT NULL,
    kind text NOT NULL);
CREATE INDEX job_requests_of_job ON pgopt.job_requests (job_id, kind);
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

SELECT pg_catalog.pg_extension_config_dump('pgopt.job_definitions', 'WHERE NOT once');
SELECT pg_catalog.pg_extension_config_dump('pgopt.job_ids', '');

CREATE FUNCTION pgopt.job_owner(owner text, owner_oid oid, owner_place text)
RETURNS oid
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'job_owner_wrapper';
COMMENT ON FUNCTION pgopt.job_owner(text, oid, text) IS
'The role that a definition of a job names: by its OID where that was written down, which may be of a role that was dropped since, by its name after a restore; null if there is none of that name';

CREATE FUNCTION pgopt.jobs_changed()
RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'jobs_changed_wrapper';
COMMENT ON FUNCTION pgopt.jobs_changed() IS 'Trigger: wakes the worker when the transaction commits';

CREATE TRIGGER wake_worker AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON pgopt.job_definitions
    FOR EACH STATEMENT EXECUTE FUNCTION pgopt.jobs_changed();
CREATE TRIGGER wake_worker AFTER INSERT ON pgopt.job_requests
    FOR EACH STATEMENT EXECUTE FUNCTION pgopt.jobs_changed();

CREATE FUNCTION pgopt.schedule(
    name text,
    schedule text,
    command text,
    time_zone text DEFAULT NULL,
    starts timestamptz DEFAULT NULL,
    statement_timeout interval DEFAULT NULL,
    lock_timeout interval DEFAULT NULL,
    max_attempts int DEFAULT 3,
    backoff interval DEFAULT '10 s',
    backoff_max interval DEFAULT '5 min',
    breaker_failures int DEFAULT 5,
    breaker_cooldown interval DEFAULT '10 min',
    overlap text DEFAULT 'skip',
    catch_up boolean DEFAULT true,
    priority int DEFAULT 0,
    maintenance_window boolean DEFAULT false,
    exclusion_key text DEFAULT NULL,
    run_after text[] DEFAULT NULL,
    once boolean DEFAULT false,
    slow_down boolean DEFAULT false,
    enabled boolean DEFAULT true,
    replace boolean DEFAULT false)
RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'schedule_command_wrapper';
COMMENT ON FUNCTION pgopt.schedule(text, text, text, text, timestamptz, interval, interval, int, interval, interval, int, interval, text, boolean, int, boolean, text, text[], boolean, boolean, boolean, boolean) IS
'Schedules one statement to be run as the current user: by an interval such as 15 minutes, by cron text of five fields or six (seconds first), by @hourly, @daily, @weekly, @monthly, @yearly or @reboot, or on demand (null). Returns the identifier of the job. Timeouts below zero stand for the owner''s setting';

CREATE FUNCTION pgopt.schedule(
    name text,
    schedule text,
    commands text[],
    time_zone text DEFAULT NULL,
    starts timestamptz DEFAULT NULL,
    statement_timeout interval DEFAULT NULL,
    lock_timeout interval DEFAULT NULL,
    max_attempts int DEFAULT 3,
    backoff interval DEFAULT '10 s',
    backoff_max interval DEFAULT '5 min',
    breaker_failures int DEFAULT 5,
    breaker_cooldown interval DEFAULT '10 min',
    overlap text DEFAULT 'skip',
    catch_up boolean DEFAULT true,
    priority int DEFAULT 0,
    maintenance_window boolean DEFAULT false,
    exclusion_key text DEFAULT NULL,
    run_after text[] DEFAULT NULL,
    once boolean DEFAULT false,
    slow_down boolean DEFAULT false,
    enabled boolean DEFAULT true,
    replace boolean DEFAULT false)
RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'schedule_commands_wrapper';
COMMENT ON FUNCTION pgopt.schedule(text, text, text[], text, timestamptz, interval, interval, int, interval, interval, int, interval, text, boolean, int, boolean, text, text[], boolean, boolean, boolean, boolean) IS
'The same for several statements, which run one after the other, each in a transaction of its own, until one fails';

CREATE FUNCTION pgopt.alter_job(
    name text,
    new_name text DEFAULT NULL,
    schedule text DEFAULT NULL,
    command text DEFAULT NULL,
    commands text[] DEFAULT NULL,
    time_zone text DEFAULT NULL,
    starts timestamptz DEFAULT NULL,
    statement_timeout interval DEFAULT NULL,
    lock_timeout interval DEFAULT NULL,
    max_attempts int DEFAULT NULL,
    backoff interval DEFAULT NULL,
    backoff_max interval DEFAULT NULL,
    breaker_failures int DEFAULT NULL,
    breaker_cooldown interval DEFAULT NULL,
    overlap text DEFAULT NULL,
    catch_up boolean DEFAULT NULL,
    priority int DEFAULT NULL,
    maintenance_window boolean DEFAULT NULL,
    exclusion_key text DEFAULT NULL,
    run_after text[] DEFAULT NULL,
    once boolean DEFAULT NULL,
    slow_down boolean DEFAULT NULL,
    enabled boolean DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'alter_job_wrapper';
COMMENT ON FUNCTION pgopt.alter_job(text, text, text, text, text[], text, timestamptz, interval, interval, int, interval, interval, int, interval, text, boolean, int, boolean, text, text[], boolean, boolean, boolean) IS
'Changes what is not null about a job; an empty schedule or exclusion_key takes it away, a timeout below zero stands for the owner''s setting';

CREATE FUNCTION pgopt.unschedule(name text)
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'unschedule_wrapper';
COMMENT ON FUNCTION pgopt.unschedule(text) IS
'Removes a job; false if there is none. A run under way goes on; what was logged stays';

CREATE FUNCTION pgopt.run_now(name text)
RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'run_now_wrapper';
COMMENT ON FUNCTION pgopt.run_now(text) IS
'Asks for a run of a job as soon as there is room, also while it is paused or its breaker is open; returns the run, as pgopt.job_runs will show it';

CREATE FUNCTION pgopt.pause(name text)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pause_wrapper';
COMMENT ON FUNCTION pgopt.pause(text) IS
'Keeps a job from coming due; a run under way goes on';

CREATE FUNCTION pgopt.resume(name text)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'resume_wrapper';
COMMENT ON FUNCTION pgopt.resume(text) IS
'Lets a paused job come due again, from the next time of its schedule on';

CREATE FUNCTION pgopt.reset_breaker(name text)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'reset_breaker_wrapper';
COMMENT ON FUNCTION pgopt.reset_breaker(text) IS
'Closes the breaker of a job that failed too often in a row, and forgets the failures';

CREATE VIEW pgopt.jobs WITH (security_barrier) AS
SELECT d.id,
       d.name,
       o.owner::pg_catalog.regrole AS owner,
       d.schedule,
       d.time_zone,
       d.commands[1] AS command,
       d.commands,
       CASE WHEN s.running_run IS NOT NULL THEN 'running'
            WHEN s.requested_run IS NOT NULL OR q.run IS NOT NULL THEN 'requested'
            WHEN NOT d.enabled THEN 'paused'
            WHEN s.quarantined OPERATOR(pg_catalog.=) d.version THEN 'quarantined'
            WHEN s.breaker OPERATOR(pg_catalog.=) 'open' AND q.reset IS NULL THEN 'open'
            WHEN s.retry_at IS NOT NULL THEN 'retrying'
            WHEN d.schedule IS NULL THEN 'on demand'
            ELSE 'scheduled' END AS state,
       CASE WHEN NOT d.enabled OR s.quarantined OPERATOR(pg_catalog.=) d.version THEN NULL
            WHEN s.version OPERATOR(pg_catalog.=) d.version THEN coalesce(s.due, s.slot)
            ELSE d.first_run END AS next_run,
       CASE WHEN q.reset IS NULL THEN coalesce(s.failures, 0) ELSE 0 END AS failures,
       CASE WHEN q.reset IS NULL THEN coalesce(s.breaker, 'closed') ELSE 'closed' END AS breaker,
       coalesce(s.attempt, 0) AS attempt,
       s.running_run,
       CASE WHEN s.running_run IS NOT NULL THEN s.started END AS running_since,
       s.last_run,
       s.last_status,
       s.last_started,
       s.last_finished,
       s.last_success,
       s.last_rows,
       s.last_sqlstate,
       s.last_message,
       coalesce(s.skipped, 0) AS skipped,
       d.statement_timeout OPERATOR(pg_catalog.*) interval '1 millisecond' AS statement_timeout,
       d.lock_timeout OPERATOR(pg_catalog.*) interval '1 millisecond' AS lock_timeout,
       d.max_attempts,
       d.backoff,
       d.backoff_max,
       d.breaker_failures,
       d.breaker_cooldown,
       d.overlap,
       d.catch_up,
       d.priority,
       d.maintenance_window,
       d.exclusion_key,
       ARRAY(SELECT u.name FROM pgopt.job_definitions AS u
              WHERE u.id OPERATOR(pg_catalog.=) ANY (d.run_after)) AS run_after,
       d.once,
       d.slow_down,
       d.starts,
       d.created
  FROM pgopt.job_definitions AS d
 CROSS JOIN LATERAL (SELECT coalesce(pgopt.job_owner(d.owner, d.owner_oid, d.owner_place), 0) AS owner) AS o
  LEFT JOIN pgopt.job_states AS s ON s.job_id OPERATOR(pg_catalog.=) d.id
  LEFT JOIN (SELECT r.job_id,
                    pg_catalog.min(r.run) FILTER (WHERE r.kind OPERATOR(pg_catalog.=) 'run') AS run,
                    pg_catalog.min(r.run) FILTER (WHERE r.kind OPERATOR(pg_catalog.=) 'reset') AS reset
               FROM pgopt.job_requests AS r GROUP BY r.job_id) AS q ON q.job_id OPERATOR(pg_catalog.=) d.id
 WHERE pg_catalog.pg_has_role(o.owner, 'USAGE')
    OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE');
COMMENT ON VIEW pgopt.jobs IS
'Jobs of the roles whose privileges the current user has; of all roles with pg_read_all_stats';
COMMENT ON COLUMN pgopt.jobs.id IS 'identifier of the job';
COMMENT ON COLUMN pgopt.jobs.name IS 'its name';
COMMENT ON COLUMN pgopt.jobs.owner IS 'role that it runs as; a number when the role was dropped since, - when it is not there after a restore';
COMMENT ON COLUMN pgopt.jobs.schedule IS 'cron text, interval or name such as @daily; null for on demand only';
COMMENT ON COLUMN pgopt.jobs.time_zone IS 'time zone of the schedule';
COMMENT ON COLUMN pgopt.jobs.command IS 'the first of its commands';
COMMENT ON COLUMN pgopt.jobs.commands IS 'statements, run one after the other, each in a transaction of its own';
COMMENT ON COLUMN pgopt.jobs.state IS 'running, requested (by pgopt.run_now()), paused, quarantined (last_message says why), open (its breaker), retrying, on demand or scheduled';
COMMENT ON COLUMN pgopt.jobs.next_run IS 'when it is due next; while it runs, the next time of its schedule';
COMMENT ON COLUMN pgopt.jobs.failures IS 'failures in a row';
COMMENT ON COLUMN pgopt.jobs.breaker IS 'closed, open (it is not run) or half-open (one run shows whether it works again)';
COMMENT ON COLUMN pgopt.jobs.attempt IS 'attempts begun since the last end for good';
COMMENT ON COLUMN pgopt.jobs.running_run IS 'run under way';
COMMENT ON COLUMN pgopt.jobs.running_since IS 'when that began';
COMMENT ON COLUMN pgopt.jobs.last_run IS 'last run that ended';
COMMENT ON COLUMN pgopt.jobs.last_status IS 'how it ended: succeeded, failed, skipped or lost';
COMMENT ON COLUMN pgopt.jobs.last_started IS 'when it began';
COMMENT ON COLUMN pgopt.jobs.last_finished IS 'when it ended';
COMMENT ON COLUMN pgopt.jobs.last_success IS 'when the last run that succeeded ended';
COMMENT ON COLUMN pgopt.jobs.last_rows IS 'rows that the last run processed';
COMMENT ON COLUMN pgopt.jobs.last_sqlstate IS 'SQLSTATE of the last run, if it failed';
COMMENT ON COLUMN pgopt.jobs.last_message IS 'its error message, reason or remark';
COMMENT ON COLUMN pgopt.jobs.skipped IS 'times of the schedule that were skipped because a run was under way, or missed';
COMMENT ON COLUMN pgopt.jobs.statement_timeout IS 'statement_timeout of its runs; null for the owner''s setting, zero for none';
COMMENT ON COLUMN pgopt.jobs.lock_timeout IS 'lock_timeout of its runs, likewise';
COMMENT ON COLUMN pgopt.jobs.max_attempts IS 'attempts after failures that can pass, the first included';
COMMENT ON COLUMN pgopt.jobs.backoff IS 'longest wait before the second attempt; doubled with each further one';
COMMENT ON COLUMN pgopt.jobs.backoff_max IS 'longest wait before any attempt';
COMMENT ON COLUMN pgopt.jobs.breaker_failures IS 'failures in a row that open the breaker; 0 for never';
COMMENT ON COLUMN pgopt.jobs.breaker_cooldown IS 'how long the breaker stays open; doubled each time it opens again, up to 24 hours';
COMMENT ON COLUMN pgopt.jobs.overlap IS 'when it is due while it runs: skip, or queue one run';
COMMENT ON COLUMN pgopt.jobs.catch_up IS 'whether missed runs are made up for, once';
COMMENT ON COLUMN pgopt.jobs.priority IS 'of jobs that are due together, higher ones start first';
COMMENT ON COLUMN pgopt.jobs.maintenance_window IS 'whether it waits for pgopt.maintenance_window';
COMMENT ON COLUMN pgopt.jobs.exclusion_key IS 'two jobs of one owner with the same key never run at once';
COMMENT ON COLUMN pgopt.jobs.run_after IS 'jobs that it lets go first when they are due';
COMMENT ON COLUMN pgopt.jobs.once IS 'whether it is removed when its run has ended for good';
COMMENT ON COLUMN pgopt.jobs.slow_down IS 'whether it runs less often when a run takes longer than its interval';
COMMENT ON COLUMN pgopt.jobs.starts IS 'moment that intervals are counted from, and before which nothing is due';
COMMENT ON COLUMN pgopt.jobs.created IS 'when it was scheduled';

CREATE VIEW pgopt.job_runs WITH (security_barrier) AS
SELECT r.*
  FROM (SELECT l.id AS run,
               l.job_id,
               l.name,
               l.owner::pg_catalog.regrole AS owner,
               l.command,
               l.status,
               l.attempt,
               l.started,
               l.finished,
               l.rows,
               l.sqlstate,
               l.message,
               l.next_try
          FROM pgopt.job_run_log AS l
        UNION ALL
        SELECT s.running_run,
               s.job_id,
               s.run_name,
               s.run_owner::pg_catalog.regrole,
               s.run_command,
               'running',
               s.attempt,
               s.started,
               NULL,
               NULL,
               NULL,
               NULL,
               NULL
          FROM pgopt.job_states AS s
         WHERE s.running_run IS NOT NULL) AS r
 WHERE pg_catalog.pg_has_role(r.owner::pg_catalog.oid, 'USAGE')
    OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE');
COMMENT ON VIEW pgopt.job_runs IS
'Runs of jobs, those under way among them; of the roles whose privileges the current user has, of all roles with pg_read_all_stats. Kept as pgopt.job_history and its limits have it';
COMMENT ON COLUMN pgopt.job_runs.run IS 'identifier of the run';
COMMENT ON COLUMN pgopt.job_runs.job_id IS 'identifier of the job';
COMMENT ON COLUMN pgopt.job_runs.name IS 'name of the job then';
COMMENT ON COLUMN pgopt.job_runs.owner IS 'role that it ran as; a number when the role was dropped since';
COMMENT ON COLUMN pgopt.job_runs.command IS 'its commands, the first 1000 characters';
COMMENT ON COLUMN pgopt.job_runs.status IS 'running, succeeded, failed, skipped (there was nothing to do, or times of the schedule passed) or lost (its process was gone)';
COMMENT ON COLUMN pgopt.job_runs.attempt IS 'number of the attempt, from 1; 0 when nothing was started';
COMMENT ON COLUMN pgopt.job_runs.started IS 'when it began; null when nothing was started';
COMMENT ON COLUMN pgopt.job_runs.finished IS 'when it ended, or was found lost';
COMMENT ON COLUMN pgopt.job_runs.rows IS 'rows processed';
COMMENT ON COLUMN pgopt.job_runs.sqlstate IS 'SQLSTATE of the failure';
COMMENT ON COLUMN pgopt.job_runs.message IS 'error message, reason or remark';
COMMENT ON COLUMN pgopt.job_runs.next_try IS 'when the next attempt was to be made';
