//! Hypothetical indexes of every built-in access method: the plans are those of the index once
//! made, and so, nearly, is the size.

#[allow(clippy::expect_used, clippy::panic)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use crate::test_support::*;
    use pgrx::prelude::*;

    /// A table with a column for every kind of operator class; its rows are in the order of `id`
    /// and `ts`.
    const THINGS: &str = "
        CREATE EXTENSION IF NOT EXISTS pg_trgm;
        CREATE SCHEMA wm; SET LOCAL search_path = wm, public;
        SET LOCAL max_parallel_workers_per_gather = 0;
        SET LOCAL max_parallel_maintenance_workers = 0;
        SELECT setseed(0.5);
        CREATE TABLE things (gone int, id int, grp int, m text, url text, p point, r int4range,
            ip inet, tags int[], j jsonb, tsv tsvector, body text, b box, ts timestamptz);
        ALTER TABLE things DROP COLUMN gone;
        INSERT INTO things SELECT i, i % 500, md5(i::text) || md5((i + 1)::text),
            'https://www.example.com/path/' || i % 100 || '/' || i,
            point(random() * 1000, random() * 1000),
            int4range(i * 7 % 100000, i * 7 % 100000 + (random() * 100)::int + 1),
            ('10.' || i / 65536 || '.' || i / 256 % 256 || '.' || i % 256)::inet,
            (SELECT array_agg((power(random(), 3) * 3000)::int) FROM generate_series(1, 5) AS g WHERE g + i > 0),
            jsonb_build_object('user', i % 2000, 'name', 'n' || i % 9000, 'status', (ARRAY['a', 'b', 'c'])[1 + i % 3]),
            to_tsvector('simple', words), words, box(point(i % 1000, i % 777), point(i % 1000 + 1, i % 777 + 1)),
            '2024-01-01'::timestamptz + i * interval '1 s'
        FROM generate_series(1, 20000) AS i, LATERAL (SELECT string_agg('w' || (power(random(), 2) * 5000)::int, ' ')
            FROM generate_series(1, 15) AS g WHERE g + i > 0) AS w (words);
        ANALYZE things;
        CREATE VIEW some_things AS SELECT id, tags, j FROM things WHERE grp < 400;
        CREATE TABLE split (gone int, k int, tags int[], txt text) PARTITION BY RANGE (k);
        ALTER TABLE split DROP COLUMN gone;
        CREATE TABLE split_1 (txt text, k int, tags int[]);
        ALTER TABLE split ATTACH PARTITION split_1 FOR VALUES FROM (0) TO (5000);
        CREATE TABLE split_2 PARTITION OF split FOR VALUES FROM (5000) TO (10000);
        INSERT INTO split SELECT i, ARRAY[i % 1000, i % 77], 'T' || i FROM generate_series(0, 9999) AS i;
        ANALYZE split";

    /// Index, query, what the plan shows (or, after a `!`, does not show), and how far the cost
    /// may be off, in percent.
    #[rustfmt::skip] // a table, one case per line
    const PLANS: &[(&str, &str, &str, f64)] = &[
        ("ON things USING hash (m)", "SELECT * FROM things WHERE m = md5('7')", "hypothetical", 5.0),
        ("ON things USING hash (m)", "SELECT * FROM things WHERE m > md5('7') LIMIT 5", "!hypothetical", 5.0),
        ("ON things USING gin (tags)", "SELECT * FROM things WHERE tags && '{2900,2901}'", "Index Cond: (tags && ", 30.0),
        ("ON things USING gin (tags)", "SELECT * FROM things WHERE tags @> '{2900}'", "Index Cond: (tags @> ", 30.0),
        ("ON things USING gin (j)", "SELECT * FROM things WHERE j @> '{\"user\": 5}'", "Index Cond: (j @> ", 30.0),
        ("ON things USING gin (j)", "SELECT * FROM things WHERE j ? 'missing'", "Index Cond: (j ? ", 30.0),
        ("ON things USING gin (j jsonb_path_ops)", "SELECT * FROM things WHERE j @> '{\"user\": 5}'", "Index Cond: (j @> ", 30.0),
        ("ON things USING gin (j jsonb_path_ops)", "SELECT * FROM things WHERE j ? 'missing'", "!hypothetical", 5.0),
        ("ON things USING gin (tsv)", "SELECT * FROM things WHERE tsv @@ 'w4990'::tsquery", "Index Cond: (tsv @@ ", 30.0),
        ("ON things USING gin (to_tsvector('simple', body))", "SELECT * FROM things WHERE to_tsvector('simple', body) @@ 'w4990'::tsquery", "Index Cond: (to_tsvector(", 30.0),
        ("ON split USING hash (lower(txt))", "SELECT * FROM split WHERE lower(txt) = 't5'", "split_2", 30.0),
        ("ON things USING gin (m gin_trgm_ops)", "SELECT * FROM things WHERE m LIKE '%abcdef%'", "Index Cond: (m ~~ ", 30.0),
        ("ON things USING gin (m gin_trgm_ops)", "SELECT * FROM things WHERE m ILIKE '%ABCDEF%'", "Index Cond: (m ~~* ", 30.0),
        ("ON things USING gist (m gist_trgm_ops)", "SELECT * FROM things WHERE m LIKE '%abcdef%'", "hypothetical", 30.0),
        ("ON things USING gist (m gist_trgm_ops (siglen = 64))", "SELECT * FROM things ORDER BY m <-> 'abcdef' LIMIT 5", "Order By: (m <-> ", 30.0),
        ("ON things USING gist (tsv)", "SELECT * FROM things WHERE tsv @@ 'w4990'::tsquery", "Index Cond: (tsv @@ ", 30.0),
        ("ON things USING gist (r)", "SELECT * FROM things WHERE r && '[100,110)'", "Index Cond: (r && ", 30.0),
        ("ON things USING gist (p)", "SELECT * FROM things WHERE p <@ box '((1,1),(9,9))'", "Index Cond: (p <@ ", 30.0),
        ("ON things USING gist (p)", "SELECT p FROM things ORDER BY p <-> '(5,5)' LIMIT 5", "Index Only Scan", 30.0),
        ("ON things USING gist (p) INCLUDE (id)", "SELECT id FROM things WHERE p <@ box '((1,1),(9,9))'", "Index Only Scan", 30.0),
        ("ON things USING gist (b)", "SELECT * FROM things WHERE b && box '((1,1),(2,2))'", "Index Cond: (b && ", 30.0),
        ("ON things USING gist (ip inet_ops)", "SELECT ip FROM things WHERE ip << '10.0.3.0/24'", "Index Only Scan", 30.0),
        ("ON things USING spgist (p)", "SELECT * FROM things ORDER BY p <-> '(5,5)' LIMIT 5", "Order By: (p <-> ", 30.0),
        ("ON things USING spgist (p kd_point_ops)", "SELECT p FROM things WHERE p <@ box '((1,1),(9,9))'", "Index Only Scan", 30.0),
        ("ON things USING spgist (url)", "SELECT * FROM things WHERE url ^@ 'https://www.example.com/path/77/1234'", "Index Cond: (url ^@ ", 30.0),
        ("ON things USING spgist (ip)", "SELECT * FROM things WHERE ip << '10.0.3.0/24'", "hypothetical", 30.0),
        ("ON things USING spgist (r)", "SELECT r FROM things WHERE r && '[100,110)'", "Index Only Scan", 30.0),
        ("ON things USING brin (ts)", "SELECT count(*) FROM things WHERE ts < '2024-01-01 00:10'", "Bitmap Index Scan", 10.0),
        ("ON things USING brin (ts) WITH (pages_per_range = 4)", "SELECT count(*) FROM things WHERE ts < '2024-01-01 00:10'", "Bitmap Index Scan", 10.0),
        ("ON things USING brin (m)", "SELECT * FROM things WHERE m = md5('7') ORDER BY id", "!hypothetical", 5.0),
        ("ON things USING brin (id int4_minmax_multi_ops)", "SELECT * FROM things WHERE id = 77", "Bitmap Index Scan", 10.0),
        ("ON things (url text_pattern_ops)", "SELECT * FROM things WHERE url LIKE 'https://www.example.com/path/77/1%'", "~>=~", 10.0),
        ("ON things USING gin (tags) WHERE grp = 7", "SELECT * FROM things WHERE grp = 7 AND tags && '{5}'", "hypothetical", 60.0),
        ("ON things USING gin (tags)", "SELECT * FROM some_things WHERE tags && '{2900}'", "hypothetical", 30.0),
        ("ON split USING gin (tags)", "SELECT * FROM split WHERE tags && '{5}'", "split_1", 60.0),
        ("ON split USING brin (k)", "SELECT * FROM split WHERE k = 10", "!hypothetical", 5.0),
    ];

    const ALL_VISIBLE: &str = "UPDATE pg_class SET relallvisible = relpages
        WHERE relnamespace = 'wm'::regnamespace AND relkind IN ('r', 'm')";

    #[pg_test]
    fn what_if_plans_of_other_access_methods_are_those_of_the_index_once_made() {
        run(THINGS);
        let mut differences = Vec::new();
        for (index, query, shows, most) in PLANS {
            let ddl = format!("CREATE INDEX h {index}");
            run(ALL_VISIBLE);
            let imagined = explain_with(query, &[&ddl], &[]);
            let verbose = format!("EXPLAIN (VERBOSE, COSTS off) {query}");
            add(&ddl.replace('\'', "''"));
            lines(&verbose);
            run("SELECT pgopt.hypothetical_reset()");
            run(&ddl);
            // What the real one tells ANALYZE of its expressions.
            let table = if index.contains("split") {
                "split"
            } else {
                "things"
            };
            if index.contains("lower(") || index.contains("to_tsvector(") {
                run(&format!("ANALYZE {table}"));
            }
            run(ALL_VISIBLE);
            let real = explain(query);
            run("DROP INDEX h");
            let shown = match shows.strip_prefix('!') {
                Some(absent) => !imagined.contains(absent),
                None => imagined.contains(shows),
            };
            let error = 100.0 * (shown_cost(&imagined) / shown_cost(&real) - 1.0);
            if !shown || error.abs() > *most || shape(&imagined) != shape(&real) {
                differences.push(format!(
                    "{ddl}\n{query}\nshows: {shows}, off by {error:.1} %\n{imagined}\nreal:\n{real}"
                ));
            }
        }
        assert!(differences.is_empty(), "{}", differences.join("\n\n"));
    }

    /// Indexes, and how far the size may be off, in percent.
    #[rustfmt::skip] // a table, one case per line
    const SIZES: &[(&str, f64)] = &[
        ("things USING hash (id)", 10.0),
        ("things USING hash (grp)", 15.0),
        ("things USING hash (m)", 10.0),
        ("things USING hash (id) WHERE grp < 50", 10.0),
        ("things USING gist (p)", 25.0),
        ("things USING gist (r)", 35.0),
        ("things USING gist (ip inet_ops)", 45.0),
        ("things USING gist (b)", 35.0),
        ("things USING gist (tsv)", 40.0),
        ("things USING gist (m gist_trgm_ops)", 35.0),
        ("things USING spgist (p)", 25.0),
        ("things USING spgist (url)", 70.0),
        ("things USING spgist (m)", 40.0),
        ("things USING spgist (ip)", 30.0),
        ("things USING spgist (r)", 40.0),
        ("things USING brin (ts)", 1.0),
        ("things USING brin (ts, id, m) WITH (pages_per_range = 1)", 10.0),
        ("things USING brin (id int4_minmax_multi_ops) WITH (pages_per_range = 2)", 35.0),
        ("things USING brin (m text_bloom_ops) WITH (pages_per_range = 2)", 15.0),
        ("things USING brin (r) WITH (pages_per_range = 1)", 20.0),
        ("things USING gin (tags)", 25.0),
        ("things USING gin (j)", 25.0),
        ("things USING gin (j jsonb_path_ops)", 25.0),
        ("things USING gin (tsv)", 25.0),
        ("things USING gin (m gin_trgm_ops)", 25.0),
        ("things USING gin (url gin_trgm_ops)", 25.0),
        ("things USING gin (to_tsvector('simple', body))", 25.0),
        ("things USING gin (tags, tsv)", 25.0),
        ("things USING gin (tags) WHERE grp < 50", 35.0),
        ("split USING gin (tags)", 35.0),
    ];

    #[pg_test]
    fn what_if_sizes_of_other_access_methods_are_near_those_of_the_index_once_made() {
        run(THINGS);
        let mut wrong = Vec::new();
        for (index, most) in SIZES {
            let ddl = format!("CREATE INDEX h ON {index}");
            add(&ddl.replace('\'', "''"));
            let said = "SELECT size_bytes::text FROM pgopt.hypothetical_indexes";
            let predicted: f64 = value(said).parse().expect(index);
            run("SELECT pgopt.hypothetical_reset()");
            run(&ddl);
            let size =
                "SELECT coalesce((SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree('h')),
                pg_relation_size('h'))::text";
            let real: f64 = value(size).parse().expect(index);
            run("DROP INDEX h");
            let error = 100.0 * (predicted / real - 1.0);
            // Small indexes are off by a page or two.
            if error.abs() > *most && (predicted - real).abs() > 3.0 * 8192.0 {
                let pages = (predicted / 8192.0, real / 8192.0);
                wrong.push(format!(
                    "{index}: {error:.1} % ({} for {})",
                    pages.0, pages.1
                ));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[pg_test]
    fn what_if_twin_of_another_access_method_never_wins_over_the_real_index() {
        run(THINGS);
        for (index, query) in [
            (
                "things USING gin (tags)",
                "SELECT * FROM things WHERE tags && '{2900}'",
            ),
            (
                "things USING gist (m gist_trgm_ops (siglen = 64))",
                "SELECT * FROM things WHERE m LIKE '%abcdef%'",
            ),
            (
                "things USING brin (ts) WITH (pages_per_range = 4)",
                "SELECT * FROM things WHERE ts < '2024-01-01 00:10'",
            ),
            (
                "things USING hash (m)",
                "SELECT * FROM things WHERE m = md5('7')",
            ),
        ] {
            run(&format!("CREATE INDEX genuine ON {index}"));
            let plan = explain_with(query, &[&format!("CREATE INDEX twin ON {index}")], &[]);
            lacks(&plan, HYPOTHETICAL);
            shows(&plan, "Index Scan");
            run("DROP INDEX genuine");
        }
    }
}
