-- Decisions about a test, found inside their JSON context
SELECT id, agent_id, decision, created_at FROM agent_decisions
WHERE context @> :'about_test';
