-- Test cases that mention a word, the best first
SELECT id, test_id, title FROM test_cases
WHERE tsv @@ to_tsquery('english', 'login')
ORDER BY ts_rank(tsv, to_tsquery('english', 'login')) DESC LIMIT 50;
