-- The tests of a project that fail most often without being broken
SELECT test_id, count(*) AS runs, avg((result = 'fail')::int) AS failing
FROM test_executions
WHERE project_id = :project_id AND created_at >= now() - INTERVAL '30 days'
GROUP BY test_id
HAVING avg((result = 'fail')::int) BETWEEN 0.1 AND 0.9
ORDER BY failing DESC LIMIT 10;
