#!/usr/bin/env bash
# Many sessions at once, more statements than there is room for, resets, errors and killed
# sessions: every execution is counted once, and nothing grows, crashes or warns.
#
# LOAD_SECONDS (20) is how long it takes. pg_stat_statements, with room for everything, says what
# was executed; pgbench and psql say what they sent. No utility command is prepared here: of such
# pg_stat_statements of PostgreSQL 15 counts the first execution only.
set -euo pipefail
# shellcheck source=pgrx-tests/clusters/lib.sh
. "$(dirname "$0")/lib.sh"

LOAD_SECONDS=${LOAD_SECONDS:-20}
DATA=$(value 'SHOW data_directory')
OWNER=$(stat -c %U "$DATA")
LOG=${DATA%/data}/log
PLACE=$(mktemp -d /tmp/pgopt-load.XXXXXX)
JOBS=()
# What the server says when a session that is to be ended has just gone by itself.
WENT='PID [0-9]* is not a PostgreSQL'

as_owner() { if [ "$(id -un)" = "$OWNER" ]; then "$@"; else (cd / && runuser -u "$OWNER" -- "$@"); fi; }

clean_up() {
    touch "$PLACE/over"
    [ ${#JOBS[@]} -eq 0 ] || kill "${JOBS[@]}" 2>/dev/null || true
    rm -rf "$PLACE"
}
trap clean_up EXIT

# The server -------------------------------------------------------------------------------------

CREATED=$(
    cat <<'SQL'
CREATE EXTENSION pg_stat_statements;
CREATE EXTENSION pgopt;
CREATE ROLE steady LOGIN; CREATE ROLE churn LOGIN; CREATE ROLE ddl LOGIN; CREATE ROLE failing LOGIN;
CREATE ROLE victim LOGIN; CREATE ROLE short LOGIN;
CREATE TABLE public.kv (k int PRIMARY KEY, v bigint NOT NULL) WITH (fillfactor = 50, autovacuum_enabled = off);
INSERT INTO public.kv SELECT g, 0 FROM generate_series(1, 1000) g;
GRANT ALL ON public.kv TO PUBLIC;
SELECT format('CREATE TABLE public.wide (%s)', string_agg(format('c%s int', n), ', ')) FROM generate_series(1, 150) n \gexec
GRANT ALL ON public.wide TO PUBLIC;
SELECT format('CREATE SCHEMA own%s AUTHORIZATION ddl', n) FROM generate_series(0, 7) n \gexec
-- Functions and views so that what is sent meanwhile has no constants: such a statement counts as
-- dropped when it is parsed, too.
CREATE VIEW public.clients AS SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend';
CREATE VIEW public.crowd AS SELECT format('CREATE ROLE crowd%s', n) FROM generate_series(1, 1000) n;
CREATE VIEW public.crowded AS
  SELECT format('SET ROLE crowd%s; SELECT %s FROM public.wide; RESET ROLE', n, string_agg('c' || m, ', c1 + '))
    FROM generate_series(1, 1000) n, generate_series(1, 150) m GROUP BY n;
CREATE FUNCTION public.reset_churn() RETURNS bigint LANGUAGE sql VOLATILE AS $$ SELECT pgopt.reset_statements(role => 'churn') $$;
CREATE FUNCTION public.end_one() RETURNS boolean LANGUAGE sql VOLATILE AS
  $$ SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'victim' ORDER BY random() LIMIT 1 $$;
SQL
)
cat >>"$DATA/postgresql.conf" <<'CONF'
max_connections = 120
autovacuum_naptime = 1s
pg_stat_statements.max = 200000
pg_stat_statements.save = off
pgopt.max_statements = 300
pgopt.query_text_memory = 1MB
CONF
as_owner "$PGBINDIR/pg_ctl" restart --silent --wait --timeout=30 -D "$DATA" -l "$LOG" </dev/null >/dev/null 2>&1
sql postgres >/dev/null <<<"$CREATED"

# balance: executions that pg_stat_statements counted, and that pgopt did not: recorded or dropped.
balance() { value 'SELECT (SELECT sum(calls) FROM pg_stat_statements) - recorded - dropped FROM pgopt.capture_info'; }
info() { value "SELECT $1 FROM pgopt.capture_info"; }
counted() { value "SELECT coalesce(sum($1), 0) FROM pgopt.statements WHERE role = '$2' AND coalesce(query, '') LIKE '$3'"; }
quiet() {
    until [ "$(value 'SELECT * FROM public.clients')" = 1 ]; do sleep 0.1; done
}

# Clients ----------------------------------------------------------------------------------------

cat >"$PLACE/select.sql" <<'SQL'
\set k random(1, 1000)
SELECT v FROM public.kv WHERE k = :k;
SQL
cat >"$PLACE/update.sql" <<'SQL'
\set k random(1, 1000)
BEGIN;
UPDATE public.kv SET v = v + 1 WHERE k = :k;
COMMIT;
SQL
cat >"$PLACE/churn.sql" <<'SQL'
\set x random(1, 150)
\set y random(1, 150)
SELECT c:x, c:y FROM public.wide;
SQL
cat >"$PLACE/new.sql" <<'SQL'
\set x random(1, 150)
\set y random(1, 150)
\set z random(1, 150)
\set u random(1, 150)
SELECT c:x, c:y, c:z, c:u FROM public.wide;
SQL
cat >"$PLACE/ddl.sql" <<'SQL'
CREATE TABLE own:client_id.t (a int);
INSERT INTO own:client_id.t SELECT k FROM public.kv;
DROP TABLE own:client_id.t;
\sleep 5 ms
SQL
cat >"$PLACE/failing.sql" <<'SQL'
SELECT v / (v - v) FROM public.kv;
INSERT INTO public.kv VALUES (1, 0);
SET statement_timeout = '3ms';
SELECT pg_sleep(1);
RESET statement_timeout;
SELECT nothing FROM public.kv;
SELEC;
SQL

# bench ROLE SCRIPT CLIENTS SECONDS OPTION...: pgbench in the background; it says what it did.
bench() {
    local role=$1 script=$2 clients=$3 seconds=$4
    shift 4
    "$PGBINDIR/pgbench" -n -U "$role" -f "$PLACE/$script.sql" -c "$clients" -j 1 -T "$seconds" "$@" \
        >"$PLACE/$role-$script.out" 2>&1 &
    JOBS+=($!)
}
processed() { sed -n 's/^number of transactions actually processed: \([0-9]*\).*/\1/p' "$PLACE/$1.out"; }

# repeat ROLE PAUSE COMMAND: the command again and again in one session, until the round is over.
repeat() {
    (while [ ! -e "$PLACE/over" ]; do
        printf '%s;\n' "$3"
        sleep "$2"
    done) | sql "$1" >/dev/null 2>>"$PLACE/repeat.err" &
    JOBS+=($!)
}
failing() {
    (while [ ! -e "$PLACE/over" ]; do cat "$PLACE/failing.sql"; done) |
        "$PGBINDIR/psql" -XAtq -U failing >/dev/null 2>"$PLACE/failing.$1.err" &
    JOBS+=($!)
}
victims() {
    while [ ! -e "$PLACE/over" ]; do
        "$PGBINDIR/pgbench" -n -U victim -M extended -f "$PLACE/select.sql" -f "$PLACE/update.sql" -c 6 -T 1 >/dev/null 2>&1 || true
    done &
    JOBS+=($!)
}
readers() {
    local view
    for view in statements statement_samples capture_info latency n_plus_one slow_transactions; do
        repeat postgres 0.1 "SELECT count(*) FROM pgopt.$view"
    done
    repeat churn 0.1 'SELECT count(*) FROM pgopt.statements'
}
over() {
    touch "$PLACE/over"
    wait "${JOBS[@]}" || true
    JOBS=()
    rm "$PLACE/over"
    quiet
}

# A round in which everything is reset every second ----------------------------------------------

seconds=$((LOAD_SECONDS / 3))
before=$(balance)
bench steady select 20 "$seconds" -M prepared
bench steady update 12 "$seconds" -M extended
# A planning that leads to no execution counts once more when there is no place for it. Sessions
# do that before they decide for a generic plan, and when statistics change.
sleep 1
bench churn churn 24 "$((seconds - 1))"
bench ddl ddl 8 "$((seconds - 1))"
readers
repeat postgres 1 'SELECT pgopt.reset_statements()'
sleep "$((seconds - 1))"
over
same 'with resets and evictions every execution is counted once' "$before" "$(balance)"
echo "resets: $(info "'recorded ' || recorded || ', dropped busy ' || dropped_busy || ', full ' || dropped_full || ', evicted ' || evicted")"
same 'statements were evicted' t "$(info 'evicted > 100')"
same 'and reset' t "$(info 'reset_calls > 100')"

# A round in which statements fail and sessions are ended ----------------------------------------

seconds=$((LOAD_SECONDS - seconds))
# The first executions are to find places, so that what is compared below is not dropped.
until [ "$(info 'used < 0.95 * max_statements AND NOT overflowing')" = t ]; do sleep 0.5; done
value 'SELECT pgopt.reset_statements()' >/dev/null
before=$(balance)
memory=$(info memory_bytes)
for client in 1 2 3 4; do failing "$client"; done
bench steady select 16 "$seconds" -M prepared
bench steady update 8 "$seconds" -M extended
bench short select 4 "$seconds" -C -M extended
victims
begun=$(date +%s)
# Those whose failures are to be found in the end are known to be useful before others come.
sleep 2
bench churn churn 24 "$((seconds - 2))"
bench ddl ddl 8 "$((seconds - 2))"
readers
repeat postgres 1 'SELECT public.reset_churn()'
repeat postgres 0.2 'SELECT public.end_one()'

# resident: private memory of long-lived sessions, by process, in kB.
resident() {
    local pids
    mapfile -t pids < <(value "SELECT '/proc/' || pid || '/status' FROM pg_stat_activity WHERE usename IN ('steady', 'churn', 'ddl') AND application_name = 'pgbench'")
    awk '/^Pid:/ { pid = $2 } /^RssAnon:/ { print pid, $2 }' "${pids[@]}" 2>/dev/null | sort
}
# rest PART: sleeps until this part, in percent, of the round is over.
rest() {
    local now
    now=$(date +%s)
    sleep $((begun + seconds * $1 / 100 > now ? begun + seconds * $1 / 100 - now : 0))
}
rest 35
resident >"$PLACE/resident.early"
rest 75
resident >"$PLACE/resident.late"
rest 100
over

same 'with failures and ended sessions every execution is counted once' "$before" "$(balance)"
echo "failures: $(info "'recorded ' || recorded || ', dropped busy ' || dropped_busy || ', full ' || dropped_full || ', evicted ' || evicted || ', texts dropped ' || texts_dropped || ', hook time ' || round(hook_time::numeric, 2) || ' us, fallback evictions ' || fallback_evictions")"
same 'as many SELECTs are counted as pgbench sent' "$(processed steady-select)" "$(counted calls steady 'SELECT v FROM%')"
for command in UPDATE% BEGIN COMMIT; do
    same "as many ${command%\%}s are counted as pgbench sent" "$(processed steady-update)" "$(counted calls steady "$command")"
done
same 'as many SELECTs of short sessions are counted as pgbench sent' "$(processed short-select)" "$(counted calls short 'SELECT v FROM%')"
# A timeout that strikes between two commands is nobody's failure, and logged without a statement.
FAILED='STATEMENT:  (SELECT v /|INSERT INTO public.kv VALUES|SELECT pg_sleep|SET |RESET |SELECT nothing|SELEC;)'
same 'as many failures of statements are counted as the server logged' "$(as_owner grep -Ec "$FAILED" "$LOG")" "$(counted errors failing %)"
same 'cancelled ones among them' t "$(value "SELECT sum(timed_out + cancelled) > 0 FROM pgopt.statements WHERE role = 'failing'")"
same 'failures are no executions' 0 "$(counted calls failing 'SELECT v /%')"
same 'sessions were ended' t "$(as_owner grep -q 'terminating connection due to administrator command' "$LOG" && echo t)"
same 'nobody who repeats a command has seen an error' '' "$(grep -v "$WENT" "$PLACE/repeat.err" || true)"
growth=$(join "$PLACE/resident.early" "$PLACE/resident.late" | awk '{ grown = $3 - $2; if (grown > most) most = grown; count++ } END { print count, most + 0 }')
echo "sessions and the most that one has grown, in kB: $growth"
same 'sessions do not grow' t "$([ "${growth% *}" -ge 50 ] && [ "${growth#* }" -lt 1024 ] && echo t || echo "$growth")"
same 'shared memory has the size it had' "$memory" "$(info memory_bytes)"
same 'the housekeeper is at work' t "$(info housekeeper)"

# A thousand roles, long texts, no connection left -----------------------------------------------

before=$(balance)
sql postgres >/dev/null <<'SQL'
TABLE public.crowd \gexec
TABLE public.crowded \gexec
SQL
if "$PGBINDIR/pgbench" -n -U steady -f "$PLACE/select.sql" -c 140 -T 1 >"$PLACE/refused.out" 2>&1; then
    fail 'there are more clients than connections'
fi
contains 'clients are refused' "$(cat "$PLACE/refused.out")" 'too many clients|remaining connection slots'
quiet
same 'every statement of a crowd is counted once, refused clients or not' "$before" "$(balance)"
echo "crowd: $(info "'used ' || used || ', texts dropped ' || texts_dropped || ', text memory used ' || text_memory_used || ', dropped ' || dropped || ', evicted ' || evicted")"
same 'texts stay within their memory' t "$(info 'text_memory_used <= text_memory')"
same 'there is room again for texts' t "$(sleep 1.5; info 'text_memory_used < text_memory * 0.95')"
same 'every text is whole or missing' 0 "$(value "SELECT count(*) FROM pgopt.statements WHERE role LIKE 'crowd%' AND query NOT LIKE 'SELECT c1, c1 + c2, %c1 + c150 FROM public.wide' AND query NOT IN ('SET', 'RESET')")"

# Every statement a new one -----------------------------------------------------------------------

value 'SELECT pgopt.reset_statements()' >/dev/null
before=$(balance)
read -r evicted evicted_calls <<<"$(info "evicted || ' ' || evicted_calls")"
bench steady select 2 6 -M simple
bench churn new 4 6
until [ "$(info overflowing)" = t ]; do sleep 0.1; done
for id in 1 2 3; do echo "SELECT v AS again, 'secret' FROM public.kv WHERE k = $id;"; done | sql short >/dev/null
sql short >/dev/null <<<"SELECT pg_sleep(0.2) AS slow, 'secret';"
sql short >/dev/null <<<"SELECT v AS unseen, 'secret' FROM public.kv WHERE k = 1 AND v >= 0;"
over
same 'while statements overflow every execution is counted once' "$before" "$(balance)"
same 'what is known keeps its place' "$(processed steady-select)" "$(counted calls steady 'SELECT v FROM%')"
# shellcheck disable=SC2016 # parameters of statements
text='SELECT v AS again, $1 FROM public.kv WHERE k = $2'
same 'what is seen again gets a place, and its text' t "$(value "SELECT calls BETWEEN 2 AND 3 AND query = '$text' FROM pgopt.statements WHERE role = 'short' AND query LIKE '% AS again%'")"
# shellcheck disable=SC2016
same 'what is slow gets one at once' '1|SELECT pg_sleep($1) AS slow, $2' "$(value "SELECT calls, query FROM pgopt.statements WHERE role = 'short' AND query LIKE '% AS slow%'")"
same 'most of the others get none' t "$(info "evicted_calls - $evicted_calls > 10 * (evicted - $evicted)")"
same 'no secret is kept' 0 "$(value "SELECT count(*) FROM pgopt.statements WHERE query LIKE '%secret%' AND role = 'short'")"
same 'it is over when they cease' t "$(for _ in {1..60}; do [ "$(info overflowing)" = t ] || break; sleep 0.1; done; info 'NOT overflowing')"

same 'the log has no warning' '' "$(as_owner grep -E 'WARNING|PANIC|panicked|was terminated by signal' "$LOG" | grep -v "$WENT" | head -n 20)"
finish
