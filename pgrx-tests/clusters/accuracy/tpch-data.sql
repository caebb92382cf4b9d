-- A wholesaler's tables after the well-known decision support benchmark TPC-H,
-- filled at the scale in the variable "scale" (1 would be 6 million lines).

SET search_path = tpch;
SET max_parallel_workers_per_gather = 0;
SELECT setseed(0.1992) \g /dev/null
SELECT (:scale * 10000)::int AS suppliers, (:scale * 200000)::int AS parts,
       (:scale * 150000)::int AS customers, (:scale * 1500000)::int AS orders \gset

CREATE FUNCTION pg_temp.pick(choices text[]) RETURNS text LANGUAGE sql VOLATILE
    AS 'SELECT choices[1 + floor(cardinality(choices) * random())::int]';

CREATE FUNCTION pg_temp.remark(longest int) RETURNS text LANGUAGE sql VOLATILE
    AS $$SELECT left(pg_temp.pick('{careful,quick,silent,final,regular,special,ironic}') || ' '
        || pg_temp.pick('{parcels,accounts,requests,packages,offers,complaints}') || ' '
        || pg_temp.pick('{wait,sleep,travel,arrive,"are lost","are found"}') || ' '
        || pg_temp.pick('{"above the",beneath,"next to","in spite of"}') || ' '
        || pg_temp.pick('{"bold ideas","even deposits","slow instructions","pending theories","blue foxes"}'),
        (longest * (0.4 + 0.6 * random()))::int)$$;

CREATE FUNCTION pg_temp.phone(nation int) RETURNS text LANGUAGE sql VOLATILE
    AS $$SELECT format('%s-%s-%s-%s', nation + 10, 100 + (random() * 899)::int, 100 + (random() * 899)::int, 1000 + (random() * 8999)::int)$$;

CREATE TABLE region (
    r_regionkey integer PRIMARY KEY, r_name char(25) NOT NULL, r_comment varchar(152));
CREATE TABLE nation (
    n_nationkey integer PRIMARY KEY, n_name char(25) NOT NULL, n_regionkey integer NOT NULL, n_comment varchar(152));
CREATE TABLE supplier (
    s_suppkey integer PRIMARY KEY, s_name char(25) NOT NULL, s_address varchar(40) NOT NULL, s_nationkey integer NOT NULL,
    s_phone char(15) NOT NULL, s_acctbal numeric(15,2) NOT NULL, s_comment varchar(101) NOT NULL);
CREATE TABLE part (
    p_partkey integer PRIMARY KEY, p_name varchar(55) NOT NULL, p_mfgr char(25) NOT NULL, p_brand char(10) NOT NULL,
    p_type varchar(25) NOT NULL, p_size integer NOT NULL, p_container char(10) NOT NULL,
    p_retailprice numeric(15,2) NOT NULL, p_comment varchar(23) NOT NULL);
CREATE TABLE partsupp (
    ps_partkey integer, ps_suppkey integer, ps_availqty integer NOT NULL, ps_supplycost numeric(15,2) NOT NULL,
    ps_comment varchar(199) NOT NULL, PRIMARY KEY (ps_partkey, ps_suppkey));
CREATE TABLE customer (
    c_custkey integer PRIMARY KEY, c_name varchar(25) NOT NULL, c_address varchar(40) NOT NULL, c_nationkey integer NOT NULL,
    c_phone char(15) NOT NULL, c_acctbal numeric(15,2) NOT NULL, c_mktsegment char(10) NOT NULL, c_comment varchar(117) NOT NULL);
CREATE TABLE orders (
    o_orderkey integer PRIMARY KEY, o_custkey integer NOT NULL, o_orderstatus char(1) NOT NULL, o_totalprice numeric(15,2) NOT NULL,
    o_orderdate date NOT NULL, o_orderpriority char(15) NOT NULL, o_clerk char(15) NOT NULL, o_shippriority integer NOT NULL,
    o_comment varchar(79) NOT NULL);
CREATE TABLE lineitem (
    l_orderkey integer, l_partkey integer NOT NULL, l_suppkey integer NOT NULL, l_linenumber integer,
    l_quantity numeric(15,2) NOT NULL, l_extendedprice numeric(15,2) NOT NULL, l_discount numeric(15,2) NOT NULL,
    l_tax numeric(15,2) NOT NULL, l_returnflag char(1) NOT NULL, l_linestatus char(1) NOT NULL, l_shipdate date NOT NULL,
    l_commitdate date NOT NULL, l_receiptdate date NOT NULL, l_shipinstruct char(25) NOT NULL, l_shipmode char(10) NOT NULL,
    l_comment varchar(44) NOT NULL, PRIMARY KEY (l_orderkey, l_linenumber));

INSERT INTO region
SELECT i - 1, (ARRAY['AFRICA','AMERICA','ASIA','EUROPE','MIDDLE EAST'])[i], pg_temp.remark(80) FROM generate_series(1, 5) i;

INSERT INTO nation
SELECT i - 1, name, (i - 1) / 5, pg_temp.remark(80)
FROM unnest('{ALGERIA,ETHIOPIA,KENYA,MOROCCO,MOZAMBIQUE,ARGENTINA,BRAZIL,CANADA,PERU,UNITED STATES,CHINA,INDIA,INDONESIA,JAPAN,VIETNAM,FRANCE,GERMANY,ROMANIA,RUSSIA,UNITED KINGDOM,EGYPT,IRAN,IRAQ,JORDAN,SAUDI ARABIA}'::text[])
    WITH ORDINALITY AS names(name, i);

INSERT INTO supplier
SELECT i, 'Supplier#' || lpad(i::text, 9, '0'), left(md5('s' || i), 10 + (random() * 22)::int), nation, pg_temp.phone(nation),
       (random() * 11000 - 1000)::numeric(15,2), pg_temp.remark(100)
FROM (SELECT i, (random() * 24)::int AS nation FROM generate_series(1, :suppliers) i OFFSET 0) AS source;

INSERT INTO part
SELECT i, (SELECT string_agg(c, ' ') FROM (SELECT pg_temp.pick('{almond,azure,beige,black,blue,brown,coral,cream,forest,green,indian,ivory,khaki,lemon,linen,navy,olive,pink,red,rose,sky,white}') FROM generate_series(1, 4 + i * 0)) AS colours(c)),
       'Manufacturer#' || maker, 'Brand#' || maker || 1 + (random() * 4)::int,
       pg_temp.pick('{STANDARD,SMALL,MEDIUM,LARGE,ECONOMY,PROMO}') || ' ' || pg_temp.pick('{ANODIZED,BURNISHED,PLATED,POLISHED,BRUSHED}')
           || ' ' || pg_temp.pick('{TIN,NICKEL,BRASS,STEEL,COPPER}'),
       1 + floor(random() * 50)::int,
       pg_temp.pick('{SM,LG,MED,JUMBO,WRAP}') || ' ' || pg_temp.pick('{CASE,BOX,BAG,JAR,PKG,PACK,CAN,DRUM}'),
       (90000 + (i / 10) % 20001 + 100 * (i % 1000)) / 100.0, pg_temp.remark(23)
FROM (SELECT i, 1 + (random() * 4)::int AS maker FROM generate_series(1, :parts) i OFFSET 0) AS source;

INSERT INTO partsupp
SELECT p, 1 + (p + s * (:suppliers / 4 + (p - 1) / :suppliers)) % :suppliers, 1 + (random() * 9998)::int,
       (1 + random() * 999)::numeric(15,2), pg_temp.remark(120)
FROM generate_series(1, :parts) p, generate_series(0, 3) s;

INSERT INTO customer
SELECT i, 'Customer#' || lpad(i::text, 9, '0'), left(md5('c' || i), 10 + (random() * 22)::int), nation, pg_temp.phone(nation),
       (random() * 11000 - 1000)::numeric(15,2), pg_temp.pick('{AUTOMOBILE,BUILDING,FURNITURE,HOUSEHOLD,MACHINERY}'), pg_temp.remark(110)
FROM (SELECT i, (random() * 24)::int AS nation FROM generate_series(1, :customers) i OFFSET 0) AS source;

-- Keys have gaps, and a third of the customers never ordered anything.
INSERT INTO orders
SELECT i / 8 * 32 + i % 8, 1 + floor(random() * :customers / 3)::int * 3 % :customers + (random() * 1)::int,
       CASE WHEN day < '1995-06-01' THEN 'F' WHEN day > '1995-07-15' THEN 'O' ELSE 'P' END,
       (1000 + 400000 * random() * (0.4 + 0.6 * random()))::numeric(15,2), day,
       pg_temp.pick('{1-URGENT,2-HIGH,3-MEDIUM,"4-NOT SPECIFIED",5-LOW}'),
       'Clerk#' || lpad((1 + random() * 1000 * :scale)::int::text, 9, '0'), 0, pg_temp.remark(70)
FROM (SELECT i, date '1992-01-01' + (random() * 2405)::int AS day FROM generate_series(1, :orders) i OFFSET 0) AS source;

INSERT INTO lineitem
SELECT o_orderkey, part, 1 + (part + floor(4 * random())::int * (:suppliers / 4 + (part - 1) / :suppliers)) % :suppliers, line,
       quantity, quantity * (900 + part % 1000), (random() * 0.1)::numeric(15,2), (random() * 0.08)::numeric(15,2),
       CASE WHEN receipt > '1995-06-17' THEN 'N' ELSE pg_temp.pick('{R,A}') END,
       CASE WHEN ship > '1995-06-17' THEN 'O' ELSE 'F' END,
       ship, o_orderdate + 30 + (random() * 60)::int, receipt,
       pg_temp.pick('{"DELIVER IN PERSON","COLLECT COD",NONE,"TAKE BACK RETURN"}'),
       pg_temp.pick('{AIR,"REG AIR",MAIL,RAIL,SHIP,TRUCK,FOB}'), pg_temp.remark(40)
FROM (
    SELECT o_orderkey, o_orderdate, line, 1 + floor(random() * :parts)::int AS part, 1 + floor(random() * 50)::int AS quantity,
           ship, ship + 1 + (random() * 29)::int AS receipt
    FROM (
        SELECT o_orderkey, o_orderdate, line, o_orderdate + 1 + (random() * 120)::int AS ship
        FROM orders, generate_series(1, 1 + o_orderkey * 7 % 11 % 7) AS line
        OFFSET 0
    ) AS lines
    OFFSET 0
) AS source;
