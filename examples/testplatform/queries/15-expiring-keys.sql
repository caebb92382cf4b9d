-- The keys that expire during the next days
SELECT id, user_id, name, expires_at FROM api_keys
WHERE status = 'active' AND expires_at BETWEEN now() AND now() + INTERVAL '3 days'
ORDER BY expires_at;
