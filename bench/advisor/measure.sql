-- What is measured, and how.

CREATE EXTENSION pgopt;
CREATE SCHEMA bench;

-- The queries without 2, 17 and 20 are those the other advisors were compared with: without
-- indexes these three cost so much that nothing else would count.
CREATE TABLE bench.queries (
    number   int PRIMARY KEY,
    query    text NOT NULL,
    compared boolean NOT NULL GENERATED ALWAYS AS (number NOT IN (2, 17, 20)) STORED
);

CREATE TABLE bench.budgets (
    position int GENERATED ALWAYS AS IDENTITY,
    label    text PRIMARY KEY,
    -- As the other advisors count, in powers of ten.
    bytes    bigint
);
INSERT INTO bench.budgets (label, bytes) VALUES
    ('100 MB', 100000000), ('250 MB', 250000000), ('500 MB', 500000000), ('1000 MB', 1000000000), ('none', NULL);

CREATE TABLE bench.peers (
    label   text REFERENCES bench.budgets,
    peer    text NOT NULL,
    cost    float8 NOT NULL,
    seconds float8 NOT NULL
);

CREATE TABLE bench.advice (
    label      text REFERENCES bench.budgets,
    rank       int,
    name       text NOT NULL,
    ddl        text NOT NULL,
    size_bytes bigint NOT NULL,
    benefit    float8 NOT NULL,
    cost_after float8 NOT NULL,
    PRIMARY KEY (label, rank)
);

CREATE TABLE bench.calls (
    label         text REFERENCES bench.budgets,
    seconds       float8 NOT NULL,
    planner_calls int,
    reused        int,
    complete      boolean
);

-- What each query costs, and which indexes its plan uses, in a state of things: "start"; a
-- budget, with its advice; "built" and "analysed", with the advice built; "hypopg ...".
CREATE TABLE bench.plans (
    state   text,
    number  int REFERENCES bench.queries,
    cost    float8 NOT NULL,
    indexes text[] NOT NULL,
    PRIMARY KEY (state, number)
);

-- Sets of indexes for HypoPG.
CREATE TABLE bench.sets (
    id         int GENERATED ALWAYS AS IDENTITY,
    name       text NOT NULL,
    ddl        text NOT NULL,
    size_bytes bigint,
    refused    text
);

CREATE TABLE bench.times (
    phase  text,
    number int REFERENCES bench.queries,
    ms     float8,
    PRIMARY KEY (phase, number)
);

-- Real sizes by what stands behind ON in the command.
CREATE TABLE bench.sizes (
    definition text PRIMARY KEY,
    bytes      bigint NOT NULL
);

-- A command without what only matters where somebody else is at work.
CREATE FUNCTION bench.plain(ddl text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT replace(replace(ddl, 'CONCURRENTLY ', ''), 'IF NOT EXISTS ', '')
$$;

CREATE FUNCTION bench.definition(ddl text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT regexp_replace(ddl, '^CREATE INDEX .*?ON ', '')
$$;

CREATE FUNCTION bench.short(ddl text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT regexp_replace(ddl, '^CREATE INDEX .*?ON (public\.)?(\S+) USING btree ', '\2 ')
$$;

-- Asked of the planner by plain EXPLAIN, as anyone would.
CREATE FUNCTION bench.plan(query text, OUT cost float8, OUT indexes text[]) LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO STRICT plan;
    cost := plan #>> '{0,Plan,Total Cost}';
    indexes := ARRAY(SELECT DISTINCT name #>> '{}' FROM jsonb_path_query(plan::jsonb, '$.**."Index Name"') AS name);
END $$;

CREATE PROCEDURE bench.note_plans(wanted text) LANGUAGE sql AS $$
    INSERT INTO bench.plans SELECT wanted, number, p.cost, p.indexes FROM bench.queries, bench.plan(query) AS p
$$;

CREATE PROCEDURE bench.advise(wanted text) LANGUAGE plpgsql AS $$
DECLARE
    asked   text[] := ARRAY(SELECT query FROM bench.queries WHERE compared ORDER BY number);
    budget  text := (SELECT bytes || ' bytes' FROM bench.budgets WHERE label = wanted);
    started timestamptz := clock_timestamp();
    seconds float8;
BEGIN
    CREATE TEMPORARY TABLE advised AS
    SELECT * FROM pgopt.recommend_for(asked, storage_budget => budget, min_benefit => 0)
    WHERE action IN ('create', 'replace');
    seconds := extract(epoch FROM clock_timestamp() - started);
    DELETE FROM bench.advice WHERE label = wanted;
    INSERT INTO bench.advice
    SELECT wanted, rank, substring(ddl FROM 'IF NOT EXISTS (\S+)'), ddl, size_bytes, benefit, cost_after FROM advised;
    INSERT INTO bench.calls
    SELECT wanted, seconds, max((evidence ->> 'planner_calls')::int), max((evidence ->> 'answers_reused')::int),
           bool_and((evidence ->> 'complete')::boolean)
    FROM advised;
END $$;

CREATE PROCEDURE bench.cost_advice(wanted text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pgopt.hypothetical_reset();
    PERFORM pgopt.hypothetical_create(ddl) FROM bench.advice WHERE label = wanted ORDER BY rank;
    CALL bench.note_plans(wanted);
    PERFORM pgopt.hypothetical_reset();
END $$;

CREATE VIEW bench.workload_costs AS
SELECT state, sum(cost) AS cost FROM bench.plans JOIN bench.queries USING (number) WHERE compared GROUP BY state;

CREATE VIEW bench.results AS
SELECT position, b.label, bytes, w.cost, best.peer, best.cost AS peer_cost, w.cost / best.cost AS ratio,
       a.indexes, a.size, a.claimed, c.planner_calls, c.seconds, c.complete, best.seconds AS peer_seconds
FROM bench.budgets AS b
JOIN bench.workload_costs AS w ON w.state = b.label
LEFT JOIN LATERAL (SELECT * FROM bench.peers AS p WHERE p.label = b.label ORDER BY cost LIMIT 1) AS best ON true
CROSS JOIN LATERAL (SELECT count(*) AS indexes, coalesce(sum(size_bytes), 0) AS size, min(cost_after) AS claimed
                    FROM bench.advice AS a WHERE a.label = b.label) AS a
CROSS JOIN LATERAL (SELECT max(planner_calls) AS planner_calls, bool_and(complete) AS complete,
                           percentile_disc(0.5) WITHIN GROUP (ORDER BY seconds) AS seconds
                    FROM bench.calls AS c WHERE c.label = b.label) AS c;

-- Promised and real, once the advice without a budget is built.
CREATE VIEW bench.cost_errors AS
SELECT number, compared, start.cost AS before, promised.cost AS promised, built.cost AS built, analysed.cost AS analysed,
       100 * (promised.cost - built.cost) / built.cost AS error, 100 * (promised.cost - analysed.cost) / analysed.cost AS error_analysed
FROM bench.queries
JOIN bench.plans AS start USING (number)
JOIN bench.plans AS promised USING (number)
JOIN bench.plans AS built USING (number)
JOIN bench.plans AS analysed USING (number)
WHERE start.state = 'start' AND promised.state = 'none' AND built.state = 'built' AND analysed.state = 'analysed';

-- With the advice without a budget built; the other advised indexes are there for a moment.
CREATE PROCEDURE bench.measure_sizes() LANGUAGE plpgsql AS $$
DECLARE
    wanted text;
BEGIN
    INSERT INTO bench.sizes
    SELECT bench.definition(ddl), pg_relation_size(to_regclass(name)) FROM bench.advice WHERE label = 'none';
    FOR wanted IN SELECT DISTINCT bench.definition(ddl) FROM bench.advice EXCEPT SELECT definition FROM bench.sizes LOOP
        EXECUTE 'CREATE INDEX probe ON ' || wanted;
        INSERT INTO bench.sizes VALUES (wanted, pg_relation_size('probe'));
        DROP INDEX probe;
    END LOOP;
END $$;

CREATE VIEW bench.size_errors AS
SELECT a.label, a.rank, a.ddl, a.size_bytes AS promised, s.bytes AS real, 100 * (a.size_bytes - s.bytes)::float8 / s.bytes AS error,
       ARRAY(SELECT number FROM bench.plans JOIN bench.queries USING (number)
             WHERE state = 'analysed' AND compared AND a.name = ANY (indexes) ORDER BY number) AS used_by
FROM bench.advice AS a JOIN bench.sizes AS s ON s.definition = bench.definition(a.ddl);
