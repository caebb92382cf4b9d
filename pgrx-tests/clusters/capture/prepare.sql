-- What the test "capture" works with.
SET client_min_messages = warning;
CREATE EXTENSION pg_stat_statements;
CREATE EXTENSION pgopt;
CREATE ROLE bob LOGIN;
CREATE ROLE monitor LOGIN IN ROLE pg_monitor;
CREATE TABLE public.t AS SELECT g AS a, g % 7 AS b FROM generate_series(1, 20000) g;
ANALYZE public.t;
CREATE TABLE public.log (simple_n int, extended_n int, prepared_n int);
CREATE TABLE public.copied (a int);
CREATE TABLE public.secret (a int);
CREATE TABLE public.parent (id int PRIMARY KEY);
CREATE TABLE public.child (
    at_once int REFERENCES public.parent,
    later int REFERENCES public.parent DEFERRABLE INITIALLY DEFERRED);
CREATE MATERIALIZED VIEW public.mv AS SELECT a FROM public.t WHERE a <= 50;
CREATE FUNCTION public.counts(int) RETURNS int LANGUAGE plpgsql AS
  'BEGIN PERFORM TIME ''12:00'' AS nothing; RETURN 1; END';
CREATE TABLE public.triggers (a int);
CREATE FUNCTION public.by_trigger() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN PERFORM count(*) AS by_trigger FROM public.parent; RETURN NEW; END';
CREATE TRIGGER t AFTER INSERT ON public.triggers FOR EACH ROW EXECUTE FUNCTION public.by_trigger();
CREATE TABLE public.steps (a int);
CREATE PROCEDURE public.commits() LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1..4 LOOP
    INSERT INTO public.steps VALUES (i);
    IF i % 2 = 0 THEN ROLLBACK; ELSE COMMIT; END IF;
  END LOOP;
END $$;
CREATE FUNCTION public.catches() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1..3 LOOP
    BEGIN
      INSERT INTO public.parent VALUES (i), (i + 1) ON CONFLICT DO NOTHING;
      RAISE EXCEPTION 'own' USING ERRCODE = 'XX999';
    EXCEPTION WHEN SQLSTATE 'XX999' THEN NULL;
    END;
  END LOOP;
  RETURN 1;
END $$;
CREATE FUNCTION public.slow_to_plan() RETURNS int LANGUAGE plpgsql IMMUTABLE AS
  'BEGIN PERFORM pg_sleep(0.25); RETURN 1; END';
