#!/usr/bin/env bash
# What users do to jobs in transactions of their own, while the worker goes on with its work.
set -euo pipefail
# shellcheck source=pgrx-tests/clusters/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck source=pgrx-tests/clusters/worker/lib.sh
. "$(dirname "$0")/worker/lib.sh"

sql postgres >/dev/null <<'SQL'
CREATE EXTENSION pgopt;
SELECT pgopt.schedule('held', '1 second', 'SELECT 1');
SELECT pgopt.schedule('free', '1 second', 'SELECT 1');
SELECT pgopt.schedule('asked', NULL, 'SELECT 1');
SELECT pgopt.schedule('single', NULL, 'SELECT 1', once => true);
SQL
becomes 'jobs run' t "SELECT count(DISTINCT name) = 2 FROM pgopt.job_runs WHERE status = 'succeeded'"

# Somebody changes jobs, asks for a run, and goes to lunch before he commits.
run postgres "BEGIN; SELECT pgopt.alter_job('held', priority => 1); SELECT pgopt.run_now('asked');
    SELECT pgopt.alter_job('single', priority => 1); SELECT pgopt.schedule('new', '1 second', 'SELECT 1');
    SELECT pg_sleep(8); COMMIT" >/dev/null &
LUNCH=$!
becomes 'he sleeps' 1 "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
runs() { value "SELECT count(*) FROM pgopt.job_runs WHERE name = '$1' AND status = 'succeeded'"; }
held=$(runs held) free=$(runs free)
single=$(value "SELECT pgopt.run_now('single')")
becomes 'a job he changed runs on' t "SELECT count(*) > $held + 2 FROM pgopt.job_runs WHERE name = 'held' AND status = 'succeeded'"
becomes 'another one does' t "SELECT count(*) > $free + 2 FROM pgopt.job_runs WHERE name = 'free' AND status = 'succeeded'"
becomes 'a job for once runs, too' succeeded "SELECT status FROM pgopt.job_runs WHERE run = $single"
same 'he sleeps still' 1 "$(value "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")"
same 'what he asked for and did not commit is not done' 0 "$(runs asked)"
same 'nobody sees his job' 0 "$(value "SELECT count(*) FROM pgopt.jobs WHERE name = 'new'")"
wait "$LUNCH"
becomes 'after his commit it is done' 1 "SELECT count(*) FROM pgopt.job_runs WHERE name = 'asked' AND status = 'succeeded'"
becomes 'his job runs' t "SELECT count(*) > 1 FROM pgopt.job_runs WHERE name = 'new' AND status = 'succeeded'"
becomes 'the job for once is gone' 0 "SELECT count(*) FROM pgopt.jobs WHERE name = 'single'"
same 'it ran once' 1 "$(runs single)"
same 'his change was made' 1 "$(value "SELECT priority FROM pgopt.jobs WHERE name = 'held'")"

# A transaction that may not write, and one that is rolled back.
fails 'a read-only transaction schedules nothing' 25006 'read-only transaction' postgres \
    "BEGIN READ ONLY; SELECT pgopt.schedule('x', '1 second', 'SELECT 1')"
run postgres "BEGIN; SELECT pgopt.unschedule('free'); SELECT pgopt.pause('held'); ROLLBACK" >/dev/null
free=$(runs free) held=$(runs held)
becomes 'what was rolled back changed nothing' t "SELECT (SELECT count(*) FROM pgopt.job_runs WHERE name = 'free') > $free + 1
    AND (SELECT count(*) FROM pgopt.job_runs WHERE name = 'held') > $held + 1"

# The setting of a window reaches the worker by a reload, and keeps a job from running.
run postgres "SELECT pgopt.unschedule('free'), pgopt.unschedule('held'), pgopt.unschedule('new')" >/dev/null
window=$(value "SELECT to_char(now() AT TIME ZONE 'UTC' + interval '6 hours', 'HH24:00-') || to_char(now() AT TIME ZONE 'UTC' + interval '7 hours', 'HH24:00')")
run postgres "ALTER SYSTEM SET pgopt.maintenance_window = '$window'"
reload
run postgres "SELECT pgopt.schedule('waits', '1 second', 'SELECT 1', maintenance_window => true, time_zone => 'UTC')" >/dev/null
sleep 4
same 'it waits for the window' 0 "$(runs waits)"
run postgres 'ALTER SYSTEM RESET pgopt.maintenance_window'
reload
run postgres "SELECT pgopt.alter_job('waits', priority => 1)" >/dev/null
becomes 'without a window it runs' t "SELECT count(*) > 1 FROM pgopt.job_runs WHERE name = 'waits' AND status = 'succeeded'"

# Two rows of states a run, none left over from jobs that are gone.
becomes 'states of removed jobs are gone' 't' "SELECT array_agg(job_id ORDER BY job_id) = (SELECT array_agg(id ORDER BY id) FROM pgopt.job_definitions) FROM pgopt.job_states"
finish
