#!/usr/bin/env bash
# Who gets advice on whose statements, and what becomes of statements that cannot be planned.
set -euo pipefail
# shellcheck source=pgrx-tests/clusters/lib.sh
. "$(dirname "$0")/lib.sh"

BACKGROUND=()
stop_background() {
    local process
    for process in "${BACKGROUND[@]}"; do kill "$process" 2>/dev/null || true; done
}
trap stop_background EXIT

EVERYTHING='SELECT ddl, evidence FROM pgopt.index_recommendations()'

prepare() {
    sql postgres <<'SQL'
SET client_min_messages = warning;
CREATE EXTENSION pg_stat_statements;
CREATE EXTENSION pgopt;
CREATE ROLE alice LOGIN;
CREATE ROLE bob LOGIN;
CREATE ROLE leaver LOGIN;
CREATE ROLE monitor LOGIN IN ROLE pg_monitor;
CREATE SCHEMA alice AUTHORIZATION alice;
CREATE SCHEMA bob AUTHORIZATION bob;
CREATE SCHEMA leaver AUTHORIZATION leaver;
CREATE TABLE public.shared AS SELECT g AS a, g % 7 AS b FROM generate_series(1, 5000) g;
GRANT SELECT ON public.shared TO PUBLIC;
ANALYZE public.shared;
SQL
    local role
    for role in alice bob leaver; do
        sql "$role" <<SQL
CREATE TABLE $role.t AS SELECT g AS a, g % 7 AS b FROM generate_series(1, 5000) g;
ANALYZE $role.t;
SQL
    done
}

forget() { value 'SELECT pg_stat_statements_reset()' >/dev/null; }

# hold TABLE SECONDS: another session locks the table.
hold() {
    run postgres "BEGIN; LOCK TABLE $1 IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep($2); COMMIT" >/dev/null 2>&1 &
    BACKGROUND+=("$!")
    local waited=0
    until [ "$(value "SELECT count(*) FROM pg_locks WHERE relation = '$1'::regclass AND mode = 'AccessExclusiveLock' AND granted")" = 1 ]; do
        waited=$((waited + 1))
        [ "$waited" -lt 100 ] || return 1
        sleep 0.1
    done
}

release() {
    stop_background
    value "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()" >/dev/null
    wait "${BACKGROUND[@]}" 2>/dev/null || true
    BACKGROUND=()
}

# quick NAME ROLE: advice comes within two seconds; prints it.
quick() {
    local started said
    started=$(date +%s%N)
    said=$(run "$2" "SET statement_timeout = '8s'; $EVERYTHING" 2>&1) || true
    [ $((($(date +%s%N) - started) / 1000000)) -lt 2000 ] || said="$1: too slow: $said"
    printf '%s\n' "$said"
}

without_a_source() {
    run postgres 'CREATE DATABASE bare' && run postgres 'CREATE DATABASE moved'
    sql postgres -d bare -c 'CREATE EXTENSION pgopt'
    fails 'without pg_stat_statements the error says what to do' 55000 'CREATE EXTENSION pg_stat_statements' postgres "$EVERYTHING" -d bare
    sql postgres -d moved <<'SQL'
CREATE SCHEMA "Odd Place";
CREATE EXTENSION pg_stat_statements SCHEMA "Odd Place";
CREATE EXTENSION pgopt;
CREATE TABLE public.m AS SELECT g AS a FROM generate_series(1, 5000) g;
ANALYZE public.m;
SELECT count(*) FROM public.m WHERE a = 5;
SQL
    contains 'pg_stat_statements may be in any schema' "$(sql postgres -d moved -c "$EVERYTHING")" 'CREATE INDEX .*public\.m '
    run postgres 'SELECT count(*) FROM public.shared WHERE a = 5' >/dev/null
    lacks 'statements of other databases are left out' "$(sql postgres -d moved -c "$EVERYTHING")" 'shared'
}

own_statements() {
    forget
    run alice 'SELECT /* of alice */ * FROM alice.t WHERE a = 5' >/dev/null
    run bob 'SELECT /* of bob */ * FROM bob.t WHERE a = 5' >/dev/null
    run bob 'SELECT /* also of bob */ * FROM public.shared WHERE a = 5' >/dev/null
    local said
    said=$(run alice "$EVERYTHING" 2>&1)
    contains 'a role gets advice on its own statements' "$said" 'CREATE INDEX .*alice\.t'
    lacks 'a role sees nothing of others' "$said" 'bob'
    said=$(run monitor "$EVERYTHING" 2>&1)
    contains 'a member of pg_monitor gets advice on tables it cannot read' "$said" 'CREATE INDEX .*alice\.t'
    contains 'a member of pg_monitor gets advice on everybody' "$said" 'CREATE INDEX .*bob\.t'
    fails 'a member of pg_monitor still cannot read the table' 42501 'permission denied' monitor 'SELECT * FROM alice.t'
    fails 'nor plan it by other means' 42501 'permission denied' monitor "SELECT * FROM pgopt.recommend_for(ARRAY['SELECT * FROM alice.t WHERE a = 5'])"
    fails 'nor explain it' 42501 'permission denied' monitor "SELECT pgopt.explain_with('SELECT * FROM alice.t WHERE a = 5')"
    run bob 'GRANT SELECT ON bob.t TO alice; GRANT USAGE ON SCHEMA bob TO alice'
    run alice 'SELECT /* on bobs table */ * FROM bob.t WHERE b = 5 AND a = 7' >/dev/null
    contains 'a role gets advice on a table of somebody else' "$(run alice "$EVERYTHING" 2>&1)" 'CREATE INDEX .*bob\.t'
}

locked_tables() {
    forget
    run alice 'SELECT * FROM alice.t WHERE a = 5' >/dev/null
    run bob 'SELECT /* behind the lock */ * FROM bob.t WHERE a = 5' >/dev/null
    hold bob.t 20
    local said
    said=$(quick 'a locked table' postgres)
    contains 'a locked table is named' "$said" 'behind the lock.*55P03|55P03.*behind the lock'
    contains 'a locked table holds nothing up' "$said" 'CREATE INDEX .*alice\.t'
    contains 'a locked table is counted' "$said" '"not_planned_count": 1'
    lacks 'a locked table costs no time' "$said" 'too slow'
    release
    sql alice <<'SQL'
CREATE TABLE alice.p (k int, a int) PARTITION BY RANGE (k);
CREATE TABLE alice.p1 PARTITION OF alice.p FOR VALUES FROM (0) TO (10);
CREATE TABLE alice.p2 PARTITION OF alice.p FOR VALUES FROM (10) TO (20);
INSERT INTO alice.p SELECT g % 20, g FROM generate_series(1, 20000) g;
ANALYZE alice.p;
SELECT * FROM alice.p WHERE k = current_setting('alice.k', true)::int AND a = 5;
SELECT count(*) FROM alice.p WHERE a = 7;
SQL
    hold alice.p1 20
    said=$(quick 'a locked partition' postgres)
    lacks 'a locked partition costs no time' "$said" 'too slow|statement timeout'
    contains 'a locked partition is named' "$said" '55P03'
    release
}

what_is_gone() {
    forget
    run alice 'SELECT * FROM alice.t WHERE a = 5' >/dev/null
    run leaver 'SELECT /* of a leaver */ * FROM leaver.t WHERE a = 5' >/dev/null
    run alice 'CREATE TABLE alice.gone (a int)'
    run alice 'SELECT /* of a table */ * FROM alice.gone WHERE a = 5' >/dev/null
    run alice 'DROP TABLE alice.gone'
    run postgres 'DROP OWNED BY leaver CASCADE; DROP ROLE leaver' 2>/dev/null
    local said
    said=$(run postgres "$EVERYTHING" 2>&1)
    contains 'a dropped role is named' "$said" 'of a leaver \*/.*(42704|does not exist)'
    contains 'a dropped table is named' "$said" '42P01'
    contains 'advice on the rest comes' "$said" 'CREATE INDEX .*alice\.t'
    forget
    run alice 'SELECT /* of a table */ 1 FROM pg_stat_statements_info, alice.t WHERE a = 5' >/dev/null
    run alice 'ALTER TABLE alice.t RENAME TO moved'
    said=$(run alice "$EVERYTHING" 2>&1)
    contains 'with no advice at all a notice counts and names' "$said" 'NOTICE:.* could not be planned'
    contains 'the notice says why' "$said" 'does not exist'
    run alice 'ALTER TABLE alice.moved RENAME TO t'
}

odd_texts() {
    forget
    run alice 'SELECT * FROM alice.t WHERE a = 5' >/dev/null
    run alice 'CREATE TEMP TABLE x (a int); DROP TABLE x'
    run alice 'EXPLAIN SELECT * FROM alice.t WHERE a = 5' >/dev/null
    run alice 'COPY alice.t TO STDOUT' >/dev/null
    run alice 'BEGIN; DECLARE c CURSOR FOR SELECT * FROM alice.t WHERE b = 5; FETCH c; COMMIT' >/dev/null
    run alice 'PREPARE q (int) AS SELECT * FROM alice.t WHERE a = 7; EXECUTE q (7)' >/dev/null
    run alice 'CREATE TABLE alice.made AS SELECT * FROM alice.t WHERE a < 5' >/dev/null
    run alice 'DO $$ BEGIN PERFORM * FROM alice.t WHERE a = 9; END $$'
    run alice "SELECT 'ä'' \$1 ;' || U&'\\0061' FROM alice.t WHERE a = 5 -- and so on" >/dev/null
    run alice 'SELECT * FROM alice.t WHERE a IN (1, 2, 3) AND b > 2 FOR UPDATE' >/dev/null
    run alice "SELECT count(*) FROM alice.t WHERE a::text = repeat('x', 20000)" >/dev/null
    local said
    said=$(run postgres "$EVERYTHING" 2>&1)
    contains 'odd texts are survived' "$said" 'CREATE INDEX .*alice\.t'
    lacks 'utility statements are not advised on' "$said" '"query": "(COPY|EXPLAIN|CREATE)[^}]*"weight"'
}

surroundings_of_the_call() {
    forget
    run alice 'SELECT * FROM alice.t WHERE a = 5' >/dev/null
    local said
    said=$(sql postgres <<'SQL'
BEGIN;
CREATE TABLE public.mine (a int);
SELECT count(*) > 0 FROM pgopt.index_recommendations();
INSERT INTO public.mine VALUES (1);
SELECT 'kept ' || count(*) FROM public.mine;
ROLLBACK;
SELECT 'undone ' || (to_regclass('public.mine') IS NULL);
CREATE FUNCTION public.ask() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
  BEGIN
    SELECT count(*) INTO n FROM pgopt.index_recommendations();
    RAISE division_by_zero;
  EXCEPTION WHEN division_by_zero THEN RETURN n;
  END;
END $$;
SELECT 'asked ' || (public.ask() > 0);
SELECT 'twice ' || count(*) FROM pgopt.index_recommendations() a, pgopt.index_recommendations() b WHERE a.rank = b.rank AND a.ddl <> b.ddl;
SQL
    )
    contains 'the transaction goes on after advice' "$said" '^kept 1$'
    contains 'the transaction can be undone after advice' "$said" '^undone true$'
    contains 'a function may ask, and catch errors' "$said" '^asked true$'
    contains 'advice is the same twice' "$said" '^twice 0$'
    said=$(sql postgres -v ON_ERROR_STOP=0 2>&1 <<'SQL'
BEGIN;
SELECT 1/0;
SELECT count(*) FROM pgopt.index_recommendations();
ROLLBACK;
SELECT 'alive ' || current_user;
SQL
    )
    contains 'an aborted transaction gets no advice' "$said" 'current transaction is aborted'
    contains 'and the session lives' "$said" '^alive postgres$'
    said=$(sql postgres -v ON_ERROR_STOP=0 2>&1 <<'SQL'
CREATE TABLE public.wide AS SELECT g AS a, g AS b, g AS c, g AS d, g AS e, g AS f FROM generate_series(1, 5000) g;
ANALYZE public.wide;
SET statement_timeout = '100ms';
SELECT count(*) FROM pgopt.recommend_for(ARRAY(
  SELECT format('SELECT * FROM public.wide WHERE a = %1$s AND b > %1$s AND c < %1$s AND d = %1$s AND e IN (1, %1$s) ORDER BY f', g)
    FROM generate_series(1, 3000) g));
RESET statement_timeout;
SELECT 'alive ' || current_user;
DROP TABLE public.wide;
SQL
    )
    contains 'a timeout ends the advice' "$said" 'canceling statement due to statement timeout'
    contains 'after a timeout the session is as it was' "$said" '^alive postgres$'
    said=$(sql postgres -c "SET default_transaction_read_only = on" -c "$EVERYTHING" 2>&1)
    contains 'a read-only transaction gets advice' "$said" 'CREATE INDEX .*alice\.t'
    said=$(sql postgres -c "SET default_transaction_isolation = serializable" -c "$EVERYTHING" 2>&1)
    contains 'a serializable transaction gets advice' "$said" 'CREATE INDEX .*alice\.t'
    fails 'switched off, it refuses' 55000 'pgopt.enabled' postgres "SET pgopt.enabled = off; $EVERYTHING"
}

prepare
only_statistics
without_a_source
own_statements
locked_tables
what_is_gone
odd_texts
surroundings_of_the_call
finish
