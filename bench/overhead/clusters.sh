# shellcheck shell=bash
# shellcheck disable=SC2153 # bench/overhead.sh sets what is written in capitals
# The clusters that bench/overhead.sh compares: equal copies of one template, which
# differ in the libraries they load. To be sourced.

# libraries VARIANT
libraries() {
    case $1 in
        none | control) ;;
        pgopt) echo pgopt ;;
        pgss) echo pg_stat_statements ;;
        both) echo pg_stat_statements,pgopt ;;
    esac
}

# label VARIANT: what the reader is shown.
label() {
    case $1 in
        pgss) echo pg_stat_statements ;;
        *) echo "$1" ;;
    esac
}

needs_pgopt() { among pgopt "${VARIANTS[@]}" || among both "${VARIANTS[@]}"; }

# on NAME: the environment of a client of that cluster.
on() {
    export PGHOST="$PLACE/$1/run" PGUSER=postgres PGDATABASE=postgres
    PGPORT=$(cluster_port "$PLACE/$1")
    export PGPORT
}

sql() { "$BINDIR/psql" -XAtq -v ON_ERROR_STOP=1 "$@"; }

# Nothing may happen in a cluster but what its clients ask for.
settings() {
    cat <<-'CONF'
		shared_buffers = 1GB
		max_wal_size = 4GB
		fsync = off
		synchronous_commit = off
		full_page_writes = off
		wal_level = minimal
		max_wal_senders = 0
		autovacuum = off
		checkpoint_timeout = 1d
		bgwriter_lru_maxpages = 0
		max_parallel_workers_per_gather = 0
		jit = off
		pg_stat_statements.max = 5000
	CONF
}

# template_create NAME SCALE: a stopped cluster with pgbench's tables and one
# whose hundred columns statements of ever new shapes can be made of.
template_create() {
    local place=$PLACE/$1 scale=$2
    as_server_user mkdir "$place"
    cluster_create "$place" postgres
    settings | cluster_configure "$place"
    cluster_start "$place"
    on "$1"
    "$BINDIR/pgbench" --initialize --init-steps=dtgvp --scale="$scale" --quiet >/dev/null 2>&1
    sql -f "$OVERHEAD/churn-table.sql"
    sql -c 'CREATE EXTENSION pg_stat_statements'
    if needs_pgopt; then sql -c 'CREATE EXTENSION pgopt'; fi
    sql -c 'VACUUM (FREEZE, ANALYZE)' -c CHECKPOINT
    server_stop "$place/data"
}

# variant_create TEMPLATE VARIANT: a copy named like the variant, not started yet.
variant_create() {
    local place=$PLACE/$2
    as_server_user mkdir "$place"
    as_server_user mkdir -m 700 "$place/run"
    as_server_user cp -a "$PLACE/$1/data" "$place/data"
    cluster_configure "$place" <<<"shared_preload_libraries = '$(libraries "$2")'"
    case $2 in
        pgopt | both) printf '%s\n' 'pgopt.max_statements = 5000' "$PGOPT_SETTINGS" | cluster_configure "$place" ;;
    esac
}
