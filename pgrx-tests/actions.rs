//! Recommendations that are carried out. No build can run concurrently inside a test's
//! transaction: the commands of a job are run here one after the other by their blocking twins.

/// What the tests of actions share.
#[allow(clippy::expect_used, clippy::panic)] // a test fails by panicking
pub(crate) mod support {
    use pgrx::prelude::*;
    use serde_json::Value;

    use crate::actions::testing;
    use crate::advisor_tests::support::*;

    /// A table, a partitioned one, and a workload that only this test's schema has.
    pub(crate) fn prepare(schema: &str) {
        crate::advisor::shown::forget();
        run(&format!(
            "CREATE SCHEMA {schema}; SET LOCAL search_path = public; SET LOCAL max_parallel_workers_per_gather = 0;
             SET LOCAL pgopt.apply_max_xact_age = 0;
             CREATE TABLE {schema}.t (a int, b int, c int, note text);
             INSERT INTO {schema}.t SELECT i, i % 3000, i % 50, 'N' || i FROM generate_series(1, 20000) i;
             CREATE INDEX old ON {schema}.t (c);
             CREATE TABLE {schema}.p (k int, a int) PARTITION BY RANGE (k);
             CREATE TABLE {schema}.p1 PARTITION OF {schema}.p FOR VALUES FROM (0) TO (10);
             CREATE TABLE {schema}.p2 PARTITION OF {schema}.p FOR VALUES FROM (10) TO (20);
             INSERT INTO {schema}.p SELECT i % 20, i FROM generate_series(1, 20000) i;
             ANALYZE {schema}.t, {schema}.p;"
        ));
    }

    /// Runs statements, so that they are captured.
    pub(crate) fn work(queries: &[&str]) {
        let performed: Vec<String> = (queries.iter())
            .map(|query| format!("PERFORM {query};"))
            .collect();
        run(&format!(
            "SET LOCAL pgopt.track = 'all'; DO $$ BEGIN {} END $$; SET LOCAL pgopt.track = 'none'",
            performed.join(" ")
        ));
    }

    /// Asks for advice on a schema and returns the rank of the first row whose ddl, or kind,
    /// contains the text.
    pub(crate) fn rank(schema: &str, part: &str) -> i64 {
        let rows = json(&format!(
            "SELECT coalesce(jsonb_agg(to_jsonb(r)), '[]') FROM pgopt.index_recommendations(schemas => ARRAY['{schema}']) r"
        ));
        let rows = rows.as_array().cloned().unwrap_or_default();
        let has = |row: &&Value, column: &str| {
            (row.get(column).and_then(Value::as_str)).is_some_and(|text| text.contains(part))
        };
        let found = rows.iter().find(|row| has(row, "ddl") || has(row, "kind"));
        (found.and_then(|row| row.get("rank")?.as_i64()))
            .unwrap_or_else(|| panic!("no {part} in {rows:?}"))
    }

    /// Applies what `rank` finds.
    pub(crate) fn apply_part(schema: &str, part: &str) -> i64 {
        number(&format!("SELECT pgopt.apply({})", rank(schema, part)))
    }

    /// The action's row.
    pub(crate) fn applied(id: i64) -> Value {
        json(&format!(
            "SELECT to_jsonb(a) FROM pgopt.applied a WHERE id = {id}"
        ))
    }

    pub(crate) fn state(id: i64) -> String {
        text(&applied(id), "state").to_owned()
    }

    /// The commands of the newest job of an action.
    pub(crate) fn commands(id: i64, job: &str) -> Vec<String> {
        let found = json(&format!(
            "SELECT coalesce((SELECT to_jsonb(commands) FROM pgopt.job_definitions
                                WHERE id = (SELECT {job} FROM pgopt.action_log WHERE id = {id})), '[]')"
        ));
        let found = found.as_array().cloned().unwrap_or_default();
        (found.iter().filter_map(Value::as_str))
            .map(str::to_owned)
            .collect()
    }

    /// Runs one command as an executor would; what one of our own commands refuses comes back.
    pub(crate) fn command(command: &str) -> Result<(), String> {
        let Some(call) = command.strip_prefix("SELECT pgopt.action_") else {
            apply(command);
            return Ok(());
        };
        testing::call(call).map_err(|error| format!("{}: {error}", error.sqlstate_text()))
    }

    /// Runs the commands up to the first that fails.
    pub(crate) fn play(commands: &[String]) -> Result<(), String> {
        commands.iter().try_for_each(|one| command(one))
    }

    /// Ends a job as the database's worker does.
    pub(crate) fn end(id: i64, job: &str, succeeded: bool, will_retry: bool) {
        let job_id = number(&format!(
            "SELECT {job} FROM pgopt.action_log WHERE id = {id}"
        ));
        if !will_retry {
            run(&format!(
                "DELETE FROM pgopt.job_definitions WHERE id = {job_id}"
            ));
        }
        crate::actions::run_ended(job_id, succeeded, will_retry).expect("run_ended");
    }

    /// Applies and runs to the end.
    pub(crate) fn carry_out(schema: &str, part: &str) -> i64 {
        let id = apply_part(schema, part);
        play(&commands(id, "job_id")).expect("apply");
        end(id, "job_id", true, false);
        id
    }

    pub(crate) fn take_back(id: i64) {
        run(&format!("SELECT pgopt.undo({id})"));
        play(&commands(id, "undo_job_id")).expect("undo");
        end(id, "undo_job_id", true, false);
    }

    /// The indexes of a schema.
    pub(crate) fn definitions(schema: &str) -> String {
        Spi::get_one::<String>(&format!(
            "SELECT string_agg(pg_get_indexdef(indexrelid) || indisvalid, ';' ORDER BY indexrelid::regclass::text) FROM pg_index
              WHERE indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = '{schema}'::regnamespace)"
        ))
        .expect("definitions")
        .unwrap_or_default()
    }

    /// SQLSTATE and message of the error that a command raises.
    pub(crate) fn error_of(sql: &str) -> String {
        let made = "SELECT (to_regprocedure('pg_temp.error_of(text)') IS NOT NULL)::int::bigint";
        if number(made) == 0 {
            run(
                "CREATE FUNCTION pg_temp.error_of(command text) RETURNS text LANGUAGE plpgsql AS
                 $$ DECLARE detail text; BEGIN EXECUTE command; RETURN 'no error';
                    EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
                    RETURN SQLSTATE || ': ' || SQLERRM || ' ' || coalesce(detail, ''); END $$",
            );
        }
        Spi::get_one::<String>(&format!("SELECT pg_temp.error_of($command${sql}$command$)"))
            .expect(sql)
            .expect(sql)
    }
}

#[allow(clippy::expect_used)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use pgrx::prelude::*;
    use serde_json::Value;

    use super::support::*;
    use crate::advisor_tests::support::*;

    #[pg_test]
    fn what_was_shown_is_built_looked_at_and_taken_back() {
        prepare("ac1");
        work(&["* FROM ac1.t WHERE a = 5", "* FROM ac1.t WHERE a IN (6, 7)"]);
        let before = definitions("ac1");
        let id = apply_part("ac1", "(a)");
        assert_eq!(state(id), "queued");
        assert_eq!(definitions("ac1"), before);
        let job = json(&format!(
            "SELECT to_jsonb(j) || jsonb_build_object('table', 'ac1.t'::regclass::oid::bigint)
               FROM pgopt.job_definitions j WHERE name = 'pgopt apply {id}'"
        ));
        let table = job.get("table").and_then(Value::as_i64).expect("table");
        assert_eq!(text(&job, "exclusion_key"), format!("pgopt:table:{table}"));
        assert_eq!(job.get("once"), Some(&Value::Bool(true)));
        assert_eq!(
            number(&format!(
                "SELECT count(*) FROM pgopt.job_requests r JOIN pgopt.action_log a ON a.job_id = r.job_id WHERE a.id = {id}"
            )),
            1
        );
        play(&commands(id, "job_id")).expect("apply");
        end(id, "job_id", true, false);
        let row = applied(id);
        assert_eq!(text(&row, "state"), "succeeded", "{row}");
        assert_eq!(text(&row, "table_name"), "ac1.t");
        let (predicted, size) = (float(&row, "predicted_size"), float(&row, "size"));
        assert!((size - predicted).abs() <= 0.2 * size, "{row}");
        assert!(row.get("build_time").is_some_and(Value::is_string), "{row}");
        assert_eq!(list(&row, "used_by").len(), 2, "{row}");
        assert!(list(&row, "not_used_by").is_empty(), "{row}");
        let (cost_before, cost_after) = (float(&row, "cost_before"), float(&row, "cost_after"));
        assert!(cost_before > 10.0 * cost_after && cost_after > 0.0, "{row}");
        assert!(
            (cost_after / float(&row, "predicted_cost_after") - 1.0).abs() < 0.2,
            "{row}"
        );
        assert_eq!(text(&row, "undo"), format!("SELECT pgopt.undo({id})"));
        assert!(all_valid());
        take_back(id);
        assert_eq!(state(id), "undone");
        assert_eq!(definitions("ac1"), before);
        let error = error_of(&format!("SELECT pgopt.undo({id})"));
        assert!(
            error.starts_with("55000") && error.contains("undone already"),
            "{error}"
        );
    }

    #[pg_test]
    fn ranks_are_those_of_the_session_and_others_are_refused() {
        prepare("ac2");
        work(&["* FROM ac2.t WHERE a = 5"]);
        rank("ac2", "(a)");
        let count =
            number("SELECT count(*) FROM pgopt.index_recommendations(schemas => ARRAY['ac2'])");
        let error = error_of(&format!("SELECT pgopt.apply({})", count + 1));
        assert!(error.starts_with("22023"), "{error}");
        assert!(
            error.contains(&format!("{count} recommendation")),
            "{error}"
        );
        assert!(error_of("SELECT pgopt.apply(0)").starts_with("22023"));
        assert!(error_of("SELECT pgopt.apply(-1)").starts_with("22023"));
        assert!(error_of("SELECT pgopt.apply(NULL)").starts_with("22004"));
        assert!(error_of("SELECT pgopt.undo(NULL)").starts_with("22004"));
        assert!(error_of("SELECT pgopt.undo(123456789)").starts_with("22023"));
        // What is shown next is what counts.
        run("SELECT * FROM pgopt.index_recommendations(schemas => ARRAY['no such schema'])");
        let error = error_of("SELECT pgopt.apply(1)");
        assert!(
            error.starts_with("22023") && error.contains("nothing to recommend"),
            "{error}"
        );
    }

    #[pg_test]
    fn a_session_that_has_seen_no_advice_gets_it_computed() {
        prepare("ac3");
        work(&["* FROM ac3.t WHERE a = 5"]);
        crate::advisor::shown::forget();
        let error = error_of("SELECT pgopt.apply(1000000)");
        assert!(error.starts_with("22023"), "{error}");
    }

    #[pg_test]
    fn a_hint_is_for_a_person() {
        prepare("ac4");
        work(&[
            "* FROM ac4.t WHERE note LIKE '%77%'",
            "* FROM ac4.t WHERE a + 0.5 = 3",
        ]);
        let rows = json(
            "SELECT coalesce(jsonb_agg(rank), '[]') FROM pgopt.index_recommendations(schemas => ARRAY['ac4']) WHERE action = 'hint'",
        );
        let hint = rows.as_array().and_then(|rows| rows.first()?.as_i64());
        let hint = hint.expect("a hint");
        let error = error_of(&format!("SELECT pgopt.apply({hint})"));
        assert!(error.starts_with("0A000"), "{error}");
    }

    #[pg_test]
    fn who_does_not_own_the_table_cannot_build_on_it() {
        prepare("ac5");
        work(&["* FROM ac5.t WHERE a = 5"]);
        let rank = rank("ac5", "(a)");
        run("CREATE ROLE ac5_other LOGIN; GRANT USAGE, CREATE ON SCHEMA ac5 TO ac5_other; GRANT SELECT ON ac5.t TO ac5_other;
             GRANT EXECUTE ON FUNCTION pgopt.apply(int), pgopt.undo(bigint) TO ac5_other");
        let apply = format!("SELECT pgopt.apply({rank})");
        run("SET LOCAL ROLE ac5_other");
        let error = error_of(&apply);
        assert!(
            error.starts_with("42501") && error.contains("must be owner of table ac5.t"),
            "{error}"
        );
        run(
            "RESET ROLE; ALTER TABLE ac5.t OWNER TO ac5_other; REVOKE CREATE ON SCHEMA ac5 FROM ac5_other; SET LOCAL ROLE ac5_other",
        );
        let error = error_of(&apply);
        assert!(
            error.starts_with("42501") && error.contains("schema ac5"),
            "{error}"
        );
        run("RESET ROLE; GRANT CREATE ON SCHEMA ac5 TO ac5_other; SET LOCAL ROLE ac5_other");
        let id = number(&apply);
        // It runs as whoever asked for it, and others see nothing of it.
        play(&commands_as_superuser(id)).expect("apply");
        assert_eq!(state(id), "succeeded");
        run(
            "RESET ROLE; CREATE ROLE ac5_third LOGIN; GRANT EXECUTE ON FUNCTION pgopt.undo(bigint) TO ac5_third; SET LOCAL ROLE ac5_third",
        );
        assert_eq!(number("SELECT count(*) FROM pgopt.applied"), 0);
        assert!(error_of(&format!("SELECT pgopt.undo({id})")).starts_with("22023"));
        assert!(error_of("SELECT * FROM pgopt.action_log").starts_with("42501"));
        assert!(error_of("SELECT nextval('pgopt.action_log_id_seq')").starts_with("42501"));
        run("RESET ROLE; GRANT pg_read_all_stats TO ac5_third; SET LOCAL ROLE ac5_third");
        assert_eq!(number("SELECT count(*) FROM pgopt.applied"), 1);
        run("RESET ROLE");
    }

    fn commands_as_superuser(id: i64) -> Vec<String> {
        run("RESET ROLE");
        let commands = commands(id, "job_id");
        run("SET LOCAL ROLE ac5_other");
        commands
    }

    #[pg_test]
    fn an_index_that_is_replaced_comes_back() {
        prepare("ac6");
        work(&["* FROM ac6.t WHERE c = 5 ORDER BY b LIMIT 1"]);
        let before = definitions("ac6");
        let id = carry_out("ac6", "(c, b");
        assert_eq!(state(id), "succeeded", "{}", applied(id));
        assert!(!definitions("ac6").contains("INDEX old"));
        take_back(id);
        assert_eq!(definitions("ac6"), before);
        assert_eq!(state(id), "undone");
    }

    #[pg_test]
    fn an_index_that_is_dropped_comes_back() {
        prepare("ac7");
        run("CREATE INDEX twin ON ac7.t (c)");
        work(&["* FROM ac7.t WHERE c = 5"]);
        let before = definitions("ac7");
        let id = carry_out("ac7", "ac7.twin");
        assert_eq!(state(id), "succeeded", "{}", applied(id));
        assert!(!definitions("ac7").contains("twin"));
        take_back(id);
        assert_eq!(definitions("ac7"), before);
    }

    #[pg_test]
    fn statistics_are_made_and_taken_back() {
        prepare("ac8");
        run("ALTER TABLE ac8.t ADD d int; UPDATE ac8.t SET d = c / 2; ANALYZE ac8.t");
        work(&["* FROM ac8.t WHERE c = 5 AND d = 2"]);
        let id = carry_out("ac8", "CREATE STATISTICS");
        assert_eq!(state(id), "succeeded", "{}", applied(id));
        let count = "SELECT count(*) FROM pg_statistic_ext WHERE stxrelid = 'ac8.t'::regclass";
        assert_eq!(number(count), 1);
        take_back(id);
        assert_eq!(number(count), 0);
        assert_eq!(state(id), "undone");
    }

    #[pg_test]
    fn an_index_on_an_expression_is_used_at_once() {
        prepare("ac9");
        work(&["* FROM ac9.t WHERE lower(note) = 'n77'"]);
        let id = carry_out("ac9", "lower(note)");
        assert_eq!(state(id), "succeeded", "{}", applied(id));
        let analysed =
            "SELECT count(*) FROM pg_stats WHERE schemaname = 'ac9' AND tablename LIKE '%idx'";
        assert_eq!(number(analysed), 1);
    }

    #[pg_test]
    fn partitions_are_built_one_after_the_other() {
        prepare("ac10");
        work(&["* FROM ac10.p WHERE a = 5"]);
        let before = definitions("ac10");
        let id = apply_part("ac10", "ac10.p ");
        let commands = commands(id, "job_id");
        let concurrent = commands
            .iter()
            .filter(|one| one.starts_with("CREATE INDEX CONCURRENTLY"));
        assert_eq!(concurrent.count(), 2, "{commands:?}");
        play(&commands).expect("apply");
        play(&commands).expect_err("a second time it has nothing to apply");
        assert_eq!(state(id), "succeeded", "{}", applied(id));
        assert!(all_valid());
        let row = applied(id);
        assert_eq!(list(&row, "used_by").len(), 1, "{row}");
        assert!(float(&row, "size") > 100_000.0, "leaves count: {row}");
        take_back(id);
        assert_eq!(definitions("ac10"), before);
    }

    #[pg_test]
    fn built_but_not_used_is_said_and_nothing_is_dropped() {
        prepare("ac11");
        work(&["* FROM ac11.t WHERE a = 5"]);
        let id = apply_part("ac11", "(a)");
        // What the table is now is read faster in sequence.
        run(
            "DELETE FROM ac11.t WHERE a > 20; ALTER TABLE ac11.t ADD x int DEFAULT 1; ALTER TABLE ac11.t ALTER x TYPE bigint; ANALYZE ac11.t",
        );
        play(&commands(id, "job_id")).expect("apply");
        let row = applied(id);
        assert_eq!(text(&row, "state"), "not used", "{row}");
        assert_eq!(list(&row, "not_used_by").len(), 1, "{row}");
        assert!(text(&row, "message").contains("0 of 1"), "{row}");
        assert_eq!(text(&row, "undo"), format!("SELECT pgopt.undo({id})"));
        assert!(definitions("ac11").contains("(a)"));
        take_back(id);
        assert!(!definitions("ac11").contains("(a)"));
    }

    #[pg_test]
    fn statements_that_were_forgotten_are_planned_by_their_text() {
        prepare("ac12");
        work(&["* FROM ac12.t WHERE a = 5"]);
        let id = apply_part("ac12", "(a)");
        // Only its own: other tests run beside this one.
        run(
            "SELECT pgopt.reset_statements(NULL, NULL, queryid) FROM pgopt.statements WHERE query LIKE '%ac12.t%' AND queryid IS NOT NULL",
        );
        assert_eq!(
            number(
                "SELECT count(*) FROM pgopt.statements WHERE query LIKE 'SELECT * FROM ac12.t%'"
            ),
            0
        );
        play(&commands(id, "job_id")).expect("apply");
        let row = applied(id);
        assert_eq!(list(&row, "used_by").len(), 1, "{row}");
    }
}
