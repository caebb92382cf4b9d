-- The active users who were here last
SELECT id, full_name, last_seen_at FROM users WHERE is_active = true
ORDER BY last_seen_at DESC LIMIT 50;
