# shellcheck shell=bash
# shellcheck disable=SC2153 # bench/advisor.sh sets what is written in capitals
# TPC-H's tables and what is in them. To be sourced.

GENERATOR_VERSION=4.0.0
GENERATOR=$REPO/target/tpchgen-$GENERATOR_VERSION

# Stays in target/ for the next time.
ensure_generator() {
    [ ! -x "$GENERATOR/bin/tpchgen-cli" ] || return 0
    say "Installing tpchgen-cli $GENERATOR_VERSION (a few minutes)"
    supervise cargo install --quiet --locked --root "$GENERATOR" --target-dir "$GENERATOR/build" \
        --version "=$GENERATOR_VERSION" tpchgen-cli
    rm -rf "$GENERATOR/build"
}

# A table that is emptied in the transaction that fills it needs no log.
load_data() {
    local table
    sql -f "$ADVISOR/schema.sql"
    for table in region nation supplier customer part partsupp orders lineitem; do
        "$GENERATOR/bin/tpchgen-cli" csv --scale-factor "$SCALE" --tables "$table" --stdout --quiet |
            sql --single-transaction -c "TRUNCATE $table" -c "\\copy $table FROM STDIN (FORMAT csv, HEADER, FREEZE)"
    done
    sql -c 'VACUUM (ANALYZE)' -c CHECKPOINT
}
