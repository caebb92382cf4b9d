-- A table with a column for each kind of operator class beyond those of B-trees.
-- Needs the variable "rows".

SET search_path = methods, public;
SET max_parallel_workers_per_gather = 0;
SELECT setseed(0.815) \g /dev/null

CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE TABLE things AS
SELECT i AS id, i % 1000 AS grp, md5(i::text) || md5((i + 1)::text) AS digest,
       'https://www.example.com/path/' || i % 100 || '/' || i AS url,
       point(random() * 1000, random() * 1000) AS place,
       int4range(i * 7 % 100000, i * 7 % 100000 + (random() * 100)::int + 1) AS span,
       tstzrange(timestamptz '2024-01-01' + i * interval '1 min', timestamptz '2024-01-01' + (i + 10) * interval '1 min') AS period,
       ('10.' || i / 65536 || '.' || i / 256 % 256 || '.' || i % 256)::inet AS address,
       (SELECT array_agg((power(random(), 3) * 5000)::int) FROM generate_series(1, 5) AS g WHERE g + i > 0) AS tags,
       jsonb_build_object('user', i % 5000, 'name', 'n' || i % 20000, 'status', (ARRAY['a', 'b', 'c'])[1 + i % 3]) AS doc,
       words AS body, to_tsvector('simple', words) AS tsv,
       timestamptz '2024-01-01' + i * interval '1 s' AS at
FROM generate_series(1, :rows) AS i, LATERAL (SELECT string_agg('w' || (power(random(), 2.5) * 20000)::int, ' ')
    FROM generate_series(1, 20) AS g WHERE g + i > 0) AS w (words);
