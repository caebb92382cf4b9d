-- What a user did during the last month
SELECT * FROM activity_logs
WHERE user_id = :user_id AND timestamp >= :'last_month'
ORDER BY timestamp DESC LIMIT 100;
