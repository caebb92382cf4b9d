-- Recent decisions an agent was not sure of
SELECT id, decision, confidence_score, created_at FROM agent_decisions
WHERE agent_id = :agent_id AND confidence_score < 0.5
  AND created_at >= now() - INTERVAL '7 days'
ORDER BY created_at DESC;
