#!/usr/bin/env bash
# Installs what building and testing needs; does nothing when all is there.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

CARGO_PGRX_VERSION=0.18.1
DROP_IN_DIR=/etc/postgresql-common/createcluster.d
DROP_IN=$DROP_IN_DIR/pgopt-no-main-cluster.conf

missing_packages() {
    local wanted=(pkg-config clang libclang-dev libssl-dev) package
    # A server that cargo-pgrx already knows is used as it is.
    if ! server_is_usable; then wanted+=(postgresql-15 postgresql-server-dev-15); fi
    if is_root; then wanted+=(sudo); fi
    for package in "${wanted[@]}"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            echo "$package"
    done
}

server_is_usable() {
    local pg_config
    pg_config=$(pgrx_pg_config) || return 1
    [ -x "$("$pg_config" --bindir)/initdb" ] && [ -f "$("$pg_config" --includedir-server)/postgres.h" ]
}

# The server's package would create and perhaps start a cluster "main" on port
# 5432, which nobody asked for. The drop-in prevents that during installation
# only; existing clusters and the administrator's own settings stay as they are.
install_packages() {
    local had_dir=yes status=0
    [ -d "$DROP_IN_DIR" ] || had_dir=no
    trap 'exit 130' INT TERM HUP
    # shellcheck disable=SC2064 # the value is known now
    trap "remove_drop_in $had_dir" EXIT
    as_root mkdir -p "$DROP_IN_DIR"
    echo "create_main_cluster = false" | as_root tee "$DROP_IN" >/dev/null
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" || status=$?
    remove_drop_in "$had_dir"
    trap - EXIT INT TERM HUP
    return "$status"
}

remove_drop_in() {
    as_root rm -f "$DROP_IN"
    if [ "$1" = no ]; then as_root rmdir --ignore-fail-on-non-empty "$DROP_IN_DIR"; fi
}

ensure_packages() {
    local packages
    mapfile -t packages < <(missing_packages)
    [ ${#packages[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null ||
        die "please install the equivalents of these Debian packages: ${packages[*]}"
    say "Installing ${packages[*]}"
    install_packages "${packages[@]}"
}

ensure_cargo_pgrx() {
    [ "$(cargo pgrx --version 2>/dev/null)" != "cargo-pgrx $CARGO_PGRX_VERSION" ] || return 0
    say "Installing cargo-pgrx $CARGO_PGRX_VERSION (a few minutes)"
    cargo install cargo-pgrx --version "=$CARGO_PGRX_VERSION" --locked
}

# Adds to the configuration and keeps what is there for other versions.
ensure_pgrx_init() {
    ! server_is_usable || return 0
    say "Telling cargo-pgrx about PostgreSQL 15"
    cargo pgrx init "--$PG_LABEL" /usr/lib/postgresql/15/bin/pg_config
}

ensure_rust() {
    command -v cargo >/dev/null || die "cargo not found: install Rust first, see https://rustup.rs"
}

ensure_rust
ensure_packages
ensure_cargo_pgrx
ensure_pgrx_init
