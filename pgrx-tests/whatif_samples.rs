//! What hypothetical indexes learn from the rows of their table, and when they must not look.

#[allow(clippy::expect_used, clippy::panic)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use crate::test_support::*;
    use pgrx::prelude::*;
    use std::time::{Duration, Instant};

    const EVENTS: &str = "
        CREATE SCHEMA ws; SET LOCAL search_path = ws, public;
        SET LOCAL max_parallel_workers_per_gather = 0;
        CREATE TABLE events (id int, name text, doc jsonb, body text);
        INSERT INTO events SELECT i, 'Name' || i % 5000, jsonb_build_object('kind', i % 4, 'user', i % 1000),
            CASE WHEN i % 10 = 0 THEN NULL ELSE 'word' || i % 300 || ' other' || i % 7 END
        FROM generate_series(1, 20000) AS i;
        ANALYZE events";

    const BY_KIND: &str = "SELECT * FROM events WHERE doc ->> 'kind' = '2'";
    const ON_KIND: &str = "CREATE INDEX h ON events ((doc ->> 'kind'))";
    const BY_NAME: &str = "SELECT * FROM events WHERE lower(name) = 'name77'";
    const ON_NAME: &str = "CREATE INDEX h ON events (lower(name))";

    /// Rows that the plan's first line expects.
    fn rows(plan: &str) -> f64 {
        (plan.split_once("rows="))
            .and_then(|(_, rest)| rest.split_once(' '))
            .and_then(|(rows, _)| rows.parse().ok())
            .expect(plan)
    }

    #[track_caller]
    fn near(plan: &str, expected: f64, factor: f64) {
        let found = rows(plan);
        let ratio = found / expected;
        assert!((1.0 / factor..=factor).contains(&ratio), "{found}: {plan}");
    }

    #[pg_test]
    fn expression_of_a_hypothetical_index_is_no_guess_of_half_a_percent() {
        run(EVENTS);
        // Without an index the server knows nothing of the expression.
        near(&explain_with(BY_KIND, &[], &[]), 100.0, 1.01);
        near(&explain_with(BY_KIND, &[ON_KIND], &[]), 5000.0, 1.2);
        near(&explain_with(BY_NAME, &[ON_NAME], &[]), 4.0, 2.0);
        let ranges = "SELECT * FROM events WHERE id / 10 BETWEEN 500 AND 999";
        let on_range = "CREATE INDEX h ON events ((id / 10))";
        near(&explain_with(ranges, &[on_range], &[]), 5000.0, 1.2);
        let nulls = "SELECT * FROM events WHERE lower(body) IS NULL";
        let on_null = "CREATE INDEX h ON events (lower(body))";
        near(&explain_with(nulls, &[on_null], &[]), 2000.0, 1.3);
        // Elements as well as values.
        let words = "SELECT * FROM events WHERE to_tsvector('simple', body) @@ 'other3'";
        let on_words = "CREATE INDEX h ON events USING gin (to_tsvector('simple', body))";
        near(&explain_with(words, &[on_words], &[]), 2571.0, 1.3);
        // Also for the session, and gone with the index.
        add(&ON_KIND.replace('\'', "''"));
        near(&explain(BY_KIND), 5000.0, 1.2);
        run("SELECT pgopt.hypothetical_reset()");
        near(&explain(BY_KIND), 100.0, 1.01);
    }

    #[pg_test]
    fn statistics_of_a_real_index_or_object_come_before_sampled_ones() {
        run(EVENTS);
        run(
            "CREATE STATISTICS kinds ON (doc ->> 'kind') FROM events; ANALYZE events;
             CREATE INDEX names ON events (lower(name))",
        );
        // What was analysed no longer holds, which only a look at the rows would tell.
        run("UPDATE events SET doc = jsonb_build_object('kind', id)");
        near(
            &explain_with(BY_KIND, &[ON_KIND], &[]),
            rows(&explain(BY_KIND)),
            1.01,
        );
        // An index that waits for its first ANALYZE.
        let twin = explain_with(
            BY_NAME,
            &["CREATE INDEX h ON events (lower(name), id)"],
            &[],
        );
        near(&twin, rows(&explain(BY_NAME)), 1.01);
    }

    #[pg_test]
    fn statistics_of_a_partial_index_are_not_those_of_the_table() {
        run(EVENTS);
        let partial = format!("{ON_KIND} WHERE id < 2000");
        near(&explain_with(BY_KIND, &[&partial], &[]), 100.0, 1.01);
        let within = format!("{BY_KIND} AND id < 2000");
        let imagined = explain_with(&within, &[&partial], &[]);
        run(&partial);
        run("ANALYZE events");
        assert_eq!(shape(&imagined), shape(&explain(&within)));
        near(&imagined, rows(&explain(&within)), 1.05);
    }

    #[pg_test]
    fn sampling_runs_no_code_of_third_roles() {
        run(EVENTS);
        run("CREATE SEQUENCE calls; CREATE ROLE mallory;
             CREATE FUNCTION counted(n text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS
                 'BEGIN PERFORM nextval(''ws.calls''); RETURN lower(n); END';
             GRANT USAGE ON SCHEMA ws TO PUBLIC; GRANT ALL ON SEQUENCE calls TO PUBLIC;
             ALTER FUNCTION counted(text) OWNER TO mallory");
        let query = "SELECT * FROM events WHERE counted(name) = 'name77'";
        let index = "CREATE INDEX h ON events (counted(name))";
        let called = "SELECT is_called::text FROM calls";
        shows(&explain_with(query, &[index], &[]), HYPOTHETICAL);
        gives(called, "false");
        // The role's own, or a superuser's, is run.
        run("ALTER FUNCTION counted(text) OWNER TO CURRENT_USER");
        near(&explain_with(query, &[index], &[]), 4.0, 2.0);
        gives(called, "true");
    }

    #[pg_test]
    fn statistics_of_ranges_run_no_code_of_third_roles() {
        run(EVENTS);
        run("CREATE SEQUENCE calls; CREATE ROLE range_mallory;
             GRANT USAGE ON SCHEMA ws TO PUBLIC; GRANT ALL ON SEQUENCE calls TO PUBLIC;
             CREATE FUNCTION apart(a int, b int) RETURNS float8 IMMUTABLE LANGUAGE plpgsql AS
                 'BEGIN PERFORM nextval(''ws.calls''); RETURN a - b; END';
             CREATE TYPE span AS RANGE (subtype = int, subtype_diff = apart);
             ALTER FUNCTION apart(int, int) OWNER TO range_mallory; ALTER TYPE span OWNER TO range_mallory");
        let query = "SELECT * FROM events WHERE span(id, id + 5) = span(7, 12)";
        let index = "CREATE INDEX h ON events (span(id, id + 5))";
        // What the server knows of the type, it knows from now on.
        run("SELECT span(1, 2)");
        shows(&explain_with(query, &[index], &[]), HYPOTHETICAL);
        gives("SELECT is_called::text FROM calls", "false");
        run("ALTER FUNCTION apart(int, int) OWNER TO CURRENT_USER");
        explain_with(query, &[index], &[]);
        gives("SELECT is_called::text FROM calls", "true");
    }

    #[pg_test]
    fn sampling_undoes_what_an_expression_does() {
        run(EVENTS);
        run("CREATE TABLE trace (t text);
             CREATE FUNCTION traced(n text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS
                 'BEGIN INSERT INTO ws.trace VALUES (n); PERFORM set_config(''work_mem'', ''77kB'', false); RETURN n; END'");
        let query = "SELECT * FROM events WHERE traced(name) = 'Name77'";
        explain_with(query, &["CREATE INDEX h ON events (traced(name))"], &[]);
        gives("SELECT count(*)::text FROM trace", "0");
        gives(
            "SELECT (current_setting('work_mem') <> '77kB')::text",
            "true",
        );
    }

    #[pg_test]
    fn expressions_that_fail_on_some_rows_are_guessed() {
        run(EVENTS);
        let query = "SELECT * FROM events WHERE 100 / (id % 5) = 50";
        let plan = explain_with(query, &["CREATE INDEX h ON events ((100 / (id % 5)))"], &[]);
        shows(&plan, HYPOTHETICAL);
        near(&plan, 100.0, 1.01);
        gives("SELECT count(*)::text FROM events", "20000");
    }

    #[pg_test]
    fn rows_behind_policies_are_not_looked_at() {
        run(EVENTS);
        run("CREATE ROLE reader; GRANT USAGE ON SCHEMA ws, pgopt TO reader; GRANT SELECT ON events TO reader;
             ALTER TABLE events ENABLE ROW LEVEL SECURITY;
             CREATE POLICY part ON events FOR SELECT TO reader USING (id > 10)");
        near(&explain_with(BY_KIND, &[ON_KIND], &[]), 5000.0, 1.2);
        run("SET LOCAL ROLE reader");
        let plan = explain_with(BY_KIND, &[ON_KIND], &[]);
        run("RESET ROLE");
        near(&plan, 100.0, 1.6);
    }

    #[pg_test]
    fn sampling_works_where_nothing_can_be_written() {
        run(EVENTS);
        run("SET LOCAL transaction_read_only = on");
        near(&explain_with(BY_KIND, &[ON_KIND], &[]), 5000.0, 1.2);
        shows(
            &explain_with(
                "SELECT * FROM events WHERE doc @> '{\"user\": 7}'",
                &["CREATE INDEX h ON events USING gin (doc)"],
                &[],
            ),
            HYPOTHETICAL,
        );
    }

    #[pg_test]
    fn very_large_values_are_left_out() {
        run("CREATE SCHEMA ws; SET LOCAL search_path = ws, public;
             CREATE TABLE large (id int, body text, doc jsonb);
             INSERT INTO large SELECT i, repeat(md5(i::text) || ' ', 100000), NULL FROM generate_series(1, 20) AS i;
             INSERT INTO large SELECT i, 'small ' || i, '[1, 2]' FROM generate_series(1, 2000) AS i;
             ANALYZE large");
        let begun = Instant::now();
        for index in [
            "USING gin (to_tsvector('simple', body))",
            "(md5(body))",
            "USING gin (doc)",
        ] {
            add(&format!("CREATE INDEX ON large {index}").replace('\'', "''"));
        }
        gives(
            "SELECT count(*)::text FROM pgopt.hypothetical_indexes WHERE size_bytes BETWEEN 8192 AND 1000000",
            "3",
        );
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    /// Relations of every kind, with nothing in them or all of it alike.
    #[rustfmt::skip] // a table, one case per line
    const ODD: &[&str] = &[
        "CREATE TABLE odd (k int, t text, a int[], p point)",
        "CREATE TEMP TABLE odd (k int, t text, a int[], p point)",
        "CREATE UNLOGGED TABLE odd AS SELECT NULL::int AS k, NULL::text AS t, NULL::int[] AS a, NULL::point AS p FROM generate_series(1, 3000)",
        "CREATE TABLE odd AS SELECT 1 AS k, ''::text AS t, '{}'::int[] AS a, point(1, 1) AS p FROM generate_series(1, 3000)",
        "CREATE MATERIALIZED VIEW odd AS SELECT i AS k, i::text AS t, ARRAY[i, NULL] AS a, point(i, i) AS p FROM generate_series(1, 3000) AS i",
        "CREATE TABLE odd AS SELECT i AS k, i::text AS t, ARRAY[i] AS a, NULL::point AS p FROM generate_series(1, 3000) AS i; DELETE FROM odd",
        "CREATE TABLE odd (k int, t text, a int[], p point) PARTITION BY RANGE (k)",
    ];

    #[pg_test]
    fn tables_of_every_kind_have_hypothetical_indexes_of_every_kind() {
        run(
            "CREATE EXTENSION IF NOT EXISTS pg_trgm; CREATE SCHEMA ws; SET LOCAL search_path = ws, public",
        );
        for table in ODD {
            run(table);
            for analyse in ["SELECT 1", "ANALYZE odd"] {
                run(analyse);
                for index in [
                    "USING hash (t)",
                    "USING gin (a)",
                    "USING gin (t gin_trgm_ops)",
                    "USING gist (p)",
                    "USING gist (t gist_trgm_ops)",
                    "USING spgist (t)",
                    "USING spgist (p)",
                    "USING brin (k)",
                    "USING brin (t text_bloom_ops, k int4_minmax_multi_ops)",
                    "(lower(t), (k + 1))",
                    "USING gin (a, (ARRAY[k])) WHERE k > 5",
                    "(length(t)) WHERE k IS NULL",
                ] {
                    add(&format!("CREATE INDEX ON odd {index}"));
                }
                for query in [
                    "t = 'x'",
                    "a && '{1}'",
                    "t LIKE '%abc%'",
                    "p <@ box '((0,0),(1,1))'",
                    "k = 5",
                    "lower(t) = 'x' AND k + 1 = 3",
                    "length(t) > 5 AND k IS NULL",
                ] {
                    explain(&format!("SELECT * FROM odd WHERE {query}"));
                }
                gives(
                    "SELECT count(*)::text FROM pgopt.hypothetical_indexes WHERE size_bytes >= 0",
                    "12",
                );
                run("SELECT pgopt.hypothetical_reset()");
            }
            let kind = if table.contains("VIEW") {
                "MATERIALIZED VIEW"
            } else {
                "TABLE"
            };
            run(&format!("DROP {kind} odd"));
        }
    }
}
