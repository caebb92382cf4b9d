//! Foreign keys, partitions, odd names and types, and what is only hinted at or must not be advised.

#[allow(clippy::expect_used, clippy::panic)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use pgrx::prelude::*;
    use serde_json::Value;

    use crate::advisor_methods_support::*;
    use crate::advisor_tests::support::{advice, keys, run};

    const FAMILY: &str = r#"
        CREATE TABLE parent (id int PRIMARY KEY, name text);
        CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent ON DELETE CASCADE, note text);
        CREATE TABLE "grandChild" (id int PRIMARY KEY, "childId" int REFERENCES child, note text);
        CREATE TABLE other (id int PRIMARY KEY, parent int REFERENCES parent, note text);
        CREATE INDEX ON other (parent);
        INSERT INTO parent SELECT i, 'p' || i FROM generate_series(1, 2000) AS i;
        INSERT INTO child SELECT i, i % 2000 + 1, 'c' FROM generate_series(1, 20000) AS i;
        INSERT INTO "grandChild" SELECT i, i % 20000 + 1, 'g' FROM generate_series(1, 20000) AS i;
        INSERT INTO other SELECT i, i % 2000 + 1, 'o' FROM generate_series(1, 20000) AS i"#;

    #[pg_test]
    fn deleting_a_row_that_is_referred_to_gets_an_index_on_the_references() {
        prepare(FAMILY);
        let rows = advice(&["DELETE FROM parent WHERE id = $1"], "");
        let mut found = keys(&rows);
        found.sort();
        assert_eq!(
            found,
            ["m.\"grandChild\" (\"childId\")", "m.child (parent)"],
            "{rows:#?}"
        );
        let rows = advice(&["UPDATE parent SET id = $1 WHERE id = $2"], "");
        assert_eq!(keys(&rows), ["m.child (parent)"], "{rows:#?}");
        not_advised("UPDATE parent SET name = $1 WHERE id = $2");
        not_advised("SELECT * FROM parent WHERE id = $1");
        not_advised("INSERT INTO child VALUES ($1, $2, $3)");
    }

    #[pg_test]
    fn references_weigh_as_much_as_rows_are_deleted() {
        prepare(FAMILY);
        let queries = [
            "DELETE FROM parent WHERE id = $1",
            "SELECT * FROM parent WHERE name = 'p7'",
        ];
        let rows = advice(&queries, ", weights => ARRAY[0, 1000]");
        assert_eq!(
            keys(&rows).first().map(String::as_str),
            Some("m.parent (name)"),
            "{rows:#?}"
        );
        let rows = advice(&queries, ", weights => ARRAY[1000, 0]");
        assert!(
            keys(&rows).contains(&"m.child (parent)".to_owned()),
            "{rows:#?}"
        );
    }

    #[pg_test]
    fn references_of_several_columns_and_to_partitions_work() {
        prepare(
            r#"CREATE TABLE p (a int, b bigint, PRIMARY KEY (a, b)) PARTITION BY RANGE (a);
            CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (1000);
            CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (1000) TO (100000);
            CREATE TABLE c (x bigint, y int, z text, FOREIGN KEY (y, x) REFERENCES p (a, b) ON UPDATE CASCADE);
            CREATE TABLE d (x bigint, y int, FOREIGN KEY (y, x) REFERENCES p (a, b) ON DELETE SET NULL) PARTITION BY RANGE (x);
            CREATE TABLE d1 PARTITION OF d FOR VALUES FROM (0) TO (100000);
            INSERT INTO p SELECT i, i FROM generate_series(1, 20000) AS i;
            INSERT INTO c SELECT i, i, 'z' FROM generate_series(1, 20000) AS i;
            INSERT INTO d SELECT i, i FROM generate_series(1, 20000) AS i"#,
        );
        let rows = advice(&["DELETE FROM p1 WHERE a = $1"], "");
        let found = keys(&rows);
        assert_eq!(found.len(), 2, "{rows:#?}");
        assert!(
            found.iter().any(|keys| keys.starts_with("m.c (")),
            "{rows:#?}"
        );
        assert!(
            found.iter().any(|keys| keys.starts_with("m.d (")),
            "{rows:#?}"
        );
    }

    #[pg_test]
    fn partitions_get_their_indexes_with_method_class_and_predicate() {
        prepare(
            r#"CREATE TABLE log (k int, data jsonb, gone timestamptz) PARTITION BY RANGE (k);
            CREATE TABLE log_1 (gone timestamptz, data jsonb, k int);
            ALTER TABLE log ATTACH PARTITION log_1 FOR VALUES FROM (0) TO (10000);
            CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM (10000) TO (30000) PARTITION BY RANGE (k);
            CREATE TABLE log_2a PARTITION OF log_2 FOR VALUES FROM (10000) TO (30000);
            INSERT INTO log SELECT i, jsonb_build_object('ref', 'r' || i), CASE WHEN i % 50 > 0 THEN now() END
              FROM generate_series(1, 20000) AS i"#,
        );
        advised(
            r#"SELECT * FROM log WHERE data @> '{"ref": "r77"}'"#,
            "jsonb",
            "m.log USING gin (data jsonb_path_ops)",
        );
    }

    #[pg_test]
    fn types_without_operator_classes_get_nothing() {
        prepare(
            r#"CREATE TABLE odd (id int, j json, p point, a aclitem[], b jsonb);
            INSERT INTO odd SELECT i, '{}', point(i, i), NULL, to_jsonb(i) FROM generate_series(1, 20000) AS i"#,
        );
        not_advised("SELECT * FROM odd WHERE j ->> 'a' IS NOT NULL AND p ~= NULL");
        not_advised("SELECT * FROM odd WHERE b - 'x' @> '{}' AND random() > 2");
        not_advised("SELECT * FROM odd WHERE b @> (to_jsonb(random()))");
        let rows = advice(&["SELECT * FROM odd WHERE p ~= point '(7,7)'"], "");
        assert_eq!(keys(&rows), ["m.odd USING gist (p)"]);
        let rows = advice(&["SELECT * FROM odd WHERE b = '7'"], "");
        assert_eq!(keys(&rows), ["m.odd (b)"]);
    }

    #[pg_test]
    fn names_are_quoted_wherever_they_come_from() {
        run(r#"CREATE SCHEMA "My Ext"; CREATE EXTENSION pg_trgm SCHEMA "My Ext""#);
        prepare(
            r#"CREATE TABLE "Crew" (id int PRIMARY KEY, "fullName" text COLLATE "und-x-icu", "some Data" jsonb);
            INSERT INTO "Crew" SELECT i, md5(i::text), jsonb_build_object('ref', 'r' || i) FROM generate_series(1, 20000) AS i"#,
        );
        advised(
            r#"SELECT id FROM "Crew" WHERE "fullName" LIKE '%abcde%'"#,
            "trigram",
            r#"m."Crew" USING gin ("fullName" "My Ext".gin_trgm_ops)"#,
        );
        advised(
            r#"SELECT id FROM "Crew" WHERE "some Data" @> '{"ref": "r7"}'"#,
            "jsonb",
            r#"m."Crew" USING gin ("some Data" jsonb_path_ops)"#,
        );
    }

    #[pg_test]
    fn an_operator_or_class_named_like_a_built_in_is_told_from_it() {
        prepare(DOCUMENTS);
        run("CREATE OPERATOR CLASS jsonb_path_ops FOR TYPE jsonb USING gin AS OPERATOR 7 @> (jsonb, jsonb),
               FUNCTION 2 gin_extract_jsonb_path (jsonb, internal, internal),
               FUNCTION 3 gin_extract_jsonb_query_path (jsonb, internal, int2, internal, internal, internal, internal),
               FUNCTION 4 gin_consistent_jsonb_path (internal, int2, jsonb, int4, internal, internal, internal, internal),
               FUNCTION 6 gin_triconsistent_jsonb_path (internal, int2, jsonb, int4, internal, internal, internal),
               STORAGE int4;
             CREATE FUNCTION always(jsonb, jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
             CREATE OPERATOR @> (LEFTARG = jsonb, RIGHTARG = jsonb, FUNCTION = always);
             SET LOCAL search_path = m, pg_catalog");
        let rows = advice(
            &[r#"SELECT id FROM doc WHERE data OPERATOR(pg_catalog.@>) '{"ref": "r77"}'"#],
            "",
        );
        assert_eq!(
            keys(&rows),
            ["m.doc USING gin (data pg_catalog.jsonb_path_ops)"]
        );
        not_advised(r#"SELECT id FROM doc WHERE data @> '{"ref": "r77"}'"#);
    }

    #[pg_test]
    fn hundreds_of_compared_columns_take_little_time() {
        let columns: Vec<String> = (1..=1600).map(|n| format!("c{n} int")).collect();
        prepare(&format!(
            "CREATE TABLE wide ({}); INSERT INTO wide (c1, c2, c3) SELECT i, i % 100, i % 7 FROM generate_series(1, 5000) AS i",
            columns.join(", ")
        ));
        let conditions: Vec<String> = (1..=600).map(|n| format!("c{n} = {n}")).collect();
        let query = format!("SELECT c1 FROM wide WHERE {}", conditions.join(" AND "));
        let started = std::time::Instant::now();
        let rows = advice(&[&query], "");
        let elapsed = started.elapsed();
        assert!(!rows.is_empty() && elapsed.as_secs() < 5, "{elapsed:?}");
        hinted(&query, "bounded", "600 columns");
    }

    #[pg_test]
    fn a_column_of_which_every_value_is_common_is_refused_with_the_reason() {
        prepare(
            "CREATE TABLE t (id int, half boolean, who int);
             INSERT INTO t SELECT i, (i * 7919) % 2 = 0, i % 5000 FROM generate_series(1, 20000) AS i",
        );
        let rows = advice(&["SELECT * FROM t WHERE half AND who = 7"], "");
        let evidence = rows
            .first()
            .and_then(|row| row.get("evidence"))
            .expect("evidence");
        let refused = evidence
            .get("rejected")
            .map(Value::to_string)
            .unwrap_or_default();
        assert!(
            refused.contains("is in 50 % of the rows or more"),
            "{refused}"
        );
        // In its order an index may well be read.
        let rows = advice(&["SELECT half FROM t ORDER BY half LIMIT 5"], "");
        assert_eq!(rows.len(), 1, "{rows:#?}");
    }

    #[pg_test]
    fn a_column_is_included_only_if_no_value_can_break_an_insert() {
        prepare(
            r#"CREATE TABLE t (id int, who int, free text, bound text CHECK (length(bound) <= 40), short varchar(20),
                               late text);
            ALTER TABLE t ADD CONSTRAINT late CHECK (length(late) <= 40) NOT VALID;
            INSERT INTO t SELECT i, i % 5000, 'abc', 'abc', 'abc', 'abc' FROM generate_series(1, 20000) AS i;
            UPDATE pg_class SET relallvisible = relpages WHERE oid = 't'::regclass"#,
        );
        for (column, covered) in [
            ("free", false),
            ("bound", true),
            ("short", true),
            ("late", false),
        ] {
            let rows = advice(&[&format!("SELECT {column} FROM t WHERE who = 7")], "");
            let included = keys(&rows)
                .iter()
                .any(|keys| keys.contains(&format!("INCLUDE ({column})")));
            let refused = rows
                .first()
                .map(|row| row.to_string().contains(&format!("INCLUDE ({column})")));
            assert_eq!(
                included || refused == Some(true),
                covered,
                "{column}: {rows:#?}"
            );
        }
    }

    #[pg_test]
    fn what_depends_on_settings_is_explained() {
        prepare(
            "CREATE TABLE t (id int, at timestamptz);
             INSERT INTO t SELECT i, '2024-01-01'::timestamptz + i * interval '1 min' FROM generate_series(1, 60000) AS i",
        );
        hinted(
            "SELECT * FROM t WHERE at::date = '2024-01-05'",
            "not-immutable",
            "Compare at itself",
        );
        not_hinted(
            "SELECT * FROM t WHERE at > now() - interval '1 day'",
            "not-immutable",
        );
    }

    #[pg_test]
    fn a_column_without_two_equal_values_may_be_unique_by_rule() {
        prepare(
            "CREATE TABLE t (id int PRIMARY KEY, ref text, twice int);
             INSERT INTO t SELECT i, md5(i::text), i / 2 FROM generate_series(1, 20000) AS i",
        );
        hinted(
            "SELECT * FROM t WHERE ref = 'x'",
            "unique",
            "CREATE UNIQUE INDEX CONCURRENTLY ON m.t (ref)",
        );
        not_hinted("SELECT * FROM t WHERE twice = 7", "unique");
        not_hinted("SELECT * FROM t WHERE id = 7", "unique");
    }

    #[pg_test]
    fn a_table_that_was_never_analysed_is_named() {
        prepare("CREATE TABLE known (a int); INSERT INTO known SELECT generate_series(1, 2000)");
        run("CREATE TABLE fresh (a int); INSERT INTO fresh SELECT generate_series(1, 2000)");
        hinted(
            "SELECT * FROM fresh WHERE a = 7",
            "analyze",
            "ANALYZE m.fresh",
        );
        not_hinted("SELECT * FROM known WHERE a = 7", "analyze");
    }
}
