# shellcheck shell=bash
# shellcheck disable=SC2153 # bench/overhead.sh sets what is written in capitals
# Instructions of one statement. A backend below callgrind runs statements over one
# connection: some to get warm, COUNT of them, and twice as many. What the last two
# stretches differ by is COUNT statements and nothing else. Between them runs
# pg_backend_pid(), where callgrind writes down and begins anew. To be sourced.

# Every variant is measured in that many servers, which have to agree within this.
SERVERS=2
AGREEMENT=0.2
MARK=pg_backend_pid

ensure_valgrind() {
    ! command -v valgrind >/dev/null || return 0
    command -v apt-get >/dev/null || die "please install valgrind"
    say "Installing valgrind"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends valgrind
}

# The statement, and how pgbench sends it.
statement_text() {
    case $1 in
        prepared | simple) echo 'SELECT abalance FROM pgbench_accounts WHERE aid = :aid;' ;;
        update) echo 'UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;' ;;
        churn) tail -n 1 "$OVERHEAD/churn.sql" ;;
    esac
}

statement_mode() {
    case $1 in
        prepared | update) echo prepared ;;
        simple | churn) echo simple ;;
    esac
}

statement_name() {
    case $1 in
        prepared) echo "prepared SELECT" ;;
        simple) echo "simple SELECT" ;;
        update) echo "prepared UPDATE" ;;
        churn) echo "SELECT of a new shape" ;;
    esac
}

# How many run first: the tables of both extensions are full then and evict.
statement_warm_up() { if [ "$1" = churn ]; then echo 6000; else echo 500; fi; }

# The pause lets the backend always wait for the next statement, as one that is there
# already saves it a few hundred instructions.
statement_script() {
    cat <<-'SQL'
		\set i :i + 1
		\set aid random(1, 10000)
		\set delta random(-5000, 5000)
	SQL
    grep '^\\set' "$OVERHEAD/churn.sql"
    cat <<-SQL
		\if :i = :mark1 or :i = :mark2 or :i = :mark3
		SELECT $MARK();
		\else
		$(statement_text "$1")
		\endif
		\sleep 500 us
	SQL
}

# counting_start VARIANT: not by pg_ctl, which would let go of a server that is slow
# to say that it is there.
counting_start() {
    local place=$PLACE/$1
    as_server_user mkdir "$place/counts"
    as_server_user valgrind --tool=callgrind --trace-children=yes --vgdb=no \
        --callgrind-out-file="$place/counts/%p" --dump-before="$MARK" --log-file="$place/valgrind-%p" \
        "$BINDIR/postgres" -D "$place/data" -p 5432 -c listen_addresses= -c shared_buffers=128MB \
        -c unix_socket_directories="$place/run" >"$PLACE/log-$1" 2>&1 &
    COUNTING=$!
    for _ in {1..600}; do
        if "$BINDIR/pg_isready" --quiet --host "$place/run" --port 5432; then return; fi
        kill -0 "$COUNTING" 2>/dev/null || break
        sleep 0.2
    done
    tail -n 20 "$PLACE/log-$1" >&2
    die "the server below valgrind did not start"
}

# Callgrind still writes when the server calls itself stopped.
counting_stop() {
    server_stop "$PLACE/$1/data"
    wait "$COUNTING" || true
    as_server_user rm -rf "${PLACE:?}/$1"
}

# Reads what all the statements will need, so that the first ones find it there.
counting_warm_up() {
    sql -o /dev/null <<-'SQL'
		SET enable_seqscan = off;
		SELECT sum(abalance) FROM pgbench_accounts WHERE aid <= 10000;
		SELECT sum(c1) FROM churn WHERE id > 0;
	SQL
}

# count VARIANT STATEMENT: prints the instructions per execution.
count() {
    local place=$PLACE/$1 statement=$2 count=2000 warm
    warm=$(statement_warm_up "$statement")
    as_server_user find "$place/counts" -mindepth 1 -delete
    statement_script "$statement" >"$PLACE/script.sql"
    # The seed lets every variant run the very same statements.
    "$BINDIR/pgbench" --no-vacuum --client=1 --random-seed=1 --transactions=$((warm + 3 * count + 3)) \
        --protocol="$(statement_mode "$statement")" --file="$PLACE/script.sql" \
        -D i=0 -D mark1=$((warm + 1)) -D mark2=$((warm + count + 2)) \
        -D mark3=$((warm + 3 * count + 3)) >"$PLACE/pgbench.log" 2>&1 || {
        cat "$PLACE/pgbench.log" >&2
        return 1
    }
    awk -v mark="$MARK" -v count="$count" -f "$OVERHEAD/callgrind.awk" "$place"/counts/*
}

# Prints lines of: server, statement, variant, instructions.
count_all() {
    local server variant statement counted
    for ((server = 1; server <= SERVERS; server++)); do
        for variant in "${VARIANTS[@]}"; do
            variant_create small "$variant"
            counting_start "$variant"
            on "$variant"
            counting_warm_up
            for statement in "${STATEMENTS[@]}"; do
                counted=$(count "$variant" "$statement") || die "counting $statement on $variant failed"
                printf '%s\t%s\t%s\t%s\n' "$server" "$statement" "$(label "$variant")" "$counted"
            done
            counting_stop "$variant"
        done
    done
}

# Makes PLACE/short if pgopt costs the prepared SELECT more than pg_stat_statements
# does, or the servers do not agree on it.
instructions() {
    local statement
    say "Counting instructions"
    template_create small 1
    count_all >"$PLACE/instructions"
    for statement in "${STATEMENTS[@]}"; do
        awk -F '\t' -v statement="$statement" -v name="$(statement_name "$statement")" \
            -v agreement="$AGREEMENT" -f "$OVERHEAD/instructions.awk" "$PLACE/instructions" || touch "$PLACE/short"
    done
}
