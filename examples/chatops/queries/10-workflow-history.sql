-- A page of all workflows
SELECT id, channel_id, description, status, created_at FROM workflows
ORDER BY created_at DESC LIMIT 50 OFFSET 100;
