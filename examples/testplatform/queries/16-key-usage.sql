-- The keys used last
SELECT id, user_id, usage_count, last_used_at FROM api_keys
WHERE last_used_at IS NOT NULL
ORDER BY last_used_at DESC LIMIT 50;
