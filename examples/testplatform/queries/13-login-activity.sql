-- Who logged in last
SELECT id, email, last_login_at, login_count FROM users
WHERE last_login_at >= now() - INTERVAL '1 day' AND status = 'active'
ORDER BY last_login_at DESC LIMIT 50;
