-- The latest exercises of the highest difficulty
-- Bar: 67
SELECT id, title, programming_language FROM exercises
WHERE difficulty = 'expert'
ORDER BY created_at DESC LIMIT 20;
