-- An owner's projects with their executions of the last 30 days
SELECT p.id, p.name, count(*) AS executions, count(DISTINCT tc.id) AS tests,
       avg((te.result = 'pass')::int) AS passed
FROM projects p
JOIN test_cases tc ON tc.project_id = p.id
JOIN test_executions te ON te.test_id = tc.id
WHERE p.owner_id = :owner_id AND te.created_at >= now() - INTERVAL '30 days'
GROUP BY p.id, p.name;
