# shellcheck shell=bash
# Shared by the cluster tests in this directory: sessions, and checks that count.
# To be sourced by a test that scripts/cluster-tests.sh runs.

export PGCONNECT_TIMEOUT=20
unset PGOPTIONS
FAILURES=0

# sql ROLE [psql option...]: a session of that role reads commands from standard input and
# prints unaligned rows; it ends at the first error.
sql() {
    local role=$1
    shift
    "$PGBINDIR/psql" -XAtq -v ON_ERROR_STOP=1 -U "$role" "$@"
}

# run ROLE COMMAND: one command, or several that share a transaction.
run() { sql "$1" -c "$2"; }

# value COMMAND: what the superuser reads.
value() { run postgres "$1"; }

pass() { printf 'ok      %s\n' "$1"; }

fail() {
    printf 'FAILED  %s\n' "$1"
    [ $# -lt 2 ] || printf '%s\n' "$2" | sed 's/^/          /'
    FAILURES=$((FAILURES + 1))
}

# same NAME WANTED FOUND
same() {
    if [ "$2" = "$3" ]; then
        pass "$1"
    else
        fail "$1" "$(printf 'wanted: %s\nfound:  %s' "$2" "$3")"
    fi
}

# contains NAME TEXT PATTERN: the text matches the extended regular expression.
contains() {
    if grep -Eq -- "$3" <<<"$2"; then
        pass "$1"
    else
        fail "$1" "$(printf 'no match for: %s\nin: %s' "$3" "$2")"
    fi
}

# lacks NAME TEXT PATTERN
lacks() {
    if grep -Eq -- "$3" <<<"$2"; then
        fail "$1" "$(printf 'unwanted: %s\nin: %s' "$3" "$2")"
    else
        pass "$1"
    fi
}

# fails NAME SQLSTATE PATTERN ROLE COMMAND [psql option...]: the command raises that error, and
# what the server says matches the pattern.
fails() {
    local name=$1 state=$2 pattern=$3 role=$4 command=$5 said
    shift 5
    if said=$(sql "$role" -v VERBOSITY=verbose "$@" -c "$command" 2>&1); then
        fail "$name" "no error; it printed: $said"
        return
    fi
    if ! grep -q "$state" <<<"$said"; then
        fail "$name" "$said"
        return
    fi
    contains "$name" "$said" "$pattern"
}

# only_statistics: advice comes from pg_stat_statements from now on, as nothing is captured.
only_statistics() {
    run postgres "ALTER SYSTEM SET pgopt.track = 'none'" && run postgres 'SELECT pg_reload_conf()' >/dev/null
    local waited=0
    until [ "$(value 'SHOW pgopt.track')" = none ] || [ "$waited" -ge 100 ]; do
        waited=$((waited + 1))
        sleep 0.1
    done
    value 'SELECT pgopt.reset_statements()' >/dev/null
}

# finish: the test's exit status.
finish() {
    if [ "$FAILURES" -gt 0 ]; then
        printf '%s checks failed\n' "$FAILURES"
        exit 1
    fi
}
