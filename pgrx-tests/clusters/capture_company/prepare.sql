-- What the workload works on.
SET client_min_messages = warning;
CREATE EXTENSION pg_stat_statements;
CREATE EXTENSION pgopt;
CREATE ROLE bob LOGIN;
CREATE TABLE public.t AS SELECT g AS a, g % 7 AS b FROM generate_series(1, 5000) g;
CREATE TABLE public.log (a int PRIMARY KEY, b text);
CREATE MATERIALIZED VIEW public.mv AS SELECT a FROM public.t WHERE a <= 50;
ANALYZE public.t;
CREATE FUNCTION public.nested(int) RETURNS bigint LANGUAGE plpgsql AS
  'BEGIN RETURN (SELECT count(*) FROM public.t WHERE b = $1); END';
CREATE PROCEDURE public.steps() LANGUAGE plpgsql AS
  'BEGIN INSERT INTO public.log VALUES (1000, ''x''); ROLLBACK; INSERT INTO public.log VALUES (1001, ''y''); COMMIT; END';
