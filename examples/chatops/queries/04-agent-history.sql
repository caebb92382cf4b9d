-- The latest messages of an agent
SELECT id, channel_id, content, created_at FROM messages
WHERE author_id = :agent_id
ORDER BY created_at DESC LIMIT 50;
