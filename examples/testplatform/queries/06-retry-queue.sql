-- The events that have waited longest to be processed
SELECT id, aggregate_id, event_type, payload, retry_count FROM events
WHERE processed_at IS NULL AND retry_count < 5
ORDER BY created_at LIMIT 100;
