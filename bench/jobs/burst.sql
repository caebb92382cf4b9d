INSERT INTO bench.figures
SELECT 'burst', extract(epoch FROM max(finished) - min(started)) FROM pgopt.job_runs
 WHERE run > (SELECT value FROM bench.figures WHERE name = 'last run before the burst') AND status = 'succeeded';
