#!/usr/bin/env bash
# Runs pgrx-tests/clusters/*.sh, each against a fresh cluster of its own that has
# the extension installed. A test is an executable which finds its server through
# PGHOST, PGPORT, PGUSER, PGDATABASE and PGBINDIR and fails by its exit status.
# Names (without .sh) as arguments choose some of them.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

PLACE_NAME="test-cluster"
# Tests at a time: many of them wait most of the time for what a server does by itself.
AT_ONCE=2
# Those that load the machine, or look at times, run alone, after the others.
ALONE=" capture_kept capture_load "

clean_up() {
    local link
    for link in "$REPO/target/$PLACE_NAME"-*; do
        [ ! -e "$link" ] || clean_up_after "$(basename "$link")"
    done
}

# clean_up_after PLACE_NAME
clean_up_after() {
    local place
    place=$(find_place "$1") || return 0
    server_stop "$place/data" immediate
    remove_place "$1"
}

chosen_tests() {
    local test
    for test in "$REPO"/pgrx-tests/clusters/*.sh; do
        [ -x "$test" ] || continue
        if [ $# -eq 0 ] || [[ " $* " == *" $(basename "$test" .sh) "* ]]; then
            basename "$test" .sh
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
    local name=$1 place log started=$SECONDS outcome=ok
    log="$REPO/target/cluster-test-$name.log"
    place=$(make_place "$PLACE_NAME-$name")
    (run_in_cluster "$REPO/pgrx-tests/clusters/$name.sh" "$place") >"$log" 2>&1 || outcome=FAILED
    {
        say "cluster test $name ... $outcome ($((SECONDS - started)) s)"
        if [ "$outcome" = FAILED ]; then
            cat "$log"
            say "--- the server's log:"
            as_server_user tail -n 40 "$place/log" || true
        fi
    } >"$log.said" 2>&1
    cat "$log.said"
    clean_up_after "$PLACE_NAME-$name"
    [ "$outcome" = ok ]
}

# All tests, AT_ONCE of them side by side; prints how many passed and failed.
run_tests() {
    local name alone=()
    RUNNING=0 PASSED=0 FAILED=0
    # So that all of them stay in this process group.
    set +m
    for name in "$@"; do
        if [[ "$ALONE" == *" $name "* ]]; then
            alone+=("$name")
        else
            run_beside "$AT_ONCE" "$name"
        fi
    done
    for name in "${alone[@]}"; do run_beside 1 "$name"; done
    await 0
    say "$PASSED passed, $FAILED failed"
    [ "$FAILED" -eq 0 ]
}

# run_beside MOST TEST: as soon as fewer than MOST are running.
run_beside() {
    await $(($1 - 1))
    run_test "$2" &
    RUNNING=$((RUNNING + 1))
}

# await MOST: until at most that many are running.
await() {
    while [ "$RUNNING" -gt "$1" ]; do
        if wait -n; then PASSED=$((PASSED + 1)); else FAILED=$((FAILED + 1)); fi
        RUNNING=$((RUNNING - 1))
    done
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
supervise run_tests "${tests[@]}"
