CREATE SCHEMA bench;

CREATE TABLE bench.advice (
    load          text,
    rank          int,
    ddl           text NOT NULL,
    size_bytes    bigint NOT NULL,
    benefit       float8 NOT NULL,
    write_penalty float8 NOT NULL,
    PRIMARY KEY (load, rank)
);

CREATE TABLE bench.runs (
    load     text,
    pair     int,
    database text,
    tps      float8 NOT NULL,
    PRIMARY KEY (load, pair, database)
);

-- The median and, by order statistics, the interval in which it lies with 95 % certainty.
CREATE VIEW bench.ratios AS
WITH ratios AS (
    SELECT load, a.tps / p.tps AS ratio, count(*) OVER w AS pairs, row_number() OVER (w ORDER BY a.tps / p.tps) AS place
    FROM bench.runs AS a JOIN bench.runs AS p USING (load, pair)
    WHERE a.database = 'advised' AND p.database = 'plain'
    WINDOW w AS (PARTITION BY load)
)
SELECT load, pairs, percentile_cont(0.5) WITHIN GROUP (ORDER BY ratio) AS median,
       min(ratio) FILTER (WHERE place > pairs / 2.0 - 0.98 * sqrt(pairs)) AS low,
       max(ratio) FILTER (WHERE place < pairs / 2.0 + 1 + 0.98 * sqrt(pairs)) AS high
FROM ratios GROUP BY load, pairs;
