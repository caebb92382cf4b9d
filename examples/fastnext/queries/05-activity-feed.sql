-- The latest activities of anybody
SELECT id, user_id, action, details, timestamp FROM activity_logs
WHERE timestamp >= :'today'
ORDER BY timestamp DESC LIMIT 50;
