-- Predictions and what they are compared with. Everything happens inside the
-- server; an index that is created for comparison is dropped again at once.

CREATE EXTENSION IF NOT EXISTS pgopt;
CREATE SCHEMA accuracy;

CREATE TABLE accuracy.shapes (
    position    int GENERATED ALWAYS AS IDENTITY,
    schema      text NOT NULL,
    shape       text NOT NULL,
    rest        text NOT NULL,
    unique_keys boolean NOT NULL DEFAULT false,
    expression  boolean NOT NULL DEFAULT false,
    caveat      text,
    method      text NOT NULL DEFAULT 'btree'
);

CREATE TABLE accuracy.sizes (
    position  int GENERATED ALWAYS AS IDENTITY,
    shape     text NOT NULL,
    real      bigint NOT NULL,
    predicted bigint NOT NULL,
    caveat    text,
    method    text NOT NULL,
    error     float8 GENERATED ALWAYS AS (100 * (predicted - real)::float8 / real) STORED
);

CREATE TABLE accuracy.queries (
    schema text NOT NULL,
    name   text NOT NULL,
    query  text NOT NULL
);

CREATE TABLE accuracy.indexes (
    position   int GENERATED ALWAYS AS IDENTITY,
    schema     text NOT NULL,
    rest       text NOT NULL,
    expression boolean NOT NULL DEFAULT false,
    kind       text NOT NULL DEFAULT 'columns'
);

-- What the queries would cost with the index that is looked at.
CREATE TABLE accuracy.promised (
    query text NOT NULL,
    cost  float8 NOT NULL,
    used  boolean NOT NULL
);

CREATE TABLE accuracy.costs (
    schema       text NOT NULL,
    query        text NOT NULL,
    rest         text NOT NULL,
    kind         text NOT NULL,
    hypothetical float8 NOT NULL,
    real         float8 NOT NULL,
    same_choice  boolean NOT NULL,
    error        float8 GENERATED ALWAYS AS (100 * (hypothetical - real) / real) STORED
);

CREATE FUNCTION accuracy.predicted_size(ddl text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    made oid;
    size bigint;
BEGIN
    SELECT id INTO STRICT made FROM pgopt.hypothetical_create(ddl);
    SELECT size_bytes INTO STRICT size FROM pgopt.hypothetical_indexes WHERE id = made;
    PERFORM pgopt.hypothetical_drop(made);
    RETURN size;
END $$;

CREATE FUNCTION accuracy.real_size(index regclass) RETURNS bigint LANGUAGE sql AS $$
    SELECT coalesce((SELECT sum(pg_relation_size(relid))::bigint FROM pg_partition_tree(index)),
                    pg_relation_size(index))
$$;

CREATE PROCEDURE accuracy.measure_sizes() LANGUAGE plpgsql AS $$
DECLARE
    this      accuracy.shapes;
    ddl       text;
    predicted bigint;
    size      bigint;
BEGIN
    FOR this IN SELECT * FROM accuracy.shapes ORDER BY position LOOP
        PERFORM set_config('search_path', this.schema, false);
        ddl := format('CREATE %s INDEX probe ON %s', CASE WHEN this.unique_keys THEN 'UNIQUE' END, this.rest);
        predicted := accuracy.predicted_size(ddl);
        EXECUTE ddl;
        size := accuracy.real_size('probe');
        INSERT INTO accuracy.sizes (shape, real, predicted, caveat, method)
        VALUES (this.shape, size, predicted, this.caveat, this.method);
        IF this.expression THEN
            EXECUTE format('ANALYZE %s', split_part(this.rest, ' ', 1));
            predicted := accuracy.predicted_size(replace(ddl, 'probe', 'probe_twin'));
            INSERT INTO accuracy.sizes (shape, real, predicted, caveat, method)
            VALUES (this.shape || ', analysed', size, predicted, this.caveat, this.method);
        END IF;
        DROP INDEX probe;
    END LOOP;
    RESET search_path;
END $$;

-- Costs of all queries of the schema with one index, as a map from the query's
-- name to its cost and whether the index is used.
CREATE FUNCTION accuracy.plans(wanted text, create_indexes text[])
RETURNS TABLE (query text, cost float8, used boolean) LANGUAGE sql AS $$
    WITH numbered AS (
        SELECT name, query, row_number() OVER (ORDER BY name)::int AS ordinal
        FROM accuracy.queries WHERE schema = wanted
    )
    SELECT n.name, c.cost, 'probe' = ANY (c.indexes_used)
    FROM pgopt.workload_cost((SELECT array_agg(query ORDER BY ordinal) FROM numbered), create_indexes) AS c
    JOIN numbered AS n ON n.ordinal = c.query
$$;

CREATE PROCEDURE accuracy.compare_plans(this accuracy.indexes, kind text) LANGUAGE sql AS $$
    INSERT INTO accuracy.costs (schema, query, rest, kind, hypothetical, real, same_choice)
    SELECT this.schema, query, this.rest, kind, h.cost, r.cost, h.used = r.used
    FROM accuracy.promised AS h JOIN accuracy.plans(this.schema, '{}') AS r USING (query)
    WHERE h.used OR r.used
$$;

CREATE PROCEDURE accuracy.measure_costs() LANGUAGE plpgsql AS $$
DECLARE
    this accuracy.indexes;
    ddl  text;
BEGIN
    FOR this IN SELECT * FROM accuracy.indexes ORDER BY position LOOP
        PERFORM set_config('search_path', this.schema, false);
        ddl := 'CREATE INDEX probe ON ' || this.rest;
        DELETE FROM accuracy.promised;
        INSERT INTO accuracy.promised SELECT * FROM accuracy.plans(this.schema, ARRAY[ddl]);
        EXECUTE ddl;
        CALL accuracy.compare_plans(this, CASE WHEN this.expression THEN 'expression' ELSE this.kind END);
        IF this.expression THEN
            EXECUTE format('ANALYZE %s', split_part(this.rest, ' ', 1));
            CALL accuracy.compare_plans(this, 'expression, analysed');
        END IF;
        DROP INDEX probe;
    END LOOP;
    RESET search_path;
END $$;

-- Creating an index counts the rows of its table, where ANALYZE estimates them
-- from a sample. Counting them once beforehand leaves the index as the only
-- difference between both plans.
CREATE PROCEDURE accuracy.count_rows(wanted text) LANGUAGE plpgsql AS $$
DECLARE
    t regclass;
BEGIN
    FOR t IN SELECT oid FROM pg_class WHERE relnamespace = wanted::regnamespace AND relkind IN ('r', 'm') LOOP
        EXECUTE format('CREATE INDEX counted ON %s ((1))', t);
        EXECUTE format('DROP INDEX %s.counted', wanted::regnamespace);
    END LOOP;
END $$;

-- Fails when a measured number is over its bar.
CREATE FUNCTION accuracy.require(what text, value float8, bar float8) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF value IS NULL OR value > bar THEN
        RAISE EXCEPTION '% is % %%, the bar is % %%', what, round(value::numeric, 2), bar;
    END IF;
END $$;
