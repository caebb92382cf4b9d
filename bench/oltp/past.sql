INSERT INTO pgbench_history (tid, bid, aid, delta, mtime)
SELECT 1 + n % (10 * branches), 1 + n % branches, 1 + (n::bigint * 7919) % (100000 * branches), n % 10000 - 5000,
       timestamp '2025-01-01' + n * interval '10 seconds'
FROM (SELECT count(*) AS branches FROM pgbench_branches) AS b, generate_series(1, 500000) AS n;
VACUUM ANALYZE;
