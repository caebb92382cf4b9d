#!/usr/bin/env bash
# Measures the advice on TPC-H: what the workload would cost with it, against the
# figures of other advisors and one that runs here; then builds it, and compares
# promised costs and sizes with real ones, and the time the queries take.
#
# What is measured can be chosen by these variables:
#   SCALE     scale factor; the other advisors' figures are those of 1
#   TIMEOUT   after which an execution of one query is given up
#   CALLS     how often each advice is asked for, if it does not take long; the time
#             printed is the median
#   PLANNER   settings of the planner that are not PostgreSQL's own, "NAME=VALUE ..."
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"
ADVISOR=$REPO/bench/advisor
# shellcheck source=bench/advisor/data.sh
. "$ADVISOR/data.sh"
# shellcheck source=bench/advisor/live-peer.sh
. "$ADVISOR/live-peer.sh"

PLACE_NAME="advisor"
SCALE=${SCALE:-1}
TIMEOUT=${TIMEOUT:-30s}
CALLS=${CALLS:-3}
# The other advisors plan without parallel workers and bitmap scans; with this much
# work_mem the workload costs what it cost them.
PLANNER=${PLANNER:-max_parallel_workers_per_gather=0 enable_bitmapscan=off work_mem=64MB}

clean_up() {
    local place
    place=$(find_place "$PLACE_NAME") || return 0
    server_stop "$place/data" immediate
    remove_place "$PLACE_NAME"
}

headline() { printf '\n%s\n\n' "$*"; }

sql() {
    "$BINDIR/psql" --no-psqlrc --quiet --set ON_ERROR_STOP=1 --pset pager=off --pset footer=off "$@"
}

values() { sql --no-align --tuples-only "$@"; }

# Nothing may happen in the server but what the bench asks for.
settings() {
    cat <<-'CONF'
		shared_buffers = 1GB
		maintenance_work_mem = 512MB
		max_wal_size = 8GB
		wal_level = minimal
		max_wal_senders = 0
		fsync = off
		synchronous_commit = off
		full_page_writes = off
		autovacuum = off
		checkpoint_timeout = 1d
		jit = off
	CONF
    tr ' ' '\n' <<<"$PLANNER"
}

# start LIBRARIES: the server with these loaded. Sessions that call pgopt load it
# themselves, so that it is in none of those that measure something else.
start() {
    server_stop "$PLACE/data"
    cluster_configure "$PLACE" <<<"shared_preload_libraries = '$1'"
    cluster_start "$PLACE"
    PGPORT=$(cluster_port "$PLACE")
    export PGPORT
}

show_settings() {
    sql <<-'SQL'
		SELECT name, current_setting(name) AS value FROM pg_settings
		WHERE name IN ('server_version', 'cpu_index_tuple_cost', 'cpu_operator_cost', 'cpu_tuple_cost', 'default_statistics_target',
		               'effective_cache_size', 'enable_bitmapscan', 'jit', 'max_parallel_workers_per_gather', 'random_page_cost',
		               'seq_page_cost', 'shared_buffers', 'work_mem')
		ORDER BY name;
	SQL
}

query_number() { basename "$1" .sql; }

load_queries() {
    local file
    for file in "$ADVISOR"/queries/*.sql; do
        # shellcheck disable=SC2016 # the dollars quote the query for SQL
        printf 'INSERT INTO bench.queries VALUES (%s, $q$%s$q$);\n' \
            "$(query_number "$file")" "$(grep -v '^--' "$file" | sed 's/;$//')"
    done | sql
}

# The other advisors' figures say nothing about other data.
load_peers() {
    [ "$SCALE" = 1 ] || return 0
    grep -v '^#' "$ADVISOR/peers.tsv" | sql -c '\copy bench.peers FROM STDIN'
}

# Each call in a session of its own, as a user would make it.
advise() {
    local label call
    while read -r label; do
        for ((call = 1; call <= CALLS; call++)); do
            sql -c 'SELECT FROM pgopt.status()' -c "CALL bench.advise('$label')" --output /dev/null
            [ "$(values -c "SELECT max(seconds) < 5 FROM bench.calls WHERE label = '$label'")" = t ] || break
        done
        sql -c "CALL bench.cost_advice('$label')"
    done < <(values -c 'SELECT label FROM bench.budgets ORDER BY position')
}

# Prints lines of: phase, query, milliseconds (\N: timed out).
time_queries() {
    local phase=$1 file started ms
    for file in "$ADVISOR"/queries/*.sql; do
        started=$(date +%s%N)
        if PGOPTIONS="-c statement_timeout=$TIMEOUT" sql --output /dev/null -f "$file" 2>"$LOG"; then
            ms=$((($(date +%s%N) - started) / 1000))
            ms="$((ms / 1000)).$(printf '%03d' $((ms % 1000)))"
        else
            grep -q 'statement timeout' "$LOG" || die "query $(query_number "$file"): $(cat "$LOG")"
            ms='\N'
        fi
        printf '%s\t%s\t%s\n' "$phase" "$(query_number "$file")" "$ms"
    done
}

note_times() { time_queries "$1" | sql -c '\copy bench.times FROM STDIN'; }

# One command each: they are the advisor's own, which no transaction may hold.
build_advice() {
    local ddl
    while IFS= read -r -d '' ddl; do
        sql -c "$ddl"
    done < <(values --record-separator-zero -c "SELECT ddl FROM bench.advice WHERE label = 'none' ORDER BY rank")
}

measure() {
    cluster_create "$PLACE" postgres
    settings | cluster_configure "$PLACE"
    export PGHOST="$PLACE/run" PGUSER=postgres PGDATABASE=postgres
    start pg_qualstats
    say "Loading TPC-H at scale $SCALE"
    load_data
    sql -f "$ADVISOR/measure.sql"
    load_queries
    load_peers
    sql -c "CALL bench.note_plans('start')"

    say "Running the workload for pg_qualstats"
    observe_quals
    start ''
    say "Asking for advice"
    advise
    cost_by_hypopg
    headline "Settings"
    show_settings
    sql -f "$ADVISOR/report-advice.sql"
    sql -f "$ADVISOR/report-live-peer.sql"

    say "Running the queries, each for $TIMEOUT at most"
    note_times before
    say "Building the advice without a budget"
    build_advice
    # What was promised rests on these statistics; new ones are another sample.
    sql -c "CALL bench.note_plans('built')"
    sql -c 'VACUUM (ANALYZE)' -c "CALL bench.note_plans('analysed')"
    note_times after
    sql -c 'CALL bench.measure_sizes()'
    sql --set timeout="$TIMEOUT" -f "$ADVISOR/report-built.sql"
    headline "Bars"
    sql -f "$ADVISOR/report-bars.sql"
    [ "$(values -c 'SELECT count(*) FROM bench.verdicts WHERE gate AND NOT met')" = 0 ] ||
        die "a bar was missed"
}

clean_up
on_exit clean_up
say "Building and installing the extension"
supervise install_extension "$(pgrx_pg_config)"
ensure_generator
ensure_live_peer
BINDIR=$(pg_bindir)
PLACE=$(make_place "$PLACE_NAME")
LOG=$REPO/target/advisor.log
supervise measure
