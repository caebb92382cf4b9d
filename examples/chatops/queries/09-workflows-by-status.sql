-- The latest workflows in some state
SELECT id, channel_id, description, created_at FROM workflows
WHERE status = :'status'
ORDER BY created_at DESC LIMIT 50;
