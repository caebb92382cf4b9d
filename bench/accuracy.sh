#!/usr/bin/env bash
# Measures how well hypothetical indexes foretell real ones, on tables as large as
# the demo's: "size" and "cost" as arguments choose what is compared.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"

PLACE_NAME="bench"

clean_up() {
    local place
    place=$(find_place "$PLACE_NAME") || return 0
    server_stop "$place/data" immediate
    remove_place "$PLACE_NAME"
}

measure() {
    local place=$1
    shift
    cluster_create "$place" postgres
    cluster_configure "$place" <<-'CONF'
		shared_preload_libraries = 'pgopt'
		shared_buffers = 512MB
		maintenance_work_mem = 256MB
		max_wal_size = 8GB
		# Nothing here has to survive a crash.
		fsync = off
	CONF
    cluster_start "$place"
    PGHOST="$place/run" PGPORT=$(cluster_port "$place") PGUSER=postgres PGDATABASE=postgres \
        PGBINDIR=$(pg_bindir) ACCURACY_SCALE=full ACCURACY_PARTS="$*" \
        "$REPO/pgrx-tests/clusters/accuracy.sh"
}

clean_up
on_exit clean_up
say "Building and installing the extension"
install_extension "$(pgrx_pg_config)"
place=$(make_place "$PLACE_NAME")
supervise measure "$place" "$@"
