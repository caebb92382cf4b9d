#!/usr/bin/env bash
# install.sh [PG_CONFIG]: builds for that server and installs into it.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

pg_config=${1:-$(pgrx_pg_config)}
pg_config=$(command -v "$pg_config") || die "no such program: ${1:-pg_config}"
install_extension "$pg_config"
