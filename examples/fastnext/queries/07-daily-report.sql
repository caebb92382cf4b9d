-- One kind of action on each day of the last week
SELECT date_trunc('day', timestamp) AS day, count(*), count(DISTINCT user_id) AS users
FROM activity_logs
WHERE action = :'action' AND timestamp >= :'last_week'
GROUP BY 1 ORDER BY 1;
