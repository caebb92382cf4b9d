-- The latest workflows of a channel
SELECT id, description, status, created_at FROM workflows
WHERE channel_id = :channel_id
ORDER BY created_at DESC LIMIT 20;
