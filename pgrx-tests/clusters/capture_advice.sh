#!/usr/bin/env bash
# Advice on what pgopt captured itself, in sessions as applications have them: values that are
# bound, search paths that are set, several roles, and no pg_stat_statements.
set -euo pipefail
# shellcheck source=pgrx-tests/clusters/lib.sh
. "$(dirname "$0")/lib.sh"

ADVICE="SELECT ddl, statements, evidence FROM pgopt.index_recommendations()"

prepare() {
    sql postgres <<'SQL'
SET client_min_messages = warning;
CREATE EXTENSION pgopt;
CREATE ROLE app LOGIN;
CREATE ROLE bob LOGIN;
CREATE ROLE mallory LOGIN;
CREATE ROLE monitor LOGIN IN ROLE pg_monitor;
CREATE SCHEMA east AUTHORIZATION app;
CREATE SCHEMA west AUTHORIZATION app;
CREATE SCHEMA bob AUTHORIZATION bob;
CREATE SCHEMA mallory AUTHORIZATION mallory;
GRANT USAGE ON SCHEMA mallory TO PUBLIC;
GRANT CREATE ON SCHEMA public TO app;
SET ROLE app;
-- Few rows on a page, so that many rows are many pages and a scan of all is best for them.
CREATE TABLE public.orders AS
  SELECT i AS id, i % 1000 AS customer, CASE WHEN i % 100 = 0 THEN 'open' ELSE 'done' END AS status,
         now() - i * 7919::bigint % 20000 * interval '75 minutes' AS created_at, repeat('n', 1800) AS note
    FROM generate_series(1, 20000) AS i;
CREATE TABLE east.t AS SELECT g AS a, g % 7 AS b FROM generate_series(1, 20000) g;
CREATE TABLE west.t AS SELECT g % 7 AS a, g AS b FROM generate_series(1, 20000) g;
ANALYZE public.orders, east.t, west.t;
SET ROLE bob;
CREATE TABLE bob.t AS SELECT g AS a, g % 7 AS b FROM generate_series(1, 20000) g;
ANALYZE bob.t;
SQL
}

forget() { value "SELECT pgopt.reset_statements()" >/dev/null; }

# keep WHAT: what samples keep from now on.
keep() {
    run postgres "ALTER SYSTEM SET pgopt.sample_parameters = '$1'" && run postgres 'SELECT pg_reload_conf()' >/dev/null
    local waited=0
    until [ "$(value 'SHOW pgopt.sample_parameters')" = "$1" ] || [ "$waited" -ge 100 ]; do
        waited=$((waited + 1))
        sleep 0.1
    done
}

# bound ROLE VALUE TIMES STATEMENT: a driver's prepared statement, where :v is a bound parameter.
bound() {
    "$PGBINDIR/pgbench" -n -M prepared -U "$1" -D "v=$2" -t "$3" -f /dev/stdin >/dev/null 2>&1 <<<"$4"
}

BY_STATUS='SELECT count(note) FROM public.orders WHERE status = :v'
BY_TIME='SELECT count(note) FROM public.orders WHERE created_at >= :v'

skewed_column() {
    local said
    keep raw
    forget
    bound app open 20 "$BY_STATUS"
    said=$(run monitor "$ADVICE")
    contains 'a rare value that was bound gets an index' "$said" 'CREATE INDEX .*public\.orders .*\(status\)'
    contains 'evidence names the source' "$said" '"workload": "captured workload"'
    contains 'evidence counts statements with values' "$said" '"sampled": [1-9]'
    forget
    bound app 'done' 5 "$BY_STATUS"
    lacks 'a common value gets none' "$(run monitor "$ADVICE" 2>&1)" 'CREATE INDEX'
    forget
    run app "SELECT count(note) FROM public.orders WHERE status = 'open'" >/dev/null
    contains 'a rare value in the text gets an index' "$(run monitor "$ADVICE")" 'CREATE INDEX .*\(status\)'
    forget
    run app "SELECT count(note) FROM public.orders WHERE status = 'done'" >/dev/null
    lacks 'and a common one none' "$(run monitor "$ADVICE" 2>&1)" 'CREATE INDEX'
}

windows() {
    local week
    week=$(value "SELECT now() - interval '7 days'")
    keep redacted
    forget
    bound app "$week" 5 "$BY_TIME"
    contains 'a window of a week gets an index though values are redacted' "$(run monitor "$ADVICE")" 'CREATE INDEX .*\(created_at\)'
    keep none
    forget
    bound app "$week" 5 "$BY_TIME"
    lacks 'without samples it is a third of all rows and gets none' "$(run monitor "$ADVICE" 2>&1)" 'CREATE INDEX'
    keep raw
    forget
    run app "SELECT count(note) FROM public.orders WHERE created_at >= now() - INTERVAL '7 days'" >/dev/null
    contains 'the length of a window in the text counts' "$(run monitor "$ADVICE")" 'CREATE INDEX .*\(created_at\)'
    forget
    run app "SELECT count(note) FROM public.orders WHERE created_at >= now() - INTERVAL '900 days'" >/dev/null
    lacks 'one that is nearly all of the time gets none' "$(run monitor "$ADVICE" 2>&1)" 'CREATE INDEX'
}

search_paths() {
    local said
    forget
    run app 'SET search_path = east; SELECT * FROM t WHERE a = 5' >/dev/null
    run app 'SET search_path = west; SELECT * FROM t WHERE b = 5' >/dev/null
    said=$(run monitor "$ADVICE")
    contains 'names are resolved as the session resolved them' "$said" 'CREATE INDEX .*east\.t .*\(a\)'
    contains 'and as another session of the role did' "$said" 'CREATE INDEX .*west\.t .*\(b\)'
    lacks 'all of them are planned' "$said" '"not_planned_count": [1-9]'
}

who_sees_what() {
    local said
    forget
    run app 'SELECT * FROM east.t WHERE a = 5' >/dev/null
    run bob 'SELECT * FROM t WHERE a = 5' >/dev/null
    said=$(run app "$ADVICE" 2>&1)
    contains 'a role gets advice on its own statements' "$said" 'CREATE INDEX .*east\.t'
    lacks 'and sees nothing of others' "$said" 'bob'
    fails 'a role that ran nothing is told what to do' 55000 'captured no statement.*you may see' mallory "$ADVICE"
    contains 'a member of pg_monitor gets advice on everybody' "$(run monitor "$ADVICE")" 'CREATE INDEX .*bob\.t'
}

# Of a statement that never comes to its end only the failures are known.
timeouts() {
    local said
    forget
    for _ in 1 2 3; do
        run app "SET statement_timeout = '20ms'; SELECT pg_sleep(1), id FROM public.orders WHERE id = 7" >/dev/null 2>&1 || true
    done
    said=$(run monitor "$ADVICE")
    contains 'a statement that always ran out of time gets an index' "$said" 'CREATE INDEX .*public\.orders .*\(id\)'
    contains 'it counts as often as it did' "$said" '"weight": 3\.0'
}

variants() {
    local said
    forget
    bound app open 10 "$BY_STATUS"
    sleep 1.1
    bound app 'done' 1 "$BY_STATUS"
    said=$(run monitor "$ADVICE")
    contains 'values that differ share the weight of one statement' "$said" '\|1\|.*"weight": 11\.0'
}

# The literal is input for a domain that mallory writes; alice never ran her code like this.
third_roles() {
    local ran
    sql mallory <<'SQL'
SET search_path = mallory;
CREATE SEQUENCE ran; GRANT SELECT, USAGE ON ran TO PUBLIC;
CREATE FUNCTION check_it(text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN PERFORM nextval(''mallory.ran''); RETURN true; END';
CREATE DOMAIN word AS text CHECK (check_it(VALUE));
SQL
    forget
    run app "SELECT count(note) FROM public.orders WHERE status = 'open'::mallory.word" >/dev/null
    run app 'SELECT * FROM east.t WHERE a = 5' >/dev/null
    ran=$(value 'SELECT last_value FROM mallory.ran')
    for caller in postgres monitor; do
        contains "$caller gets advice" "$(run "$caller" "$ADVICE")" 'CREATE INDEX .*east\.t'
        same 'the check of a third role is not run for a literal' "$ran" "$(value 'SELECT last_value FROM mallory.ran')"
    done
    forget
    run app "SELECT count(note) FROM public.orders WHERE status = '''); DROP TABLE east.t; --'" >/dev/null
    run monitor "$ADVICE" >/dev/null 2>&1
    same 'no literal becomes SQL' 20000 "$(value 'SELECT count(*) FROM east.t')"
}

dropped() {
    local said
    forget
    run app 'CREATE TABLE east.gone AS TABLE east.t' >/dev/null
    run app 'SELECT * FROM east.gone WHERE a = 5' >/dev/null
    run app 'SELECT * FROM east.t WHERE a = 5' >/dev/null
    run app 'DROP TABLE east.gone'
    said=$(run monitor "$ADVICE")
    contains 'a statement on a dropped table is counted' "$said" '"not_planned_count": 1'
    contains 'and the others are advised on' "$said" 'CREATE INDEX .*east\.t'
}

status() {
    local said
    said=$(value 'SELECT * FROM pgopt.status()')
    contains 'status says that the capture is on' "$said" '^workload capture\|on\|'
    contains 'status says where statements come from' "$said" '^observed workload\|on\|.*captured workload'
    said=$(value "SET pgopt.track = 'none'; SELECT * FROM pgopt.status()")
    contains 'status says how to turn it on' "$said" '^workload capture\|off\|.*pgopt\.track'
}

prepare
skewed_column
windows
search_paths
who_sees_what
timeouts
variants
third_roles
dropped
status
lacks 'no server process has crashed' "$(cat "$(dirname "$PGHOST")/log")" 'was terminated by signal'
finish
