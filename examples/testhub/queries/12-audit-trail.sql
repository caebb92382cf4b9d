-- What a user did during the last 30 days
SELECT action, entity_type, entity_id, created_at FROM audit_logs
WHERE user_id = :user_id AND created_at >= now() - INTERVAL '30 days'
ORDER BY created_at DESC;
