//! Extended statistics that the advisor asks for.

#[allow(clippy::expect_used)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use pgrx::prelude::*;
    use serde_json::Value;

    use crate::advisor_tests::support::*;

    /// `city` tells `country`; `a` and `b` have nothing to do with each other; `x` and `y` go
    /// together, though neither tells the other.
    const TABLE: &str = "
        CREATE SCHEMA st; SET LOCAL search_path = st, public; SET LOCAL max_parallel_workers_per_gather = 0;
        CREATE TABLE t (city int, \"Country\" int, a int, b int, x int, y int, pad text);
        INSERT INTO t SELECT i % 400, i % 400 % 40, (i * 7919::bigint) % 199, (i * 6007::bigint) % 211,
               i % 20 * 2 + i / 20 % 2, i % 20 * 2 + i / 40 % 2, repeat('x', 40)
          FROM generate_series(1, 40000) i;
        ANALYZE t;";

    const CITY: &str = "SELECT * FROM t WHERE city = 5 AND \"Country\" = 5";

    fn statistics(queries: &[&str]) -> Vec<Value> {
        let mut rows = advice(queries, "");
        rows.retain(|row| text(row, "action") == "create statistics");
        rows
    }

    /// Rows that the planner expects.
    fn expected(query: &str) -> f64 {
        json_plan(query)
            .pointer("/0/Plan/Plan Rows")
            .and_then(Value::as_f64)
            .expect(query)
    }

    fn json_plan(query: &str) -> Value {
        let plan = Spi::connect_mut(|client| {
            let rows = client
                .update(&format!("EXPLAIN (FORMAT JSON) {query}"), None, &[])
                .expect(query);
            rows.first().get_one::<pgrx::Json>().expect(query)
        });
        plan.expect(query).0
    }

    #[pg_test]
    fn the_planner_knows_better_with_what_is_recommended() {
        run(TABLE);
        for (query, kinds) in [
            (CITY, "(ndistinct, dependencies)"),
            (
                "SELECT * FROM t WHERE x = 2 AND y = 3",
                "(ndistinct, dependencies, mcv)",
            ),
        ] {
            let actual = number(&query.replace('*', "count(*)")) as f64;
            assert!(expected(query) * 8.0 < actual, "{query}");
            let rows = statistics(&[query]);
            assert_eq!(rows.len(), 1, "{query}: {rows:?}");
            let row = &rows[0];
            assert!(text(row, "ddl").contains(kinds), "{row}");
            assert!(text(row, "reason").contains("go together"), "{row}");
            let found = row
                .pointer("/evidence/goes_together/found_rows")
                .and_then(Value::as_f64);
            assert!(found.is_some_and(|found| found > 20.0), "{row}");
            let steps = |field: &str| {
                list(row, field)
                    .iter()
                    .filter_map(Value::as_str)
                    .for_each(run)
            };
            steps("steps");
            let now = expected(query);
            assert!(
                now > actual / 2.0 && now < actual * 2.0,
                "{query}: {now} of {actual}"
            );
            assert!(statistics(&[query]).is_empty(), "there already");
            steps("undo_steps");
            assert_eq!(number("SELECT count(*) FROM pg_statistic_ext"), 0);
            run("ANALYZE t");
        }
    }

    #[pg_test]
    fn columns_that_have_nothing_to_do_with_each_other_get_none() {
        run(TABLE);
        for query in [
            "SELECT * FROM t WHERE a = 5 AND b = 5",
            "SELECT * FROM t WHERE city = 5",
            "SELECT * FROM t WHERE city = 5 OR \"Country\" = 5",
            "SELECT * FROM t WHERE city > 5 AND \"Country\" = 5",
            "SELECT * FROM t s JOIN t u ON s.city = u.\"Country\" WHERE s.a = 4",
        ] {
            assert!(statistics(&[query]).is_empty(), "{query}");
        }
    }

    #[pg_test]
    fn the_fewest_columns_and_each_set_once() {
        run(TABLE);
        let rows = statistics(&[
            CITY,
            "SELECT * FROM t WHERE city = 5 AND \"Country\" = 5 AND a = 3",
            "SELECT * FROM t WHERE city = $1 AND \"Country\" IN ($2, $3)",
        ]);
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert!(
            text(&rows[0], "ddl").ends_with("ON city, \"Country\" FROM st.t"),
            "{rows:?}"
        );
    }

    #[pg_test]
    fn statistics_that_are_there_are_enough_under_any_name() {
        run(TABLE);
        run("CREATE STATISTICS t_city_Country_stat ON a, b FROM t");
        let rows = statistics(&[CITY]);
        assert_eq!(rows.len(), 1);
        run(text(&rows[0], "ddl"));
        assert_eq!(number("SELECT count(*) FROM pg_statistic_ext"), 2);
        assert!(statistics(&[CITY]).is_empty());
        run(
            "DROP STATISTICS \"t_city_Country_stat\"; CREATE STATISTICS wider (dependencies) ON \"Country\", a, city FROM t",
        );
        assert!(statistics(&[CITY]).is_empty());
    }

    #[pg_test]
    fn policies_partitions_and_small_tables_are_left_alone() {
        run(TABLE);
        run("CREATE TABLE few AS SELECT * FROM t LIMIT 500; ANALYZE few;
             CREATE TABLE parts (LIKE t) PARTITION BY RANGE (a); CREATE TABLE part PARTITION OF parts DEFAULT;
             INSERT INTO parts TABLE t; ANALYZE parts;");
        for table in ["few", "parts"] {
            assert!(
                statistics(&[&CITY.replace("FROM t", &format!("FROM {table}"))]).is_empty(),
                "{table}"
            );
        }
        run("ALTER TABLE t ENABLE ROW LEVEL SECURITY");
        assert!(statistics(&[CITY]).is_empty());
    }

    #[pg_test]
    fn a_type_that_cannot_be_sorted_is_no_error() {
        run(TABLE);
        run(
            "ALTER TABLE t ADD spot point, ADD doc json; UPDATE t SET spot = point(city, 1); ANALYZE t",
        );
        assert_eq!(
            statistics(&["SELECT * FROM t WHERE spot ~= '(1,1)' AND city = 5 AND \"Country\" = 5"])
                .len(),
            1
        );
    }

    #[pg_test]
    fn nobodys_code_runs_to_read_a_sample() {
        run(TABLE);
        run("CREATE SEQUENCE ran; CREATE TYPE pair AS (n int);
             CREATE FUNCTION lt(pair, pair) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM nextval(''st.ran''); RETURN ($1).n < ($2).n; END';
             CREATE FUNCTION eq(pair, pair) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN ($1).n = ($2).n; END';
             CREATE FUNCTION cmp(pair, pair) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM nextval(''st.ran''); RETURN ($1).n - ($2).n; END';
             CREATE OPERATOR <<<< (LEFTARG = pair, RIGHTARG = pair, FUNCTION = lt);
             CREATE OPERATOR ==== (LEFTARG = pair, RIGHTARG = pair, FUNCTION = eq, COMMUTATOR = ====);
             CREATE OPERATOR CLASS pairs DEFAULT FOR TYPE pair USING btree AS OPERATOR 1 <<<<, OPERATOR 3 ====, FUNCTION 1 cmp(pair, pair);
             CREATE TYPE mood AS ENUM ('m0', 'm1', 'm2', 'm3'); CREATE DOMAIN city AS int CHECK (VALUE < 1000);
             ALTER TABLE t ADD p pair, ADD m mood, ALTER city TYPE city; UPDATE t SET p = row(city), m = ('m' || city % 4)::mood; ANALYZE t;
             SELECT setval('ran', 1)");
        let before = number("SELECT last_value FROM ran");
        let rows = statistics(&[
            "SELECT * FROM t WHERE city = 5 AND \"Country\" = 5 AND p ==== row(5)::pair AND m = 'm1'",
        ]);
        assert_eq!(rows.len(), 1);
        assert!(
            text(&rows[0], "ddl").contains("ON city, \"Country\""),
            "{rows:?}"
        );
        assert_eq!(number("SELECT last_value FROM ran"), before);
    }

    #[pg_test]
    fn the_sample_is_read_as_the_owner() {
        run(TABLE);
        run("CREATE ROLE st_owner; CREATE ROLE st_reader; GRANT ALL ON SCHEMA st TO st_owner; GRANT USAGE ON SCHEMA st TO st_reader;
             ALTER TABLE t OWNER TO st_owner; GRANT SELECT ON t TO st_reader; SET LOCAL ROLE st_reader");
        assert_eq!(statistics(&[CITY]).len(), 1);
        run("RESET ROLE");
    }
}
