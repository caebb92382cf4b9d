//! What the advisor suggests can be created and undone, is asked for once, and has the right keys.

/// What every test of the advisor needs; `advisor_choice.rs` uses it too.
#[allow(clippy::expect_used, clippy::panic)] // a test fails by panicking
pub(crate) mod support {
    use pgrx::JsonB;
    use pgrx::prelude::*;
    use serde_json::Value;

    /// Tables, views and partitions, big enough to be advised on.
    pub(crate) const OBJECTS: &str = r#"
        CREATE SCHEMA ad; SET LOCAL search_path = ad, public; SET LOCAL max_parallel_workers_per_gather = 0;
        CREATE TABLE o (id int PRIMARY KEY, customer int, status int, at date, total numeric, note text);
        INSERT INTO o SELECT i, (i * 7919::bigint) % 2000, i % 5, '2020-01-01'::date + (i * 31 % 2000), i, repeat('n', i % 20)
          FROM generate_series(1, 20000) AS i;
        CREATE TABLE c (id int, name text, region int);
        INSERT INTO c SELECT i, 'name ' || i, i % 50 FROM generate_series(1, 10000) AS i;
        CREATE TABLE small (a int); INSERT INTO small SELECT generate_series(1, 500);
        CREATE VIEW v AS SELECT o.id, c.name, o.at FROM o JOIN c ON c.id = o.customer WHERE o.status = 3;
        CREATE MATERIALIZED VIEW mv AS SELECT customer, at, sum(total) AS total FROM o GROUP BY 1, 2;
        CREATE TABLE p (gone int, k int, a int, b int) PARTITION BY RANGE (k);
        ALTER TABLE p DROP COLUMN gone;
        CREATE TABLE p1 (b int, a int, k int);
        ALTER TABLE p ATTACH PARTITION p1 FOR VALUES FROM (0) TO (10);
        CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20) PARTITION BY LIST (b);
        CREATE TABLE p2_0 PARTITION OF p2 FOR VALUES IN (0, 1);
        CREATE TABLE p2_d PARTITION OF p2 DEFAULT;
        INSERT INTO p SELECT i % 20, i, i % 7 FROM generate_series(1, 20000) AS i;
        ANALYZE o, c, small, mv, p;"#;

    /// Statements of every shape, each of which an index would help.
    pub(crate) const SHAPES: [&str; 20] = [
        "SELECT * FROM o WHERE customer = 5",
        "SELECT * FROM o WHERE customer = $1 AND at > $2",
        "SELECT * FROM o WHERE customer IN (1, 2, 3) AND status = 2",
        "SELECT * FROM o JOIN c ON c.id = o.customer WHERE c.name = 'name 77'",
        "SELECT * FROM o WHERE customer = 5 OR id = 7",
        "SELECT DISTINCT customer FROM o WHERE at = '2021-02-03'",
        "SELECT customer, count(*) FROM o GROUP BY customer ORDER BY customer LIMIT 5",
        "SELECT * FROM o ORDER BY at DESC, customer ASC LIMIT 10",
        "SELECT * FROM o ORDER BY total DESC NULLS LAST LIMIT 5",
        "SELECT * FROM c WHERE region = 3 AND EXISTS (SELECT FROM o WHERE o.customer = c.id)",
        "SELECT name, (SELECT max(at) FROM o WHERE o.customer = c.id) FROM c WHERE c.id = 7",
        "SELECT id FROM o WHERE customer = 9 UNION ALL SELECT id FROM c WHERE id = 9",
        "WITH x AS MATERIALIZED (SELECT * FROM o WHERE at = '2021-03-04') SELECT * FROM x",
        "SELECT * FROM v WHERE name = 'name 5'",
        "SELECT * FROM mv WHERE customer = 3 AND at > '2021-01-01'",
        "SELECT * FROM p WHERE a = 77",
        "SELECT * FROM p WHERE k = 15 AND b = 3 AND a = 7",
        "UPDATE o SET note = 'x' WHERE customer = 5",
        "DELETE FROM c WHERE id = 5",
        "INSERT INTO small SELECT id FROM o WHERE at = '2021-05-06'",
    ];

    pub(crate) fn run(sql: &str) {
        Spi::run(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    pub(crate) fn json(sql: &str) -> Value {
        let found = Spi::get_one::<JsonB>(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
        found.map_or(Value::Null, |json| json.0)
    }

    pub(crate) fn number(sql: &str) -> i64 {
        Spi::get_one::<i64>(sql).expect(sql).expect(sql)
    }

    /// The rows of `recommend_for`, without hints, with these queries and further arguments (`, weights => ...`).
    pub(crate) fn advice(queries: &[&str], more: &str) -> Vec<Value> {
        let quoted: Vec<String> = queries
            .iter()
            .map(|q| format!("$query${q}$query$"))
            .collect();
        let rows = json(&format!(
            "SELECT coalesce(jsonb_agg(to_jsonb(r) ORDER BY r.rank), '[]')
               FROM pgopt.recommend_for(ARRAY[{}]{more}) AS r WHERE action <> 'hint'",
            quoted.join(", ")
        ));
        rows.as_array().cloned().unwrap_or_default()
    }

    pub(crate) fn text<'a>(row: &'a Value, field: &str) -> &'a str {
        row.get(field).and_then(Value::as_str).expect(field)
    }

    pub(crate) fn float(row: &Value, field: &str) -> f64 {
        row.get(field).and_then(Value::as_f64).expect(field)
    }

    pub(crate) fn list<'a>(row: &'a Value, field: &str) -> &'a [Value] {
        row.get(field).and_then(Value::as_array).expect(field)
    }

    /// `USING btree (...)` of every suggestion.
    pub(crate) fn keys(rows: &[Value]) -> Vec<String> {
        let after = |ddl: &str| {
            ddl.split(" ON ")
                .nth(1)
                .unwrap_or_default()
                .replace(" USING btree", "")
        };
        rows.iter().map(|row| after(text(row, "ddl"))).collect()
    }

    /// Runs a command that must not be run in a transaction as its blocking twin.
    pub(crate) fn apply(command: &str) {
        run(&command.replace("CONCURRENTLY ", ""));
    }

    pub(crate) fn indexes() -> i64 {
        number(
            "SELECT count(*) FROM pg_class WHERE relkind IN ('i', 'I') AND relnamespace = 'ad'::regnamespace",
        )
    }

    pub(crate) fn all_valid() -> bool {
        number("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == 0
    }
}

#[allow(clippy::expect_used)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use pgrx::prelude::*;
    use serde_json::Value;

    use super::support::*;

    #[pg_test]
    fn every_suggestion_can_be_created_and_undone() {
        run(OBJECTS);
        for query in SHAPES {
            let rows = advice(&[query], "");
            assert!(!rows.is_empty(), "no advice on {query}");
            for row in &rows {
                for way in [
                    vec![text(row, "ddl")],
                    list(row, "steps")
                        .iter()
                        .filter_map(Value::as_str)
                        .collect(),
                ] {
                    let before = indexes();
                    way.iter().for_each(|step| apply(step));
                    assert!(indexes() > before && all_valid(), "{row}");
                    apply(text(row, "undo_ddl"));
                    assert_eq!(indexes(), before, "{row}");
                }
            }
        }
    }

    #[pg_test]
    fn what_was_created_is_not_suggested_again() {
        run(OBJECTS);
        for round in 0.. {
            let rows = advice(&SHAPES, ", min_benefit => 0.001");
            rows.iter().for_each(|row| apply(text(row, "ddl")));
            run("ANALYZE o, c, mv, p");
            if rows.is_empty() {
                break;
            }
            // An estimated size is not the real one, so a near tie may fall otherwise once.
            assert!(round < 2, "still suggested: {:?}", keys(&rows));
        }
        let twins = number(
            "SELECT count(*) FROM (SELECT FROM pg_index GROUP BY indrelid, indkey, indoption, indclass, indpred::text, indexprs::text HAVING count(*) > 1) x",
        );
        assert_eq!(twins, 0);
    }

    #[pg_test]
    fn the_order_of_keys_is_equality_then_range_or_sort() {
        run(OBJECTS);
        for (query, wanted) in [
            (
                "SELECT * FROM o WHERE at > '2025-06-01' AND customer = 5 AND total > 3 AND status = 3",
                "(customer",
            ),
            (
                "SELECT * FROM o WHERE status = 3 ORDER BY at LIMIT 10",
                "(status, at)",
            ),
            (
                "SELECT * FROM o WHERE status = 3 ORDER BY at DESC LIMIT 10",
                "(status, at)",
            ),
            (
                "SELECT * FROM o ORDER BY at DESC, customer LIMIT 10",
                "(at, customer DESC)",
            ),
            (
                "SELECT * FROM o ORDER BY total DESC NULLS LAST LIMIT 5",
                "(total NULLS FIRST)",
            ),
        ] {
            let rows = advice(&[query], "");
            let found = keys(&rows);
            assert!(
                found.len() == 1 && found.iter().all(|keys| keys.contains(wanted)),
                "{query}: {found:?}"
            );
        }
        let both = keys(&advice(
            &["SELECT * FROM o JOIN c ON c.id = o.customer WHERE c.name = 'name 77'"],
            "",
        ));
        assert!(
            both.iter().any(|k| k.contains("ad.o (customer"))
                && both.iter().any(|k| k.contains("ad.c (name")),
            "{both:?}"
        );
    }

    #[pg_test]
    fn a_policy_is_part_of_what_is_advised_on() {
        run(OBJECTS);
        run("CREATE ROLE ad_reader; GRANT USAGE ON SCHEMA ad TO ad_reader; GRANT SELECT ON o TO ad_reader;
             CREATE POLICY own ON o USING (customer = current_setting('ad.customer')::int);
             ALTER TABLE o ENABLE ROW LEVEL SECURITY; SET LOCAL ad.customer = '5'; SET LOCAL ROLE ad_reader");
        let found = keys(&advice(&["SELECT * FROM o"], ""));
        run("RESET ROLE");
        assert!(
            found.iter().any(|keys| keys.contains("(customer")),
            "{found:?}"
        );
    }

    #[pg_test]
    fn partitions_are_built_one_by_one_and_attached() {
        run(OBJECTS);
        let rows = advice(&["SELECT * FROM p WHERE a = 77"], "");
        let steps: Vec<&str> = list(rows.first().expect("advice"), "steps")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        assert!(
            steps.iter().any(|step| step.contains("ON ONLY ad.p ")),
            "{steps:?}"
        );
        assert!(
            steps
                .iter()
                .filter(|step| step.contains("CONCURRENTLY"))
                .count()
                == 3,
            "{steps:?}"
        );
        assert!(
            steps
                .iter()
                .filter(|step| step.contains("ATTACH PARTITION"))
                .count()
                == 4,
            "{steps:?}"
        );
        for (number, step) in steps.iter().enumerate() {
            apply(step);
            assert_eq!(all_valid(), number + 1 == steps.len(), "{step}");
        }
    }

    #[pg_test]
    fn names_fit_and_never_collide() {
        run(OBJECTS);
        let long = "ä".repeat(31);
        run(&format!(
            r#"CREATE TABLE "{long}" ("{long}" int, "Mixed ""Case""" int, "select" int);
               INSERT INTO "{long}" SELECT i, i, i FROM generate_series(1, 5000) i;
               CREATE TABLE "T able; --" AS TABLE "{long}"; ANALYZE "{long}", "T able; --";
               CREATE INDEX "{}_idx" ON small (a); CREATE SEQUENCE o_customer_idx; CREATE TABLE o_at_idx ()"#,
            "ä".repeat(29)
        ));
        let mut queries: Vec<String> = [
            "\"Mixed \"\"Case\"\"\"",
            "\"select\"",
            &format!("\"{long}\""),
        ]
        .iter()
        .flat_map(|column| {
            [
                format!("SELECT * FROM \"{long}\" WHERE {column} = 5"),
                format!("SELECT * FROM \"T able; --\" WHERE {column} = 5"),
            ]
        })
        .collect();
        queries.push("SELECT * FROM o WHERE customer = 5".to_owned());
        queries.push("SELECT * FROM o WHERE at = '2021-01-01'".to_owned());
        let queries: Vec<&str> = queries.iter().map(String::as_str).collect();
        let rows = advice(&queries, ", min_benefit => 0");
        assert_eq!(rows.len(), 8, "{:?}", keys(&rows));
        let before = indexes();
        rows.iter().for_each(|row| apply(text(row, "ddl")));
        assert_eq!(indexes(), before + 8);
        rows.iter().for_each(|row| apply(text(row, "undo_ddl")));
        assert_eq!(indexes(), before);
    }

    #[pg_test]
    fn an_invalid_namesake_is_dropped_first() {
        run(OBJECTS);
        run("CREATE INDEX o_customer_idx ON o (customer);
             UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'o_customer_idx'::regclass");
        let rows = advice(&["SELECT * FROM o WHERE customer = 5"], "");
        let steps: Vec<&str> = list(rows.first().expect("advice"), "steps")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        assert!(
            steps
                .first()
                .is_some_and(|step| step.starts_with("DROP INDEX CONCURRENTLY")),
            "{steps:?}"
        );
        steps.iter().for_each(|step| apply(step));
        assert!(all_valid());
        assert_eq!(
            number(
                "SELECT count(*) FROM pg_index WHERE indrelid = 'o'::regclass AND NOT indisprimary"
            ),
            1
        );
    }
}
