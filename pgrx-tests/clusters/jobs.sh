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
# The owner of a database who is no superuser dumps it, and it is restored into others, where roles
# are missing, and where numbers are those of other roles.
sql postgres >/dev/null <<'SQL'
CREATE ROLE house LOGIN;
CREATE ROLE tenant LOGIN;
CREATE ROLE gone LOGIN;
CREATE DATABASE houses OWNER house;
SQL
sql postgres -d houses >/dev/null <<'SQL'
CREATE EXTENSION pgopt;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pgopt TO tenant, gone;
SET ROLE house;
CREATE SCHEMA own;
CREATE MATERIALIZED VIEW own.one AS SELECT 1 AS a;
SELECT pgopt.refresh_every('own.one', '1 hour');
SELECT pgopt.schedule('of the house', NULL, 'SELECT 1');
SELECT pgopt.schedule('for once', '1 hour', 'SELECT 1', once => true);
SET ROLE tenant;
SELECT pgopt.schedule('of the tenant', NULL, 'SELECT 1');
SET ROLE gone;
SELECT pgopt.schedule('of nobody', NULL, 'SELECT 1');
RESET ROLE;
DROP OWNED BY gone;
DROP ROLE gone;
SQL
dump=${DATA%/data}/houses.sql
if said=$("$PGBINDIR/pg_dump" -U house -d houses -f "$dump" 2>&1); then
    pass 'the owner of a database, no superuser, dumps it'
else
    fail 'the owner of a database, no superuser, dumps it' "$said"
fi
lacks 'the dump has no job for once' "$(cat "$dump")" 'for once'
sql postgres >/dev/null <<'SQL'
CREATE DATABASE restored;
SQL
if said=$(sql postgres -d restored -f "$dump" 2>&1 >/dev/null); then
    pass 'the dump is restored'
else
    fail 'the dump is restored' "$said"
fi
same 'jobs have the owners of those names, and nobody where there is none' \
    'of nobody -,of the house house,of the tenant tenant,refresh own.one house' \
    "$(in_database restored "SELECT string_agg(name || ' ' || owner, ',' ORDER BY name) FROM pgopt.jobs")"
in_database restored "SELECT pgopt.run_now(name) FROM pgopt.jobs" >/dev/null
becomes 'a job without its role fails by itself' 'failed28000role "gone" does not exist' \
    "SELECT status || sqlstate || message FROM pgopt.job_runs WHERE name = 'of nobody'" 20 -d restored
becomes 'the others run as their owners' 'of the house house,of the tenant tenant,refresh own.one house' \
    "SELECT string_agg(name || ' ' || owner, ',' ORDER BY name) FROM pgopt.job_runs WHERE status = 'succeeded'" 20 -d restored
becomes 'the worker writes down who they are' 3 \
    "SELECT count(*) FROM pgopt.job_definitions d JOIN pg_roles r ON r.oid = d.owner_oid AND r.rolname = d.owner
      WHERE split_part(d.owner_place, '/', 2) = (SELECT oid::text FROM pg_database WHERE datname = 'restored')" 20 -d restored
run postgres 'ALTER ROLE tenant RENAME TO lodger'
in_database restored "SELECT pgopt.run_now('of the tenant')" >/dev/null
becomes 'a renamed role is its owner under its new name' lodger \
    "SELECT owner FROM pgopt.job_definitions WHERE name = 'of the tenant'" 75 -d restored
# Two databases and a number that is another's: what the dump says of it is not believed.
sed "s/^\\([0-9]*\\tof nobody\\tgone\\t\\)[0-9]*/\\110/" "$dump" >"$dump.10"
contains 'the dump has the number of a superuser' "$(cat "$dump.10")" "of nobody.gone.10"
run postgres 'ALTER ROLE lodger RENAME TO tenant'
run postgres 'CREATE DATABASE another'
sql postgres -d another -f "$dump.10" >/dev/null
in_database another "SELECT pgopt.run_now('of nobody')" >/dev/null
becomes 'the job of a dropped role is not the superuser'"'"'s' 'failed28000' \
    "SELECT status || sqlstate FROM pgopt.job_runs WHERE name = 'of nobody'" 20 -d another

# A row that no function of pgopt's lets in stops no other job.
sql postgres -d another >/dev/null <<'SQL'
SELECT pgopt.schedule('broken', '1 second', 'SELECT 1');
SELECT pgopt.schedule('whole', '1 second', 'SELECT 1');
UPDATE pgopt.job_definitions SET starts = 'infinity', version = version + 1 WHERE name = 'broken';
SQL
becomes 'a row that cannot be read is put aside' quarantined "SELECT state FROM pgopt.jobs WHERE name = 'broken'" 20 -d another
becomes 'the others run on' t "SELECT count(*) > 2 FROM pgopt.job_runs WHERE name = 'whole' AND status = 'succeeded'" 20 -d another
contains 'the log of the server says so' "$(grep 'alone until it is changed' "$LOG")" 'WARNING.*"broken"'

# One role asks again and again.
in_database another "SELECT count(pgopt.reset_breaker('whole')::text) FROM generate_series(1, 20000)" >/dev/null
becomes 'what is asked for again and again is done once' 0 'SELECT count(*) FROM pgopt.job_requests' 20 -d another

finish
