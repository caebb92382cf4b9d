-- The exercises that have been worked on longest
SELECT id, user_id, exercise_id, created_at FROM user_exercises
WHERE status = 'in_progress'
ORDER BY created_at LIMIT 50;
