# shellcheck shell=bash
# Shared by the scripts in this directory: who runs the server, where its files
# live, and how a throw-away cluster is started and stopped. To be sourced.

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
PG_LABEL=pg15

# A RUSTFLAGS variable replaces the linker flags cargo-pgrx sets for itself, and
# the section holding the extension's SQL is then dropped from the library.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS

# A caller's libpq settings must not redirect us to some other server.
unset PGHOST PGHOSTADDR PGPORT PGUSER PGDATABASE PGPASSWORD PGPASSFILE PGSERVICE PGOPTIONS PGDATA

# The server's unprivileged user has to read what root installs and creates.
umask 022

say() { printf '%s\n' "$*"; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

is_root() { [ "$(id -u)" -eq 0 ]; }

as_root() {
    if is_root; then "$@"; else sudo "$@"; fi
}

# PostgreSQL refuses to run as root, so root borrows the package's own user.
server_user() {
    if is_root; then echo postgres; else id -un; fi
}

# From / because the server's user may not be allowed into the caller's directory.
as_server_user() {
    if is_root; then
        (cd / && runuser -u postgres -- "$@")
    else
        "$@"
    fi
}

pgrx_pg_config() { cargo pgrx info pg-config "$PG_LABEL" 2>/dev/null; }

pg_bindir() { "$(pgrx_pg_config)" --bindir; }

# Runs a function or command in a process group of its own, so that a signal to
# this script ends everything it started at once instead of after the current
# command. An ordinary user's terminal is the exception: sudo may have to ask
# for a password there, which a background group cannot, and Ctrl-C reaches
# every process anyway.
supervise() {
    if ! is_root && [ -t 0 ]; then
        "$@"
        return
    fi
    set -m
    ("$@") </dev/null &
    SUPERVISED=$!
    set +m
    local status=0
    wait "$SUPERVISED" || status=$?
    SUPERVISED=
    return "$status"
}

SUPERVISED=
end_supervised() {
    [ -n "$SUPERVISED" ] || return 0
    kill -TERM -- "-$SUPERVISED" 2>/dev/null || true
    wait "$SUPERVISED" 2>/dev/null || true
    SUPERVISED=
}

# Calls the given function once, however the script ends.
on_exit() {
    # shellcheck disable=SC2064 # the function's name is known now
    trap "trap '' INT TERM HUP; end_supervised; $1" EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

# Makes an empty directory for the server's user and prints its real path.
# It is target/NAME, unless the server's user cannot get there (a checkout below
# /root) or a socket's path in it would exceed the operating system's limit of
# 107 bytes; then it is a temporary directory which target/NAME points to.
make_place() {
    local name=$1 place="$REPO/target/$1"
    remove_place "$name"
    mkdir -p "$REPO/target"
    if [ ${#place} -le 70 ] && as_server_user test -x "$REPO/target"; then
        mkdir "$place"
    else
        ln -s "$(mktemp -d "/tmp/pgopt-$name.XXXXXX")" "$place"
        place=$(readlink "$place")
        chmod 755 "$place"
    fi
    if is_root; then chown "$(server_user):" "$place"; fi
    printf '%s\n' "$place"
}

# Prints where target/NAME really is; fails if it is not there.
find_place() { readlink -e "$REPO/target/$1"; }

remove_place() {
    local place
    place=$(find_place "$1") || place=
    if [ -n "$place" ]; then
        as_server_user find "$place" -mindepth 1 -delete
        rm -rf "$place"
    fi
    rm -rf "$REPO/target/$1"
}

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Below the range the kernel hands out to outgoing connections.
free_port() {
    local port
    for _ in {1..50}; do
        port=$((20000 + RANDOM % 12000))
        if port_is_free "$port"; then
            echo "$port"
            return
        fi
    done
    die "no free port found on 127.0.0.1"
}

# cluster_create PLACE SUPERUSER: data directory PLACE/data, sockets in
# PLACE/run. Only the server's user (and root) gets into PLACE/run, which is
# what makes "trust" acceptable there; TCP needs the password in PLACE/password.
cluster_create() {
    local place=$1 superuser=$2 bindir
    bindir=$(pg_bindir)
    as_server_user mkdir -m 700 "$place/run"
    # shellcheck disable=SC2016 # for the inner shell to expand
    as_server_user sh -c 'umask 077; od -An -N12 -tx1 /dev/urandom | tr -d " \n" >"$1"' _ "$place/password"
    as_server_user "$bindir/initdb" --pgdata="$place/data" --username="$superuser" \
        --auth-local=trust --auth-host=scram-sha-256 --pwfile="$place/password" \
        --encoding=UTF8 --locale=C.UTF-8 --no-sync >/dev/null
}

# Appends settings from standard input.
cluster_configure() { as_server_user tee -a "$1/data/postgresql.conf" >/dev/null; }

# Another program may take the port between the look and the start, hence the retries.
cluster_start() {
    local place=$1 bindir port
    bindir=$(pg_bindir)
    for _ in 1 2 3; do
        port=$(free_port)
        if as_server_user "$bindir/pg_ctl" start --silent --wait --timeout=120 \
            --pgdata="$place/data" --log="$place/log" \
            --options="-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$place/run" \
            </dev/null >/dev/null 2>&1; then
            return
        fi
        if port_is_free "$port"; then break; fi
    done
    as_server_user tail -n 20 "$place/log" >&2 || true
    die "the server did not start"
}

cluster_port() { as_server_user sed -n 4p "$1/data/postmaster.pid"; }

cluster_is_running() {
    as_server_user "$(pg_bindir)/pg_ctl" status --pgdata="$1/data" >/dev/null 2>&1
}

# Stops whatever server runs on DATA; nothing to do if there is none.
server_stop() {
    local data=$1 mode=${2:-fast} pid
    pid=$(as_server_user head -n 1 "$data/postmaster.pid" 2>/dev/null) || return 0
    as_server_user "$(pg_bindir)/pg_ctl" stop --silent --wait --mode="$mode" --pgdata="$data" \
        >/dev/null 2>&1 && return 0
    if as_server_user kill -0 "$pid" 2>/dev/null; then
        die "the server with process id $pid did not stop"
    fi
}

# install_extension [PG_CONFIG]: a release build into that server's directories.
install_extension() {
    local pg_config=$1 major label how=()
    major=$("$pg_config" --version | sed -E 's/^PostgreSQL ([0-9]+).*/\1/')
    label="pg$major"
    grep -q "^$label = " "$REPO/Cargo.toml" ||
        die "PostgreSQL $major is not supported (see the features in Cargo.toml)"
    # Only when it is another server: the variable's value is an input of the
    # build, and changing it to and fro would compile the bindings each time.
    if [ "$pg_config" != "$(pgrx_pg_config)" ]; then
        export PGRX_PG_CONFIG_PATH=$pg_config
    fi
    if ! [ -w "$("$pg_config" --pkglibdir)" ] || ! [ -w "$("$pg_config" --sharedir)/extension" ]; then
        how=(--sudo)
    fi
    forget_library "$pg_config"
    (cd "$REPO" && cargo pgrx install --release "${how[@]}" --pg-config "$pg_config" \
        --no-default-features --features "$label")
}

# A running server has the library mapped: writing into the same file would
# crash it, while a new file under the old name leaves it alone.
forget_library() {
    local library
    library="$("$1" --pkglibdir)/pgopt.so"
    [ ! -e "$library" ] || as_root rm -f "$library"
}
