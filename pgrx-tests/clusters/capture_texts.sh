#!/usr/bin/env bash
# The texts that are kept: the same as pg_stat_statements has for queries, and no secret of
# anybody's for commands; of any length and in any encoding.
# shellcheck disable=SC2016,SC2119 # $1 is a parameter of a statement; restart takes settings
set -euo pipefail
# shellcheck source=pgrx-tests/clusters/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=pgrx-tests/clusters/capture/lib.sh
. "$(dirname "$0")/capture/lib.sh"

FILES="${0%.sh}"

# kept PATTERN: what of it any view shows.
kept() {
    value "SELECT s FROM pgopt.statements s" | grep -aoE "$1" | sort -u || true
    value "SELECT s FROM pgopt.statement_samples s" | grep -aoE "$1" | sort -u || true
}

corpus() {
    local track said
    for track in top all; do
        reset
        # A server built without libxml raises the error that is left out.
        said=$(PGOPTIONS="-c pgopt.track=$track -c pg_stat_statements.track=$track" loose postgres -f "$FILES/corpus.sql" |
            grep ERROR | grep -v 'unsupported XML feature' || true)
        same "track = $track: the corpus runs" '' "$said"
        same "track = $track: every text is the one of pg_stat_statements" '' "$(sql postgres -f "$FILES/differences.sql")"
    done
    same 'the corpus is large' t "$(value 'SELECT count(*) > 300 FROM pgopt.statements WHERE NOT utility AND calls > 0')"
    local text
    for text in $'  \n\t SELECT 1, 2, 3.5 AS v1  \n ' $'/* lead 5 */ SELECT 1.5, \'v2\' /* trail 7 */' $'-- lead 5\nSELECT 1, true, \'v3\' -- trail 7' \
        $';;SELECT 1, \'v4\', DATE \'2020-01-01\';;' $' SELECT 1 + 1.5;\n\n SELECT \'v5\' || \'x\' ; /* end */ ' $'\r\nSELECT\r\n1,\r\n2,3,4,5\r\n'; do
        run postgres "$text" >/dev/null
    done
    same 'white space and comments around a statement' '' "$(sql postgres -f "$FILES/differences.sql")"
    same 'a semicolon ends the text' 'SELECT $1 || $2' "$(seen query '^SELECT .1 [|][|] .2$')"
    bench prepared 3 >/dev/null <<<"SELECT 'const', a, 5 FROM t WHERE a = 1 AND b <> :client_id::text;"
    same 'constants beside parameters of the client' '' "$(sql postgres -f "$FILES/differences.sql")"
}

long_texts() {
    reset
    # Since 18 the constants of a list are one, and the text is short.
    local list='1|t|1024'
    [ "$(value 'SHOW server_version_num')" -lt 180000 ] || list='1|f|49'
    { printf 'SELECT count(*) FROM t WHERE a IN (' && seq -s, 1 300000 | tr -d '\n' && echo ');'; } >"$WORK/list.sql"
    { printf "SELECT length('" && head -c 10000000 /dev/zero | tr '\0' x && echo "') AS huge;"; } >"$WORK/string.sql"
    { printf 'SELECT count(*) AS "long" /* ' && head -c 10000000 /dev/zero | tr '\0' y && echo ' */ FROM t;'; } >"$WORK/comment.sql"
    sql postgres -f "$WORK/list.sql" -f "$WORK/string.sql" -f "$WORK/comment.sql" >/dev/null
    counted 'a list of 300,000 constants is counted and cut' "$list" 'calls, query_truncated, length(query)' 'a IN [(]'
    counted 'a string of 10 MB is counted and short' '1|f|SELECT length($1) AS huge' 'calls, query_truncated, query' huge
    counted 'a comment of 10 MB is counted and cut' '1|t|1024' 'calls, query_truncated, length(query)' '"long"'
    { printf "COMMENT ON TABLE t IS '" && head -c 10000000 /dev/zero | tr '\0' z && echo "';"; } >"$WORK/command.sql"
    { printf "DO 'BEGIN END; --" && head -c 10000000 /dev/zero | tr '\0' z && echo "';"; } >>"$WORK/command.sql"
    sql postgres -f "$WORK/command.sql"
    counted 'a command of 10 MB is counted and short' '1|f|COMMENT ON TABLE t IS $1
1|f|DO $1' 'calls, query_truncated, query' '^(COMMENT|DO)'
    loose >/dev/null <<<"SET pgopt.max_query_length = 1024; SELECT 'short', $(seq -s, 1 400 | sed 's/,/ + /g');"
    counted 'the limit is a setting' '1|t' 'calls, query_truncated' '^SELECT .1, .2 [+] .3'
    same 'texts do not fill the memory' t "$(value 'SELECT text_memory_used < 1000000 AND texts_dropped = 0 FROM pgopt.capture_info')"
}

encodings() {
    reset
    local database view
    run postgres "CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"
    run postgres "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"
    for database in ascii latin; do sql postgres -d "$database" -c 'CREATE EXTENSION pgopt'; done
    printf 'SELECT 1 AS "odd \xe4\xff", \x27\xfe\xff\x27;\nSET application_name = \x27caf\xe9\x27; SELECT 2 /* odd \xc3 */;\nSET search_path = "sch\xe9ma"; SELECT 3, 4 AS "odd 3", 5;' >"$WORK/odd.sql"
    sql postgres -d ascii -f "$WORK/odd.sql" >/dev/null
    PGCLIENTENCODING=LATIN1 sql postgres -d latin -f "$WORK/odd.sql" >/dev/null
    for database in ascii latin postgres; do
        for view in statements top_statements statement_samples latency n_plus_one slow_transactions capture_info; do
            contains "read from a database of encoding $database: $view" "$(sql postgres -d "$database" -c "SELECT count(s::text) FROM pgopt.$view s" 2>&1)" '^[0-9]+$'
        done
        same "read from $database: odd statements are there" 6 "$(sql postgres -d "$database" -c "SELECT count(*) FROM pgopt.statements WHERE query ~ 'odd' AND query !~ 'pgopt'")"
    done
    same 'LATIN1 is read in its own database as it was written' t "$(sql postgres -d latin -c "SELECT count(*) > 0 FROM pgopt.statements WHERE query ~ ('odd ' || chr(228) || chr(255))")"
    same 'what a UTF8 database shows is UTF8' t "$(value "SELECT bool_and(convert_from(convert_to(query, 'UTF8'), 'UTF8') = query) FROM pgopt.statements WHERE query ~ 'odd'")"
    restart
    same 'and after a restart' 6 "$(value "SELECT count(*) FROM pgopt.statements WHERE query ~ 'odd' AND query !~ 'pgopt'")"
}

secrets() {
    local track found
    for track in top all; do
        reset
        [ "$track" = top ] || loose >/dev/null <<'SQL'
DROP OWNED BY keeper; DROP ROLE "keeper 2"; DROP ROLE IF EXISTS keeper, other, another; DROP FOREIGN DATA WRAPPER w CASCADE;
DROP FUNCTION fs, body, defaulted; DROP PROCEDURE ps; DROP TABLE d, parts, made, made_too, made_by, and_a_table; DROP VIEW secret_view; DROP MATERIALIZED VIEW mv; DROP POLICY pol ON t2; DROP TYPE en; DROP DOMAIN dom;
SQL
        PGOPTIONS="-c pgopt.track=$track" loose postgres -f "$FILES/secrets.sql" >"$WORK/said" || true
        found=$(value "SELECT sum(calls) FILTER (WHERE utility) > 40 FROM pgopt.statements")
        same "track = $track: the commands were counted" t "$found"
        same "track = $track: no secret of a command is shown" '' "$(kept 'hush[0-9]+')"
        contains "track = $track: commands keep their names" "$(seen query '^ALTER')" '^ALTER SERVER s OPTIONS \(SET host \$1\)$'
    done
    restart
    same 'nor saved' '' "$(saved 'hush[0-9]+')"
    contains 'the saved file has the texts' "$(saved 'ALTER SERVER s OPTIONS')" 'ALTER SERVER'
}

# A statement prepared long ago, evicted and executed again: where its constants are is unknown.
evicted() {
    restart 'pgopt.max_statements = 100'
    {
        echo "PREPARE old (int) AS SELECT 'murmur1', a FROM t WHERE a = \$1 AND b <> 'murmur2' /* of old */;"
        echo "PREPARE plain (int) AS SELECT a AS plain FROM t2 WHERE a = \$1;"
        echo "PREPARE change AS UPDATE t3 SET b = 'murmur3' WHERE a = 98765;"
        echo 'EXECUTE old(1); EXECUTE plain(1); EXECUTE change;'
        # What is seen twice gets a place, however many come.
        for round in 1 2 3; do
            for n in {1..150}; do echo "WITH churn_${round}_$n AS (SELECT) SELECT $n;"{,}; done
            echo 'SELECT pg_sleep(0.3);'
        done
        echo "EXECUTE old(2); EXECUTE old(3); EXECUTE plain(2); EXECUTE plain(3); EXECUTE change; EXECUTE change;"
    } | loose >/dev/null
    same 'many statements gave their place' t "$(value 'SELECT evicted > 100 AND used <= 100 FROM pgopt.capture_info')"
    same 'no literal of an evicted statement is kept' '' "$(kept 'murmur[0-9]')"
    same 'what has no literal has its text again' t "$(value "SELECT count(*) = 1 FROM pgopt.statements WHERE query ~ 'AS plain' AND query !~ 'pgopt'")"
    same 'calls are all accounted for' t "$(value 'SELECT recorded = (SELECT sum(calls) FROM pgopt.statement_list()) + evicted_calls + reset_calls FROM pgopt.capture_info')"
    restart
    same 'nor is it saved' '' "$(saved 'murmur[0-9]')"
    run postgres "SELECT 'murmur1', a FROM t WHERE a = 5 AND b <> 'murmur2' /* of old */" >/dev/null
    counted 'the next session that parses it gives it its text' "SELECT \$1, a FROM t WHERE a = \$2 AND b <> \$3 /* of old */" query '^SELECT .1, a FROM t'
}

sql postgres -f "$FILES/prepare.sql"
corpus
long_texts
encodings
secrets
evicted
lacks 'no server process has crashed' "$(cat "$(dirname "$PGHOST")/log")" 'was terminated by signal|PANIC|panicked'
finish
