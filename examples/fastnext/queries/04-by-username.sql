-- A user by name
SELECT id, email, full_name, is_active FROM users WHERE username = :'username';
