//! What-if through SQL: plans with hypothetical and hidden indexes, and who never sees them.

#[allow(clippy::expect_used, clippy::panic)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use pgrx::prelude::*;

    /// Dropped columns and partitions with columns in another order make attribute numbers
    /// differ; `note` has a collation under which `LIKE` needs a pattern operator class.
    const OBJECTS: &str = "
        CREATE SCHEMA wi; SET LOCAL search_path = wi, public;
        CREATE TABLE orders (gone int, id int PRIMARY KEY, customer int, amount int, status text,
            email text, note text COLLATE \"und-x-icu\", created_at timestamptz, a int, b int);
        ALTER TABLE orders DROP COLUMN gone;
        INSERT INTO orders SELECT i, i % 1000, i, CASE WHEN i % 100 = 0 THEN 'failed' ELSE 'done' END,
            'User' || i || '@X.org', md5(i::text), '2024-01-01'::timestamptz + i * interval '1 min',
            nullif(i % 5000, 0), i % 7 FROM generate_series(1, 20000) AS i;
        CREATE TABLE customers (code int NOT NULL, name text);
        INSERT INTO customers SELECT i, 'n' || i FROM generate_series(0, 9999) AS i;
        CREATE MATERIALIZED VIEW totals AS SELECT i AS id, i % 1000 AS who FROM generate_series(1, 20000) AS i;
        CREATE TABLE parts (gone int, k int, v int, txt text) PARTITION BY RANGE (k);
        ALTER TABLE parts DROP COLUMN gone;
        CREATE TABLE parts_1 (txt text, dead1 int, v int, dead2 text, k int);
        ALTER TABLE parts_1 DROP COLUMN dead1, DROP COLUMN dead2;
        ALTER TABLE parts ATTACH PARTITION parts_1 FOR VALUES FROM (0) TO (10000);
        CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10000) TO (20000);
        CREATE TABLE parts_3 PARTITION OF parts FOR VALUES FROM (20000) TO (40000) PARTITION BY RANGE (k);
        CREATE TABLE parts_3a PARTITION OF parts_3 FOR VALUES FROM (20000) TO (40000);
        INSERT INTO parts SELECT i, i % 5000, 'T' || i FROM generate_series(0, 29999) AS i;
        ANALYZE orders, customers, totals, parts;
        CREATE FUNCTION bloat(tab regclass) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
            EXECUTE format('CREATE TEMP TABLE copy AS SELECT * FROM %1$s; DELETE FROM %1$s;
                INSERT INTO %1$s SELECT * FROM copy; DELETE FROM %1$s; INSERT INTO %1$s SELECT * FROM copy;
                DROP TABLE copy', tab); END $$";

    /// Nothing vacuums inside a transaction, and making an index counts the visible pages anew.
    const ALL_VISIBLE: &str = "UPDATE pg_class SET relallvisible = relpages
        WHERE relnamespace = 'wi'::regnamespace AND relkind IN ('r', 'm')";

    const ON_CUSTOMER: &str = "CREATE INDEX h ON orders (customer)";
    const BY_CUSTOMER: &str = "SELECT * FROM orders WHERE customer = 5";
    const BY_ID: &str = "SELECT * FROM orders WHERE id = 5";
    const BY_V: &str = "SELECT * FROM parts WHERE v = 5";
    const HYPOTHETICAL: &str = "<hypothetical>";

    fn run(sql: &str) {
        Spi::run(sql).expect(sql);
    }

    /// A value computed by SQL as text; nulls are empty.
    fn value(sql: &str) -> String {
        (Spi::get_one::<String>(sql).expect(sql)).unwrap_or_default()
    }

    #[track_caller]
    fn gives(sql: &str, expected: &str) {
        assert_eq!(value(sql), expected, "{sql}");
    }

    /// Adds an index to the session; its id, if one was made.
    fn add(ddl: &str) -> String {
        value(&format!(
            "SELECT max(id::int8)::text FROM pgopt.hypothetical_create('{ddl}')"
        ))
    }

    fn explain_with(query: &str, create: &[&str], hide: &[&str]) -> String {
        Spi::get_one_with_args::<String>(
            "SELECT string_agg(line, e'\\n') FROM pgopt.explain_with($1, $2, $3::text[]::regclass[]) AS line",
            &[query.into(), create.to_vec().into(), hide.to_vec().into()],
        )
        .expect(query)
        .unwrap_or_default()
    }

    fn cost(query: &str, create: &[&str], hide: &[&str]) -> f64 {
        Spi::get_one_with_args::<f64>(
            "SELECT cost FROM pgopt.workload_cost(ARRAY[$1], $2, $3::text[]::regclass[])",
            &[query.into(), create.to_vec().into(), hide.to_vec().into()],
        )
        .expect(query)
        .unwrap_or_default()
    }

    /// The lines of any command with output, such as `EXPLAIN`.
    fn lines(command: &str) -> String {
        Spi::connect_mut(|client| {
            let rows = client.update(command, None, &[]).expect(command);
            rows.map(|row| row.get::<String>(1).expect(command).unwrap_or_default())
                .collect::<Vec<_>>()
                .join("\n")
        })
    }

    fn explain(query: &str) -> String {
        lines(&format!("EXPLAIN {query}"))
    }

    /// A plan without its costs and the names of its indexes.
    fn shape(plan: &str) -> String {
        let nameless = |line: &str| {
            let line = line.split("  (cost=").next().unwrap_or_default();
            if let Some((scan, rest)) = line.split_once(" using ") {
                let table = rest.rsplit_once(" on ").map_or("", |(_, table)| table);
                return format!("{scan} on {table}");
            }
            match line.split_once("Bitmap Index Scan on ") {
                Some((indent, _)) => format!("{indent}Bitmap Index Scan"),
                None => line.to_owned(),
            }
        };
        plan.lines().map(nameless).collect::<Vec<_>>().join("\n")
    }

    #[track_caller]
    fn shows(plan: &str, part: &str) {
        assert!(plan.contains(part), "no {part} in\n{plan}");
    }

    #[track_caller]
    fn lacks(plan: &str, part: &str) {
        assert!(!plan.contains(part), "{part} in\n{plan}");
    }

    /// The total cost that the first line of a plan shows.
    fn shown_cost(plan: &str) -> f64 {
        (plan
            .split_once("..")
            .and_then(|(_, rest)| rest.split_once(' ')))
        .and_then(|(cost, _)| cost.parse().ok())
        .expect(plan)
    }

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
}
