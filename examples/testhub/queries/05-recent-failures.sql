-- What failed in a project during the last 30 days
SELECT id, test_id, result, error_message, created_at FROM test_executions
WHERE project_id = :project_id AND result IN ('fail', 'error')
  AND created_at >= now() - INTERVAL '30 days'
ORDER BY created_at DESC LIMIT 100;
