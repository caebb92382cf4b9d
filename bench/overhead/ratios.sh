# shellcheck shell=bash
# shellcheck disable=SC2153 # bench/overhead.sh sets what is written in capitals
# Throughput of the variants against none. One server per variant, all of them there
# at the same time and only one of them busy. In each round every variant runs each
# workload once, and is compared with none in that round. To be sourced.

# pgbench's own options for the workload.
workload_options() {
    case $1 in
        prepared) printf '%s\n' --select-only --protocol=prepared ;;
        simple) printf '%s\n' --select-only --protocol=simple ;;
        tpcb) printf '%s\n' --builtin=tpcb-like --protocol=prepared ;;
        churn) printf '%s\n' --protocol=simple --file="$OVERHEAD/churn.sql" ;;
    esac
}

postmaster() { as_server_user head -n 1 "$PLACE/$1/data/postmaster.pid"; }

# cpu_used POSTMASTER: CPU time, in ticks, of its processes that have gone. That is
# the backends': those that do nothing here stay.
cpu_used() { sed 's/.*) //' "/proc/$1/stat" | awk '{ print $14 + $15 }'; }

children() { wc -w <"/proc/$1/task/$1/children"; }

# run VARIANT WORKLOAD CLIENTS SECONDS: prints transactions per second, and per
# second of CPU in the server.
run() {
    local workload=$2 clients=$3 seconds=$4 threads=$CORES options server idle before
    mapfile -t options < <(workload_options "$workload")
    if [ "$clients" -lt "$threads" ]; then threads=$clients; fi
    on "$1"
    server=$(postmaster "$1")
    idle=$(children "$server")
    before=$(cpu_used "$server")
    "$BINDIR/pgbench" --no-vacuum --client="$clients" --jobs="$threads" --time="$seconds" \
        "${options[@]}" >"$PLACE/pgbench.log" || return
    for _ in {1..50}; do
        [ "$(children "$server")" -gt "$idle" ] || break
        sleep 0.02
    done
    awk -v cpu="$(($(cpu_used "$server") - before))" -v second="$(getconf CLK_TCK)" '
        /^number of transactions actually processed/ { done = $NF }
        /^tps = / { tps = $3 }
        END { if (!tps || !cpu) exit 1; printf "%.1f\t%.1f\n", tps, done * second / cpu }
    ' "$PLACE/pgbench.log"
}

# Leaves a server nothing to do on its own, and the same to each.
tidy() {
    on "$1"
    sql -c 'TRUNCATE pgbench_history' -c 'VACUUM pgbench_branches, pgbench_tellers' -c CHECKPOINT
}

tidy_all() {
    local variant
    for variant in "${VARIANTS[@]}"; do tidy "$variant"; done
}

# order ROUND: the variants, another one first each time, and there and back, so
# that none of them always follows the same other one.
order() {
    local round=$1 count=${#VARIANTS[@]} i
    for ((i = 0; i < count; i++)); do
        if ((round % 2)); then
            echo "${VARIANTS[(round + i) % count]}"
        else
            echo "${VARIANTS[(round + count - i) % count]}"
        fi
    done
}

# Reads what the workloads will need, and fills the tables of both extensions.
warm_up() {
    on "$1"
    sql -o /dev/null <<-'SQL'
		SET enable_seqscan = off;
		SELECT sum(abalance) FROM pgbench_accounts WHERE aid > 0;
		SELECT sum(c1) FROM churn WHERE id > 0;
	SQL
    churn 6000
}

# churn COUNT: so many of the workload's statements.
churn() {
    "$BINDIR/pgbench" --no-vacuum --protocol=simple --file="$OVERHEAD/churn.sql" \
        --transactions="$1" >/dev/null
}

# restart ROUND: where its memory happens to lie makes a server faster or slower than
# an equal one by a percent or two, for as long as it runs; so no round has the same.
restart() {
    local variant
    for variant in "${VARIANTS[@]}"; do server_stop "$PLACE/$variant/data"; done
    while read -r variant; do
        cluster_start "$PLACE/$variant"
        warm_up "$variant"
    done < <(order "$1")
}

# Prints lines of: workload, clients, round, variant, and what run prints.
run_workload() {
    local workload=$1 clients=$2 round=$3 variant rates
    if [ "$workload" = tpcb ]; then tidy_all; fi
    while read -r variant; do
        rates=$(run "$variant" "$workload" "$clients" "$SECONDS_EACH") || die "$workload on $variant failed"
        printf '%s\t%s\t%s\t%s\t%s\n' "$workload" "$clients" "$round" "$(label "$variant")" "$rates"
    done < <(order "$round")
}

run_round() {
    local round=$1 workload clients
    restart "$round"
    for workload in "${WORKLOADS[@]}"; do
        for clients in "${CLIENTS[@]}"; do run_workload "$workload" "$clients" "$round"; done
    done
}

# As many entries as statements, or the churn is none.
check_churn() {
    local wanted=2000 found
    cluster_start "$PLACE/pgss"
    on pgss
    sql -c 'SELECT pg_stat_statements_reset()' -o /dev/null
    churn "$wanted"
    found=$(sql -c "SELECT count(DISTINCT queryid) FROM pg_stat_statements WHERE query LIKE '%FROM churn%'")
    say "churn: $wanted statements have $found query ids"
    [ "$found" -ge $((wanted * 99 / 100)) ] || die "the churn workload repeats itself"
}

labels() {
    local variant
    for variant in "${VARIANTS[@]}"; do label "$variant"; done
}

ratios() {
    local variant round
    say "Preparing a server for each of: ${VARIANTS[*]}"
    template_create large "$SCALE"
    for variant in "${VARIANTS[@]}"; do variant_create large "$variant"; done
    if among pgss "${VARIANTS[@]}"; then check_churn; fi
    for ((round = 1; round <= PAIRS; round++)); do
        say "Round $round of $PAIRS"
        run_round "$round" >>"$PLACE/throughput"
    done
    awk -F '\t' -v variants="$(labels)" -f "$OVERHEAD/ratios.awk" "$PLACE/throughput"
}
