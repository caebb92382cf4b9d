#!/usr/bin/env bash
# Measures how long advice takes as the workload grows: distinct statements over
# hundreds of tables, as an object-relational mapper sends them, without secondary
# indexes at start.
#
# What is measured can be chosen by these variables:
#   TABLES      number of tables
#   ROWS        rows of each
#   STATEMENTS  sizes of the workload; the last one has the bar
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"

PLACE_NAME="scale"
TABLES=${TABLES:-300}
ROWS=${ROWS:-5000}
STATEMENTS=${STATEMENTS:-125 250 500 1000}

clean_up() {
    local place
    place=$(find_place "$PLACE_NAME") || return 0
    server_stop "$place/data" immediate
    remove_place "$PLACE_NAME"
}

sql() {
    "$BINDIR/psql" --no-psqlrc --quiet --set ON_ERROR_STOP=1 --pset pager=off --pset footer=off "$@"
}

# advise COUNT: one call in a session of its own, which then says how much memory it has used.
advise() {
    sql --set count="$1" --set tables="$TABLES" -f "$REPO/bench/scale/advise.sql"
}

measure() {
    local place=$1 count
    cluster_create "$place" postgres
    cluster_configure "$place" <<-'CONF'
		shared_buffers = 512MB
		max_wal_size = 8GB
		fsync = off
		autovacuum = off
	CONF
    cluster_start "$place"
    PGPORT=$(cluster_port "$place")
    export PGHOST="$place/run" PGPORT PGUSER=postgres PGDATABASE=postgres
    say "Making $TABLES tables of $ROWS rows"
    sql -f "$REPO/bench/scale/application.sql"
    sql -c "CALL bench.make_tables($TABLES, $ROWS)" -c 'VACUUM ANALYZE'
    say "Asking for advice"
    for count in $STATEMENTS; do advise "$count"; done
    sql -f "$REPO/bench/scale/report.sql"
    [ "$(sql --no-align --tuples-only -c 'SELECT count(*) FROM bench.verdicts WHERE NOT met')" = 0 ] ||
        die "a bar was missed"
}

clean_up
on_exit clean_up
say "Building and installing the extension"
supervise install_extension "$(pgrx_pg_config)"
BINDIR=$(pg_bindir)
place=$(make_place "$PLACE_NAME")
supervise measure "$place"
