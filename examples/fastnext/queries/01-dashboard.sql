-- The active users who did most during the last week
SELECT u.id, u.username, count(al.id) AS activities
FROM users u
JOIN activity_logs al ON al.user_id = u.id
WHERE u.is_active = true AND al.timestamp > :'last_week'
GROUP BY u.id, u.username
ORDER BY activities DESC LIMIT 20;
