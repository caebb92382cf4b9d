#!/usr/bin/env bash
# Stops the demo's server, if any, and deletes its data.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

place=$(find_place demo) || {
    say "No demo is there."
    exit 0
}
server_stop "$place/data"
remove_place demo
say "The demo's server is stopped and its data is deleted."
