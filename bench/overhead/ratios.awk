# Prints the table of ratios within a round, and the claims that rest on them.
{
    run = $1 SUBSEP $2
    if (!(run in rounds)) order[++runs] = run
    if ($3 > rounds[run]) rounds[run] = $3
    there[run, $4] = 1
    tps[run, $4, $3] = $5
    per_cpu[run, $4, $3] = $6
}

# Sorts the ratios of two variants into VALUES and returns how many these are.
function collect(rates, run, variant, base,   round, n) {
    n = 0
    for (round = 1; round <= rounds[run]; round++)
        if ((run, variant, round) in rates && (run, base, round) in rates)
            insert(++n, rates[run, variant, round] / rates[run, base, round])
    return n
}

function insert(n, value) {
    for (; n > 1 && VALUES[n - 1] > value; n--) VALUES[n] = VALUES[n - 1]
    VALUES[n] = value
}

function quantile(n, part,   at, below) {
    at = 1 + (n - 1) * part
    below = int(at)
    return below >= n ? VALUES[n] : VALUES[below] + (at - below) * (VALUES[below + 1] - VALUES[below])
}

# The largest k for which the median lies between the k-th value from below and the
# k-th from above with 95 % certainty: P(Binomial(n, 1/2) < k) <= 2.5 %.
function end_rank(n,   k, term, sum) {
    term = exp(-n * log(2))
    for (k = 0; sum + term <= 0.025; k++) {
        sum += term
        term *= (n - k) / (k + 1)
    }
    return k
}

# Sets MEDIAN, LOW, HIGH, INTERVAL and HALF, the quartiles. Few values have no such
# interval but their ends.
function summarize(rates, run, variant, base,   n, rank) {
    n = collect(rates, run, variant, base)
    rank = end_rank(n)
    MEDIAN = quantile(n, 0.5)
    LOW = VALUES[rank > 0 ? rank : 1]
    HIGH = VALUES[rank > 0 ? n + 1 - rank : n]
    INTERVAL = sprintf("%.3f .. %.3f%s", LOW, HIGH, rank > 0 ? "" : " *")
    if (rank == 0) few = 1
    HALF = sprintf("%.3f .. %.3f", quantile(n, 0.25), quantile(n, 0.75))
    return n
}

function median_tps(run, variant,   round, n) {
    for (round = 1; round <= rounds[run]; round++)
        if ((run, variant, round) in tps) insert(++n, tps[run, variant, round])
    return quantile(n, 0.5)
}

function by_cpu(run, variant, base) {
    summarize(per_cpu, run, variant, base)
    return MEDIAN
}

function workload(run,   parts) { split(run, parts, SUBSEP); return parts[1] }
function clients(run,   parts) { split(run, parts, SUBSEP); return parts[2] }

function row(run, variant,   cpu, pairs) {
    printf "%-8s | %7s | %-18s | %8.0f", workload(run), clients(run), variant, median_tps(run, variant)
    if (variant != "none") {
        cpu = by_cpu(run, variant, "none")
        pairs = summarize(tps, run, variant, "none")
        printf " | %12.3f | %-16s | %-14s | %6.3f | %5d", MEDIAN, INTERVAL, HALF, cpu, pairs
    }
    print ""
}

# The median reaches LIMIT; or, without one, nothing shows the variant to be below
# the base: the interval reaches 1.
function claim(run, variant, base, limit,   cpu, ok) {
    if (!((run, variant) in there) || !((run, base) in there)) return
    cpu = by_cpu(run, variant, base)
    summarize(tps, run, variant, base)
    ok = limit ? MEDIAN >= limit : HIGH >= 1
    printf "%s, %s clients: %s %s %s: %.3f (%s; by CPU %.3f) -> %s\n", workload(run), clients(run), \
        variant, limit ? "at least " limit " of" : "not below", base, MEDIAN, INTERVAL, cpu, ok ? "ok" : "short"
}

END {
    print ""
    print "workload | clients | variant            |      tps | ratio median | 95 % interval    | half of them   | by CPU | pairs"
    print "---------+---------+--------------------+----------+--------------+------------------+----------------+--------+------"
    count = split(variants, variant, " ")
    for (i = 1; i <= runs; i++)
        for (j = 1; j <= count; j++) if ((order[i], variant[j]) in there) row(order[i], variant[j])
    print ""
    print "by CPU: the median ratio of transactions per second of CPU in the server"
    if (few) print "*: too few pairs for an interval: the least and the greatest"
    print ""
    for (i = 1; i <= runs; i++) {
        if (workload(order[i]) == "prepared") claim(order[i], "pgopt", "none", 0.97)
        if (workload(order[i]) == "churn") claim(order[i], "pgopt", "none", 0.92)
        claim(order[i], "pgopt", "pg_stat_statements")
    }
}
