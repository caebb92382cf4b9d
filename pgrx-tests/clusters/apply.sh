#!/usr/bin/env bash
# Advice carried out by a real server's workers, as an ordinary role; builds that are cancelled,
# terminated and killed leave no INVALID index.
set -euo pipefail
# shellcheck source=pgrx-tests/clusters/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=pgrx-tests/clusters/worker/lib.sh
. "$(dirname "$0")/worker/lib.sh"

configure 'max_prepared_transactions = 5'
stop fast
start

sql postgres <<'SQL'
CREATE EXTENSION pgopt;
CREATE ROLE keeper LOGIN;
CREATE ROLE nosy LOGIN;
GRANT EXECUTE ON FUNCTION pgopt.apply(int), pgopt.undo(bigint) TO keeper, nosy;
CREATE SCHEMA shop AUTHORIZATION keeper;
SET ROLE keeper;
CREATE TABLE shop.orders (id int, customer int, status int, note text);
INSERT INTO shop.orders SELECT i, i % 5000, i % 50, 'N' || i FROM generate_series(1, 50000) i;
CREATE INDEX old ON shop.orders (status);
CREATE TABLE shop.parts (k int, a int) PARTITION BY RANGE (k);
CREATE TABLE shop.parts_1 PARTITION OF shop.parts FOR VALUES FROM (0) TO (10);
CREATE TABLE shop.parts_2 PARTITION OF shop.parts FOR VALUES FROM (10) TO (20);
INSERT INTO shop.parts SELECT i % 20, i FROM generate_series(1, 20000) i;
CREATE TABLE shop."Odd; --" (a int, "do$pgopt$llar" int);
INSERT INTO shop."Odd; --" SELECT i, i FROM generate_series(1, 20000) i;
ANALYZE shop.orders, shop.parts, shop."Odd; --";
SQL
sql keeper <<'SQL' >/dev/null
SELECT * FROM shop.orders WHERE customer = 5;
SELECT * FROM shop.orders WHERE status = 5 ORDER BY id LIMIT 1;
SELECT * FROM shop.orders WHERE lower(note) = 'n77';
SELECT * FROM shop.parts WHERE a = 77;
SELECT * FROM shop."Odd; --" WHERE "do$pgopt$llar" = 7;
SQL

# apply PART [psql option...]: carries out what is advised with that in its command; the action.
apply() {
    local part=$1
    shift
    PGOPTIONS="-c client_min_messages=warning ${OPTIONS:-}" sql keeper -v part="$part" "$@" <<'SQL'
SELECT rank FROM pgopt.index_recommendations(schemas => '{shop}') WHERE strpos(ddl, :'part') > 0 AND action <> 'hint' LIMIT 1 \gset
SELECT pgopt.apply(:rank);
SQL
}

state_of() { printf 'SELECT state FROM pgopt.applied WHERE id = %s' "$1"; }
column_of() { run keeper "SELECT $2 FROM pgopt.applied WHERE id = $1"; }
INVALID="SELECT count(*) FROM pg_index WHERE NOT (indisvalid AND indisready)"
RESTS="SELECT count(*) FROM pg_class WHERE relname LIKE 'pgopt\_rest%'"
indexes() { value "SELECT string_agg(pg_get_indexdef(indexrelid), ';' ORDER BY 1) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE relnamespace = 'shop'::regnamespace"; }
no_jobs() { becomes "$1: no job is left" 0 "SELECT count(*) FROM pgopt.job_definitions" 30; }

# End to end, as an ordinary role.
before=$(indexes)
said=$(sql keeper 2>&1 <<'SQL'
SELECT rank FROM pgopt.index_recommendations(schemas => '{shop}') WHERE strpos(ddl, '(customer)') > 0 \gset
SELECT pgopt.apply(:rank);
SQL
)
contains 'the notice shows what was queued' "$said" 'NOTICE:  queued action 1: CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_customer_idx ON shop.orders'
becomes 'it is built, and used' succeeded "$(state_of 1)" 30
same 'it was built as the one who asked' keeper "$(value "SELECT relowner::regrole FROM pg_class WHERE oid = 'shop.orders_customer_idx'::regclass")"
same 'predictions stand beside what came of it' t "$(column_of 1 "abs(size - predicted_size) < size / 5 AND build_time > '0' AND cost_after < cost_before / 10
    AND abs(cost_after / predicted_cost_after - 1) < 0.2 AND jsonb_array_length(used_by) = 1 AND started IS NOT NULL AND finished >= started")"
same 'the undoing is at hand' 'SELECT pgopt.undo(1)|{"DROP INDEX CONCURRENTLY IF EXISTS shop.orders_customer_idx"}' "$(column_of 1 'undo, undo_steps')"
contains 'the plan uses it' "$(run keeper 'EXPLAIN SELECT * FROM shop.orders WHERE customer = 5')" orders_customer_idx
same 'others do not see it' 0 "$(run nosy 'SELECT count(*) FROM pgopt.applied')"
fails 'nor take it back' 22023 'there is no action 1' nosy 'SELECT pgopt.undo(1)'
fails 'a session of a user is no run' 55000 'of no use anywhere else' keeper "SELECT pgopt.action_verify(1, 'apply')"
run keeper 'SELECT pgopt.undo(1)' >/dev/null 2>&1
becomes 'it is taken back' undone "$(state_of 1)" 30
same 'all is as it was' "$before" "$(indexes)"
no_jobs 'after the undoing'

# What replaces another, what has partitions or an odd name, what is on an expression.
# shellcheck disable=SC2016 # a name, for nobody to expand
for part in '(status, id' 'shop.parts ' 'do$pgopt$llar' 'lower(note)'; do
    id=$(apply "$part")
    becomes "$part: it is built, and used" 'succeeded ' "SELECT state || ' ' || coalesce(sqlstate || ' ' || message, '') FROM pgopt.applied WHERE id = $id" 30
    run keeper "SELECT pgopt.undo($id)" >/dev/null 2>&1
    becomes "$part: it is taken back" undone "$(state_of "$id")" 30
    same "$part: all is as it was" "$before" "$(indexes)"
done
same 'nothing is invalid' 0 "$(value "$INVALID")"

# hold COMMAND: a transaction that has run it stays open until let_go.
hold() {
    printf 'BEGIN;\n%s;\nSELECT pg_sleep(600);\n' "$1" | PGAPPNAME=holder sql "${2:-postgres}" >/dev/null 2>&1 &
    until_true 10 holds
}
holds() { [ "$(value "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'holder' AND query LIKE '%pg_sleep%'")" = 1 ]; }
let_go() {
    value "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'holder'" >/dev/null
    wait
}
WRITE='INSERT INTO shop.orders VALUES (0)'
WAITS="SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgopt: pgopt %' AND query LIKE '% INDEX CONCURRENTLY %' AND wait_event_type = 'Lock'"

# build: begins one that a writer holds up after its index is there, INVALID.
build() {
    hold "$WRITE"
    id=$(apply '(customer)')
    becomes "$1: the build waits for the writer" 1 "$WAITS" 30
    becomes "$1: its index is there and INVALID" 1 "$INVALID"
}
clean() {
    becomes "$1: no INVALID index is left" 0 "$INVALID" 60
    becomes "$1: under no name" 0 "$RESTS" 30
}

build cancelled
becomes 'cancelled: it is running' running "$(state_of "$id")"
value "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgopt: pgopt apply $id'" >/dev/null
becomes 'cancelled: it has failed' failed "$(state_of "$id")"
same 'cancelled: it says why' 57014 "$(column_of "$id" sqlstate)"
let_go
clean cancelled
same 'cancelled: all is as it was' "$before" "$(indexes)"
fails 'cancelled: there is nothing to undo' 55000 'left nothing to be undone' keeper "SELECT pgopt.undo($id)"

build terminated
value "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgopt: pgopt apply $id'" >/dev/null
becomes 'terminated: it waits to be tried again' 'queued 57P01' "SELECT state || ' ' || sqlstate FROM pgopt.applied WHERE id = $id"
let_go
becomes 'terminated: it is tried again' succeeded "$(state_of "$id")" 60
clean terminated
run keeper "SELECT pgopt.undo($id)" >/dev/null 2>&1
becomes 'terminated: and taken back' undone "$(state_of "$id")" 30

# The cleaning up is killed as well.
build twice
value "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgopt: pgopt apply $id'" >/dev/null
becomes 'twice: the cleaning up waits for the writer' 1 "$WAITS AND application_name LIKE '%clean up%'"
value "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgopt: pgopt clean up $id'" >/dev/null
let_go
clean twice
same 'twice: all is as it was' "$before" "$(indexes)"
no_jobs twice

# One build of a table at a time.
build together
second=$(apply 'lower(note)')
sleep 2
same 'together: the second one waits' queued "$(value "$(state_of "$second")")"
let_go
for one in "$id" "$second"; do becomes 'together: both are built' succeeded "$(state_of "$one")" 30; done
same 'together: one after the other' t "$(value "SELECT b.started >= a.finished FROM pgopt.applied a, pgopt.applied b WHERE a.id = $id AND b.id = $second")"
for one in "$id" "$second"; do
    run keeper "SELECT pgopt.undo($one)" >/dev/null 2>&1
    becomes 'together: both are taken back' undone "$(state_of "$one")" 30
done

# Undoing is interrupted: DROP INDEX CONCURRENTLY leaves an INVALID index, too.
id=$(apply '(customer)')
becomes 'undo: it is built' succeeded "$(state_of "$id")" 30
hold "$WRITE"
run keeper "SELECT pgopt.undo($id)" >/dev/null 2>&1
becomes 'undo: the drop waits for the writer' 1 "$WAITS" 30
value "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgopt: pgopt undo $id'" >/dev/null
let_go
clean undo
becomes 'undo: it is complete' undone "$(state_of "$id")" 30
same 'undo: all is as it was' "$before" "$(indexes)"

# Old transactions: told up front, and again when the run begins.
hold "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1"
sleep 1.2
OPTIONS='-c pgopt.apply_max_xact_age=1s'
contains 'an old transaction of somebody else' "$(OPTIONS=$OPTIONS apply '(customer)' -v VERBOSITY=verbose 2>&1 || true)" 'ERROR:  55P03: an old transaction would hold up the build of an index on table shop.orders'
contains 'is told without its age' "$(OPTIONS=$OPTIONS apply '(customer)' 2>&1 || true)" 'DETAIL:  Process [0-9]+ of role postgres has been in a transaction for more than 1 s\.'
value 'ALTER ROLE keeper SET pgopt.apply_max_xact_age = 1' >/dev/null
id=$(OPTIONS='-c pgopt.apply_max_xact_age=0' apply '(customer)')
becomes 'it is told again when the run begins' 'queued 55P03' "SELECT state || ' ' || sqlstate FROM pgopt.applied WHERE id = $id" 20
same 'nothing was begun' 0 "$(value "$INVALID")"
let_go
becomes 'and it is tried again' succeeded "$(state_of "$id")" 60
run keeper "SELECT pgopt.undo($id)" >/dev/null 2>&1
becomes 'and taken back' undone "$(state_of "$id")" 30
hold "$WRITE" keeper
sleep 1.2
contains 'a writer of one'"'"'s own is told with its age' "$(apply '(customer)' 2>&1 || true)" 'DETAIL:  Process [0-9]+ of role keeper has been in a transaction for [1-9] s\.'
let_go
run keeper "BEGIN; $WRITE; PREPARE TRANSACTION 'forgotten'" >/dev/null
sleep 1.2
contains 'a prepared one is told by its name' "$(apply '(customer)' 2>&1 || true)" 'Transaction "forgotten" of role keeper has been prepared for'
value "ROLLBACK PREPARED 'forgotten'" >/dev/null
value 'ALTER ROLE keeper RESET pgopt.apply_max_xact_age' >/dev/null

# The database's owner may let nobody but himself do it.
value 'REVOKE EXECUTE ON FUNCTION pgopt.apply(int) FROM nosy' >/dev/null
fails 'who may not' 42501 'permission denied for function apply' nosy 'SELECT pgopt.apply(1)'

# kill -9 of the executor: the server restarts, and the run is lost.
build killed
as_owner kill -KILL "$(value "SELECT pid FROM pg_stat_activity WHERE application_name = 'pgopt: pgopt apply $id'")"
wait
until_true 60 is_up || fail 'killed: the server is up again'
becomes 'killed: the run is lost, and tried again' queued "$(state_of "$id")" 60
becomes 'killed: it is built' succeeded "$(state_of "$id")" 180
clean killed
no_jobs killed

finish
