-- Questions of the kind the benchmark asks, and the indexes to answer them with.
-- They are planned only, never executed.

INSERT INTO accuracy.queries (schema, name, query) VALUES
('tpch', 'h01 totals', $q$
SELECT l_returnflag, l_linestatus, sum(l_quantity), sum(l_extendedprice * (1 - l_discount)), avg(l_tax), count(*)
FROM lineitem WHERE l_shipdate <= date '1998-09-01' GROUP BY 1, 2 ORDER BY 1, 2 $q$),
('tpch', 'h02 cheapest supplier', $q$
SELECT s_acctbal, s_name, n_name, p_partkey, p_mfgr
FROM part JOIN partsupp ON ps_partkey = p_partkey JOIN supplier ON s_suppkey = ps_suppkey
JOIN nation ON n_nationkey = s_nationkey JOIN region ON r_regionkey = n_regionkey
WHERE p_size = 17 AND p_type LIKE '%STEEL' AND r_name = 'EUROPE'
  AND ps_supplycost = (SELECT min(i.ps_supplycost) FROM partsupp i JOIN supplier j ON j.s_suppkey = i.ps_suppkey
                       JOIN nation k ON k.n_nationkey = j.s_nationkey WHERE i.ps_partkey = p_partkey AND k.n_regionkey = r_regionkey)
ORDER BY s_acctbal DESC, n_name, s_name LIMIT 100 $q$),
('tpch', 'h03 open orders', $q$
SELECT l_orderkey, sum(l_extendedprice * (1 - l_discount)) AS revenue, o_orderdate
FROM customer JOIN orders ON o_custkey = c_custkey JOIN lineitem ON l_orderkey = o_orderkey
WHERE c_mktsegment = 'MACHINERY' AND o_orderdate < '1995-03-10' AND l_shipdate > '1995-03-10'
GROUP BY l_orderkey, o_orderdate ORDER BY revenue DESC, o_orderdate LIMIT 10 $q$),
('tpch', 'h04 late lines', $q$
SELECT o_orderpriority, count(*) FROM orders
WHERE o_orderdate >= '1994-01-01' AND o_orderdate < '1994-04-01'
  AND EXISTS (SELECT FROM lineitem WHERE l_orderkey = o_orderkey AND l_commitdate < l_receiptdate)
GROUP BY o_orderpriority ORDER BY 1 $q$),
('tpch', 'h05 local suppliers', $q$
SELECT n_name, sum(l_extendedprice * (1 - l_discount)) AS revenue
FROM customer, orders, lineitem, supplier, nation, region
WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey AND l_suppkey = s_suppkey AND c_nationkey = s_nationkey
  AND s_nationkey = n_nationkey AND n_regionkey = r_regionkey AND r_name = 'AMERICA'
  AND o_orderdate >= '1996-01-01' AND o_orderdate < '1997-01-01'
GROUP BY n_name ORDER BY revenue DESC $q$),
('tpch', 'h06 discounts', $q$
SELECT sum(l_extendedprice * l_discount) FROM lineitem
WHERE l_shipdate >= '1997-03-01' AND l_shipdate < '1997-04-01' AND l_discount BETWEEN 0.04 AND 0.06 AND l_quantity < 20 $q$),
('tpch', 'h07 between two nations', $q$
SELECT s.n_name, c.n_name, extract(year FROM l_shipdate) AS year, sum(l_extendedprice)
FROM supplier JOIN lineitem ON l_suppkey = s_suppkey JOIN orders ON o_orderkey = l_orderkey JOIN customer ON c_custkey = o_custkey
JOIN nation s ON s.n_nationkey = s_nationkey JOIN nation c ON c.n_nationkey = c_nationkey
WHERE (s.n_name, c.n_name) IN (('PERU', 'KENYA'), ('KENYA', 'PERU')) AND l_shipdate BETWEEN '1995-01-01' AND '1996-12-31'
GROUP BY 1, 2, 3 $q$),
('tpch', 'h08 market share', $q$
SELECT extract(year FROM o_orderdate) AS year,
       sum(CASE WHEN n.n_name = 'BRAZIL' THEN l_extendedprice ELSE 0 END) / sum(l_extendedprice)
FROM part JOIN lineitem ON l_partkey = p_partkey JOIN supplier ON s_suppkey = l_suppkey JOIN orders ON o_orderkey = l_orderkey
JOIN customer ON c_custkey = o_custkey JOIN nation m ON m.n_nationkey = c_nationkey JOIN nation n ON n.n_nationkey = s_nationkey
WHERE m.n_regionkey = 1 AND o_orderdate BETWEEN '1995-01-01' AND '1996-12-31' AND p_type = 'PROMO PLATED TIN'
GROUP BY 1 ORDER BY 1 $q$),
('tpch', 'h09 profit', $q$
SELECT n_name, extract(year FROM o_orderdate) AS year, sum(l_extendedprice - ps_supplycost * l_quantity)
FROM part JOIN lineitem ON l_partkey = p_partkey JOIN partsupp ON ps_partkey = l_partkey AND ps_suppkey = l_suppkey
JOIN supplier ON s_suppkey = l_suppkey JOIN orders ON o_orderkey = l_orderkey JOIN nation ON n_nationkey = s_nationkey
WHERE p_name LIKE 'olive%' GROUP BY 1, 2 ORDER BY 1, 2 DESC $q$),
('tpch', 'h10 returns', $q$
SELECT c_custkey, c_name, sum(l_extendedprice * (1 - l_discount)) AS lost, c_acctbal, n_name
FROM customer JOIN orders ON o_custkey = c_custkey JOIN lineitem ON l_orderkey = o_orderkey JOIN nation ON n_nationkey = c_nationkey
WHERE o_orderdate >= '1993-11-01' AND o_orderdate < '1993-12-01' AND l_returnflag = 'R'
GROUP BY 1, 2, 4, 5 ORDER BY lost DESC LIMIT 20 $q$),
('tpch', 'h11 stock', $q$
SELECT ps_partkey, sum(ps_supplycost * ps_availqty) AS value
FROM partsupp JOIN supplier ON s_suppkey = ps_suppkey JOIN nation ON n_nationkey = s_nationkey
WHERE n_name = 'JAPAN' GROUP BY 1 HAVING sum(ps_supplycost * ps_availqty) > 100000 ORDER BY value DESC $q$),
('tpch', 'h12 shipping modes', $q$
SELECT l_shipmode, count(*) FILTER (WHERE o_orderpriority IN ('1-URGENT', '2-HIGH')) AS urgent, count(*)
FROM orders JOIN lineitem ON l_orderkey = o_orderkey
WHERE l_shipmode IN ('RAIL', 'SHIP') AND l_commitdate < l_receiptdate AND l_shipdate < l_commitdate
  AND l_receiptdate >= '1995-02-01' AND l_receiptdate < '1995-03-01'
GROUP BY 1 ORDER BY 1 $q$),
('tpch', 'h13 orders of customers', $q$
SELECT orders, count(*) FROM (
    SELECT c_custkey, count(o_orderkey) AS orders
    FROM customer LEFT JOIN orders ON o_custkey = c_custkey AND o_comment NOT LIKE '%special%lost%' GROUP BY 1
) AS counted GROUP BY 1 ORDER BY 2 DESC, 1 DESC $q$),
('tpch', 'h14 promotion', $q$
SELECT sum(l_extendedprice) FILTER (WHERE p_type LIKE 'PROMO%') / sum(l_extendedprice)
FROM lineitem JOIN part ON p_partkey = l_partkey WHERE l_shipdate >= '1995-10-01' AND l_shipdate < '1995-10-15' $q$),
('tpch', 'h15 top supplier', $q$
WITH revenue AS (
    SELECT l_suppkey, sum(l_extendedprice) AS total FROM lineitem
    WHERE l_shipdate >= '1996-02-01' AND l_shipdate < '1996-05-01' GROUP BY 1
)
SELECT s_suppkey, s_name, total FROM supplier JOIN revenue ON l_suppkey = s_suppkey
WHERE total = (SELECT max(total) FROM revenue) $q$),
('tpch', 'h16 suppliers of a size', $q$
SELECT p_brand, p_type, p_size, count(DISTINCT ps_suppkey)
FROM part JOIN partsupp ON ps_partkey = p_partkey
WHERE p_brand <> 'Brand#33' AND p_size IN (4, 9, 23, 48) AND ps_suppkey NOT IN (SELECT s_suppkey FROM supplier WHERE s_comment LIKE '%complaints%')
GROUP BY 1, 2, 3 ORDER BY 4 DESC $q$),
('tpch', 'h17 small lines', $q$
SELECT sum(l_extendedprice) / 7 FROM lineitem JOIN part ON p_partkey = l_partkey
WHERE p_brand = 'Brand#23' AND p_container = 'MED BOX'
  AND l_quantity < (SELECT 0.2 * avg(i.l_quantity) FROM lineitem i WHERE i.l_partkey = p_partkey) $q$),
('tpch', 'h18 large orders', $q$
SELECT c_name, o_orderkey, o_orderdate, sum(l_quantity)
FROM customer JOIN orders ON o_custkey = c_custkey JOIN lineitem ON l_orderkey = o_orderkey
WHERE o_orderkey IN (SELECT l_orderkey FROM lineitem GROUP BY 1 HAVING sum(l_quantity) > 290)
GROUP BY 1, 2, 3, o_totalprice ORDER BY o_totalprice DESC LIMIT 100 $q$),
('tpch', 'h19 kinds of parts', $q$
SELECT sum(l_extendedprice * (1 - l_discount)) FROM lineitem JOIN part ON p_partkey = l_partkey
WHERE l_shipmode IN ('AIR', 'REG AIR') AND l_shipinstruct = 'DELIVER IN PERSON'
  AND ((p_brand = 'Brand#12' AND l_quantity BETWEEN 2 AND 12 AND p_size < 6)
    OR (p_brand = 'Brand#41' AND l_quantity BETWEEN 15 AND 25 AND p_size < 16)) $q$),
('tpch', 'h20 spare stock', $q$
SELECT s_name, s_address FROM supplier JOIN nation ON n_nationkey = s_nationkey
WHERE n_name = 'CANADA' AND s_suppkey IN (
    SELECT ps_suppkey FROM partsupp WHERE ps_partkey IN (SELECT p_partkey FROM part WHERE p_name LIKE 'coral%')
      AND ps_availqty > (SELECT 0.5 * sum(l_quantity) FROM lineitem
                         WHERE l_partkey = ps_partkey AND l_suppkey = ps_suppkey AND l_shipdate >= '1994-01-01' AND l_shipdate < '1995-01-01'))
ORDER BY 1 $q$),
('tpch', 'h21 who was late', $q$
SELECT s_name, count(*) FROM supplier JOIN lineitem l ON l_suppkey = s_suppkey JOIN orders ON o_orderkey = l_orderkey
WHERE o_orderstatus = 'F' AND l_receiptdate > l_commitdate AND s_nationkey = 3
  AND NOT EXISTS (SELECT FROM lineitem o WHERE o.l_orderkey = l.l_orderkey AND o.l_suppkey <> l.l_suppkey AND o.l_receiptdate > o.l_commitdate)
GROUP BY 1 ORDER BY 2 DESC LIMIT 100 $q$),
('tpch', 'h22 idle customers', $q$
SELECT left(c_phone, 2), count(*), sum(c_acctbal) FROM customer
WHERE left(c_phone, 2) IN ('13', '31', '23') AND c_acctbal > 9000
  AND NOT EXISTS (SELECT FROM orders WHERE o_custkey = c_custkey) GROUP BY 1 ORDER BY 1 $q$),
('tpch', 'h23 orders of a customer', $q$SELECT * FROM orders WHERE o_custkey = 4711 ORDER BY o_orderdate DESC LIMIT 10$q$),
('tpch', 'h24 lines of a part', $q$SELECT l_orderkey, l_quantity FROM lineitem WHERE l_partkey = 1234 AND l_shipdate > '1998-01-01'$q$);

INSERT INTO accuracy.indexes (schema, rest) VALUES
('tpch', 'lineitem (l_shipdate)'),
('tpch', 'lineitem (l_partkey)'),
('tpch', 'lineitem (l_suppkey)'),
('tpch', 'lineitem (l_receiptdate)'),
('tpch', 'lineitem (l_partkey, l_suppkey)'),
('tpch', 'lineitem (l_partkey, l_shipdate)'),
('tpch', 'lineitem (l_suppkey, l_orderkey)'),
('tpch', 'lineitem (l_shipmode, l_receiptdate)'),
('tpch', 'lineitem (l_shipdate, l_discount, l_quantity) INCLUDE (l_extendedprice)'),
('tpch', 'lineitem (l_orderkey, l_quantity)'),
('tpch', 'lineitem (l_partkey) INCLUDE (l_quantity, l_extendedprice)'),
('tpch', $$lineitem (l_orderkey) WHERE l_returnflag = 'R'$$),
('tpch', 'orders (o_custkey)'),
('tpch', 'orders (o_orderdate)'),
('tpch', 'orders (o_custkey, o_orderdate DESC)'),
('tpch', 'orders (o_orderdate, o_custkey)'),
('tpch', 'orders (o_totalprice DESC)'),
('tpch', $$orders (o_orderkey) WHERE o_orderstatus = 'F'$$),
('tpch', 'customer (c_mktsegment)'),
('tpch', 'customer (c_nationkey)'),
('tpch', 'customer (c_acctbal)'),
('tpch', 'part (p_size)'),
('tpch', 'part (p_brand, p_container)'),
('tpch', 'part (p_type)'),
('tpch', 'part (p_name)'),
('tpch', 'partsupp (ps_suppkey)'),
('tpch', 'partsupp (ps_partkey, ps_supplycost)'),
('tpch', 'supplier (s_nationkey)');

INSERT INTO accuracy.indexes (schema, rest, expression) VALUES
('tpch', 'customer (left(c_phone, 2))', true);
