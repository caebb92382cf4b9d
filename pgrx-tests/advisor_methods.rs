//! Indexes of every access method, each proved by the planner, and what must not be advised.

#[allow(clippy::expect_used, clippy::panic)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use pgrx::pg_sys;
    use pgrx::prelude::*;
    use serde_json::Value;

    use crate::advisor::hints_for;
    use crate::advisor_tests::support::{advice, all_valid, apply, keys, list, run, text};

    fn prepare(tables: &str) {
        run(
            "CREATE SCHEMA m; SET LOCAL search_path = m, public; SET LOCAL max_parallel_workers_per_gather = 0",
        );
        run(tables);
        run("ANALYZE");
    }

    fn kinds(rows: &[Value]) -> Vec<&str> {
        rows.iter().map(|row| text(row, "kind")).collect()
    }

    /// The index advised on `query` alone, which must be the only one, of that kind and method;
    /// creating it must work and end the advice.
    #[track_caller]
    fn advised(query: &str, kind: &str, expected: &str) {
        let rows = advice(&[query], "");
        assert_eq!(keys(&rows), [expected], "{query}: {rows:#?}");
        assert_eq!(kinds(&rows), [kind], "{query}");
        let row = rows.first().expect("a row");
        let method = text(row, "access_method");
        assert!(
            text(row, "ddl").contains(&format!(" USING {method} (")),
            "{row:#?}"
        );
        for step in list(row, "steps") {
            apply(step.as_str().expect("text"));
        }
        assert!(all_valid());
        assert_eq!(keys(&advice(&[query], "")), Vec::<String>::new(), "{query}");
        run(&text(row, "undo_ddl").replace("CONCURRENTLY ", ""));
    }

    #[track_caller]
    fn not_advised(query: &str) {
        let rows = advice(&[query], "");
        assert_eq!(keys(&rows), Vec::<String>::new(), "{query}");
    }

    /// Hints as a function called by a query would give them: it sees what was done before.
    fn hints_of(query: &str) -> Vec<crate::advisor::Hint> {
        // SAFETY: the snapshot is taken in a transaction and given back.
        unsafe {
            pg_sys::CommandCounterIncrement();
            pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
        }
        let hints = hints_for(query).expect(query);
        // SAFETY: see above.
        unsafe { pg_sys::PopActiveSnapshot() };
        hints
    }

    #[track_caller]
    fn hinted(query: &str, kind: &str, part: &str) {
        let hints = hints_of(query);
        let found = hints.iter().find(|hint| hint.kind == kind);
        let found = found.unwrap_or_else(|| panic!("no {kind} hint on {query}: {hints:?}"));
        let ddl = found.ddl.as_deref().unwrap_or_default();
        assert!(
            found.text.contains(part) || ddl.contains(part),
            "{query}: {found:?}"
        );
    }

    #[track_caller]
    fn not_hinted(query: &str, kind: &str) {
        let hints = hints_of(query);
        assert!(
            hints.iter().all(|hint| hint.kind != kind),
            "{query}: {hints:?}"
        );
    }

    const DOCUMENTS: &str = r#"
        CREATE TABLE doc (id int PRIMARY KEY, data jsonb, tags int[], words tsvector, body text, deleted_at timestamptz);
        INSERT INTO doc SELECT i, jsonb_build_object('ref', 'r' || i, 'tags', jsonb_build_array('t' || i % 3000), 'n', i % 10)
                   || CASE WHEN i % 2000 = 0 THEN '{"rare": true}' ELSE '{}'::jsonb END,
               ARRAY[i % 1000, i % 777 + 10000, i % 3 + 20000], to_tsvector('english', 'common word' || i % 2000),
               'some prose about thing' || i % 2000 || ' and other things', CASE WHEN i % 100 > 0 THEN now() END
          FROM generate_series(1, 20000) AS i"#;

    #[pg_test]
    fn jsonb_gets_the_operator_class_that_knows_its_operators() {
        prepare(DOCUMENTS);
        advised(
            r#"SELECT id FROM doc WHERE data @> '{"ref": "r77"}'"#,
            "jsonb",
            "m.doc USING gin (data jsonb_path_ops)",
        );
        advised(
            "SELECT id FROM doc WHERE data ? 'rare'",
            "jsonb",
            "m.doc USING gin (data)",
        );
        advised(
            r#"SELECT id FROM doc WHERE data @? '$.ref ? (@ == "r77")'"#,
            "jsonb",
            "m.doc USING gin (data jsonb_path_ops)",
        );
        advised(
            "SELECT id FROM doc WHERE data -> 'tags' ? 't77'",
            "jsonb",
            "m.doc USING gin (((data -> 'tags'::text)))",
        );
        advised(
            "SELECT id FROM doc WHERE data @> $1",
            "jsonb",
            "m.doc USING gin (data jsonb_path_ops)",
        );
    }

    #[pg_test]
    fn one_index_serves_all_operators_of_a_workload_on_jsonb() {
        prepare(DOCUMENTS);
        let queries = [
            r#"SELECT id FROM doc WHERE data @> '{"ref": "r77"}'"#,
            "SELECT id FROM doc WHERE data ?| ARRAY['rare', 'rarest']",
        ];
        let rows = advice(&queries, "");
        assert!(
            keys(&rows).contains(&"m.doc USING gin (data)".to_owned()),
            "{rows:#?}"
        );
        run("CREATE INDEX ON doc USING gin (data)");
        not_advised(queries[0]);
    }

    #[pg_test]
    fn arrays_get_gin_and_any_of_a_column_gets_a_hint() {
        prepare(DOCUMENTS);
        for condition in ["tags @> ARRAY[77]", "tags && ARRAY[77, 78]"] {
            advised(
                &format!("SELECT id FROM doc WHERE {condition}"),
                "array",
                "m.doc USING gin (tags)",
            );
        }
        not_advised("SELECT id FROM doc WHERE 77 = ANY (tags)");
        hinted(
            "SELECT id FROM doc WHERE 77 = ANY (tags)",
            "rewrite",
            "tags @> ARRAY[value]",
        );
    }

    #[pg_test]
    fn arrays_of_long_texts_get_no_index_that_could_break_an_insert() {
        prepare(
            r#"CREATE TABLE album (id int, pages text[], labels text[]);
            INSERT INTO album SELECT i, ARRAY(SELECT (SELECT string_agg(md5((i * 77 + k * 7 + n)::text), '') FROM generate_series(1, 12) AS n) FROM generate_series(1, 2) AS k),
                   ARRAY(SELECT 'label ' || i % 100 || k FROM generate_series(1, 30) AS k) FROM generate_series(1, 5000) AS i"#,
        );
        not_advised("SELECT id FROM album WHERE pages @> ARRAY['x']");
        advised(
            "SELECT id FROM album WHERE labels @> ARRAY['label 77']",
            "array",
            "m.album USING gin (labels)",
        );
    }

    #[pg_test]
    fn full_text_gets_gin_on_the_column_or_the_expression() {
        prepare(DOCUMENTS);
        advised(
            "SELECT id FROM doc WHERE words @@ to_tsquery('english', 'word77')",
            "full-text",
            "m.doc USING gin (words)",
        );
        advised(
            "SELECT id FROM doc WHERE to_tsvector('english', body) @@ to_tsquery('english', 'thing77')",
            "full-text",
            "m.doc USING gin ((to_tsvector('english'::regconfig, body)))",
        );
        let by_setting = "SELECT id FROM doc WHERE to_tsvector(body) @@ to_tsquery('thing77')";
        not_advised(by_setting);
        hinted(by_setting, "full-text", "to_tsvector('english', body)");
    }

    const NAMES: &str = r#"
        CREATE TABLE person (id int PRIMARY KEY, name text COLLATE "und-x-icu", code varchar(30) COLLATE "und-x-icu", ascii text COLLATE "C",
                             note text);
        INSERT INTO person SELECT i, md5(i::text), left(md5((i * 3)::text), 30), md5((i * 5)::text), repeat('word' || i || ' ', 20)
          FROM generate_series(1, 20000) AS i"#;

    #[pg_test]
    fn a_pattern_anywhere_needs_trigrams_from_whatever_schema() {
        prepare(NAMES);
        let anywhere = "SELECT id FROM person WHERE name LIKE '%abcde%'";
        not_advised(anywhere);
        hinted(
            anywhere,
            "extension",
            "CREATE EXTENSION IF NOT EXISTS pg_trgm",
        );
        hinted(
            "SELECT id FROM person WHERE note ILIKE '%word77%'",
            "extension",
            "gin (note gin_trgm_ops)",
        );
        run("CREATE SCHEMA trigrams; CREATE EXTENSION pg_trgm SCHEMA trigrams");
        for condition in [
            "name LIKE '%abcde%'",
            "name ILIKE '%ABCDE%'",
            "name ~ 'abc[de]f'",
            "name ~* 'ABCDE'",
            "name OPERATOR(trigrams.%) 'abcdefab'",
            "'abcdefab' OPERATOR(trigrams.<%) name",
        ] {
            advised(
                &format!("SELECT id FROM person WHERE {condition}"),
                "trigram",
                "m.person USING gin (name trigrams.gin_trgm_ops)",
            );
        }
        not_hinted(anywhere, "extension");
        advised(
            "SELECT id FROM person ORDER BY name OPERATOR(trigrams.<->) 'abcdefab' LIMIT 5",
            "nearest-neighbour",
            "m.person USING gist (name trigrams.gist_trgm_ops)",
        );
    }

    #[pg_test]
    fn a_pattern_that_is_not_known_gets_no_index() {
        prepare(NAMES);
        run("CREATE EXTENSION pg_trgm");
        hinted(
            "SELECT id FROM person WHERE name LIKE $1",
            "pattern",
            "not known",
        );
        for condition in [
            "name LIKE $1",
            "name ILIKE $1",
            "name ~ $1",
            "ascii LIKE $1",
        ] {
            not_advised(&format!("SELECT id FROM person WHERE {condition}"));
            // The first few rows by code may be the last to match.
            not_advised(&format!(
                "SELECT * FROM person WHERE {condition} ORDER BY code LIMIT 10"
            ));
        }
        let rows = advice(
            &["SELECT * FROM person WHERE code = $1 AND name ILIKE $2 ORDER BY note LIMIT 10"],
            "",
        );
        assert!(
            keys(&rows)
                .iter()
                .all(|keys| keys.starts_with("m.person (code"))
                && !rows.is_empty(),
            "{rows:#?}"
        );
    }

    #[pg_test]
    fn a_word_in_prose_is_better_found_by_full_text_search() {
        prepare(NAMES);
        hinted(
            "SELECT id FROM person WHERE note ILIKE '%lamp%'",
            "full-text",
            "ADD COLUMN note_words tsvector GENERATED ALWAYS AS (to_tsvector(",
        );
        not_hinted(
            "SELECT id FROM person WHERE name ILIKE '%lamp%'",
            "full-text",
        );
    }

    #[pg_test]
    fn texts_that_begin_alike_are_neighbours_in_an_index_that_compares_bytes() {
        prepare(NAMES);
        for (condition, expected) in [
            ("name LIKE 'abcd%'", "name text_pattern_ops"),
            ("name ^@ 'abcd'", "name text_pattern_ops"),
            ("name ~ '^abcd'", "name text_pattern_ops"),
            ("code LIKE 'abcd%'", "code varchar_pattern_ops"),
        ] {
            advised(
                &format!("SELECT * FROM person WHERE {condition}"),
                "prefix",
                &format!("m.person ({expected})"),
            );
        }
        for condition in ["ascii LIKE 'abcd%'", "starts_with(ascii, 'abcd')"] {
            advised(
                &format!("SELECT * FROM person WHERE {condition}"),
                "single-column",
                "m.person (ascii)",
            );
        }
        advised(
            "SELECT * FROM person WHERE lower(name) LIKE 'abcd%'",
            "prefix",
            "m.person ((lower(name)) text_pattern_ops)",
        );
        not_advised("SELECT * FROM person WHERE name LIKE '%abcd'");
        not_advised("SELECT * FROM person WHERE name LIKE '_bcd%'");
    }

    const PLACES: &str = r#"
        CREATE TABLE place (id int PRIMARY KEY, at point, during tstzrange, host inet, area box);
        INSERT INTO place SELECT i, point(i % 141, i / 141), tstzrange('2024-01-01'::timestamptz + i * interval '1 hour',
               '2024-01-01'::timestamptz + (i + 2) * interval '1 hour'), '10.0.0.0'::inet + i, box(point(i, i), point(i + 1, i + 1))
          FROM generate_series(1, 20000) AS i"#;

    #[pg_test]
    fn ranges_and_geometry_get_gist() {
        prepare(PLACES);
        advised(
            "SELECT id FROM place WHERE during @> '2024-06-01 12:30:00+00'::timestamptz",
            "range",
            "m.place USING gist (during)",
        );
        advised(
            "SELECT id FROM place WHERE during && tstzrange('2024-06-01', '2024-06-02')",
            "range",
            "m.place USING gist (during)",
        );
        advised(
            "SELECT id FROM place WHERE at <@ box '((3,3),(5,5))'",
            "geometry",
            "m.place USING gist (at)",
        );
        advised(
            "SELECT id FROM place WHERE area && box '((3,3),(5,5))'",
            "geometry",
            "m.place USING gist (area)",
        );
    }

    #[pg_test]
    fn the_nearest_come_from_an_index_that_sorts_by_distance() {
        prepare(PLACES);
        advised(
            "SELECT id FROM place ORDER BY at <-> point '(20,20)' LIMIT 5",
            "nearest-neighbour",
            "m.place USING gist (at)",
        );
        advised(
            "SELECT id FROM place ORDER BY at <-> $1 LIMIT 5",
            "nearest-neighbour",
            "m.place USING gist (at)",
        );
        not_advised("SELECT id FROM place ORDER BY at <-> point '(20,20)' DESC LIMIT 5");
    }

    #[pg_test]
    fn a_column_compared_for_equality_joins_the_key_where_it_has_a_class() {
        prepare(
            r#"CREATE TABLE shop (id int PRIMARY KEY, tenant int, at point, words tsvector);
            INSERT INTO shop SELECT i, (i * 7919) % 100, point(i % 141, i / 141), to_tsvector('english', 'group' || i % 10 || ' shop')
              FROM generate_series(1, 20000) AS i"#,
        );
        let text =
            "SELECT id FROM shop WHERE tenant = 5 AND words @@ to_tsquery('english', 'group7')";
        let near = "SELECT id FROM shop WHERE tenant = 5 ORDER BY at <-> point '(20,20)' LIMIT 5";
        for query in [text, near] {
            let rows = advice(&[query], "");
            assert!(
                keys(&rows)
                    .iter()
                    .all(|keys| !keys.contains("tenant,") && !keys.contains(", tenant")),
                "{rows:#?}"
            );
        }
        run("CREATE EXTENSION btree_gin; CREATE EXTENSION btree_gist");
        let rows = advice(&[text], ", max_indexes => 1");
        assert_eq!(
            keys(&rows),
            ["m.shop USING gin (words, tenant)"],
            "{rows:#?}"
        );
        advised(near, "nearest-neighbour", "m.shop USING gist (tenant, at)");
    }

    #[pg_test]
    fn addresses_of_a_network_are_found_by_an_index() {
        prepare(PLACES);
        let rows = advice(&["SELECT id FROM place WHERE host << '10.0.7.0/24'"], "");
        assert_eq!(rows.len(), 1, "{rows:#?}");
        assert!(
            keys(&rows).iter().all(|keys| keys.contains("(host")),
            "{rows:#?}"
        );
        let rows = advice(&["SELECT id FROM place WHERE host && '10.0.7.0/28'"], "");
        assert_eq!(kinds(&rows), ["network"], "{rows:#?}");
    }

    #[pg_test]
    fn long_values_that_are_compared_for_equality_are_hashed() {
        prepare(
            r#"CREATE TABLE page (id int PRIMARY KEY, url text, script text);
            INSERT INTO page SELECT i, 'https://www.example.org/' || md5(i::text) || '/' || md5((i * 3)::text) || '/' || i,
                   (SELECT string_agg(md5((i * 7 + k)::text), '') FROM generate_series(1, 20) AS k)
              FROM generate_series(1, 20000) AS i"#,
        );
        // Too long for a B-tree.
        advised(
            "SELECT id FROM page WHERE script = 'x'",
            "hash",
            "m.page USING hash (script)",
        );
        // Long enough for the size to matter: where there is room for one of the two only.
        let rows = advice(
            &["SELECT id FROM page WHERE url = 'x'"],
            ", storage_budget => '2 MB'",
        );
        assert_eq!(keys(&rows), ["m.page USING hash (url)"], "{rows:#?}");
        let rows = advice(
            &["SELECT id FROM page WHERE url > 'https://www.example.org/fff' ORDER BY url"],
            "",
        );
        assert_eq!(kinds(&rows), ["single-column"], "{rows:#?}");
    }

    #[pg_test]
    fn block_ranges_are_for_big_tables_whose_rows_come_in_order() {
        prepare(
            r#"CREATE TABLE event (id int, at timestamptz, shuffled int, pad text) WITH (fillfactor = 10);
            INSERT INTO event SELECT i, '2024-01-01'::timestamptz + i * interval '1 min', (i * 7919::bigint) % 120000, repeat('x', 40)
              FROM generate_series(1, 120000) AS i;
            CREATE TABLE small_event (LIKE event); INSERT INTO small_event SELECT * FROM event WHERE id <= 60000"#,
        );
        let day = |table: &str, column: &str| match column {
            "at" => format!("SELECT * FROM {table} WHERE at BETWEEN '2024-01-20' AND '2024-01-24'"),
            other => format!("SELECT * FROM {table} WHERE {other} BETWEEN 1000 AND 7000"),
        };
        let little = ", storage_budget => '200 kB'";
        let rows = advice(&[&day("event", "at")], little);
        assert_eq!(keys(&rows), ["m.event USING brin (at)"], "{rows:#?}");
        assert_eq!(kinds(&rows), ["append-ordered"]);
        for query in [day("event", "shuffled"), day("small_event", "at")] {
            assert_eq!(
                keys(&advice(&[&query], little)),
                Vec::<String>::new(),
                "{query}"
            );
        }
    }

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
