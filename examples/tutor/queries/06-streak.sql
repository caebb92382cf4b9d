-- When a user did exercises, the latest first: the streak is counted from it
-- Bar: 48
SELECT id, status, created_at FROM user_exercises
WHERE user_id = :user_id
ORDER BY created_at DESC;
