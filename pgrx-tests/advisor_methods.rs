//! Indexes of every access method, each proved by the planner.

#[allow(clippy::expect_used, clippy::panic)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use pgrx::prelude::*;

    use crate::advisor_methods_support::*;
    use crate::advisor_tests::support::{advice, keys, run};

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
}
