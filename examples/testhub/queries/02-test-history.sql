-- The latest 50 executions of a test
-- Bar: 200
SELECT * FROM test_executions
WHERE test_id = :test_id
ORDER BY created_at DESC LIMIT 50;
