-- The keys a user can use
SELECT id, name, expires_at, last_used_at FROM api_keys
WHERE user_id = :user_id AND status = 'active';
