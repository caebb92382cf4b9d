//! Advice on what pgopt captured: which statements count, and with which values they are planned.
//!
//! A test's own statements are nested in the call that runs it, so they are captured only with
//! `pgopt.track = 'all'`. Other tests run in the same database, so each has a schema and a role
//! of its own, which sees its own statements alone.

#[allow(clippy::expect_used)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use pgrx::datum::{DatumWithOid, TimestampWithTimeZone};
    use pgrx::oids_of;
    use pgrx::prelude::*;
    use serde_json::Value;

    use crate::advisor_tests::support::{json, keys, list, number, run, text};

    /// Orders of three years, nearly all of them done and few of them on a page, of a schema and role of that name, as
    /// which the test goes on.
    fn prepare(name: &str, keep: &str) {
        run(&format!(
            "CREATE ROLE {name}; CREATE SCHEMA {name} AUTHORIZATION {name};
             GRANT SET ON PARAMETER pgopt.track, pgopt.sample_parameters TO {name};
             SET LOCAL ROLE {name}; SET LOCAL search_path = {name};
             SET LOCAL max_parallel_workers_per_gather = 0;
             CREATE TABLE orders AS SELECT i AS id, CASE WHEN i % 100 = 0 THEN 'open' ELSE 'done' END AS status,
                    now() - i * 7919::bigint % 10000 * interval '150 minutes' AS created_at, i % 2 = 0 AS even, repeat('n', 1800) AS note
               FROM generate_series(1, 10000) AS i;
             ANALYZE orders;
             SET LOCAL pgopt.sample_parameters = '{keep}'"
        ));
    }

    /// Runs a statement that many times as its role, and captures it.
    fn capture(statement: &str, times: u32) {
        run("SET LOCAL pgopt.track = 'all'");
        for _ in 0..times {
            run(statement);
        }
        run("SET LOCAL pgopt.track = 'none'");
    }

    /// Captures a statement with values that are bound to its parameters.
    fn capture_bound(statement: &str, values: &[DatumWithOid]) {
        run("SET LOCAL pgopt.track = 'all'");
        Spi::run_with_args(statement, values).expect(statement);
        run("SET LOCAL pgopt.track = 'none'");
    }

    fn advice(more: &str) -> Vec<Value> {
        let rows = json(&format!(
            "SELECT coalesce(jsonb_agg(to_jsonb(r) ORDER BY r.rank), '[]')
               FROM pgopt.index_recommendations({more}) AS r WHERE action <> 'hint'"
        ));
        rows.as_array().cloned().unwrap_or_default()
    }

    #[track_caller]
    fn advises(wanted: &[&str]) -> Vec<Value> {
        let rows = advice("");
        assert_eq!(keys(&rows), wanted, "{rows:#?}");
        rows
    }

    fn evidence<'a>(rows: &'a [Value], field: &str) -> &'a Value {
        rows.first()
            .and_then(|row| row.pointer(&format!("/evidence/{field}")))
            .expect(field)
    }

    const BY_STATUS: &str = "SELECT * FROM orders WHERE status = ";

    #[pg_test]
    fn a_common_value_gets_no_index() {
        prepare("cap_done", "raw");
        capture(&format!("{BY_STATUS}'done'"), 3);
        advises(&[]);
    }

    #[pg_test]
    fn a_rare_value_gets_an_index() {
        prepare("cap_open", "raw");
        capture(&format!("{BY_STATUS}'open'"), 3);
        let rows = advises(&["cap_open.orders (status) WHERE (status = 'open'::text)"]);
        assert_eq!(evidence(&rows, "workload"), "captured workload");
        assert_eq!(evidence(&rows, "sampled"), 1);
        assert_eq!(evidence(&rows, "statements_planned"), 1);
    }

    #[pg_test]
    fn what_a_driver_binds_is_a_value_too() {
        prepare("cap_bound", "raw");
        // As JDBC does, which passes every string as varchar.
        let open = [as_varchar("open")];
        capture_bound(&format!("{BY_STATUS}$1"), &open);
        let rows = advises(&["cap_bound.orders (status)"]);
        assert_eq!(evidence(&rows, "sampled"), 1);
    }

    #[pg_test]
    fn variants_share_the_weight_and_count_as_one_statement() {
        prepare("cap_both", "raw");
        // Two executions are the two random samples.
        for status in ["done", "open"] {
            capture(&format!("{BY_STATUS}'{status}'"), 1);
        }
        let rows = advises(&["cap_both.orders (status) WHERE (status = 'open'::text)"]);
        let row = rows.first().expect("row");
        assert_eq!(row.get("statements"), Some(&Value::from(1)));
        assert_eq!(
            list(row.get("evidence").expect("evidence"), "statements").len(),
            1
        );
        assert_eq!(evidence(&rows, "statements/0/weight"), 2.0);
        assert_eq!(evidence(&rows, "sampled"), 1);
        assert_eq!(evidence(&rows, "statements_planned"), 1);
        // Mostly the rows of one of two variants are read by the sequential scan as before.
        let (before, after) = (
            evidence(&rows, "statements/0/cost_before").as_f64(),
            evidence(&rows, "statements/0/cost_after").as_f64(),
        );
        assert!(after > before.map(|before| before / 4.0), "{rows:#?}");
    }

    const WINDOW: &str = "SELECT * FROM orders WHERE created_at >= $1";

    fn as_varchar(text: &str) -> DatumWithOid<'_> {
        // SAFETY: text and varchar look alike.
        unsafe { DatumWithOid::new(text, pgrx::pg_sys::VARCHAROID) }
    }

    fn a_week_ago() -> TimestampWithTimeZone {
        Spi::get_one("SELECT now() - interval '7 days'")
            .expect("time")
            .expect("time")
    }

    #[pg_test]
    fn a_redacted_moment_tells_how_selective_a_window_is() {
        prepare("cap_moment", "redacted");
        capture_bound(WINDOW, &[a_week_ago().into()]);
        let rows = advises(&["cap_moment.orders (created_at)"]);
        assert_eq!(evidence(&rows, "sampled"), 1);
    }

    #[pg_test]
    fn without_samples_a_window_is_a_third_of_all_rows() {
        prepare("cap_none", "none");
        capture_bound(WINDOW, &[a_week_ago().into()]);
        advises(&[]);
    }

    #[pg_test]
    fn redacted_texts_and_numbers_are_not_known() {
        prepare("cap_redacted", "redacted");
        capture(&format!("{BY_STATUS}'done'"), 2);
        capture("SELECT * FROM orders WHERE id = 77", 2);
        let rows = advice("");
        assert_eq!(evidence(&rows, "sampled"), 0);
        assert_eq!(evidence(&rows, "statements_planned"), 2);
    }

    #[pg_test]
    fn a_redacted_pattern_tells_that_it_is_one() {
        run("CREATE EXTENSION IF NOT EXISTS pg_trgm");
        prepare("cap_pattern", "redacted");
        run(
            "CREATE TABLE pages AS SELECT i AS id, md5(i::text) || md5((i * 7)::text) AS body
               FROM generate_series(1, 20000) AS i; ANALYZE pages",
        );
        capture("SELECT id FROM pages WHERE body ILIKE '%c4ca42%'", 2);
        let rows = advice("");
        assert_eq!(
            keys(&rows),
            ["cap_pattern.pages USING gin (body public.gin_trgm_ops)"]
        );
    }

    #[pg_test]
    fn typed_literals_are_planned_with_their_values() {
        prepare("cap_interval", "raw");
        capture(
            "SELECT * FROM orders WHERE created_at >= now() - INTERVAL '7 days'",
            2,
        );
        let rows = advises(&["cap_interval.orders (created_at)"]);
        assert_eq!(evidence(&rows, "sampled"), 1);
        assert_eq!(evidence(&rows, "not_planned_count"), 0);
    }

    #[pg_test]
    fn values_that_make_planning_fail_are_left_aside() {
        prepare("cap_zero", "raw");
        // The quotient is computed for rows of which there is none.
        run("SET LOCAL plan_cache_mode = 'force_generic_plan'; DELETE FROM orders WHERE id = 7");
        run("SET LOCAL pgopt.track = 'all'");
        Spi::connect(|client| {
            let quotient = "SELECT id FROM orders WHERE id = 7 AND $1::int / $2::int > id";
            let statement = client
                .prepare(quotient, &oids_of![i32, i32])
                .expect(quotient);
            client
                .select(statement, None, &[1.into(), 0.into()])
                .expect(quotient);
        });
        run("SET LOCAL pgopt.track = 'none'");
        let rows = advises(&["cap_zero.orders (id)"]);
        assert_eq!(evidence(&rows, "sampled"), 0);
        assert_eq!(evidence(&rows, "not_planned_count"), 0);
    }

    #[pg_test]
    fn values_of_another_kind_of_type_are_ignored() {
        prepare("cap_types", "raw");
        // Bound as text, then the column becomes a number: texts are no numbers.
        capture_bound(&format!("{BY_STATUS}$1"), &["77".into()]);
        run("ALTER TABLE orders ALTER COLUMN status TYPE int USING id % 3000; ANALYZE orders");
        let rows = advises(&["cap_types.orders (status)"]);
        assert_eq!(evidence(&rows, "sampled"), 0);
        assert_eq!(evidence(&rows, "statements_planned"), 1);
    }

    #[pg_test]
    fn a_literal_that_is_no_value_any_more_is_ignored() {
        prepare("cap_literal", "raw");
        capture(&format!("{BY_STATUS}'open' AND even = TRUE"), 2);
        run("ALTER TABLE orders ALTER COLUMN status TYPE int USING id % 3000; ANALYZE orders");
        let rows = advises(&["cap_literal.orders (status, even)"]);
        // TRUE still is one.
        assert_eq!(evidence(&rows, "sampled"), 1);
    }

    #[pg_test]
    fn a_dropped_table_leaves_its_statements_unplanned() {
        prepare("cap_dropped", "raw");
        run("CREATE TABLE gone AS TABLE orders");
        capture("SELECT * FROM gone WHERE id = 5", 1);
        capture("SELECT * FROM orders WHERE id = 5", 1);
        run("DROP TABLE gone");
        let rows = advises(&["cap_dropped.orders (id)"]);
        assert_eq!(evidence(&rows, "not_planned_count"), 1);
        assert_eq!(evidence(&rows, "not_planned/0/sqlstate"), "42P01");
    }

    #[pg_test]
    fn a_limit_is_the_one_that_was_asked_for() {
        prepare("cap_limit", "raw");
        capture("SELECT * FROM orders ORDER BY created_at LIMIT 10", 2);
        advises(&["cap_limit.orders (created_at)"]);
    }

    #[pg_test]
    fn code_of_a_third_role_is_not_run_for_a_value() {
        prepare("cap_domain", "raw");
        run("RESET ROLE; CREATE ROLE cap_mallory; GRANT USAGE, CREATE ON SCHEMA cap_domain TO cap_mallory;
             CREATE SEQUENCE cap_domain.ran; GRANT USAGE, SELECT ON SEQUENCE cap_domain.ran TO PUBLIC;
             SET LOCAL ROLE cap_mallory; SET LOCAL search_path = cap_domain;
             CREATE FUNCTION checked(text) RETURNS boolean LANGUAGE plpgsql AS
               'BEGIN PERFORM nextval(''cap_domain.ran''); RETURN true; END';
             CREATE DOMAIN word AS text CHECK (checked(VALUE));
             SET LOCAL ROLE cap_domain");
        capture("SELECT * FROM orders WHERE status = 'open'::word", 2);
        let ran = number("SELECT last_value FROM cap_domain.ran");
        let rows = advice("");
        assert_eq!(number("SELECT last_value FROM cap_domain.ran"), ran);
        // A value of a type of the database's own is not kept, so that statement is planned.
        let refused = list(
            rows.first().map_or(&Value::Null, |row| &row["evidence"]),
            "not_planned",
        );
        assert!(
            refused.iter().all(|one| text(one, "sqlstate") == "42501"),
            "{rows:#?}"
        );
    }

    #[pg_test]
    fn a_domain_of_ones_own_takes_a_value() {
        prepare("cap_owner", "raw");
        run("CREATE DOMAIN word AS text CHECK (VALUE <> 'never')");
        capture("SELECT * FROM orders WHERE status = 'open'::word", 2);
        let rows = advises(&["cap_owner.orders (status) WHERE (status = 'open'::text)"]);
        assert_eq!(evidence(&rows, "sampled"), 1);
    }

    #[pg_test]
    fn statements_of_others_are_advised_on_for_those_who_may_see_them() {
        prepare("cap_other", "raw");
        capture("SELECT * FROM orders WHERE id = 5", 1);
        run(
            "RESET ROLE; CREATE ROLE cap_stranger; GRANT cap_stranger TO cap_other; SET LOCAL ROLE cap_stranger",
        );
        let refused = json(
            "SELECT to_jsonb((SELECT count(*) FROM pgopt.statements WHERE query LIKE '%cap_other%'))",
        );
        assert_eq!(refused, 0);
        run("RESET ROLE; GRANT pg_read_all_stats TO cap_stranger; SET LOCAL ROLE cap_stranger");
        let rows = advice("schemas => ARRAY['cap_other'], min_benefit => 0");
        assert_eq!(keys(&rows), ["cap_other.orders (id)"]);
    }

    #[pg_test]
    fn who_sees_no_statement_is_told_what_to_do() {
        run("CREATE ROLE cap_nobody; CREATE TEMP TABLE said (state text, message text, detail text, hint text);
             GRANT INSERT, SELECT ON said TO cap_nobody; SET LOCAL ROLE cap_nobody;
             DO $$ DECLARE s text; m text; d text; h text; BEGIN PERFORM pgopt.index_recommendations();
               EXCEPTION WHEN OTHERS THEN
                 GET STACKED DIAGNOSTICS s = RETURNED_SQLSTATE, m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
                 INSERT INTO said VALUES (s, m, d, h); END $$");
        let said = json("SELECT to_jsonb(s) FROM said AS s");
        assert_eq!(text(&said, "state"), "55000");
        assert_eq!(text(&said, "message"), "there is no workload to advise on");
        assert!(
            text(&said, "detail").contains("captured no statement"),
            "{said}"
        );
        for way in ["pgopt.track", "pg_stat_statements", "pgopt.recommend_for()"] {
            assert!(text(&said, "hint").contains(way), "{said}");
        }
    }

    #[pg_test]
    fn status_says_where_statements_come_from() {
        prepare("cap_status", "raw");
        let detail = |feature: &str| {
            let sql =
                format!("SELECT to_jsonb(s) FROM pgopt.status() AS s WHERE feature = '{feature}'");
            json(&sql)
        };
        capture("SELECT * FROM orders WHERE id = 5", 1);
        let workload = detail("observed workload");
        assert_eq!(text(&workload, "state"), "on");
        assert!(
            text(&workload, "detail").contains("captured workload, which has 1 "),
            "{workload}"
        );
        let off = detail("workload capture");
        assert_eq!(text(&off, "state"), "off");
        assert!(text(&off, "hint").contains("pgopt.track"), "{off}");
        run("SET LOCAL pgopt.track = 'top'");
        let on = detail("workload capture");
        assert_eq!(text(&on, "state"), "on");
        assert!(text(&on, "detail").contains("values"), "{on}");
    }
}
