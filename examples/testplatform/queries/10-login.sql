-- A user by e-mail address, however it is written
-- If not faster: needs an expression index: comes in a later version
SELECT id, organization_id, password_hash, role FROM users
WHERE lower(email) = lower(:'email') AND deleted_at IS NULL;
