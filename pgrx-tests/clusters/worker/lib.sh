# shellcheck shell=bash
# Shared by the tests of the background workers: waiting for what they do, and the server's own
# life. To be sourced after ../lib.sh.

DATA=$(value 'SHOW data_directory')
OWNER=$(stat -c %U "$DATA")
LOG=${DATA%/data}/log

# The server runs as the owner of its data directory, which root may borrow.
as_owner() { if [ "$(id -un)" = "$OWNER" ]; then "$@"; else (cd / && runuser -u "$OWNER" -- "$@"); fi; }

# becomes NAME WANTED COMMAND [seconds] [psql option...]: the superuser reads that value in the end.
becomes() {
    local name=$1 wanted=$2 command=$3 tries=$((${4:-15} * 10)) found=
    shift 3
    [ $# -eq 0 ] || shift
    while [ "$tries" -gt 0 ]; do
        found=$(sql postgres "$@" -c "$command" 2>&1 || true)
        [ "$found" != "$wanted" ] || break
        tries=$((tries - 1))
        sleep 0.1
    done
    same "$name" "$wanted" "$found"
}

# in_database DATABASE COMMAND
in_database() { sql postgres -d "$1" -c "$2"; }

# last_run NAME: how its last run ended.
last_run() { printf "SELECT status || ' ' || coalesce(sqlstate, '') FROM pgopt.job_runs WHERE name = '%s' ORDER BY run DESC LIMIT 1" "$1"; }

# pid_of NAME: the executor of a job's run.
pid_of() { printf "SELECT pid FROM pg_stat_activity WHERE application_name = 'pgopt: %s' AND state = 'active'" "$1"; }

stop() { as_owner "$PGBINDIR/pg_ctl" stop --silent --wait --timeout=30 --mode="$1" -D "$DATA" >/dev/null; }

start() {
    as_owner "$PGBINDIR/pg_ctl" start --silent --wait --timeout=60 -D "$DATA" -l "$LOG" \
        -o "-p $PGPORT -c listen_addresses='' -c unix_socket_directories=$PGHOST" </dev/null >/dev/null 2>&1
}

configure() { printf '%s\n' "$@" >>"$DATA/postgresql.conf"; }

reload() { value 'SELECT pg_reload_conf()' >/dev/null; }

is_up() { "$PGBINDIR/psql" -XAtq -U postgres -c 'SELECT 1' >/dev/null 2>&1; }

# until_true SECONDS COMMAND...
until_true() {
    local tries=$(($1 * 10))
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.1
    done
}
