-- The latest result of each of a project's tests
SELECT DISTINCT ON (te.test_id) te.test_id, tc.title, te.result, te.created_at
FROM test_executions te
JOIN test_cases tc ON tc.id = te.test_id
WHERE te.project_id = :project_id
ORDER BY te.test_id, te.created_at DESC;
