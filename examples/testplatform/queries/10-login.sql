-- A user by e-mail address, however it is written
SELECT id, organization_id, password_hash, role FROM users
WHERE lower(email) = lower(:'email') AND deleted_at IS NULL;
