-- Judges the indexes made by hand, in the database of a system whose advice has
-- been built. Schema "hand" holds empty tables with those indexes, and bench.texts
-- the queries.

CREATE FUNCTION bench.keys(index oid) RETURNS text[] LANGUAGE sql STABLE
    RETURN (SELECT array_agg(pg_get_indexdef(index, k, true) || ' ' || o.opcname ORDER BY k)
            FROM pg_index i CROSS JOIN generate_series(1, i.indnkeyatts) k
            JOIN pg_opclass o ON o.oid = i.indclass[k - 1]
            WHERE i.indexrelid = index);

CREATE FUNCTION bench.columns(index oid) RETURNS text[] LANGUAGE sql STABLE
    RETURN (SELECT array_agg(pg_get_indexdef(index, k, true))
            FROM pg_index i, generate_series(1, i.indnatts) k WHERE i.indexrelid = index);

-- 0 and 1 per key: whether it is descending.
CREATE FUNCTION bench.directions(index oid) RETURNS int[] LANGUAGE sql STABLE
    RETURN (SELECT array_agg(i.indoption[k - 1] & 1 ORDER BY k)
            FROM pg_index i, generate_series(1, i.indnkeyatts) k WHERE i.indexrelid = index);

-- Indexes that do not belong to a constraint.
CREATE VIEW bench.indexes AS
SELECT c.relnamespace::regnamespace::text AS schema, c.oid, c.relname AS name, t.relname AS "table", a.amname AS method,
       pg_get_expr(i.indpred, i.indrelid) AS predicate, i.indexprs IS NOT NULL AS has_expressions,
       i.indnatts > i.indnkeyatts AS is_covering,
       bench.keys(c.oid) AS keys, bench.columns(c.oid) AS columns, bench.directions(c.oid) AS directions
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_am a ON a.oid = c.relam
WHERE c.relnamespace IN ('public'::regnamespace, 'hand'::regnamespace)
  AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = c.oid);

-- An index that is the other one or a wider one: its keys begin with the other's,
-- read forwards or backwards, and it holds the same rows and all the columns. One on
-- all rows can be much worse than a partial one: there the costs decide.
CREATE FUNCTION bench.covers(wide bench.indexes, narrow bench.indexes) RETURNS boolean LANGUAGE sql STABLE
    RETURN (wide)."table" = (narrow)."table" AND (wide).method = (narrow).method
       AND (wide).predicate IS NOT DISTINCT FROM (narrow).predicate
       AND (wide).keys[:cardinality((narrow).keys)] = (narrow).keys
       AND (wide).columns @> (narrow).columns
       AND (SELECT count(DISTINCT w <> n) = 1
            FROM unnest((wide).directions[:cardinality((narrow).keys)], (narrow).directions) AS d(w, n));

CREATE TABLE bench.hand AS
SELECT i.*, obj_description(i.oid, 'pg_class') AS purpose,
       replace(pg_get_indexdef(i.oid), ' ON hand.', ' ON public.') AS ddl,
       concat_ws(' ',
           CASE WHEN predicate IS NOT NULL THEN 'partial' END,
           CASE WHEN has_expressions THEN 'expression' END,
           CASE WHEN is_covering THEN 'covering' END,
           CASE WHEN method = 'btree' AND cardinality(keys) > 1 THEN 'multicolumn' END,
           CASE WHEN array_to_string(keys, ' ') ~ 'trgm_ops' THEN 'trigram' END,
           method) AS kind,
       EXISTS (SELECT FROM bench.indexes a WHERE a.schema = 'public' AND bench.covers(a, i)) AS found
FROM bench.indexes i WHERE schema = 'hand';

-- Mean cost of each query over its values. Bare: as if the advice had not been
-- built.
CREATE FUNCTION bench.costs(bare boolean, added text[] DEFAULT '{}')
RETURNS TABLE (query text, cost float8) LANGUAGE sql
BEGIN ATOMIC
    SELECT t.query, avg(w.cost)
    FROM pgopt.workload_cost(
             (SELECT array_agg(t.sql ORDER BY t.id) FROM bench.texts t), added,
             (SELECT coalesce(array_agg(i.oid::regclass), '{}') FROM bench.indexes i
              WHERE i.schema = 'public' AND bare AND NOT EXISTS (SELECT FROM bench.hand h WHERE h.name = i.name))) AS w
    JOIN (SELECT row_number() OVER (ORDER BY id) AS number, bench.texts.* FROM bench.texts) AS t ON t.number = w.query
    GROUP BY t.query;
END;

CREATE TABLE bench.base AS
SELECT bare, c.* FROM unnest(ARRAY[false, true]) AS bare, bench.costs(bare) AS c;

CREATE TABLE bench.with_hand (bare boolean, name text, query text, cost float8);

-- What-if where it can, else with the index built for the moment.
DO $$
DECLARE
    h record;
BEGIN
    FOR h IN SELECT name, ddl FROM bench.hand LOOP
        BEGIN
            INSERT INTO bench.with_hand
            SELECT bare, h.name, c.* FROM unnest(ARRAY[false, true]) AS bare, bench.costs(bare, ARRAY[h.ddl]) AS c;
        EXCEPTION WHEN feature_not_supported THEN
            EXECUTE h.ddl;
            INSERT INTO bench.with_hand
            SELECT bare, h.name, c.* FROM unnest(ARRAY[false, true]) AS bare, bench.costs(bare) AS c;
            EXECUTE format('DROP INDEX public.%I', h.name);
        END;
    END LOOP;
END
$$;

-- For each index the query that it makes cheaper by the largest share.
CREATE VIEW bench.shares AS
SELECT DISTINCT ON (bare, name) bare, name, query, 1 - w.cost / b.cost AS share
FROM bench.with_hand w JOIN bench.base b USING (bare, query)
ORDER BY bare, name, share DESC;

CREATE VIEW bench.verdicts AS
SELECT h.name, h.purpose, h.kind,
       CASE WHEN h.found THEN 'found'
            WHEN now.share > 0.01 THEN 'missed'
            WHEN bare.share > 0.01 THEN 'bettered'
            ELSE 'idle' END AS verdict,
       now.query, now.share,
       -- What it would save of what everything cost at the start, and of what that query did.
       (SELECT sum(b.cost - w.cost) FROM bench.with_hand w JOIN bench.base b USING (bare, query)
        WHERE w.name = h.name AND NOT w.bare)
       / (SELECT sum(cost) FROM bench.base WHERE base.bare) AS of_workload,
       now.share * (SELECT max(cost) FILTER (WHERE NOT b.bare) / max(cost) FILTER (WHERE b.bare)
                    FROM bench.base b WHERE b.query = now.query) AS of_query
FROM bench.hand h
JOIN bench.shares now ON now.name = h.name AND NOT now.bare
JOIN bench.shares bare ON bare.name = h.name AND bare.bare;
