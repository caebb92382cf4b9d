-- The latest exercises in a language
SELECT id, title, difficulty FROM exercises
WHERE programming_language = :'language'
ORDER BY created_at DESC LIMIT 20;
