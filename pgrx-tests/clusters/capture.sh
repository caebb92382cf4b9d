#!/usr/bin/env bash
# What is counted, once and at the right place: every way to execute a statement, every way for
# it to fail, and what is told of transactions, samples and times.
# shellcheck disable=SC2016,SC2119 # $1 is a parameter of a statement; restart takes settings
set -euo pipefail
# shellcheck source=pgrx-tests/clusters/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=pgrx-tests/clusters/capture/lib.sh
. "$(dirname "$0")/capture/lib.sh"

# as_pgss NAME: both counted the same statements, calls and rows. SQL cursors are theirs by
# command, ours by query.
as_pgss() {
    same "$1" '' "$(value "SELECT a.calls, b.calls, a.rows, b.rows, coalesce(a.query, b.query)
      FROM (SELECT * FROM pgopt.statement_list() WHERE NOT utility AND calls > 0) a
      FULL JOIN (SELECT * FROM pg_stat_statements WHERE calls > 0) b
        ON (a.queryid, a.database_id, a.role_id, a.toplevel) = (b.queryid, b.dbid, b.userid, b.toplevel)
     WHERE coalesce(a.query, b.query) ~* '^(SELECT|INSERT|UPDATE|DELETE|WITH|PREPARE|VALUES|TABLE)' AND coalesce(a.query, b.query) !~ 'pgopt[.]|pg_stat_activity'
       AND (a.calls IS DISTINCT FROM b.calls OR a.rows IS DISTINCT FROM b.rows)")"
}

protocols() {
    reset
    local mode
    for mode in simple extended prepared; do
        bench "$mode" 10 >/dev/null <<SQL
\\set n random(1, 100)
WITH $mode AS (SELECT) SELECT a AS $mode FROM public.t WHERE a <= 5 AND b + 100 <> :n;
INSERT INTO public.log (${mode}_n) VALUES (1), (:n);
SQL
        counted "$mode protocol: queries" '10|50|t' 'calls, rows, toplevel' "AS $mode "
        counted "$mode protocol: inserts" '10|20' 'calls, rows' "^INSERT.*${mode}_n"
    done
    sql postgres >/dev/null <<'SQL'
PREPARE p(int) AS WITH executed AS (SELECT) SELECT a AS executed FROM public.t WHERE a <= $1;
EXECUTE p(3); EXECUTE p(4); EXECUTE p(5); EXECUTE p(1); EXECUTE p(1); EXECUTE p(1); EXECUTE p(2); EXECUTE p(3);
DEALLOCATE p;
\set FETCH_COUNT 7
BEGIN; WITH piecewise AS (SELECT) SELECT a AS piecewise FROM public.t WHERE a <= 40; COMMIT;
\set FETCH_COUNT 0
WITH first AS (SELECT) SELECT 1 AS first; WITH second AS (SELECT) SELECT 1 AS second\; WITH third AS (SELECT) SELECT 2 AS third;
UPDATE public.t SET b = b WHERE a <= 3 RETURNING a AS updated;
WITH gone AS (DELETE FROM public.log RETURNING 1) SELECT count(*) AS deleted FROM gone;
SQL
    counted 'EXECUTE counts for what was prepared' '8|20|f' 'calls, rows, utility' 'AS executed'
    same 'nothing is counted for EXECUTE and DEALLOCATE' '' "$(seen query '^(EXECUTE|DEALLOCATE)')"
    counted 'psql fetching piecewise' '1|40|t' 'calls, rows, toplevel' 'AS piecewise'
    counted 'statements of one string' '1|WITH second AS (SELECT) SELECT $1 AS second
1|WITH third AS (SELECT) SELECT $1 AS third' 'calls, query' 'AS (second|third)'
    counted 'rows of RETURNING' '1|3' 'calls, rows' 'AS updated'
    counted 'planning is counted with custom plans and not with generic ones' t 'plans BETWEEN 5 AND 6 AND total_plan_time > 0' 'AS executed'
    counted 'planning of a simple query' '10|t' 'plans, total_plan_time > 0' 'AS simple'
    as_pgss 'protocols: as pg_stat_statements counts'
}

cursors() {
    reset
    loose >/dev/null <<'SQL'
BEGIN; DECLARE c CURSOR FOR WITH closed AS (SELECT) SELECT a AS closed FROM public.t WHERE a <= 100; FETCH 3 FROM c; FETCH 4 FROM c; MOVE 1 FROM c; CLOSE c; COMMIT;
BEGIN; DECLARE c CURSOR FOR WITH committed AS (SELECT) SELECT a AS committed FROM public.t WHERE a <= 100; FETCH 3 FROM c; FETCH 4 FROM c; COMMIT;
BEGIN; DECLARE c CURSOR FOR WITH undone AS (SELECT) SELECT a AS undone FROM public.t WHERE a <= 100; FETCH 3 FROM c; FETCH 4 FROM c; ROLLBACK;
BEGIN; DECLARE c CURSOR WITH HOLD FOR WITH held AS (SELECT) SELECT a AS held FROM public.t WHERE a <= 100; FETCH 3 FROM c; COMMIT; FETCH 4 FROM c; CLOSE c;
BEGIN; DECLARE c CURSOR FOR WITH broken AS (SELECT) SELECT 1 / (a - 3) AS broken FROM public.t WHERE a <= 100 ORDER BY a; FETCH 1 FROM c; FETCH 9 FROM c; ROLLBACK;
FETCH 1 FROM nothing_of_the_kind;
SQL
    counted 'a cursor is counted once, with all rows fetched and moved over' '1|8|t|f' 'calls, rows, toplevel, utility' 'AS closed'
    counted 'a cursor that COMMIT closes' '1|7|t' 'calls, rows, toplevel' 'AS committed'
    counted 'a cursor that ROLLBACK closes' '1|7|t' 'calls, rows, toplevel' 'AS undone'
    counted 'a cursor that outlives its transaction' '1|t' 'calls, toplevel' 'AS held'
    counted 'a cursor that fails' '0|1|22012' 'calls, errors, last_sqlstate' 'AS broken'
    same 'nothing is counted for FETCH and CLOSE but a failure of their own' 'FETCH $1 FROM nothing_of_the_kind' "$(seen query '^(FETCH|MOVE|CLOSE)')"
    same 'a FETCH without cursor leaves no statement without text' 0 "$(value 'SELECT count(*) FROM pgopt.statements WHERE query IS NULL')"
}

nesting() {
    reset
    local nested track
    for track in top all; do
        loose >/dev/null <<SQL
SET pgopt.track = '$track'; SET pg_stat_statements.track = '$track';
SELECT public.counts(1) AS call_$track;
INSERT INTO public.triggers VALUES (1), (2);
DO 'BEGIN PERFORM DATE ''epoch'' AS within_do; END';
CALL public.commits();
WITH after_procedure AS (SELECT) SELECT 'after the procedure' AS after_procedure;
DO 'BEGIN BEGIN PERFORM 1 / 0 AS caught; EXCEPTION WHEN division_by_zero THEN NULL; END; PERFORM 1.5 AS after_caught; END';
WITH after_catch AS (SELECT) SELECT public.catches() AS after_catch;
WITH after_exception AS (SELECT) SELECT 'after the exception' AS after_exception;
CREATE TABLE public.made_$track AS WITH ctas AS (SELECT) SELECT a AS ctas FROM public.t WHERE a <= 9;
REFRESH MATERIALIZED VIEW public.mv;
EXPLAIN ANALYZE WITH explained AS (SELECT) SELECT a AS explained FROM public.t WHERE a <= 9;
SQL
        if [ "$track" = top ]; then
            same 'track = top: nothing nested is counted' '' "$(seen query 'nothing|within_do|AS caught|after_caught|by_trigger|AS explained' | grep -v '^\(EXPLAIN\|DO\)' || true)"
            same 'track = top: nothing is nested' 0 "$(value 'SELECT count(*) FROM pgopt.statements WHERE NOT toplevel')"
        fi
    done
    nested=$(value 'SELECT string_agg(query, chr(10)) FROM pgopt.statements WHERE NOT toplevel')
    contains 'track = all: what a function runs' "$nested" 'AS nothing'
    contains 'track = all: what a trigger runs' "$nested" 'by_trigger'
    contains 'track = all: what DO runs' "$nested" 'AS within_do'
    contains 'track = all: what goes on after an exception' "$nested" 'AS after_caught'
    same 'track = all: a caught exception is an error of what failed' '1|22012|{"22": 1}' "$(seen 'errors, last_sqlstate, errors_by_class' '^SELECT .* AS caught')"
    same 'track = all: what was caught is nobody else'\''s error' 1 "$(value 'SELECT sum(errors) FROM pgopt.statements')"
    counted 'after a procedure with COMMIT and ROLLBACK nesting is right' '2|t' 'calls, toplevel' 'AS after_procedure'
    counted 'after exceptions nesting is right' '2|t' 'calls, toplevel' 'AS after_exception'
    counted 'a function with a caught exception came to its end' '2|0' 'calls, errors' 'AS after_catch'
    same 'CREATE TABLE AS counts rows' '1|9|t' "$(seen 'calls, rows, utility' '^CREATE TABLE public.made_top')"
    same 'REFRESH counts rows' '2|100|t' "$(seen 'calls, rows, utility' '^REFRESH')"
    same 'EXPLAIN ANALYZE is a utility command' '2|t' "$(seen 'calls, utility' '^EXPLAIN' | head -n 1)"
    as_pgss 'nesting: as pg_stat_statements counts'
    reset
    PGOPTIONS='-c pgopt.track=all' loose >/dev/null <<<"SET ROLE bob; DO 'BEGIN PERFORM a, 1, 2 FROM public.secret; EXCEPTION WHEN insufficient_privilege THEN NULL; END'"
    counted 'track = all: permission denied to a nested statement is its error' 'f|1|42501' 'toplevel, errors, last_sqlstate' '^SELECT .*public.secret'
    PGOPTIONS='-c pgopt.track=all -c statement_timeout=500' loose >/dev/null <<<"DO 'BEGIN PERFORM pg_sleep(0.3); PERFORM 1, 2, pg_sleep(9); END'"
    counted 'track = all: a timeout is one of the nested statement, too' '1|0|1' 'errors, cancelled, timed_out' '^SELECT .1, .2, pg_sleep'
}

# failure NAME PATTERN SQLSTATE CANCELLED TIMED_OUT: counted once, and nowhere else.
failure() {
    same "$1" "1|$3|{\"${3:0:2}\": 1}|$4|$5|t" "$(seen 'errors, last_sqlstate, errors_by_class, cancelled, timed_out, toplevel' "$2")"
    same "$1: once" 1 "$(value 'SELECT sum(errors) FROM pgopt.statements')"
    reset
}

failures() {
    local nobody='failed before it could be identified'
    reset
    loose >/dev/null <<<'WITH by_zero AS (SELECT) SELECT 1 / a AS by_zero FROM (VALUES (0)) v(a)'; failure 'division by zero' by_zero 22012 0 0
    loose >/dev/null <<<'WITH folded AS (SELECT) SELECT 1 / 0 AS folded'; failure 'division by zero while planning' folded 22012 0 0
    loose >/dev/null <<<'INSERT INTO public.parent VALUES (1), (1) RETURNING id AS twice'; failure 'unique violation' twice 23505 0 0
    loose >/dev/null <<<'INSERT INTO public.child (at_once) VALUES (77)'; failure 'foreign key at the end of the statement' at_once 23503 0 0
    loose >/dev/null <<<'INSERT INTO public.child (later) VALUES (77)'; failure 'deferred foreign key in a transaction of one statement' 'INSERT INTO public.child' 23503 0 0
    bench extended 1 >/dev/null <<<'INSERT INTO public.child (later) VALUES (77);' || true
    failure 'the same in the extended protocol' 'INSERT INTO public.child' 23503 0 0
    loose >/dev/null <<<'BEGIN; INSERT INTO public.child (later) VALUES (77); COMMIT;'; failure 'deferred foreign key at COMMIT' '^COMMIT' 23503 0 0
    bench extended 1 -D v=abc >/dev/null <<<'SELECT a AS bad_value FROM public.t WHERE a = :v::int;' || true
    failure 'a value that cannot be read, in the extended protocol' bad_value 22P02 0 0
    loose >/dev/null <<<"SET $PARALLEL = on; SELECT count(1 / (a - 77)) AS in_worker FROM public.t"; failure 'an error in a parallel worker' in_worker 22012 0 0
    loose >/dev/null <<<'SELEC 1'; failure 'syntax error' "$nobody" 42601 0 0
    loose >/dev/null <<<'SELECT FROM public.nowhere'; failure 'missing table' "$nobody" 42P01 0 0
    loose bob >/dev/null <<<'SELECT FROM public.secret'; failure 'permission denied' 'FROM public.secret' 42501 0 0
    loose >/dev/null <<<'DROP TABLE public.nowhere'; failure 'a utility command' '^DROP TABLE' 42P01 0 0
    loose >/dev/null <<<"SET pgopt.track_utility = off; DROP TABLE public.nowhere_else"
    same 'a utility command without track_utility leaves no statement without text' 0 "$(value 'SELECT count(*) FROM pgopt.statements WHERE query IS NULL')"
    reset
    loose >/dev/null <<<"SET statement_timeout = 150; WITH timed AS (SELECT) SELECT pg_sleep(9) AS timed"; failure 'statement_timeout' timed 57014 0 1
    loose >/dev/null <<<"SET statement_timeout = 400; WITH late AS (SELECT) SELECT public.slow_to_plan(), pg_sleep(9) AS late"; failure 'statement_timeout used up by planning and execution' late 57014 0 1
    in_background holder 'BEGIN; UPDATE public.t SET b = b WHERE a = 1; LOCK TABLE public.log; SELECT pg_sleep(20)'
    loose >/dev/null <<<"SET lock_timeout = 100; WITH row_lock AS (SELECT) SELECT a AS row_lock FROM public.t WHERE a = 1 FOR UPDATE"; failure 'lock_timeout on a row' row_lock 55P03 0 1
    loose >/dev/null <<<"WITH no_wait AS (SELECT) SELECT a AS no_wait FROM public.t WHERE a = 1 FOR UPDATE NOWAIT"; failure 'NOWAIT is no timeout' no_wait 55P03 0 0
    loose >/dev/null <<<"SET lock_timeout = 100; WITH table_lock AS (SELECT) SELECT 1 AS table_lock FROM public.log"; failure 'lock_timeout on a table while parsing' "$nobody" 55P03 0 1
    tell holder pg_terminate_backend
    reset
    in_background victim 'WITH cancelled AS (SELECT) SELECT pg_sleep(20) AS cancelled'; tell victim pg_cancel_backend
    failure 'pg_cancel_backend' 'AS cancelled' 57014 1 0
    in_background victim 'WITH terminated AS (SELECT) SELECT pg_sleep(20) AS terminated'; tell victim pg_terminate_backend
    failure 'pg_terminate_backend' 'AS terminated' 57P01 0 0
    PGAPPNAME=victim bench extended 1 <<<'WITH ended AS (SELECT) SELECT pg_sleep(20) AS ended;' >/dev/null & BACKGROUND+=("$!")
    until_active victim; tell victim pg_terminate_backend
    failure 'pg_terminate_backend in the extended protocol' 'AS ended' 57P01 0 0
    loose >/dev/null <<<'BEGIN; WITH aborts AS (SELECT) SELECT 1 / 0 AS aborts; WITH ignored AS (SELECT) SELECT 2 AS ignored; ROLLBACK'
    counted 'in an aborted transaction nobody is to blame' '1|{"25": 1}' 'errors, errors_by_class' "$nobody"
    loose >/dev/null <<<'CREATE FUNCTION public.breaks() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN RETURN 1 / 0; END $$; ALTER FUNCTION public.breaks() OWNER TO bob;'
    loose >/dev/null <<<'WITH of_caller AS (SELECT) SELECT public.breaks() AS of_caller'
    counted 'a failure in a function that changes role is its caller'"'"'s' 'postgres|1' 'role, errors' 'AS of_caller'
    loose >/dev/null <<<'DROP FUNCTION public.breaks()'
    reset
    loose >/dev/null <<<'WITH innocent AS (SELECT) SELECT 1 AS innocent\; SELECT FROM public.nowhere'
    counted 'a statement is not to blame for the analysis of the next one' '1|0' 'calls, errors' 'AS innocent'
    counted 'nobody is' '1|{"42": 1}' 'errors, errors_by_class' "$nobody"
    loose >/dev/null <<<'BEGIN; WITH aborts AS (SELECT) SELECT 1 / 0 AS aborts; ROLLBACK'
    counted 'time of failures is not execution time' '0|0|t' 'calls, total_time, error_time >= 0' 'AS aborts'
}

resources() {
    reset
    run postgres "SELECT count(*) AS after_work FROM public.t" >/dev/null
    loose postgres -v parallel="$PARALLEL" >/dev/null <<'SQL'
COPY public.copied FROM STDIN;
1
2
3
\.
COPY public.copied TO STDOUT;
COPY (SELECT a FROM public.t WHERE a <= 5) TO STDOUT;
SET :parallel = on;
WITH parallel AS (SELECT) SELECT count(*) AS parallel FROM public.t;
SET :parallel = off; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
WITH gathered AS (SELECT) SELECT count(*) AS gathered FROM public.t WHERE b = 3;
SET work_mem = '64kB';
WITH spilled AS (SELECT) SELECT count(*) AS spilled FROM (SELECT a FROM public.t ORDER BY b, a DESC OFFSET 1) s;
INSERT INTO public.copied SELECT g AS logged FROM generate_series(1, 1000) g;
SET jit = on; SET jit_above_cost = 0;
WITH compiled AS (SELECT) SELECT sum(a * 2 + b) AS compiled FROM public.t;
SQL
    counted 'COPY counts rows both ways' '1|5|copy (select a from public.t where a <= $1) to stdout
1|3|copy public.copied from stdin
1|3|copy public.copied to stdout' "calls, rows, regexp_replace(lower(query), ';', '')" '^COPY'
    counted 'a parallel query is counted once' '1|1|t' 'calls, rows, parallel_workers_launched > 0' 'AS parallel'
    counted 'its workers are counted' 't|t' 'parallel_workers_to_launch >= 1, parallel_workers_launched BETWEEN 1 AND parallel_workers_to_launch' 'AS gathered'
    counted 'blocks that workers read count' t "shared_blks_hit + shared_blks_read >= (SELECT relpages FROM pg_class WHERE oid = 'public.t'::regclass)" 'AS gathered'
    counted 'temporary files' 't|t' 'temp_blks_written > 0, temp_blks_read > 0' 'AS spilled'
    counted 'WAL' 't|t|1000' 'wal_records >= 1000, wal_bytes > 10000, rows' 'AS logged'
    if [ "$(value 'SELECT pg_jit_available()')" = t ]; then
        counted 'JIT' 't|t' 'jit_functions > 0, jit_generation_time > 0' 'AS compiled'
    else
        echo 'skipped: JIT is not available'
    fi
    same 'relations are named' '{public.t}|f' "$(value "SET search_path = ''; SELECT relations, more_relations FROM pgopt.statements WHERE query ~ 'AS gathered' AND query !~ 'pgopt'" | tail -n 1)"
    as_pgss 'resources: as pg_stat_statements counts'
}

samples() {
    local data shown
    data=$(value 'SHOW data_directory')
    reset
    loose >/dev/null <<'SQL'
WITH kept_word AS (SELECT) SELECT 'wordkept' AS kept_word, 123987 AS kept_number, DATE '1987-06-05' AS kept_date;
PREPARE s(text, int, text[], jsonb) AS WITH kept_bound AS (SELECT) SELECT $1 AS kept_bound, $2, $3, $4;
EXECUTE s('boundvalue', 987321, '{inarray}', '{"in": "jsonvalue"}');
SQL
    bench extended 3 -D "v='pgbenchvalue'" >/dev/null <<<'WITH kept_by_client AS (SELECT) SELECT :v::text AS kept_by_client;'
    shown=$(value "SELECT * FROM pgopt.statement_samples")
    contains 'redacted samples have shapes' "$shown" '"pattern": *"xxxxxxxx".*"digits": *6|"digits": *6.*"pattern": *"xxxxxxxx"'
    contains 'redacted samples of bound parameters have types' "$shown" '"type": *"integer"'
    local values='wordkept|123987|1987-06-05|boundvalue|987321|inarray|jsonvalue|pgbenchvalue'
    lacks 'redacted samples hold no value' "$shown" "$values"
    loose >/dev/null <<<"SET pgopt.sample_parameters = 'none'; WITH without_samples AS (SELECT) SELECT 'x' AS without_samples, pg_sleep(0.01);"
    same 'none takes none' 0 "$(value "SELECT count(*) FROM pgopt.statement_samples JOIN pgopt.statements USING (queryid) WHERE query ~ 'AS without_samples'")"
    loose >/dev/null <<<"SELECT true AS slow_first, pg_sleep(0.05); SELECT true AS slow_first, pg_sleep(0.01); SELECT true AS slow_first, pg_sleep(0.001);"
    same 'the slowest execution is kept as such, though it is the first' t "$(value "SELECT max(s.duration) FILTER (WHERE s.kind = 'slowest') > 50 FROM pgopt.statement_samples s JOIN pgopt.statements q USING (queryid) WHERE q.query ~ 'AS slow_first' AND q.query !~ 'pgopt'")"
    local counted
    counted=$(seen 'calls, rows, total_time, p50, errors_by_class, relations' 'AS kept_')
    restart
    same 'a restart keeps what was counted' "$counted" "$(seen 'calls, rows, total_time, p50, errors_by_class, relations' 'AS kept_')"
    same 'the saved file is the server user'"'"'s alone' 600 "$(stat -c %a "$data/pg_stat_tmp/pgopt.stat")"
    same 'redacted samples leave no value in the saved file' '' "$(saved "$values")"
    contains 'though it has the statements' "$(saved 'AS kept_bound')" kept_bound
    loose >/dev/null <<'SQL'
SET pgopt.sample_parameters = 'raw';
WITH raw_literal AS (SELECT) SELECT 'rawliteral' AS raw_literal, 456123, pg_sleep(0.02);
WITH raw_literal AS (SELECT) SELECT 'rawliteral' AS raw_literal, 456123, pg_sleep(0.04);
WITH raw_literal AS (SELECT) SELECT 'rawliteral' AS raw_literal, 456123, pg_sleep(0.001);
PREPARE s(text, int, text[], date, numeric) AS WITH raw_bound AS (SELECT) SELECT $1 AS raw_bound, $2, $3, $4, $5;
EXECUTE s('rawbound', 987321, '{inarray}', '1987-06-05', 1.25);
PREPARE r(record) AS WITH raw_record AS (SELECT) SELECT $1 IS NULL AS raw_record;
EXECUTE r(ROW(-4)); EXECUTE r(ROW(-4));
SQL
    # What the bytes of a record mean is known to the session that made it: in this one that record is a text.
    same 'a record is not looked into' '{"n": 1, "type": "record", "length": 0, "omitted": true}' "$(value "SET log_min_messages = panic; SELECT DISTINCT ROW('x'::text) IS NULL; SELECT DISTINCT parameters -> 0 FROM pgopt.statement_samples JOIN pgopt.statements USING (queryid) WHERE query ~ 'AS raw_record' AND query !~ 'pgopt'" | tail -n 1)"
    shown=$(value "SELECT parameters FROM pgopt.statement_samples JOIN pgopt.statements USING (queryid) WHERE query ~ 'AS raw_' AND query !~ 'pgopt'")
    local wanted
    for wanted in "'rawliteral'" 456123 rawbound 987321 '{inarray}' 1987-06-05 1.25; do
        contains "raw samples show $wanted" "$shown" "\"value\": *\"$wanted\""
    done
    value 'SELECT pgopt.reset_statements()' >/dev/null
    loose >/dev/null <<<"WITH raw_literal AS (SELECT) SELECT 'later' AS raw_literal, 1, pg_sleep(0.001);"
    lacks 'a reset forgets raw values' "$(value 'SELECT * FROM pgopt.statement_samples')" 'rawliteral'
    restart
    same 'nor does the saved file have them' '' "$(saved 'rawliteral|rawbound')"
    local setting
    for setting in "track = 'none'" 'track_utility = off' "sample_parameters = 'raw'" 'max_query_length = 2048' 'n_plus_one_threshold = 99' \
        'slow_transaction_warning = -1' 'slow_transaction_error = -1' 'enabled = off'; do
        fails "an ordinary role cannot set $setting" 42501 'permission denied to set parameter' bob "SET pgopt.$setting"
    done
}

transactions() {
    local stats='SELECT statements, total_time >= longest_time, started = now() FROM pgopt.transaction_stats()'
    same 'statements of the transaction are told' '0|t|t
2|t|t
4|t|t
0|t|t' "$(loose <<SQL | grep '|'
BEGIN; $stats; SELECT 1; $stats; SAVEPOINT s; SELECT 1/0; ROLLBACK TO s; SELECT 2; $stats; COMMIT; $stats;
SQL
    )"
    contains 'the longest is told' "$(loose <<<"BEGIN; SELECT pg_sleep(0.05); SELECT longest_time BETWEEN 50 AND 1000 AS is FROM pgopt.transaction_stats();")" '^t$'
    reset
    {
        echo 'BEGIN;'
        for _ in {1..10}; do echo 'WITH ten_times AS (SELECT) SELECT b AS ten_times FROM public.t WHERE a = 5;'; done
        for _ in {1..9}; do echo 'WITH nine_times AS (SELECT) SELECT b AS nine_times FROM public.t WHERE a = 5;'; done
        echo 'COMMIT; SET pgopt.n_plus_one_threshold = 3; BEGIN;'
        for n in {1..4}; do echo "WITH four_times AS (SELECT) SELECT b AS four_times FROM public.t WHERE a = $n;"; done
        echo 'COMMIT;'
        for n in {1..12}; do echo "WITH each_alone AS (SELECT) SELECT b AS each_alone FROM public.t WHERE a = $n;"; done
    } | loose >/dev/null
    same 'repeats are told from the threshold on' '10|1|10|WITH ten_times AS (SELECT) SELECT b AS ten_times FROM public.t WHERE a = $1
4|1|4|WITH four_times AS (SELECT) SELECT b AS four_times FROM public.t WHERE a = $1' "$(value 'SELECT calls, transactions, worst_repeat, example FROM pgopt.n_plus_one ORDER BY calls DESC')"
    PGAPPNAME=unhurried loose >/dev/null <<'SQL'
SET pgopt.slow_transaction_warning = 50; SET pgopt.slow_transaction_error = 200;
BEGIN; SELECT pg_sleep(0.1); COMMIT;
BEGIN; SELECT pg_sleep(0.1); ROLLBACK;
SELECT pg_sleep(0.25);
SELECT 1;
SQL
    same 'slow transactions by application' 'postgres|postgres|2|1|t|t' "$(value "SELECT database, role, warnings, errors, total_time BETWEEN 450 AND 2000, longest_time BETWEEN 250 AND 1000 FROM pgopt.slow_transactions WHERE application_name = 'unhurried'")"
    same 'slow transactions of others hide their application' 0 "$(run bob "SELECT count(application_name) FROM pgopt.slow_transactions")"
}

times() {
    reset
    {
        for _ in {1..18}; do echo 'WITH slept AS (SELECT) SELECT pg_sleep(0.01) AS slept;'; done
        echo 'WITH slept AS (SELECT) SELECT pg_sleep(0.1) AS slept; WITH slept AS (SELECT) SELECT pg_sleep(0.2) AS slept;'
    } | loose >/dev/null
    counted 'percentiles are plausible' 't|t|t|t|t' 'p50 BETWEEN 9.4 AND 14, p95 BETWEEN 94 AND 130, p99 BETWEEN 188 AND 250, p999 = p99, max_time >= 200 AND min_time >= 10 AND stddev_time BETWEEN 35 AND 60' 'AS slept'
    local id
    id=$(seen queryid 'AS slept')
    same 'the histogram has every execution' '20|1' "$(value "SELECT sum(calls), max(cumulative) FROM pgopt.statement_histogram($id)")"
    contains 'latency is told by database' "$(value "SELECT * FROM pgopt.latency WHERE database = 'postgres'")" '^postgres\|[0-9]+\|'
    fails 'no histogram of an unknown statement' 42704 'no statement with query identifier 4711' postgres 'SELECT * FROM pgopt.statement_histogram(4711)'
    fails 'no histogram of null' 22004 'must not be null' postgres 'SELECT * FROM pgopt.statement_histogram(NULL)'
    fails 'no histogram of what others ran' 42704 'no statement' bob "SELECT * FROM pgopt.statement_histogram($id)"
}

visibility() {
    reset
    run postgres 'WITH of_postgres AS (SELECT) SELECT 4711 AS of_postgres' >/dev/null
    run bob 'WITH of_bob AS (SELECT) SELECT 4711 AS of_bob' >/dev/null
    same 'an ordinary role reads its own texts' 1 "$(run bob "SELECT count(*) FROM pgopt.statements WHERE query ~ 'AS of_bob' AND query !~ 'pgopt'")"
    same 'of others it sees counts, and neither text nor identifier' 't|0|0|0' "$(run bob "SELECT count(*) > 0, count(queryid), count(nullif(query, '<insufficient privilege>')), count(relations) FROM pgopt.statements WHERE role = 'postgres'")"
    same 'samples are its own' bob "$(run bob 'SELECT DISTINCT role FROM pgopt.statement_samples')"
    same 'a member of pg_monitor reads all' 2 "$(run monitor "SELECT count(*) FROM pgopt.statements WHERE query ~ 'AS of_(bob|postgres)' AND query !~ 'pgopt'")"
    contains 'and all samples' "$(run monitor 'SELECT DISTINCT role FROM pgopt.statement_samples')" postgres
    fails 'an ordinary role resets nothing' 42501 'permission denied for function' bob 'SELECT pgopt.reset_statements()'
    fails 'nor by identifiers' 42501 'permission denied for function' bob 'SELECT pgopt.reset_statements_by_id(NULL, NULL, NULL)'
    fails 'nor does a member of pg_monitor' 42501 'permission denied for function' monitor "SELECT pgopt.reset_statements(role => 'bob')"
}

resets() {
    run postgres 'CREATE DATABASE other' && sql postgres -d other -c 'CREATE EXTENSION pgopt'
    reset
    local session
    for session in 'postgres -d other' 'bob -d other' bob postgres; do
        # shellcheck disable=SC2086 # a role and options
        sql $session -c 'WITH to_reset AS (SELECT) SELECT 1 AS to_reset' -c 'WITH stays AS (SELECT) SELECT 2 AS stays, 2' >/dev/null
    done
    local id
    id=$(value "SELECT DISTINCT queryid FROM pgopt.statements WHERE query ~ 'AS to_reset' AND query !~ 'pgopt'")
    same 'a reset counts what it resets' 1 "$(value "SELECT pgopt.reset_statements('other', 'bob', $id)")"
    counted 'a reset of database, role and identifier' '1|other|postgres
1|postgres|bob
1|postgres|postgres' 'calls, database, role' 'AS to_reset'
    value "SELECT pgopt.reset_statements(queryid => $id)" >/dev/null
    counted 'a reset of an identifier' '' calls 'AS to_reset'
    value "SELECT pgopt.reset_statements(role => 'bob')" >/dev/null
    counted 'a reset of a role' '1|postgres
1|postgres' 'calls, role' 'AS stays'
    value "SELECT pgopt.reset_statements(database => 'other')" >/dev/null
    counted 'a reset of a database' '1|postgres|postgres' 'calls, database, role' 'AS stays'
    fails 'an unknown database' 3D000 'database "nowhere" does not exist' postgres "SELECT pgopt.reset_statements('nowhere')"
    fails 'an unknown role' 42704 'role "nobody" does not exist' postgres "SELECT pgopt.reset_statements(role => 'nobody')"
    run postgres 'DROP DATABASE other'
    run postgres 'CREATE ROLE leaver LOGIN' && run leaver 'SELECT 1 AS leaves, 2, 3, 4, 5, 6, 7, 8' >/dev/null && run postgres 'DROP ROLE leaver'
    same 'statements of dropped roles stay' '|1' "$(seen 'role, calls' 'AS leaves')"
    reset
    counted 'a reset of everything' '' calls 'AS stays'
}

accounts() {
    local before after
    before=$(value 'SELECT recorded FROM pgopt.capture_info')
    bench prepared 500 -c 2 >/dev/null <<<'WITH accounted AS (SELECT) SELECT 1 AS accounted; WITH accounted AS (SELECT) SELECT 2, 3 AS accounted;'
    after=$(value 'SELECT recorded FROM pgopt.capture_info')
    # Two statements of 1000 transactions, and the question itself.
    same 'what was run is recorded' 2001 "$((after - before))"
    same 'nothing was dropped' '0|0|0|0|t|t' "$(value 'SELECT dropped, texts_dropped, save_failures, fallback_evictions, housekeeper, query_ids FROM pgopt.capture_info')"
    value 'SELECT pgopt.reset_statements(role => current_user)' >/dev/null
    same 'a partial reset loses nothing of the account' t "$(value "SELECT recorded >= $after AND reset_calls > 0 FROM pgopt.capture_info")"
}

# Renamed in 16.
PARALLEL=$(value "SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')")
sql postgres -f "${0%.sh}/prepare.sql"
protocols
cursors
nesting
failures
resources
samples
transactions
times
visibility
resets
accounts
lacks 'no server process has crashed' "$(cat "$(dirname "$PGHOST")/log")" 'was terminated by signal|PANIC|panicked'
finish
