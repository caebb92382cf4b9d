-- The tasks of a workflow in their order
SELECT id, agent_id, description, status, output FROM workflow_tasks
WHERE workflow_id = :workflow_id
ORDER BY "order";
