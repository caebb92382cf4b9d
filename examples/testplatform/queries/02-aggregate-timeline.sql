-- The events that make up an aggregate, in their order
SELECT id, event_type, payload, created_at FROM events
WHERE aggregate_id = :'aggregate'
ORDER BY created_at;
