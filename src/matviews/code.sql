-- Functions and enums that a materialized view's query uses, as one value.
-- $1 functions, $2 types whose values are written as text.
WITH RECURSIVE types(oid) AS (
    SELECT t.oid::oid FROM unnest($2::int8[]) AS t(oid)
    UNION
    SELECT part.oid
      FROM types AS t JOIN pg_type AS y ON y.oid = t.oid
           CROSS JOIN LATERAL (
               SELECT y.typelem WHERE y.typsubscript = 'array_subscript_handler'::regproc
               UNION ALL SELECT y.typbasetype WHERE y.typtype = 'd'
               UNION ALL SELECT a.atttypid FROM pg_attribute AS a
                          WHERE y.typtype = 'c' AND a.attrelid = y.typrelid AND a.attnum > 0 AND NOT a.attisdropped
               UNION ALL SELECT s.rngsubtype FROM pg_range AS s WHERE y.oid IN (s.rngtypid, s.rngmultitypid)
           ) AS part(oid)
), named(oid) AS (
    SELECT f.oid::oid FROM unnest($1::int8[]) AS f(oid)
    UNION
    SELECT y.typoutput::oid FROM types AS t JOIN pg_type AS y ON y.oid = t.oid
     WHERE y.typtype IN ('b', 'e', 'p') AND y.typsubscript <> 'array_subscript_handler'::regproc
    UNION
    SELECT c.castfunc FROM types AS t JOIN pg_cast AS c ON c.castsource = t.oid
     WHERE t.oid >= 12000 AND c.casttarget IN ('json'::regtype, 'jsonb'::regtype) AND c.castfunc <> 0
), functions(oid) AS (
    SELECT n.oid FROM named AS n
    UNION
    SELECT part.oid FROM pg_aggregate AS a CROSS JOIN unnest(ARRAY[a.aggtransfn, a.aggfinalfn, a.aggcombinefn,
               a.aggserialfn, a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn]::oid[]) AS part(oid)
     WHERE a.aggfnoid::oid IN (SELECT n.oid FROM named AS n WHERE n.oid >= 12000) AND part.oid <> 0
)
SELECT jsonb_build_object(
    'functions', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'oid', p.oid::int8, 'name', p.oid::regprocedure::text, 'volatility', p.provolatile::text,
                   'language', l.lanname, 'aggregate', p.prokind = 'a', 'version', p.xmin::text) ORDER BY p.oid), '[]')
          FROM functions AS f JOIN pg_proc AS p ON p.oid = f.oid JOIN pg_language AS l ON l.oid = p.prolang
         WHERE p.oid >= 12000 OR p.provolatile <> 'i'),
    'enums', (
        SELECT coalesce(jsonb_object_agg(e.oid::text, e.labels), '{}')
          FROM (SELECT v.enumtypid, hashtextextended(jsonb_agg(v.enumlabel ORDER BY v.enumsortorder)::text, 0)::text
                  FROM pg_enum AS v WHERE v.enumtypid IN (SELECT t.oid FROM types AS t) GROUP BY 1) AS e(oid, labels)))
