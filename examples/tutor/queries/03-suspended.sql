-- The users who are no longer active
SELECT id, email, last_seen_at FROM users WHERE is_active = false
ORDER BY last_seen_at LIMIT 50;
