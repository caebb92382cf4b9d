//! Existing indexes that a recommended one, or another existing one, makes superfluous.

#[allow(clippy::expect_used)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use pgrx::prelude::*;
    use serde_json::Value;

    use crate::advisor_tests::support::*;

    const TABLE: &str = "
        CREATE SCHEMA re; SET LOCAL search_path = re, public; SET LOCAL max_parallel_workers_per_gather = 0;
        CREATE TABLE t (id int, a int, b int, c text, d int);
        INSERT INTO t SELECT i, i % 50, (i * 7919::bigint) % 5000, 'text ' || i % 300, i % 7 FROM generate_series(1, 20000) i;
        ANALYZE t;";

    /// Wants an index on `(a, b)`.
    const BOTH: &str = "SELECT * FROM t WHERE a = 5 AND b > 4990";

    fn actions(rows: &[Value]) -> Vec<(&str, &str)> {
        rows.iter()
            .map(|row| (text(row, "action"), text(row, "ddl")))
            .collect()
    }

    fn steps<'a>(row: &'a Value, field: &str) -> Vec<&'a str> {
        list(row, field).iter().filter_map(Value::as_str).collect()
    }

    /// What is not the making of an index.
    fn drops(rows: &[Value]) -> Vec<&str> {
        rows.iter()
            .filter(|row| text(row, "action") == "drop")
            .map(|row| text(row, "ddl"))
            .collect()
    }

    fn definitions() -> String {
        Spi::get_one::<String>("SELECT string_agg(pg_get_indexdef(indexrelid), ';' ORDER BY indexrelid::regclass::text) FROM pg_index WHERE indrelid = 're.t'::regclass AND indisvalid")
            .expect("definitions")
            .unwrap_or_default()
    }

    #[pg_test]
    fn a_prefix_is_replaced_and_comes_back() {
        run(TABLE);
        run("CREATE INDEX \"old A\" ON t (a)");
        let before = definitions();
        let rows = advice(&[BOTH], "");
        let row = rows.first().expect("advice");
        assert_eq!(rows.len(), 1, "{:?}", actions(&rows));
        assert_eq!(text(row, "action"), "replace");
        assert!(
            text(row, "ddl").contains("(a, b)")
                && text(row, "reason").contains("replaces re.\"old A\"")
        );
        assert!(text(row, "undo_ddl").starts_with("DROP INDEX"));
        let evidence = row.get("evidence").expect("evidence");
        assert_eq!(
            text(&list(evidence, "replaces")[0], "index"),
            "re.\"old A\""
        );
        let up = steps(row, "steps");
        assert_eq!(up.len(), 2, "{up:?}");
        assert!(
            up[0].starts_with("CREATE INDEX CONCURRENTLY")
                && up[1].starts_with("DROP INDEX CONCURRENTLY"),
            "{up:?}"
        );
        up.iter().for_each(|step| apply(step));
        assert!(definitions().contains("(a, b)") && !definitions().contains("old A"));
        steps(row, "undo_steps").iter().for_each(|step| apply(step));
        assert_eq!(definitions(), before);
    }

    #[pg_test]
    fn what_enforces_or_differs_is_never_replaced() {
        run(TABLE);
        for (old, undo) in [
            (
                "CREATE UNIQUE INDEX old ON t (a) WHERE false",
                "DROP INDEX old",
            ),
            ("CREATE INDEX old ON t (a DESC)", "DROP INDEX old"),
            ("CREATE INDEX old ON t (a NULLS FIRST)", "DROP INDEX old"),
            ("CREATE INDEX old ON t (a) WHERE d = 3", "DROP INDEX old"),
            ("CREATE INDEX old ON t (a) INCLUDE (c)", "DROP INDEX old"),
            ("CREATE INDEX old ON t (b)", "DROP INDEX old"),
            ("CREATE INDEX old ON t ((a + 0))", "DROP INDEX old"),
            ("CREATE INDEX old ON t USING hash (a)", "DROP INDEX old"),
            (
                "CREATE INDEX old ON t (a); ALTER TABLE t CLUSTER ON old",
                "DROP INDEX old",
            ),
            (
                "CREATE INDEX old ON t (a); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'old'::regclass",
                "DROP INDEX old",
            ),
            (
                "CREATE INDEX old ON t (a); UPDATE pg_index SET indisreplident = true WHERE indexrelid = 'old'::regclass",
                "UPDATE pg_index SET indisreplident = false WHERE indexrelid = 'old'::regclass; DROP INDEX old",
            ),
        ] {
            run(old);
            let rows = advice(&[BOTH], "");
            for row in &rows {
                assert_eq!(text(row, "action"), "create", "{old}: {row}");
            }
            assert!(drops(&rows).is_empty(), "{old}");
            run(undo);
        }
        run("CREATE INDEX old ON t (a)");
        assert_eq!(text(&advice(&[BOTH], "")[0], "action"), "replace");
    }

    #[pg_test]
    fn an_index_that_a_statement_misses_stays() {
        run(TABLE);
        // Reading all of the narrow index is a good deal cheaper than reading all of the wide one.
        run("CREATE TABLE big AS SELECT i % 5 AS a, md5(i::text) AS m FROM generate_series(1, 60000) i;
             CREATE INDEX narrow ON big (a); ANALYZE big;
             UPDATE pg_class SET relallvisible = relpages WHERE oid = 'big'::regclass");
        let one = "SELECT * FROM big WHERE a = 3 AND m > 'ffe'";
        assert_eq!(text(&advice(&[one], "")[0], "action"), "replace");
        let rows = advice(&[one, "SELECT count(*) FROM big WHERE a > 1"], "");
        let wide: Vec<&Value> = rows
            .iter()
            .filter(|row| text(row, "ddl").contains("(a, m)"))
            .collect();
        assert!(
            wide.iter().all(|row| text(row, "action") == "create"),
            "{:?}",
            actions(&rows)
        );
        assert!(drops(&rows).is_empty());
    }

    #[pg_test]
    fn duplicates_and_prefixes_are_dropped_once_and_come_back() {
        run(TABLE);
        run("CREATE INDEX one ON t (a, b); CREATE INDEX two ON t (a, b); CREATE INDEX three ON t (a);
             CREATE UNIQUE INDEX u ON t (id); CREATE INDEX plain ON t (id)");
        let before = definitions();
        let rows = advice(&["SELECT * FROM t WHERE a = 5 AND b = 3 AND id = 8"], "");
        let mut dropped = drops(&rows);
        dropped.sort_unstable();
        assert_eq!(
            dropped,
            [
                "DROP INDEX CONCURRENTLY IF EXISTS re.plain",
                "DROP INDEX CONCURRENTLY IF EXISTS re.three",
                "DROP INDEX CONCURRENTLY IF EXISTS re.two",
            ]
        );
        for row in &rows {
            assert!(float(row, "size_bytes") > 0.0);
            assert_eq!(float(row, "benefit"), 0.0, "nothing writes: {row}");
            steps(row, "steps").iter().for_each(|step| apply(step));
        }
        assert_eq!(advice(&["SELECT * FROM t WHERE a = 5"], "").len(), 0);
        for row in rows.iter().rev() {
            steps(row, "undo_steps").iter().for_each(|step| apply(step));
        }
        assert_eq!(definitions(), before);
    }

    #[pg_test]
    fn the_benefit_of_a_drop_is_its_upkeep() {
        run(TABLE);
        run("CREATE INDEX one ON t (a, b); CREATE INDEX three ON t (a)");
        let rows = advice(
            &[
                "SELECT * FROM t WHERE a = 5 AND b = 3",
                "INSERT INTO t VALUES (1, 2, 3)",
            ],
            ", weights => ARRAY[1, 1000]",
        );
        let row = rows
            .iter()
            .find(|row| text(row, "action") == "drop")
            .expect("drop");
        assert!(
            float(row, "benefit") > 0.0 && float(row, "cost_before") == float(row, "cost_after"),
            "{row}"
        );
        assert_eq!(text(row, "kind"), "redundant");
    }

    #[pg_test]
    fn what_something_depends_on_is_never_dropped() {
        run(TABLE);
        run("CREATE INDEX wide ON t (a, b, d); ALTER TABLE t ADD CONSTRAINT ab UNIQUE (id, b);
             CREATE INDEX wider ON t (id, b, d); CREATE INDEX expression ON t (lower(c)); CREATE INDEX expressions ON t (lower(c), a);
             CREATE TABLE p (a int, b int) PARTITION BY RANGE (a); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100);
             INSERT INTO p SELECT i % 100, i FROM generate_series(1, 5000) i; ANALYZE p;
             CREATE INDEX ON p (a); CREATE INDEX ON p (a, b)");
        let rows = advice(&[BOTH, "SELECT * FROM p WHERE a = 5 AND b = 5"], "");
        assert!(drops(&rows).is_empty(), "{:?}", drops(&rows));
    }

    #[pg_test]
    fn an_index_of_another_table_or_schema_is_left_alone() {
        run(TABLE);
        run(
            "CREATE TABLE other AS TABLE t; CREATE INDEX one ON other (a); CREATE INDEX two ON other (a)",
        );
        assert!(drops(&advice(&[BOTH], "")).is_empty());
    }
}
