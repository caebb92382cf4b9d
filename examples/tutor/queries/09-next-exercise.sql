-- Exercises of the right difficulty in the user's language
-- Bar: 67
SELECT id, title, topic FROM exercises
WHERE difficulty = :'difficulty' AND programming_language = :'language' AND topic = :'topic'
LIMIT 10;
