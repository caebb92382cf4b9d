# shellcheck shell=bash
# shellcheck disable=SC2153 # bench/seeds.sh sets what is written in capitals
# What is done with one system of bench/seeds.sh: its queries are run one by one
# and under load, advice is taken and built, and the indexes made by hand are
# compared with it. To be sourced.

# Each query is run with this many sets of constants.
CONSTANTS=5

# queries_of SYSTEM: its files in their order.
queries_of() {
    local file
    for file in "$REPO/examples/$1"/queries/*.sql "$SEEDS/$1"/[0-9]*.sql; do
        [ ! -f "$file" ] || printf '%s\n' "$file"
    done
}

query_name() { basename "$1" .sql | cut -d- -f2-; }

# "now-7d" is the day a week ago.
constant() {
    local days
    case $1 in
        now-*d)
            days=${1#now-}
            date -d "${days%d} days ago" +%F
            ;;
        *) printf '%s\n' "$1" ;;
    esac
}

# substitutions SYSTEM N: sed expressions which put in the constants of set N.
substitutions() {
    local name fields value
    while read -ra fields; do
        name=${fields[0]}
        value=$(constant "${fields[$2]}")
        printf '%s\n' "s|:'$name'|'$value'|g" "s|:$name\\b|$value|g"
    done <"$REPO/examples/$1/constants.txt"
}

# The texts that are run, in files named QUERY.SET: with literals, as many
# libraries send them.
render_texts() {
    local system=$1 set file
    mkdir "$WORK/texts/$system"
    for ((set = 1; set <= CONSTANTS; set++)); do
        substitutions "$system" "$set" >"$WORK/texts/$system/substitutions"
        while IFS= read -r file; do
            grep -v '^--' "$file" | sed -f "$WORK/texts/$system/substitutions" \
                >"$WORK/texts/$system/$(query_name "$file").$set"
        done < <(queries_of "$system")
    done
}

# What the query files say about themselves.
list_queries() {
    local system=$1 position=0 file bar
    while IFS= read -r file; do
        position=$((position + 1))
        bar=$(sed -n 's/^-- Bar: //p' "$file")
        printf '%s\t%s\t%s\t%s\t%s\n' "$system" "$position" "$(query_name "$file")" "${bar:-\\N}" \
            "$(sed -n 's/^-- If not faster: //p' "$file")"
    done < <(queries_of "$system") | sql results -c '\copy queries FROM STDIN'
}

# One session per query, as a connection pool would give it.
# Each query is run as an application would, which is what the advice rests on, and
# then timed by the server, which leaves out the planning and the way to the client.
run_workload() {
    local system=$1 phase=$2 name
    while IFS= read -r name; do
        texts_of "$system" "$name" '' | sql "$system" --username app --output /dev/null
        texts_of "$system" "$name" 'EXPLAIN (ANALYZE, TIMING OFF) ' | values "$system" --username app |
            sed -nE "s/^Execution Time: ([0-9.]+) ms$/$system\t$phase\t$name\t\1/p"
    done < <(queries_of "$system" | while IFS= read -r file; do query_name "$file"; done) |
        sql results -c '\copy timings FROM STDIN'
}

# texts_of SYSTEM QUERY PREFIX: as often as there are runs.
texts_of() {
    local run
    for ((run = 0; run < RUNS; run++)); do
        printf '%s' "$3"
        cat "$WORK/texts/$1/$2.$((1 + run % CONSTANTS))"
    done
}

# All queries mixed, each as likely as the others. Latencies are counted from when
# a request was due, so that waiting for the one before counts as well.
load_test() {
    local system=$1 phase=$2 prefix="$WORK/load/$1-$2" file set scripts=()
    while IFS= read -r file; do
        for ((set = 1; set <= CONSTANTS; set++)); do
            scripts+=(--file "$WORK/texts/$system/$(query_name "$file").$set")
        done
    done < <(queries_of "$system")
    sql "$system" -c "SELECT pgopt.reset_statements('$system')" --output /dev/null
    "$BINDIR/pgbench" --host "$PLACE/run" --port "$PORT" --username load --no-vacuum --client "$CLIENTS" --jobs 2 --rate "$RATE" \
        --time "$SECONDS_EACH" --log --log-prefix "$prefix" "${scripts[@]}" "$system" >"$prefix.out" 2>&1 ||
        die "the load test of $system failed: $(tail -n 3 "$prefix.out")"
    # The log's third field is the latency in microseconds, the fourth the script.
    awk -v name="$system" -v phase="$phase" -v sets="$CONSTANTS" -v OFS='\t' \
        '{ print name, phase, int($4 / sets) + 1, $3 / 1000 }' "$prefix".[0-9]* |
        sql results -c '\copy latencies FROM STDIN'
    values "$system" -c "COPY (SELECT database, '$phase', p95 FROM pgopt.latency WHERE database = '$system') TO STDOUT" |
        sql results -c '\copy captured FROM STDIN'
}

take_advice() {
    local system=$1 started
    started=$(date +%s%N)
    values "$system" <<-SQL | sql results -c '\copy advice FROM STDIN'
		COPY (SELECT '$system', rank, ddl, steps, benefit, size_bytes
		      FROM pgopt.index_recommendations(min_benefit => 0.001)
		      WHERE action IN ('create', 'replace')) TO STDOUT;
	SQL
    sql results -c "UPDATE systems SET advice_ms = $((($(date +%s%N) - started) / 1000000)) WHERE system = '$system'"
}

# Each step is a command of its own because CREATE INDEX CONCURRENTLY refuses to
# run inside a transaction.
build_advice() {
    local system=$1 step
    while IFS= read -r -d '' step; do
        sql "$system" -c "$step"
    done < <(values results --record-separator-zero <<-SQL
		SELECT step FROM advice, unnest(steps) WITH ORDINALITY AS s(step, position)
		WHERE system = '$system' ORDER BY rank, position
	SQL
    )
    sql "$system" -c ANALYZE
}

# Empty tables with the indexes made by hand, to compare definitions with.
create_hand_indexes() {
    local system=$1 file
    {
        echo 'CREATE SCHEMA hand; SET search_path = hand, public;'
        while IFS= read -r file; do cat "$file"; done < <(schema_of "$system")
        cat "$REPO/examples/$system/hand-indexes.sql"
    } | sql "$system"
}

load_texts() {
    local system=$1 text
    sql "$system" -c 'CREATE SCHEMA bench' -c 'CREATE TABLE bench.texts (id serial, query text, sql text)'
    for text in "$WORK/texts/$system"/*.[0-9]; do
        # shellcheck disable=SC2016 # psql runs what is in backquotes
        printf '\\set text `cat %s`\n' "'$text'"
        printf "INSERT INTO bench.texts (query, sql) VALUES ('%s', :'text');\n" "$(basename "${text%.*}")"
    done | sql "$system"
}

# Also asks what the planner says of each query, with the advice and without.
judge_hand_indexes() {
    local system=$1
    create_hand_indexes "$system"
    load_texts "$system"
    sql "$system" -f "$SEEDS/verdicts.sql"
    values "$system" -c \
        "COPY (SELECT '$system', name, purpose, kind, verdict, query, share, of_workload, of_query FROM bench.verdicts) TO STDOUT" |
        sql results -c '\copy judged FROM STDIN'
    values "$system" -c "COPY (SELECT '$system', query, max(cost) FILTER (WHERE bare), max(cost) FILTER (WHERE NOT bare)
        FROM bench.base GROUP BY query) TO STDOUT" | sql results -c '\copy costs FROM STDIN'
}
