#!/usr/bin/env bash
# Shows the index advice on a test-automation platform: fills it, runs its
# queries, asks for advice, builds what is advised and runs the queries again.
# The server stays for the user to try things, until `make demo-stop`.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

TESTHUB=$REPO/examples/testhub
DATABASE=testhub
RUNS=5
WIDTH=110
FINISHED=no

# A demo that did not get to its end is of no use: nothing of it stays.
clean_up() {
    [ "$FINISHED" = no ] || return 0
    local place
    place=$(find_place demo) || return 0
    server_stop "$place/data" immediate
    remove_place demo
}

headline() { printf '\n\033[1m%s\033[0m\n\n' "$*"; }

# The program itself and not the distribution's wrapper, which costs more time
# than most of the queries.
sql() {
    "$BINDIR/psql" --no-psqlrc --quiet --set ON_ERROR_STOP=1 --pset pager=off --pset footer=off \
        --host "$PLACE/run" --port "$PORT" --username demo --dbname "$DATABASE" "$@"
}

values() { sql --no-align --tuples-only "$@"; }

start_server() {
    cluster_create "$PLACE" demo
    cluster_configure "$PLACE" <<-'CONF'
		shared_preload_libraries = 'pg_stat_statements,pgopt'
		shared_buffers = 512MB
		maintenance_work_mem = 256MB
		# Filling tables in the transaction that creates them then writes no log.
		wal_level = minimal
		max_wal_senders = 0
		autovacuum = on
		# Good enough for data that can be generated again; never do this to your own.
		fsync = off
		synchronous_commit = off
		# The times the demo shows are read from the log.
		log_line_prefix = '%a|'
		jit = off
	CONF
    cluster_start "$PLACE"
}

create_database() {
    "$BINDIR/createdb" --host "$PLACE/run" --port "$PORT" --username demo "$DATABASE"
    sql <<-'SQL'
		CREATE EXTENSION pg_stat_statements;
		CREATE EXTENSION pgopt;
		-- The platform's own role, whose statements the server times.
		CREATE ROLE app LOGIN;
		ALTER ROLE app SET log_min_duration_statement = 0;
		GRANT pg_read_all_data TO app;
		CREATE SCHEMA demo_run;
		CREATE TABLE demo_run.timings (phase text, query text, ms float8);
	SQL
}

fill() {
    local started=$SECONDS
    sql --single-transaction -f "$TESTHUB/schema.sql" -f "$TESTHUB/data.sql"
    sql -c 'VACUUM (ANALYZE)'
    say "Filled in $((SECONDS - started)) seconds."
}

show_tables() {
    sql <<-'SQL'
		SELECT relname AS "table", to_char(reltuples, '9,999,999') AS "rows",
		       pg_size_pretty(pg_table_size(oid)) AS size
		FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
		ORDER BY pg_table_size(oid) DESC;
	SQL
}

# The constants of run N as psql variables.
constants() {
    awk -v run="$1" '{ print "\\set " $1 " \047" $(run + 1) "\047" }' "$TESTHUB/constants.txt"
}

# One session per query, as a connection pool would give it.
run_query() {
    local file=$1 name=$2 phase=$3 run
    for ((run = 1; run <= RUNS; run++)); do
        constants "$run"
        grep -v '^--' "$file"
    done | PGAPPNAME="$phase-$name" sql --username app --output /dev/null
}

query_name() { basename "$1" .sql | cut -d- -f2-; }

run_workload() {
    local phase=$1 file name
    for file in "$TESTHUB"/queries/*.sql; do
        name=$(query_name "$file")
        run_query "$file" "$name" "$phase"
    done
    as_server_user sed -nE "s/^$phase-([a-z-]+)\|LOG:  duration: ([0-9.]+) ms .*/$phase\t\1\t\2/p" "$PLACE/log" |
        sql -c '\copy demo_run.timings FROM STDIN'
}

# What the query files say about themselves.
load_descriptions() {
    local file remark
    sql -c 'CREATE TABLE demo_run.queries (position int, query text, description text, remark text)'
    for file in "$TESTHUB"/queries/*.sql; do
        remark=$(sed -n 's/^-- If not faster: //p' "$file")
        printf '%s\t%s\t%s\t%s\n' "$(basename "$file" | cut -d- -f1)" "$(query_name "$file")" \
            "$(sed -n '1s/^-- //p' "$file")" "$remark"
    done | sql -c '\copy demo_run.queries FROM STDIN'
    sql <<-'SQL'
		CREATE VIEW demo_run.medians AS
		SELECT phase, query, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS ms
		FROM demo_run.timings GROUP BY phase, query;
	SQL
}

show_slow_queries() {
    sql <<-'SQL'
		SELECT query, to_char(ms, '99,990.00') AS "median ms", description
		FROM demo_run.queries JOIN demo_run.medians USING (query)
		WHERE phase = 'before' ORDER BY ms DESC;
	SQL
}

# One call only: what is shown is what is built.
take_advice() {
    ADVICE_MS=$(values <<-'SQL'
		SELECT clock_timestamp() AS started \gset
		CREATE TABLE demo_run.advice AS
		SELECT * FROM pgopt.index_recommendations(min_benefit => 0.001) WHERE action IN ('create', 'replace');
		SELECT round(1000 * extract(epoch FROM clock_timestamp() - :'started'::timestamptz));
	SQL
    )
    [ "$(values -c 'SELECT count(*) FROM demo_run.advice')" -gt 0 ] || die "there is no advice"
}

show_advice() {
    local rank ddl facts reason
    # A separator that does not occur in text, and records may have several lines.
    while IFS=$'\x1f' read -r -d '' rank ddl facts reason; do
        wrapped "$(printf '%2s. ' "$rank")" "    " "$ddl"
        wrapped "    " "    " "$facts"
        wrapped "    " "    " "$reason"
        say
    done < <(values --field-separator $'\x1f' --record-separator-zero <<-'SQL'
		SELECT rank, ddl,
		       format('benefit %s %%, size %s', round((benefit * 100)::numeric, 1), pg_size_pretty(size_bytes)),
		       reason
		FROM demo_run.advice ORDER BY rank
	SQL
    )
}

# wrapped FIRST FURTHER TEXT: the text in lines which begin with FIRST or FURTHER.
wrapped() { fold -s -w $((WIDTH - ${#2})) <<<"$3" | sed "1s/^/$1/; 2,\$s/^/$2/"; }

# Each step is a command of its own because CREATE INDEX CONCURRENTLY refuses to
# run inside a transaction.
build_advice() {
    local step started
    while IFS= read -r -d '' step; do
        started=$(date +%s%N)
        sql -c "$step"
        wrapped "$(printf '%6d ms  ' $((($(date +%s%N) - started) / 1000000)))" "           " "$step"
    done < <(values --record-separator-zero <<-'SQL'
		SELECT step FROM demo_run.advice, unnest(steps) WITH ORDINALITY AS s(step, position)
		ORDER BY rank, position
	SQL
    )
    sql -c 'ANALYZE'
}

show_comparison() {
    sql <<-'SQL'
		SELECT query, to_char(b.ms, '99,990.00') AS "before ms", to_char(a.ms, '99,990.00') AS "after ms",
		       CASE WHEN b.ms / a.ms < 10 THEN to_char(b.ms / a.ms, '990.0') ELSE to_char(b.ms / a.ms, '99,990') END || 'x' AS faster,
		       CASE WHEN b.ms / a.ms >= 2 THEN ''
		            WHEN remark <> '' THEN remark
		            WHEN b.ms / a.ms < 0.8 AND a.ms - b.ms > 1 THEN 'slower than before'
		            ELSE format('%s %% of all the time: nothing advised for it alone', round((100 * b.ms / total)::numeric, 1))
		       END AS remark
		FROM demo_run.queries JOIN demo_run.medians b USING (query) JOIN demo_run.medians a USING (query)
		CROSS JOIN (SELECT sum(ms) AS total FROM demo_run.medians WHERE phase = 'before') AS workload
		WHERE b.phase = 'before' AND a.phase = 'after'
		ORDER BY position;
	SQL
}

show_next() {
    local port=$PORT
    cat <<NEXT
The server is still there. Connect with

  $BINDIR/psql -h $PLACE/run -p $port -U demo $DATABASE

and try

  SELECT rank, ddl, benefit FROM pgopt.index_recommendations(min_benefit => 0.001);   -- what is left to do
  SELECT rank, undo_ddl FROM demo_run.advice ORDER BY rank;       -- how to take it back
  EXPLAIN ANALYZE SELECT * FROM test_executions WHERE test_id = 456 ORDER BY created_at DESC LIMIT 50;

(Over TCP: 127.0.0.1, port $port, user demo, the password is in $PLACE/password.)

When you are done:

  make demo-stop
NEXT
}

play() {
    headline "A test-automation platform: nine tables, primary keys and no other index"
    say "Generating the data takes about a minute ..."
    start_server
    PORT=$(cluster_port "$PLACE")
    create_database
    fill
    load_descriptions
    show_tables
    headline "Its queries, $RUNS executions each"
    sql -c 'SELECT pgopt.reset_statements()' --output /dev/null
    run_workload before
    show_slow_queries
    headline "The advice: SELECT * FROM pgopt.index_recommendations(min_benefit => 0.001)"
    take_advice
    say "Computed in $ADVICE_MS ms."
    say
    show_advice
    headline "Building it"
    build_advice
    headline "The same queries again"
    run_workload after
    show_comparison
    headline "Next"
    show_next
}

clean_up
on_exit clean_up
headline "Building and installing the extension"
supervise install_extension "$(pgrx_pg_config)"
BINDIR=$(pg_bindir)
PLACE=$(make_place demo)
supervise play
FINISHED=yes
