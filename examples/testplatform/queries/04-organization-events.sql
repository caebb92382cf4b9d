-- The latest events of an organisation
SELECT id, aggregate_id, event_type, payload, created_at FROM events
WHERE organization_id = :org_id
ORDER BY created_at DESC LIMIT 50;
