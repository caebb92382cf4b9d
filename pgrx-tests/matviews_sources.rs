//! What materialized views read: which of them the server's counters can tell of.

#[allow(clippy::expect_used, clippy::panic)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use pgrx::prelude::*;

    use crate::matviews_support::{prepare, run, value, view};

    /// Why a view of `query` is refreshed each time; empty if it is not.
    fn always(query: &str) -> String {
        view("probe", query);
        run("SELECT FROM pgopt.refresh_now('probe')");
        let reason = value(
            "SELECT coalesce(always_because, '') FROM pgopt.matview_states WHERE view = 'probe'::regclass",
        );
        run("DROP MATERIALIZED VIEW probe");
        reason
    }

    #[track_caller]
    fn told(queries: &[&str]) {
        for query in queries {
            assert_eq!(always(query), "", "{query}");
        }
    }

    /// Queries with a part of the reason.
    #[track_caller]
    fn untold(queries: &[(&str, &str)]) {
        for (query, part) in queries {
            let reason = always(query);
            assert!(reason.contains(part), "{query}: {reason}");
        }
    }

    #[pg_test]
    fn tables_are_told_by_counters_wherever_they_are_read() {
        prepare();
        told(&[
            "SELECT customer, count(*), sum(amount), max(note) FROM orders GROUP BY customer",
            "SELECT * FROM recent_big",
            "SELECT * FROM ONLY orders",
            "SELECT * FROM parts",
            "WITH x AS (SELECT * FROM orders) SELECT * FROM x WHERE id IN (SELECT k FROM parts)",
            "SELECT id FROM orders UNION SELECT k FROM parts ORDER BY 1",
            "SELECT o.*, (SELECT count(*) FROM parts WHERE k = o.id) FROM orders o, LATERAL (SELECT v FROM parts LIMIT 1) l",
            "SELECT i FROM generate_series(1, 5) AS i",
            "SELECT id, rank() OVER (PARTITION BY customer ORDER BY amount) FROM orders",
            "SELECT greatest(id, customer), coalesce(note, 'x'), row(id, note) = row(1, 'x') AS e FROM orders",
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n",
        ]);
    }

    #[pg_test]
    fn what_depends_on_settings_only_is_told() {
        prepare();
        told(&[
            "SELECT date_trunc('day', at) AS day, count(*) FROM orders GROUP BY 1",
            "SELECT at::date AS day, extract(hour FROM at) AS hour, to_char(at, 'YYYY') AS year FROM orders",
            "SELECT * FROM orders WHERE at > '2024-01-02'::date AND at < timestamp '2025-01-01'",
            "SELECT at + interval '1 day' AS next, at AT TIME ZONE 'UTC' AS utc FROM orders",
            "SELECT json_agg(note) AS a, jsonb_object_agg(id, note) AS o, array_to_string(array_agg(at), ',') AS t FROM orders",
            "SELECT to_json(o.id) AS i, to_jsonb(o.at) AS a, concat(id, ':', amount) AS c, format('%s', note) AS f FROM orders o",
            "SELECT mood::text AS m, count(*) FROM orders GROUP BY 1",
            "SELECT to_tsvector('english', note) AS v, to_tsvector(note) AS d FROM orders",
            "SELECT row_to_json(o) AS o FROM orders o",
            "SELECT (data ->> 'x')::int AS x, id::text || 'x' AS t FROM orders",
        ]);
    }

    #[pg_test]
    fn what_tells_the_time_or_the_session_is_never_skipped() {
        prepare();
        untold(&[
            (
                "SELECT * FROM orders WHERE at > now() - interval '1 day'",
                "now()",
            ),
            ("SELECT current_date AS d", "CURRENT_DATE"),
            (
                "SELECT count(*) FROM orders WHERE note = current_user",
                "CURRENT_",
            ),
            ("SELECT age(at) AS a FROM orders", "age("),
            ("SELECT random() AS r FROM orders", "volatile"),
            ("SELECT clock_timestamp() AS c", "volatile"),
            ("SELECT current_setting('timezone') AS s", "current_setting"),
            (
                "SELECT * FROM (SELECT id FROM orders WHERE id IN (SELECT id FROM orders WHERE at < now())) x",
                "now()",
            ),
            ("WITH x AS (SELECT now() AS n) SELECT * FROM x", "now()"),
            (
                "SELECT 1 AS a UNION SELECT extract(year FROM now())::int",
                "now()",
            ),
            ("SELECT id FROM orders ORDER BY now() - at LIMIT 5", "now()"),
            (
                "SELECT count(*) FILTER (WHERE at < now()) AS c FROM orders",
                "now()",
            ),
            (
                "SELECT i FROM generate_series(1, (SELECT extract(day FROM now())::int)) AS i",
                "now()",
            ),
            ("SELECT nextval('counter') AS n", "nextval"),
            (
                "SELECT note::timestamptz AS t FROM orders WHERE note IS NULL",
                "timestamptz_in",
            ),
            ("SELECT version() AS v", "version"),
            ("SELECT xmlelement(name x, note) AS x FROM orders", "XML"),
        ]);
        run("CREATE VIEW today AS SELECT * FROM recent WHERE at < now()");
        untold(&[("SELECT count(*) FROM today", "now()")]);
    }

    #[pg_test]
    fn catalogs_and_sequences_are_never_skipped() {
        prepare();
        run("CREATE VIEW sessions AS SELECT * FROM pg_stat_activity");
        untold(&[
            ("SELECT pid FROM pg_stat_activity", "it "),
            ("SELECT pid FROM sessions", "it "),
            ("SELECT relname FROM pg_class", "pg_catalog.pg_class"),
            (
                "SELECT table_name::text FROM information_schema.tables",
                "it ",
            ),
            ("SELECT last_value FROM counter", "mv.counter"),
            (
                "SELECT 'orders'::regclass::text AS name, id::regclass::text FROM orders",
                "regclassout",
            ),
            (
                "SELECT to_json(id::oid::regclass) AS j FROM orders",
                "regclassout",
            ),
        ]);
    }

    #[pg_test]
    fn functions_that_hide_tables_are_never_skipped() {
        prepare();
        run("
            CREATE FUNCTION hidden() RETURNS TABLE (id int) LANGUAGE sql STABLE AS 'SELECT id FROM mv.orders';
            CREATE FUNCTION liar(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN (SELECT count(*) FROM mv.orders); END';
            CREATE FUNCTION add(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + $2';
            CREATE AGGREGATE total(int) (SFUNC = add, STYPE = int, INITCOND = '0');
            CREATE AGGREGATE total_c(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
            CREATE FUNCTION same(mood, int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1::text = $2::text';
            CREATE OPERATOR === (LEFTARG = mood, RIGHTARG = int, FUNCTION = same);
            CREATE TYPE pair AS (a int, b int);
            CREATE FUNCTION pair_json(pair) RETURNS json LANGUAGE sql AS 'SELECT to_json($1.a)';
            CREATE CAST (pair AS json) WITH FUNCTION pair_json(pair)");
        untold(&[
            ("SELECT * FROM hidden()", "language sql"),
            ("SELECT liar(id) AS l FROM orders", "language plpgsql"),
            ("SELECT total(id) AS t FROM orders", "mv.add"),
            ("SELECT * FROM orders WHERE mood === 1", "mv.same"),
            (
                "SELECT to_json(row(id, 1)::pair) AS j FROM orders",
                "mv.pair_json",
            ),
        ]);
        told(&["SELECT total_c(id) AS t FROM orders"]);
    }

    #[pg_test]
    fn operator_classes_that_hide_functions_are_never_skipped() {
        prepare();
        run("
            CREATE TYPE pair AS (a int, b int);
            CREATE FUNCTION pair_lt(pair, pair) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT ($1).a < ($2).a';
            CREATE FUNCTION pair_eq(pair, pair) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT ($1).a = ($2).a';
            CREATE FUNCTION pair_cmp(pair, pair) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT ($1).a - ($2).a';
            CREATE OPERATOR <<< (LEFTARG = pair, RIGHTARG = pair, FUNCTION = pair_lt);
            CREATE OPERATOR === (LEFTARG = pair, RIGHTARG = pair, FUNCTION = pair_eq);
            CREATE OPERATOR CLASS pair_ops DEFAULT FOR TYPE pair USING btree AS
                OPERATOR 1 <<<, OPERATOR 3 ===, FUNCTION 1 pair_cmp(pair, pair);
            CREATE TABLE pairs (p pair)");
        untold(&[
            ("SELECT p, count(*) FROM pairs GROUP BY p", "mv.pair_"),
            ("SELECT p FROM pairs UNION SELECT p FROM pairs", "mv.pair_"),
            ("SELECT DISTINCT p FROM pairs", "mv.pair_"),
            ("SELECT greatest(p, p) AS g FROM pairs", "mv.pair_cmp"),
        ]);
    }

    #[pg_test]
    fn foreign_tables_are_never_skipped_also_as_partitions() {
        prepare();
        run("
            CREATE EXTENSION file_fdw SCHEMA public; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
            CREATE FOREIGN TABLE ft (k int, v int) SERVER files OPTIONS (filename '/dev/null', format 'csv');
            CREATE VIEW over_ft AS SELECT k FROM ft");
        untold(&[
            ("SELECT * FROM ft", "mv.ft, a foreign table"),
            ("SELECT * FROM over_ft", "mv.ft, a foreign table"),
        ]);
        run("ALTER TABLE parts ATTACH PARTITION ft FOR VALUES FROM (900) TO (1000)");
        untold(&[("SELECT * FROM parts", "mv.ft, a foreign table")]);
    }

    #[pg_test]
    fn policies_and_samples_are_never_skipped() {
        prepare();
        untold(&[(
            "SELECT * FROM orders TABLESAMPLE BERNOULLI (50)",
            "TABLESAMPLE",
        )]);
        run("ALTER TABLE orders ENABLE ROW LEVEL SECURITY");
        untold(&[("SELECT * FROM recent_big", "row-level security")]);
    }

    #[pg_test]
    fn uncounted_tables_are_never_skipped() {
        prepare();
        run(
            "CREATE ACCESS METHOD other TYPE TABLE HANDLER heap_tableam_handler;
             CREATE TABLE elsewhere (a int) USING other",
        );
        untold(&[("SELECT * FROM elsewhere", "access method")]);
        run("CREATE ROLE uncounting; ALTER ROLE uncounting SET track_counts = off");
        untold(&[("SELECT * FROM orders", "track_counts")]);
    }

    #[pg_test]
    fn the_unique_index_follows_from_the_query() {
        prepare();
        for (query, columns) in [
            (
                "SELECT customer, mood, count(*) FROM orders GROUP BY customer, mood",
                "(customer, mood)",
            ),
            (
                "SELECT count(*) AS n, customer AS \"Who\" FROM orders GROUP BY customer",
                "(\"Who\")",
            ),
            (
                "SELECT DISTINCT note, id % 2 AS half FROM orders",
                "(note, half)",
            ),
            (
                "SELECT DISTINCT ON (customer) id, customer FROM orders ORDER BY customer, at",
                "(customer)",
            ),
            ("SELECT id FROM orders UNION SELECT k FROM parts", "(id)"),
            (
                "SELECT note, id AS number FROM orders WHERE amount > 5",
                "(number)",
            ),
            ("SELECT count(*) AS n, max(id) FROM orders", "(n)"),
        ] {
            view("probe", query);
            assert_eq!(
                value("SELECT pgopt.unique_index_for('probe')"),
                format!("CREATE UNIQUE INDEX ON mv.probe {columns}"),
                "{query}"
            );
            run(&value("SELECT pgopt.unique_index_for('probe')"));
            assert_eq!(
                value("SELECT action FROM pgopt.refresh_now('probe', 'on')"),
                "refreshed concurrently",
                "{query}"
            );
            run("DROP MATERIALIZED VIEW probe");
        }
    }

    #[pg_test]
    fn an_index_that_would_not_be_unique_is_not_advised() {
        prepare();
        for query in [
            "SELECT count(*) FROM orders GROUP BY customer",
            "SELECT customer, count(*) AS n FROM orders GROUP BY GROUPING SETS ((customer), ())",
            "SELECT note FROM orders",
            "SELECT id, unnest(ARRAY[1, 2]) AS u FROM orders",
            "SELECT o.id FROM orders o, parts p",
            "SELECT id FROM orders UNION ALL SELECT id FROM orders",
        ] {
            view("probe", query);
            assert_eq!(
                value("SELECT pgopt.unique_index_for('probe')"),
                "",
                "{query}"
            );
            run("DROP MATERIALIZED VIEW probe");
        }
        // That all values are different now says nothing of those to come.
        view(
            "probe",
            "SELECT sum(id * 7) AS total FROM orders GROUP BY note",
        );
        run("ANALYZE probe");
        assert_eq!(value("SELECT pgopt.unique_index_for('probe')"), "");
    }

    #[pg_test]
    fn an_index_that_could_not_be_made_is_not_advised() {
        prepare();
        run(
            "CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
             CREATE TABLE names (name text COLLATE blind NOT NULL, x xid, code text NOT NULL, late int NOT NULL UNIQUE DEFERRABLE);
             CREATE UNIQUE INDEX ON names (name COLLATE \"C\"); CREATE UNIQUE INDEX ON names (code text_pattern_ops);
             INSERT INTO names VALUES ('a', '1', 'x', 1), ('A', '2', 'y', 2)",
        );
        for query in [
            "SELECT name FROM names",
            "SELECT code FROM names",
            "SELECT late FROM names",
            "SELECT x, count(*) FROM names GROUP BY x",
            "SELECT array_agg(x) AS a, count(*) FROM names GROUP BY x",
            "SELECT json_agg(name) AS j FROM names",
            "SELECT string_agg(repeat(note, 1000), '') AS s FROM orders",
        ] {
            view("probe", query);
            assert_eq!(
                value("SELECT pgopt.unique_index_for('probe')"),
                "",
                "{query}"
            );
            run("DROP MATERIALIZED VIEW probe");
        }
        view(
            "probe",
            "SELECT json_agg(id) AS j, string_agg(note, '') AS s, count(*) AS n FROM orders",
        );
        assert_eq!(
            value("SELECT pgopt.unique_index_for('probe')"),
            "CREATE UNIQUE INDEX ON mv.probe (n)"
        );
        // CONCURRENTLY writes rows without a key anew each time.
        run("CREATE TABLE keys (a int UNIQUE, b int NOT NULL UNIQUE)");
        view("keyed", "SELECT a, b FROM keys");
        assert_eq!(
            value("SELECT pgopt.unique_index_for('keyed')"),
            "CREATE UNIQUE INDEX ON mv.keyed (b)"
        );
    }
}
