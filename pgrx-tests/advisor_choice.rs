//! What the advisor chooses and leaves: budgets, weights, writes, and the evidence for it.

#[allow(clippy::expect_used)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use pgrx::prelude::*;
    use serde_json::Value;

    use crate::advisor_tests::support::*;

    #[pg_test]
    fn small_and_system_tables_get_no_index() {
        run(OBJECTS);
        assert!(advice(&["SELECT * FROM small WHERE a = 5"], "").is_empty());
        assert!(
            advice(
                &["SELECT * FROM pg_proc WHERE prosrc = 'x' AND pronargs = 7"],
                ""
            )
            .is_empty()
        );
        run("SET LOCAL pgopt.min_table_rows = 1000000");
        assert!(advice(&["SELECT * FROM o WHERE customer = 5"], "").is_empty());
        run("SET LOCAL pgopt.min_table_rows = 0");
        advice(&["SELECT * FROM small WHERE a = 5"], "");
    }

    #[pg_test]
    fn budget_and_number_are_kept() {
        run(OBJECTS);
        let size = |rows: &[Value]| rows.iter().map(|row| float(row, "size_bytes")).sum::<f64>();
        let all = advice(&SHAPES, ", min_benefit => 0");
        assert!(all.len() > 3);
        for budget in ["0 kB", "300 kB", "500 kB", "1 MB"] {
            let rows = advice(
                &SHAPES,
                &format!(", min_benefit => 0, storage_budget => '{budget}'"),
            );
            let allowed = number(&format!("SELECT pg_size_bytes('{budget}')")) as f64;
            assert!(size(&rows) <= allowed, "{budget}: {}", size(&rows));
        }
        for most in 0..4 {
            assert!(
                advice(
                    &SHAPES,
                    &format!(", min_benefit => 0, max_indexes => {most}")
                )
                .len()
                    <= most
            );
        }
    }

    #[pg_test]
    fn weights_decide() {
        run(OBJECTS);
        let queries = [
            "SELECT * FROM o WHERE customer = 5",
            "SELECT * FROM c WHERE name = 'name 3'",
        ];
        for (weights, wanted) in [
            ("1000, 1", "ad.o "),
            ("1, 1000", "ad.c "),
            ("0, 1", "ad.c "),
        ] {
            let found = keys(&advice(
                &queries,
                &format!(", weights => ARRAY[{weights}], max_indexes => 1"),
            ));
            assert!(
                found.first().is_some_and(|keys| keys.starts_with(wanted)),
                "{weights}: {found:?}"
            );
        }
        assert!(advice(&queries, ", weights => ARRAY[0, 0]").is_empty());
    }

    #[pg_test]
    fn a_slow_statement_gets_its_index_among_many_fast_ones() {
        run(OBJECTS);
        let queries = [
            "SELECT count(*) FROM o",
            "SELECT * FROM o WHERE customer = 5",
        ];
        let much = ", weights => ARRAY[1e9, 1]";
        assert!(advice(&queries, much).is_empty());
        // At 0.01 ms per unit of cost, where no time is known.
        run("SET LOCAL pgopt.slow_statement_warning = 1");
        let rows = advice(&queries, much);
        let found = keys(&rows);
        assert!(
            found.iter().any(|keys| keys.contains("(customer")),
            "{found:?}"
        );
    }

    #[pg_test]
    fn both_sides_of_an_or_get_their_indexes() {
        run("CREATE SCHEMA ad; SET LOCAL search_path = ad, public;
             CREATE TABLE two AS SELECT i AS id, i % 5000 AS a, i * 7919 % 5003 AS b, repeat('x', 200) AS pad
               FROM generate_series(1, 50000) AS i; ANALYZE two");
        let query = "SELECT * FROM two WHERE a = 5 OR b = 7";
        let rows = advice(&[query], "");
        let mut found = keys(&rows);
        found.sort();
        assert_eq!(found, ["ad.two (a)", "ad.two (b)"]);
        let reasons: Vec<&str> = rows.iter().map(|row| text(row, "reason")).collect();
        assert!(reasons[0].starts_with("of use together"), "{reasons:?}");
        assert!(reasons[1].starts_with("helps 1 statement"), "{reasons:?}");
        assert!(advice(&[query], ", max_indexes => 1").is_empty());
    }

    #[pg_test]
    fn writes_outweigh_reads() {
        run(OBJECTS);
        let queries = [
            "SELECT * FROM o WHERE customer = 5",
            "INSERT INTO o SELECT 1, 2, 3 FROM generate_series(1, 1000)",
            "SELECT * FROM o WHERE at = '2021-01-01'",
        ];
        assert_eq!(advice(&queries[..1], "").len(), 1);
        assert!(advice(&queries[..2], ", weights => ARRAY[1, 1000]").is_empty());
        // One read is worth its index still; the evidence says what speaks against the other.
        let rows = advice(
            &queries,
            ", weights => ARRAY[1, 10000, 1000000], min_benefit => 0",
        );
        let rejected = rows.iter().flat_map(|row| {
            row.get("evidence")
                .map(|e| list(e, "rejected"))
                .unwrap_or_default()
        });
        let reasons: Vec<String> = rejected
            .map(|r| format!("{} {}", text(r, "ddl"), text(r, "reason")))
            .collect();
        assert!(
            reasons
                .iter()
                .any(|r| r.contains("(customer)") && r.contains("keeping it up to date")),
            "{reasons:?}"
        );
        let update = "UPDATE o SET customer = customer + 1 WHERE id = 5";
        assert_eq!(
            advice(&[queries[0], update], ", weights => ARRAY[1, 10]").len(),
            1
        );
        assert!(advice(&[queries[0], update], ", weights => ARRAY[1, 1000000]").is_empty());
    }

    #[pg_test]
    fn costs_add_up() {
        run(OBJECTS);
        let rows = advice(&SHAPES, "");
        let benefit: f64 = rows.iter().map(|row| float(row, "benefit")).sum();
        assert!((0.0..=1.0).contains(&benefit), "{benefit}");
        for pair in rows.windows(2) {
            let [one, next] = pair else { continue };
            assert!((float(one, "cost_after") - float(next, "cost_before")).abs() < 1e-6);
            assert!(float(one, "benefit") >= float(next, "benefit") - 1e-9);
        }
        for row in &rows {
            assert!(float(row, "cost_after") < float(row, "cost_before"));
        }
    }

    #[pg_test]
    fn values_too_long_for_a_btree_are_hashed() {
        run(OBJECTS);
        run(
            "CREATE TABLE w AS SELECT i AS id, repeat(md5(i::text), 32) AS body FROM generate_series(1, 3000) i; ANALYZE w",
        );
        let rows = advice(
            &[
                "SELECT id FROM w WHERE body = 'x'",
                "SELECT body FROM w WHERE id = 7",
            ],
            "",
        );
        let found = keys(&rows);
        assert_eq!(found, ["ad.w USING hash (body)", "ad.w (id)"]);
        assert!(
            rows.iter()
                .any(|row| row.to_string().contains("too long for a B-tree")),
            "{rows:?}"
        );
    }

    #[pg_test]
    fn evidence_names_statements_and_rejected_candidates() {
        run(OBJECTS);
        let rows = advice(&SHAPES[..3], "");
        for row in &rows {
            let evidence = row.get("evidence").expect("evidence");
            for statement in list(evidence, "statements") {
                assert_eq!(text(statement, "hash").len(), 16);
                assert!(SHAPES.contains(&text(statement, "query")));
                assert!(float(statement, "cost_after") < float(statement, "cost_before"));
                assert!(!list(statement, "indexes_used").is_empty(), "{statement}");
            }
            assert!(list(evidence, "rejected").iter().all(
                |r| !text(r, "reason").is_empty() && text(r, "ddl").starts_with("CREATE INDEX")
            ));
        }
        assert!(!rows.is_empty());
    }

    #[pg_test]
    fn only_the_schemas_asked_for_are_advised_on() {
        run(OBJECTS);
        run("CREATE SCHEMA other; CREATE TABLE other.t AS TABLE o; ANALYZE other.t");
        let found = |schemas: &str| {
            json(&format!("SELECT coalesce(jsonb_agg(DISTINCT table_name::text), '[]') FROM pgopt.index_recommendations(schemas => {schemas})")).to_string()
        };
        run("SET LOCAL pgopt.track = 'all'; SET LOCAL search_path = public");
        run(
            "DO $$ BEGIN PERFORM * FROM ad.o WHERE customer = 5; PERFORM * FROM other.t WHERE customer = 5; END $$",
        );
        assert_eq!(found("ARRAY['other']"), "[\"other.t\"]");
        assert_eq!(found("ARRAY['nothing']"), "[]");
        assert_eq!(found("'{}'"), "[]");
        assert_eq!(found("NULL"), "[\"ad.o\", \"other.t\"]".replace(", ", ","));
    }

    #[pg_test]
    fn a_tiny_time_limit_returns() {
        run(OBJECTS);
        let rows = advice(&SHAPES, ", time_limit => '1 ms'");
        assert!(
            rows.iter()
                .all(|row| row.pointer("/evidence/complete") == Some(&Value::Bool(false)))
        );
    }
}
