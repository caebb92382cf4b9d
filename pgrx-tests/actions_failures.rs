//! Recommendations that cannot be carried out, and runs that fail.

#[allow(clippy::expect_used)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use pgrx::prelude::*;

    use crate::actions_tests::support::*;
    use crate::advisor_tests::support::*;

    /// Makes an index INVALID, as an interrupted build leaves it.
    fn invalidate(index: &str) {
        run(&format!(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{index}'::regclass"
        ));
    }

    #[pg_test]
    fn a_rest_of_an_interrupted_build_is_dropped_before_the_next_attempt() {
        prepare("af1");
        work(&["* FROM af1.t WHERE a = 5"]);
        let id = apply_part("af1", "(a)");
        let commands = commands(id, "job_id");
        let build = (commands.iter())
            .position(|one| one.starts_with("CREATE INDEX"))
            .expect("a build");
        play(&commands[..=build]).expect("up to the build");
        invalidate("af1.t_a_idx");
        end(id, "job_id", false, true);
        assert_eq!(state(id), "queued");
        assert!(
            commands_of_clean_up(id).is_empty(),
            "the next attempt does it"
        );
        let rest = number("SELECT 'af1.t_a_idx'::regclass::oid::bigint");
        play(&commands).expect("another attempt");
        assert_eq!(state(id), "succeeded");
        assert!(all_valid());
        assert_ne!(number("SELECT 'af1.t_a_idx'::regclass::oid::bigint"), rest);
        assert_eq!(
            number("SELECT count(*) FROM pg_class WHERE relname LIKE 'pgopt_rest%'"),
            0
        );
    }

    #[pg_test]
    fn a_finished_index_is_not_built_again() {
        prepare("af2");
        work(&["* FROM af2.t WHERE c = 5 ORDER BY b LIMIT 1"]);
        let id = apply_part("af2", "(c, b");
        let commands = commands(id, "job_id");
        let built = (commands.iter())
            .position(|one| one.contains("action_built"))
            .expect("built");
        play(&commands[..=built]).expect("up to the build");
        let index = number("SELECT 'af2.t_c_b_idx'::regclass::oid::bigint");
        end(id, "job_id", false, true);
        play(&commands).expect("another attempt");
        assert_eq!(
            number("SELECT 'af2.t_c_b_idx'::regclass::oid::bigint"),
            index
        );
        assert_eq!(state(id), "succeeded");
    }

    fn commands_of_clean_up(id: i64) -> Vec<String> {
        commands(id, "clean_up_job_id")
    }

    #[pg_test]
    fn a_build_that_failed_for_good_leaves_no_invalid_index() {
        prepare("af3");
        work(&["* FROM af3.t WHERE a = 5"]);
        let before = definitions("af3");
        let id = apply_part("af3", "(a)");
        let commands = commands(id, "job_id");
        play(&commands[..commands.len() - 2]).expect("up to the build");
        invalidate("af3.t_a_idx");
        let job = number(&format!(
            "SELECT job_id FROM pgopt.action_log WHERE id = {id}"
        ));
        run(&format!(
            "INSERT INTO pgopt.job_run_log (id, job_id, name, owner, command, status, attempt, finished, sqlstate, message)
             VALUES (nextval('pgopt.job_run_ids'), {job}, 'x', 10, 'x', 'failed', 5, now(), '57P01', 'terminating connection')"
        ));
        end(id, "job_id", false, false);
        let row = applied(id);
        assert_eq!(text(&row, "state"), "failed", "{row}");
        assert_eq!(text(&row, "sqlstate"), "57P01", "{row}");
        assert_eq!(text(&row, "message"), "terminating connection", "{row}");
        let clean_up = commands_of_clean_up(id);
        assert!(
            clean_up
                .iter()
                .any(|one| one.contains("DROP INDEX CONCURRENTLY")),
            "{clean_up:?}"
        );
        // Killed before it dropped anything: it is queued again.
        play(&clean_up[..2]).expect("set aside");
        end(id, "clean_up_job_id", false, false);
        let clean_up = commands_of_clean_up(id);
        assert!(!clean_up.is_empty(), "it is tried for as long as it takes");
        play(&clean_up).expect("clean up");
        end(id, "clean_up_job_id", true, false);
        assert_eq!(definitions("af3"), before);
        assert_eq!(state(id), "failed");
        let error = error_of(&format!("SELECT pgopt.undo({id})"));
        assert!(
            error.starts_with("55000") && error.contains("nothing to be undone"),
            "{error}"
        );
    }

    #[pg_test]
    fn a_partitioned_build_that_failed_for_good_leaves_nothing() {
        prepare("af4");
        work(&["* FROM af4.p WHERE a = 5"]);
        let before = definitions("af4");
        for most in 4..10 {
            let id = apply_part("af4", "af4.p ");
            let commands = commands(id, "job_id");
            play(&commands[..most]).expect("so far");
            end(id, "job_id", false, false);
            let clean_up = commands_of_clean_up(id);
            if !clean_up.is_empty() {
                play(&clean_up).expect("clean up");
                end(id, "clean_up_job_id", true, false);
            }
            assert_eq!(definitions("af4"), before, "after {most} of {commands:?}");
        }
    }

    #[pg_test]
    fn an_index_whose_dropping_was_interrupted_is_dropped() {
        prepare("af5");
        work(&["* FROM af5.t WHERE c = 5 ORDER BY b LIMIT 1"]);
        let id = apply_part("af5", "(c, b");
        let commands = commands(id, "job_id");
        let built = (commands.iter())
            .position(|one| one.contains("action_built"))
            .expect("built");
        play(&commands[..=built]).expect("up to the build");
        invalidate("af5.old");
        // A job that has its name, from before, does not keep the clean-up from being queued.
        run(&format!(
            "SELECT pgopt.schedule('squatter', NULL, 'SELECT 1');
             UPDATE pgopt.job_definitions SET name = 'pgopt clean up {id}' WHERE name = 'squatter'"
        ));
        end(id, "job_id", false, false);
        play(&commands_of_clean_up(id)).expect("clean up");
        run(&format!("SELECT pgopt.unschedule('pgopt clean up {id}')"));
        assert!(all_valid());
        assert!(!definitions("af5").contains("INDEX old"));
        assert!(definitions("af5").contains("(c, b)"));
        // What is there of it can be taken back.
        take_back(id);
        assert!(definitions("af5").contains("INDEX old"));
        assert!(!definitions("af5").contains("(c, b)"));
    }

    #[pg_test]
    fn an_invalid_index_of_somebody_else_is_left_alone() {
        prepare("af6");
        work(&["* FROM af6.t WHERE a = 5"]);
        let id = apply_part("af6", "(a)");
        // It failed before its first command, and somebody else's build of that name did later.
        run("CREATE INDEX t_a_idx ON af6.t (a)");
        invalidate("af6.t_a_idx");
        end(id, "job_id", false, false);
        assert!(commands_of_clean_up(id).is_empty());
        assert!(!all_valid());
        run("DROP INDEX af6.t_a_idx");
    }

    #[pg_test]
    fn a_name_that_was_taken_meanwhile_is_refused() {
        prepare("af7");
        work(&["* FROM af7.t WHERE a = 5"]);
        let rank = rank("af7", "(a)");
        let apply = format!("SELECT pgopt.apply({rank})");
        run("CREATE INDEX t_a_idx ON af7.t (b)");
        let error = error_of(&apply);
        assert!(error.starts_with("42P07"), "{error}");
        run("DROP INDEX af7.t_a_idx");
        let id = number(&apply);
        run("CREATE INDEX t_a_idx ON af7.t (b)");
        let error = play(&commands(id, "job_id")).expect_err("taken");
        assert!(error.starts_with("42P07"), "{error}");
        end(id, "job_id", false, false);
        assert!(definitions("af7").contains("t_a_idx"), "it is not ours");
    }

    #[pg_test]
    fn the_same_is_not_queued_twice() {
        prepare("af8");
        work(&["* FROM af8.t WHERE a = 5"]);
        let rank = rank("af8", "(a)");
        let id = number(&format!("SELECT pgopt.apply({rank})"));
        assert_eq!(number(&format!("SELECT pgopt.apply({rank})")), id);
        assert_eq!(number("SELECT count(*) FROM pgopt.applied"), 1);
        let error = error_of(&format!("SELECT pgopt.undo({id})"));
        assert!(error.starts_with("55000"), "{error}");
        play(&commands(id, "job_id")).expect("apply");
        assert!(error_of(&format!("SELECT pgopt.apply({rank})")).starts_with("42P07"));
    }

    #[pg_test]
    fn a_table_that_was_renamed_or_dropped_meanwhile_is_told() {
        prepare("af9");
        work(&["* FROM af9.t WHERE a = 5"]);
        let rank = rank("af9", "(a)");
        let apply = format!("SELECT pgopt.apply({rank})");
        let id = number(&apply);
        run("ALTER TABLE af9.t RENAME TO other");
        let error = play(&commands(id, "job_id")).expect_err("renamed");
        assert!(
            error.starts_with("55000") && error.contains("af9.other"),
            "{error}"
        );
        end(id, "job_id", false, false);
        assert!(error_of(&apply).starts_with("55000"));
        // Another one of the same name is not the one that was advised on.
        run("DROP TABLE af9.other; CREATE TABLE af9.t (a int)");
        let error = error_of(&apply);
        assert!(
            error.starts_with("42P01") && error.contains("does not exist any more"),
            "{error}"
        );
        assert_eq!(state(id), "failed");
    }

    #[pg_test]
    fn a_disk_without_room_is_told_with_the_numbers() {
        prepare("af10");
        work(&["* FROM af10.t WHERE a = 5"]);
        // As many rows per page as no page can have.
        run("UPDATE pg_class SET reltuples = 1e15 WHERE oid = 'af10.t'::regclass");
        let rank = rank("af10", "(a)");
        let error = error_of(&format!("SELECT pgopt.apply({rank})"));
        assert!(
            error.starts_with("53100") && error.contains("are free"),
            "{error}"
        );
    }

    #[pg_test]
    fn commands_of_jobs_are_of_no_use_in_a_session() {
        for function in ["check", "built", "verify"] {
            let error = error_of(&format!("SELECT pgopt.action_{function}(1, 'apply')"));
            assert!(error.starts_with("55000"), "{error}");
        }
    }

    #[pg_test]
    fn an_action_whose_job_was_removed_has_failed() {
        prepare("af11");
        work(&["* FROM af11.t WHERE a = 5"]);
        let id = apply_part("af11", "(a)");
        run(&format!(
            "DELETE FROM pgopt.job_definitions WHERE name = 'pgopt apply {id}'"
        ));
        assert_eq!(state(id), "failed");
        crate::actions::recover().expect("recover");
        assert_eq!(text(&applied(id), "state"), "failed");
        assert!(text(&applied(id), "message").contains("its run ended"));
    }

    #[pg_test]
    fn an_index_that_took_the_place_of_ours_is_not_dropped() {
        prepare("af12");
        work(&["* FROM af12.t WHERE a = 5"]);
        let id = carry_out("af12", "(a)");
        run("DROP INDEX af12.t_a_idx; CREATE INDEX t_a_idx ON af12.t (b)");
        let error = error_of(&format!("SELECT pgopt.undo({id})"));
        assert!(
            error.starts_with("55000") && error.contains("is not the index"),
            "{error}"
        );
        assert!(definitions("af12").contains("t_a_idx"));
    }

    #[pg_test]
    fn what_goes_wrong_with_one_action_does_not_end_the_worker() {
        prepare("af13");
        work(&["* FROM af13.t WHERE a = 5"]);
        let id = apply_part("af13", "(a)");
        let commands = commands(id, "job_id");
        play(&commands[..2]).expect("check");
        for broken in ["jsonb_set(plan, '{made,0,name}', '\"a.b.c.d.e\"')", "'{}'"] {
            run(&format!(
                "UPDATE pgopt.action_log SET plan = {broken} WHERE id = {id}"
            ));
            end(id, "job_id", false, true);
            end(id, "job_id", false, false);
            crate::actions::recover().expect("recover");
        }
        assert_eq!(
            number(&format!(
                "SELECT count(*) FROM pgopt.action_log WHERE id = {id} AND clean_up_job_id IS NULL"
            )),
            1
        );
    }

    #[pg_test]
    fn jobs_of_others_are_none_of_our_business() {
        crate::actions::run_ended(-1, false, false).expect("nothing");
    }
}
