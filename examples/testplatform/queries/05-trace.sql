-- The events that one request caused
SELECT id, aggregate_id, event_type, created_at FROM events
WHERE correlation_id = :'correlation'
ORDER BY created_at;
