-- A user by e-mail address
SELECT id, hashed_password, role FROM users WHERE email = :'email' AND is_active = true;
