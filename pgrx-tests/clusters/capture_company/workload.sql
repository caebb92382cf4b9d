-- Run under each order of libraries: the same results and counts every time.
SELECT count(*), sum(a) FROM public.t WHERE b IN (1, 2) AND a > 5;
SELECT t.a FROM public.t JOIN public.t u ON u.a = t.b WHERE t.a < 4 ORDER BY 1;
SELECT public.nested(3);
PREPARE p(int) AS SELECT a, 'x' FROM public.t WHERE a = $1 OR a = 7;
EXECUTE p(1); EXECUTE p(2); EXECUTE p(3); EXECUTE p(1); EXECUTE p(1); EXECUTE p(1); EXECUTE p(1);
DEALLOCATE p;
INSERT INTO public.log SELECT g, 'row' FROM generate_series(1, 20) g;
UPDATE public.log SET b = 'changed' WHERE a <= 5 RETURNING a;
DELETE FROM public.log WHERE a > 15;
INSERT INTO public.log VALUES (1, 'twice');
SELECT 1 / (a - a) FROM public.log;
SELECT FROM public.nowhere;
SELEC 1;
BEGIN; SAVEPOINT s; INSERT INTO public.log VALUES (1, 'again'); ROLLBACK TO s; RELEASE s; COMMIT;
BEGIN; DECLARE c CURSOR FOR SELECT a, 1.5 FROM public.t WHERE a < 100 ORDER BY a; FETCH 2 FROM c; FETCH 3 FROM c; CLOSE c; COMMIT;
COPY public.log (a, b) FROM STDIN WITH (FORMAT csv);
501,one
502,two
503,three
\.
COPY (SELECT a FROM public.log WHERE a > 500 ORDER BY a) TO STDOUT;
CREATE TABLE public.made AS SELECT a FROM public.t WHERE a < 10;
SELECT a INTO public.made_too FROM public.t WHERE a < 5;
REFRESH MATERIALIZED VIEW public.mv;
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT 1 FROM public.made WHERE a = 3;
CREATE INDEX made_a ON public.made (a);
ALTER TABLE public.made ADD b int DEFAULT 5;
VACUUM public.made;
TRUNCATE public.made;
CALL public.steps();
DO $$ BEGIN PERFORM 1 / 0; EXCEPTION WHEN division_by_zero THEN PERFORM 2; END $$;
SET work_mem = '1MB';
SHOW work_mem;
RESET work_mem;
LISTEN channel;
UNLISTEN *;
EXPLAIN SELECT 1;
DROP TABLE public.made, public.made_too;
TRUNCATE public.log;
SELECT 'done';
