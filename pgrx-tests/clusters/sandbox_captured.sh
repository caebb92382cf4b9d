#!/usr/bin/env bash
# The same as sandbox.sh for statements that pgopt captured itself, with the values of literals.
set -euo pipefail

SOURCE=capture exec "$(dirname "$0")/sandbox.sh"
