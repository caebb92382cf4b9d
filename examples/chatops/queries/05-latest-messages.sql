-- The latest messages of all channels
SELECT id, channel_id, author_id, content, created_at FROM messages
ORDER BY created_at DESC LIMIT 50;
