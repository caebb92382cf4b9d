-- How often a user did what
SELECT action, count(*), max(timestamp) AS latest FROM activity_logs
WHERE user_id = :user_id
GROUP BY action ORDER BY 2 DESC;
