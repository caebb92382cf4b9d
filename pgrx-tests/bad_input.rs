//! What the functions say to input that cannot be used, and that a refusal leaves nothing behind.

#[allow(clippy::expect_used)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use pgrx::prelude::*;

    const OBJECTS: &str = "
        CREATE SCHEMA bi; SET LOCAL search_path = bi, public;
        CREATE TABLE t (id int PRIMARY KEY, k int, txt text);
        CREATE ACCESS METHOD spare TYPE INDEX HANDLER bthandler;
        CREATE OPERATOR CLASS spare_ops DEFAULT FOR TYPE int USING spare AS OPERATOR 1 <, OPERATOR 2 <=,
            OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int, int);
        INSERT INTO t SELECT i, i % 1000, 'x' || i FROM generate_series(1, 5000) AS i;
        CREATE VIEW v AS SELECT k FROM t;
        CREATE FOREIGN DATA WRAPPER bi_fdw; CREATE SERVER bi_server FOREIGN DATA WRAPPER bi_fdw;
        CREATE FOREIGN TABLE ft (k int) SERVER bi_server;
        CREATE FUNCTION raising(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
            $$ BEGIN RAISE EXCEPTION 'no luck' USING DETAIL = 'Seven.', HINT = 'Try eight.'; END $$;
        ANALYZE t;
        CREATE FUNCTION outcome(command text) RETURNS text LANGUAGE plpgsql AS $$
        DECLARE code text; message text; detail text; hint text; BEGIN
            EXECUTE command; RETURN 'accepted|||';
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
                detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
            -- Where RUST_BACKTRACE is set, a backtrace follows the DETAIL.
            RETURN concat_ws('|', code, message, regexp_replace(detail, '\\s+0: .*', ''), hint);
        END $$";

    fn value(sql: &str) -> String {
        (Spi::get_one::<String>(sql).expect(sql)).unwrap_or_default()
    }

    fn run(sql: &str) {
        Spi::run(sql).expect(sql);
    }

    /// What a session must look like after a refusal: no index in sight, and all else works.
    fn state() -> String {
        value(
            "SELECT concat_ws(' ', (SELECT string_agg(l, ' ') FROM pgopt.explain_with('SELECT * FROM t WHERE k = 5') l),
                (SELECT count(*) FROM pgopt.hypothetical_indexes), (SELECT count(*) FROM t WHERE k = 5),
                (SELECT count(*) FROM pg_class WHERE relnamespace = 'bi'::regnamespace),
                current_user, current_setting('search_path'), current_setting('lock_timeout'))",
        )
    }

    /// Calls each function of `cases` (what follows `SELECT * FROM pgopt.`), and compares the
    /// SQLSTATE; the rest of a case, between `|`, must appear in message, DETAIL or HINT.
    fn check(cases: &str) {
        let before = state();
        let mut wrong = Vec::new();
        for case in cases.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (call, expected) = case.split_once(" ==> ").expect(case);
            let call =
                format!("SELECT * FROM pgopt.{call}").replace("$t", "SELECT * FROM t WHERE k = 5");
            let literal = format!("$outcome${call}$outcome$");
            let outcome = value(&format!("SELECT outcome({literal})"));
            let mut parts = outcome.split('|');
            let (_, message) = (parts.next(), parts.next().unwrap_or_default());
            let helps = parts.any(|part| !part.is_empty());
            let lower =
                message.starts_with(|first: char| first.is_lowercase() || "$\"".contains(first));
            let fits = expected
                .split('|')
                .enumerate()
                .all(|(place, part)| match place {
                    0 => outcome.starts_with(part),
                    _ => outcome.contains(part),
                });
            let worded = expected.starts_with("accepted") || (lower && helps);
            if !fits || !worded || state() != before {
                wrong.push(format!(
                    "{call}\n  expected {expected}\n  got      {}\n  state {}",
                    outcome.replace('\n', "\\n"),
                    state() == before
                ));
            }
        }
        assert!(
            wrong.is_empty(),
            "{} wrong:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    }

    /// Texts that are no statement to plan; `%f` is each function that takes queries.
    const QUERIES: &str = "
        %f(NULL) ==> 22023|argument \"queries\" is empty|Pass at least one query
        %f('{}') ==> 22023|argument \"queries\" is empty|Pass at least one query
        %f(ARRAY['$t', NULL]) ==> 22004|argument \"queries\" must not contain null elements|2
        %f(ARRAY['$t', 'SELEC 1']) ==> 42601|syntax error at or near \"SELEC\"|Element 2 of \"queries\" is: SELEC 1
        %f(ARRAY['$t', 'SELECT * FROM nowhere']) ==> 42P01|relation \"nowhere\" does not exist|Element 2 of
        %f(ARRAY['SELECT nothing FROM t']) ==> 42703|column \"nothing\" does not exist|Element 1 of
        %f(ARRAY['SELECT * FROM t WHERE txt > k']) ==> 42883|operator does not exist|Element 1 of|explicit type casts
        %f(ARRAY['$t; SELECT 2', '$t']) ==> 42601|more than one statement|Element 1 of|It holds 2 statements.
        %f(ARRAY['$t', '$t', '']) ==> 22023|query text holds no statement|Element 3 of
        %f(ARRAY['  ;;']) ==> 22023|query text holds no statement|Element 1 of
        %f(ARRAY['-- only a comment']) ==> 22023|query text holds no statement|-- only a comment
        %f(ARRAY['CREATE TABLE made (a int)']) ==> 0A000|statement cannot be planned|CREATE TABLE made|utility
        %f(ARRAY['VACUUM t']) ==> 0A000|statement cannot be planned|Element 1 of
        %f(ARRAY['COPY t TO STDOUT']) ==> 0A000|statement cannot be planned|Element 1 of
        %f(ARRAY['COPY (SELECT 1) TO STDOUT']) ==> 0A000|statement cannot be planned|Element 1 of
        %f(ARRAY['EXPLAIN SELECT 1']) ==> 0A000|statement cannot be planned|Element 1 of
        %f(ARRAY['EXPLAIN ANALYZE DELETE FROM t']) ==> 0A000|statement cannot be planned|Element 1 of
        %f(ARRAY['BEGIN']) ==> 0A000|statement cannot be planned|Element 1 of
        %f(ARRAY['ROLLBACK']) ==> 0A000|statement cannot be planned|Element 1 of
        %f(ARRAY['SET work_mem = 64']) ==> 0A000|statement cannot be planned|Element 1 of
        %f(ARRAY['DECLARE c CURSOR FOR SELECT 1']) ==> 0A000|statement cannot be planned|Element 1 of
        %f(ARRAY['CREATE TABLE made AS SELECT 1']) ==> 0A000|statement cannot be planned|Element 1 of
        %f(ARRAY['SELECT 1 AS a INTO made']) ==> 0A000|statement cannot be planned|Element 1 of
        %f(ARRAY['REFRESH MATERIALIZED VIEW v']) ==> 0A000|statement cannot be planned|Element 1 of
        %f(ARRAY['EXECUTE unknown']) ==> 0A000|statement cannot be planned|Element 1 of
        %f(ARRAY['CALL raising(1)']) ==> 42809|Element 1 of
        %f(ARRAY['$t', 'SELECT * FROM t WHERE k = 1 / 0']) ==> 22012|division by zero|Element 2 of
        %f(ARRAY['SELECT raising(1) FROM t']) ==> P0001|no luck|Element 1 of|Seven.|Try eight.
        %f(ARRAY['SELECT * FROM ft']) ==> 55000|bi_fdw|Element 1 of
        %f(ARRAY['SELECT $1']) ==> accepted
        %f(ARRAY['SELECT $2 + 1']) ==> accepted
        %f(ARRAY['SELECT * FROM t WHERE now() > now() - $1']) ==> 42883|operator does not exist|Element 1 of|type casts
        %f(ARRAY['SELECT $0']) ==> 42P02|there is no parameter $0|Element 1 of
        %f(ARRAY['SELECT ''x'' || $$a']) ==> 42601|unterminated|Element 1 of
        %f(ARRAY['SELECT * FROM t FOR UPDATE']) ==> accepted
        %f(ARRAY['VALUES (1)', 'TABLE t', 'SELECT', 'SELECT 1 -- ;', '/* a */ $t ; ']) ==> accepted
        %f(ARRAY[['$t', '$t'], ['$t', 'SELEC']]) ==> 42601|Element 4 of
    ";

    #[pg_test]
    fn objects_of_an_older_version_raise_an_error_and_crash_nothing() {
        run(OBJECTS);
        for name in ["recommend_for", "index_recommendations"] {
            run(&format!(
                "CREATE FUNCTION pgopt.old_{name}() RETURNS TABLE (rank int, action text)
                 LANGUAGE c AS '$libdir/pgopt', '{name}_wrapper'"
            ));
        }
        check(
            "old_recommend_for() ==> 55000|\"recommend_for\" was made by an older version|ALTER EXTENSION
             old_index_recommendations() ==> 55000|was made by an older version|CREATE EXTENSION",
        );
    }

    #[pg_test]
    fn texts_that_cannot_be_planned_are_refused_by_number() {
        run(OBJECTS);
        for function in ["workload_cost", "recommend_for"] {
            check(&QUERIES.replace("%f", function));
        }
    }

    #[pg_test]
    fn explain_with_refuses_what_it_cannot_explain() {
        run(OBJECTS);
        check(
            "explain_with(NULL) ==> 22004|argument \"query\" must not be null
             explain_with('$t', format => NULL) ==> 22004|argument \"format\" must not be null
             explain_with('$t', format => 'xyz') ==> 22023|\"format\": \"xyz\"|Use \"text\", \"json\"
             explain_with('$t', format => '') ==> 22023|\"format\": \"\"
             explain_with('SELEC 1') ==> 42601|syntax error at or near \"SELEC\"|SELEC 1
             explain_with('SELECT * FROM nowhere') ==> 42P01|\"nowhere\"|SELECT * FROM
             explain_with('SELECT 1; SELECT 2') ==> 42601|more than one statement|It holds 2
             explain_with('') ==> 22023|query text holds no statement|Pass the text
             explain_with('-- only a comment') ==> 22023|query text holds no statement|Pass the text
             explain_with('CREATE TABLE made (a int)') ==> 0A000|statement cannot be planned|Only SELECT
             explain_with('EXPLAIN SELECT 1') ==> 0A000|statement cannot be planned|Only SELECT
             explain_with('SELECT * FROM t WHERE k = 1 / 0') ==> 22012|division by zero|1 / 0
             explain_with('SELECT raising(1)', '{}', NULL) ==> P0001|no luck|Seven.|Try eight.
             explain_with('$t', ARRAY['CREATE INDEX h ON t (k)', NULL]) ==> 22004|\"create_indexes\"
             explain_with('$t', NULL, NULL, 'JSON') ==> accepted",
        );
    }

    /// Arguments that are no index; `%f` is a function with its first argument, as both have.
    const INDEXES: &str = "
        %f, ARRAY['CREATE INDEX h ON t (k)', 'CREATE TABLE made (a int)']) ==> 0A000|only CREATE INDEX commands|Element 2 of \"create_indexes\"
        %f, ARRAY['SELECT 1']) ==> 0A000|only CREATE INDEX commands|Element 1 of
        %f, ARRAY['DROP INDEX t_pkey']) ==> 0A000|only CREATE INDEX commands|Element 1 of
        %f, ARRAY['']) ==> 42601|hypothetical index is empty|Element 1 of
        %f, ARRAY['CREATE INDEX ON t (k); DROP TABLE t']) ==> 42601|more than one command|Element 1 of
        %f, ARRAY['CREATE INDEX ON t k']) ==> 42601|syntax error|Element 1 of
        %f, ARRAY['CREATE INDEX ON nowhere (k)']) ==> 42P01|\"nowhere\" does not exist|Element 1 of
        %f, ARRAY['CREATE INDEX ON t (nothing)']) ==> 42703|\"nothing\" does not exist|Element 1 of
        %f, ARRAY['CREATE INDEX ON pg_class (relname)']) ==> 42501|system catalog|Element 1 of
        %f, ARRAY['CREATE INDEX ON ft (k)']) ==> 42809|\"ft\"|Element 1 of|foreign tables
        %f, ARRAY['CREATE INDEX ON v (k)']) ==> 42809|\"v\"|Element 1 of|views
        %f, ARRAY['CREATE INDEX t_pkey ON t (k)']) ==> 42P07|\"t_pkey\" already exists|Element 1 of
        %f, ARRAY['CREATE INDEX ON t USING spare (k)']) ==> 0A000|access method \"spare\"|Element 1 of|btree
        %f, ARRAY['CREATE INDEX ON t USING nothing (k)']) ==> 42704|\"nothing\" does not exist|Element 1 of
        %f, ARRAY['CREATE INDEX ON t (k) WHERE k = 1 / 0']) ==> 22012|division by zero|Element 1 of
        %f, ARRAY['CREATE INDEX ON t (raising(1))']) ==> P0001|no luck|Element 1 of|Seven.|Try eight.
        %f, ARRAY['CREATE INDEX ON t (k) WHERE k = $1']) ==> 42P02|there is no parameter $1|Element 1 of
        %f, ARRAY['CREATE INDEX h ON t (k)', NULL]) ==> 22004|\"create_indexes\" must not contain null elements
        %f, '{}', ARRAY['t'::regclass]) ==> 42809|\"t\" is not an index
        %f, '{}', ARRAY['v'::regclass]) ==> 42809|\"v\" is not an index
        %f, '{}', ARRAY['t_pkey', NULL]::regclass[]) ==> 22004|\"hide_indexes\" must not contain null elements
        %f, '{}', ARRAY[4000000000]::regclass[]) ==> 42809|\"4000000000\" is not an index
        %f, '{}', ARRAY[0]::regclass[]) ==> 42809|\"0\" is not an index
        %f, NULL, NULL) ==> accepted
        %f, ARRAY['CREATE INDEX IF NOT EXISTS t_pkey ON t (k)']) ==> accepted
        %f, ARRAY['CREATE INDEX h ON t (k)', 'CREATE INDEX h ON t (k)'], ARRAY['t_pkey', 't_pkey']::regclass[]) ==> accepted
    ";

    #[pg_test]
    fn arguments_that_are_no_index_are_refused() {
        run(OBJECTS);
        for call in ["workload_cost(ARRAY['$t']", "explain_with('$t'"] {
            check(&INDEXES.replace("%f", call));
        }
        check(
            "hypothetical_create(NULL) ==> 22004|argument \"ddl\" must not be null
             hypothetical_create('') ==> 42601|hypothetical index is empty
             hypothetical_create('SELECT 1') ==> 0A000|only CREATE INDEX commands|SELECT 1
             hypothetical_create('CREATE INDEX ON nowhere (k)') ==> 42P01|\"nowhere\" does not exist|CREATE INDEX ON nowhere
             hypothetical_create('CREATE INDEX ON t (') ==> 42601|syntax error|CREATE INDEX ON t
             hypothetical_create('CREATE INDEX ON t USING spare (k)') ==> 0A000|\"spare\"
             hypothetical_hide(NULL) ==> 22004|argument \"index\" must not be null
             hypothetical_hide('t') ==> 42809|\"t\" is not an index
             hypothetical_hide(4000000000) ==> 42809|\"4000000000\" is not an index
             hypothetical_drop(NULL) ==> 22004|argument \"id\" must not be null",
        );
    }

    #[pg_test]
    fn advice_refuses_weights_and_limits_out_of_range() {
        run(OBJECTS);
        check(
            "recommend_for(ARRAY['$t'], ARRAY[1, 2]) ==> 22023|same number of elements|There are 1 queries and 2 weights.
             recommend_for(ARRAY['$t'], '{}') ==> 22023|same number of elements|1 queries and 0 weights.
             recommend_for(ARRAY['$t', '$t'], ARRAY[1, -2]) ==> 22023|weight must not be negative|-2|element 2 of \"weights\"
             recommend_for(ARRAY['$t'], ARRAY['NaN'::float8]) ==> 22023|weight must not be|NaN|element 1 of
             recommend_for(ARRAY['$t'], ARRAY['infinity'::float8]) ==> 22023|weight must not be|inf|element 1 of
             recommend_for(ARRAY['$t'], ARRAY[NULL::float8]) ==> 22004|\"weights\" must not contain null elements
             recommend_for(ARRAY['$t'], ARRAY[0.0]) ==> accepted",
        );
        let limits = "
             %f storage_budget => 'abc') ==> 22023|\"storage_budget\": \"abc\"|Valid units are
             %f storage_budget => '-1 MB') ==> 22023|\"storage_budget\": \"-1 MB\"|not negative
             %f storage_budget => '') ==> 22023|\"storage_budget\": \"\"|Valid units are
             %f storage_budget => '1 MB MB') ==> 22023|\"storage_budget\"
             %f max_indexes => -1) ==> 22023|max_indexes must not be negative: -1|NULL
             %f min_benefit => 2) ==> 22023|min_benefit must be between 0 and 1: 2|share
             %f min_benefit => -0.1) ==> 22023|min_benefit must be between 0 and 1: -0.1
             %f min_benefit => 'NaN') ==> 22023|min_benefit must be between 0 and 1: NaN
             %f min_benefit => NULL) ==> 22004|\"min_benefit\" must not be null
             %f time_limit => '0') ==> 22023|time_limit must be greater than zero|'30 s'
             %f time_limit => '-1 s') ==> 22023|time_limit must be greater than zero|'30 s'
             %f time_limit => NULL) ==> 22004|\"time_limit\" must not be null";
        check(&limits.replace("%f", "recommend_for(ARRAY['$t'],"));
        check(&limits.replace("%f", "index_recommendations("));
        check(
            "index_recommendations(schemas => ARRAY[NULL]) ==> 22004|\"schemas\" must not contain null elements
             recommend_for(ARRAY['$t'], storage_budget => '0', max_indexes => 0, min_benefit => 1) ==> accepted
             recommend_for(ARRAY['$t'], time_limit => '178000000 years') ==> accepted
             recommend_for(ARRAY['$t'], time_limit => '1 microsecond') ==> accepted",
        );
    }

    #[pg_test]
    fn a_query_that_cannot_be_explained_is_shown() {
        run(OBJECTS);
        check(
            "explain_advice(NULL) ==> 22004|argument \"query\" must not be null
             explain_advice('$t', NULL) ==> 22004|\"time_limit\" must not be null
             explain_advice('$t', '-1 s') ==> 22023|time_limit must be greater than zero
             explain_advice('') ==> 22023|query text holds no statement|Pass the text
             explain_advice('-- only a comment') ==> 22023|query text holds no statement
             explain_advice('SELEC 1') ==> 42601|syntax error at or near \"SELEC\"|SELEC 1
             explain_advice('$t; $t') ==> 42601|more than one statement|It holds 2
             explain_advice('SELECT * FROM nowhere') ==> 42P01|\"nowhere\"|SELECT * FROM
             explain_advice('SELECT nothing FROM t') ==> 42703|\"nothing\"
             explain_advice('CREATE TABLE made (a int)') ==> 0A000|statement cannot be planned|Only SELECT
             explain_advice('EXPLAIN SELECT 1') ==> 0A000|statement cannot be planned
             explain_advice('VACUUM') ==> 0A000|statement cannot be planned
             explain_advice('SELECT * FROM t WHERE k = 1 / 0') ==> 22012|division by zero|1 / 0
             explain_advice('SELECT raising(1)') ==> P0001|no luck|Seven.|Try eight.
             explain_advice('SELECT * FROM ft') ==> 55000|bi_fdw
             explain_advice('SELECT $1') ==> accepted
             explain_advice('SELECT $0') ==> 42P02|there is no parameter $0
             explain_advice('$t FOR UPDATE') ==> accepted",
        );
    }

    #[pg_test]
    fn a_migration_of_what_is_not_advised_is_refused() {
        run(OBJECTS);
        let both = "
             %f(ARRAY[]::int[]) ==> 22023|argument \"ranks\" is empty|NULL for all
             %f(ARRAY[1, NULL]) ==> 22004|\"ranks\" must not contain null elements
             %f(ARRAY[0], schemas => '{nowhere}') ==> 22023|no recommendation with rank 0|nothing to recommend
             %f(ARRAY[-1], schemas => '{nowhere}') ==> 22023|no recommendation with rank -1
             %f(ARRAY[1], schemas => '{nowhere}') ==> 22023|no recommendation with rank 1|pgopt.index_recommendations()
             %f(ARRAY[2147483647], schemas => '{nowhere}') ==> 22023|with rank 2147483647
             %f(schemas => ARRAY[NULL]) ==> 22004|\"schemas\" must not contain null
             %f(min_benefit => NULL) ==> 22004|\"min_benefit\" must not be null
             %f(max_indexes => -1) ==> 22023|max_indexes must not be negative
             %f(storage_budget => 'x') ==> 22023|\"storage_budget\"
             %f(time_limit => '0') ==> 22023|time_limit must be greater than zero
             %f(schemas => '{nowhere}') ==> accepted";
        check(&both.replace("%f", "export_migration"));
        check(&both.replace("%f", "export_migration_script"));
        check(
            "export_migration_script(direction => NULL) ==> 22004|\"direction\" must not be null
             export_migration_script(direction => '') ==> 22023|\"direction\": \"\"|Use \"up\" or
             export_migration_script(direction => 'both') ==> 22023|\"direction\": \"both\"",
        );
    }

    #[cfg(test)]
    #[test]
    fn temporary_tables_of_other_sessions_cannot_be_indexed() {
        // Starts the server, if no other test has.
        let conf = crate::pg_test::postgresql_conf_options;
        let first = "explain_with_refuses_what_it_cannot_explain";
        pgrx_tests::run_test(first, None, conf()).expect("server");
        let (mut owner, _) = pgrx_tests::client().expect("client");
        let (mut other, _) = pgrx_tests::client().expect("client");
        let made = owner.batch_execute("CREATE TEMP TABLE mine (a int)");
        made.expect("temporary table");
        let name = "SELECT 'mine'::regclass::oid::text, relnamespace::regnamespace::text || '.mine' FROM pg_class WHERE oid = 'mine'::regclass";
        let name: String = owner.query_one(name, &[]).expect(name).get(1);
        for call in [
            format!("workload_cost(ARRAY['SELECT 1'], ARRAY['CREATE INDEX ON {name} (a)'])"),
            format!("hypothetical_create('CREATE INDEX ON {name} (a)')"),
        ] {
            let refused = other.query(&format!("SELECT * FROM pgopt.{call}"), &[]);
            let refused = refused.expect_err(&call);
            let error = refused.as_db_error().expect(&call);
            assert_eq!(error.code().code(), "0A000", "{error:?}");
            assert!(
                error
                    .message()
                    .contains("temporary tables of other sessions"),
                "{error:?}"
            );
            assert!(error.detail().or(error.hint()).is_some(), "{error:?}");
        }
        // Planning reads no rows, so the owner's catalogs are all that is needed.
        for call in [
            "workload_cost(ARRAY[$1])",
            "explain_with($1)",
            "recommend_for(ARRAY[$1])",
        ] {
            let call = call.replace("$1", &format!("'SELECT * FROM {name} WHERE a = 5'"));
            let rows = other.query(&format!("SELECT count(*) FROM pgopt.{call}"), &[]);
            assert!(rows.is_ok(), "{rows:?}");
        }
    }
}
