//! What advice must not do: run the code of others, tell of rows that nobody may see, or make
//! writing fail.

#[allow(clippy::expect_used, clippy::panic)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use pgrx::prelude::*;
    use serde_json::Value;

    use crate::advisor_tests::support::{advice, json, keys, run, text};

    fn explained(query: &str) -> Vec<Value> {
        let rows = json(&format!(
            "SELECT coalesce(jsonb_agg(to_jsonb(r)), '[]') FROM pgopt.explain_advice($query${query}$query$) AS r"
        ));
        rows.as_array().cloned().unwrap_or_default()
    }

    /// Commands that a person might copy, of every kind of advice.
    fn commands(query: &str) -> String {
        json(&format!(
            "SELECT coalesce(jsonb_agg(jsonb_build_array(ddl, steps, evidence -> 'hint')), '[]')
               FROM pgopt.recommend_for(ARRAY[$query${query}$query$])"
        ))
        .to_string()
    }

    #[pg_test]
    fn an_index_that_runs_code_of_a_third_role_is_not_advised() {
        run("CREATE SCHEMA tr; SET LOCAL search_path = tr; SET LOCAL max_parallel_workers_per_gather = 0;
             CREATE ROLE tr_owner; CREATE ROLE tr_mallory; GRANT USAGE ON SCHEMA tr, pgopt TO tr_owner, tr_mallory;
             CREATE TABLE t (id int, name text, state text);
             INSERT INTO t SELECT i, 'Name' || i, CASE WHEN i % 500 = 0 THEN 'open' ELSE 'done' END FROM generate_series(1, 20000) i;
             ANALYZE t; ALTER TABLE t OWNER TO tr_owner; GRANT SELECT ON t TO tr_mallory;
             CREATE FUNCTION key_of(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN lower($1); END';
             CREATE FUNCTION is_odd(int) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 % 1000 = 1; END';
             CREATE DOMAIN short AS text CHECK (key_of(VALUE) <> 'never');
             ALTER FUNCTION key_of(text) OWNER TO tr_mallory; ALTER FUNCTION is_odd(int) OWNER TO tr_mallory;
             ALTER DOMAIN short OWNER TO tr_mallory");
        let queries = [
            (
                "SELECT * FROM tr.t WHERE tr.key_of(name) = 'name7'",
                "key_of",
            ),
            (
                "SELECT * FROM tr.t WHERE tr.key_of(name) LIKE '%ame7%'",
                "key_of",
            ),
            (
                "SELECT * FROM tr.t WHERE tr.is_odd(id) AND id > 7",
                "is_odd",
            ),
            ("SELECT * FROM tr.t WHERE name::tr.short = 'Name7'", "short"),
        ];
        for (query, word) in queries {
            run("SET LOCAL ROLE tr_mallory");
            let found = commands(query);
            let candidates: Vec<String> = (explained(query).iter())
                .map(|row| text(row, "candidate").to_owned())
                .collect();
            run("RESET ROLE");
            assert!(!found.contains(word), "{query}: {found}");
            let named = |candidate: &String| candidate.contains(word);
            assert!(!candidates.iter().any(named), "{query}: {candidates:?}");
        }
        // The owner's own code runs for whoever writes in any case.
        run("ALTER FUNCTION key_of(text) OWNER TO tr_owner");
        let found = keys(&advice(&[queries[0].0], ""));
        assert_eq!(found, ["tr.t ((tr.key_of(name)))"]);
    }

    /// Two tables that differ in nothing but the first letter of what nobody may see.
    fn secrets() {
        run("CREATE SCHEMA tr; SET LOCAL search_path = tr; SET LOCAL max_parallel_workers_per_gather = 0;
             CREATE ROLE tr_reader; GRANT USAGE ON SCHEMA tr, pgopt TO tr_reader;
             CREATE TABLE a (id int, secret text); CREATE TABLE b (id int, secret text);
             INSERT INTO a SELECT i, 'A' || md5(i::text) FROM generate_series(1, 20000) i;
             INSERT INTO b SELECT i, 'B' || md5(i::text) FROM generate_series(1, 20000) i;
             ANALYZE a, b");
    }

    /// Size of the index on an expression that is long where the secret begins with an A.
    fn size(relation: &str) -> Option<i64> {
        let query = format!(
            "SELECT id FROM tr.{relation} WHERE CASE WHEN secret LIKE 'A%' THEN secret || repeat('x', 150) ELSE secret END = 'q'"
        );
        run("SET LOCAL ROLE tr_reader");
        let rows = explained(&query);
        run("RESET ROLE");
        (rows.iter())
            .filter(|row| text(row, "candidate").contains("CASE"))
            .filter_map(|row| row.get("size_bytes").and_then(Value::as_i64))
            .max()
    }

    #[pg_test]
    fn rows_behind_policies_do_not_show_in_the_size_of_an_index() {
        secrets();
        run("GRANT SELECT ON a, b TO tr_reader");
        let (long, short) = (size("a"), size("b"));
        assert!(long > short.map(|size| 2 * size), "{long:?} {short:?}");
        run(
            "ALTER TABLE a ENABLE ROW LEVEL SECURITY; ALTER TABLE b ENABLE ROW LEVEL SECURITY;
             CREATE POLICY few ON a USING (id < 10); CREATE POLICY few ON b USING (id < 10)",
        );
        assert_eq!(size("a"), size("b"));
    }

    #[pg_test]
    fn rows_behind_a_view_do_not_show_in_the_size_of_an_index() {
        secrets();
        run("CREATE VIEW va AS SELECT * FROM a WHERE id < 10;
             CREATE VIEW vb AS SELECT * FROM b WHERE id < 10;
             GRANT SELECT ON va, vb TO tr_reader");
        assert_eq!(size("va"), size("vb"));
    }

    #[pg_test]
    fn a_btree_with_values_out_of_line_is_not_advised() {
        run("CREATE SCHEMA tr; SET LOCAL search_path = tr; SET LOCAL max_parallel_workers_per_gather = 0;
             CREATE TABLE page (id int, title text, body text);
             INSERT INTO page SELECT i, 'Title' || i, (SELECT string_agg(md5((i * j)::text), '') FROM generate_series(1, 120) j)
               FROM generate_series(1, 3000) i;
             ANALYZE page");
        for condition in ["lower(body) = 'x'", "body = 'x'", "body > 'x' AND id = 7"] {
            let query = format!("SELECT id FROM tr.page WHERE {condition}");
            let found = keys(&advice(&[query.as_str()], ""));
            assert!(!found.iter().any(|keys| keys.contains("body")), "{found:?}");
            let rows = explained(&query);
            let refused =
                |row: &Value| text(row, "reason").contains("may be too long for a B-tree");
            assert!(rows.iter().any(refused), "{rows:?}");
        }
        let query = "SELECT id FROM tr.page WHERE lower(title) = 'title7'";
        assert_eq!(keys(&advice(&[query], "")), ["tr.page ((lower(title)))"]);
    }

    #[pg_test]
    fn an_index_on_what_fails_on_some_rows_is_not_advised() {
        run("CREATE SCHEMA tr; SET LOCAL search_path = tr; SET LOCAL max_parallel_workers_per_gather = 0;
             CREATE TABLE doc (id int, kind text, payload text);
             INSERT INTO doc SELECT i, CASE WHEN i % 50 = 0 THEN 'word' ELSE 'number' END,
                    CASE WHEN i % 50 = 0 THEN 'topsecret' ELSE i::text END FROM generate_series(1, 20000) i;
             ANALYZE doc");
        let query = "SELECT * FROM tr.doc WHERE kind = 'number' AND payload::int = 77";
        let found = keys(&advice(&[query], ""));
        assert!(
            !found.iter().any(|keys| keys.contains("integer")),
            "{found:?}"
        );
        let rows = explained(query);
        let refused: Vec<&str> = (rows.iter())
            .filter(|row| text(row, "candidate").contains("(payload)::integer"))
            .map(|row| text(row, "reason"))
            .collect();
        assert!(!refused.is_empty(), "{rows:?}");
        for reason in refused {
            assert!(
                reason.contains("22P02") && !reason.contains("topsecret"),
                "{reason}"
            );
        }
        run("DELETE FROM doc WHERE kind = 'word'; ANALYZE doc");
        let found = keys(&advice(
            &["SELECT * FROM tr.doc WHERE payload::int = 77"],
            "",
        ));
        assert_eq!(found, ["tr.doc (((payload)::integer))"]);
    }
}
