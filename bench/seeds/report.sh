# shellcheck shell=bash
# shellcheck disable=SC2153 # bench/seeds.sh sets what is written in capitals
# What bench/seeds.sh prints. To be sourced.

headline() { printf '\n\033[1m%s\033[0m\n\n' "$*"; }

report_system() {
    local system=$1
    headline "$system: $(values results -c "SELECT format('%s million rows, loaded in %s s, advice in %s ms',
        round(rows / 1e6, 1), load_s, advice_ms) FROM systems WHERE system = '$system'")"
    report_advice "$system"
    report_queries "$system"
    report_load "$system"
    report_hand "$system"
}

report_advice() {
    sql results <<-SQL
		SELECT rank, regexp_replace(ddl, '^CREATE INDEX .* ON (ONLY )?', '') AS advice,
		       to_char(100 * benefit, '990.0') AS "benefit %", pg_size_pretty(size_bytes) AS size
		FROM advice WHERE system = '$1' ORDER BY rank;
	SQL
}

report_queries() {
    sql results <<-SQL
		SELECT query, to_char(before, '99,990.00') AS "before ms", to_char(after, '99,990.00') AS "after ms",
		       lpad(times(ratio), 8) AS faster, lpad(times(cost_ratio), 8) AS "by cost", lpad(times(bar), 6) AS bar,
		       CASE WHEN ratio < bar THEN 'missed' WHEN ratio >= bar THEN 'met' END AS verdict,
		       CASE WHEN ratio < 2 OR ratio < bar THEN remark END AS remark
		FROM comparison WHERE system = '$1' ORDER BY position;
	SQL
}

report_load() {
    sql results <<-SQL
		SELECT '$CLIENTS clients, $RATE per second' AS load, phase,
		       to_char(count(*), '9,999,999') AS transactions,
		       to_char(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms), '99,990.00') AS "p50 ms",
		       to_char(percentile_cont(0.95) WITHIN GROUP (ORDER BY ms), '99,990.00') AS "p95 ms",
		       to_char((SELECT p95 FROM captured c WHERE c.system = '$1' AND c.phase = l.phase), '99,990.00') AS "p95 in pgopt.latency"
		FROM latencies l WHERE system = '$1' GROUP BY phase ORDER BY phase DESC;
	SQL
}

report_hand() {
    sql results <<-SQL
		SELECT name AS "made by hand", purpose AS "what for", kind, verdict,
		       CASE WHEN verdict IN ('missed', 'small')
		            THEN format('%s: cost -%s %%; workload -%s %%; it took %s ms', query, to_char(100 * share, 'FM990.0'),
		                        to_char(100 * of_workload, 'FM990.00'), to_char(before, 'FM9,990.0')) END AS "would lower"
		FROM hand WHERE system = '$1'
		ORDER BY array_position('{found,bettered,idle,small,missed}', verdict), name;
	SQL
}

# In Markdown, for the README.
report_all() {
    headline "All systems"
    values results <<-'SQL'
		SELECT '| system | bar | | measured | |' UNION ALL SELECT '|---|---|---|---|---|';
		SELECT format('| %s | %s | %s | %s | %s |', system, what, bar, measured,
		              CASE WHEN met THEN 'met' ELSE concat_ws(': ', 'missed', nullif(remark, '')) END)
		FROM bars JOIN systems s USING (system) ORDER BY s.position, bars.position;
	SQL
    say
    values results <<-'SQL'
		SELECT '| system | rows | queries faster by 2x or more | indexes advised | made by hand | found | bettered | idle | small | missed |'
		UNION ALL SELECT '|---|---|---|---|---|---|---|---|---|---|';
		SELECT format('| %s | %s million | %s of %s | %s, %s | %s | %s | %s | %s | %s | %s |', system, round(rows / 1e6, 1),
		              c.faster, c.queries, a.indexes, pg_size_pretty(coalesce(a.bytes, 0)), h.indexes, h.found, h.bettered, h.idle, h.small, h.missed)
		FROM systems
		JOIN LATERAL (SELECT count(*) AS queries, count(*) FILTER (WHERE ratio >= 2) AS faster
		              FROM comparison WHERE comparison.system = systems.system) AS c ON true
		JOIN LATERAL (SELECT count(*) AS indexes, sum(size_bytes)::bigint AS bytes
		              FROM advice WHERE advice.system = systems.system) AS a ON true
		JOIN LATERAL (SELECT count(*) AS indexes,
		                     count(*) FILTER (WHERE verdict = 'found') AS found,
		                     count(*) FILTER (WHERE verdict = 'bettered') AS bettered,
		                     count(*) FILTER (WHERE verdict = 'idle') AS idle,
		                     count(*) FILTER (WHERE verdict = 'small') AS small,
		                     count(*) FILTER (WHERE verdict = 'missed') AS missed
		              FROM hand WHERE hand.system = systems.system) AS h ON true
		ORDER BY position;
	SQL
    cat <<-'WORDS'

		found     an equal or a wider index was advised
		bettered  no query would cost 1 % less with it, as the advised ones are there
		idle      no query would cost 1 % less with it, even if no other index was there
		small     some query would, but all of it is less than 1 % of what the workload cost at the
		          start (the default of min_benefit), and no tenth of a query that took over 100 ms
		          (pgopt.slow_statement_warning): the columns at the right say how much
		missed    some query would
	WORDS
}

all_bars_met() { [ "$(values results -c 'SELECT count(*) FROM bars WHERE NOT met')" -eq 0 ]; }
