-- The administrators
-- Bar: 67
SELECT id, email, full_name FROM users WHERE role = 'admin';
