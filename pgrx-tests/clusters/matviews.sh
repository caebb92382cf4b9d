#!/usr/bin/env bash
# Materialized views kept fresh by a real server: what its counters tell, and what they do not.
set -euo pipefail
# shellcheck source=pgrx-tests/clusters/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=pgrx-tests/clusters/worker/lib.sh
. "$(dirname "$0")/worker/lib.sh"

sql postgres <<'SQL'
CREATE EXTENSION pgopt;
CREATE ROLE clerk LOGIN;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pgopt TO clerk;
CREATE SCHEMA shop AUTHORIZATION clerk;
SET ROLE clerk;
CREATE TABLE shop.sales (id int PRIMARY KEY, shop int NOT NULL, amount numeric, at timestamptz DEFAULT now()) WITH (autovacuum_enabled = off);
INSERT INTO shop.sales SELECT g, g % 10, g FROM generate_series(1, 1000) g;
CREATE TABLE shop.parts (k int, v int) PARTITION BY RANGE (k);
CREATE TABLE shop.parts_1 PARTITION OF shop.parts FOR VALUES FROM (0) TO (100);
CREATE TABLE shop.parts_2 (k int, v int);
INSERT INTO shop.parts SELECT g, g FROM generate_series(0, 9) g;
INSERT INTO shop.parts_2 VALUES (100, 100);
CREATE VIEW shop.big AS SELECT * FROM shop.sales WHERE amount > 500;
CREATE MATERIALIZED VIEW shop.by_shop AS SELECT shop, sum(amount) AS total, max(date_trunc('day', at)) AS day FROM shop.big GROUP BY shop;
CREATE UNIQUE INDEX ON shop.by_shop (shop);
CREATE MATERIALIZED VIEW shop.total AS SELECT sum(total) AS total FROM shop.by_shop;
CREATE MATERIALIZED VIEW shop.pieces AS SELECT sum(v) AS v FROM shop.parts;
CREATE MATERIALIZED VIEW shop.clock AS SELECT clock_timestamp() AS at, count(*) AS n FROM shop.sales;
SQL
SCHEDULED="SELECT id FROM pgopt.matview_schedules WHERE view = 'shop.by_shop'::regclass"

# change COMMAND: as the clerk; the server has the session's counters when it returns.
change() { sql clerk -c "$1" -c 'SELECT pg_stat_force_next_flush()' >/dev/null; }

# tick: a run of the schedule of shop.by_shop, as its job would do it, in a session of its own.
tick() { run clerk "SELECT pgopt.refresh_scheduled($id)"; }

# sees NAME PATTERN COMMAND: after the command, the next run refreshes for that reason, and the one
# after that does nothing.
sees() {
    change "$3"
    contains "$1 is seen" "$(tick)" "$2"
    contains "$1: once" "$(tick)" '^nothing that it reads has changed since'
}

run clerk "SELECT pgopt.refresh_every('shop.by_shop', '100 years')" >/dev/null
id=$(value "$SCHEDULED")
contains 'the first run refreshes' "$(tick)" '^it is not known what it read the last time; concurrently$'
contains 'the second does nothing' "$(tick)" '^nothing that it reads has changed since'
sees 'an insertion' '^shop.sales: 1 inserted rows; concurrently' 'INSERT INTO shop.sales VALUES (2000, 1, 1)'
sees 'an update' '^shop.sales: 1 updated rows' 'UPDATE shop.sales SET amount = 1000 WHERE id = 2000'
sees 'a deletion' '^shop.sales: 1 deleted rows' 'DELETE FROM shop.sales WHERE id = 2000'
sees 'a transaction' '^shop.sales: 1 inserted rows' "BEGIN; INSERT INTO shop.sales VALUES (2003, 3, 3); COMMIT"
before=$(value "SELECT pg_stat_get_tuples_inserted('shop.sales'::regclass)")
change 'TRUNCATE shop.sales'
same 'TRUNCATE leaves the counters as they are' "$before" "$(value "SELECT pg_stat_get_tuples_inserted('shop.sales'::regclass)")"
contains 'and is seen' "$(tick)" '^shop.sales: rewritten or truncated'
same 'the view is empty' 0 "$(value 'SELECT count(*) FROM shop.by_shop')"
change 'INSERT INTO shop.sales SELECT g, g % 10, g FROM generate_series(1, 1000) g'
tick >/dev/null
sees 'VACUUM FULL, which may be anything,' '^shop.sales: rewritten' 'VACUUM FULL shop.sales'
run postgres 'VACUUM ANALYZE' >/dev/null
contains 'VACUUM and ANALYZE are no change' "$(tick)" '^nothing'
run postgres 'SELECT count(*) FROM shop.sales' >/dev/null
contains 'reading is no change' "$(tick)" '^nothing'
change 'BEGIN; INSERT INTO shop.sales VALUES (3000, 1, 1000); ROLLBACK'
contains 'a transaction that was rolled back is counted all the same' "$(tick)" '1 inserted rows; concurrently'

# Refreshes by hand: of other rows, or of none.
sees 'a refresh by hand' '^it was refreshed by other means' 'REFRESH MATERIALIZED VIEW shop.by_shop'
{ printf 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1;\n'; sleep 2; printf 'REFRESH MATERIALIZED VIEW shop.by_shop; COMMIT;\n'; } | sql clerk >/dev/null &
sleep 0.7
change 'UPDATE shop.sales SET amount = amount + 1 WHERE id = 900'
tick >/dev/null
wait $!
contains 'one of an older snapshot is seen' "$(tick)" '^it was refreshed by other means'
same 'and mended' "$(value 'SELECT sum(amount) FROM shop.big')" "$(value 'SELECT sum(total) FROM shop.by_shop')"
contains 'once' "$(tick)" '^nothing'

# Sessions that are not idle keep their counts to themselves.
sql clerk -c "DO 'BEGIN FOR i IN 1..10 LOOP INSERT INTO shop.sales VALUES (10000 + i, 1, 1000); COMMIT; PERFORM pg_sleep(0.4); END LOOP; END'" >/dev/null &
sleep 1
tick >/dev/null
sleep 0.5
contains 'a loop that commits is not slept through' "$(tick)" 'may have changes that are not counted yet'
wait $!
tick >/dev/null
contains 'after it there is nothing to do' "$(tick)" '^nothing'
sql clerk -c 'CREATE TEMP TABLE x (a int)' -c 'INSERT INTO x VALUES (1)' -c 'INSERT INTO shop.sales VALUES (20000, 1, 1000)' -c BEGIN -c 'SELECT pg_sleep(4)' -c COMMIT >/dev/null &
sleep 1
tick >/dev/null
sleep 0.5
late=$(tick)
contains 'nor a change whose session went on at once' "$late" 'not counted yet|inserted'
same 'its row is there' "$(value 'SELECT sum(amount) FROM shop.big')" "$(value 'SELECT sum(total) FROM shop.by_shop')"
wait $!
tick >/dev/null
contains 'then it rests' "$(tick)" '^nothing'

# Counters that are reset, also when they come to the same numbers again.
run clerk "CREATE TABLE shop.few (a int); CREATE MATERIALIZED VIEW shop.of_few AS SELECT count(*) FROM shop.few" >/dev/null
change 'INSERT INTO shop.few VALUES (1)'
run clerk "SELECT pgopt.refresh_every('shop.of_few', '100 years')" >/dev/null
few=$(value "SELECT id FROM pgopt.matview_schedules WHERE view = 'shop.of_few'::regclass")
run clerk "SELECT pgopt.refresh_scheduled($few)" >/dev/null
run postgres "SELECT pg_stat_reset_single_table_counters('shop.few'::regclass)" >/dev/null
change 'INSERT INTO shop.few VALUES (2)'
same 'the counter is what it was' 1 "$(value "SELECT pg_stat_get_tuples_inserted('shop.few'::regclass)")"
contains 'a reset of one table is seen' "$(run clerk "SELECT pgopt.refresh_scheduled($few)")" 'counters were restarted'
# Emptied where it is, by the transaction that has made its file and refreshed the view.
run clerk "SELECT pgopt.refresh_scheduled($few)" >/dev/null
sql clerk -c BEGIN -c 'TRUNCATE shop.few' -c 'INSERT INTO shop.few VALUES (1), (2)' -c "SELECT FROM pgopt.refresh_now('shop.of_few')" \
    -c 'TRUNCATE shop.few' -c COMMIT >/dev/null
contains 'a table emptied in its own transaction is seen' "$(run clerk "SELECT pgopt.refresh_scheduled($few)")" 'changes of its own'
same 'its rows are gone' 0 "$(value 'SELECT count FROM shop.of_few')"
change 'INSERT INTO shop.few VALUES (2)'
same 'rows of several refreshes do not add up' '1 1 1' "$(sql clerk -c "SELECT rows FROM pgopt.refresh_now('shop.of_few')" \
    -c "SELECT rows FROM pgopt.refresh_now('shop.of_few')" -c "SELECT rows FROM pgopt.refresh_now('shop.of_few')" | paste -sd' ')"
run postgres 'SELECT pg_stat_reset()' >/dev/null
contains 'a reset of all is seen' "$(tick)" 'counters were restarted'
contains 'once' "$(tick)" '^nothing'

# A long transaction reads counters as they are now, whatever it has read before.
long=$(sql clerk <<SQL
BEGIN;
SELECT count(*) FROM pg_stat_user_tables WHERE n_tup_ins >= 0;
SELECT pgopt.refresh_scheduled($id);
\! "$PGBINDIR/psql" -XAtq -U clerk -c 'INSERT INTO shop.sales VALUES (4000, 4, 4000)' -c 'SELECT pg_stat_force_next_flush()'
SELECT pgopt.refresh_scheduled($id);
COMMIT;
SQL
)
contains 'counters are not those that the transaction saw first' "$long" '^shop.sales: 1 inserted rows'

# Partitions.
run clerk "SELECT pgopt.refresh_every('shop.pieces', '100 years')" >/dev/null
id=$(value "SELECT id FROM pgopt.matview_schedules WHERE view = 'shop.pieces'::regclass")
tick >/dev/null
sees 'a row in a partition' '^shop.parts_1: 1 inserted rows' 'INSERT INTO shop.parts VALUES (50, 50)'
sees 'a partition attached' '^shop.parts_2 came to it' 'ALTER TABLE shop.parts ATTACH PARTITION shop.parts_2 FOR VALUES FROM (100) TO (200)'
same 'its rows are there' 195 "$(value 'SELECT v FROM shop.pieces')"
sees 'a partition detached concurrently' 'went from it' 'ALTER TABLE shop.parts DETACH PARTITION shop.parts_2 CONCURRENTLY'
same 'its rows are gone' 95 "$(value 'SELECT v FROM shop.pieces')"

# By the workers: on time, in order, and not when there is nothing to do.
runs_of() { printf "SELECT count(*) FROM pgopt.job_runs WHERE name = '%s' AND status = '%s'" "$1" "$2"; }
for view in by_shop total clock; do
    run clerk "SELECT pgopt.refresh_every('shop.$view', '2 seconds')" >/dev/null 2>&1
done
becomes 'a view that has not changed is skipped' t "SELECT count(*) >= 2 FROM pgopt.job_runs WHERE name = 'refresh shop.by_shop' AND status = 'skipped' AND message ~ '^nothing that it reads has changed since'" 30
becomes 'no process is started for that' t "SELECT skipped >= 2 AND skip_reason ~ '^nothing' FROM pgopt.matview_status WHERE view = 'shop.by_shop'::regclass"
becomes 'one that calls a volatile function is refreshed each time' t "SELECT count(*) >= 3 FROM pgopt.job_runs WHERE name = 'refresh shop.clock' AND status = 'succeeded'" 30
same 'and says why' 'it calls clock_timestamp(), a volatile function' "$(value "SELECT always_because FROM pgopt.matview_status WHERE view = 'shop.clock'::regclass")"
same 'it is never skipped' 0 "$(value "$(runs_of 'refresh shop.clock' skipped)")"
change 'UPDATE shop.sales SET amount = amount + 1 WHERE amount > 500'
wanted=$(value 'SELECT sum(amount) FROM shop.sales WHERE amount > 500')
becomes 'a change comes through to the view below' "$wanted" 'SELECT total FROM shop.total' 30
becomes 'then both rest' t "SELECT bool_and(state = 'refreshed' AND skipped > 0) FROM pgopt.matview_status WHERE view IN ('shop.by_shop'::regclass, 'shop.total'::regclass)" 30
change 'TRUNCATE shop.sales'
becomes 'so does TRUNCATE' '' 'SELECT total FROM shop.total' 30

# Longer than its interval.
run clerk "CREATE MATERIALIZED VIEW shop.slow AS SELECT count(*) AS n, pg_sleep(2) IS NULL AS s FROM shop.few; SELECT pgopt.refresh_every('shop.slow', '1 second')" >/dev/null 2>&1
becomes 'a refresh that takes longer than its interval is slowed down' t "SELECT slowed_down FROM pgopt.matview_status WHERE view = 'shop.slow'::regclass AND slowed_down" 30
contains 'the log says so' "$(as_owner cat "$LOG")" 'WARNING:  refresh of shop.slow took [0-9.]+ s, longer than its interval'
contains 'and so does the run' "$(value "SELECT message FROM pgopt.job_runs WHERE name = 'refresh shop.slow' AND status = 'succeeded' ORDER BY run DESC LIMIT 1")" 'longer than its interval'
run clerk "SELECT pgopt.refresh_stop('shop.slow')" >/dev/null

# A session that holds a view's lock holds nobody up, neither the worker nor who looks at the status.
{ sql clerk -c 'BEGIN; LOCK shop.sales IN ACCESS EXCLUSIVE MODE; REFRESH MATERIALIZED VIEW shop.clock' -c 'SELECT pg_sleep(6)' >/dev/null; } &
sleep 1
ended="SELECT count(*) FROM pgopt.job_runs WHERE name = 'refresh shop.total' AND status IN ('skipped', 'succeeded')"
clock=$(value "$ended")
began=$(date +%s%N)
value 'SELECT count(*) FROM pgopt.matview_status' >/dev/null
same 'the status is there at once' t "$([ $((($(date +%s%N) - began) / 1000000)) -lt 1000 ] && echo t)"
becomes 'other views go on' t "SELECT ($ended) > $clock" 5
wait

# Dropped, and made anew.
run clerk 'DROP MATERIALIZED VIEW shop.clock; CREATE MATERIALIZED VIEW shop.clock AS SELECT 1 AS a' >/dev/null
becomes 'a view made anew is refreshed on' t "SELECT last_refresh IS NOT NULL FROM pgopt.matview_status WHERE view = 'shop.clock'::regclass" 30
run clerk 'DROP MATERIALIZED VIEW shop.clock' >/dev/null
becomes 'the schedule of a dropped view goes' 0 "SELECT count(*) FROM pgopt.jobs WHERE name = 'refresh shop.clock'" 30
contains 'its last run says why' "$(value "SELECT message FROM pgopt.job_runs WHERE name = 'refresh shop.clock' ORDER BY run DESC LIMIT 1")" 'was dropped; its schedule is removed'
contains 'and so does the log' "$(as_owner cat "$LOG")" 'WARNING:  materialized view shop.clock was dropped; its schedule is removed'
run clerk 'CREATE MATERIALIZED VIEW shop.clock AS SELECT 1 AS a' >/dev/null
same 'another view of that name is another view' 'unknown|' "$(value "SELECT state, schedule FROM pgopt.matview_status WHERE view = 'shop.clock'::regclass")"

# All of them, in order.
change 'INSERT INTO shop.sales SELECT g, g % 10, g FROM generate_series(1, 1000) g'
same 'refresh_all puts them in order' 'shop.by_shop 1,shop.clock 1,shop.of_few 1,shop.pieces 1,shop.slow 1,shop.total 2' \
    "$(run clerk "SELECT string_agg(view || ' ' || position, ',' ORDER BY position, view::text) FROM pgopt.refresh_all()")"
wanted=$(value 'SELECT sum(amount) FROM shop.sales WHERE amount > 500')
becomes 'and refreshes them' "$wanted" 'SELECT total FROM shop.total' 30
becomes 'jobs for one run are gone afterwards' 0 "SELECT count(*) FROM pgopt.job_definitions WHERE once" 30

# A crash takes the counters with it.
id=$(value "SELECT id FROM pgopt.matview_schedules WHERE view = 'shop.pieces'::regclass")
tick >/dev/null
contains 'before the crash nothing is to be done' "$(tick)" '^nothing'
victim=$(value "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'")
kill -9 "$victim"
until_true 30 is_up || true
sleep 1
until_true 30 is_up || fail 'the server comes back'
contains 'after a crash it is refreshed once' "$(tick)" 'restarted'
contains 'and no more' "$(tick)" '^nothing'

# A dump has a view that depends on a primary key after the data: nothing of it may be needed before.
run clerk "CREATE MATERIALIZED VIEW shop.after_data AS SELECT s.id, s.shop, count(*) FROM shop.sales s JOIN shop.parts p ON p.k = s.shop GROUP BY s.id; SELECT pgopt.refresh_every('shop.after_data', '100 years'); ALTER MATERIALIZED VIEW shop.of_few RENAME TO renamed; SELECT pgopt.refresh_scheduled($few)" >/dev/null 2>&1

# pg_dump and restore: schedules come along, under other identifiers of views.
"$PGBINDIR/createdb" -U postgres other
"$PGBINDIR/pg_dump" -U postgres -d postgres | "$PGBINDIR/psql" -XAtq -v ON_ERROR_STOP=1 -U postgres -d other >/dev/null
same 'schedules are restored' 'shop.after_data,shop.by_shop,shop.pieces,shop.renamed,shop.total' \
    "$(in_database other "SELECT string_agg(view::text, ',' ORDER BY view::text) FROM pgopt.matview_status WHERE schedule IS NOT NULL")"
same 'restored schedules run' 't' "$(in_database other "SELECT bool_and(pgopt.refresh_scheduled(id) ~ 'not known|has changed') FROM pgopt.matview_schedules WHERE view_name IN ('shop.pieces', 'shop.after_data', 'shop.renamed')")"
in_database other "DELETE FROM pgopt.matview_states; UPDATE pgopt.matview_schedules SET place = 'elsewhere', view_name = 'shop.nowhere' WHERE view_name = 'shop.renamed'"
fails 'a view that was not restored is missed, and its schedule stays' 42P01 'shop.nowhere does not exist' postgres "SELECT pgopt.refresh_scheduled($few)" -d other

# A copy of a database has its files, and counters that begin anew.
"$PGBINDIR/createdb" -U postgres source
in_database source "CREATE EXTENSION pgopt; CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 100); CREATE MATERIALIZED VIEW v AS SELECT sum(a) FROM t; SELECT pgopt.refresh_every('v', '100 years')" >/dev/null 2>&1
in_database source 'SELECT pgopt.refresh_scheduled(1)' >/dev/null
contains 'nothing is to be done in the source' "$(in_database source 'SELECT pgopt.refresh_scheduled(1)')" '^nothing'
until_true 15 "$PGBINDIR/createdb" -U postgres -T source copied
in_database copied 'INSERT INTO t SELECT generate_series(1001, 1100)'
lacks 'a copy is refreshed' "$(in_database copied 'SELECT pgopt.refresh_scheduled(1)')" '^nothing'
same 'with its own rows' 110100 "$(in_database copied 'TABLE v')"

# Without the library at server start.
configure "shared_preload_libraries = ''"
stop fast
start
same 'refresh_now works without preload' 'refreshed concurrently' "$(run clerk "SELECT action FROM pgopt.refresh_now('shop.by_shop')")"
fails 'scheduling does not' 55000 'shared_preload_libraries' clerk "SELECT pgopt.refresh_every('shop.slow')"
fails 'nor does refresh_all' 55000 'shared_preload_libraries' clerk 'SELECT * FROM pgopt.refresh_all()'
same 'the status is shown' t "$(run clerk 'SELECT count(*) >= 5 FROM pgopt.matview_status')"
lacks 'no server process has crashed but that one' "$(as_owner cat "$LOG" | grep -v "$victim")" 'was terminated by signal|panicked'
finish
