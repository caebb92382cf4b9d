# Prints the instructions of one statement: those without extensions, what each
# variant adds, and how well the servers agree. Only the prepared SELECT is judged.
$2 == statement {
    variant = $3
    if (!(variant in runs)) order[++variants] = variant
    runs[variant]++
    sum[variant] += $4
    if (!(variant in low) || $4 < low[variant]) low[variant] = $4
    if ($4 > high[variant]) high[variant] = $4
}

function mean(variant) { return sum[variant] / runs[variant] }
function extra(variant) { return mean(variant) - mean("none") }

END {
    line = sprintf("none %.0f", mean("none"))
    for (i = 1; i <= variants; i++) {
        variant = order[i]
        if (variant != "none") line = line sprintf(", %s %+.0f", variant, extra(variant))
        apart = 100 * (high[variant] / low[variant] - 1)
        if (apart > worst) worst = apart
    }
    if (statement == "prepared" && ("pgopt" in runs) && ("pg_stat_statements" in runs)) {
        bad = extra("pgopt") > extra("pg_stat_statements")
        line = line " -> " (bad ? "short" : "ok")
    }
    printf "instructions per %s: %s\n", name, line
    unsteady = worst > agreement
    printf "    servers differ by %.3f %% at most%s\n", worst, \
        unsteady ? sprintf(", which is more than %s %%", agreement) : ""
    exit statement == "prepared" && (bad || unsteady)
}
