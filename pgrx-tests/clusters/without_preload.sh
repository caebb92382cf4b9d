#!/usr/bin/env bash
# The library is loaded by the first call of a function when the server did not load it, and
# lives with other libraries that plan and explain.
set -euo pipefail
# shellcheck source=pgrx-tests/clusters/lib.sh
. "$(dirname "$0")/lib.sh"

QUERY='SELECT * FROM public.t WHERE a = 5'
INDEX='CREATE INDEX ON public.t (a)'
SEEN='Index Scan using "<hypothetical> '

# restart LIBRARIES: with these in shared_preload_libraries. Whoever may become the server's
# owner restarts it; the cluster is this test's alone.
restart() {
    local data owner
    data=$(value 'SHOW data_directory')
    owner=$(stat -c %U "$data")
    echo "shared_preload_libraries = '$1'" >>"$data/postgresql.conf"
    local restart=("$PGBINDIR/pg_ctl" restart --silent --wait --timeout=60 --mode=fast -D "$data")
    if [ "$(id -un)" = "$owner" ]; then
        "${restart[@]}" -l "${data%/data}/log" </dev/null >/dev/null 2>&1
    else
        (cd / && runuser -u "$owner" -- "${restart[@]}" -l "${data%/data}/log") </dev/null >/dev/null 2>&1
    fi
}

sql postgres <<'SQL'
CREATE EXTENSION pgopt;
CREATE TABLE public.t AS SELECT g AS a, g % 7 AS b FROM generate_series(1, 20000) g;
CREATE TABLE public.u AS SELECT * FROM public.t;
ANALYZE public.t, public.u;
SQL

restart ""
same 'nothing is loaded at server start' '' "$(value 'SHOW shared_preload_libraries')"
contains 'status says that the session loaded it' "$(value 'SELECT * FROM pgopt.status()')" 'loaded by this session'
contains 'workload_cost works on the first call' "$(value "SELECT * FROM pgopt.workload_cost(ARRAY['$QUERY'], ARRAY['$INDEX'])")" 't_a_idx'
contains 'explain_with works on the first call' "$(value "SELECT * FROM pgopt.explain_with('$QUERY', ARRAY['$INDEX'])")" "$SEEN"
contains 'recommend_for works on the first call' "$(value "SELECT ddl FROM pgopt.recommend_for(ARRAY['$QUERY'])")" 'CREATE INDEX .*public\.t'
contains 'EXPLAIN sees a hypothetical index' "$(value "SELECT FROM pgopt.hypothetical_create('$INDEX'); EXPLAIN $QUERY")" "$SEEN"
contains 'the view works on the first call' "$(value 'SELECT count(*) FROM pgopt.hypothetical_indexes')" '^0$'
fails 'there is no observed workload' 55000 "shared_preload_libraries = 'pgopt'" postgres 'SELECT * FROM pgopt.index_recommendations()'
fails 'nothing can be run in the background' 55000 'Add pgopt to shared_preload_libraries' postgres 'SELECT pgopt.apply(1)'
sql postgres -c 'CREATE EXTENSION pg_stat_statements'
fails 'pg_stat_statements is installed and not loaded' 55000 'shared_preload_libraries' postgres 'SELECT * FROM pgopt.index_recommendations()'
contains 'status says that pg_stat_statements is not loaded' "$(value 'SELECT * FROM pgopt.status()')" 'observed workload\|off\|.*not loaded'
contains 'a setting made before the library is loaded counts' "$(value "SET pgopt.min_table_rows = 1000000; SELECT 'rows ' || count(*) FROM pgopt.recommend_for(ARRAY['$QUERY'])")" '^rows 0$'

# session PLAIN_COMMANDS...: hypothetical indexes in a session, and then whatever is given.
session() {
    {
        echo "SELECT FROM pgopt.hypothetical_create('$INDEX');"
        echo "SELECT FROM pgopt.hypothetical_create('CREATE INDEX ON public.u (a)');"
        printf '%s;\n' "$@"
        echo "SELECT 'alive';"
    } | sql postgres 2>&1
}

beside() {
    local with=$1 said
    said=$(session "EXPLAIN $QUERY")
    contains "$with: EXPLAIN sees a hypothetical index" "$said" "$SEEN"
    contains "$with: the session lives" "$said" '^alive$'
    said=$(session "$QUERY" "EXPLAIN (ANALYZE, VERBOSE) $QUERY" 'SELECT count(*) FROM public.t JOIN public.u USING (a)')
    lacks "$with: execution never sees one" "$said" 'hypothetical'
    contains "$with: execution works" "$said" '^5\|5$'
    contains "$with: advice comes" "$(value "SELECT ddl FROM pgopt.recommend_for(ARRAY['$QUERY'])")" 'CREATE INDEX .*public\.t'
}

restart 'auto_explain, pgopt'
run postgres "ALTER SYSTEM SET auto_explain.log_min_duration = 0; " && run postgres 'ALTER SYSTEM SET auto_explain.log_nested_statements = on'
run postgres 'ALTER SYSTEM SET auto_explain.log_analyze = on' && run postgres 'SELECT pg_reload_conf()' >/dev/null
beside 'auto_explain before'
restart 'pgopt, auto_explain'
beside 'auto_explain after'
run postgres 'ALTER SYSTEM RESET auto_explain.log_min_duration'

have_hint_plan() {
    [ -e "$("$PGBINDIR/pg_config" --pkglibdir)/pg_hint_plan.so" ] && return
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || return 1
    apt-get install -y -qq --no-install-recommends postgresql-15-pg-hint-plan >/dev/null 2>&1 || {
        apt-get update -qq >/dev/null 2>&1 &&
            apt-get install -y -qq --no-install-recommends postgresql-15-pg-hint-plan >/dev/null 2>&1
    } || return 1
    [ -e "$("$PGBINDIR/pg_config" --pkglibdir)/pg_hint_plan.so" ]
}

hints() {
    local with=$1 hint said
    beside "$with"
    for hint in 'IndexScan(t)' 'IndexOnlyScan(t)' 'BitmapScan(t)' 'NoIndexScan(t)' 'SeqScan(t)' 'IndexScan(t t_a_idx)' \
        'IndexScan(t nothing)' 'IndexScanRegexp(t .*)' 'Rows(t u #10)' 'Leading((u t)) NestLoop(t u) IndexScan(t) IndexScan(u)' \
        'Parallel(t 4 hard)' 'Set(enable_seqscan off)'; do
        said=$(session "/*+ $hint */ EXPLAIN $QUERY" "/*+ $hint */ EXPLAIN SELECT * FROM public.t JOIN public.u USING (a) WHERE t.b = 3" \
            "/*+ $hint */ $QUERY" "/*+ $hint */ SELECT count(*) FROM public.t t JOIN public.u USING (a)")
        contains "$with: the session lives after $hint" "$said" '^alive$'
    done
    said=$(session "/*+ SeqScan(t) */ EXPLAIN $QUERY")
    contains "$with: hints are left aside in what-if" "$said" "$SEEN"
    said=$(session "/*+ SeqScan(t) */ EXPLAIN $QUERY" 'SELECT pgopt.hypothetical_reset()' 'SHOW pg_hint_plan.enable_hint')
    contains "$with: and are back afterwards" "$said" '^on$'
    sql postgres -c 'SELECT pg_stat_statements_reset()' >/dev/null
    for hint in 'IndexScan(t t_a_idx)' 'SeqScan(t)'; do
        sql postgres -c "/*+ $hint */ SELECT count(*) FROM public.t WHERE a = 5" >/dev/null
    done
    said=$(value 'SELECT ddl FROM pgopt.index_recommendations()')
    contains "$with: advice comes on statements with hints" "$said" 'CREATE INDEX .*public\.t'
}

if have_hint_plan; then
    restart 'pg_stat_statements, pg_hint_plan, pgopt'
    hints 'pg_hint_plan before'
    restart 'pgopt, pg_stat_statements, pg_hint_plan'
    hints 'pg_hint_plan after'
else
    echo 'skipped: pg_hint_plan is not installed and cannot be had'
fi
lacks 'no server process has crashed' "$(cat "$(dirname "$PGHOST")/log")" 'was terminated by signal'
finish
