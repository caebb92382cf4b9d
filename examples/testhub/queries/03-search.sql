-- Test cases that mention a word
-- If not faster: needs a trigram index: comes in a later version
-- Bar: 100
SELECT id, test_id, title FROM test_cases
WHERE title ILIKE :'word' OR description ILIKE :'word';
