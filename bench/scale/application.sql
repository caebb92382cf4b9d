-- An application of 300 tables in modules of ten, as an object-relational mapper would make it,
-- and the distinct statements it sends. Everything follows from numbers, nothing is random.

CREATE EXTENSION pgopt;
CREATE SCHEMA bench;

CREATE PROCEDURE bench.make_tables(tables int, table_rows int) LANGUAGE plpgsql AS $$
BEGIN
    FOR number IN 0 .. tables - 1 LOOP
        EXECUTE format($ddl$
            CREATE TABLE entity_%s (
                id         bigint PRIMARY KEY,
                tenant_id  int NOT NULL,
                parent_id  bigint NOT NULL,
                owner_id   bigint,
                status     text NOT NULL,
                kind       smallint NOT NULL,
                email      text NOT NULL,
                title      text NOT NULL,
                amount     numeric(12, 2) NOT NULL,
                is_deleted boolean NOT NULL,
                created_at timestamptz NOT NULL,
                updated_at timestamptz NOT NULL
            )$ddl$, number);
        EXECUTE format($rows$
            INSERT INTO entity_%1$s
            SELECT n, n %% 97, 1 + (n * 7919) %% %2$s, CASE WHEN n %% 5 > 0 THEN 1 + (n * 104729) %% 2000 END,
                   (ARRAY['open', 'open', 'open', 'open', 'closed', 'closed', 'closed', 'failed'])[1 + n %% 8], n %% 12,
                   'user' || n || '@example.org', md5(n::text), (n * 31) %% 100000 / 100.0, n %% 50 = 0,
                   timestamptz '2025-01-01 00:00+00' + n * interval '7 minutes',
                   timestamptz '2025-01-01 00:00+00' + (n * 13) %% 50000 * interval '5 minutes'
            FROM generate_series(1, %2$s) AS n$rows$, number, table_rows);
        COMMIT;
    END LOOP;
END $$;

-- What an application asks of a table T, with parents P, Q, R and S in its module.
CREATE TABLE bench.templates (position int PRIMARY KEY, template text NOT NULL);
INSERT INTO bench.templates VALUES
    (0, 'SELECT * FROM T WHERE tenant_id = 7 AND id = 42'),
    (1, 'SELECT * FROM T WHERE parent_id = 17 ORDER BY created_at DESC LIMIT 20'),
    (2, 'SELECT * FROM T WHERE owner_id = 99 AND status = ''open'' ORDER BY updated_at LIMIT 50'),
    (3, 'SELECT count(*) FROM T WHERE tenant_id = 7 AND created_at >= ''2025-01-20 00:00+00'''),
    (4, 'SELECT * FROM T WHERE lower(email) = ''user99@example.org'''),
    (5, 'SELECT t.*, p.title FROM T AS t JOIN P AS p ON p.id = t.parent_id WHERE t.owner_id = 12 AND p.status = ''failed'''),
    (6, 'SELECT kind, count(*), sum(amount) FROM T WHERE tenant_id = 3 AND NOT is_deleted GROUP BY kind'),
    (7, 'SELECT p.id, count(*) FROM P AS p JOIN T AS t ON t.parent_id = p.id WHERE p.tenant_id = 11 GROUP BY p.id'),
    (8, 'UPDATE T SET status = ''closed'', updated_at = now() WHERE parent_id = 5 AND status = ''open'''),
    (9, 'SELECT * FROM T WHERE is_deleted AND updated_at < ''2025-02-01 00:00+00'''),
    (10, 'SELECT t.id, q.title, r.amount FROM T AS t JOIN P AS p ON p.id = t.parent_id JOIN Q AS q ON q.parent_id = p.id JOIN R AS r ON r.id = q.owner_id WHERE t.email = ''user42@example.org'''),
    (11, 'SELECT * FROM T WHERE amount BETWEEN 10 AND 11 AND kind IN (1, 2) ORDER BY amount'),
    (12, 'INSERT INTO T SELECT id + 1000000, tenant_id, parent_id, owner_id, status, kind, email, title, amount, is_deleted, created_at, updated_at FROM T WHERE id = 1'),
    (13, 'DELETE FROM T WHERE owner_id IS NULL AND created_at < ''2025-01-02 00:00+00'''),
    (14, 'SELECT * FROM T WHERE status = ''failed'' AND tenant_id = 8 ORDER BY created_at DESC LIMIT 10 OFFSET 20'),
    (15, 'SELECT t.tenant_id, s.kind, sum(t.amount) FROM T AS t JOIN S AS s ON s.parent_id = t.id JOIN R AS r ON r.parent_id = s.id WHERE r.owner_id = 4 GROUP BY t.tenant_id, s.kind'),
    (16, 'SELECT EXISTS (SELECT FROM T WHERE email = ''user7@example.org'' AND tenant_id = 7)'),
    (17, 'SELECT * FROM T WHERE (tenant_id, created_at) > (5, ''2025-01-20 00:00+00'') ORDER BY tenant_id, created_at LIMIT 25'),
    (18, 'SELECT * FROM T AS t WHERE NOT EXISTS (SELECT FROM P AS p WHERE p.parent_id = t.id) AND t.tenant_id = 9'),
    (19, 'SELECT * FROM T WHERE owner_id IN (3, 14, 159) OR parent_id = 26');

-- A table of the same module, so many after it.
CREATE FUNCTION bench.entity(own int, steps int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT 'entity_' || own / 10 * 10 + (own + steps) % 10
$$;

-- Each template is asked of one table after the other.
CREATE FUNCTION bench.statements(wanted int, tables int) RETURNS TABLE (query text, weight float8)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    aliases constant text[] := '{T,P,Q,R,S}';
    own     int;
BEGIN
    FOR number IN 0 .. wanted - 1 LOOP
        own := (number * 7 + number / 20) % tables;
        query := (SELECT template FROM bench.templates WHERE position = number % 20);
        FOR step IN 1 .. 5 LOOP
            query := regexp_replace(query, '\m' || aliases[step] || '\M', bench.entity(own, step - 1), 'g');
        END LOOP;
        weight := 1 + (number * 37) % 1000;
        RETURN NEXT;
    END LOOP;
END $$;
