#!/usr/bin/env bash
# Runs pgrx-tests/clusters/*.sh, each against a fresh cluster of its own that has
# the extension installed. A test is an executable which finds its server through
# PGHOST, PGPORT, PGUSER, PGDATABASE and PGBINDIR and fails by its exit status.
# Names (without .sh) as arguments choose some of them.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

PLACE_NAME="test-cluster"
PASSED=0
FAILED=0

clean_up() {
    local place
    place=$(find_place "$PLACE_NAME") || return 0
    server_stop "$place/data" immediate
    remove_place "$PLACE_NAME"
}

chosen_tests() {
    local test
    for test in "$REPO"/pgrx-tests/clusters/*.sh; do
        [ -x "$test" ] || continue
        if [ $# -eq 0 ] || [[ " $* " == *" $(basename "$test" .sh) "* ]]; then
            printf '%s\n' "$test"
        fi
    done
}

start_cluster() {
    local place=$1
    cluster_create "$place" postgres
    cluster_configure "$place" <<-'CONF'
		shared_preload_libraries = 'pg_stat_statements,pgopt'
		# The cluster is thrown away after the test, so a crash may lose it.
		fsync = off
	CONF
    cluster_start "$place"
}

run_in_cluster() {
    local test=$1 place=$2
    start_cluster "$place"
    PGHOST="$place/run" PGPORT=$(cluster_port "$place") PGUSER=postgres PGDATABASE=postgres \
        PGBINDIR=$(pg_bindir) "$test"
}

run_test() {
    local test=$1 name place log
    name=$(basename "$test" .sh)
    log="$REPO/target/cluster-test-$name.log"
    place=$(make_place "$PLACE_NAME")
    if supervise run_in_cluster "$test" "$place" >"$log" 2>&1; then
        say "cluster test $name ... ok"
        PASSED=$((PASSED + 1))
    else
        say "cluster test $name ... FAILED"
        cat "$log"
        say "--- the server's log:"
        as_server_user tail -n 40 "$place/log" || true
        FAILED=$((FAILED + 1))
    fi
    clean_up
}

install_quietly() {
    local log="$REPO/target/cluster-tests-build.log"
    say "Building and installing the extension for the cluster tests"
    install_extension "$(pgrx_pg_config)" >"$log" 2>&1 || {
        cat "$log"
        die "the extension could not be installed"
    }
}

mapfile -t tests < <(chosen_tests "$@")
[ ${#tests[@]} -gt 0 ] || exit 0
clean_up
on_exit clean_up
install_quietly
for test in "${tests[@]}"; do run_test "$test"; done
say "$PASSED passed, $FAILED failed"
[ "$FAILED" -eq 0 ]
