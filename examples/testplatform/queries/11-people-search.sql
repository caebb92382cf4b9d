-- Users by a part of their name
SELECT id, first_name, last_name, organization_id FROM users
WHERE first_name || ' ' || last_name ILIKE :'person' AND deleted_at IS NULL
ORDER BY last_name LIMIT 20;
