-- A user's progress by difficulty
SELECT e.difficulty, count(*) AS exercises, count(*) FILTER (WHERE ue.status = 'completed') AS completed,
       avg(ue.score) AS score
FROM user_exercises ue
JOIN exercises e ON e.id = ue.exercise_id
WHERE ue.user_id = :user_id
GROUP BY e.difficulty;
