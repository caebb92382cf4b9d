-- A user by e-mail address
SELECT id, full_name, role FROM users WHERE email = :'email';
