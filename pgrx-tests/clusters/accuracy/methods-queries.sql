-- Queries and indexes of other access methods than B-tree, and of expressions: printed, without
-- a bar.

INSERT INTO accuracy.queries (schema, name, query) VALUES
('methods', 'hash: a digest', $$SELECT * FROM things WHERE digest = md5('5') || md5('6')$$),
('methods', 'gin: one of two elements', $$SELECT * FROM things WHERE tags && '{3000,3001}'$$),
('methods', 'gin: both elements', $$SELECT * FROM things WHERE tags @> '{0,1}'$$),
('methods', 'gin: a user', $$SELECT * FROM things WHERE doc @> '{"user": 77}'$$),
('methods', 'gin: a user and a state', $$SELECT * FROM things WHERE doc @> '{"status": "a", "user": 77}'$$),
('methods', 'gin: words', $$SELECT * FROM things WHERE tsv @@ 'w19000 & w3'::tsquery$$),
('methods', 'gin: words that begin so', $$SELECT * FROM things WHERE tsv @@ 'w1900:*'::tsquery$$),
('methods', 'gin: words of an expression', $$SELECT * FROM things WHERE to_tsvector('simple', body) @@ 'w19000'::tsquery$$),
('methods', 'trigrams: a part', $$SELECT * FROM things WHERE digest LIKE '%abcdef12%'$$),
('methods', 'trigrams: any case', $$SELECT * FROM things WHERE url ILIKE '%PATH/77/123%'$$),
('methods', 'gist: a region', $$SELECT * FROM things WHERE place <@ box '((1,1),(19,19))'$$),
('methods', 'gist: nearest', $$SELECT * FROM things ORDER BY place <-> '(1,1)' LIMIT 10$$),
('methods', 'gist: overlap', $$SELECT * FROM things WHERE span && '[100,120)'$$),
('methods', 'spgist: prefix', $$SELECT * FROM things WHERE url ^@ 'https://www.example.com/path/77/123'$$),
('methods', 'spgist: network', $$SELECT * FROM things WHERE address << '10.0.3.0/24'$$),
('methods', 'brin: an hour', $$SELECT * FROM things WHERE at < '2024-01-01 01:00'$$),
('methods', 'expression: lower', $$SELECT * FROM things WHERE lower(url) = 'https://www.example.com/path/77/1077'$$),
('methods', 'expression: a key', $$SELECT * FROM things WHERE doc ->> 'user' = '77'$$),
('methods', 'expression: a common value', $$SELECT * FROM things WHERE doc ->> 'status' = 'a'$$),
('methods', 'expression: a range', $$SELECT * FROM things WHERE (doc ->> 'user')::int < 500$$),
('methods', 'expression: a day', $$SELECT count(*) FROM things WHERE date_trunc('hour', at AT TIME ZONE 'UTC') = '2024-01-01 02:00'$$);

INSERT INTO accuracy.indexes (kind, schema, rest) VALUES
('hash', 'methods', $$things USING hash (digest)$$),
('gin', 'methods', $$things USING gin (tags)$$),
('gin', 'methods', $$things USING gin (doc)$$),
('gin', 'methods', $$things USING gin (doc jsonb_path_ops)$$),
('gin', 'methods', $$things USING gin (tsv)$$),
('gin', 'methods', $$things USING gin (digest gin_trgm_ops)$$),
('gin', 'methods', $$things USING gin (url gin_trgm_ops)$$),
('gist', 'methods', $$things USING gist (digest gist_trgm_ops)$$),
('gist', 'methods', $$things USING gist (place)$$),
('gist', 'methods', $$things USING gist (span)$$),
('gist', 'methods', $$things USING gist (tsv)$$),
('spgist', 'methods', $$things USING spgist (place)$$),
('spgist', 'methods', $$things USING spgist (url)$$),
('spgist', 'methods', $$things USING spgist (address)$$),
('brin', 'methods', $$things USING brin (at)$$),
('brin', 'methods', $$things USING brin (at) WITH (pages_per_range = 8)$$);

INSERT INTO accuracy.indexes (schema, rest, expression) VALUES
('methods', $$things USING gin (to_tsvector('simple', body))$$, true),
('methods', $$things (lower(url))$$, true),
('methods', $$things ((doc ->> 'user'))$$, true),
('methods', $$things ((doc ->> 'status'))$$, true),
('methods', $$things (((doc ->> 'user')::int))$$, true),
('methods', $$things (date_trunc('hour', at AT TIME ZONE 'UTC'))$$, true);
