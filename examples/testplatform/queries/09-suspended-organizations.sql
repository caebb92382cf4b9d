-- The latest suspended organisations
SELECT id, name, created_at FROM organizations
WHERE status = 'suspended'
ORDER BY created_at DESC LIMIT 20;
