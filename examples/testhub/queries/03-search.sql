-- Test cases that mention a word
-- Bar: 100
SELECT id, test_id, title FROM test_cases
WHERE title ILIKE :'word' OR description ILIKE :'word';
