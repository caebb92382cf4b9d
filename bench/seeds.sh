#!/usr/bin/env bash
# Measures the advice on five real systems whose databases were tuned by hand
# (examples/*): how much faster their queries get, the percentiles under load, and
# how the indexes made by hand compare with the advised ones. Fails, after it has
# printed everything, when a bar is missed.
#
# What is measured can be chosen by these variables:
#   SYSTEMS          names of directories in examples
#   RUNS             executions of each query, before and after
#   CLIENTS          clients of the load test
#   RATE             transactions per second of the load test
#   SECONDS_EACH     length of each load test
#   PGOPT_SETTINGS   added to postgresql.conf
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"
SEEDS=$REPO/bench/seeds
# shellcheck source=bench/seeds/cluster.sh
. "$SEEDS/cluster.sh"
# shellcheck source=bench/seeds/workload.sh
. "$SEEDS/workload.sh"
# shellcheck source=bench/seeds/report.sh
. "$SEEDS/report.sh"

PLACE_NAME="seeds"
CORES=$(nproc)
read -ra SYSTEMS <<<"${SYSTEMS:-testhub fastnext tutor chatops testplatform}"
RUNS=${RUNS:-10}
CLIENTS=${CLIENTS:-8}
# What 10,000 users ask for, each once in 100 seconds.
RATE=${RATE:-100}
SECONDS_EACH=${SECONDS_EACH:-10}
# With values of their parameters kept, statements on rare values get their partial
# indexes; a server on which they must not be kept gets more general ones.
PGOPT_SETTINGS=${PGOPT_SETTINGS:-pgopt.sample_parameters = raw}

clean_up() {
    local place
    rm -rf "$WORK"
    place=$(find_place "$PLACE_NAME") || return 0
    server_stop "$place/data" immediate
    remove_place "$PLACE_NAME"
}

check_choices() {
    local system
    for system in "${SYSTEMS[@]}"; do
        [ -f "$REPO/examples/$system/hand-indexes.sql" ] || die "SYSTEMS: there is no example $system"
    done
}

# The load tests come first because they bring everything into memory. What they
# ran is not captured: the advice rests on the same executions each time.
measure_system() {
    local system=$1
    render_texts "$system"
    list_queries "$system"
    load_test "$system" before
    sql "$system" -c "SELECT pgopt.reset_statements('$system')" --output /dev/null
    run_workload "$system" before
    take_advice "$system"
    build_advice "$system"
    load_test "$system" after
    run_workload "$system" after
    judge_hand_indexes "$system"
    report_system "$system"
}

measure() {
    local system
    start_server
    PORT=$(cluster_port "$PLACE")
    create_results
    say "Generating the data, $CORES systems at a time"
    load_all
    for system in "${SYSTEMS[@]}"; do
        measure_system "$system"
    done
    report_all
    all_bars_met
}

check_choices
# For the caller's files, which the server's user could not delete.
WORK=$(mktemp -d)
clean_up
mkdir "$WORK"
on_exit clean_up
say "Building and installing the extension"
supervise install_extension "$(pgrx_pg_config)"
BINDIR=$(pg_bindir)
PLACE=$(make_place "$PLACE_NAME")
supervise measure
