#!/usr/bin/env bash
# What planning somebody's statement must never do: run the code of a third role, or leave
# anything behind of the code it runs. mallory writes code, alice runs statements, and a
# superuser and a member of pg_monitor ask for advice.
set -euo pipefail
# shellcheck source=pgrx-tests/clusters/lib.sh
. "$(dirname "$0")/lib.sh"

# Where statements come from: pg_stat_statements, or with "capture" what pgopt captured itself,
# with the values of literals.
SOURCE=${SOURCE:-pg_stat_statements}

# Where a payload that runs programs as the server would leave a mark.
MARK=$(mktemp -u /tmp/pgopt-sandbox-mark.XXXXXX)
trap 'rm -f "$MARK"' EXIT

prepare() {
    sql postgres <<'SQL'
SET client_min_messages = warning;
CREATE EXTENSION pg_stat_statements;
CREATE EXTENSION pgopt;
CREATE ROLE mallory LOGIN;
CREATE ROLE alice LOGIN;
CREATE ROLE monitor LOGIN IN ROLE pg_monitor;
CREATE SCHEMA mallory AUTHORIZATION mallory;
CREATE SCHEMA alice AUTHORIZATION alice;
GRANT USAGE ON SCHEMA mallory TO PUBLIC;
GRANT USAGE ON SCHEMA alice TO PUBLIC;
-- Sequences are not rolled back: they count how often code ran.
CREATE SEQUENCE public.ran;
GRANT USAGE ON SEQUENCE public.ran TO PUBLIC;
CREATE TABLE public.log (line text);
GRANT INSERT ON public.log TO PUBLIC;
CREATE TABLE public.secret AS SELECT 'launch code' AS line;
-- Lets a test store a statement as it was typed, constants and all.
GRANT EXECUTE ON FUNCTION public.pg_stat_statements_reset TO alice, mallory;
SET ROLE alice;
CREATE TABLE alice.t AS SELECT g AS a, g % 7 AS b FROM generate_series(1, 5000) g;
CREATE TABLE alice.decoy AS SELECT g AS a, g % 7 AS b FROM generate_series(1, 5000) g;
ANALYZE alice.t, alice.decoy;
GRANT SELECT ON alice.t TO mallory;
SQL
}

# write_act ROLE BODY: ROLE.act() does BODY; ROLE.f() is immutable and calls it. ATTRIBUTES are
# further clauses of the functions that call it.
ATTRIBUTES=''
write_act() {
    sql "$1" <<SQL
SET search_path = $1;
CREATE OR REPLACE FUNCTION act() RETURNS void LANGUAGE plpgsql AS \$act\$
DECLARE command text; found text;
BEGIN $2 END \$act\$;
CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE plpgsql IMMUTABLE $ATTRIBUTES AS
  'BEGIN PERFORM $1.act(); RETURN 1; END';
CREATE OR REPLACE FUNCTION f(int) RETURNS int LANGUAGE plpgsql IMMUTABLE $ATTRIBUTES AS
  'BEGIN PERFORM $1.act(); RETURN \$1; END';
CREATE OR REPLACE FUNCTION same(float8, float8) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
  'BEGIN PERFORM $1.act(); RETURN \$1 = \$2; END';
CREATE OR REPLACE FUNCTION late() RETURNS int LANGUAGE plpgsql STABLE AS
  'BEGIN PERFORM $1.act(); RETURN 1; END';
SQL
}

disarm() {
    write_act mallory 'NULL;'
    write_act alice 'NULL;'
}

# Each command by itself, so that one that is refused does not keep the others from running.
arm() {
    local payload="
        PERFORM nextval('public.ran');
        FOREACH command IN ARRAY ARRAY[
            'ALTER ROLE mallory SUPERUSER',
            'CREATE TABLE public.owned ()', 'CREATE TABLE mallory.owned ()', 'CREATE TABLE alice.owned ()',
            'INSERT INTO public.log VALUES (''was here'')',
            'SET work_mem = ''77MB''', 'SET lock_timeout = 0', 'SET search_path = mallory',
            'SET ROLE postgres', 'RESET ROLE', 'SET SESSION AUTHORIZATION postgres', 'RESET SESSION AUTHORIZATION',
            'SELECT pg_advisory_lock(4711), pg_advisory_lock(4711), pg_advisory_lock_shared(4712)',
            'SELECT pg_advisory_lock(-1, -2), pg_advisory_unlock(815)',
            'LISTEN ear', 'PREPARE evil AS SELECT 1', 'CREATE TEMP TABLE evil ()',
            'DECLARE evil CURSOR WITH HOLD FOR SELECT 1',
            'COPY (SELECT 1) TO PROGRAM ''touch $MARK''',
            'ALTER EXTENSION pgopt DROP FUNCTION pgopt.status()'] LOOP
            BEGIN EXECUTE command; EXCEPTION WHEN OTHERS THEN NULL; END;
        END LOOP;
        BEGIN
            SELECT line INTO found FROM public.secret;
            RAISE NOTICE 'the secret is: %', found;
        EXCEPTION WHEN OTHERS THEN NULL;
        END;"
    write_act mallory "$payload"
    write_act alice "$payload"
}

# Objects of mallory's through which a statement of alice's may reach mallory's code.
write_objects() {
    sql mallory <<'SQL'
SET search_path = mallory, public;
CREATE OPERATOR === (LEFTARG = float8, RIGHTARG = float8, FUNCTION = same);
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE FUNCTION weigh(mood) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM mallory.act(); RETURN 1; END';
CREATE CAST (mood AS int) WITH FUNCTION weigh(mood) AS IMPLICIT;
CREATE DOMAIN dom AS int CHECK (mallory.f(VALUE) > 0);
CREATE TABLE policed AS SELECT g AS a, g % 7 AS b FROM generate_series(1, 5000) g;
CREATE POLICY p ON policed USING (mallory.f() = 1);
ALTER TABLE policed ENABLE ROW LEVEL SECURITY;
CREATE TABLE defaulted (a int, b int DEFAULT mallory.f());
CREATE TABLE checked (a int CHECK (mallory.f() = 1 OR a > 0));
CREATE TABLE expressed (a int);
CREATE INDEX ON expressed ((a + mallory.f()));
CREATE TABLE partial (a int);
CREATE INDEX ON partial (a) WHERE a > mallory.f();
CREATE TABLE parted (a int) PARTITION BY RANGE ((a + mallory.f()));
CREATE TABLE parted1 PARTITION OF parted FOR VALUES FROM (0) TO (9);
CREATE TABLE parent (a int);
CREATE TABLE child () INHERITS (parent);
ALTER TABLE child ADD CHECK (mallory.f() = 1 OR a > 0);
CREATE TABLE counted (a int, b int);
CREATE STATISTICS counted_stats ON (a + mallory.f()), b FROM counted;
CREATE VIEW seen AS SELECT a, b FROM alice.t WHERE a > mallory.f();
CREATE VIEW harmless AS SELECT 1 AS a;
CREATE TABLE ruled (a int);
CREATE RULE r AS ON INSERT TO ruled DO ALSO SELECT mallory.f();
CREATE TYPE pair AS (x dom);
INSERT INTO expressed SELECT generate_series(1, 3000);
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA mallory TO PUBLIC;
SQL
}

# Everything of a session that code could change. A sequence of statements for psql.
session_state() {
    cat <<'SQL'
SELECT 'state', current_user, session_user, current_setting('role'), current_setting('search_path'),
       current_setting('lock_timeout'), current_setting('work_mem'), current_setting('is_superuser'),
       (SELECT array_agg(pg_listening_channels)::text FROM pg_listening_channels()),
       (SELECT string_agg(concat_ws('/', classid, objid, objsubid, mode), ' ' ORDER BY objid) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()),
       (SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_cursors WHERE is_holdable),
       (SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema());
SQL
}

database_state() {
    value "SELECT (SELECT string_agg(rolname, ',' ORDER BY 1) FROM pg_roles WHERE rolsuper),
                  (SELECT count(*) FROM pg_class WHERE relpersistence <> 't'), (SELECT count(*) FROM public.log),
                  (SELECT count(*) FROM pg_depend WHERE deptype = 'e')"
    ls "$MARK" 2>/dev/null || true
}

forget() {
    value 'SELECT pg_stat_statements_reset()' >/dev/null
    value 'SELECT pgopt.reset_statements()' >/dev/null
}

# cast TYPE: a literal of a type whose values mallory or alice check. pg_stat_statements stores
# the text as it was typed when it is reset meanwhile; of the capture's, the literal is a sample.
cast() {
    case $SOURCE/$1 in
        capture/*.pair) echo "SELECT * FROM alice.t WHERE ('(5)'::$1).x = a" ;;
        capture/*) echo "SELECT * FROM alice.t WHERE a = '5'::$1" ;;
        *.pair) echo "SELECT '(5)'::$1 FROM public.pg_stat_statements_reset(0, 0, 0)" ;;
        *) echo "SELECT '{5}'::$1[] FROM public.pg_stat_statements_reset(0, 0, 0)" ;;
    esac
}

times_run() { value "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM public.ran"; }

# advise_as ROLE: advice, and the session's state around it.
advise_as() {
    {
        session_state
        echo "SELECT 'row', ddl, evidence FROM pgopt.index_recommendations();"
        session_state
    } | sql "$1" 2>&1
}

# attack NAME OUTCOME RUNNER STATEMENT...: RUNNER runs the statements while the code is
# harmless, then it is armed and advice is asked for. OUTCOME says what is to be seen:
# "refused" (named as not planned, code not run), "contained" (planned, without a trace),
# "harmless" (either, but the code is not run).
attack() {
    local name=$1 outcome=$2 runner=$3 caller statement before database ran said
    shift 3
    forget
    for statement in "$@"; do run "$runner" "$statement" >/dev/null; done
    run alice 'SELECT * FROM alice.decoy WHERE a = 5' >/dev/null
    arm
    database=$(database_state)
    for caller in postgres monitor; do
        ran=$(times_run)
        said=$(advise_as "$caller") || fail "$name: $caller gets advice" "$said"
        before=$(grep -c '^state|' <<<"$said" || true)
        same "$name: nothing changes in the session of $caller" "2 1" \
            "$before $(grep '^state|' <<<"$said" | sort -u | wc -l)"
        same "$name: nothing changes in the database ($caller)" "$database" "$(database_state)"
        lacks "$name: the secret stays one ($caller)" "$said" 'launch code'
        contains "$name: other statements get advice ($caller)" "$said" '^row\|CREATE INDEX .*decoy'
        [ "$outcome" = contained ] || same "$name: the code is not run ($caller)" "$ran" "$(times_run)"
        [ "$outcome" != refused ] || contains "$name: the statement is named ($caller)" "$said" "\"query\": \"[^\"]*/\* $name \*/.*42501|42501.*/\* $name \*/"
        if [ "$outcome" = contained ]; then
            lacks "$name: the statement is planned ($caller)" "$said" "/\* $name \*/[^}]*\"reason\""
            same "$name: the role's own code is run ($caller)" yes "$([ "$(times_run)" -gt "$ran" ] && echo yes || echo no)"
        fi
    done
    disarm
}

# marked NAME STATEMENT: the statement with its name in a comment.
marked() { printf '%s' "${2/SELECT/SELECT /* $1 */}"; }

refused() { attack "$1" refused "${3:-alice}" "$(marked "$1" "$2")"; }
contained() { attack "$1" contained "${3:-alice}" "$(marked "$1" "$2")"; }
harmless() { attack "$1" harmless "${3:-alice}" "$(marked "$1" "$2")"; }

# It would run mallory's armed code as mallory, for the statistics of her expressions.
run postgres 'ALTER SYSTEM SET autovacuum = off' >/dev/null
run postgres 'SELECT pg_reload_conf()' >/dev/null
prepare
if [ "$SOURCE" = capture ]; then
    run postgres "ALTER SYSTEM SET pgopt.sample_parameters = 'raw'"
    run postgres 'SELECT pg_reload_conf()' >/dev/null
else
    only_statistics
fi
disarm
write_objects

# mallory's code, behind every door, in statements of alice's.
refused direct 'SELECT * FROM alice.t WHERE a = mallory.f()'
refused stable 'SELECT * FROM alice.t WHERE a = mallory.late()'
refused argument 'SELECT * FROM alice.t WHERE a = mallory.f(5)'
refused operator 'SELECT * FROM alice.t WHERE pi() OPERATOR(mallory.===) pi() AND a = 5'
refused cast "SELECT * FROM alice.t WHERE a = 'glad'::mallory.mood"
refused policy 'SELECT * FROM mallory.policed WHERE a = 5'
refused default 'SELECT * FROM mallory.defaulted WHERE a = 5'
refused default_of_insert 'INSERT INTO mallory.defaulted (a) SELECT 5'
refused check 'SELECT * FROM mallory.checked WHERE a = 5'
refused index_expression 'SELECT * FROM mallory.expressed WHERE a = 5'
refused index_predicate 'SELECT * FROM mallory.partial WHERE a = 5'
refused partition_key 'SELECT * FROM mallory.parted WHERE a = 5'
refused check_of_a_child 'SELECT * FROM mallory.parent WHERE a = 5'
refused statistics 'SELECT * FROM mallory.counted WHERE a = 5'
refused view 'SELECT * FROM mallory.seen WHERE b = 5'
refused rule 'INSERT INTO mallory.ruled SELECT 5'
refused subquery 'SELECT * FROM alice.t WHERE a IN (SELECT mallory.f() FROM alice.t)'
refused cte 'WITH c AS (SELECT mallory.f() AS x) SELECT * FROM alice.t, c WHERE a = x'
refused superusers_statement 'SELECT * FROM mallory.seen WHERE b = 5' postgres
refused built_in_that_queries "SELECT * FROM alice.t WHERE a = length(table_to_xml('mallory.seen', true, false, '')::text)"

# Behind doors that the catalogs do not show.
sql alice <<'SQL'
CREATE FUNCTION alice.inlined() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT mallory.f()';
CREATE FUNCTION alice.called() RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN mallory.f(); END';
CREATE FUNCTION alice.atomic() RETURNS int LANGUAGE sql STABLE BEGIN ATOMIC SELECT mallory.late(); END;
SQL
harmless inlined 'SELECT * FROM alice.t WHERE a = alice.inlined()'
harmless called 'SELECT * FROM alice.t WHERE a = alice.called()'
harmless atomic 'SELECT * FROM alice.t WHERE a = alice.atomic()'
harmless domain_literal "$(cast mallory.dom)"
harmless row_literal "$(cast mallory.pair)"
harmless domain_estimate "SELECT * FROM alice.t WHERE a = ANY (('{' || pi()::int || '}')::text::mallory.dom[])"
harmless superusers_literal "$(cast mallory.dom)" postgres

# The server does not ask before it calls a function with settings or an owner of its own.
for ATTRIBUTES in "SET work_mem = '4MB'" 'SECURITY DEFINER'; do
    disarm
    harmless called_with_attributes 'SELECT * FROM alice.t WHERE a = alice.called()'
    harmless literal_with_attributes "$(cast mallory.dom)"
    harmless superuser_with_attributes "$(cast mallory.dom)" postgres
done
ATTRIBUTES=''
disarm

# A view that was harmless when it was read.
forget
run alice 'SELECT a FROM mallory.harmless WHERE a = 5' >/dev/null
run alice 'SELECT * FROM alice.decoy WHERE a = 5' >/dev/null
arm
run mallory 'CREATE OR REPLACE VIEW mallory.harmless AS SELECT a FROM alice.t WHERE a > mallory.f()'
ran=$(times_run)
contains 'a view replaced later is looked at as it is now' "$(advise_as postgres)" '42501'
same 'a view replaced later does not run' "$ran" "$(times_run)"
disarm

# alice's own code is run as alice and leaves nothing.
run alice "CREATE DOMAIN alice.dom AS int CHECK (alice.f(VALUE) > 0)"
contained own_function 'SELECT * FROM alice.t WHERE a = alice.f()'
contained own_stable_function 'SELECT * FROM alice.t WHERE a = alice.late()'
contained own_sql_function 'SELECT * FROM alice.t WHERE a = alice.f(pi()::int)'
contained own_domain "$(cast alice.dom)"
run alice 'ALTER FUNCTION alice.f() SECURITY DEFINER; ALTER FUNCTION alice.act() SECURITY DEFINER'
contained own_security_definer 'SELECT * FROM alice.t WHERE a = alice.f()'

# Locks that the caller's session holds are neither given away nor added to.
forget
run alice 'SELECT /* keeps */ * FROM alice.t WHERE a = alice.f() AND b < 7' >/dev/null
run alice 'SELECT * FROM alice.decoy WHERE a = 5' >/dev/null
arm
said=$(
    {
        echo "SELECT pg_advisory_lock(815);"
        session_state
        echo "SELECT 'row', evidence FROM pgopt.index_recommendations();"
        session_state
    } | sql postgres 2>&1
)
same 'locks held by the caller stay held' 1 "$(grep '^state|' <<<"$said" | sort -u | wc -l)"
contains 'what could release them is named' "$said" '55000.*/\* keeps \*/|/\* keeps \*/.*55000'
# A cancel while alice's code sleeps with locks in its hands.
write_act alice "PERFORM pg_advisory_lock(4711), pg_advisory_lock(4711); PERFORM pg_sleep(5);"
said=$(sql postgres -v ON_ERROR_STOP=0 2>&1 <<SQL
SET statement_timeout = 500;
SELECT count(*) FROM pgopt.index_recommendations();
RESET statement_timeout;
$(session_state)
SELECT 'alive';
SQL
)
contains 'a cancel ends the advice' "$said" 'canceling statement due to statement timeout'
contains 'a cancel leaves the session usable' "$said" '^alive$'
lacks 'a cancel leaves no lock' "$said" '4711'
disarm

# mallory asks, as a member of pg_monitor, under a search path of her own making: the functions
# of superusers must not find hers.
sql postgres <<'SQL'
GRANT pg_monitor TO mallory;
ALTER ROLE mallory SET search_path = mallory, pg_catalog;
CREATE FUNCTION public.tenant() RETURNS int LANGUAGE plpgsql STABLE AS
  $$ BEGIN RETURN coalesce(nullif(current_setting('tenant.id', true), ''), '5')::int; END $$;
CREATE FUNCTION public.tenant_sql() RETURNS int LANGUAGE sql STABLE AS
  $$ SELECT abs(coalesce(current_setting('tenant.id', true)::int, 5)) $$;
SQL
sql mallory <<'SQL'
CREATE FUNCTION mallory.current_setting(text, boolean) RETURNS text LANGUAGE plpgsql STABLE AS
  $$ BEGIN PERFORM mallory.act(); RETURN '5'; END $$;
ALTER FUNCTION mallory.current_setting(text, boolean) SET work_mem = '4MB';
CREATE FUNCTION mallory.abs(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT mallory.late()';
SQL
for function in tenant tenant_sql; do
    forget
    run postgres "SELECT * FROM alice.t WHERE a = public.$function()" >/dev/null
    arm
    ran=$(times_run)
    database=$(database_state)
    advise_as mallory >/dev/null || fail "mallory gets advice on $function"
    same "the caller's search path does not reach into $function" "$ran" "$(times_run)"
    same "$function leaves nothing" "$database" "$(database_state)"
    disarm
done

finish
