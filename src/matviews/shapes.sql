-- The columns of tables and composite types, and the values of enums, that a materialized view's
-- query meets, as one value: a whole row depends on all of its columns, whatever they are.
-- $1 tables, $2 types.
WITH RECURSIVE types(oid) AS (
    (SELECT t.oid::oid FROM unnest($2::int8[]) AS t(oid)
     UNION
     SELECT a.atttypid FROM pg_attribute AS a
      WHERE a.attrelid = ANY ($1::int8[]::oid[]) AND a.attnum > 0 AND a.atttypid >= 12000)
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
     WHERE part.oid >= 12000
), rows(oid) AS (
    SELECT r.oid::oid FROM unnest($1::int8[]) AS r(oid)
    UNION
    SELECT y.typrelid FROM types AS t JOIN pg_type AS y ON y.oid = t.oid WHERE y.typtype = 'c'
)
SELECT to_jsonb(hashtextextended(concat_ws(E'\n', (
        SELECT string_agg(concat_ws(' ', a.attrelid, a.attnum, quote_ident(a.attname), a.atttypid, a.atttypmod,
                   a.attcollation, a.attisdropped, a.attgenerated, d.adbin::text), E'\n' ORDER BY a.attrelid, a.attnum)
          FROM rows AS r JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0
               LEFT JOIN pg_attrdef AS d ON a.attgenerated <> '' AND d.adrelid = a.attrelid AND d.adnum = a.attnum), (
        SELECT jsonb_agg(jsonb_build_array(v.enumtypid::int8, v.enumlabel) ORDER BY v.enumtypid, v.enumsortorder)::text
          FROM pg_enum AS v WHERE v.enumtypid IN (SELECT t.oid FROM types AS t))), 0)::text)
