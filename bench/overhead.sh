#!/usr/bin/env bash
# Measures what pgopt costs the statements of others: the instructions of one
# statement, counted by callgrind, and throughput against a server without any
# extension. Both are compared with pg_stat_statements.
#
# What is measured can be chosen by these variables:
#   PARTS            instructions, ratios
#   VARIANTS         none, pgopt, pgss (pg_stat_statements), both; "control" is
#                    another server like "none": its ratios show the error
#   STATEMENTS       instructions of: prepared, simple, update, churn
#   WORKLOADS        ratios of: prepared, simple, tpcb, churn
#   CLIENTS          ratios with that many clients: "2 8"
#   PAIRS            rounds for each ratio
#   SECONDS_EACH     length of one run in a round
#   SCALE            pgbench's scale factor for the ratios
#   PGOPT_SETTINGS   added to postgresql.conf where pgopt is loaded
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"
OVERHEAD=$REPO/bench/overhead
# shellcheck source=bench/overhead/clusters.sh
. "$OVERHEAD/clusters.sh"
# shellcheck source=bench/overhead/instructions.sh
. "$OVERHEAD/instructions.sh"
# shellcheck source=bench/overhead/ratios.sh
. "$OVERHEAD/ratios.sh"

PLACE_NAME="overhead"
CORES=$(nproc)
read -ra PARTS <<<"${PARTS:-instructions ratios}"
read -ra VARIANTS <<<"${VARIANTS:-none pgopt pgss both}"
read -ra STATEMENTS <<<"${STATEMENTS:-prepared simple update}"
read -ra WORKLOADS <<<"${WORKLOADS:-prepared simple tpcb churn}"
read -ra CLIENTS <<<"${CLIENTS:-$CORES $((4 * CORES))}"
PAIRS=${PAIRS:-20}
SECONDS_EACH=${SECONDS_EACH:-3}
SCALE=${SCALE:-20}
PGOPT_SETTINGS=${PGOPT_SETTINGS:-}

clean_up() {
    local place data
    place=$(find_place "$PLACE_NAME") || return 0
    for data in "$place"/*/data; do
        # Not every directory in the place is a cluster.
        [ ! -d "$data" ] || server_stop "$data" immediate
    done
    # What ran below callgrind may still be writing.
    for _ in {1..50}; do
        pgrep -f -- "--callgrind-out-file=$place/" >/dev/null || break
        sleep 0.2
    done
    remove_place "$PLACE_NAME"
}

# among WORD WORD...: the first is one of the others.
among() {
    local word=$1 other
    shift
    for other in "$@"; do
        [ "$word" != "$other" ] || return 0
    done
    return 1
}

# only WHAT "ALLOWED..." WORD...
only() {
    local what=$1 allowed word
    read -ra allowed <<<"$2"
    shift 2
    for word in "$@"; do
        among "$word" "${allowed[@]}" || die "$what: $word is none of: ${allowed[*]}"
    done
}

check_choices() {
    only PARTS "instructions ratios" "${PARTS[@]}"
    only VARIANTS "none control pgopt pgss both" "${VARIANTS[@]}"
    only STATEMENTS "prepared simple update churn" "${STATEMENTS[@]}"
    only WORKLOADS "prepared simple tpcb churn" "${WORKLOADS[@]}"
    among none "${VARIANTS[@]}" || die "VARIANTS: everything is compared with none"
}

# Both parts run, whatever the first one finds.
measure() {
    if among instructions "${PARTS[@]}"; then instructions; fi
    if among ratios "${PARTS[@]}"; then ratios; fi
    [ ! -e "$PLACE/short" ]
}

check_choices
clean_up
on_exit clean_up
if needs_pgopt; then
    say "Building and installing the extension"
    supervise install_extension "$(pgrx_pg_config)"
fi
if among instructions "${PARTS[@]}"; then ensure_valgrind; fi
BINDIR=$(pg_bindir)
PLACE=$(make_place "$PLACE_NAME")
supervise measure
