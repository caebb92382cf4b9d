//! What others do to an action's indexes and jobs, and what they are told.

#[allow(clippy::expect_used)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use pgrx::prelude::*;

    use crate::actions_tests::support::*;
    use crate::advisor_tests::support::*;

    fn run_under_way(job: i64) {
        run(&format!(
            "INSERT INTO pgopt.job_states (job_id, version, attempt, failures, breaker, openings, running_run, priority, run_after, skipped, booted)
             VALUES ({job}, 1, 1, 0, 'closed', 0, 1, 0, '{{}}', 0, now())"
        ));
    }

    fn job_of(id: i64, job: &str) -> i64 {
        number(&format!(
            "SELECT coalesce({job}, 0) FROM pgopt.action_log WHERE id = {id}"
        ))
    }

    #[pg_test]
    fn an_index_that_was_renamed_is_dropped_under_its_present_name() {
        prepare("ao1");
        work(&["* FROM ao1.t WHERE a = 5"]);
        let before = definitions("ao1");
        let id = carry_out("ao1", "(a)");
        run("ALTER INDEX ao1.t_a_idx RENAME TO \"Of a.\"");
        run(&format!("SELECT pgopt.undo({id})"));
        assert_eq!(
            applied(id)["undo_steps"][0].as_str(),
            Some("DROP INDEX CONCURRENTLY IF EXISTS ao1.\"Of a.\"")
        );
        play(&commands(id, "undo_job_id")).expect("undo");
        assert_eq!(state(id), "undone");
        assert_eq!(definitions("ao1"), before);
    }

    #[pg_test]
    fn an_index_that_is_renamed_while_its_undoing_waits_is_not_said_to_be_undone() {
        prepare("ao2");
        work(&["* FROM ao2.t WHERE a = 5"]);
        let before = definitions("ao2");
        let id = carry_out("ao2", "(a)");
        for name in ["first", "second"] {
            run(&format!("SELECT pgopt.undo({id})"));
            let steps = commands(id, "undo_job_id");
            run(&format!(
                "DO $$ BEGIN EXECUTE format('ALTER INDEX %s RENAME TO {name}',
                    (SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'ao2.t'::regclass AND indkey = '1')); END $$"
            ));
            let error = play(&steps).expect_err("renamed");
            assert!(
                error.starts_with("55000") && error.contains(&format!("ao2.{name} now")),
                "{error}"
            );
            // Renamed after that was looked at: nothing was dropped.
            let error = command(steps.last().expect("verify")).expect_err("renamed");
            assert!(error.contains(&format!("ao2.{name} now")), "{error}");
            assert_eq!(state(id), "undoing");
            end(id, "undo_job_id", false, false);
            assert_eq!(state(id), "succeeded");
        }
        take_back(id);
        assert_eq!(state(id), "undone");
        assert_eq!(definitions("ao2"), before);
    }

    #[pg_test]
    fn a_renamed_index_on_a_partitioned_table_is_dropped_with_its_partitions() {
        prepare("ao3");
        work(&["* FROM ao3.p WHERE a = 5"]);
        let before = definitions("ao3");
        let id = carry_out("ao3", "ao3.p ");
        run("DO $$ DECLARE i regclass; n int := 0; BEGIN
               FOR i IN SELECT indexrelid FROM pg_index WHERE indrelid IN ('ao3.p'::regclass, 'ao3.p1'::regclass) LOOP
                 n := n + 1; EXECUTE format('ALTER INDEX %s RENAME TO %I', i, 'renamed ' || n); END LOOP; END $$");
        take_back(id);
        assert_eq!(state(id), "undone");
        assert_eq!(definitions("ao3"), before);
    }

    #[pg_test]
    fn statistics_that_were_renamed_are_not_said_to_be_undone() {
        prepare("ao4");
        run("ALTER TABLE ao4.t ADD d int; UPDATE ao4.t SET d = c / 2; ANALYZE ao4.t");
        work(&["* FROM ao4.t WHERE c = 5 AND d = 2"]);
        let id = carry_out("ao4", "CREATE STATISTICS");
        run(
            "DO $$ BEGIN EXECUTE format('ALTER STATISTICS ao4.%I RENAME TO mine',
               (SELECT stxname FROM pg_statistic_ext WHERE stxrelid = 'ao4.t'::regclass)); END $$",
        );
        let error = error_of(&format!("SELECT pgopt.undo({id})"));
        assert!(
            error.starts_with("55000") && error.contains("They were renamed to ao4.mine"),
            "{error}"
        );
        assert_eq!(state(id), "succeeded");
    }

    #[pg_test]
    fn an_action_whose_job_is_removed_while_it_runs_is_running() {
        prepare("ao5");
        work(&["* FROM ao5.t WHERE a = 5"]);
        let rank = rank("ao5", "(a)");
        let id = number(&format!("SELECT pgopt.apply({rank})"));
        let (job, commands) = (job_of(id, "job_id"), commands(id, "job_id"));
        run_under_way(job);
        play(&commands[..2]).expect("check");
        run(&format!("SELECT pgopt.unschedule('pgopt apply {id}')"));
        assert_eq!(
            number("SELECT count(*) FROM pgopt.job_definitions WHERE name LIKE 'pgopt apply%'"),
            0
        );
        // Another worker comes meanwhile.
        crate::actions::recover().expect("recover");
        assert_eq!(state(id), "running");
        assert_eq!(job_of(id, "clean_up_job_id"), 0);
        assert_eq!(number(&format!("SELECT pgopt.apply({rank})")), id);
        let hint = hint_of(&format!("SELECT pgopt.undo({id})"));
        assert!(
            hint.contains("pg_cancel_backend(pid) FROM pgopt.worker_status")
                && hint.ends_with(&format!("job_id = {job}")),
            "{hint}"
        );
        play(&commands).expect("apply");
        end(id, "job_id", true, false);
        run(&format!(
            "DELETE FROM pgopt.job_states WHERE job_id = {job}"
        ));
        assert_eq!(state(id), "succeeded");
    }

    #[pg_test]
    fn an_undoing_whose_job_was_removed_can_be_asked_for_again() {
        prepare("ao6");
        work(&["* FROM ao6.t WHERE a = 5"]);
        let id = carry_out("ao6", "(a)");
        run(&format!(
            "SELECT pgopt.undo({id}); SELECT pgopt.unschedule('pgopt undo {id}')"
        ));
        assert_eq!(state(id), "succeeded");
        take_back(id);
        assert_eq!(state(id), "undone");
    }

    /// The hint of the error that a command raises.
    fn hint_of(sql: &str) -> String {
        run(
            "CREATE OR REPLACE FUNCTION pg_temp.hint_of(command text) RETURNS text LANGUAGE plpgsql AS
             $$ DECLARE hint text; BEGIN EXECUTE command; RETURN 'no error';
                EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT; RETURN hint; END $$",
        );
        Spi::get_one::<String>(&format!("SELECT pg_temp.hint_of($command${sql}$command$)"))
            .expect(sql)
            .expect(sql)
    }

    #[pg_test]
    fn an_action_that_waits_is_withdrawn_by_its_job() {
        prepare("ao7");
        work(&["* FROM ao7.t WHERE a = 5"]);
        let id = apply_part("ao7", "(a)");
        let hint = hint_of(&format!("SELECT pgopt.undo({id})"));
        let command = format!("SELECT pgopt.unschedule('pgopt apply {id}')");
        assert!(hint.ends_with(&command), "{hint}");
        run(&command);
        assert_eq!(state(id), "failed");
    }

    #[pg_test]
    fn costs_and_times_are_told_in_round_numbers() {
        prepare("ao8");
        work(&["* FROM ao8.t WHERE a = 5", "* FROM ao8.t WHERE a IN (6, 7)"]);
        let id = carry_out("ao8", "(a)");
        run(&format!(
            "UPDATE pgopt.action_log SET predicted_build_time = '0.123456 s', build_time = '1.2345678 s',
                    predicted_cost_before = 219250.123456, cost_after = 8.4499999 WHERE id = {id}"
        ));
        let row = applied(id);
        assert_eq!(text(&row, "predicted_build_time"), "00:00:00.123");
        assert_eq!(text(&row, "build_time"), "00:00:01.235");
        assert_eq!(float(&row, "predicted_cost_before").to_string(), "219250.1");
        assert_eq!(float(&row, "cost_after").to_string(), "8.4");
        for used in list(&row, "used_by") {
            for cost in ["cost_before", "cost_after", "predicted_cost_after"] {
                let cost = used[cost].as_f64().expect("a cost").to_string();
                let digits = cost.split_once('.').map_or(0, |(_, digits)| digits.len());
                assert!(digits <= 1, "{used}");
            }
        }
    }

    #[pg_test]
    fn what_is_under_way_already_does_not_abort_the_others() {
        prepare("ao9");
        work(&["* FROM ao9.t WHERE a = 5", "* FROM ao9.p WHERE a = 5"]);
        let first = apply_part("ao9", "(a)");
        let all = "SELECT count(DISTINCT id) FROM (SELECT pgopt.apply(rank) AS id
                     FROM pgopt.index_recommendations(schemas => ARRAY['ao9']) WHERE action = 'create') AS applied";
        let advised = number(
            "SELECT count(*) FROM pgopt.index_recommendations(schemas => ARRAY['ao9']) WHERE action = 'create'",
        );
        assert!(advised >= 2);
        assert_eq!(number(all), advised);
        let actions = "SELECT count(*) FROM pgopt.applied";
        assert_eq!(number(actions), advised, "each is queued once");
        assert_eq!(state(first), "queued");
        assert_eq!(number(all), advised);
        assert_eq!(number(actions), advised);
    }

    #[pg_test]
    fn who_does_not_own_the_table_is_not_told_that_it_is_under_way() {
        prepare("ao10");
        work(&["* FROM ao10.t WHERE a = 5"]);
        let rank = rank("ao10", "(a)");
        let id = number(&format!("SELECT pgopt.apply({rank})"));
        run(
            "CREATE ROLE ao10_other LOGIN; GRANT EXECUTE ON FUNCTION pgopt.apply(int) TO ao10_other; SET LOCAL ROLE ao10_other",
        );
        let error = error_of(&format!("SELECT pgopt.apply({rank})"));
        assert!(
            error.starts_with("42501") && !error.contains(&format!("action {id}")),
            "{error}"
        );
        run("RESET ROLE");
    }

    #[pg_test]
    fn free_disk_space_is_told_to_monitoring_roles_only() {
        prepare("ao11");
        work(&["* FROM ao11.t WHERE a = 5"]);
        run(
            "UPDATE pg_class SET reltuples = 1e15 WHERE oid = 'ao11.t'::regclass;
             CREATE ROLE ao11_owner LOGIN; GRANT USAGE, CREATE ON SCHEMA ao11 TO ao11_owner; ALTER TABLE ao11.t OWNER TO ao11_owner",
        );
        let rank = rank("ao11", "(a)");
        run(&docs_grant("ao11_owner"));
        run("SET LOCAL ROLE ao11_owner");
        let apply = format!("SELECT pgopt.apply({rank})");
        let error = error_of(&apply);
        assert!(
            error.starts_with("53100") && error.ends_with("which is more than is free."),
            "{error}"
        );
        run("RESET ROLE; GRANT pg_monitor TO ao11_owner; SET LOCAL ROLE ao11_owner");
        let error = error_of(&apply);
        assert!(
            error.starts_with("53100") && error.ends_with("MB are free."),
            "{error}"
        );
        run("RESET ROLE");
    }

    /// The command of the manual that lets a role apply.
    fn docs_grant(role: &str) -> String {
        let mut lines = include_str!("../docs/actions.md").lines();
        let grant = lines.find(|line| line.starts_with("GRANT EXECUTE ON FUNCTION "));
        grant
            .expect("a GRANT")
            .replace(" alice", &format!(" {role}"))
    }

    #[pg_test]
    fn the_grant_in_the_manual_is_all_that_a_tables_owner_needs() {
        prepare("ao12");
        work(&["* FROM ao12.t WHERE a = 5"]);
        let rank = rank("ao12", "(a)");
        run(
            "CREATE ROLE ao12_owner LOGIN; GRANT USAGE, CREATE ON SCHEMA ao12 TO ao12_owner; ALTER TABLE ao12.t OWNER TO ao12_owner;
             SET LOCAL ROLE ao12_owner",
        );
        let apply = format!("SELECT pgopt.apply({rank})");
        assert!(error_of(&apply).starts_with("42501: permission denied for function apply"));
        run("RESET ROLE");
        run(&docs_grant("ao12_owner"));
        run("SET LOCAL ROLE ao12_owner");
        let id = number(&apply);
        run("RESET ROLE");
        play(&commands(id, "job_id")).expect("apply");
        end(id, "job_id", true, false);
        run("SET LOCAL ROLE ao12_owner");
        assert_eq!(number(&format!("SELECT pgopt.undo({id})")), id);
        run("RESET ROLE");
    }

    #[pg_test]
    fn a_job_of_somebody_else_with_its_name_does_not_keep_an_invalid_index() {
        prepare("ao13");
        work(&["* FROM ao13.t WHERE a = 5"]);
        let before = definitions("ao13");
        let next = number("SELECT last_value + 1 FROM pgopt.action_log_id_seq");
        for name in
            (next..next + 5).flat_map(|id| ["apply", "clean up"].map(|t| format!("{t} {id}")))
        {
            // Such a name is reserved, and may come with a dump.
            run(&format!(
                "SELECT pgopt.schedule('{name}', NULL, 'SELECT 1');
                 UPDATE pgopt.job_definitions SET name = 'pgopt {name}' WHERE name = '{name}'"
            ));
        }
        let id = apply_part("ao13", "(a)");
        let commands_of_apply = commands(id, "job_id");
        play(&commands_of_apply[..commands_of_apply.len() - 2]).expect("up to the build");
        run("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ao13.t_a_idx'::regclass");
        end(id, "job_id", false, false);
        let job = job_of(id, "clean_up_job_id");
        assert_ne!(job, 0);
        // One is enough.
        crate::actions::run_ended(job_of(id, "job_id"), false, false).expect("run_ended");
        assert_eq!(job_of(id, "clean_up_job_id"), job);
        play(&commands(id, "clean_up_job_id")).expect("clean up");
        assert_eq!(definitions("ao13"), before);
    }
}
