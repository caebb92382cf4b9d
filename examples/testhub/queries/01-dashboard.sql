-- The last seven days of a project
-- Bar: 100
SELECT * FROM test_executions
WHERE project_id = :project_id AND created_at >= now() - INTERVAL '7 days'
ORDER BY created_at DESC;
