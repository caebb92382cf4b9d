-- The user of a session, if active
SELECT id, username, is_superuser FROM users WHERE id = :user_id AND is_active = true;
