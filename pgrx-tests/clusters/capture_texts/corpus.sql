-- Statements of every kind. Run once each; errors are part of it.
SELECT 1 AS c0;
  SELECT /* before */ 1/* after */, 0 -- end
 , 'x0';

	SELECT 0 AS c1 ;
/* lead 'x' 5 */ SELECT /* before */ 0/* after */, 1 -- end
 , 'x1'
;
-- lead 'y'
SELECT -1 AS c2/* trail 6 */;
SELECT /* before */ -1/* after */, 2 -- end
 , 'x2' -- trail 'z'
;
  SELECT - 1 AS c3;

	SELECT /* before */ - 1/* after */, 3 -- end
 , 'x3';
/* lead 'x' 5 */ SELECT +5 AS c4 ;
-- lead 'y'
SELECT /* before */ +5/* after */, 4 -- end
 , 'x4'
;
SELECT -(-3) AS c5/* trail 6 */;
  SELECT /* before */ -(-3)/* after */, 5 -- end
 , 'x5' -- trail 'z'
;

	SELECT 1.5 AS c6;
/* lead 'x' 5 */ SELECT /* before */ 1.5/* after */, 6 -- end
 , 'x6';
-- lead 'y'
SELECT .5 AS c7 ;
SELECT /* before */ .5/* after */, 7 -- end
 , 'x7'
;
  SELECT 5. AS c8/* trail 6 */;

	SELECT /* before */ 5./* after */, 8 -- end
 , 'x8' -- trail 'z'
;
/* lead 'x' 5 */ SELECT 1e10 AS c9;
-- lead 'y'
SELECT /* before */ 1e10/* after */, 9 -- end
 , 'x9';
SELECT 1.5E-7 AS c10 ;
  SELECT /* before */ 1.5E-7/* after */, 10 -- end
 , 'x10'
;

	SELECT 2147483648 AS c11/* trail 6 */;
/* lead 'x' 5 */ SELECT /* before */ 2147483648/* after */, 11 -- end
 , 'x11' -- trail 'z'
;
-- lead 'y'
SELECT 9223372036854775808 AS c12;
SELECT /* before */ 9223372036854775808/* after */, 12 -- end
 , 'x12';
  SELECT -9223372036854775808 AS c13 ;

	SELECT /* before */ -9223372036854775808/* after */, 13 -- end
 , 'x13'
;
/* lead 'x' 5 */ SELECT 123456789012345678901234567890 AS c14/* trail 6 */;
-- lead 'y'
SELECT /* before */ 123456789012345678901234567890/* after */, 14 -- end
 , 'x14' -- trail 'z'
;
SELECT 'a' AS c15;
  SELECT /* before */ 'a'/* after */, 15 -- end
 , 'x15';

	SELECT '' AS c16 ;
/* lead 'x' 5 */ SELECT /* before */ ''/* after */, 16 -- end
 , 'x16'
;
-- lead 'y'
SELECT 'it''s' AS c17/* trail 6 */;
SELECT /* before */ 'it''s'/* after */, 17 -- end
 , 'x17' -- trail 'z'
;
  SELECT E'a\nb' AS c18;

	SELECT /* before */ E'a\nb'/* after */, 18 -- end
 , 'x18';
/* lead 'x' 5 */ SELECT E'it\'s' AS c19 ;
-- lead 'y'
SELECT /* before */ E'it\'s'/* after */, 19 -- end
 , 'x19'
;
SELECT e'\x41' AS c20/* trail 6 */;
  SELECT /* before */ e'\x41'/* after */, 20 -- end
 , 'x20' -- trail 'z'
;

	SELECT U&'d\0061t' AS c21;
/* lead 'x' 5 */ SELECT /* before */ U&'d\0061t'/* after */, 21 -- end
 , 'x21';
-- lead 'y'
SELECT U&'d!0061t' UESCAPE '!' AS c22 ;
SELECT /* before */ U&'d!0061t' UESCAPE '!'/* after */, 22 -- end
 , 'x22'
;
  SELECT N'nat' AS c23/* trail 6 */;

	SELECT /* before */ N'nat'/* after */, 23 -- end
 , 'x23' -- trail 'z'
;
/* lead 'x' 5 */ SELECT B'0101' AS c24;
-- lead 'y'
SELECT /* before */ B'0101'/* after */, 24 -- end
 , 'x24';
SELECT X'1FF' AS c25 ;
  SELECT /* before */ X'1FF'/* after */, 25 -- end
 , 'x25'
;

	SELECT $$dollar$$ AS c26/* trail 6 */;
/* lead 'x' 5 */ SELECT /* before */ $$dollar$$/* after */, 26 -- end
 , 'x26' -- trail 'z'
;
-- lead 'y'
SELECT $tag$ it's $$ $tag$ AS c27;
SELECT /* before */ $tag$ it's $$ $tag$/* after */, 27 -- end
 , 'x27';
  SELECT 'a'
'b' AS c28 ;

	SELECT /* before */ 'a'
'b'/* after */, 28 -- end
 , 'x28'
;
/* lead 'x' 5 */ SELECT 'a' -- c
 'b' AS c29/* trail 6 */;
-- lead 'y'
SELECT /* before */ 'a' -- c
 'b'/* after */, 29 -- end
 , 'x29' -- trail 'z'
;
SELECT TRUE AS c30;
  SELECT /* before */ TRUE/* after */, 30 -- end
 , 'x30';

	SELECT false AS c31 ;
/* lead 'x' 5 */ SELECT /* before */ false/* after */, 31 -- end
 , 'x31'
;
-- lead 'y'
SELECT NULL AS c32/* trail 6 */;
SELECT /* before */ NULL/* after */, 32 -- end
 , 'x32' -- trail 'z'
;
  SELECT NULL::int AS c33;

	SELECT /* before */ NULL::int/* after */, 33 -- end
 , 'x33';
/* lead 'x' 5 */ SELECT true::text AS c34 ;
-- lead 'y'
SELECT /* before */ true::text/* after */, 34 -- end
 , 'x34'
;
SELECT '1'::int AS c35/* trail 6 */;
  SELECT /* before */ '1'::int/* after */, 35 -- end
 , 'x35' -- trail 'z'
;

	SELECT CAST('5' AS int) AS c36;
/* lead 'x' 5 */ SELECT /* before */ CAST('5' AS int)/* after */, 36 -- end
 , 'x36';
-- lead 'y'
SELECT int '7' AS c37 ;
SELECT /* before */ int '7'/* after */, 37 -- end
 , 'x37'
;
  SELECT DATE '2020-01-01' AS c38/* trail 6 */;

	SELECT /* before */ DATE '2020-01-01'/* after */, 38 -- end
 , 'x38' -- trail 'z'
;
/* lead 'x' 5 */ SELECT TIMESTAMP WITH TIME ZONE '2020-01-01 00:00+00' AS c39;
-- lead 'y'
SELECT /* before */ TIMESTAMP WITH TIME ZONE '2020-01-01 00:00+00'/* after */, 39 -- end
 , 'x39';
SELECT INTERVAL '1 day' AS c40 ;
  SELECT /* before */ INTERVAL '1 day'/* after */, 40 -- end
 , 'x40'
;

	SELECT INTERVAL '1' YEAR AS c41/* trail 6 */;
/* lead 'x' 5 */ SELECT /* before */ INTERVAL '1' YEAR/* after */, 41 -- end
 , 'x41' -- trail 'z'
;
-- lead 'y'
SELECT INTERVAL '1:2' HOUR TO MINUTE AS c42;
SELECT /* before */ INTERVAL '1:2' HOUR TO MINUTE/* after */, 42 -- end
 , 'x42';
  SELECT INTERVAL(3) '1.123 s' AS c43 ;

	SELECT /* before */ INTERVAL(3) '1.123 s'/* after */, 43 -- end
 , 'x43'
;
/* lead 'x' 5 */ SELECT TIME '12:00' AS c44/* trail 6 */;
-- lead 'y'
SELECT /* before */ TIME '12:00'/* after */, 44 -- end
 , 'x44' -- trail 'z'
;
SELECT '{1,2}'::int[] AS c45;
  SELECT /* before */ '{1,2}'::int[]/* after */, 45 -- end
 , 'x45';

	SELECT ARRAY[1,2,3] AS c46 ;
/* lead 'x' 5 */ SELECT /* before */ ARRAY[1,2,3]/* after */, 46 -- end
 , 'x46'
;
-- lead 'y'
SELECT ARRAY['a','b']::text[] AS c47/* trail 6 */;
SELECT /* before */ ARRAY['a','b']::text[]/* after */, 47 -- end
 , 'x47' -- trail 'z'
;
  SELECT ARRAY[[1,2],[3,4]] AS c48;

	SELECT /* before */ ARRAY[[1,2],[3,4]]/* after */, 48 -- end
 , 'x48';
/* lead 'x' 5 */ SELECT ROW(1,'a') AS c49 ;
-- lead 'y'
SELECT /* before */ ROW(1,'a')/* after */, 49 -- end
 , 'x49'
;
SELECT (1,2) AS c50/* trail 6 */;
  SELECT /* before */ (1,2)/* after */, 50 -- end
 , 'x50' -- trail 'z'
;

	SELECT '(1,2)'::point AS c51;
/* lead 'x' 5 */ SELECT /* before */ '(1,2)'::point/* after */, 51 -- end
 , 'x51';
-- lead 'y'
SELECT numeric(5,2) '1.25' AS c52 ;
SELECT /* before */ numeric(5,2) '1.25'/* after */, 52 -- end
 , 'x52'
;
  SELECT 'x'::varchar(10) AS c53/* trail 6 */;

	SELECT /* before */ 'x'::varchar(10)/* after */, 53 -- end
 , 'x53' -- trail 'z'
;
/* lead 'x' 5 */ SELECT 'abc' COLLATE "C" AS c54;
-- lead 'y'
SELECT /* before */ 'abc' COLLATE "C"/* after */, 54 -- end
 , 'x54';
SELECT '5'::"char" AS c55 ;
  SELECT /* before */ '5'::"char"/* after */, 55 -- end
 , 'x55'
;

	SELECT 'ä€😀' AS c56/* trail 6 */;
/* lead 'x' 5 */ SELECT /* before */ 'ä€😀'/* after */, 56 -- end
 , 'x56' -- trail 'z'
;
-- lead 'y'
SELECT '\' AS c57;
SELECT /* before */ '\'/* after */, 57 -- end
 , 'x57';
  SELECT 'a\b' AS c58 ;

	SELECT /* before */ 'a\b'/* after */, 58 -- end
 , 'x58'
;
/* lead 'x' 5 */ SELECT '{"a": 1}'::jsonb AS c59/* trail 6 */;
-- lead 'y'
SELECT /* before */ '{"a": 1}'::jsonb/* after */, 59 -- end
 , 'x59' -- trail 'z'
;
SELECT '{"a": 1}'::json -> 'a' AS c60;
  SELECT /* before */ '{"a": 1}'::json -> 'a'/* after */, 60 -- end
 , 'x60';

	SELECT '{"a": {"b": 2}}'::jsonb #>> '{a,b}' AS c61 ;
/* lead 'x' 5 */ SELECT /* before */ '{"a": {"b": 2}}'::jsonb #>> '{a,b}'/* after */, 61 -- end
 , 'x61'
;
-- lead 'y'
SELECT '{"a": 1}'::jsonb @> '{"a": 1}' AS c62/* trail 6 */;
SELECT /* before */ '{"a": 1}'::jsonb @> '{"a": 1}'/* after */, 62 -- end
 , 'x62' -- trail 'z'
;
  SELECT '{"a": 1}'::jsonb ? 'a' AS c63;

	SELECT /* before */ '{"a": 1}'::jsonb ? 'a'/* after */, 63 -- end
 , 'x63';
/* lead 'x' 5 */ SELECT '{"a": [1,2]}'::jsonb @? '$.a[*] ? (@ > 1)' AS c64 ;
-- lead 'y'
SELECT /* before */ '{"a": [1,2]}'::jsonb @? '$.a[*] ? (@ > 1)'/* after */, 64 -- end
 , 'x64'
;
SELECT jsonb_path_query_array('[1,2,3]', '$[*] ? (@ > $x)', '{"x": 1}') AS c65/* trail 6 */;
  SELECT /* before */ jsonb_path_query_array('[1,2,3]', '$[*] ? (@ > $x)', '{"x": 1}')/* after */, 65 -- end
 , 'x65' -- trail 'z'
;

	SELECT count(*) FROM t WHERE a IN (1, 2, 3);
/* lead 'x' 5 */ SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a IN (1, 2, 3)
  AND a <> 42 HAVING count(*) > -1;
-- lead 'y'
SELECT count(*) FROM t WHERE a IN (1) ;
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a IN (1)
  AND a <> 42 HAVING count(*) > -1
;
  SELECT count(*) FROM t WHERE a NOT IN (1,2)/* trail 6 */;

	SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a NOT IN (1,2)
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;
/* lead 'x' 5 */ SELECT count(*) FROM t WHERE b IN ('x','y','z');
-- lead 'y'
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE b IN ('x','y','z')
  AND a <> 42 HAVING count(*) > -1;
SELECT count(*) FROM t WHERE a = ANY ('{1,2}') ;
  SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a = ANY ('{1,2}')
  AND a <> 42 HAVING count(*) > -1
;

	SELECT count(*) FROM t WHERE a = ANY (ARRAY[1,2])/* trail 6 */;
/* lead 'x' 5 */ SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a = ANY (ARRAY[1,2])
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;
-- lead 'y'
SELECT count(*) FROM t WHERE a = ALL (ARRAY[1]);
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a = ALL (ARRAY[1])
  AND a <> 42 HAVING count(*) > -1;
  SELECT count(*) FROM t WHERE a BETWEEN 1 AND 5 ;

	SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a BETWEEN 1 AND 5
  AND a <> 42 HAVING count(*) > -1
;
/* lead 'x' 5 */ SELECT count(*) FROM t WHERE a NOT BETWEEN 1 AND 5/* trail 6 */;
-- lead 'y'
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a NOT BETWEEN 1 AND 5
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;
SELECT count(*) FROM t WHERE a BETWEEN SYMMETRIC 5 AND 1;
  SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a BETWEEN SYMMETRIC 5 AND 1
  AND a <> 42 HAVING count(*) > -1;

	SELECT count(*) FROM t WHERE a NOT BETWEEN SYMMETRIC 5 AND 1 ;
/* lead 'x' 5 */ SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a NOT BETWEEN SYMMETRIC 5 AND 1
  AND a <> 42 HAVING count(*) > -1
;
-- lead 'y'
SELECT count(*) FROM t WHERE a BETWEEN SYMMETRIC b::int AND 3 AND a <> 7/* trail 6 */;
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a BETWEEN SYMMETRIC b::int AND 3 AND a <> 7
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;
  SELECT count(*) FROM t WHERE b LIKE 'x%';

	SELECT 'lit', count(*), 7 /* of */ FROM t WHERE b LIKE 'x%'
  AND a <> 42 HAVING count(*) > -1;
/* lead 'x' 5 */ SELECT count(*) FROM t WHERE b NOT LIKE 'x%' ESCAPE '!' ;
-- lead 'y'
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE b NOT LIKE 'x%' ESCAPE '!'
  AND a <> 42 HAVING count(*) > -1
;
SELECT count(*) FROM t WHERE b ILIKE '%y'/* trail 6 */;
  SELECT 'lit', count(*), 7 /* of */ FROM t WHERE b ILIKE '%y'
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;

	SELECT count(*) FROM t WHERE b SIMILAR TO 'a|b';
/* lead 'x' 5 */ SELECT 'lit', count(*), 7 /* of */ FROM t WHERE b SIMILAR TO 'a|b'
  AND a <> 42 HAVING count(*) > -1;
-- lead 'y'
SELECT count(*) FROM t WHERE b SIMILAR TO 'a|b' ESCAPE '!' ;
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE b SIMILAR TO 'a|b' ESCAPE '!'
  AND a <> 42 HAVING count(*) > -1
;
  SELECT count(*) FROM t WHERE b ~ '^1'/* trail 6 */;

	SELECT 'lit', count(*), 7 /* of */ FROM t WHERE b ~ '^1'
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;
/* lead 'x' 5 */ SELECT count(*) FROM t WHERE b ~* 'X' AND a>-5;
-- lead 'y'
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE b ~* 'X' AND a>-5
  AND a <> 42 HAVING count(*) > -1;
SELECT count(*) FROM t WHERE a=-5 ;
  SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a=-5
  AND a <> 42 HAVING count(*) > -1
;

	SELECT count(*) FROM t WHERE a<>- 5/* trail 6 */;
/* lead 'x' 5 */ SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a<>- 5
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;
-- lead 'y'
SELECT count(*) FROM t WHERE a - -5 > 3;
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a - -5 > 3
  AND a <> 42 HAVING count(*) > -1;
  SELECT count(*) FROM t WHERE a-5>3 ;

	SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a-5>3
  AND a <> 42 HAVING count(*) > -1
;
/* lead 'x' 5 */ SELECT count(*) FROM t WHERE a*-1<0/* trail 6 */;
-- lead 'y'
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a*-1<0
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;
SELECT count(*) FROM t WHERE (a+1)*2 = 4;
  SELECT 'lit', count(*), 7 /* of */ FROM t WHERE (a+1)*2 = 4
  AND a <> 42 HAVING count(*) > -1;

	SELECT count(*) FROM t WHERE a % 2 = 0 ;
/* lead 'x' 5 */ SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a % 2 = 0
  AND a <> 42 HAVING count(*) > -1
;
-- lead 'y'
SELECT count(*) FROM t WHERE a IS NULL OR a IS NOT DISTINCT FROM 5/* trail 6 */;
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a IS NULL OR a IS NOT DISTINCT FROM 5
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;
  SELECT count(*) FROM t WHERE a IS DISTINCT FROM NULL;

	SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a IS DISTINCT FROM NULL
  AND a <> 42 HAVING count(*) > -1;
/* lead 'x' 5 */ SELECT count(*) FROM t WHERE c IS TRUE ;
-- lead 'y'
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE c IS TRUE
  AND a <> 42 HAVING count(*) > -1
;
SELECT count(*) FROM t WHERE c = true AND NOT false/* trail 6 */;
  SELECT 'lit', count(*), 7 /* of */ FROM t WHERE c = true AND NOT false
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;

	SELECT count(*) FROM t WHERE c IS NOT UNKNOWN;
/* lead 'x' 5 */ SELECT 'lit', count(*), 7 /* of */ FROM t WHERE c IS NOT UNKNOWN
  AND a <> 42 HAVING count(*) > -1;
-- lead 'y'
SELECT count(*) FROM t WHERE NULLIF(a, 5) = 1 ;
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE NULLIF(a, 5) = 1
  AND a <> 42 HAVING count(*) > -1
;
  SELECT count(*) FROM t WHERE COALESCE(a, 0, 1) = 1/* trail 6 */;

	SELECT 'lit', count(*), 7 /* of */ FROM t WHERE COALESCE(a, 0, 1) = 1
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;
/* lead 'x' 5 */ SELECT count(*) FROM t WHERE GREATEST(a, 1, 2) = 2;
-- lead 'y'
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE GREATEST(a, 1, 2) = 2
  AND a <> 42 HAVING count(*) > -1;
SELECT count(*) FROM t WHERE LEAST(1, a) = 1 ;
  SELECT 'lit', count(*), 7 /* of */ FROM t WHERE LEAST(1, a) = 1
  AND a <> 42 HAVING count(*) > -1
;

	SELECT count(*) FROM t WHERE CASE WHEN a = 1 THEN 'one' WHEN a = 2 THEN 'two' ELSE 'many' END = 'one'/* trail 6 */;
/* lead 'x' 5 */ SELECT 'lit', count(*), 7 /* of */ FROM t WHERE CASE WHEN a = 1 THEN 'one' WHEN a = 2 THEN 'two' ELSE 'many' END = 'one'
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;
-- lead 'y'
SELECT count(*) FROM t WHERE CASE a WHEN 1 THEN 2 ELSE 3 END = 2;
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE CASE a WHEN 1 THEN 2 ELSE 3 END = 2
  AND a <> 42 HAVING count(*) > -1;
  SELECT count(*) FROM t WHERE d > now() - INTERVAL '7 days' ;

	SELECT 'lit', count(*), 7 /* of */ FROM t WHERE d > now() - INTERVAL '7 days'
  AND a <> 42 HAVING count(*) > -1
;
/* lead 'x' 5 */ SELECT count(*) FROM t WHERE d > CURRENT_DATE - 7/* trail 6 */;
-- lead 'y'
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE d > CURRENT_DATE - 7
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;
SELECT count(*) FROM t WHERE EXTRACT(year FROM d) = 2020;
  SELECT 'lit', count(*), 7 /* of */ FROM t WHERE EXTRACT(year FROM d) = 2020
  AND a <> 42 HAVING count(*) > -1;

	SELECT count(*) FROM t WHERE EXTRACT(EPOCH FROM d) > 0 ;
/* lead 'x' 5 */ SELECT 'lit', count(*), 7 /* of */ FROM t WHERE EXTRACT(EPOCH FROM d) > 0
  AND a <> 42 HAVING count(*) > -1
;
-- lead 'y'
SELECT count(*) FROM t WHERE EXTRACT('month' FROM d) = 1/* trail 6 */;
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE EXTRACT('month' FROM d) = 1
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;
  SELECT count(*) FROM t WHERE date_trunc('day', d) = '2020-01-01';

	SELECT 'lit', count(*), 7 /* of */ FROM t WHERE date_trunc('day', d) = '2020-01-01'
  AND a <> 42 HAVING count(*) > -1;
/* lead 'x' 5 */ SELECT count(*) FROM t WHERE d AT TIME ZONE 'UTC' < '2030-01-01' ;
-- lead 'y'
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE d AT TIME ZONE 'UTC' < '2030-01-01'
  AND a <> 42 HAVING count(*) > -1
;
SELECT count(*) FROM t WHERE (d, d) OVERLAPS (DATE '2001-02-16', INTERVAL '100 days')/* trail 6 */;
  SELECT 'lit', count(*), 7 /* of */ FROM t WHERE (d, d) OVERLAPS (DATE '2001-02-16', INTERVAL '100 days')
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;

	SELECT count(*) FROM t WHERE d::date = '2020-01-01'::date;
/* lead 'x' 5 */ SELECT 'lit', count(*), 7 /* of */ FROM t WHERE d::date = '2020-01-01'::date
  AND a <> 42 HAVING count(*) > -1;
-- lead 'y'
SELECT count(*) FROM t WHERE position('a' in b) > 0 ;
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE position('a' in b) > 0
  AND a <> 42 HAVING count(*) > -1
;
  SELECT count(*) FROM t WHERE substring(b from 1 for 2) = 'x'/* trail 6 */;

	SELECT 'lit', count(*), 7 /* of */ FROM t WHERE substring(b from 1 for 2) = 'x'
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;
/* lead 'x' 5 */ SELECT count(*) FROM t WHERE substring(b similar 'x#"y#"z' escape '#') = 'y';
-- lead 'y'
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE substring(b similar 'x#"y#"z' escape '#') = 'y'
  AND a <> 42 HAVING count(*) > -1;
SELECT count(*) FROM t WHERE overlay(b placing 'x' from 1 for 2) = 'x' ;
  SELECT 'lit', count(*), 7 /* of */ FROM t WHERE overlay(b placing 'x' from 1 for 2) = 'x'
  AND a <> 42 HAVING count(*) > -1
;

	SELECT count(*) FROM t WHERE trim(both 'x' from b) = ''/* trail 6 */;
/* lead 'x' 5 */ SELECT 'lit', count(*), 7 /* of */ FROM t WHERE trim(both 'x' from b) = ''
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;
-- lead 'y'
SELECT count(*) FROM t WHERE trim(leading from b) = 'x';
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE trim(leading from b) = 'x'
  AND a <> 42 HAVING count(*) > -1;
  SELECT count(*) FROM t WHERE b || 'x' || 'y' = 'axy' ;

	SELECT 'lit', count(*), 7 /* of */ FROM t WHERE b || 'x' || 'y' = 'axy'
  AND a <> 42 HAVING count(*) > -1
;
/* lead 'x' 5 */ SELECT count(*) FROM t WHERE b::int + '5'::int = 6/* trail 6 */;
-- lead 'y'
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE b::int + '5'::int = 6
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;
SELECT count(*) FROM t WHERE b COLLATE "C" < 'x';
  SELECT 'lit', count(*), 7 /* of */ FROM t WHERE b COLLATE "C" < 'x'
  AND a <> 42 HAVING count(*) > -1;

	SELECT count(*) FROM t WHERE (a, b) = (1, 'x') ;
/* lead 'x' 5 */ SELECT 'lit', count(*), 7 /* of */ FROM t WHERE (a, b) = (1, 'x')
  AND a <> 42 HAVING count(*) > -1
;
-- lead 'y'
SELECT count(*) FROM t WHERE (a, b) IN ((1, 'x'), (2, 'y'))/* trail 6 */;
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE (a, b) IN ((1, 'x'), (2, 'y'))
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;
  SELECT count(*) FROM t WHERE (a, b) > (1, 'x');

	SELECT 'lit', count(*), 7 /* of */ FROM t WHERE (a, b) > (1, 'x')
  AND a <> 42 HAVING count(*) > -1;
/* lead 'x' 5 */ SELECT count(*) FROM t WHERE ROW(a, 1) = ROW(1, 1) ;
-- lead 'y'
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE ROW(a, 1) = ROW(1, 1)
  AND a <> 42 HAVING count(*) > -1
;
SELECT count(*) FROM t WHERE arr[1] = 5/* trail 6 */;
  SELECT 'lit', count(*), 7 /* of */ FROM t WHERE arr[1] = 5
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;

	SELECT count(*) FROM t WHERE arr[1:2] = '{1,2}';
/* lead 'x' 5 */ SELECT 'lit', count(*), 7 /* of */ FROM t WHERE arr[1:2] = '{1,2}'
  AND a <> 42 HAVING count(*) > -1;
-- lead 'y'
SELECT count(*) FROM t WHERE arr && ARRAY[1,2] ;
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE arr && ARRAY[1,2]
  AND a <> 42 HAVING count(*) > -1
;
  SELECT count(*) FROM t WHERE arr || 5 = '{5}'/* trail 6 */;

	SELECT 'lit', count(*), 7 /* of */ FROM t WHERE arr || 5 = '{5}'
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;
/* lead 'x' 5 */ SELECT count(*) FROM t WHERE 5 = ANY (arr);
-- lead 'y'
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE 5 = ANY (arr)
  AND a <> 42 HAVING count(*) > -1;
SELECT count(*) FROM t WHERE j ->> 'k' = 'v' ;
  SELECT 'lit', count(*), 7 /* of */ FROM t WHERE j ->> 'k' = 'v'
  AND a <> 42 HAVING count(*) > -1
;

	SELECT count(*) FROM t WHERE j -> 0 = '1'/* trail 6 */;
/* lead 'x' 5 */ SELECT 'lit', count(*), 7 /* of */ FROM t WHERE j -> 0 = '1'
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;
-- lead 'y'
SELECT count(*) FROM t WHERE j #> '{a,0}' = '1';
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE j #> '{a,0}' = '1'
  AND a <> 42 HAVING count(*) > -1;
  SELECT count(*) FROM t WHERE j @> '{"a":1}' ;

	SELECT 'lit', count(*), 7 /* of */ FROM t WHERE j @> '{"a":1}'
  AND a <> 42 HAVING count(*) > -1
;
/* lead 'x' 5 */ SELECT count(*) FROM t WHERE j ?| ARRAY['a','b']/* trail 6 */;
-- lead 'y'
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE j ?| ARRAY['a','b']
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;
SELECT count(*) FROM t WHERE j ?& '{a,b}';
  SELECT 'lit', count(*), 7 /* of */ FROM t WHERE j ?& '{a,b}'
  AND a <> 42 HAVING count(*) > -1;

	SELECT count(*) FROM t WHERE j - 'a' = '{}' ;
/* lead 'x' 5 */ SELECT 'lit', count(*), 7 /* of */ FROM t WHERE j - 'a' = '{}'
  AND a <> 42 HAVING count(*) > -1
;
-- lead 'y'
SELECT count(*) FROM t WHERE j['k'] = '"v"'/* trail 6 */;
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE j['k'] = '"v"'
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;
  SELECT count(*) FROM t WHERE EXISTS (SELECT 1 FROM t2 WHERE t2.a = t.a AND t2.b = 'q');

	SELECT 'lit', count(*), 7 /* of */ FROM t WHERE EXISTS (SELECT 1 FROM t2 WHERE t2.a = t.a AND t2.b = 'q')
  AND a <> 42 HAVING count(*) > -1;
/* lead 'x' 5 */ SELECT count(*) FROM t WHERE a = (SELECT max(a) FROM t2 WHERE b > 'x') ;
-- lead 'y'
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a = (SELECT max(a) FROM t2 WHERE b > 'x')
  AND a <> 42 HAVING count(*) > -1
;
SELECT count(*) FROM t WHERE a IN (SELECT a FROM t2 WHERE a > 5 LIMIT 3)/* trail 6 */;
  SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a IN (SELECT a FROM t2 WHERE a > 5 LIMIT 3)
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;

	SELECT count(*) FROM t WHERE a > ALL (SELECT 5);
/* lead 'x' 5 */ SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a > ALL (SELECT 5)
  AND a <> 42 HAVING count(*) > -1;
-- lead 'y'
SELECT count(*) FROM t WHERE xmlelement(name foo, 'x') IS NOT NULL ;
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE xmlelement(name foo, 'x') IS NOT NULL
  AND a <> 42 HAVING count(*) > -1
;
  SELECT count(*) FROM t WHERE a OPERATOR(pg_catalog.=) 5/* trail 6 */;

	SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a OPERATOR(pg_catalog.=) 5
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;
/* lead 'x' 5 */ SELECT count(*) FROM t WHERE a::text = '5';
-- lead 'y'
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a::text = '5'
  AND a <> 42 HAVING count(*) > -1;
SELECT count(*) FROM t WHERE 5 = a ;
  SELECT 'lit', count(*), 7 /* of */ FROM t WHERE 5 = a
  AND a <> 42 HAVING count(*) > -1
;

	SELECT count(*) FROM t WHERE 'x' < b/* trail 6 */;
/* lead 'x' 5 */ SELECT 'lit', count(*), 7 /* of */ FROM t WHERE 'x' < b
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;
-- lead 'y'
SELECT count(*) FROM t WHERE a = 5::smallint;
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a = 5::smallint
  AND a <> 42 HAVING count(*) > -1;
  SELECT count(*) FROM t WHERE a = '5' ;

	SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a = '5'
  AND a <> 42 HAVING count(*) > -1
;
/* lead 'x' 5 */ SELECT count(*) FROM t WHERE b = $$x$$/* trail 6 */;
-- lead 'y'
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE b = $$x$$
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;
SELECT count(*) FROM t WHERE b = $q$it's$q$;
  SELECT 'lit', count(*), 7 /* of */ FROM t WHERE b = $q$it's$q$
  AND a <> 42 HAVING count(*) > -1;

	SELECT count(*) FROM t WHERE b = E'tab\t' ;
/* lead 'x' 5 */ SELECT 'lit', count(*), 7 /* of */ FROM t WHERE b = E'tab\t'
  AND a <> 42 HAVING count(*) > -1
;
-- lead 'y'
SELECT count(*) FROM t WHERE a = 0010/* trail 6 */;
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a = 0010
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;
  SELECT count(*) FROM t WHERE a = 1.0;

	SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a = 1.0
  AND a <> 42 HAVING count(*) > -1;
/* lead 'x' 5 */ SELECT count(*) FROM t WHERE a BETWEEN 1 AND 2 OR a BETWEEN 3 AND 4 ;
-- lead 'y'
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a BETWEEN 1 AND 2 OR a BETWEEN 3 AND 4
  AND a <> 42 HAVING count(*) > -1
;
SELECT count(*) FROM t WHERE random() < 0.5/* trail 6 */;
  SELECT 'lit', count(*), 7 /* of */ FROM t WHERE random() < 0.5
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;

	SELECT count(*) FROM t WHERE a = 1 -- = 2
 AND a <> 3;
/* lead 'x' 5 */ SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a = 1 -- = 2
 AND a <> 3
  AND a <> 42 HAVING count(*) > -1;
-- lead 'y'
SELECT count(*) FROM t WHERE a = 1 /* 'x' /* nested 5 */ */ AND a <> 3 ;
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a = 1 /* 'x' /* nested 5 */ */ AND a <> 3
  AND a <> 42 HAVING count(*) > -1
;
  SELECT count(*) FROM t WHERE "a" = 1 AND "t"."b" <> 'x'/* trail 6 */;

	SELECT 'lit', count(*), 7 /* of */ FROM t WHERE "a" = 1 AND "t"."b" <> 'x'
  AND a <> 42 HAVING count(*) > -1 -- trail 'z'
;
/* lead 'x' 5 */ SELECT count(*) FROM t WHERE t.a=1 AND t.a<>2;
-- lead 'y'
SELECT 'lit', count(*), 7 /* of */ FROM t WHERE t.a=1 AND t.a<>2
  AND a <> 42 HAVING count(*) > -1;
SELECT count(*) FROM t WHERE a NOTNULL AND 1 ISNULL IS FALSE ;
  SELECT 'lit', count(*), 7 /* of */ FROM t WHERE a NOTNULL AND 1 ISNULL IS FALSE
  AND a <> 42 HAVING count(*) > -1
;

	SELECT a, b FROM t WHERE a < 3 LIMIT 5/* trail 6 */;
/* lead 'x' 5 */ SELECT a, b FROM t WHERE a < 3 LIMIT ALL -- trail 'z'
;
-- lead 'y'
SELECT a, b FROM t WHERE a < 3 LIMIT NULL;
SELECT a, b FROM t WHERE a < 3 LIMIT 5 OFFSET 10;
  SELECT a, b FROM t WHERE a < 3 OFFSET 3 ROWS FETCH NEXT 2 ROWS ONLY ;

	SELECT a, b FROM t WHERE a < 3 FETCH FIRST ROW ONLY
;
/* lead 'x' 5 */ SELECT a, b FROM t WHERE a < 3 ORDER BY a FETCH FIRST 3 ROWS WITH TIES/* trail 6 */;
-- lead 'y'
SELECT a, b FROM t WHERE a < 3 ORDER BY 2 DESC NULLS LAST, 1 LIMIT 1 -- trail 'z'
;
SELECT a, b FROM t WHERE a < 3 ORDER BY a + 1, b || 'x' OFFSET 0;
  SELECT a, b FROM t WHERE a < 3 FOR UPDATE;

	SELECT a, b FROM t WHERE a < 3 FOR SHARE SKIP LOCKED LIMIT 1 ;
/* lead 'x' 5 */ WITH x AS (SELECT 1 AS one, 'two' AS two) SELECT * FROM x WHERE one = 1
;
-- lead 'y'
WITH x AS MATERIALIZED (SELECT a FROM t WHERE a < 5), y AS NOT MATERIALIZED (SELECT 7 AS b) SELECT * FROM x, y WHERE x.a <> y.b/* trail 6 */;
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT sum(n) FROM r -- trail 'z'
;
  WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) SEARCH DEPTH FIRST BY n SET o CYCLE n SET c TO 'y' DEFAULT 'n' USING p SELECT * FROM r;

	WITH del AS (DELETE FROM t3 WHERE a = 99 RETURNING a, 'gone'), ins AS (INSERT INTO t3 VALUES (98, 'w') RETURNING 1) SELECT * FROM del, ins;
/* lead 'x' 5 */ SELECT a, row_number() OVER (PARTITION BY b ORDER BY a ROWS BETWEEN 1 PRECEDING AND 2 FOLLOWING), lag(a, 1, 0) OVER w FROM t WINDOW w AS (ORDER BY a RANGE BETWEEN 5 PRECEDING AND CURRENT ROW) ;
-- lead 'y'
SELECT sum(a) FILTER (WHERE b <> 'x') OVER (ORDER BY d RANGE BETWEEN INTERVAL '1 day' PRECEDING AND CURRENT ROW) FROM t
;
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a), string_agg(b, ',' ORDER BY a), count(DISTINCT a % 3) FROM t/* trail 6 */;
  SELECT a % 2, count(*) FROM t GROUP BY a % 2 HAVING count(*) > 1 -- trail 'z'
;

	SELECT a % 2, b, count(*) FROM t GROUP BY GROUPING SETS ((1), (2), ()) ORDER BY 1, 2 LIMIT 5;
/* lead 'x' 5 */ SELECT a, b FROM t GROUP BY ROLLUP (a, b) LIMIT 3;
-- lead 'y'
SELECT a FROM t WHERE a = 1 UNION SELECT 2 UNION ALL SELECT 3 ORDER BY 1 ;
SELECT a FROM t EXCEPT SELECT 5 INTERSECT SELECT 6
;
  SELECT * FROM t JOIN t2 USING (a) WHERE t2.b = 'x' AND t.a = 1/* trail 6 */;

	SELECT * FROM t LEFT JOIN t2 ON t.a = t2.a AND t2.a = 5 WHERE t.b = 'x' -- trail 'z'
;
/* lead 'x' 5 */ SELECT * FROM t, LATERAL (SELECT t.a + 1 AS next, 'l' AS l) s WHERE s.next = 2;
-- lead 'y'
SELECT * FROM (VALUES (1, 'one'), (2, 'two')) v(n, w) WHERE n = 1;
VALUES (1, 'a'), (2, 'b'), (3, NULL) ;
  TABLE t2
;

	SELECT * FROM generate_series(1, 3) WITH ORDINALITY AS g(n, o) WHERE o > 1/* trail 6 */;
/* lead 'x' 5 */ SELECT * FROM ROWS FROM (generate_series(1, 2), unnest(ARRAY['a', 'b'])) AS r(n, w) -- trail 'z'
;
-- lead 'y'
SELECT * FROM unnest(ARRAY[1, 2], ARRAY['x', 'y']) AS u(n, w);
SELECT * FROM t TABLESAMPLE BERNOULLI (50) REPEATABLE (7) WHERE a = 1;
  SELECT * FROM json_to_record('{"a": 1}') AS x(a int) ;

	SELECT DISTINCT ON (a % 2) a, 'd' FROM t ORDER BY a % 2, a LIMIT 2
;
/* lead 'x' 5 */ SELECT DISTINCT 1, 'x' FROM t/* trail 6 */;
-- lead 'y'
SELECT 1 AS "quoted ""name""", 2 AS "it's", 3 AS año -- trail 'z'
;
SELECT	1	,	'tabs'	;
  SELECT 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25;

	SELECT a::numeric(10, 2), b::varchar(3), 5::bit(4), 'x'::char(3) FROM t LIMIT 1 ;
/* lead 'x' 5 */ SELECT format('%s-%s', 1, 'x'), concat_ws(',', 'a', 1, NULL, TRUE)
;
-- lead 'y'
SELECT make_interval(days => 5, hours => 2), lpad('x', 5, '0')/* trail 6 */;
SELECT set_config('my.setting', 'value', true), current_setting('my.setting', true) -- trail 'z'
;
  SELECT pg_typeof(1), pg_typeof('x'), pg_typeof(NULL), pg_typeof(1.0);

	SELECT -a, - a, -1 * a, a - 1, a -1, a-1, -(1), - -1, +1, @ -5, !! 'x'::tsquery, |/ 25 FROM t LIMIT 1;
/* lead 'x' 5 */ SELECT 1=1, 1<>2, 1!=2, 1<=2, 'a'<'b', 1=-1, 1<-1, 2 ^ -1, 5&3, 5|3, 5#3, ~5, 1<<3, 8>>1 ;
-- lead 'y'
SELECT ARRAY(SELECT a FROM t WHERE a < 5), (ARRAY[1,2,3])[2], (ARRAY[1,2,3])[1:2]
;
SELECT to_tsvector('english', 'a fat cat') @@ to_tsquery('fat & cat')/* trail 6 */;
  SELECT '<a/>'::xml IS DOCUMENT, xmlparse(CONTENT 'x') -- trail 'z'
;

	SELECT int4range(1, 5) @> 3, '[1,5)'::int4range && '[3,9]';
/* lead 'x' 5 */ SELECT CURRENT_TIMESTAMP(0) > '2000-01-01', LOCALTIME(3) IS NOT NULL, CURRENT_DATE > DATE '2000-01-01';
-- lead 'y'
SELECT GROUPING(a) FROM t WHERE a = 1 GROUP BY a ;
SELECT COUNT(*) FROM t WHERE (a = 1 OR a = 2) AND (b = 'x' OR b = 'y') AND NOT (a = 3)
;
  INSERT INTO t3 VALUES (1, 'a')/* trail 6 */;

	INSERT INTO t3 VALUES (1, 'a'), (2, 'b'), (3, 'c') -- trail 'z'
;
/* lead 'x' 5 */ INSERT INTO t3 (a) VALUES (DEFAULT), (5);
-- lead 'y'
INSERT INTO t3 (a, b) SELECT a + 1, 'sel' FROM t WHERE a < 3 RETURNING a, 'ret';
INSERT INTO t3 DEFAULT VALUES ;
  INSERT INTO t4 VALUES (1, 'x') ON CONFLICT (a) DO UPDATE SET b = excluded.b || 'y', c = 5 WHERE t4.a = 1 RETURNING *
;

	INSERT INTO t4 VALUES (1, 'x') ON CONFLICT (a) WHERE a > 0 DO NOTHING/* trail 6 */;
/* lead 'x' 5 */ INSERT INTO t3 OVERRIDING SYSTEM VALUE VALUES (7, 'o') -- trail 'z'
;
-- lead 'y'
UPDATE t3 SET a = 5, b = 'u' WHERE a = 1;
UPDATE t3 SET (a, b) = (6, 'v') WHERE a = 2 RETURNING a + 1;
  UPDATE t3 SET (a, b) = (SELECT 7, 'w') WHERE a = 3 ;

	UPDATE t3 SET b = 'f' FROM t WHERE t.a = t3.a AND t.b = 'x'
;
/* lead 'x' 5 */ UPDATE t4 SET arr[1] = 5, j['k'] = '1' WHERE a = 1/* trail 6 */;
-- lead 'y'
DELETE FROM t3 WHERE a = 5 OR b IN ('x', 'y') -- trail 'z'
;
DELETE FROM t3 USING t WHERE t.a = t3.a AND t.b = 'zz' RETURNING t3.a, 'd';
  MERGE INTO t4 USING (VALUES (1, 'm'), (2, 'n')) AS s(a, b) ON t4.a = s.a WHEN MATCHED AND t4.b = 'q' THEN DELETE WHEN MATCHED THEN UPDATE SET b = s.b || 'z', c = 9 WHEN NOT MATCHED THEN INSERT (a, b, c) VALUES (s.a, s.b, 3);

	MERGE INTO t4 USING t ON t4.a = t.a AND t.a = 2 WHEN MATCHED THEN DO NOTHING WHEN NOT MATCHED AND t.a = 11 THEN INSERT VALUES (t.a, 'ins') ;
/* lead 'x' 5 */ SELECT * FROM v WHERE a = 1
;
-- lead 'y'
SELECT f(1), f(a => 2), f(VARIADIC ARRAY[1]::int[]) FROM t LIMIT 1/* trail 6 */;
SELECT 'no from' WHERE 1 = 1 -- trail 'z'
;
  SELECT;

	SELECT 1 WHERE FALSE;
/* lead 'x' 5 */ SELECT NULL, NULL::text, NULL IS NULL ;
-- lead 'y'
SELECT current_user, session_user = 'x', user
;
SELECT 1 FROM t WHERE a = 1 FOR NO KEY UPDATE OF t NOWAIT/* trail 6 */;
SELECT 0 + 1 AS m1 , 'multi' \; 
  SELECT 'second', 0.5 /* c */ \;SELECT t.a, 'third0', 0 FROM t WHERE a = 0 LIMIT 1;
SELECT 1 + 1 AS m1 , 'multi' \; 
  SELECT 'second', 1.5 /* c */ \;SELECT t.a, 'third1', 1 FROM t WHERE a = 1 LIMIT 1;
SELECT 2 + 1 AS m1 , 'multi' \; 
  SELECT 'second', 2.5 /* c */ \;SELECT t.a, 'third2', 2 FROM t WHERE a = 2 LIMIT 1;
SELECT 3 + 1 AS m1 , 'multi' \; 
  SELECT 'second', 3.5 /* c */ \;SELECT t.a, 'third3', 3 FROM t WHERE a = 3 LIMIT 1;
SELECT 4 + 1 AS m1 , 'multi' \; 
  SELECT 'second', 4.5 /* c */ \;SELECT t.a, 'third4', 4 FROM t WHERE a = 4 LIMIT 1;
SELECT 5 + 1 AS m1 , 'multi' \; 
  SELECT 'second', 5.5 /* c */ \;SELECT t.a, 'third5', 5 FROM t WHERE a = 5 LIMIT 1;
SELECT 6 + 1 AS m1 , 'multi' \; 
  SELECT 'second', 6.5 /* c */ \;SELECT t.a, 'third6', 6 FROM t WHERE a = 6 LIMIT 1;
SELECT 7 + 1 AS m1 , 'multi' \; 
  SELECT 'second', 7.5 /* c */ \;SELECT t.a, 'third7', 7 FROM t WHERE a = 7 LIMIT 1;
SELECT 8 + 1 AS m1 , 'multi' \; 
  SELECT 'second', 8.5 /* c */ \;SELECT t.a, 'third8', 8 FROM t WHERE a = 8 LIMIT 1;
SELECT 9 + 1 AS m1 , 'multi' \; 
  SELECT 'second', 9.5 /* c */ \;SELECT t.a, 'third9', 9 FROM t WHERE a = 9 LIMIT 1;
SELECT 10 + 1 AS m1 , 'multi' \; 
  SELECT 'second', 10.5 /* c */ \;SELECT t.a, 'third10', 10 FROM t WHERE a = 10 LIMIT 1;
SELECT 11 + 1 AS m1 , 'multi' \; 
  SELECT 'second', 11.5 /* c */ \;SELECT t.a, 'third11', 11 FROM t WHERE a = 11 LIMIT 1;
BEGIN \; INSERT INTO t3 VALUES (100, 'multi') \; UPDATE t3 SET b = 'x' WHERE a = 100 \; COMMIT;
PREPARE p0 (int, text) AS SELECT $1 + 5, $2 || 'x', 7;
EXECUTE p0(1, 'a');
EXECUTE p0(1, 'a');
PREPARE p1 (int) AS SELECT 'c', a FROM t WHERE a = $1 AND b <> 'q' LIMIT 3;
EXECUTE p1(1);
EXECUTE p1(1);
PREPARE p2 AS SELECT $2::text, 5, $1::int;
EXECUTE p2(5, 'b');
EXECUTE p2(5, 'b');
PREPARE p3 (int, int) AS SELECT 1 WHERE $2 IN (1, $1, 3) OR $1 = 5;
EXECUTE p3(1, 2);
EXECUTE p3(1, 2);
  /* lead */ PREPARE p4 (int,text) AS UPDATE t3 SET b = $2, a = 9 WHERE a = $1 + 1;
EXECUTE p4(1, 'w');
EXECUTE p4(1, 'w');
PREPARE p5 (int, text) AS INSERT INTO t3 VALUES ($1, $2), (8, 'lit'), ($1 + 1, $2 || 'z');
EXECUTE p5(1, 'w');
EXECUTE p5(1, 'w');
SET standard_conforming_strings = off; SET escape_string_warning = off;
SELECT 'it\'s', 5, 'a\\', 6;
SELECT 'x\ny' AS esc, E'q\'', 7;
SET standard_conforming_strings = on;
