#!/usr/bin/env bash
# Runs the unit tests and the tests inside a server, then the cluster tests.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

PLACE_NAME="test-pgdata"

# Interrupted tests leave their server behind, which detaches itself on purpose.
clean_up() {
    local place data
    place=$(find_place "$PLACE_NAME") || return 0
    for data in "$place"/*/; do
        server_stop "${data%/}" immediate
    done
    remove_place "$PLACE_NAME"
}

cargo_tests() {
    local pg_config how=(--pgdata "$PLACE")
    pg_config=$(pgrx_pg_config)
    # With --runas the test framework installs through sudo, which an ordinary
    # user needs as well if the server belongs to the system.
    if is_root || ! [ -w "$("$pg_config" --pkglibdir)" ]; then
        how+=(--runas "$(server_user)")
    fi
    # The framework asks for it, and a container's shell may not have it.
    export USER=${USER:-$(id -un)}
    forget_library "$pg_config"
    cd "$REPO"
    cargo pgrx test "$PG_LABEL" "${how[@]}"
}

clean_up
on_exit clean_up
PLACE=$(make_place "$PLACE_NAME")
status=0
supervise cargo_tests || status=$?
clean_up
"$REPO/scripts/cluster-tests.sh" || status=$?
exit "$status"
