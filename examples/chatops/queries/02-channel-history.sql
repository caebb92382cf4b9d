-- The latest messages of a channel
SELECT id, author_id, author_type, content, created_at FROM messages
WHERE channel_id = :channel_id
ORDER BY created_at DESC LIMIT 50;
