-- What became of the moments at which jobs were due while they were watched. A run belongs to the
-- last such moment before it, so one that is a minute late or more is missing.

CREATE TABLE bench.slots AS
SELECT j.name, j.starts + minute * interval '1 minute' AS due
  FROM bench.windows AS w, bench.jobs AS j, generate_series(0, 60) AS minute
 WHERE j.starts + minute * interval '1 minute' >= w.begins AND j.starts + minute * interval '1 minute' < w.ends;

INSERT INTO bench.latencies
SELECT extract(epoch FROM r.started - s.due)
  FROM bench.slots AS s
  JOIN pgopt.job_runs AS r ON r.name = s.name AND r.started >= s.due AND r.started < s.due + interval '1 minute'
 WHERE r.status = 'succeeded';

INSERT INTO bench.figures
SELECT 'due', count(*) FROM bench.slots
 UNION ALL SELECT 'done', count(*) FROM bench.latencies
 UNION ALL SELECT 'not succeeded', count(*) FROM pgopt.job_runs WHERE name LIKE 'bench %' AND status NOT IN ('succeeded', 'running')
 UNION ALL SELECT 'last run before the burst', max(run) FROM pgopt.job_runs;
