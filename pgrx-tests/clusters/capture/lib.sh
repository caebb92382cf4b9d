# shellcheck shell=bash
# Shared by the tests of the workload capture: sessions that go on after errors, sessions in the
# background, restarts. To be sourced after ../lib.sh.

WORK=$(mktemp -d /tmp/pgopt-capture.XXXXXX)
BACKGROUND=()
clean_up() {
    local process
    for process in "${BACKGROUND[@]}"; do kill "$process" 2>/dev/null || true; done
    rm -rf "$WORK"
}
trap clean_up EXIT

reset() { value 'SELECT pgopt.reset_statements(), pg_stat_statements_reset()' >/dev/null; }

# seen COLUMNS PATTERN: of the statements whose text matches, without the tests' own questions.
seen() {
    value "SELECT $1 FROM pgopt.statements WHERE query ~ '$2' AND query !~ 'pgopt[.]'
            ORDER BY toplevel DESC, query, database, role"
}

# counted NAME WANTED COLUMNS PATTERN
counted() { same "$1" "$2" "$(seen "$3" "$4")"; }

# loose [ROLE] [psql option...]: standard input as one session that goes on after errors.
loose() {
    local role=${1:-postgres}
    [ $# -eq 0 ] || shift
    sql "$role" "$@" -v ON_ERROR_STOP=0 2>&1
}

# bench MODE TIMES [option...]: standard input as pgbench's transaction.
bench() {
    local mode=$1 times=$2
    shift 2
    cat >"$WORK/bench.sql"
    "$PGBINDIR/pgbench" -n -M "$mode" -t "$times" -f "$WORK/bench.sql" "$@" 2>&1
}

# in_background APPLICATION COMMAND: until the command waits or sleeps.
in_background() {
    PGAPPNAME=$1 "$PGBINDIR/psql" -XAtq -U postgres -c "$2" >"$WORK/$1.out" 2>&1 &
    BACKGROUND+=("$!")
    until_active "$1"
}

until_active() {
    local waited=0
    until [ "$(value "SELECT count(*) FROM pg_stat_activity
        WHERE application_name = '$1' AND wait_event IS NOT NULL AND state = 'active'")" = 1 ]; do
        waited=$((waited + 1))
        [ "$waited" -lt 100 ] || return 1
        sleep 0.05
    done
}

# tell APPLICATION FUNCTION: pg_cancel_backend or pg_terminate_backend; and until it is gone.
tell() {
    value "SELECT $2(pid) FROM pg_stat_activity WHERE application_name = '$1'" >/dev/null
    wait "${BACKGROUND[@]}" 2>/dev/null || true
    BACKGROUND=()
}

# as_owner COMMAND...: as the server's owner, which root may become.
as_owner() {
    local owner
    owner=$(stat -c %U "$PGHOST")
    if [ "$(id -un)" = "$owner" ]; then
        "$@"
    else
        (cd / && runuser -u "$owner" -- "$@")
    fi
}

# saved PATTERN: what of it the saved file holds.
saved() {
    as_owner grep -aoE "$1" "$(dirname "$PGHOST")/data/pg_stat_tmp/pgopt.stat" | sort -u || true
}

# restart [SETTING...]: with these lines in the configuration; the cluster is this test's alone.
restart() {
    local place
    place=$(dirname "$PGHOST")
    [ $# -eq 0 ] || printf '%s\n' "$@" | as_owner tee -a "$place/data/postgresql.conf" >/dev/null
    as_owner "$PGBINDIR/pg_ctl" restart --silent --wait --timeout=60 --mode=fast -D "$place/data" \
        -l "$place/log" </dev/null >/dev/null 2>&1
}
