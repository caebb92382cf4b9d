-- An active user by e-mail address
SELECT id, username, hashed_password, is_superuser FROM users
WHERE email = :'email';
