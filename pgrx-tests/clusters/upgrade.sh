#!/usr/bin/env bash
# pg_upgrade of a cluster with jobs: no worker of pgopt's runs while it is under way, and afterwards
# the jobs go on.
set -euo pipefail
# shellcheck source=pgrx-tests/clusters/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=pgrx-tests/clusters/worker/lib.sh
. "$(dirname "$0")/worker/lib.sh"

PLACE=$(mktemp -d /tmp/pgopt-upgrade.XXXXXX)
NEW=$PLACE/new
clean_up() {
    as_owner "$PGBINDIR/pg_ctl" stop --silent --wait --mode=immediate -D "$NEW" >/dev/null 2>&1 || true
    rm -rf "$PLACE"
}
trap clean_up EXIT
chmod 755 "$PLACE"
if [ "$(id -u)" -eq 0 ]; then chown "$OWNER:" "$PLACE"; fi

sql postgres <<'SQL'
CREATE EXTENSION pgopt;
CREATE TABLE log (at timestamptz DEFAULT clock_timestamp());
CREATE ROLE robot LOGIN;
GRANT INSERT ON log TO robot;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pgopt TO robot;
SET ROLE robot;
SELECT pgopt.schedule('steady', '1 second', 'INSERT INTO log DEFAULT VALUES');
RESET ROLE;
CREATE DATABASE shop;
SQL
in_database shop "CREATE EXTENSION pgopt; SELECT pgopt.schedule('other', '1 second', 'SELECT 1')" >/dev/null
becomes 'the job runs' t 'SELECT count(*) > 1 FROM log'
stop fast
as_owner "$PGBINDIR/initdb" --pgdata="$NEW" --username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync >/dev/null
# Preloaded on both sides, as it has to be where the extension is used.
as_owner sh -c "echo \"shared_preload_libraries = 'pg_stat_statements,pgopt'\" >>'$NEW/postgresql.conf'"
(
    cd "$PLACE"
    as_owner env -C "$PLACE" "$PGBINDIR/pg_upgrade" --old-datadir="$DATA" --new-datadir="$NEW" --old-bindir="$PGBINDIR" \
        --new-bindir="$PGBINDIR" --username=postgres --socketdir="$PLACE" >"$PLACE/upgrade.out" 2>&1
) || fail 'pg_upgrade works' "$(tail -n 30 "$PLACE/upgrade.out")"
contains 'pg_upgrade works' "$(cat "$PLACE/upgrade.out")" 'Upgrade Complete'
# Its servers write their logs below the new data directory, when they are kept.
as_owner "$PGBINDIR/pg_ctl" start --silent --wait --timeout=60 -D "$NEW" -l "$PLACE/log" \
    -o "-p 5496 -c listen_addresses='' -c unix_socket_directories=$PLACE" </dev/null >/dev/null 2>&1
export PGHOST=$PLACE PGPORT=5496
same 'the jobs are there, with their owners' 'steady/robot' "$(value "SELECT name || '/' || owner FROM pgopt.jobs")"
count=$(value 'SELECT count(*) FROM log')
becomes 'and go on' t "SELECT count(*) > $count FROM log" 20
becomes 'in other databases, too' t "SELECT count(*) > 0 FROM pgopt.job_runs WHERE name = 'other' AND started > pg_postmaster_start_time()" 20 -d shop
finish
