-- Organisations by a part of their name
-- If not faster: needs a trigram index: comes in a later version
SELECT id, name, domain FROM organizations
WHERE name ILIKE :'org_word' AND deleted_at IS NULL
ORDER BY name LIMIT 20;
