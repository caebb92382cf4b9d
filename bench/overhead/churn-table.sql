-- A hundred columns: four of them chosen at random make a hundred million shapes.
SELECT format('CREATE TABLE churn (id int PRIMARY KEY, %s)',
              string_agg(format('c%s int NOT NULL DEFAULT %s', n, n), ', ' ORDER BY n))
FROM generate_series(1, 100) AS n
\gexec
INSERT INTO churn (id) SELECT generate_series(1, 1000);
