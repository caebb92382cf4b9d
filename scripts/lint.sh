#!/usr/bin/env bash
# Every check that needs no running server; stops at the first that fails.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$REPO"

# A minimal Rust installation has neither.
ensure_components() {
    if cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1; then return; fi
    rustup component add rustfmt clippy
}

check() {
    say "+ $*"
    "$@"
}

check_scripts() {
    local scripts=(.ci/run scripts/*.sh bench/*.sh bench/*/*.sh) test
    for test in pgrx-tests/clusters/*.sh; do
        if [ -f "$test" ]; then scripts+=("$test"); fi
    done
    if command -v shellcheck >/dev/null; then
        # SC2317 takes functions that are called through a variable for dead code.
        check shellcheck --external-sources --exclude=SC2317 "${scripts[@]}"
    else
        say "shellcheck is not installed: the scripts are not checked"
    fi
}

ensure_components
check cargo metadata --locked --format-version 1 >/dev/null
check_scripts
check cargo fmt --check
check cargo clippy --all-targets --no-default-features --features "$PG_LABEL,pg_test" -- -D warnings
export RUSTDOCFLAGS="-D warnings"
check cargo doc --no-deps --document-private-items
