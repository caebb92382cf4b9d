#!/usr/bin/env bash
# Measures the jobs: whether many are held on time by a server with its default number of
# workers, what the workers cost when there is nothing to do, and what leaving out needless
# refreshes of materialized views saves.
#
# What is measured can be chosen by these variables:
#   PARTS          which of hold, idle, skip and dashboard
#   JOBS           jobs that are due once a minute, evenly spread
#   MINUTES        how long they are watched
#   IDLE_SECONDS   how long the launcher is watched when nothing is due
#   VIEWS          materialized views that are due every second, and have not changed
#   SKIP_SECONDS   how long those are watched
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"
BENCH=$REPO/bench/jobs
TESTHUB=$REPO/examples/testhub

PLACE_NAME="jobs"
PARTS=${PARTS:-hold idle skip dashboard}
JOBS=${JOBS:-1000}
MINUTES=${MINUTES:-3}
IDLE_SECONDS=${IDLE_SECONDS:-60}
VIEWS=${VIEWS:-20}
SKIP_SECONDS=${SKIP_SECONDS:-30}

clean_up() {
    local place
    place=$(find_place "$PLACE_NAME") || return 0
    server_stop "$place/data" immediate
    remove_place "$PLACE_NAME"
}

sql() {
    "$BINDIR/psql" --no-psqlrc --quiet --set ON_ERROR_STOP=1 --pset pager=off --pset footer=off "$@"
}

value() { sql --no-align --tuples-only -c "$1"; }

# note NAME VALUE
note() { value "INSERT INTO bench.figures VALUES ('$1', $2)"; }

# cpu PID: seconds of processor time that a process has taken.
cpu() { awk -v ticks="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13) / ticks }' "/proc/$1/stat"; }

# process KIND: its process id.
process() { value "SELECT pid FROM pgopt.worker_status WHERE process = '$1' AND pid IS NOT NULL LIMIT 1"; }

# spent NAME PID SECONDS: the share of one processor that a process takes for that long.
spent() {
    local before
    before=$(cpu "$2")
    sleep "$3"
    note "$1" "($(cpu "$2") - $before) / $3.0"
}

hold_jobs() {
    local launcher
    say "$JOBS jobs of every minute, for $MINUTES minutes"
    sql --set jobs="$JOBS" -f "$BENCH/schedule.sql"
    launcher=$(process launcher)
    # Those of the first minute also wait for the worker to come, and for the caches.
    sleep 61
    value 'INSERT INTO bench.windows SELECT clock_timestamp()'
    spent 'launcher, busy' "$launcher" "$((MINUTES * 60))"
    value 'UPDATE bench.windows SET ends = clock_timestamp()'
    # What is due at the end is written down a little later.
    sleep 2
    sql --set minutes="$MINUTES" -f "$BENCH/held.sql"
}

# Everything due at the same moment: how long until the last one begins. There is no bar for it.
burst() {
    say "$JOBS jobs at once"
    value "SELECT count(pgopt.run_now(name)) FROM pgopt.jobs WHERE name LIKE 'bench %'" >/dev/null
    local waited=0
    until [ "$(value "SELECT count(*) FROM pgopt.job_runs WHERE run > (SELECT value FROM bench.figures WHERE name = 'last run before the burst') AND status <> 'running'")" -ge "$JOBS" ] || [ "$waited" -ge 300 ]; do
        waited=$((waited + 1))
        sleep 1
    done
    sql -f "$BENCH/burst.sql"
}

idle() {
    local launcher waited=0
    say "Nothing to do, for $IDLE_SECONDS seconds"
    # As in a server whose jobs are due at night.
    value "SELECT count(pgopt.alter_job(name, schedule => '@yearly')) FROM pgopt.jobs WHERE name LIKE 'bench %'" >/dev/null
    until [ -z "$(process worker)" ] || [ "$waited" -ge 60 ]; do
        waited=$((waited + 1))
        sleep 1
    done
    note 'workers when idle' "(SELECT count(*) FROM pgopt.worker_status WHERE process IN ('worker', 'executor') AND pid IS NOT NULL)"
    launcher=$(process launcher)
    spent 'launcher, idle' "$launcher" "$IDLE_SECONDS"
}

skips() {
    local worker before
    say "$VIEWS views of every second that have not changed, for $SKIP_SECONDS seconds"
    value "SELECT count(pgopt.unschedule(name)) FROM pgopt.jobs WHERE name LIKE 'bench %'" >/dev/null
    sql --set views="$VIEWS" -f "$BENCH/views.sql" >/dev/null
    # Each is refreshed once, so that there is something to compare with.
    sleep 15
    worker=$(process worker)
    note 'skips before' '(SELECT sum(skipped) FROM pgopt.matview_status)'
    before=$(cpu "$worker")
    sleep "$SKIP_SECONDS"
    note 'processor time of the worker' "$(cpu "$worker") - $before"
    note 'skips after' '(SELECT sum(skipped) FROM pgopt.matview_status)'
    value 'SELECT count(pgopt.refresh_stop(view)) FROM pgopt.matview_status WHERE job IS NOT NULL' >/dev/null
}

# An hour of a schedule of every minute, without waiting for the minutes: tests are run in a fifth of
# them, and the view is refreshed in each, always or only when it has to be.
dashboard() {
    local minute policy
    say "The demo's dashboard: filling it"
    sql --single-transaction -f "$TESTHUB/schema.sql" -f "$TESTHUB/data.sql" >/dev/null
    sql -c 'VACUUM ANALYZE'
    sql -f "$BENCH/dashboard.sql" >/dev/null
    for policy in always skip; do
        say "An hour of its schedule, refreshing it: $policy"
        # Both begin with a fresh view.
        value "SELECT pgopt.refresh_scheduled(id) FROM pgopt.matview_schedules WHERE view = 'bench.dashboard'::regclass" >/dev/null
        for ((minute = 1; minute <= 60; minute++)); do
            if ((minute % 5 == 0)); then sql -c 'CALL bench.run_tests()'; fi
            sql -c "CALL bench.refresh('$policy', $minute)"
        done
    done
}

measure() {
    local place=$1 part
    cluster_create "$place" postgres
    cluster_configure "$place" <<-'CONF'
		shared_preload_libraries = 'pgopt'
		shared_buffers = 512MB
		max_wal_size = 4GB
		checkpoint_timeout = 30min
		# Two noisy cores and a shared disk: what a commit waits for would hide the rest.
		synchronous_commit = off
		max_prepared_transactions = 0
	CONF
    cluster_start "$place"
    PGPORT=$(cluster_port "$place")
    export PGHOST="$place/run" PGPORT PGUSER=postgres PGDATABASE=postgres
    sql -f "$BENCH/results.sql"
    for part in $PARTS; do
        value "INSERT INTO bench.parts VALUES ('$part')"
        case $part in
            hold)
                hold_jobs
                burst
                ;;
            idle) idle ;;
            skip) skips ;;
            dashboard) dashboard ;;
            *) die "there is no part $part" ;;
        esac
    done
    sql -f "$BENCH/report.sql"
    [ "$(value 'SELECT count(*) FROM bench.verdicts WHERE NOT met')" = 0 ] ||
        die "a bar was missed"
}

clean_up
on_exit clean_up
say "Building and installing the extension"
supervise install_extension "$(pgrx_pg_config)"
BINDIR=$(pg_bindir)
place=$(make_place "$PLACE_NAME")
supervise measure "$place"
