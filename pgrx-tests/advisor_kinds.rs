//! Indexes that are more than columns: on expressions, and of some rows only.

#[allow(clippy::expect_used, clippy::panic)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use pgrx::prelude::*;
    use serde_json::Value;

    use crate::advisor_tests::support::{advice, apply, keys, list, run, text};

    /// Accounts, and a queue of which few rows are still to be done.
    fn prepare() {
        run(r#"
            CREATE SCHEMA kinds; SET LOCAL search_path = kinds; SET LOCAL max_parallel_workers_per_gather = 0;
            CREATE TABLE account (id int PRIMARY KEY, email text, born timestamp, data jsonb, first text, last text);
            INSERT INTO account SELECT i, 'User' || i || '@X.org', '1950-01-01'::timestamp + i * interval '7 hours',
                   jsonb_build_object('ref', 'r' || i), 'f' || i, 'l' || i % 100 FROM generate_series(1, 20000) AS i;
            CREATE TABLE job (id int PRIMARY KEY, owner int, state text, done_at timestamptz, at timestamptz, urgent boolean, note text);
            INSERT INTO job SELECT i, i % 500, CASE WHEN i % 200 = 0 THEN 'open' ELSE 'done' END,
                   CASE WHEN i % 150 = 0 THEN NULL ELSE now() END, '2024-01-01'::timestamptz + i * interval '1 min', i % 300 = 0, repeat('n', 50)
              FROM generate_series(1, 30000) AS i;
            ANALYZE account, job"#);
    }

    fn kinds(rows: &[Value]) -> Vec<&str> {
        rows.iter().map(|row| text(row, "kind")).collect()
    }

    /// Creates what is recommended; nothing more is recommended then.
    fn settle(query: &str, rows: &[Value]) {
        for command in rows.iter().flat_map(|row| list(row, "steps")) {
            apply(command.as_str().expect("text"));
        }
        run("ANALYZE account, job");
        assert_eq!(keys(&advice(&[query], "")), Vec::<String>::new(), "{query}");
    }

    #[pg_test]
    fn an_expression_that_is_compared_gets_an_index() {
        prepare();
        for (query, wanted) in [
            (
                "SELECT * FROM account WHERE lower(email) = 'user7@x.org'",
                "(lower(email))",
            ),
            (
                "SELECT * FROM account WHERE born::date = '1960-02-03'",
                "((born)::date)",
            ),
            (
                "SELECT * FROM account WHERE data ->> 'ref' = 'r77'",
                "((data ->> 'ref'::text))",
            ),
            (
                "SELECT * FROM account WHERE first || last = 'f7l7'",
                "((first || last))",
            ),
            (
                "SELECT * FROM account WHERE upper(last) = 'L5' AND id % 7 = 3 AND date_trunc('month', born) = '1960-02-01'",
                "(date_trunc('month'::text, born))",
            ),
        ] {
            let rows = advice(&[query], "");
            assert!(
                keys(&rows)
                    .iter()
                    .any(|keys| keys.contains(wanted.trim_matches(['(', ')']))),
                "{query}: {:?}",
                keys(&rows)
            );
            assert_eq!(kinds(&rows), ["expression"], "{query}");
        }
        let query = "SELECT * FROM account WHERE lower(email) = 'user7@x.org'";
        let rows = advice(&[query], "");
        assert_eq!(keys(&rows), ["kinds.account ((lower(email)))"]);
        assert!(text(rows.first().expect("a row"), "ddl").contains(" account_lower_email_idx "));
        settle(query, &rows);
    }

    #[pg_test]
    fn an_expression_that_is_sorted_by_or_joined_gets_an_index() {
        prepare();
        let rows = advice(&["SELECT * FROM account ORDER BY lower(email) LIMIT 5"], "");
        assert_eq!(keys(&rows), ["kinds.account ((lower(email)))"]);
        let rows = advice(
            &["SELECT a.* FROM job j JOIN account a ON a.id % 1000 = j.owner WHERE j.id = 5"],
            "",
        );
        assert_eq!(keys(&rows), ["kinds.account (((id % 1000)))"]);
    }

    #[pg_test]
    fn what_is_not_immutable_is_never_indexed() {
        prepare();
        for query in [
            "SELECT * FROM account WHERE to_char(born, 'YYYY-MM') = '1960-02'",
            "SELECT * FROM job WHERE at::date = '2024-01-05'",
            "SELECT * FROM account WHERE born + random() * interval '1 day' = '1960-02-03'",
        ] {
            assert_eq!(keys(&advice(&[query], "")), Vec::<String>::new(), "{query}");
        }
        let rows = advice(
            &["SELECT * FROM job WHERE at > now() - interval '1 day' AND done_at IS NULL"],
            "",
        );
        assert!(!rows.is_empty() && rows.iter().all(|row| !text(row, "ddl").contains("now()")));
    }

    #[pg_test]
    fn rows_of_a_kind_that_few_are_of_get_an_index_of_their_own() {
        prepare();
        for (query, wanted) in [
            (
                "SELECT * FROM job WHERE state = 'open' ORDER BY at LIMIT 20",
                "kinds.job (at) WHERE (state = 'open'::text)",
            ),
            (
                "SELECT * FROM job WHERE done_at IS NULL AND owner = 5",
                "kinds.job (owner) WHERE (done_at IS NULL)",
            ),
            (
                "SELECT * FROM job WHERE urgent ORDER BY at DESC LIMIT 50",
                "kinds.job (at) WHERE urgent",
            ),
        ] {
            let rows = advice(&[query], "");
            assert_eq!(keys(&rows), [wanted], "{query}");
            assert_eq!(kinds(&rows), ["partial"], "{query}");
            settle(query, &rows);
        }
    }

    #[pg_test]
    fn a_single_thing_or_a_parameter_makes_no_predicate() {
        prepare();
        for query in [
            "SELECT * FROM job WHERE owner = 5 ORDER BY at DESC LIMIT 20",
            "SELECT * FROM job WHERE state = $1 ORDER BY at LIMIT 20",
            "SELECT * FROM job WHERE at > '2024-01-20' AND owner = 7",
        ] {
            let rows = advice(&[query], "");
            assert!(!rows.is_empty(), "{query}");
            assert!(
                rows.iter().all(|row| !text(row, "ddl").contains("WHERE")),
                "{query}: {:?}",
                keys(&rows)
            );
        }
    }

    #[pg_test]
    fn a_partial_index_pays_for_writes_of_its_own_rows_only() {
        prepare();
        let rows = advice(
            &[
                "SELECT * FROM job WHERE state = 'open' ORDER BY at LIMIT 20",
                "INSERT INTO job (id, state, at) VALUES ($1, $2, $3)",
            ],
            ", weights => ARRAY[1, 100]",
        );
        assert_eq!(keys(&rows), ["kinds.job (at) WHERE (state = 'open'::text)"]);
    }

    #[pg_test]
    fn functions_are_named_with_their_schema_and_mean_the_same_anywhere() {
        prepare();
        run("CREATE FUNCTION key_of(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT md5($1) || 'k' $$;
             CREATE FUNCTION lower(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN $1 || 'own'; END $$");
        run("SET LOCAL search_path = kinds, pg_catalog");
        let rows = advice(&["SELECT * FROM account WHERE lower(email) = 'x'"], "");
        assert_eq!(keys(&rows), ["kinds.account ((kinds.lower(email)))"]);
    }
}
