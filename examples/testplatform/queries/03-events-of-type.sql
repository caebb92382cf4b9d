-- The latest events of a type
SELECT id, aggregate_id, payload, created_at FROM events
WHERE event_type = :'event_type' AND created_at >= now() - INTERVAL '7 days'
ORDER BY created_at DESC LIMIT 100;
