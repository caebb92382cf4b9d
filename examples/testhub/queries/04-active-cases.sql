-- The active test cases of a project with one priority
SELECT id, test_id, title, updated_at FROM test_cases
WHERE project_id = :project_id AND status = 'active' AND priority = 'high'
ORDER BY updated_at DESC LIMIT 50;
