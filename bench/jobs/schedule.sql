-- Jobs that are due once a minute, spread evenly over it.

INSERT INTO bench.jobs
SELECT 'bench ' || n, date_trunc('minute', now()) + interval '1 minute' + n * interval '1 minute' / :jobs
  FROM generate_series(0, :jobs - 1) AS n;
\o /dev/null
SELECT pgopt.schedule(name, '1 minute', 'SELECT 1', starts => starts) FROM bench.jobs;
\o
