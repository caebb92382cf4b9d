//! What a session's `EXPLAIN` sees, and for how long.

#[allow(clippy::expect_used, clippy::panic)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use crate::test_support::*;
    use pgrx::prelude::*;

    const LIST: &str = "SELECT string_agg(concat_ws(' ', state, name, table_name, access_method, size_bytes > 0, definition),
        '; ' ORDER BY state, name) FROM pgopt.hypothetical_indexes";

    #[pg_test]
    fn a_session_adds_hides_lists_and_forgets_indexes() {
        run(OBJECTS);
        gives(LIST, "");
        let id = add(ON_CUSTOMER);
        add("CREATE UNIQUE INDEX ON parts (k)");
        gives(
            "SELECT pgopt.hypothetical_hide('orders_pkey')::text",
            "true",
        );
        gives(
            "SELECT pgopt.hypothetical_hide('orders_pkey')::text",
            "false",
        );
        // A name that is taken makes nothing, and a NOTICE says so.
        assert_eq!(
            add("CREATE INDEX IF NOT EXISTS orders_pkey ON orders (b)"),
            ""
        );
        gives(
            LIST,
            "added h orders btree t CREATE INDEX h ON orders (customer); \
             added parts_k_idx parts btree t CREATE UNIQUE INDEX ON parts (k); \
             hidden orders_pkey orders btree t \
             CREATE UNIQUE INDEX orders_pkey ON wi.orders USING btree (id)",
        );
        shows(&explain(BY_CUSTOMER), "<hypothetical> h");
        shows(&explain(BY_ID), "Seq Scan");
        // Only their arguments count for the functions.
        lacks(&explain_with(BY_CUSTOMER, &[], &[]), HYPOTHETICAL);
        shows(&explain_with(BY_ID, &[], &[]), "orders_pkey");
        let drop = |id: &str| value(&format!("SELECT pgopt.hypothetical_drop({id})::text"));
        assert_eq!(drop("1"), "false");
        assert_eq!((drop(&id), drop(&id)), ("true".into(), "false".into()));
        lacks(&explain(BY_CUSTOMER), HYPOTHETICAL);
        assert_eq!(drop("'orders_pkey'::regclass"), "true");
        shows(&explain(BY_ID), "orders_pkey");
        run("SELECT pgopt.hypothetical_hide('orders_pkey'), pgopt.hypothetical_reset()");
        gives(LIST, "");
    }

    #[pg_test]
    fn a_hypothetical_index_that_no_longer_fits_is_left_out() {
        run("SET LOCAL enable_seqscan = off");
        let again = "DROP TABLE orders; CREATE TABLE orders AS SELECT 1 AS b, 2 AS customer";
        for (change, condition, table) in [
            (again, "customer = 5 AND b = 1", ""),
            (
                "ALTER TABLE orders DROP COLUMN customer",
                "b = 1",
                "orders ",
            ),
            (
                "ALTER TABLE orders ALTER customer TYPE text",
                "customer = '5' AND b = 1",
                "orders ",
            ),
            (
                "ALTER TABLE orders ALTER customer TYPE bigint",
                "customer = 5 AND b = 1",
                "orders ",
            ),
        ] {
            run(OBJECTS);
            let partial = "(b) WHERE customer IS NOT NULL";
            for index in [
                "(customer)",
                "(b) INCLUDE (customer)",
                "((customer + 1))",
                partial,
            ] {
                add(&format!("CREATE INDEX h ON orders {index}"));
            }
            run("SELECT pgopt.hypothetical_hide('orders_pkey')");
            shows(&explain("SELECT * FROM orders WHERE b = 1"), HYPOTHETICAL);
            run(change);
            lacks(
                &explain(&format!("SELECT * FROM orders WHERE {condition}")),
                HYPOTHETICAL,
            );
            let rows = "SELECT string_agg(concat(table_name || ' ', definition IS NOT NULL), ','
                ORDER BY state) FROM pgopt.hypothetical_indexes";
            let hidden = if table.is_empty() { "f" } else { "orders t" };
            gives(
                rows,
                &format!("{table}t,{table}t,{table}t,{table}t,{hidden}"),
            );
            run("SELECT pgopt.hypothetical_reset(); DROP SCHEMA wi CASCADE");
        }
        run(OBJECTS);
        add(ON_CUSTOMER);
        run("ALTER TABLE orders RENAME customer TO client");
        shows(
            &explain("SELECT * FROM orders WHERE client = 5"),
            HYPOTHETICAL,
        );
    }

    #[pg_test]
    fn switched_off_it_shows_nothing_and_refuses_to_work() {
        run(OBJECTS);
        run("CREATE FUNCTION outcome(call text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE hint text; BEGIN
               EXECUTE 'SELECT * FROM pgopt.' || call; RETURN 'accepted';
             EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
               RETURN concat_ws('|', SQLSTATE, SQLERRM, hint); END $$;
             SELECT * FROM pgopt.hypothetical_create('CREATE INDEX h ON orders (customer)');
             SET LOCAL pgopt.enabled = off");
        lacks(&explain(BY_CUSTOMER), "<hypothetical>");
        for call in [
            "hypothetical_create('CREATE INDEX ON orders (b)')",
            "hypothetical_hide('orders_pkey')",
            "workload_cost(ARRAY['SELECT 1'])",
            "explain_with('SELECT 1')",
            "recommend_for(ARRAY['SELECT 1'])",
            "index_recommendations()",
        ] {
            let off = "55000|pgopt is switched off|Set pgopt.enabled to on.";
            gives(&format!("SELECT outcome($call${call}$call$)"), off);
        }
        run("SET LOCAL pgopt.enabled = on");
        shows(&explain(BY_CUSTOMER), "<hypothetical> h");
        run("CREATE ROLE wi_user; GRANT USAGE ON SCHEMA wi TO wi_user; SET LOCAL ROLE wi_user");
        let denied = value(
            "SELECT outcome('hypothetical_list(), set_config(''pgopt.enabled'', ''off'', true)')",
        );
        assert!(denied.starts_with("42501|"), "{denied}");
    }

    /// Kilobytes that this server process has in memory.
    fn resident() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS"));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
            .unwrap_or_default()
    }

    #[pg_test]
    fn two_thousand_calls_leave_neither_memory_nor_locks() {
        // Of tables that this transaction has neither made nor read.
        const CALLS: &str = "DO $$ BEGIN FOR i IN 1 .. %n LOOP
              PERFORM * FROM pgopt.workload_cost(ARRAY['SELECT * FROM information_schema.sql_parts WHERE feature_id = $1'],
                  ARRAY['CREATE INDEX ON information_schema.sql_parts (feature_id, lower(feature_name::text)) WHERE is_supported = $q$YES$q$']);
              PERFORM * FROM pgopt.explain_with('SELECT * FROM information_schema.sql_parts');
              PERFORM * FROM pgopt.hypothetical_create('CREATE INDEX ON information_schema.sql_parts (feature_id)');
              PERFORM pgopt.hypothetical_reset();
            END LOOP; END $$";
        const CONTEXTS: &str = "SELECT sum(used_bytes)::text FROM pg_backend_memory_contexts";
        const LOCKS: &str = "SELECT count(*)::text FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation'";
        run(&CALLS.replace("%n", "200"));
        let before = (resident(), value(CONTEXTS), value(LOCKS));
        run(&CALLS.replace("%n", "2000"));
        let after = (resident(), value(CONTEXTS), value(LOCKS));
        let held = value(
            "SELECT count(*)::text FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE relname = 'sql_parts'",
        );
        assert_eq!(held, "0");
        let number = |text: &str| text.parse::<i64>().expect(text);
        let grown = number(&after.1) - number(&before.1);
        assert!(grown < 200_000, "{before:?} {after:?}");
        assert!(
            after.0.saturating_sub(before.0) < 8192,
            "{before:?} {after:?}"
        );
        assert_eq!(after.2, before.2);
    }

    #[cfg(test)]
    #[test]
    fn another_session_sees_nothing_of_this_ones_indexes() {
        // Starts the server, if no other test has.
        let conf = crate::pg_test::postgresql_conf_options;
        pgrx_tests::run_test("hypothetical_indexes_are_gone_after_an_error", None, conf())
            .expect("server");
        let (mut one, _) = pgrx_tests::client().expect("client");
        let (mut other, _) = pgrx_tests::client().expect("client");
        let text = "SELECT coalesce(string_agg(name, ','), '') FROM pgopt.hypothetical_indexes";
        let create = "SELECT * FROM pgopt.hypothetical_create('CREATE INDEX h ON information_schema.sql_parts (feature_id)')";
        let explain = "EXPLAIN SELECT * FROM information_schema.sql_parts WHERE feature_id = 'x'";
        one.batch_execute(create).expect(create);
        for (client, seen) in [(&mut one, "h"), (&mut other, "")] {
            let listed: String = client.query_one(text, &[]).expect(text).get(0);
            assert_eq!(listed, seen);
            client
                .batch_execute("SET enable_seqscan = off")
                .expect("set");
            let rows = client.query(explain, &[]).expect(explain);
            let shown = rows
                .iter()
                .any(|row| row.get::<_, String>(0).contains(HYPOTHETICAL));
            assert_eq!(shown, !seen.is_empty());
        }
    }

    #[pg_test]
    fn errors_of_ones_own_statements_keep_their_sqlstate_and_context() {
        run(
            "CREATE FUNCTION own_error(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'MY001', TABLE = 'some table'; END $$",
        );
        run("DO $$ DECLARE context text; place text; BEGIN
               BEGIN
                 PERFORM own_error(1);
                 RAISE 'own_error was not called';
               EXCEPTION WHEN SQLSTATE 'MY001' THEN
                 GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT, place = TABLE_NAME;
               END;
               ASSERT context LIKE '%own_error%' AND place = 'some table', context;
             END $$");
    }
}
