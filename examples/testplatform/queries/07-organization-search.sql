-- Organisations by a part of their name
SELECT id, name, domain FROM organizations
WHERE name ILIKE :'org_word' AND deleted_at IS NULL
ORDER BY name LIMIT 20;
