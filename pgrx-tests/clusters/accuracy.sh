#!/usr/bin/env bash
# How well hypothetical indexes foretell real ones: their sizes, and the costs of
# plans that use them. Every index is predicted, created, compared and dropped.
# ACCURACY_PARTS chooses among "size" and "cost" (both by default);
# ACCURACY_SCALE=full takes tables as large as the demo's.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd -P)
TESTHUB=$HERE/../../examples/testhub
PARTS=" ${ACCURACY_PARTS:-size cost} "

if [ "${ACCURACY_SCALE:-small}" = full ]; then
    ITEMS=1000000 TPCH=0.1 SHRINK=1
else
    ITEMS=100000 TPCH=0.05 SHRINK=10
fi

sql() {
    "$PGBINDIR/psql" --no-psqlrc --quiet --set ON_ERROR_STOP=1 --pset pager=off --pset footer=off "$@"
}

wanted() { [[ $PARTS == *" $1 "* ]]; }

# The demo's tables, those of events with fewer rows.
fill_testhub() {
    {
        echo 'CREATE SCHEMA testhub; SET search_path = testhub;'
        # The schema "methods" has the extension.
        grep -v '^CREATE EXTENSION' "$TESTHUB/schema.sql"
        awk -v shrink="$SHRINK" '$1 == "\\set" && $3 >= 100000 { $3 = int($3 / shrink) } { print }' "$TESTHUB/data.sql"
    } | sql
}

# The demo's queries with the first of their constants.
load_testhub_queries() {
    local file constants=() name value rest
    while read -r name value rest; do
        constants+=(-e "s|:'$name'|'$value'|g" -e "s|:$name\\b|$value|g")
    done <"$TESTHUB/constants.txt"
    for file in "$TESTHUB"/queries/*.sql; do
        # shellcheck disable=SC2016 # the dollars quote the query for SQL
        printf 'INSERT INTO accuracy.queries VALUES ($q$testhub$q$, $q$%s$q$, $q$%s$q$);\n' \
            "$(basename "$file" .sql)" "$(grep -v '^--' "$file" | sed "${constants[@]}" -e 's/;$//')"
    done | sql
}

# A table with a column for each kind of operator class beyond those of B-trees.
fill_methods() {
    { echo 'CREATE SCHEMA methods;' && cat "$HERE/accuracy/methods-data.sql"; } | sql --set rows="$((ITEMS / 5))"
}

measure_sizes() {
    { echo 'CREATE SCHEMA sizes;' && cat "$HERE/accuracy/size-data.sql"; } | sql --set rows="$ITEMS"
    sql -f "$HERE/accuracy/size-shapes.sql" -f "$HERE/accuracy/methods-shapes.sql"
    sql -c 'VACUUM (ANALYZE)'
    sql -c 'CALL accuracy.measure_sizes()'
}

measure_costs() {
    { echo 'CREATE SCHEMA tpch;' && cat "$HERE/accuracy/tpch-data.sql"; } | sql --set scale="$TPCH"
    load_testhub_queries
    sql -f "$HERE/accuracy/tpch-queries.sql" -f "$HERE/accuracy/testhub-indexes.sql" \
        -f "$HERE/accuracy/methods-queries.sql"
    sql -c 'VACUUM (ANALYZE)'
    sql -c "CALL accuracy.count_rows('testhub')" -c "CALL accuracy.count_rows('tpch')" \
        -c "CALL accuracy.count_rows('methods')"
    sql -c 'CALL accuracy.measure_costs()'
}

status=0
# The server must not analyse tables in the middle of a comparison.
sql -c 'ALTER SYSTEM SET autovacuum = off' -c 'SELECT pg_reload_conf()' --output /dev/null
sql -f "$HERE/accuracy/measure.sql"
fill_testhub
fill_methods
if wanted size; then
    measure_sizes
    sql -f "$HERE/accuracy/report-sizes.sql" || status=1
fi
if wanted cost; then
    measure_costs
    sql -f "$HERE/accuracy/report-costs.sql" || status=1
fi
exit "$status"
