-- The workflows being executed, and how far each one is
SELECT w.id, w.description, w.created_at, count(*) AS tasks,
       count(*) FILTER (WHERE t.status = 'completed') AS completed
FROM workflows w
JOIN workflow_tasks t ON t.workflow_id = w.id
WHERE w.status = 'executing'
GROUP BY w.id
ORDER BY w.created_at DESC LIMIT 20;
