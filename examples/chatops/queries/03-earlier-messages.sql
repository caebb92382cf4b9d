-- The page before that
SELECT id, author_id, author_type, content, created_at FROM messages
WHERE channel_id = :channel_id AND created_at < :'before'
ORDER BY created_at DESC LIMIT 50;
