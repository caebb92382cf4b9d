#!/usr/bin/env bash
# Advice exported as a script is run by psql: both ways, twice each, after an interruption, and
# with names and query texts that try to break out of their places.
set -euo pipefail
# shellcheck source=pgrx-tests/clusters/lib.sh
. "$(dirname "$0")/lib.sh"

FILES=$(mktemp -d)
trap 'rm -rf "$FILES"' EXIT

sql postgres <<'SQL'
CREATE EXTENSION pgopt;
CREATE SCHEMA "Odd; --";
CREATE TABLE "Odd; --".t (a int, b int, "new
line" int, "do$pgopt$llar" int);
INSERT INTO "Odd; --".t SELECT i, i % 50, (i * 7919::bigint) % 20000, (i * 6007::bigint) % 20000 FROM generate_series(1, 20000) i;
CREATE INDEX old ON "Odd; --".t (b);
CREATE TABLE public.p (k int, a int) PARTITION BY RANGE (k);
CREATE TABLE public.p1 PARTITION OF public.p FOR VALUES FROM (0) TO (10);
CREATE TABLE public.p2 PARTITION OF public.p FOR VALUES FROM (10) TO (20) PARTITION BY LIST (a);
CREATE TABLE public.p2_d PARTITION OF public.p2 DEFAULT;
INSERT INTO public.p SELECT i % 20, i FROM generate_series(1, 20000) i;
CREATE TABLE public.twice (a int, b int);
INSERT INTO public.twice SELECT i, i FROM generate_series(1, 5000) i;
CREATE INDEX first ON public.twice (a);
CREATE INDEX second ON public.twice (a);
ANALYZE;
SELECT pgopt.reset_statements();
SQL

# The workload, with texts that would end a comment.
sql postgres <<'SQL' >/dev/null
SELECT * FROM "Odd; --".t WHERE a = 5;
SELECT * FROM "Odd; --".t WHERE b = 5 ORDER BY a LIMIT 1;
SELECT * FROM "Odd; --".t WHERE "new
line" = 7; 
SELECT * /*
DROP TABLE public.p; */ FROM "Odd; --".t WHERE "do$pgopt$llar" = 8;
SELECT * FROM public.p WHERE a = 9;
SELECT * FROM public.twice WHERE a = 9;
SQL

indexes() {
    value "SELECT string_agg(pg_get_indexdef(indexrelid) || indisvalid, ';' ORDER BY pg_get_indexdef(indexrelid))
             FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE relnamespace IN ('public'::regnamespace, '\"Odd; --\"'::regnamespace)"
}

# play FILE: as a user would; prints what goes wrong.
play() {
    local file=$1
    PGOPTIONS="-c client_min_messages=warning ${OPTIONS:-}" \
        "$PGBINDIR/psql" -Xq -v ON_ERROR_STOP=1 -U postgres -f "$FILES/$file" 2>&1 || true
}

value "SELECT pgopt.export_migration_script()" >"$FILES/up.sql"
value "SELECT pgopt.export_migration_script(direction => 'down')" >"$FILES/down.sql"
before=$(indexes)

contains 'the script creates, replaces, attaches and drops' "$(tr '\n' ' ' <"$FILES/up.sql")" 'CREATE INDEX CONCURRENTLY.*ATTACH PARTITION'
contains 'the old index is replaced' "$(cat "$FILES/up.sql")" '^DROP INDEX CONCURRENTLY IF EXISTS "Odd; --".old;'
contains 'the duplicate is dropped' "$(cat "$FILES/up.sql")" '^DROP INDEX CONCURRENTLY IF EXISTS public.second;'
lacks 'no query text is a command' "$(cat "$FILES/up.sql")" '^ *DROP TABLE'

same 'up runs' '' "$(play up.sql)"
after=$(indexes)
same 'every index is valid' 0 "$(value 'SELECT count(*) FROM pg_index WHERE NOT indisvalid')"
contains 'there are new indexes' "$after" 'USING btree \("new'
same 'up runs again' '' "$(play up.sql)"
same 'and changes nothing' "$after" "$(indexes)"
same 'there is nothing left to recommend' 0 "$(value "SELECT count(*) FROM pgopt.index_recommendations() WHERE action <> 'hint'")"
same 'down runs' '' "$(play down.sql)"
same 'and leads back' "$before" "$(indexes)"
same 'down runs again' '' "$(play down.sql)"
same 'and changes nothing' "$before" "$(indexes)"

# The way down is in the script for the way up, as comments.
sed -n '/^-- down: /,$ { s/^-- //; p }' "$FILES/up.sql" | tail -n +2 | grep -v '^a name holds' >"$FILES/commented.sql"
play up.sql >/dev/null
same 'the commented way down runs' '' "$(play commented.sql)"
same 'and leads back' "$before" "$(indexes)"

# A build waits for older transactions, so this one is interrupted and leaves an INVALID index.
sql postgres >/dev/null <<'SQL' &
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM pg_class;
SELECT pg_sleep(4);
COMMIT;
SQL
sleep 1
contains 'an interrupted build fails' "$(OPTIONS='-c statement_timeout=1s' play up.sql)" 'canceling statement due to statement timeout'
wait
contains 'and leaves an invalid index' "$(value 'SELECT count(*) FROM pg_index WHERE NOT indisvalid')" '^[1-9]'
same 'up runs after it' '' "$(play up.sql)"
same 'and gets there' "$after" "$(indexes)"

finish
