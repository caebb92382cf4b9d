#!/usr/bin/env bash
# What befalls servers befalls jobs: processes are killed, slots run out, roles and disks vanish, the
# schedule is restored elsewhere, a standby is promoted. Nothing is lost, and the log has the right row.
set -euo pipefail
# shellcheck source=pgrx-tests/clusters/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=pgrx-tests/clusters/worker/lib.sh
. "$(dirname "$0")/worker/lib.sh"

PLACE=$(mktemp -d /tmp/pgopt-faults.XXXXXX)
clean_up() {
    if [ -d "$PLACE/standby" ]; then
        as_owner "$PGBINDIR/pg_ctl" stop --silent --wait --mode=immediate -D "$PLACE/standby" >/dev/null 2>&1 || true
    fi
    if mountpoint -q "$PLACE/small"; then
        umount -l "$PLACE/small"
    fi
    rm -rf "$PLACE"
}
trap clean_up EXIT
chmod 755 "$PLACE"
if [ "$(id -u)" -eq 0 ]; then chown "$OWNER:" "$PLACE"; fi

sql postgres <<'SQL'
CREATE EXTENSION pgopt;
CREATE TABLE log (at timestamptz DEFAULT clock_timestamp(), what text);
SELECT pgopt.schedule('steady', '2 seconds', $$INSERT INTO log (what) VALUES ('steady')$$);
SELECT pgopt.schedule('victim', NULL, 'SELECT pg_sleep(600)', max_attempts => 1);
SQL

STEADY="SELECT count(*) FROM log WHERE what = 'steady'"
goes_on() {
    local count
    count=$(value "$STEADY")
    becomes "$1: jobs go on" t "SELECT count(*) > $count FROM log WHERE what = 'steady'" 40
}
# disturb NAME SIGNAL PROCESS: kills it while a run is under way.
disturb() {
    local pid
    value "SELECT pgopt.run_now('victim')" >/dev/null
    becomes "$1: a run is under way" t "SELECT ($(pid_of victim)) IS NOT NULL" 30
    pid=$(value "$3")
    as_owner kill "-$2" "$pid"
    until_true 5 bash -c "! kill -0 $pid"
    until_true 60 is_up || fail "$1: the server is up again"
    becomes "$1: the run is lost, not failed" 'lost ' "$(last_run victim)" 40
    goes_on "$1"
}
disturb 'kill -9 of an executor' KILL "$(pid_of victim)"
disturb 'kill -9 of a worker' KILL "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pgopt worker' AND datname = 'postgres'"
disturb 'kill -9 of the launcher' KILL "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pgopt launcher'"

# The postmaster.
value "SELECT pgopt.run_now('victim')" >/dev/null
becomes 'kill -9 of the postmaster: a run is under way' t "SELECT ($(pid_of victim)) IS NOT NULL"
before=$(value "SELECT count(*) FROM pgopt.job_runs WHERE name = 'steady' AND status = 'lost'")
pids=$(value "SELECT string_agg(pid::text, ' ') FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
postmaster=$(as_owner head -n 1 "$DATA/postmaster.pid")
as_owner kill -KILL "$postmaster"
# pg_sleep waits on its latch and sees the postmaster's death.
for pid in $pids; do until_true 30 bash -c "! kill -0 $pid" || fail "process $pid outlives the postmaster"; done
as_owner rm -f "$DATA/postmaster.pid"
start
becomes 'kill -9 of the postmaster: the run is lost' 'lost ' "$(last_run victim)" 30
goes_on 'kill -9 of the postmaster'
same 'of the other job at most one run was lost' t "$(value "SELECT count(*) - $before <= 1 FROM pgopt.job_runs WHERE name = 'steady' AND status = 'lost'")"

# A fast shutdown does not wait for a run, and what was missed is caught up once.
value "SELECT pgopt.run_now('victim')" >/dev/null
becomes 'fast shutdown: a run is under way' t "SELECT ($(pid_of victim)) IS NOT NULL"
began=$SECONDS
stop fast
same 'a fast shutdown takes less than ten seconds' t "$([ $((SECONDS - began)) -lt 10 ] && echo t)"
sleep 5
start
becomes 'fast shutdown: the run is lost or failed' t "SELECT status IN ('lost', 'failed') FROM pgopt.job_runs WHERE name = 'victim' ORDER BY run DESC LIMIT 1" 30
goes_on 'fast shutdown'

# Two free slots: launcher, housekeeper and the logical replication launcher take three of five.
value "SELECT pgopt.schedule('steady ' || n, '1 second', format('INSERT INTO log (what) VALUES (%L)', 'few ' || n)) FROM generate_series(1, 5) n" >/dev/null
stop fast
configure 'max_worker_processes = 5'
start
becomes 'with two free slots all jobs run' 5 "SELECT count(DISTINCT what) FROM log WHERE what LIKE 'few %' AND at > pg_postmaster_start_time()" 40
seen=$(as_owner grep -c 'no free background worker slot' "$LOG" || true)
same 'want of slots is said once, not again and again' t "$([ "$seen" -le 2 ] && echo t)"
stop fast
configure 'max_worker_processes = 4'
start
sleep 6
becomes 'with one free slot jobs wait, and the view says so' t "SELECT bool_or(state LIKE 'waiting for a slot%') FROM pgopt.worker_status" 20
seen=$(as_owner grep -c 'no free background worker slot' "$LOG" || true)
same 'and the log is not flooded' t "$([ "$seen" -le 6 ] && echo t)"
stop fast
configure 'max_worker_processes = 8'
start
becomes 'with slots again none of them is lost' 5 "SELECT count(DISTINCT what) FROM log WHERE what LIKE 'few %' AND at > pg_postmaster_start_time()" 40
value "SELECT count(pgopt.unschedule(name)) FROM pgopt.jobs WHERE name LIKE 'steady %'" >/dev/null

# A role that is dropped fails its own job only.
sql postgres <<'SQL'
CREATE ROLE leaver LOGIN;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pgopt TO leaver;
SET ROLE leaver;
SELECT pgopt.schedule('of a leaver', '1 second', 'SELECT 1');
RESET ROLE;
DROP OWNED BY leaver;
DROP ROLE leaver;
SQL
becomes 'the job of a dropped role is failed' t "SELECT status = 'failed' AND message ~ 'role' FROM pgopt.job_runs WHERE name = 'of a leaver' ORDER BY run DESC LIMIT 1" 20
goes_on 'dropped role'
sql postgres <<'SQL'
CREATE ROLE sleeper LOGIN;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pgopt TO sleeper;
SET ROLE sleeper;
SELECT pgopt.schedule('of a sleeper', '1 second', 'SELECT 1');
RESET ROLE;
ALTER ROLE sleeper NOLOGIN;
SQL
becomes 'the job of a role that may not log in any more is failed' t "SELECT status = 'failed' FROM pgopt.job_runs WHERE name = 'of a sleeper' ORDER BY run DESC LIMIT 1" 20
goes_on 'role that may not log in'

# A refresh that is cancelled stops, and a view that is dropped while it is refreshed, or while its
# refresh waits for it, takes its schedule along.
sql postgres <<'SQL'
CREATE MATERIALIZED VIEW slow_view AS SELECT pg_sleep(3) IS NULL AS slept, clock_timestamp() AS at;
SELECT pgopt.refresh_every('slow_view', '1 second');
CREATE MATERIALIZED VIEW locked_view AS SELECT clock_timestamp() AS at;
SQL
REFRESH="SELECT pid FROM pg_stat_activity WHERE backend_type = 'pgopt executor' AND query ~ 'refresh_scheduled'"
REFRESHES="SELECT string_agg(DISTINCT status, ',' ORDER BY status) FROM pgopt.job_runs WHERE name ~ '%s'"
becomes 'a refresh is under way' t "SELECT ($REFRESH LIMIT 1) IS NOT NULL" 20
value "SELECT pg_cancel_backend(pid) FROM ($REFRESH) AS r" >/dev/null
# shellcheck disable=SC2059 # a query with one place
becomes 'a cancelled refresh stops' failed "$(printf "$REFRESHES" slow_view)" 5
becomes 'and comes again' t "SELECT ($REFRESH LIMIT 1) IS NOT NULL" 20
value 'DROP MATERIALIZED VIEW slow_view' >/dev/null
becomes 'the schedule of a view dropped during its refresh goes' 0 "SELECT count(*) FROM pgopt.jobs WHERE name ~ 'slow_view'" 20
value "SELECT pgopt.refresh_every('locked_view', '1 second', skip_unchanged => false)" >/dev/null
(printf 'BEGIN; DROP MATERIALIZED VIEW locked_view;\n'; sleep 4; printf 'COMMIT;\n') |
    "$PGBINDIR/psql" -XAtq -U postgres >/dev/null &
holder=$!
becomes 'a refresh waits for a lock' t "SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'pgopt executor' AND wait_event_type = 'Lock'" 4
wait "$holder"
becomes 'the schedule of a view dropped while its refresh waits goes' 0 "SELECT count(*) FROM pgopt.jobs WHERE name ~ 'locked_view'" 20
goes_on 'views dropped'

# Somebody locks what views read: their refreshes wait or fail, everything else goes on.
sql postgres <<'SQL'
CREATE TABLE locked AS SELECT 1 AS a;
SELECT format('CREATE MATERIALIZED VIEW of_locked_%s AS SELECT count(*) FROM locked', n) FROM generate_series(1, 5) n \gexec
SELECT pgopt.refresh_every(format('of_locked_%s', n)::regclass, '1 second') FROM generate_series(1, 5) n;
SQL
becomes 'they are refreshed, and then skipped' t "SELECT count(*) = 5 FROM pgopt.jobs WHERE name ~ 'of_locked' AND last_status = 'skipped'" 20
(printf 'BEGIN; LOCK TABLE locked IN ACCESS EXCLUSIVE MODE;\n'; sleep 12; printf 'COMMIT;\n') |
    "$PGBINDIR/psql" -XAtq -U postgres >/dev/null &
holder=$!
becomes 'the table is locked' t "SELECT count(*) > 0 FROM pg_locks WHERE relation = 'locked'::regclass AND mode = 'AccessExclusiveLock' AND granted" 5
sleep 1
goes_on 'a locked table'
same 'while it still is' t "$(value "SELECT count(*) > 0 FROM pg_locks WHERE relation = 'locked'::regclass AND mode = 'AccessExclusiveLock' AND granted")"
kill "$holder" 2>/dev/null || true
wait "$holder" 2>/dev/null || true
value "SELECT pgopt.refresh_stop(format('of_locked_%s', n)::regclass) FROM generate_series(1, 5) n" >/dev/null

# The disk of temporary files is full.
if [ "$(id -u)" -eq 0 ] && mkdir "$PLACE/small" && mount -t tmpfs -o size=2m tmpfs "$PLACE/small" 2>/dev/null; then
    chown "$OWNER:" "$PLACE/small"
    value "CREATE TABLESPACE small LOCATION '$PLACE/small'" >/dev/null
    sql postgres <<'SQL'
SELECT pgopt.schedule('full', NULL, commands => ARRAY['SET temp_tablespaces = small', 'SET work_mem = ''64kB''',
  'SELECT g FROM generate_series(1, 500000) g ORDER BY -g'], max_attempts => 2, backoff => '1 second');
SELECT pgopt.run_now('full');
SQL
    becomes 'a full disk fails the run' 'failed 53100' "$(last_run full)" 20
    becomes 'which is tried again' 2 "SELECT max(attempt) FROM pgopt.job_runs WHERE name = 'full'" 20
    goes_on 'full disk'
    value 'DROP TABLESPACE small' >/dev/null
    umount "$PLACE/small"
else
    pass 'full disk: skipped, no file system can be mounted here'
fi

# The schedule restored into another database is run there, too.
value 'CREATE DATABASE copy' >/dev/null
"$PGBINDIR/pg_dump" -U postgres -T log postgres >"$PLACE/dump.sql"
in_database copy "CREATE TABLE log (at timestamptz DEFAULT clock_timestamp(), what text)" >/dev/null
# Of a role that was dropped there is no name to be restored.
if ! sql postgres -d copy -f "$PLACE/dump.sql" >"$PLACE/restore.out" 2>&1; then fail 'the dump can be restored' "$(cat "$PLACE/restore.out")"; fi
same 'jobs are restored' "$(value "SELECT string_agg(name, ',' ORDER BY name) FROM pgopt.jobs")" "$(in_database copy "SELECT string_agg(name, ',' ORDER BY name) FROM pgopt.jobs")"
becomes 'and run there by themselves' t "SELECT count(*) > 0 FROM log WHERE what = 'steady'" 20 -d copy
same 'new jobs get numbers of their own' t "$(in_database copy "SELECT pgopt.schedule('new one', NULL, 'SELECT 1') IS NOT NULL" | tail -n 1)"
goes_on 'where they came from'
value 'DROP DATABASE copy' >/dev/null

# A standby runs nothing until it is promoted.
as_owner "$PGBINDIR/pg_basebackup" --no-sync --checkpoint=fast --write-recovery-conf --wal-method=stream \
    -h "$PGHOST" -p "$PGPORT" -U postgres -D "$PLACE/standby"
as_owner "$PGBINDIR/pg_ctl" start --silent --wait --timeout=60 -D "$PLACE/standby" -l "$PLACE/standby-log" \
    -o "-p 5497 -c listen_addresses='' -c unix_socket_directories=$PLACE" </dev/null >/dev/null 2>&1
on_standby() { PGHOST=$PLACE PGPORT=5497 run postgres "$1" 2>&1; }
sleep 3
same 'no launcher runs on a standby' 'not started: the server is a standby' "$(on_standby "SELECT state FROM pgopt.worker_status WHERE process = 'launcher'")"
contains 'nothing can be scheduled there' "$(on_standby "SELECT pgopt.schedule('x', '1 hour', 'SELECT 1')" || true)" 'recovery|standby|read-only'
value "SELECT pgopt.run_now('victim')" >/dev/null
becomes 'a run is under way on the primary' t "SELECT ($(pid_of victim)) IS NOT NULL"
sleep 1
as_owner "$PGBINDIR/pg_ctl" promote --silent --wait -D "$PLACE/standby"
stop immediate
PRIMARY=$PGHOST
PGHOST=$PLACE PGPORT=5497
count=$(value "$STEADY")
becomes 'promoted, it runs the jobs' t "SELECT count(*) > $count FROM log WHERE what = 'steady'" 30
becomes 'and what ran on the primary is lost' 'lost ' "$(last_run victim)" 20
lacks 'nobody panicked' "$(as_owner cat "$LOG" "$PLACE/standby-log")" 'panicked|PANIC|TRAP'
PGHOST=$PRIMARY
finish
