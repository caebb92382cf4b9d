//! Why a query gets the advice that it gets.

#[allow(clippy::expect_used, clippy::panic)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use pgrx::prelude::*;
    use serde_json::Value;

    use crate::advisor_tests::support::*;

    /// The rows of `explain_advice` in their order.
    fn explained(query: &str) -> Vec<Value> {
        let rows = json(&format!(
            "SELECT coalesce(jsonb_agg(to_jsonb(r)), '[]') FROM pgopt.explain_advice($query${query}$query$) AS r"
        ));
        rows.as_array().cloned().unwrap_or_default()
    }

    fn verdicts(rows: &[Value]) -> Vec<&str> {
        rows.iter().map(|row| text(row, "verdict")).collect()
    }

    /// The row of the candidate whose text ends so.
    #[track_caller]
    fn of<'a>(rows: &'a [Value], candidate: &str) -> &'a Value {
        rows.iter()
            .find(|row| text(row, "candidate").ends_with(candidate))
            .unwrap_or_else(|| panic!("no {candidate} in {rows:#?}"))
    }

    #[pg_test]
    fn the_recommended_index_comes_first_with_the_planners_own_costs() {
        run(OBJECTS);
        let query = "SELECT * FROM o WHERE customer = 5 AND status = 2";
        let rows = explained(query);
        let best = rows.first().expect("rows");
        assert_eq!(text(best, "verdict"), "recommended");
        assert_eq!(
            verdicts(&rows)
                .iter()
                .filter(|v| **v == "recommended")
                .count(),
            1
        );
        let cost = |with: &str| -> f64 {
            let sql = format!("SELECT cost FROM pgopt.workload_cost(ARRAY['{query}'], {with})");
            Spi::get_one::<f64>(&sql).expect(&sql).expect(&sql)
        };
        for row in rows
            .iter()
            .filter(|row| row.get("cost_after") != Some(&Value::Null))
        {
            let ddl = text(row, "candidate");
            assert_eq!(float(row, "cost_before"), cost("'{}'"), "{row}");
            let alone = cost(&format!("ARRAY['{ddl}']"));
            assert!(
                (float(row, "cost_after") - alone).abs() < 1e-6,
                "{alone} {row}"
            );
            assert!(float(row, "size_bytes") > 0.0);
        }
        let rest: Vec<f64> = rows[1..]
            .iter()
            .filter_map(|row| row.get("cost_after").and_then(Value::as_f64))
            .collect();
        assert!(rest.is_sorted() && !rest.is_empty(), "{rest:?}");
        let advised = advice(&[query], "");
        assert_eq!(
            keys(&advised),
            keys(&[serde_json::json!({"ddl": text(best, "candidate")})])
        );
    }

    #[pg_test]
    fn a_condition_that_most_rows_meet_is_the_reason() {
        run(OBJECTS);
        run(
            "CREATE TABLE half AS SELECT i, (i * 7919::bigint % 10 > 0)::int AS flag, repeat('x', 50) AS pad FROM generate_series(1, 20000) i; ANALYZE half",
        );
        let rows = explained("SELECT * FROM half WHERE flag = 1");
        let reason = text(of(&rows, "(flag)"), "reason");
        assert!(
            reason.contains("90 % of the rows match") && reason.contains("in order is cheaper"),
            "{reason}"
        );
        assert_eq!(text(of(&rows, "(flag)"), "verdict"), "rejected");
    }

    #[pg_test]
    fn an_existing_index_is_named_and_its_worth_is_shown() {
        run(OBJECTS);
        let rows = explained("SELECT * FROM o WHERE id = 5");
        let row = of(&rows, "(id)");
        assert_eq!(text(row, "verdict"), "existing");
        assert!(text(row, "reason").contains("ad.o_pkey serves it already; the plan uses it"));
        assert!(
            float(row, "cost_before") > 10.0 * float(row, "cost_after"),
            "{row}"
        );
        assert!(float(row, "size_bytes") > 0.0);
        let rows = explained("SELECT * FROM o WHERE id > 5");
        let reason = text(of(&rows, "(id)"), "reason");
        assert!(
            reason.ends_with("the planner prefers another plan"),
            "{reason}"
        );
        run("CREATE INDEX ON p (a)");
        let rows = explained("SELECT * FROM p WHERE a = 77");
        let row = of(&rows, "(a)");
        assert!(text(row, "reason").ends_with("the plan uses it"), "{row}");
        assert!(
            float(row, "cost_before") > float(row, "cost_after"),
            "{row}"
        );
    }

    #[pg_test]
    fn what_the_planner_was_not_asked_about_says_why() {
        run(OBJECTS);
        for (query, candidate, why) in [
            (
                "SELECT * FROM small WHERE a = 5",
                "ad.small",
                "500 rows, fewer than pgopt.min_table_rows",
            ),
            (
                "SELECT * FROM pg_proc WHERE prosrc = 'x'",
                "pg_catalog.pg_proc",
                "system tables",
            ),
            (
                "SELECT count(*) FROM c",
                "ad.c",
                "no condition, join or order",
            ),
        ] {
            let rows = explained(query);
            let row = of(&rows, candidate);
            assert_eq!(text(row, "verdict"), "not possible");
            assert!(text(row, "reason").contains(why), "{row}");
            assert_eq!(row.get("cost_after"), Some(&Value::Null));
        }
        run(
            "CREATE TABLE w AS SELECT i AS id, repeat(md5(i::text), 32) AS body FROM generate_series(1, 3000) i; ANALYZE w",
        );
        let rows = explained("SELECT id FROM w WHERE body = 'x'");
        let row = of(&rows, "btree (body)");
        assert_eq!(text(row, "verdict"), "not possible");
        assert!(text(row, "reason").contains("too long"), "{row}");
    }

    #[pg_test]
    fn upkeep_is_told_in_numbers() {
        run(OBJECTS);
        let rows = explained(
            "INSERT INTO o SELECT i, 1, 1 FROM generate_series(1, 100000) i WHERE NOT EXISTS (SELECT FROM o WHERE customer = 7)",
        );
        assert!(!rows.is_empty());
        let reason = text(of(&rows, "btree (customer)"), "reason");
        assert!(reason.contains("costs more than it saves: "), "{reason}");
    }

    #[pg_test]
    fn any_query_that_can_be_planned_is_explained() {
        run(OBJECTS);
        run("CREATE VIEW vv AS SELECT * FROM v WHERE at > '2020-01-01'; CREATE VIEW vvv AS SELECT name FROM vv;
             CREATE TEMP TABLE tt AS TABLE o; ANALYZE tt;
             CREATE TABLE tree AS SELECT i AS id, i / 2 AS parent FROM generate_series(1, 20000) i; ANALYZE tree");
        for (query, wanted) in [
            (
                "SELECT * FROM vvv WHERE name = 'name 5'",
                "ad.c USING btree (name)",
            ),
            (
                "WITH RECURSIVE r AS (SELECT id FROM tree WHERE id = 7 UNION ALL SELECT t.id FROM tree t JOIN r ON t.parent = r.id) SELECT * FROM r",
                "(parent)",
            ),
            ("SELECT * FROM tt WHERE customer = $1", "(customer)"),
            (
                "SELECT * FROM o WHERE customer = $1 AND at > $2",
                "(customer, at)",
            ),
            ("UPDATE o SET note = 'x' WHERE customer = 5", "(customer)"),
            ("SELECT 1", ""),
            ("VALUES (1)", ""),
        ] {
            let rows = explained(query);
            assert_eq!(rows.is_empty(), wanted.is_empty(), "{query}: {rows:?}");
            if !wanted.is_empty() {
                of(&rows, wanted);
            }
        }
    }

    #[pg_test]
    fn a_policy_is_seen_and_anothers_table_is_not() {
        run(OBJECTS);
        run("CREATE ROLE ex_reader; GRANT USAGE ON SCHEMA ad TO ex_reader; GRANT SELECT ON o TO ex_reader;
             CREATE POLICY own ON o USING (customer = current_setting('ad.customer')::int);
             ALTER TABLE o ENABLE ROW LEVEL SECURITY; SET LOCAL ad.customer = '5'; SET LOCAL ROLE ex_reader");
        let rows = explained("SELECT * FROM o");
        assert_eq!(text(of(&rows, "(customer)"), "verdict"), "recommended");
        run("DO $do$ BEGIN
                 PERFORM * FROM pgopt.explain_advice('SELECT * FROM c WHERE id = 5');
                 RAISE EXCEPTION 'another''s table was read';
             EXCEPTION WHEN insufficient_privilege THEN NULL; END $do$");
    }

    #[pg_test]
    fn a_hundred_rows_are_enough() {
        run(OBJECTS);
        run("CREATE TABLE many AS SELECT i AS a, i % 977 AS b, i % 877 AS c, i % 777 AS d, i % 677 AS e, i % 577 AS f, i % 477 AS g, i % 377 AS h
               FROM generate_series(1, 20000) i; ANALYZE many");
        let rows = explained("SELECT m.* FROM many m JOIN many n ON n.a = m.b AND n.b = m.c AND n.d = m.e
             WHERE m.a > 1 AND m.b = 2 AND m.c > 3 AND m.d = 4 AND m.e > 5 AND m.f = 6 AND m.g < 7 AND n.f > 3 AND n.g = 4 AND n.h = 5 ORDER BY m.h, m.g");
        let of = |verdict: &str| verdicts(&rows).iter().filter(|v| **v == verdict).count();
        assert!(
            of("recommended") > 0 && rows.len() - of("hint") == 100,
            "{}",
            rows.len()
        );
    }

    #[pg_test]
    fn hints_are_told_and_never_run() {
        run(OBJECTS);
        run("CREATE TABLE docs AS SELECT i AS id, repeat('word ' || i, 30) AS body FROM generate_series(1, 5000) i;
             ANALYZE docs; CREATE TABLE fresh AS TABLE docs; SET LOCAL pgopt.track = 'all'");
        let query = "SELECT * FROM ad.docs WHERE body LIKE '%needle%'";
        let rows = explained(query);
        let hints: Vec<&Value> = (rows.iter())
            .filter(|row| text(row, "verdict") == "hint")
            .collect();
        assert!(
            hints
                .iter()
                .any(|row| text(row, "candidate").contains("gin")),
            "{rows:#?}"
        );
        assert!(
            hints
                .iter()
                .all(|row| row.get("cost_after") == Some(&Value::Null))
        );
        run(
            "DO $do$ BEGIN PERFORM * FROM ad.fresh WHERE id = 5; PERFORM * FROM ad.o WHERE customer = 5; END $do$; SET LOCAL pgopt.track = 'none'",
        );
        let rows = json(
            "SELECT jsonb_agg(to_jsonb(r) ORDER BY rank) FROM pgopt.index_recommendations(schemas => ARRAY['ad'], max_indexes => 1) r",
        );
        let rows = rows.as_array().cloned().unwrap_or_default();
        let actions: Vec<&str> = rows.iter().map(|row| text(row, "action")).collect();
        let first = actions
            .iter()
            .position(|action| *action == "hint")
            .expect("hints");
        assert!(
            first > 0 && actions[first..].iter().all(|action| *action == "hint"),
            "{actions:?}"
        );
        for row in &rows[first..] {
            assert_eq!(row.get("ddl"), Some(&Value::Null));
            assert!(list(row, "steps").is_empty() && row.pointer("/evidence/hint").is_some());
        }
        let script = Spi::get_one::<String>(
            "SELECT pgopt.export_migration_script(schemas => ARRAY['ad'], max_indexes => 1)",
        )
        .expect("script")
        .expect("script");
        let lines: Vec<&str> = script
            .lines()
            .filter(|line| line.contains("ANALYZE ad.fresh"))
            .collect();
        assert!(
            !lines.is_empty() && lines.iter().all(|line| line.starts_with("-- ")),
            "{script}"
        );
    }

    #[pg_test]
    fn evidence_has_the_plans_and_no_values_of_others() {
        run(OBJECTS);
        let rows = advice(&["SELECT * FROM o WHERE customer = 5"], "");
        let plan = |which: &str| {
            let plan = rows[0].pointer(&format!("/evidence/plans/{which}"));
            plan.and_then(Value::as_str).expect(which).to_owned()
        };
        assert!(plan("before").contains("Seq Scan on o"), "{rows:?}");
        assert!(
            plan("after").contains("<hypothetical> o_customer_idx"),
            "{rows:?}"
        );
        assert_eq!(
            rows[0].pointer("/evidence/plans/hash"),
            rows[0].pointer("/evidence/statements/0/hash")
        );
        run("SET LOCAL pgopt.track = 'all'; SET LOCAL pgopt.sample_parameters = 'raw'");
        run(
            "DO $do$ BEGIN PERFORM * FROM ad.o WHERE customer = 4711; END $do$; SET LOCAL pgopt.track = 'none'",
        );
        let rows = json(
            "SELECT jsonb_agg(to_jsonb(r)) FROM pgopt.index_recommendations(schemas => ARRAY['ad']) r",
        );
        assert!(
            rows.to_string().contains("hypothetical") && !rows.to_string().contains("4711"),
            "{rows:#}"
        );
        let long = format!(
            "SELECT * FROM o WHERE customer = 5 AND note <> '{}'",
            "x".repeat(2_000_000)
        );
        let rows = advice(&[&long], "");
        assert!(
            !rows.is_empty() && serde_json::to_string(&rows).is_ok_and(|text| text.len() < 60_000)
        );
    }

    #[pg_test]
    fn foreign_keys_are_part_of_what_is_explained() {
        run(OBJECTS);
        run(
            "CREATE TABLE line (o int REFERENCES o (id) ON DELETE CASCADE, n int);
             INSERT INTO line SELECT i, i FROM generate_series(1, 20000) i; ANALYZE line",
        );
        let rows = explained("DELETE FROM o WHERE id = 7");
        assert_eq!(
            text(of(&rows, "ad.line USING btree (o)"), "verdict"),
            "recommended"
        );
    }

    #[pg_test]
    fn little_time_still_gives_an_answer() {
        run(OBJECTS);
        let sql = "SELECT count(*) FROM pgopt.explain_advice('SELECT * FROM ad.o WHERE customer = 5', time_limit => '1 microsecond')";
        number(sql);
    }
}
