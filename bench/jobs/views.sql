-- Views on tables that nobody changes.

CREATE TABLE bench.source AS SELECT g AS id, g % 100 AS kind, md5(g::text) AS note FROM generate_series(1, 20000) AS g;
CREATE VIEW bench.between AS SELECT kind, count(*) AS rows, max(note) AS note FROM bench.source GROUP BY kind;
SELECT format('CREATE MATERIALIZED VIEW bench.view_%s AS SELECT * FROM bench.between; CREATE UNIQUE INDEX ON bench.view_%s (kind)', n, n)
  FROM generate_series(1, :views) AS n \gexec
SELECT pgopt.refresh_every(format('bench.view_%s', n)::regclass, '1 second') FROM generate_series(1, :views) AS n;
