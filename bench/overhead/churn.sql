\set a random(1, 100)
\set b random(1, 100)
\set c random(1, 100)
\set d random(1, 100)
\set id random(1, 1000)
SELECT c:a, c:b, c:c FROM churn WHERE id = :id AND c:d > 0;
