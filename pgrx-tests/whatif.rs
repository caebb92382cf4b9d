//! What-if through SQL: plans with hypothetical and hidden indexes, and who never sees them.

#[allow(clippy::expect_used, clippy::panic)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use crate::test_support::*;
    use pgrx::prelude::*;

    /// Index, query, and what the plan shows (or, after a `!`, does not show).
    #[rustfmt::skip] // a table, one case per line
    const DEFINITIONS: &[(&str, &str, &str)] = &[
        ("ON orders (customer, amount)", "SELECT * FROM orders WHERE customer = 3 AND amount > 15000", "((customer = 3) AND (amount > 15000))"),
        ("ON orders (customer, amount)", "SELECT * FROM orders WHERE amount = 3", "Index Cond: (amount = 3)"),
        ("ON orders (a DESC NULLS LAST, b)", "SELECT * FROM orders ORDER BY a DESC NULLS LAST, b LIMIT 10", "!Sort"),
        ("ON orders (a NULLS FIRST, b DESC)", "SELECT * FROM orders ORDER BY a DESC NULLS LAST, b LIMIT 10", "Backward using"),
        ("ON orders (a, b)", "SELECT * FROM orders ORDER BY a DESC NULLS LAST, b LIMIT 10", "!hypothetical"),
        ("ON orders (lower(email))", "SELECT * FROM orders WHERE lower(email) = 'user7@x.org'", "(lower(email) = "),
        ("ON orders (lower(email))", "SELECT * FROM orders WHERE upper(email) = 'USER7@X.ORG'", "!hypothetical"),
        ("ON orders (amount) WHERE status = 'failed'", "SELECT * FROM orders WHERE status = 'failed' AND amount < 5000", "hypothetical"),
        ("ON orders (amount) WHERE status = 'failed'", "SELECT * FROM orders WHERE status = 'done' AND amount < 50", "!hypothetical"),
        ("ON orders (amount) WHERE status = 'failed'", "SELECT * FROM orders WHERE amount < 50", "!hypothetical"),
        ("ON orders (customer) WHERE amount > 100", "SELECT * FROM orders WHERE customer = 3 AND amount > 15000", "hypothetical"),
        ("ON orders (customer) WHERE amount > 100", "SELECT * FROM orders WHERE customer = 3 AND amount > 50", "!hypothetical"),
        ("ON orders (customer) INCLUDE (amount)", "SELECT customer, amount FROM orders WHERE customer = 3", "Index Only Scan"),
        ("ON orders (customer)", "SELECT customer, amount FROM orders WHERE customer = 3", "!Index Only Scan"),
        ("ON orders (id, customer)", "SELECT id, customer FROM orders WHERE id < 300", "Index Only Scan"),
        ("ON orders (lower(email)) INCLUDE (email)", "SELECT lower(email) FROM orders WHERE lower(email) = 'user7@x.org'", "Index Only Scan"),
        ("ON orders (note text_pattern_ops)", "SELECT * FROM orders WHERE note LIKE 'abc%'", "~>=~"),
        ("ON orders (note COLLATE \"C\")", "SELECT * FROM orders WHERE note LIKE 'abc%'", "note >= 'abc'"),
        ("ON orders (note)", "SELECT * FROM orders WHERE note LIKE 'abc%'", "!hypothetical"),
        ("ON orders (note)", "SELECT * FROM orders WHERE note = 'abc'", "hypothetical"),
        ("ON orders (note COLLATE \"C\")", "SELECT * FROM orders WHERE note = 'abc'", "!hypothetical"),
        ("ON orders (note)", "SELECT * FROM orders ORDER BY note LIMIT 1", "hypothetical"),
        ("ON orders (note text_pattern_ops)", "SELECT * FROM orders ORDER BY note LIMIT 1", "!hypothetical"),
        ("ON orders (created_at)", "SELECT max(created_at) FROM orders", "Backward"),
        ("ON orders (customer)", "SELECT * FROM orders WHERE customer IN (1, 2)", "ANY ('{1,2}'::integer[])"),
        ("ON orders (a)", "SELECT count(*) FROM orders WHERE a IS NULL", "(a IS NULL)"),
        ("ON orders (customer)", "UPDATE orders SET b = 1 WHERE customer = 3", "hypothetical"),
        ("ON orders (customer)", "DELETE FROM orders WHERE customer = 3", "hypothetical"),
        ("ON orders (customer)", "SELECT * FROM orders x JOIN orders y ON y.customer = x.id WHERE x.id = 7", "(customer = 7)"),
        ("ON orders (customer)", "SELECT * FROM customers c, LATERAL (SELECT * FROM orders o WHERE o.customer = c.code LIMIT 1) l WHERE c.code < 5", "(customer = c.code)"),
        ("ON totals (who)", "SELECT * FROM totals WHERE who = 5", "hypothetical"),
        ("ON parts (v)", "SELECT * FROM parts WHERE v = 5", "parts_3a"),
        ("ON parts (v) INCLUDE (k)", "SELECT v, k FROM parts WHERE v = 5", "Index Only Scan"),
        ("ON parts (lower(txt))", "SELECT * FROM parts WHERE lower(txt) = 't5'", "(lower(txt) = 't5'"),
        ("ON parts (v) WHERE txt > 'T5'", "SELECT * FROM parts WHERE v = 5 AND txt > 'T6'", "(v = 5)"),
        ("ON parts (v, txt)", "SELECT v, txt FROM parts ORDER BY v, txt LIMIT 1", "Merge Append"),
        ("ON parts_1 (v)", "SELECT * FROM parts WHERE v = 5", "Seq Scan on parts_2"),
        ("ON parts_3 (v)", "SELECT * FROM parts WHERE v = 5", "Seq Scan on parts_2"),
    ];

    #[pg_test]
    fn what_if_plans_are_those_of_the_index_once_made() {
        run(OBJECTS);
        run("SET LOCAL max_parallel_workers_per_gather = 0");
        let mut differences = Vec::new();
        for (index, query, shows) in DEFINITIONS {
            let ddl = format!("CREATE INDEX h {index}");
            run(ALL_VISIBLE);
            let imagined = explain_with(query, &[&ddl], &[]);
            run(&ddl);
            if index.contains("lower(") {
                // A hypothetical index comes with the statistics of its expressions.
                run(if index.contains("parts") {
                    "ANALYZE parts"
                } else {
                    "ANALYZE orders"
                });
            }
            run(ALL_VISIBLE);
            let real = explain(query);
            run("DROP INDEX h");
            let shown = match shows.strip_prefix('!') {
                Some(absent) => !imagined.contains(absent),
                None => imagined.contains(shows),
            };
            // A fresh index and its model differ by a page or two.
            let near = (shown_cost(&imagined) / shown_cost(&real) - 1.0).abs() < 0.1;
            if !shown || !near || shape(&imagined) != shape(&real) {
                differences.push(format!(
                    "{ddl}\n{query}\nshows: {shows}\n{imagined}\nreal:\n{real}"
                ));
            }
        }
        assert!(differences.is_empty(), "{}", differences.join("\n\n"));
    }

    #[pg_test]
    fn what_if_unique_index_tells_the_planner_of_uniqueness() {
        run(OBJECTS);
        let unique = "CREATE UNIQUE INDEX h ON customers (code)";
        let plain = "CREATE INDEX h ON customers (code)";
        let partial = "CREATE UNIQUE INDEX h ON customers (code) WHERE name = 'n1'";
        let left = "SELECT o.id FROM orders o LEFT JOIN customers c ON c.code = o.customer";
        lacks(&explain_with(left, &[unique], &[]), "customers");
        shows(&explain_with(left, &[plain], &[]), "customers");
        shows(&explain_with(left, &[partial], &[]), "customers");
        // The inner side of a join may stop at the first match.
        let join = "SELECT * FROM orders o JOIN customers c ON c.code = o.customer";
        assert!(cost(join, &[unique], &[]) < cost(join, &[plain], &[]));
    }

    #[pg_test]
    fn what_if_costs_and_names_per_query() {
        run(OBJECTS);
        let rows = "SELECT string_agg(concat_ws(' ', query, indexes_used::text, cost < 100), '; ' ORDER BY query)
            FROM pgopt.workload_cost(ARRAY['SELECT * FROM orders WHERE customer = 5', 'SELECT * FROM customers',
                'SELECT * FROM orders WHERE id = 5 OR customer = 7', 'INSERT INTO customers VALUES (1)'], ";
        let none = format!("{rows} '{{}}')");
        gives(&none, "1 {} f; 2 {} f; 3 {} f; 4 {} t");
        let two = format!("{rows} ARRAY['{ON_CUSTOMER}', 'CREATE INDEX ON customers (code)'])");
        gives(&two, "1 {h} t; 2 {} f; 3 {orders_pkey,h} t; 4 {} t");
    }

    #[pg_test]
    fn what_if_explains_in_every_format() {
        run(OBJECTS);
        // What of the output is read how, in which format, and what it comes to.
        for (read, format, expected) in [
            (
                "jsonb_path_query_first(output::jsonb, '$.**.\"Index Name\"')",
                "JSON",
                "\"<hypothetical> h\"",
            ),
            (
                "(xpath('//*[local-name()=\"Index-Name\"]/text()', output::xml))[1]",
                "xml",
                "&lt;hypothetical&gt; h",
            ),
            (
                "substring(output, 'Index Name: .*? h.')",
                "Yaml",
                "Index Name: \"<hypothetical> h\"",
            ),
            (
                "substring(output, 'Index Scan on .*? h.')",
                "text",
                "Index Scan on \"<hypothetical> h\"",
            ),
        ] {
            let sql = format!(
                "SELECT ({read})::text FROM (SELECT string_agg(line, e'\\n') FROM pgopt.explain_with(
                   '{BY_CUSTOMER} AND b < $1', ARRAY['{ON_CUSTOMER}'], '{{}}', '{format}') line) o (output)"
            );
            gives(&sql, expected);
        }
    }

    #[pg_test]
    fn what_if_hides_indexes_of_every_kind() {
        run(OBJECTS);
        run(
            "CREATE INDEX parts_v ON parts (v); CREATE INDEX totals_who ON totals (who);
             CREATE UNIQUE INDEX customers_code ON customers (code)",
        );
        let by_who = "SELECT * FROM totals WHERE who = 5";
        let left = "SELECT o.id FROM orders o LEFT JOIN customers c ON c.code = o.customer";
        for (query, index, shown) in [
            (BY_ID, "orders_pkey", "Seq Scan on orders"),
            (by_who, "totals_who", "Seq Scan on totals"),
            (BY_V, "parts_v", "Seq Scan on parts_3a"),
            (left, "customers_code", "customers"),
        ] {
            shows(&explain_with(query, &[], &[index]), shown);
            lacks(&explain(query), shown);
            assert!(cost(query, &[], &[index]) > cost(query, &[], &[]));
        }
        lacks(&explain_with(BY_V, &[], &["parts_v"]), "Index");
        let one = explain_with(BY_V, &[], &["parts_1_v_idx"]);
        shows(&one, "Seq Scan on parts_1");
        shows(&one, "parts_2_v_idx");
    }

    /// Queries with parameters, and the rows their plan expects; ones the planner knows nothing
    /// of would be compared with NULL, and expect one row for next to no cost.
    #[rustfmt::skip] // a table, one case per line
    const PARAMETERS: &[(&str, &str)] = &[
        ("SELECT * FROM orders WHERE amount > $1", "rows=6667"),
        ("SELECT * FROM orders WHERE amount BETWEEN $1 AND $2", "rows=100"),
        ("SELECT * FROM orders WHERE customer = $1", "rows=20"),
        ("SELECT * FROM orders WHERE customer IN ($1, $2)", "rows=40"),
        ("SELECT * FROM orders WHERE customer = ANY ($1)", "rows=199"),
        ("SELECT * FROM orders LIMIT $1", "rows=2000"),
        ("SELECT * FROM orders WHERE created_at > now() - $1::interval", "rows=6667"),
        ("SELECT * FROM orders WHERE customer = $1 + 1", "rows=20"),
        ("SELECT * FROM orders WHERE lower(email) = lower($1)", "rows=100"),
        ("SELECT * FROM parts WHERE k = $1", "rows=3"),
        ("UPDATE orders SET b = $1 WHERE customer = $2", "rows=20"),
    ];

    #[pg_test]
    fn what_if_plans_parameters_generically() {
        run(OBJECTS);
        for (query, rows) in PARAMETERS {
            let plan = explain_with(query, &[], &[]);
            shows(&plan, rows);
            shows(
                &plan,
                if query.contains("LIMIT") {
                    "Limit"
                } else {
                    "$"
                },
            );
            assert!(cost(query, &[], &[]) > 10.0, "{plan}");
            assert!(
                (cost(query, &[], &[]) - shown_cost(&plan)).abs() < 0.01,
                "{plan}"
            );
        }
        let indexed = explain_with(
            "SELECT * FROM orders WHERE customer = $1",
            &[ON_CUSTOMER],
            &[],
        );
        shows(&indexed, "(customer = $1)");
        shows(&indexed, HYPOTHETICAL);
    }

    #[pg_test]
    fn what_if_shows_all_partitions_of_an_unknown_key() {
        run(OBJECTS);
        for query in [
            "SELECT * FROM parts WHERE k = $1",
            "SELECT * FROM parts WHERE k BETWEEN $1 AND $2 ORDER BY k, v",
            "SELECT * FROM orders o JOIN parts p ON p.k = o.id WHERE p.k < $1 AND o.id = $2",
        ] {
            let plan = explain_with(query, &["CREATE INDEX h ON parts (k, v)"], &[]);
            for part in ["parts_1", "parts_2", "parts_3a", HYPOTHETICAL] {
                shows(&plan, part);
            }
            let formats = "unnest(ARRAY['json', 'xml', 'yaml'])";
            let call = format!("pgopt.explain_with('{query}', '{{}}', '{{}}', f)");
            gives(
                &format!("SELECT count(*)::text FROM {formats} f, {call}"),
                "3",
            );
        }
    }

    /// Real indexes; each is offered again as a hypothetical one.
    #[rustfmt::skip] // a table, one case per line
    const TWINS: &[(&str, &str)] = &[
        ("INDEX %n ON orders (customer)", "SELECT * FROM orders WHERE customer = 5"),
        ("INDEX %n ON orders (customer)", "SELECT * FROM orders o JOIN customers c ON o.customer = c.code WHERE c.code < 5"),
        ("INDEX %n ON orders (customer) WITH (fillfactor = 100)", "SELECT * FROM orders WHERE customer < 10"),
        ("UNIQUE INDEX %n ON orders (amount, id)", "SELECT * FROM orders WHERE amount = 5 AND id = 5"),
        ("INDEX %n ON orders (a DESC NULLS LAST, b)", "SELECT * FROM orders ORDER BY a DESC NULLS LAST, b LIMIT 5"),
        ("INDEX %n ON orders (lower(email))", "SELECT * FROM orders WHERE lower(email) = 'x'"),
        ("INDEX %n ON orders (amount) WHERE status = 'failed'", "SELECT * FROM orders WHERE status = 'failed' AND amount < 500"),
        ("INDEX %n ON orders (customer) INCLUDE (amount)", "SELECT customer, amount FROM orders WHERE customer = 5"),
        ("INDEX %n ON orders (note text_pattern_ops)", "SELECT * FROM orders WHERE note LIKE 'abc%'"),
        ("INDEX %n ON parts (v)", "SELECT * FROM parts WHERE v = 5"),
        ("INDEX %n ON parts (lower(txt)) WHERE v < 10", "SELECT * FROM parts WHERE lower(txt) = 't5' AND v < 10"),
    ];

    #[pg_test]
    fn what_if_twin_never_wins_over_the_real_index() {
        run(OBJECTS);
        let named = |index: &str, name: &str| format!("CREATE {}", index.replace("%n", name));
        for (ordinal, (index, _)) in TWINS.iter().enumerate() {
            run(&named(index, &format!("genuine_{ordinal}")));
        }
        let bloat = "SELECT bloat('orders'), bloat('parts')";
        for before in ["", bloat, "SET LOCAL enable_indexscan = off"] {
            run(before);
            for (index, query) in TWINS {
                let plan = explain_with(query, &[&named(index, "twin")], &[]);
                lacks(&plan, HYPOTHETICAL);
                assert_eq!(plan, explain_with(query, &[], &[]), "{index}");
            }
        }
        for kind in ["UNIQUE INDEX", "INDEX"] {
            let twin = format!("CREATE {kind} twin ON orders (id)");
            shows(&explain_with(BY_ID, &[&twin], &[]), "orders_pkey");
            shows(
                &explain_with(BY_ID, &[&twin], &["orders_pkey"]),
                "<hypothetical> twin",
            );
        }
    }

    #[pg_test]
    fn hypothetical_indexes_are_never_executed() {
        run(OBJECTS);
        let query = "SELECT count(*)::text FROM orders WHERE customer = 5";
        run(
            "PREPARE before(int) AS SELECT count(*)::text FROM orders WHERE customer = $1;
             CREATE FUNCTION counted(c int) RETURNS text LANGUAGE plpgsql AS
                 'BEGIN RETURN (SELECT count(*) FROM orders WHERE customer = c); END'",
        );
        assert_eq!(lines("EXECUTE before(5)"), "20");
        add(ON_CUSTOMER);
        run("PREPARE after(int) AS SELECT count(*)::text FROM orders WHERE customer = $1");
        for mode in ["auto", "force_generic_plan", "force_custom_plan"] {
            run(&format!("SET LOCAL plan_cache_mode = {mode}"));
            // From the sixth execution on, a generic plan may be kept.
            for _ in 0..8 {
                for execution in [
                    "EXECUTE before(5)",
                    "EXECUTE after(5)",
                    "SELECT counted(5)",
                    query,
                ] {
                    assert_eq!(lines(execution), "20", "{execution}");
                }
            }
            for statement in ["before", "after"] {
                lacks(
                    &lines(&format!("EXPLAIN EXECUTE {statement}(5)")),
                    HYPOTHETICAL,
                );
                lacks(
                    &lines(&format!("EXPLAIN ANALYZE EXECUTE {statement}(5)")),
                    HYPOTHETICAL,
                );
            }
        }
        for command in [
            "EXPLAIN ANALYZE",
            "EXPLAIN ANALYZE CREATE TABLE made AS",
            "EXPLAIN DECLARE c SCROLL CURSOR FOR",
        ] {
            lacks(&lines(&format!("{command} {query}")), HYPOTHETICAL);
        }
        run("DROP TABLE made");
        // These execute nothing, so they show what any plain EXPLAIN shows.
        for command in [
            "EXPLAIN",
            "EXPLAIN CREATE TABLE made AS",
            "EXPLAIN DECLARE c NO SCROLL CURSOR FOR",
        ] {
            shows(&lines(&format!("{command} {query}")), HYPOTHETICAL);
        }
        run(&format!(
            "DECLARE c SCROLL CURSOR FOR {query}; CREATE TABLE made AS {query}"
        ));
        assert_eq!(lines("FETCH ALL FROM c"), "20");
        run("DELETE FROM orders WHERE customer = 5; UPDATE orders SET b = 0 WHERE customer = 6");
        gives(query, "0");
    }

    #[pg_test]
    fn hypothetical_indexes_are_invisible_to_queries_run_while_planning() {
        run(OBJECTS);
        run("CREATE FUNCTION explained() RETURNS void LANGUAGE plpgsql AS $$ DECLARE l text; BEGIN
               FOR l IN EXECUTE 'EXPLAIN SELECT * FROM orders WHERE customer = 7' LOOP
                 IF l ~ 'hypothetical. inner' THEN RAISE 'the nested plan shows %', l; END IF;
               END LOOP; END $$;
             CREATE FUNCTION folded(c int) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
             DECLARE n bigint; BEGIN
               PERFORM explained();
               BEGIN PERFORM 1 / (c - c) FROM orders WHERE customer = c; EXCEPTION WHEN division_by_zero THEN NULL; END;
               SELECT count(*) INTO n FROM orders WHERE customer = c;
               RETURN n; END $$;
             CREATE FUNCTION folded_sql(c int) RETURNS bigint LANGUAGE sql IMMUTABLE AS
               'SELECT count(*) FROM orders WHERE customer = c'");
        let inner = "CREATE INDEX \"inner\" ON orders (customer)";
        let shown = "<hypothetical> inner";
        for function in ["folded", "folded_sql"] {
            let query = format!("{BY_CUSTOMER} AND amount > {function}(5) AND id <> {function}(6)");
            let plan = explain_with(&query, &[inner], &[]);
            shows(&plan, shown);
            shows(&plan, "(amount > '20'::bigint)");
            assert!(cost(&query, &[inner], &[]) < cost(&query, &[], &[]) / 2.0);
            // After the function has run, the rest is still planned with the index.
            let join = "orders x JOIN orders y ON y.customer = x.id";
            let query = format!("SELECT {function}(5) FROM {join} WHERE x.id = {function}(7)");
            shows(&explain_with(&query, &[inner], &[]), shown);
        }
        add("CREATE INDEX outer_one ON orders (customer)");
        let query = "SELECT * FROM orders WHERE customer = folded(5)";
        shows(&explain(query), "<hypothetical> outer_one");
        let given = explain_with(query, &[inner], &[]);
        shows(&given, shown);
        lacks(&given, "outer_one");
    }

    #[pg_test]
    fn hypothetical_indexes_are_gone_after_an_error() {
        run(OBJECTS);
        run(
            "CREATE FUNCTION survived(sql text) RETURNS text LANGUAGE plpgsql AS $$
             BEGIN EXECUTE sql; RETURN 'fine'; EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END $$;
             CREATE FUNCTION raising(c int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
             $$ BEGIN RAISE 'no %', c; END $$",
        );
        let broken = [("1 / 0", "22012"), ("raising(5)", "P0001")];
        for (constant, code) in broken {
            let query = format!("SELECT * FROM orders WHERE customer = {constant}");
            for call in [
                format!("workload_cost(ARRAY['{query}']"),
                format!("explain_with('{query}'"),
            ] {
                let call = format!("SELECT * FROM pgopt.{call}, ARRAY['{ON_CUSTOMER}'])");
                gives(&format!("SELECT survived($s${call}$s$)"), code);
                lacks(&explain(BY_CUSTOMER), HYPOTHETICAL);
            }
        }
        // Not only an error takes the transaction back.
        run(&format!(
            "DO $$ BEGIN PERFORM * FROM pgopt.workload_cost(ARRAY['{BY_CUSTOMER}'], ARRAY['{ON_CUSTOMER}']);
             RAISE 'rolled back'; EXCEPTION WHEN raise_exception THEN NULL; END $$"
        ));
        lacks(&explain(BY_CUSTOMER), HYPOTHETICAL);
        add(ON_CUSTOMER);
        for (constant, code) in broken {
            let query = format!("EXPLAIN SELECT * FROM orders WHERE customer = {constant}");
            gives(&format!("SELECT survived($s${query}$s$)"), code);
            gives("SELECT count(*)::text FROM orders WHERE customer = 5", "20");
            lacks(
                &lines(&format!("EXPLAIN ANALYZE {BY_CUSTOMER}")),
                HYPOTHETICAL,
            );
            shows(&explain(BY_CUSTOMER), HYPOTHETICAL);
        }
    }
}
