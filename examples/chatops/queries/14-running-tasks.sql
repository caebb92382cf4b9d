-- What the agents are working on
SELECT id, workflow_id, agent_id, started_at FROM workflow_tasks
WHERE status = 'running'
ORDER BY started_at;
