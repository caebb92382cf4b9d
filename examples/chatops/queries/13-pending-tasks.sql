-- The next task of a workflow
SELECT id, agent_id, description FROM workflow_tasks
WHERE workflow_id = :workflow_id AND status = 'pending'
ORDER BY "order" LIMIT 1;
