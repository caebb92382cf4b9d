# shellcheck shell=bash
# shellcheck disable=SC2153 # bench/seeds.sh sets what is written in capitals
# The cluster of bench/seeds.sh: a database for each system, filled with its data,
# and the database "results". To be sourced.

# sql DATABASE ARGUMENTS: the program itself and not the distribution's wrapper,
# which costs more time than most of the queries.
sql() {
    local database=$1
    shift
    PGOPTIONS='-c client_min_messages=warning' "$BINDIR/psql" --no-psqlrc --quiet --set ON_ERROR_STOP=1 \
        --pset pager=off --pset footer=off --host "$PLACE/run" --port "$PORT" --username postgres \
        --dbname "$database" "$@"
}

values() { sql "$@" --no-align --tuples-only; }

start_server() {
    cluster_create "$PLACE" postgres
    cluster_configure "$PLACE" <<-'CONF'
		shared_preload_libraries = 'pgopt'
		shared_buffers = 2GB
		maintenance_work_mem = 256MB
		max_wal_size = 8GB
		# Filling tables in the transaction that creates them then writes no log.
		wal_level = minimal
		max_wal_senders = 0
		# Nothing here has to survive a crash, and nothing may run on its own.
		fsync = off
		synchronous_commit = off
		autovacuum = off
		checkpoint_timeout = 1d
		jit = off
	CONF
    cluster_configure "$PLACE" <<<"$PGOPT_SETTINGS"
    cluster_start "$PLACE"
}

# The application's role, and that of the load test.
create_results() {
    sql postgres -c 'CREATE DATABASE results'
    sql results -f "$SEEDS/results.sql"
    sql postgres <<-'SQL'
		CREATE ROLE app LOGIN;
		CREATE ROLE load LOGIN;
		GRANT pg_read_all_data TO app, load;
	SQL
    mkdir "$WORK/texts" "$WORK/load"
}

# schema_of SYSTEM: files with the definitions of its tables.
schema_of() {
    printf '%s\n' "$REPO/examples/$1/schema.sql"
    [ ! -f "$SEEDS/$1/setup.sql" ] || printf '%s\n' "$SEEDS/$1/setup.sql"
}

load_system() {
    local system=$1 position=$2 started=$SECONDS files=() file
    while IFS= read -r file; do
        files+=(--file "$file")
    done < <(schema_of "$system")
    sql postgres -c "CREATE DATABASE $system"
    sql "$system" -c 'CREATE EXTENSION pgopt'
    sql "$system" --single-transaction "${files[@]}" --file "$REPO/examples/$system/data.sql"
    sql "$system" -c 'VACUUM (ANALYZE)'
    values "$system" <<-SQL | sql results -c '\copy systems FROM STDIN'
		COPY (SELECT $position, '$system', sum(reltuples)::bigint, sum(pg_table_size(oid)), $((SECONDS - started)), NULL
		      FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r') TO STDOUT;
	SQL
    say "  $system in $((SECONDS - started)) seconds"
}

# As many at a time as there are cores.
load_all() {
    local position running=0
    for position in "${!SYSTEMS[@]}"; do
        if ((running == CORES)); then
            wait -n
            running=$((running - 1))
        fi
        load_system "${SYSTEMS[position]}" "$position" &
        running=$((running + 1))
    done
    for ((; running > 0; running--)); do wait -n; done
    sql postgres -c CHECKPOINT
}
