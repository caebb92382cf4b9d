-- What happened in an organisation during the last 30 days
SELECT event_type, count(*), max(created_at) AS latest FROM events
WHERE organization_id = :org_id AND created_at >= now() - INTERVAL '30 days'
GROUP BY event_type ORDER BY 2 DESC;
