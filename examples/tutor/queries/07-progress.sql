-- What a user has completed
-- Bar: 75
SELECT count(*), avg(score) AS score, sum(hints_used) AS hints FROM user_exercises
WHERE user_id = :user_id AND status = 'completed';
