-- The users who may do anything
SELECT id, email, last_login_at FROM users
WHERE status = 'active' AND role = 'operator' AND deleted_at IS NULL;
