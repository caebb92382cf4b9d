-- Decisions about a test, found inside their JSON context
-- If not faster: needs a GIN index: comes in a later version
SELECT id, agent_id, decision, created_at FROM agent_decisions
WHERE context @> :'about_test';
