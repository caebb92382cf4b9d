-- The organisation of an e-mail domain
SELECT id, name, settings FROM organizations
WHERE domain = :'domain' AND deleted_at IS NULL;
