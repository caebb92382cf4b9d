#!/usr/bin/env bash
# What was captured outlives restarts and crashes, whatever has become of the file it is kept in,
# and the server neither waits for it nor fails because of it.
#
# The housekeeper saves once a minute; KEPT_MINUTE=1 waits for that (70 s more).
set -euo pipefail
# shellcheck source=pgrx-tests/clusters/lib.sh
. "$(dirname "$0")/lib.sh"

DATA=$(value 'SHOW data_directory')
OWNER=$(stat -c %U "$DATA")
LOG=${DATA%/data}/log
FILE=$DATA/pg_stat_tmp/pgopt.stat
PLACE=$(mktemp -d /tmp/pgopt-kept.XXXXXX)
LOG_SEEN=0 HOUSEKEEPER=

# The server runs as the owner of its data directory, which root may borrow.
as_owner() { if [ "$(id -un)" = "$OWNER" ]; then "$@"; else (cd / && runuser -u "$OWNER" -- "$@"); fi; }
chmod 755 "$PLACE"
if [ "$(id -u)" -eq 0 ]; then chown "$OWNER:" "$PLACE"; fi

clean_up() {
    [ -z "$HOUSEKEEPER" ] || as_owner kill -CONT "$HOUSEKEEPER" 2>/dev/null || true
    if mountpoint -q "$DATA/pg_stat_tmp"; then
        stop immediate
        umount "$DATA/pg_stat_tmp"
    fi
    rm -rf "$PLACE"
}
trap clean_up EXIT

# Servers, and what they say ---------------------------------------------------------------------

stop() { as_owner "$PGBINDIR/pg_ctl" stop --silent --wait --timeout=30 --mode="$1" -D "$DATA" >/dev/null; }

start() {
    LOG_SEEN=$(stat -c %s "$LOG")
    as_owner "$PGBINDIR/pg_ctl" start --silent --wait --timeout=30 -D "$DATA" -l "$LOG" \
        -o "-p $PGPORT -c listen_addresses='' -c unix_socket_directories=$PGHOST" </dev/null >/dev/null 2>&1
}

restart() { stop "$1" && start; }

# log: what the server wrote since it was started last.
log() { as_owner tail -c "+$((LOG_SEEN + 1))" "$LOG"; }

configure() { printf '%s\n' "$@" >>"$DATA/postgresql.conf"; }

# until_true SECONDS COMMAND...: waits for a command to succeed.
until_true() {
    local tries=$(($1 * 10))
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.1
    done
}

is_up() { "$PGBINDIR/pg_isready" -q; }
reads() { [ "$(value "$1")" = "$2" ]; }
postmaster() { as_owner head -n 1 "$DATA/postmaster.pid"; }
housekeeper() { pgrep -P "$(postmaster)" -f 'pgopt housekeeper'; }
# holds NAME COMMAND...: the command succeeds.
holds() {
    local name=$1
    shift
    if "$@"; then pass "$name"; else fail "$name" "not so: $*"; fi
}
milliseconds() { echo $(($(date +%s%N) / 1000000)); }
calls() { value "SELECT coalesce(sum(calls), 0) FROM pgopt.statements WHERE query = '$1'"; }

# What is to be kept -----------------------------------------------------------------------------

# everything: all there is of the statements of role app, which runs nothing meanwhile.
everything() {
    sql postgres <<-'SQL'
		SET pgopt.enabled = off;
		SELECT since FROM pgopt.capture_info_row();
		SELECT s FROM pgopt.statement_list() s WHERE role_id = 'app'::regrole OR database_id = 0 ORDER BY s::text;
		SELECT queryid, s FROM pgopt.statement_samples s WHERE role = 'app' ORDER BY s::text;
		SELECT queryid, h FROM (SELECT DISTINCT queryid FROM pgopt.statements WHERE role = 'app') s,
		       pgopt.statement_histogram(queryid) h ORDER BY queryid, h::text;
		SELECT t FROM pgopt.slow_transactions t ORDER BY t::text;
		SELECT evicted, evicted_calls, reset_calls, dropped, texts_dropped, fallback_evictions FROM pgopt.capture_info;
	SQL
}

# unchanged NAME: everything is as it was when $kept was taken.
unchanged() {
    local now
    now=$(everything)
    same "$1" '' "$(diff <(cat <<<"$kept") <(cat <<<"$now") | cut -c 1-300 | head -n 20)"
}

# work: statements of every kind, all of role app.
work() {
    local command
    {
        echo "SET application_name = 'works'; SET search_path = s1, public;"
        echo "PREPARE p AS SELECT * FROM t WHERE a = \$1; EXECUTE p(1); EXECUTE p(2); EXECUTE p(3);"
        echo "SELECT 'sécret' AS \"näme\", count(*) FROM t WHERE a < 100;"
        echo "BEGIN;"
        for number in {1..12}; do echo "SELECT b FROM t WHERE a = $number;"; done
        echo "COMMIT; BEGIN; SELECT pg_sleep(0.25); COMMIT;"
        echo "CREATE TEMP TABLE x AS SELECT 1 AS a; UPDATE x SET a = 2; DROP TABLE x;"
        echo "SELECT $(seq -s ', a + b + ' 1 1500) FROM t WHERE a = 1;"
    } | sql app >/dev/null
    for command in 'SELECT 1 / (a - a) FROM public.t' 'SELECT nothing FROM public.t' 'SET statement_timeout = 20; SELECT pg_sleep(5)'; do
        run app "$command" >/dev/null 2>&1 || true
    done
}

sql postgres <<'SQL'
CREATE EXTENSION pgopt;
CREATE ROLE app LOGIN;
GRANT CREATE ON SCHEMA public TO app;
CREATE TABLE public.t AS SELECT g AS a, g % 7 AS b FROM generate_series(1, 1000) g;
GRANT SELECT ON public.t TO app;
CREATE FUNCTION public.nested() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT max(b) FROM public.t); END';
SQL
configure 'pgopt.max_statements = 300' "log_line_prefix = '%m [%p] '"
restart fast
work
run postgres "SELECT pgopt.reset_statements(role => 'postgres')" >/dev/null

# Restarts ---------------------------------------------------------------------------------------

kept=$(everything)
for word in pg_sleep 22012 57014 identified works slowest; do contains "there is $word to be kept" "$kept" "$word"; done
recorded=$(value 'SELECT recorded FROM pgopt.capture_info')
restart fast
same 'as many executions are counted after a restart as before' "$((recorded + 1))" "$(value 'SELECT recorded FROM pgopt.capture_info')"
unchanged 'a fast shutdown keeps everything'
same 'only the owner may read the file' 600 "$(stat -c %a "$FILE")"
restart smart
unchanged 'a smart shutdown keeps everything'
restart immediate
unchanged 'an immediate shutdown keeps what was saved'

sql app -c 'SELECT pg_sleep(100)' >/dev/null 2>&1 &
until_true 10 reads "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(100)'" 1
victim=$(value "SELECT pid FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(100)'")
as_owner kill -KILL "$victim"
wait $! || true
until_true 30 is_up
unchanged 'the crash of a session keeps what was saved'
sql app -c 'SELECT a, b FROM public.t WHERE a = 3' >/dev/null
same 'and counting goes on' 1 "$(calls "SELECT a, b FROM public.t WHERE a = \$1")"
restart fast
kept=$(everything)
as_owner kill -KILL "$(postmaster)"
until_true 20 start
unchanged 'the death of the postmaster keeps what was saved'
begun=$(milliseconds)
stop fast
took=$(($(milliseconds) - begun))
holds 'a fast shutdown takes less than 2 s' [ "$took" -lt 2000 ]

# The file ---------------------------------------------------------------------------------------

as_owner cp "$FILE" "$PLACE/good"
SIZE=$(stat -c %s "$FILE")

# damaged NAME REASON COMMAND...: with a file that the command has damaged, the server starts, says
# why it does not use it, counts anew, and keeps that. The command finds the file's name in FILE.
damaged() {
    local name=$1 reason=$2
    shift 2
    as_owner rm -rf "$FILE" "$FILE.unusable"
    as_owner cp "$PLACE/good" "$FILE"
    "$@"
    holds "$name: the server starts" start
    contains "$name: the server says so" "$(log)" "WARNING:  pgopt could not read file .*: $reason.*renamed to \"pg_stat_tmp/pgopt.stat.unusable\""
    same "$name: it says so once" 1 "$(log | grep -c 'could not read file')"
    same "$name: the file is set aside" yes "$([ ! -L "$FILE" ] && [ ! -e "$FILE" ] && stat "$FILE.unusable" >/dev/null && echo yes)"
    same "$name: counting begins anew" '0|t' "$(value "SELECT count(*), (SELECT since > now() - interval '1 minute' FROM pgopt.capture_info) FROM pgopt.statements WHERE role = 'app'")"
    run app 'SELECT 1 AS anew' >/dev/null
    stop fast
    same "$name: what is counted then is kept" yes "$([ -f "$FILE" ] && ! cmp -s "$FILE" "$PLACE/good" && echo yes)"
}

shorten() { as_owner truncate -s "$1" "$FILE"; }
# flip OFFSET: another bit in one byte.
flip() {
    local byte
    byte=$(as_owner od -An -tu1 -j "$1" -N 1 "$FILE")
    # shellcheck disable=SC2059 # the format is the byte
    printf "\\$(printf '%o' $((byte ^ 4)))" | as_owner dd of="$FILE" bs=1 seek="$1" conv=notrunc status=none
}
# instead COMMAND...: makes something else in the file's place.
instead() {
    as_owner rm -f "$FILE"
    as_owner "$@"
}

for length in 0 1 8 31; do damaged "cut to $length bytes" 'it is shorter than its header' shorten "$length"; done
for length in 32 "$((SIZE / 2))" "$((SIZE - 1))" "$((SIZE + 1))" 2G; do
    damaged "cut to $length bytes" 'its length is not the one in its header' shorten "$length"
done
damaged 'a bit of the magic' 'it does not start as ours do' flip 3
damaged 'another server' 'it was written by PostgreSQL' flip 8
damaged 'another catalog' 'it was written by PostgreSQL' flip 12
damaged 'another layout' 'it was written by PostgreSQL' flip 18
damaged 'a bit of the length' 'its length is not the one in its header' flip 21
for offset in 28 32 "$((SIZE / 2))" "$((SIZE - 1))"; do damaged "a bit at $offset" 'its checksum is wrong' flip "$offset"; done
damaged 'a directory' 'not a regular file' instead mkdir -p "$FILE/full"
damaged 'a pipe' 'not a regular file' instead mkfifo "$FILE"
damaged 'a link to itself' '' instead ln -s "$FILE" "$FILE"
damaged 'a file of zeros' 'it does not start as ours do' instead truncate -s 2G "$FILE"
damaged 'a file that may not be read' 'Permission denied' as_owner chmod 000 "$FILE"

as_owner rm -rf "$FILE" "$FILE.unusable"
start
lacks 'no file is nothing to warn of' "$(log)" 'WARNING'
same 'without a file counting begins anew' 0 "$(value "SELECT count(*) FROM pgopt.statements WHERE role = 'app'")"
stop fast

as_owner cp "$PLACE/good" "$FILE"
as_owner sh -c "echo innocent >$PLACE/innocent; ln -s $PLACE/innocent $FILE.tmp"
start
unchanged 'what a crash left beside the file does not matter'
restart fast
same 'and is gone' no "$([ -e "$FILE.tmp" ] || [ -L "$FILE.tmp" ] || echo no)"
same 'what it pointed to is untouched' innocent "$(cat "$PLACE/innocent")"
unchanged 'and everything was kept'

# No room ----------------------------------------------------------------------------------------

# without_room NAME: saving at shutdown fails, the server stops and starts all the same.
without_room() {
    holds "$1: the server stops" stop fast
    contains "$1: the server says so" "$(log)" 'WARNING:  pgopt could not write file "pg_stat_tmp/pgopt.stat"'
    same "$1: it says so once" 1 "$(log | grep -c 'could not write file')"
    same "$1: nothing is left beside the file" no "$([ -e "$FILE.tmp" ] || echo no)"
    holds "$1: the server starts" start
    unchanged "$1: what was saved before is there"
}

as_owner chmod 500 "$DATA/pg_stat_tmp"
without_room 'no permission to write'
as_owner chmod 700 "$DATA/pg_stat_tmp"
stop fast
if [ "$(id -u)" -eq 0 ] && mount -t tmpfs -o "size=64k,mode=700,uid=$(id -u "$OWNER"),gid=$(id -g "$OWNER")" pgopt "$DATA/pg_stat_tmp" 2>/dev/null; then
    as_owner cp "$PLACE/good" "$FILE"
    start
    as_owner dd if=/dev/zero of="$DATA/pg_stat_tmp/filler" bs=1k count=64 status=none 2>/dev/null || true
    if [ -n "${KEPT_MINUTE:-}" ]; then
        run app 'SELECT 1' >/dev/null
        holds 'a failure to save is counted' until_true 70 reads 'SELECT save_failures > 0 FROM pgopt.capture_info' t
        same 'the server goes on' 1 "$(run app 'SELECT 1')"
        same 'the housekeeper, too' t "$(value 'SELECT housekeeper FROM pgopt.capture_info')"
        same 'the log is not flooded' 1 "$(log | grep -c 'could not write file')"
        restart immediate
    fi
    kept=$(everything)
    without_room 'a full disk'
    stop fast
    umount "$DATA/pg_stat_tmp"
else
    echo 'skipped: a full disk needs root and mount'
fi
start

# Less room for statements -----------------------------------------------------------------------

{
    for number in {1..20}; do echo "SELECT pg_sleep(0.01), a AS dear FROM public.t WHERE a = 1$(printf ' AND b < 9%.0s' $(seq "$number"));"; done
    for number in {1..200}; do echo "SELECT 1 AS cheap$(printf ', 1%.0s' $(seq "$number"));"; done
} | sql app >/dev/null
dear() { value "SELECT count(*) FROM pgopt.statements WHERE query LIKE 'SELECT pg_sleep(%dear%'"; }
same 'there are dear statements' 20 "$(dear)"
configure 'pgopt.max_statements = 100'
recorded=$(value 'SELECT recorded FROM pgopt.capture_info')
restart fast
same 'with less room the dearest statements are kept' 20 "$(dear)"
same 'and what is counted in all' t "$(value "SELECT recorded > $recorded FROM pgopt.capture_info")"
holds 'there is room for new statements' until_true 5 reads 'SELECT used < max_statements FROM pgopt.capture_info' t
run app 'SELECT 1 AS latest, a FROM public.t LIMIT 1' >/dev/null
same 'a new statement finds a place' 1 "$(calls "SELECT \$1 AS latest, a FROM public.t LIMIT \$2")"

# The housekeeper --------------------------------------------------------------------------------

latency() { value 'SET pgopt.enabled = off; SELECT l FROM pgopt.latency l'; }

HOUSEKEEPER=$(housekeeper)
begun=$(milliseconds)
for number in {1..150}; do echo "SELECT 1 AS usual$(printf ', 1.5::float%.0s' $(seq "$number"));"; done | sql app >/dev/null
usual=$(($(milliseconds) - begun))
holds 'new statements are not too many any more' until_true 10 reads 'SELECT overflowing FROM pgopt.capture_info' f
as_owner kill -STOP "$HOUSEKEEPER"
begun=$(milliseconds)
for number in {1..150}; do echo "SELECT 2 AS stopped$(printf ', 2.5%.0s' $(seq "$number"));"; done | sql app >/dev/null
took=$(($(milliseconds) - begun))
holds 'sessions do not wait for a stopped housekeeper' [ "$took" -lt $((3 * usual + 1000)) ]
dropped=$(value 'SET pgopt.enabled = off; SELECT dropped_full FROM pgopt.capture_info')
# The names of columns are no part of a statement's identity, their types and number are.
for number in {1..10}; do echo "SELECT 3 AS unknown$(printf ', true%.0s' $(seq "$number"));"; done | sql app >/dev/null
same 'an execution that finds no place counts as one that was dropped' "$((dropped + 10))" \
    "$(value 'SET pgopt.enabled = off; SELECT dropped_full FROM pgopt.capture_info')"
while [ $(($(milliseconds) - begun)) -lt 11500 ]; do sleep 0.2; done
same 'that the housekeeper is away is shown' f "$(value 'SELECT housekeeper FROM pgopt.capture_info')"
for number in {1..50}; do echo "SELECT 4 AS evicts$(printf ", 'x'::text%.0s" $(seq "$number"));"; done | sql app >/dev/null
same 'meanwhile sessions evict statements themselves' t "$(value 'SELECT fallback_evictions > 0 FROM pgopt.capture_info')"
same 'and find places' t "$(value "SELECT count(*) > 5 FROM pgopt.statements WHERE query LIKE 'SELECT %AS evicts%'")"
as_owner kill -CONT "$HOUSEKEEPER"
HOUSEKEEPER=
holds 'and it is back' until_true 5 reads 'SELECT housekeeper FROM pgopt.capture_info' t
kept=$(latency)
restart fast
same 'latencies of evicted statements are kept' "$kept" "$(latency)"
as_owner kill -TERM "$(housekeeper)"
sleep 0.3
holds 'a housekeeper that was ended comes back' until_true 9 housekeeper
housekeeper >/dev/null || restart fast
as_owner kill -KILL "$(housekeeper)"
sleep 0.3
holds 'the server is back' until_true 30 is_up
holds 'a housekeeper that was killed comes back' until_true 9 housekeeper
holds 'and is at work' until_true 5 reads 'SELECT housekeeper FROM pgopt.capture_info' t

# Settings in running sessions -------------------------------------------------------------------

# With room enough that nothing gives way meanwhile.
configure 'pgopt.max_statements = 1000'
restart fast

coproc SESSION { sql postgres 2>&1; }
exec {ASK}>&"${SESSION[1]}" {ANSWER}<&"${SESSION[0]}"
# ask COMMAND: the running session's answer.
ask() {
    local line
    printf '%s;\n\\echo -- done\n' "$1" >&"$ASK"
    while IFS= read -r -t 20 -u "$ANSWER" line && [ "$line" != '-- done' ]; do printf '%s\n' "$line"; done
}
# reload SETTING VALUE: and the running session has seen it.
reload() {
    run postgres "ALTER SYSTEM SET $1 = '$2'"
    value 'SELECT pg_reload_conf()' >/dev/null
    for _ in {1..50}; do
        [ "$(ask "SHOW $1")" != "$2" ] || return 0
        sleep 0.1
    done
    fail "the running session sees $1 = $2"
}
count_asked() { value "SET pgopt.enabled = on; SELECT coalesce(sum(calls), 0) FROM pgopt.statements WHERE query = 'SELECT \$1 AS asked'"; }

ask "SELECT 1 AS asked" >/dev/null
same 'a running session counts' 1 "$(count_asked)"
reload pgopt.enabled off
ask "SELECT 2 AS asked" >/dev/null
same 'pgopt.enabled = off stops it' 1 "$(count_asked)"
reload pgopt.enabled on
ask "SELECT 3 AS asked" >/dev/null
same 'pgopt.enabled = on goes on' 2 "$(count_asked)"
reload pgopt.track none
ask "SELECT 4 AS asked" >/dev/null
run postgres 'ALTER SYSTEM RESET pgopt.track'
reload pgopt.track all
same 'pgopt.track = none stops it' 2 "$(count_asked)"
ask 'SELECT public.nested()' >/dev/null
same 'pgopt.track = all counts nested statements' f "$(value "SELECT toplevel FROM pgopt.statements WHERE query = '(SELECT max(b) FROM public.t)'")"
reload pgopt.sample_parameters raw
ask 'SELECT 4711 AS raw_value, now()' >/dev/null
contains 'pgopt.sample_parameters = raw keeps values' "$(value 'SELECT parameters FROM pgopt.statement_samples')" '"value": "4711"'
reload pgopt.sample_parameters none
ask "SELECT 815 AS no_sample, 'x'" >/dev/null
lacks 'pgopt.sample_parameters = none keeps none' "$(value 'SELECT parameters FROM pgopt.statement_samples')" '815'
printf '\\q\n' >&"$ASK"
wait "$SESSION_PID" || true
run postgres 'ALTER SYSTEM RESET ALL'
value 'SELECT pg_reload_conf()' >/dev/null

# What is gone since -----------------------------------------------------------------------------

# views: every view answers.
views() {
    local view
    for view in statements top_statements statement_samples latency n_plus_one slow_transactions capture_info; do
        value "SELECT count(*) FROM pgopt.$view" >/dev/null || fail "pgopt.$view works after $1"
    done
}

run postgres 'CREATE DATABASE gone'
PGDATABASE=gone run postgres 'SET pgopt.slow_transaction_warning = 0; SELECT 42 AS in_gone' >/dev/null
run postgres 'DROP DATABASE gone'
same 'statements of a dropped database have no database' '|postgres' "$(value "SELECT database, role FROM pgopt.statements WHERE query LIKE '%in_gone'")"
views 'DROP DATABASE'
run postgres 'CREATE ROLE leaving LOGIN'
run leaving 'SELECT 43 AS by_leaving' >/dev/null
run postgres 'DROP ROLE leaving'
same 'statements of a dropped role have no role' 'postgres|' "$(value "SELECT database, role FROM pgopt.statements WHERE query LIKE '%by_leaving'")"
views 'DROP ROLE'
kept=$(everything)
run postgres 'DROP EXTENSION pgopt' && run postgres 'CREATE EXTENSION pgopt'
unchanged 'DROP and CREATE EXTENSION leave what was counted'
restart fast
views 'a restart'
same 'what is gone stays gone' '|postgres' "$(value "SELECT database, role FROM pgopt.statements WHERE query LIKE '%in_gone'")"

as_owner "$PGBINDIR/pg_basebackup" --no-sync --checkpoint=fast -h "$PGHOST" -p "$PGPORT" -U postgres -D "$PLACE/backup"
same 'a base backup does not carry the file' 0 "$(find "$PLACE/backup" -name 'pgopt.stat*' | wc -l)"
lacks 'the server has not panicked' "$(as_owner cat "$LOG")" 'PANIC|panicked|signal (6|7|11)'
finish
