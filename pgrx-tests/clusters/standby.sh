#!/usr/bin/env bash
# On a hot standby everything that only asks works, and nothing is written.
set -euo pipefail
# shellcheck source=pgrx-tests/clusters/lib.sh
. "$(dirname "$0")/lib.sh"

# The server runs as the owner of its socket directory, which root may borrow.
OWNER=$(stat -c %U "$PGHOST")
PLACE=$(mktemp -d /tmp/pgopt-standby.XXXXXX)
PRIMARY_HOST=$PGHOST
PRIMARY_PORT=$PGPORT

as_owner() {
    if [ "$(id -un)" = "$OWNER" ]; then
        "$@"
    else
        (cd / && runuser -u "$OWNER" -- "$@")
    fi
}

clean_up() {
    as_owner "$PGBINDIR/pg_ctl" stop --silent --wait --mode=immediate -D "$PLACE/data" >/dev/null 2>&1 || true
    rm -rf "$PLACE"
}
trap clean_up EXIT

start_standby() {
    if [ "$(id -u)" -eq 0 ]; then chown "$OWNER:" "$PLACE"; fi
    as_owner "$PGBINDIR/pg_basebackup" --no-sync --checkpoint=fast --write-recovery-conf --wal-method=stream \
        -h "$PRIMARY_HOST" -p "$PRIMARY_PORT" -U postgres -D "$PLACE/data"
    # No TCP at all: the socket's directory makes the port ours.
    as_owner "$PGBINDIR/pg_ctl" start --silent --wait --timeout=60 -D "$PLACE/data" -l "$PLACE/log" \
        -o "-p 5499 -c listen_addresses='' -c unix_socket_directories=$PLACE" </dev/null >/dev/null 2>&1 || {
        as_owner tail -n 20 "$PLACE/log"
        exit 1
    }
}

on_standby() { PGHOST=$PLACE PGPORT=5499 run postgres "$1" 2>&1; }

caught_up() {
    local wanted waited=0
    wanted=$(value 'SELECT pg_current_wal_lsn()')
    until [ "$(on_standby "SELECT pg_last_wal_replay_lsn() >= '$wanted'")" = t ]; do
        waited=$((waited + 1))
        [ "$waited" -lt 200 ] || return 1
        sleep 0.1
    done
}

sql postgres <<'SQL'
CREATE EXTENSION pg_stat_statements;
CREATE EXTENSION pgopt;
CREATE TABLE public.t AS SELECT g AS a, g % 7 AS b FROM generate_series(1, 20000) g;
CREATE FUNCTION public.own() RETURNS int LANGUAGE plpgsql IMMUTABLE AS
  'BEGIN PERFORM pg_advisory_lock(4711); RETURN 5; END';
CREATE MATERIALIZED VIEW public.mv AS SELECT b, count(*) FROM public.t GROUP BY b;
ANALYZE public.t;
SQL
start_standby
caught_up
same 'the standby is one' t "$(on_standby 'SELECT pg_is_in_recovery()')"
QUERY="SELECT * FROM public.t WHERE a = 5"
contains 'workload_cost plans' "$(on_standby "SELECT * FROM pgopt.workload_cost(ARRAY['$QUERY'], ARRAY['CREATE INDEX ON public.t (a)'])")" 't_a_idx'
contains 'explain_with plans' "$(on_standby "SELECT * FROM pgopt.explain_with('$QUERY', ARRAY['CREATE INDEX ON public.t (a)'])")" 'Index Scan using "<hypothetical> '
contains 'a hypothetical index is seen by EXPLAIN' "$(on_standby "SELECT FROM pgopt.hypothetical_create('CREATE INDEX ON public.t (a)'); EXPLAIN $QUERY")" 'Index Scan using "<hypothetical> '
contains 'the list of hypothetical indexes is shown' "$(on_standby "SELECT FROM pgopt.hypothetical_create('CREATE INDEX ON public.t (a)'); SELECT state, definition FROM pgopt.hypothetical_indexes")" '^added\|CREATE INDEX'
contains 'recommend_for advises' "$(on_standby "SELECT ddl FROM pgopt.recommend_for(ARRAY['$QUERY'])")" 'CREATE INDEX .*public\.t'
on_standby "$QUERY" >/dev/null
on_standby "SELECT * FROM public.t WHERE b = public.own()" >/dev/null
contains 'index_recommendations advises on what the standby ran' "$(on_standby 'SELECT ddl FROM pgopt.index_recommendations()')" 'CREATE INDEX .*public\.t'
same 'no advisory lock is left' 0 "$(on_standby "SELECT count(*) FROM (SELECT count(*) FROM pgopt.index_recommendations()) a; SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'" | tail -n 1)"
contains 'status says that it is a standby' "$(on_standby 'SELECT * FROM pgopt.status()')" 'standby'
contains 'the advice cannot be carried out there' "$(on_standby 'CREATE INDEX ON public.t (a)' || true)" 'read-only transaction'
contains 'nor by pgopt.apply()' "$(on_standby 'SELECT pgopt.apply(1)' || true)" 'cannot change anything on a standby'

contains 'a materialized view is not refreshed there' "$(on_standby "SELECT * FROM pgopt.refresh_now('public.mv')" || true)" 'cannot refresh materialized views during recovery'
contains 'nor are all' "$(on_standby 'SELECT * FROM pgopt.refresh_all()' || true)" 'cannot refresh materialized views during recovery'
same 'what to make for it is shown' 'unknown|CREATE UNIQUE INDEX ON public.mv (b)' "$(on_standby 'SELECT state, unique_index_advice FROM pgopt.matview_status')"

# The primary writes nothing by itself here, so its position tells whether the standby caused any.
before=$(value 'SELECT pg_current_wal_lsn()')
on_standby "SELECT count(*) FROM pgopt.recommend_for(ARRAY['$QUERY'])" >/dev/null
same 'the standby is still one' t "$(on_standby 'SELECT pg_is_in_recovery()')"
same 'nothing is written through the primary' "$before" "$(value 'SELECT pg_current_wal_lsn()')"
lacks 'the log of the standby has no panic' "$(as_owner cat "$PLACE/log")" 'PANIC|panicked|server process .* was terminated'

# The table is dropped on the primary while a session of the standby asks about it.
run postgres 'DROP TABLE public.t CASCADE'
caught_up
contains 'a table dropped on the primary is named' "$(on_standby 'SELECT ddl FROM pgopt.index_recommendations()')" 'could not be planned|does not exist'
finish
