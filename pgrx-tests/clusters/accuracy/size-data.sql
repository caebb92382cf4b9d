-- A table with one column for each kind of contents, a partitioned table, a
-- materialized view and a table whose columns depend on each other.
-- Needs the variable "rows".

SET search_path = sizes;
SET max_parallel_workers_per_gather = 0;
SELECT setseed(0.815) \g /dev/null

CREATE TABLE items (
    id        integer NOT NULL,
    serial    bigint NOT NULL,
    random    bigint NOT NULL,
    parent    bigint NOT NULL,
    owner     bigint NOT NULL,
    quantity  smallint NOT NULL,
    digest    text NOT NULL,
    title     text NOT NULL,
    status    text NOT NULL,
    active    boolean NOT NULL,
    note      text,
    closed_at timestamptz,
    amount    numeric(12,2) NOT NULL,
    ratio     double precision NOT NULL,
    token     uuid NOT NULL,
    at        timestamptz NOT NULL,
    day       date NOT NULL,
    country   char(2) NOT NULL,
    email     varchar(80) NOT NULL
);

INSERT INTO items
SELECT i, i, (random() * 1e12)::bigint,
       1 + floor(random() * :rows / 20), 1 + floor(:rows / 10 * power(random(), 2)), (random() * 100)::int,
       md5(i::text),
       initcap((ARRAY['red','blue','large','wireless','portable','extraordinary'])[1 + (random() * 5)::int]) || ' '
           || (ARRAY['chair','lamp','keyboard','screen','telephone','refrigerator'])[1 + (random() * 5)::int] || ' number '
           || repeat('x', (random() * 12)::int) || (random() * 1e6)::int,
       CASE WHEN draw < 0.7 THEN 'done' WHEN draw < 0.9 THEN 'running' WHEN draw < 0.97 THEN 'waiting' ELSE 'failed' END,
       random() < 0.8,
       CASE WHEN random() < 0.6 THEN 'see ticket ' || (random() * 1e5)::int END,
       CASE WHEN random() < 0.25 THEN timestamptz '2024-01-01' + random() * interval '500 days' END,
       (10000 * random() * random())::numeric(12,2), random(),
       md5('token' || i)::uuid,
       timestamptz '2024-01-01' + i * interval '90 seconds' + random() * interval '1 hour',
       date '2024-01-01' + (random() * 700)::int,
       (ARRAY['de','fr','it','es','pl','se','at','ch'])[1 + floor(8 * power(random(), 2))::int],
       'User.' || i || '@' || (ARRAY['example.org','mail.example.com','x.example'])[1 + (random() * 2)::int]
FROM (SELECT i, random() AS draw FROM generate_series(1, :rows) i OFFSET 0) AS numbers;

CREATE TABLE events (at timestamptz NOT NULL, device bigint NOT NULL, kind text NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2024-04-01');
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2024-04-01') TO ('2024-07-01');
-- Columns in another order than the parent's.
CREATE TABLE events_3 (kind text NOT NULL, at timestamptz NOT NULL, device bigint NOT NULL);
ALTER TABLE events ATTACH PARTITION events_3 FOR VALUES FROM ('2024-07-01') TO ('2025-01-01');
INSERT INTO events
SELECT timestamptz '2024-01-01' + i * interval '360 days' / :rows, 1 + floor(random() * 2000),
       (ARRAY['start','stop','measurement','error'])[1 + floor(4 * random())::int]
FROM generate_series(0, :rows - 1) i;

CREATE MATERIALIZED VIEW totals AS
SELECT owner, day, count(*) AS items, sum(amount) AS amount FROM items GROUP BY owner, day;

-- A city is in one country and a street in one city.
CREATE TABLE addresses (country text NOT NULL, city text NOT NULL, street text NOT NULL, house integer NOT NULL);
INSERT INTO addresses
SELECT 'country ' || street % 20, 'city ' || street % 400, 'street ' || street, (random() * 200)::int
FROM (SELECT floor(random() * 8000)::int AS street FROM generate_series(1, :rows) OFFSET 0) AS streets;
CREATE STATISTICS address_parts (ndistinct) ON country, city, street FROM addresses;

-- The same without the statistics, which is how one usually finds it.
CREATE TABLE plain_addresses AS SELECT * FROM addresses;
