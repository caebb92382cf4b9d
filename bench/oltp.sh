#!/usr/bin/env bash
# Measures what the advice does to an application that writes: pgbench's TPC-B-like
# transactions, alone and with some reading of the history between them. The advice
# is asked of what the server observed, and applied to one of two equal databases;
# both then run the same, in pairs.
#
# What is measured can be chosen by these variables:
#   SCALE          pgbench's scale factor
#   PAIRS          runs with and without the advice
#   SECONDS_EACH   length of one run
#   CLIENTS        number of clients
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"
OLTP=$REPO/bench/oltp

PLACE_NAME="oltp"
SCALE=${SCALE:-10}
PAIRS=${PAIRS:-20}
SECONDS_EACH=${SECONDS_EACH:-3}
CLIENTS=${CLIENTS:-4}

clean_up() {
    local place
    place=$(find_place "$PLACE_NAME") || return 0
    server_stop "$place/data" immediate
    remove_place "$PLACE_NAME"
}

sql() {
    "$BINDIR/psql" --no-psqlrc --quiet --set ON_ERROR_STOP=1 --pset pager=off --pset footer=off "$@"
}

# One transaction in fifty looks an account's history up.
load_options() {
    case $1 in
        writes) printf '%s\n' --builtin=tpcb-like ;;
        mixed) printf '%s\n' --builtin=tpcb-like@49 --file="$OLTP/history.sql@1" ;;
    esac
}

# run DATABASE LOAD SECONDS: prints transactions per second.
run() {
    local options
    mapfile -t options < <(load_options "$2")
    "$BINDIR/pgbench" --no-vacuum --client="$CLIENTS" --jobs=2 --time="$3" --protocol=prepared \
        --define=scale="$SCALE" "${options[@]}" "$1" 2>>"$LOG" | sed -n 's/^tps = \([0-9.]*\).*/\1/p'
}

make_databases() {
    local name
    for name in plain advised; do
        sql -c "CREATE DATABASE $name"
        "$BINDIR/pgbench" --quiet --initialize --scale="$SCALE" "$name" 2>>"$LOG"
        # A history to look into, as after some days.
        sql -d "$name" -f "$OLTP/past.sql"
    done
    sql -d advised -c 'CREATE EXTENSION pgopt'
    sql -f "$OLTP/results.sql"
}

# advise LOAD: runs it, and makes what is recommended for it.
advise() {
    local ddl
    sql -d advised -c 'SELECT FROM pgopt.reset_statements()' -o /dev/null
    run advised "$1" 10 >/dev/null
    sql -d advised -c "COPY (SELECT '$1', rank, ddl, size_bytes, benefit, write_penalty FROM pgopt.index_recommendations() WHERE action IN ('create', 'replace')) TO STDOUT" |
        sql -c '\copy bench.advice FROM STDIN'
    while IFS= read -r -d '' ddl; do
        sql -d advised -c "$ddl"
    done < <(sql --no-align --tuples-only --record-separator-zero -c "SELECT ddl FROM bench.advice WHERE load = '$1' ORDER BY rank")
}

# compare LOAD: the same in both databases, in turns.
compare() {
    local pair name
    for name in plain advised; do run "$name" "$1" 2 >/dev/null; done
    for ((pair = 1; pair <= PAIRS; pair++)); do
        for name in plain advised; do
            printf '%s\t%s\t%s\t%s\n' "$1" "$pair" "$name" "$(run "$name" "$1" "$SECONDS_EACH")"
        done
    done | sql -c '\copy bench.runs FROM STDIN'
}

measure() {
    local place=$1
    cluster_create "$place" postgres
    cluster_configure "$place" <<-'CONF'
		shared_preload_libraries = 'pgopt'
		shared_buffers = 1GB
		max_wal_size = 8GB
		checkpoint_timeout = 30min
		# Two noisy cores and a shared disk: what a commit waits for would hide the rest.
		synchronous_commit = off
		autovacuum = off
	CONF
    cluster_start "$place"
    PGPORT=$(cluster_port "$place")
    export PGHOST="$place/run" PGPORT PGUSER=postgres PGDATABASE=postgres
    say "Making two databases at scale $SCALE"
    make_databases
    say "Asking for advice on the writes alone"
    advise writes
    say "Asking for advice on writes and reads"
    advise mixed
    say "Running both, $PAIRS pairs of $SECONDS_EACH s each"
    compare mixed
    compare writes
    sql -f "$OLTP/report.sql"
    [ "$(sql --no-align --tuples-only -c 'SELECT count(*) FROM bench.verdicts WHERE NOT met')" = 0 ] ||
        die "a bar was missed"
}

clean_up
on_exit clean_up
say "Building and installing the extension"
supervise install_extension "$(pgrx_pg_config)"
BINDIR=$(pg_bindir)
LOG=$REPO/target/oltp.log
place=$(make_place "$PLACE_NAME")
supervise measure "$place"
