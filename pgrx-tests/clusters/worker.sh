#!/usr/bin/env bash
# Jobs run by the background workers of a real server: on time, at top level, as their owners, and
# never in the way of anybody's command.
set -euo pipefail
# shellcheck source=pgrx-tests/clusters/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck source=pgrx-tests/clusters/worker/lib.sh
. "$(dirname "$0")/worker/lib.sh"

value "ALTER SYSTEM SET log_min_error_statement = 'info'" >/dev/null
reload
sql postgres <<'SQL'
CREATE EXTENSION pgopt;
CREATE ROLE robot LOGIN;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pgopt TO robot;
CREATE SCHEMA work AUTHORIZATION robot;
CREATE TABLE work.log (at timestamptz DEFAULT clock_timestamp(), who text DEFAULT current_user || '/' || session_user, what text);
CREATE TABLE work.big AS SELECT g AS id, md5(g::text) AS text FROM generate_series(1, 20000) g;
ALTER TABLE work.log OWNER TO robot;
ALTER TABLE work.big OWNER TO robot;
SQL
becomes 'the launcher runs' running "SELECT state FROM pgopt.worker_status WHERE process = 'launcher'"

# On time, as the owner.
run robot "SELECT pgopt.schedule('tick', '1 second', 'INSERT INTO work.log (what) VALUES (''tick'')')" >/dev/null
becomes 'a job of every second has run three times' t "SELECT count(*) >= 3 FROM work.log WHERE what = 'tick'"
same 'it runs as its owner, connected as its owner' 'robot/robot' "$(value "SELECT DISTINCT who FROM work.log WHERE what = 'tick'")"
becomes 'its runs are written down' t "SELECT count(*) >= 3 FROM pgopt.job_runs WHERE name = 'tick' AND status = 'succeeded' AND rows = 1 AND finished >= started"
run robot "SELECT pgopt.pause('tick')" >/dev/null
sleep 1.5
before=$(value "SELECT count(*) FROM work.log")
sleep 2.5
same 'a paused job does not run' "$before" "$(value "SELECT count(*) FROM work.log")"
run robot "SELECT pgopt.resume('tick')" >/dev/null
becomes 'a resumed one does' t "SELECT count(*) > $before FROM work.log"
run robot "SELECT pgopt.unschedule('tick')" >/dev/null

# once NAME COMMANDS [arguments]: runs it now, and waits for its end.
once() {
    local id
    id=$(run robot "SELECT pgopt.schedule('$1', NULL, commands => $2 ${3:-}); SELECT pgopt.run_now('$1')" | tail -n 1)
    becomes "$1: it ended" t "SELECT finished IS NOT NULL FROM pgopt.job_runs WHERE run = $id" 30
}

# At top level.
once vacuum "ARRAY['VACUUM (ANALYZE) work.big']"
same 'VACUUM works' 'succeeded ' "$(value "$(last_run vacuum)")"
once 'index "Köln"' "ARRAY['CREATE INDEX CONCURRENTLY big_id ON work.big (id)', 'REINDEX INDEX CONCURRENTLY work.big_id']"
same 'CREATE INDEX CONCURRENTLY and REINDEX CONCURRENTLY work' 'succeeded ' "$(value "$(last_run 'index "Köln"')")"
same 'the index is there' t "$(value "SELECT indisvalid FROM pg_index WHERE indexrelid = 'work.big_id'::regclass")"
run robot "CREATE PROCEDURE work.steps() LANGUAGE plpgsql AS 'BEGIN INSERT INTO work.log (what) VALUES (''one''); COMMIT; INSERT INTO work.log (what) VALUES (''two''); ROLLBACK; END'"
once procedure "ARRAY['CALL work.steps()']"
same 'a procedure may commit and roll back' 'one' "$(value "SELECT string_agg(what, ',') FROM work.log WHERE what IN ('one', 'two')")"
once 'set and vacuum' "ARRAY['SET vacuum_cost_delay = 0', 'VACUUM work.big', 'INSERT INTO work.log (what) SELECT current_setting(''vacuum_cost_delay'')']"
same 'settings last from command to command' 0 "$(value "SELECT what FROM work.log ORDER BY at DESC LIMIT 1")"
once 'half' "ARRAY['INSERT INTO work.log (what) VALUES (''kept'')', 'SELECT 1/0', 'INSERT INTO work.log (what) VALUES (''never'')']" ', max_attempts => 1'
same 'a failing command ends the run, with its SQLSTATE' 'failed 22012' "$(value "$(last_run half)")"
contains 'the message says which command' "$(value "SELECT message FROM pgopt.job_runs WHERE name = 'half'")" '^command 2 of 3: division by zero'
same 'what was done before it stays, what comes after is not done' kept "$(value "SELECT string_agg(what, ',') FROM work.log WHERE what IN ('kept', 'never')")"
once 'own sqlstate' "ARRAY['DO \$\$ BEGIN RAISE EXCEPTION USING ERRCODE = ''AB123'', MESSAGE = ''mine''; END \$\$']" ', max_attempts => 1'
same 'a SQLSTATE of a user'"'"'s own is kept' 'failed AB123' "$(value "$(last_run 'own sqlstate')")"
once slow "ARRAY['SELECT pg_sleep(60)']" ", statement_timeout => '300 ms', max_attempts => 1"
same 'statement_timeout ends it' 'failed 57014' "$(value "$(last_run slow)")"

# Cancel, terminate.
run robot "SELECT pgopt.schedule('sleeper', NULL, 'SELECT pg_sleep(600)', max_attempts => 1); SELECT pgopt.run_now('sleeper')" >/dev/null
PID=$(pid_of sleeper)
becomes 'a run is seen in pg_stat_activity as its owner' robot "SELECT usename FROM pg_stat_activity WHERE application_name = 'pgopt: sleeper' AND query = 'SELECT pg_sleep(600)'"
becomes 'and in worker_status' running "SELECT state FROM pgopt.worker_status WHERE process = 'executor'"
value "SELECT pg_cancel_backend(($PID))" >/dev/null
becomes 'a cancelled run is failed' 'failed 57014' "$(last_run sleeper)"
run robot "SELECT pgopt.run_now('sleeper')" >/dev/null
becomes 'it can be run again' t "SELECT ($PID) IS NOT NULL"
value "SELECT pg_terminate_backend(($PID))" >/dev/null
becomes 'a terminated run is failed' 'failed 57P01' "$(last_run sleeper)"

# The launcher and a worker come back when they are ended.
launcher=$(value "SELECT pid FROM pgopt.worker_status WHERE process = 'launcher'")
value "SELECT pg_terminate_backend($launcher)" >/dev/null
becomes 'a terminated launcher comes back' t "SELECT pid <> $launcher FROM pgopt.worker_status WHERE process = 'launcher' AND state = 'running'" 20
run robot "SELECT pgopt.run_now('sleeper')" >/dev/null
becomes 'and starts workers' t "SELECT ($PID) IS NOT NULL"
worker=$(value "SELECT pid FROM pgopt.worker_status WHERE process = 'worker' AND database = 'postgres'")
value "SELECT pg_cancel_backend($worker)" >/dev/null
sleep 0.5
same 'a worker is not cancelled' "$worker" "$(value "SELECT pid FROM pgopt.worker_status WHERE process = 'worker' AND database = 'postgres'")"
value "SELECT pg_terminate_backend($worker)" >/dev/null
becomes 'a terminated worker comes back' t "SELECT pid <> $worker FROM pgopt.worker_status WHERE process = 'worker' AND database = 'postgres' AND pid IS NOT NULL" 20
same 'the run it had started goes on' running "$(value "SELECT status FROM pgopt.job_runs WHERE name = 'sleeper' ORDER BY run DESC LIMIT 1")"
value "SELECT pg_cancel_backend(($PID))" >/dev/null
becomes 'and its end is noted by the new worker' 'failed 57014' "$(last_run sleeper)"

# Databases: nothing is in the way of anybody's command.
value 'CREATE DATABASE shop' >/dev/null
in_database shop "CREATE EXTENSION pgopt; CREATE TABLE t AS SELECT 1 AS a; SELECT pgopt.schedule('busy', '1 second', 'SELECT pg_sleep(600)', overlap => 'queue')" >/dev/null
SHOP="SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = 'shop' AND backend_type LIKE 'pgopt exec%'"
becomes 'a job runs in another database' t "$SHOP"
value 'CREATE DATABASE shop_copy TEMPLATE shop' >/dev/null
pass 'CREATE DATABASE ... TEMPLATE works while its job runs'
becomes 'the job is run there again' t "$SHOP" 20
becomes 'and in the copy, which has pgopt too; what was under way is lost there' lost "SELECT status FROM pgopt.job_runs ORDER BY run DESC LIMIT 1" 20 -d shop_copy
value 'ALTER DATABASE shop RENAME TO store' >/dev/null
pass 'ALTER DATABASE ... RENAME works while its job runs'
becomes 'the job is run there again under the new name' t "${SHOP/shop/store}" 20
TABLESPACE=$(as_owner mktemp -d "$PGHOST/space.XXXXXX")
value "CREATE TABLESPACE elsewhere LOCATION '$TABLESPACE'" >/dev/null
value 'ALTER DATABASE store SET TABLESPACE elsewhere' >/dev/null
pass 'ALTER DATABASE ... SET TABLESPACE works while its job runs'
value 'DROP DATABASE store' >/dev/null
value 'DROP DATABASE shop_copy' >/dev/null
pass 'DROP DATABASE works while its job runs'
becomes 'no worker is left of it' 0 "SELECT count(*) FROM pgopt.worker_status WHERE process IN ('worker', 'executor') AND (database IS NULL OR database <> 'postgres')"
# Somebody who may not drop it makes nobody go.
run robot "SELECT pgopt.run_now('sleeper')" >/dev/null
becomes 'a run to be disturbed' t "SELECT ($PID) IS NOT NULL"
value 'CREATE ROLE stranger LOGIN; CREATE DATABASE other' >/dev/null 2>&1 || { value 'CREATE ROLE stranger LOGIN'; value 'CREATE DATABASE other'; }
fails 'a stranger may not drop the database' 42501 'must be owner' stranger 'DROP DATABASE postgres' -d other
sleep 0.5
same 'and ends no run by trying' t "$(value "SELECT ($PID) IS NOT NULL")"
value "SELECT pg_cancel_backend(($PID))" >/dev/null
value 'DROP DATABASE other' >/dev/null

# A command that needs a database and is cancelled leaves it open.
value 'CREATE DATABASE stuck' >/dev/null
in_database stuck "CREATE EXTENSION pgopt; SELECT pgopt.schedule('beat', '1 second', 'SELECT 1'); SELECT pgopt.schedule('hang', NULL, 'SELECT pg_sleep(600)'); SELECT pgopt.run_now('hang')" >/dev/null
becomes 'a run that will not go' t "SELECT ($(pid_of hang)) IS NOT NULL" 20
hanging=$(value "$(pid_of hang)")
as_owner kill -STOP "$hanging"
value "SET statement_timeout = '1s'; ALTER DATABASE stuck RENAME TO unstuck" >/dev/null 2>&1 || true
as_owner kill -CONT "$hanging"
becomes 'after a cancelled ALTER DATABASE its jobs go on' t "SELECT count(*) > 0 FROM pgopt.job_runs WHERE name = 'beat' AND started > clock_timestamp() - interval '2 seconds'" 20 -d stuck
value 'DROP DATABASE stuck' >/dev/null

# Templates have no workers, and strangers' prepared transactions start none.
sql postgres -d template1 -c 'CREATE EXTENSION pgopt' >/dev/null
began=$SECONDS
value 'CREATE DATABASE from_template' >/dev/null
same 'CREATE DATABASE works right after CREATE EXTENSION in the template' t "$([ $((SECONDS - began)) -lt 4 ] && echo t)"
sql postgres -d template1 -c 'DROP EXTENSION pgopt' >/dev/null
in_database from_template 'DROP EXTENSION pgopt' >/dev/null
becomes 'no worker stays where pgopt is not' 0 "SELECT count(*) FROM pgopt.worker_status WHERE database IN ('from_template', 'template1')" 25

# Nothing of a command that failed is logged with what comes after it.
run robot "SELECT pgopt.schedule('logged', NULL, 'SELECT 1/0 AS logged_statement', max_attempts => 1); SELECT pgopt.run_now('logged')" >/dev/null
becomes 'a run fails' 'failed 22012' "$(last_run logged)"
contains 'and the log says so' "$(as_owner cat "$LOG")" 'pgopt job "logged" failed: division by zero'

# A job that is made in a transaction which is rolled back never was.
run robot "BEGIN; SELECT pgopt.schedule('ghost', '1 second', 'INSERT INTO work.log (what) VALUES (''ghost'')'); ROLLBACK" >/dev/null
sleep 2
same 'a job that was rolled back does not run' 0 "$(value "SELECT count(*) FROM work.log WHERE what = 'ghost'")"

# What the workers ask for themselves is nobody's workload.
same 'statements of the workers are not counted' 0 "$(value "SELECT count(*) FROM pgopt.statements WHERE query ~ 'pgopt[.]job_states' AND query !~ 'count'")"
same 'those of jobs are, as their owner'"'"'s' t "$(value "SELECT count(*) > 0 FROM pgopt.statements WHERE role = 'robot' AND query ~ '^INSERT INTO work.log'")"

# Settings take effect with a reload.
value "SELECT pgopt.schedule('long ' || n, NULL, 'SELECT pg_sleep(3)') FROM generate_series(1, 5) n" >/dev/null
value 'ALTER SYSTEM SET pgopt.max_workers = 6' >/dev/null
reload
value "SELECT pgopt.run_now('long ' || n) FROM generate_series(1, 5) n" >/dev/null
becomes 'more workers are taken at once after a reload' 4 "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgopt: long %' AND state = 'active'" 3
becomes 'and the others wait for their turn' 5 "SELECT count(*) FROM pgopt.job_runs WHERE name LIKE 'long %' AND status = 'succeeded'"
value 'ALTER SYSTEM RESET pgopt.max_workers' >/dev/null
reload

# The maintenance window can be opened in an emergency.
value "ALTER SYSTEM SET pgopt.maintenance_window = '$(date -u -d '+2 hours' +%H:%M)-$(date -u -d '+3 hours' +%H:%M)'" >/dev/null
reload
value "SELECT pgopt.schedule('in the window', '1 second', 'SELECT 1', maintenance_window => true, time_zone => 'UTC')" >/dev/null
becomes 'a job waits for the window' t "SELECT next_run > now() + interval '1 hour' FROM pgopt.jobs WHERE name = 'in the window'"
value "ALTER SYSTEM RESET pgopt.maintenance_window" >/dev/null
reload
becomes 'and does not when it was taken away' t "SELECT count(*) > 0 FROM pgopt.job_runs WHERE name = 'in the window' AND status = 'succeeded'"
value "SELECT pgopt.unschedule('in the window')" >/dev/null

# Switched off and on.
run robot "SELECT pgopt.schedule('again', '1 second', 'INSERT INTO work.log (what) VALUES (''again'')')" >/dev/null
becomes 'a job runs' t "SELECT count(*) > 0 FROM work.log WHERE what = 'again'"
value "ALTER SYSTEM SET pgopt.enabled = off" >/dev/null
value 'SELECT pg_reload_conf()' >/dev/null
becomes 'pgopt.enabled = off ends the worker' 0 "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pgopt worker'"
sleep 1.5
before=$(value "SELECT count(*) FROM work.log WHERE what = 'again'")
sleep 2.5
same 'and no job runs' "$before" "$(value "SELECT count(*) FROM work.log WHERE what = 'again'")"
value "ALTER SYSTEM RESET pgopt.enabled" >/dev/null
value 'SELECT pg_reload_conf()' >/dev/null
becomes 'switched on again it goes on' t "SELECT count(*) > $before FROM work.log WHERE what = 'again'"

lacks 'the log has no statement after its command was over' "$(as_owner grep -a -A1 'pgopt job "' "$LOG")" 'STATEMENT'

# DROP EXTENSION while a job runs.
value 'DROP EXTENSION pgopt' >/dev/null
becomes 'without pgopt no worker stays' 0 "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pgopt worker' OR backend_type LIKE 'pgopt exec%'"
finish
