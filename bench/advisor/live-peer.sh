# shellcheck shell=bash
# shellcheck disable=SC2153 # bench/advisor.sh sets what is written in capitals
# Another advisor on the same workload: pg_qualstats watches the queries run and
# suggests indexes, and HypoPG costs them and pgopt's own. To be sourced.

ensure_live_peer() {
    local version package packages=()
    version=$("$(pgrx_pg_config)" --version | sed -E 's/^PostgreSQL ([0-9]+).*/\1/')
    for package in "postgresql-$version-hypopg" "postgresql-$version-pg-qualstats"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || packages+=("$package")
    done
    [ ${#packages[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || die "please install HypoPG and pg_qualstats"
    say "Installing ${packages[*]}"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}"
}

# What the other advisor learns from are queries that come to their end, which without
# indexes one of them never would by the nested loops the planner takes for cheap.
observe_quals() {
    local number
    sql -c 'CREATE EXTENSION pg_qualstats'
    while read -r number; do
        PGOPTIONS="-c pg_qualstats.sample_rate=1 -c enable_nestloop=off -c statement_timeout=10min" \
            sql --output /dev/null -f "$ADVISOR/queries/$number.sql"
    done < <(values -c "SELECT to_char(number, 'FM00') FROM bench.queries WHERE compared ORDER BY number")
    sql -f "$ADVISOR/live-peer.sql"
}

# No session holds both HypoPG and pgopt.
cost_by_hypopg() {
    sql -f "$ADVISOR/hypopg.sql"
}
