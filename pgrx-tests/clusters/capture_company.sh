#!/usr/bin/env bash
# Capture in company: with other libraries on the same hooks in either order, with and without
# query identifiers, with sessions that keep thousands of statements, and on a standby.
set -euo pipefail
# shellcheck source=pgrx-tests/clusters/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=pgrx-tests/clusters/capture/lib.sh
. "$(dirname "$0")/capture/lib.sh"

PLACE=$(dirname "$PGHOST")
FILES="${0%.sh}"

has_library() { [ -e "$("$PGBINDIR/pg_config" --pkglibdir)/$1.so" ]; }

# preload LIBRARIES [SETTING...]: after a restart.
preload() {
    local libraries=$1
    shift
    restart "shared_preload_libraries = '$libraries'" "$@"
}

# workload: the same commands each time, what they print, and errors; then what was counted.
workload() { loose postgres -f "$FILES/workload.sql" | sed 's/^psql:[^:]*:[0-9]*: //'; }

# ours: calls, errors and rows by text of what the workload ran; by our count.
ours() {
    value "SELECT calls, errors, rows, toplevel, utility, query FROM pgopt.statements
            WHERE query !~ 'pgopt[.]|pg_stat_statements' AND database = 'postgres' ORDER BY query, toplevel"
}

# differing: statements of the workload that pg_stat_statements counted otherwise.
differing() {
    value "SELECT a.calls, b.calls, a.rows, b.rows, coalesce(a.query, b.query)
      FROM (SELECT * FROM pgopt.statement_list() WHERE calls > 0 AND database_id = (SELECT oid FROM pg_database WHERE datname = 'postgres')) a
      FULL JOIN (SELECT s.* FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid AND d.datname = 'postgres' WHERE calls > 0) b
        ON (a.queryid, a.database_id, a.role_id, a.toplevel) = (b.queryid, b.dbid, b.userid, b.toplevel)
     WHERE coalesce(a.query, b.query) !~ 'pgopt[.]|pg_stat_statements' AND coalesce(b.query, '') !~* '^(deallocate|declare|fetch|close)\M'
       -- A cursor's query, which pg_stat_statements has under DECLARE and FETCH.
       AND coalesce(a.query, '') <> 'SELECT a, \$1 FROM public.t WHERE a < \$2 ORDER BY a'
       AND coalesce(a.query, '') !~* '^declare\M'
       AND (a.calls IS DISTINCT FROM b.calls OR a.rows IS DISTINCT FROM b.rows)"
}

in_order() {
    local libraries=$1 said
    preload "$libraries"
    reset
    said=$(workload)
    same "$libraries: results are the same" "$RESULTS" "$said"
    same "$libraries: the same is counted" "$COUNTS" "$(ours)"
    same "$libraries: as pg_stat_statements counts" '' "$(differing)"
}

orders() {
    reset
    RESULTS=$(workload)
    COUNTS=$(ours)
    contains 'the workload works' "$RESULTS" '^done$'
    contains 'the workload is counted' "$COUNTS" '^1\|0\|3\|t\|t\|COPY '
    same 'pg_stat_statements, pgopt: the same is counted' '' "$(differing)"
    in_order 'pgopt,pg_stat_statements'
    in_order 'auto_explain,pgopt,pg_stat_statements'
    local setting
    for setting in 'log_min_duration = 0' 'log_analyze = on' 'log_buffers = on' 'log_nested_statements = on' 'log_triggers = on'; do
        echo "auto_explain.$setting"
    done | as_owner tee -a "$PLACE/data/postgresql.conf" >/dev/null
    in_order 'pg_stat_statements,pgopt,auto_explain'
    if has_library pg_qualstats; then
        in_order 'pg_stat_statements,pg_qualstats,pgopt'
        in_order 'pgopt,pg_qualstats,pg_stat_statements'
    else
        echo 'skipped: pg_qualstats is not installed'
    fi
    as_owner sed -i '/^auto_explain/d' "$PLACE/data/postgresql.conf"
}

alone() {
    preload pgopt
    reset_ours
    same 'alone: results are the same' "$RESULTS" "$(workload)"
    same 'alone: the same is counted' "$COUNTS" "$(ours)"
    same 'alone: query identifiers are computed' t "$(value 'SELECT query_ids FROM pgopt.capture_info')"
    reset_ours
    PGOPTIONS='-c compute_query_id=on' workload >/dev/null
    same 'compute_query_id = on: the same is counted' "$COUNTS" "$(ours)"
    preload 'pg_stat_statements,pgopt' 'compute_query_id = off'
    reset_ours
    same 'compute_query_id = off: results are the same' "$RESULTS" "$(workload)"
    same 'compute_query_id = off: no query is captured' '' "$(value 'SELECT query FROM pgopt.statements WHERE queryid <> 0')"
    same 'compute_query_id = off: it is said' f "$(value 'SELECT query_ids FROM pgopt.capture_info')"
    contains 'compute_query_id = off: status works' "$(value 'SELECT * FROM pgopt.status()')" '^pgopt\|on'
    contains 'compute_query_id = off: views work' "$(value 'SELECT count(*) FROM pgopt.statements, pgopt.latency, pgopt.n_plus_one')" '^[0-9]+$'
    fails 'compute_query_id is a superuser setting' 42501 'permission denied' bob 'SET compute_query_id = on'
    loose >/dev/null <<<"SET compute_query_id = on; SELECT 'on here', 'and now';"
    same 'compute_query_id = on in one session: its statements are captured' 1 "$(value "SELECT calls FROM pgopt.statements WHERE query = 'SELECT \$1, \$2'")"
    restart 'compute_query_id = auto'
}

reset_ours() { value 'SELECT pgopt.reset_statements()' >/dev/null; }

# memory COMMANDS: kB of memory of its own that a session takes for them after a first hundred.
memory() {
    {
        echo "SELECT 'warm', pg_backend_pid();"
        head -n 100 "$1"
        # shellcheck disable=SC2016 # for psql
        echo 'SELECT pg_backend_pid() AS pid \gset'
        echo "\\setenv BACKEND :pid"
        echo "\\! awk '/RssAnon/ {print \"before\", \$2}' /proc/\$BACKEND/status"
        tail -n +101 "$1"
        echo "\\! awk '/RssAnon/ {print \"after\", \$2}' /proc/\$BACKEND/status"
    } | loose | awk '/^before/ {before = $2} /^after/ {print $2 - before}'
}

many_statements() {
    local with without n
    for n in {1..10000}; do
        echo "PREPARE many_$n (int) AS SELECT $n, 'constant', a FROM public.t WHERE a = \$1 AND b <> $n; EXECUTE many_$n($n);"
    done >"$WORK/many.sql"
    preload 'pg_stat_statements'
    without=$(memory "$WORK/many.sql" 2>/dev/null)
    preload 'pg_stat_statements,pgopt'
    reset
    with=$(memory "$WORK/many.sql" 2>/dev/null)
    echo "10,000 prepared statements: $without kB, with pgopt $with kB"
    same '10,000 prepared statements of a session take no memory of ours' t "$(value "SELECT $with - $without < 1024")"
    same '10,000 prepared statements are counted' 10000 "$(value "SELECT sum(calls) FROM pgopt.statements WHERE query ~ '^PREPARE many_'")"
    loose >/dev/null <<'SQL'
SET pgopt.track = 'all';
DO $$
DECLARE c refcursor;
BEGIN
  FOR n IN 1..5000 LOOP
    c := NULL;
    OPEN c FOR SELECT a AS open_cursor FROM public.t WHERE a >= n;
  END LOOP;
END $$;
SQL
    same '5,000 open cursors: those beyond 4,096 are counted as dropped' t "$(value 'SELECT dropped_open BETWEEN 900 AND 910 FROM pgopt.capture_info')"
    contains 'and the session next to it goes on' "$(loose <<<"SELECT 'alive';")" '^alive$'
    same 'statements are counted as ever' 1 "$(value "SELECT calls FROM pgopt.statements WHERE query ~ '^DO'")"
}

# As with any library's settings: the server starts with the default and says so.
sizes() {
    restart 'pgopt.max_statements = 99' 'pgopt.query_text_memory = 1023kB'
    same 'sizes below the least: the defaults' '5000|16777216' "$(value 'SELECT max_statements, text_memory FROM pgopt.capture_info')"
    restart 'pgopt.max_statements = 1000001' 'pgopt.query_text_memory = 1MB'
    same 'a size beyond the most: the default' '5000|1048576' "$(value 'SELECT max_statements, text_memory FROM pgopt.capture_info')"
    local said
    said=$(as_owner cat "$PLACE/log")
    for wanted in '99 is' '1000001 is' '1023 kB is'; do
        contains "the log says that $wanted out of range" "$said" "WARNING:  $wanted outside the valid range for parameter \"pgopt\\."
    done
    restart 'pgopt.max_statements = 100'
    same '100 statements work' 100 "$(value 'SELECT max_statements FROM pgopt.capture_info')"
    same 'with less room than before some were kept' t "$(value 'SELECT used BETWEEN 50 AND 100 FROM pgopt.capture_info')"
}

not_preloaded() {
    preload ''
    local view
    for view in statements top_statements statement_samples latency n_plus_one slow_transactions capture_info; do
        fails "without preloading: $view says why" 55000 'HINT:.*Add pgopt to shared_preload_libraries and restart' postgres "SELECT * FROM pgopt.$view"
    done
    fails 'without preloading: transaction_stats says why' 55000 'shared_preload_libraries' postgres 'SELECT * FROM pgopt.transaction_stats()'
    fails 'without preloading: statement_histogram says why' 55000 'shared_preload_libraries' postgres 'SELECT * FROM pgopt.statement_histogram(1)'
    fails 'without preloading: reset_statements says why' 55000 'shared_preload_libraries' postgres 'SELECT pgopt.reset_statements()'
    contains 'without preloading: status works' "$(value 'SELECT * FROM pgopt.status()')" 'loaded by this session'
    preload 'pg_stat_statements,pgopt'
}

standby() {
    local place="$WORK/standby" port=5498 host
    chmod 711 "$WORK"
    mkdir "$place"
    [ "$(id -u)" -ne 0 ] || chown "$(stat -c %U "$PGHOST"):" "$place"
    as_owner "$PGBINDIR/pg_basebackup" --no-sync --checkpoint=fast --write-recovery-conf --wal-method=stream \
        -h "$PGHOST" -p "$PGPORT" -U postgres -D "$place/data"
    same 'a base backup leaves what was counted out' '' "$(as_owner find "$place/data" -name 'pgopt.stat*')"
    as_owner "$PGBINDIR/pg_ctl" start --silent --wait --timeout=60 -D "$place/data" -l "$place/log" \
        -o "-p $port -c listen_addresses='' -c unix_socket_directories=$place" </dev/null >/dev/null 2>&1
    host=$PGHOST
    on_standby() { PGHOST=$place PGPORT=$port run postgres "$1" 2>&1; }
    same 'a standby counts' '1|1|t' "$(on_standby "SELECT 'on standby', 1.5, 2" >/dev/null; on_standby "SELECT calls, rows, toplevel FROM pgopt.statements WHERE query = 'SELECT \$1, \$2, \$3'")"
    same 'a standby has its housekeeper' t "$(on_standby 'SELECT housekeeper FROM pgopt.capture_info')"
    same 'a standby counts its failures' '1|25006' "$(on_standby 'CREATE TABLE never (a int)' >/dev/null; on_standby "SELECT errors, last_sqlstate FROM pgopt.statements WHERE query ~ '^CREATE TABLE never'")"
    as_owner "$PGBINDIR/pg_ctl" restart --silent --wait --timeout=60 -D "$place/data" -l "$place/log" </dev/null >/dev/null 2>&1
    same 'what a standby counted outlives its restart' 1 "$(on_standby "SELECT calls FROM pgopt.statements WHERE query = 'SELECT \$1, \$2, \$3'")"
    as_owner "$PGBINDIR/pg_ctl" promote --silent --wait -D "$place/data"
    same 'and its promotion' '1|t' "$(on_standby "SELECT calls, (SELECT housekeeper FROM pgopt.capture_info) FROM pgopt.statements WHERE query = 'SELECT \$1, \$2, \$3'")"
    lacks 'the log of the standby has no panic' "$(as_owner cat "$place/log")" 'PANIC|panicked|was terminated by signal|could not'
    PGHOST=$host
    as_owner "$PGBINDIR/pg_ctl" stop --silent --wait --mode=immediate -D "$place/data" >/dev/null 2>&1
}

end_standby() {
    as_owner "$PGBINDIR/pg_ctl" stop --silent --wait --mode=immediate -D "$WORK/standby/data" >/dev/null 2>&1 || true
    clean_up
}
trap end_standby EXIT

sql postgres -f "$FILES/prepare.sql"
orders
alone
many_statements
sizes
not_preloaded
standby
lacks 'no server process has crashed' "$(as_owner cat "$PLACE/log")" 'was terminated by signal|PANIC|panicked'
finish
