-- The unread messages of an agent in the order of arrival
SELECT id, sender_id, body, created_at FROM agent_messages
WHERE receiver_id = :agent_id AND is_read = false
ORDER BY created_at LIMIT 100;
