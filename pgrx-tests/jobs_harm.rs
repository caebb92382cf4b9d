//! What one job, one role or one row could do to others.

#[allow(clippy::expect_used)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use pgrx::prelude::*;

    use crate::error::Result;
    use crate::jobs::store::{self, Ending, Outcome};
    use crate::jobs_support::{
        HOUR, SECOND, adopt, begin, fail, log, plan, shown, start, start_one,
    };
    use crate::pg::rollback::{Surroundings, rolled_back};
    use crate::test_support::{gives, run, value};

    const ROLES: &str = "CREATE ROLE al LOGIN; CREATE ROLE bo LOGIN;
        GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pgopt TO al, bo; GRANT USAGE ON SCHEMA public TO PUBLIC";

    /// `done`, or the SQLSTATE.
    fn by(role: &str, call: &str) -> String {
        run(
            "CREATE OR REPLACE FUNCTION public.attempt(command text) RETURNS text LANGUAGE plpgsql AS
             $$ BEGIN EXECUTE command; RETURN 'done'; EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END $$",
        );
        run(&format!("SET ROLE {role}"));
        let outcome = value(&format!("SELECT public.attempt($a$SELECT pgopt.{call}$a$)"));
        run("RESET ROLE");
        outcome
    }

    /// A round that fails, as in the worker: nothing of it is left, and the store is told.
    fn fails_once<T>(work: impl FnOnce() -> Result<T>) {
        let outcome = rolled_back(&Surroundings::default(), || {
            // From here on it sees what the test wrote.
            run("SELECT 1");
            work()
        });
        assert!(outcome.is_err());
        store::has_failed();
    }

    #[pg_test]
    fn a_dropped_roles_job_restored_from_a_dump_ran_as_whoever_had_its_number() {
        let now = begin();
        run(ROLES);
        assert_eq!(by("al", "schedule('a', '1 hour', 'SELECT 1')"), "done");
        assert_eq!(by("bo", "schedule('b', '1 hour', 'SELECT 1')"), "done");
        run("SELECT pgopt.schedule('number', '1 hour', 'SELECT 1')");
        run("DROP OWNED BY al; DROP ROLE al");
        // As it is elsewhere after a restore: 10 is the first superuser there.
        run("UPDATE pgopt.job_definitions SET owner_place = 'elsewhere', owner_oid = 10");
        run("UPDATE pgopt.job_definitions SET owner = '10' WHERE name = 'number'");
        adopt(now);
        let due = plan(now + 2 * HOUR, 10);
        let starts: Vec<&str> = due.starts.iter().map(|start| start.name.as_str()).collect();
        // One missing role fails by itself, the others go on.
        assert_eq!(starts, ["b"]);
        assert_eq!(
            log("a") + &log("number"),
            "failed 1 28000 role \"al\" does not existfailed 1 28000 role \"10\" does not exist"
        );
        gives(
            "SELECT string_agg(owner::text, ' ' ORDER BY name) FROM pgopt.jobs",
            "- bo -",
        );
        // Whom it was found to be is written down.
        gives(
            "SELECT (owner_oid = 'bo'::regrole AND owner_place <> 'elsewhere')::text
               FROM pgopt.job_definitions WHERE name = 'b'",
            "true",
        );
        // A role that comes later is found, too.
        run("CREATE ROLE al LOGIN");
        adopt(now);
        assert_eq!(shown("owner", "a"), "al");
    }

    #[pg_test]
    fn a_role_of_the_same_name_inherited_a_dropped_roles_jobs() {
        let now = begin();
        run(ROLES);
        assert_eq!(by("al", "schedule('a', '1 hour', 'SELECT 1')"), "done");
        adopt(now);
        run("DROP OWNED BY al; DROP ROLE al; CREATE ROLE al LOGIN");
        adopt(now);
        let due = plan(now + 2 * HOUR, 10);
        assert!(due.starts.is_empty(), "{due:?}");
        assert_eq!(log("a"), "failed 1 28000 role \"al\" does not exist");
        run("SET ROLE al");
        gives("SELECT count(*)::text FROM pgopt.jobs", "0");
        run("RESET ROLE");
        assert_eq!(by("al", "pause('a')"), "42704");
    }

    #[pg_test]
    fn a_renamed_owner_was_not_found_after_a_restore() {
        let now = begin();
        run(ROLES);
        assert_eq!(by("al", "schedule('a', '1 hour', 'SELECT 1')"), "done");
        run("ALTER ROLE al RENAME TO allan");
        store::trim_history(now).expect("trim");
        gives("SELECT owner FROM pgopt.job_definitions", "allan");
        gives("SELECT owner::text FROM pgopt.jobs", "allan");
    }

    #[pg_test]
    fn one_row_that_cannot_be_read_stopped_every_job() {
        let now = begin();
        for job in ["a", "broken", "c", "endless", "e"] {
            run(&format!(
                "SELECT pgopt.schedule('{job}', '1 hour', 'SELECT 1')"
            ));
        }
        run("UPDATE pgopt.job_definitions SET overlap = 'nonsense' WHERE name = 'broken'");
        run("UPDATE pgopt.job_definitions SET starts = 'infinity' WHERE name = 'endless'");
        fails_once(|| store::adopt(now));
        adopt(now);
        let starts = start(now + 2 * HOUR, 10);
        assert_eq!(starts.len(), 3, "{starts:?}");
        for job in ["broken", "endless"] {
            assert_eq!(shown("state", job), "quarantined");
            assert_ne!(shown("last_message", job), "");
            gives(
                &format!("SELECT (next_run IS NULL)::text FROM pgopt.jobs WHERE name = '{job}'"),
                "true",
            );
        }
        // It stays aside, until it is changed.
        store::has_failed();
        adopt(now);
        assert_eq!(shown("state", "broken"), "quarantined");
        run("SELECT pgopt.schedule('broken', '1 hour', 'SELECT 1', replace => true)");
        adopt(now + 2 * HOUR);
        assert_eq!(shown("state", "broken"), "scheduled");
        assert_eq!(start(now + 4 * HOUR, 10).len(), 1);
    }

    #[pg_test]
    fn a_row_that_broke_the_end_of_its_run_kept_all_from_ending() {
        let now = begin();
        for job in ["a", "broken", "c"] {
            run(&format!(
                "SELECT pgopt.schedule('{job}', '1 hour', 'SELECT 1')"
            ));
        }
        adopt(now);
        let late = now + 2 * HOUR;
        let starts = start(late, 10);
        assert_eq!(starts.len(), 3);
        run("UPDATE pgopt.job_definitions SET overlap = 'nonsense' WHERE name = 'broken'");
        let outcomes: Vec<Outcome> = (starts.iter())
            .map(|start| Outcome {
                run: start.run,
                job: start.job,
                ending: Ending::Succeeded { remark: None },
                started: late,
                finished: late + SECOND,
                rows: None,
            })
            .collect();
        fails_once(|| store::finish(&outcomes, late + SECOND));
        let ended = store::finish(&outcomes, late + SECOND).expect("finish");
        assert_eq!(ended.len(), 3);
        assert_eq!(shown("state", "broken"), "quarantined");
        assert_eq!(
            log("a") + &log("broken") + &log("c"),
            "succeeded 1succeeded 1succeeded 1"
        );
        gives(
            "SELECT count(*)::text FROM pgopt.job_states WHERE running_run IS NOT NULL",
            "0",
        );
    }

    #[pg_test]
    fn what_fails_for_want_of_room_puts_no_job_aside() {
        let now = begin();
        run("SELECT pgopt.schedule('a', '1 hour', 'SELECT 1')");
        adopt(now);
        let full =
            || crate::error::Error::new(pgrx::PgSqlErrorCode::ERRCODE_DISK_FULL, "no space left");
        store::has_failed();
        let outcome = rolled_back(&Surroundings::default(), || {
            run("SELECT 1");
            store::plan(now + 2 * HOUR, 10, &mut |_| Err(full()))
        });
        assert!(outcome.is_err());
        assert_eq!(shown("state", "a"), "scheduled");
    }

    #[pg_test]
    fn a_thousand_requests_for_one_job_piled_up() {
        let now = begin();
        run("SELECT pgopt.schedule('x', '1 hour', 'SELECT 1')");
        run(
            "SELECT count(pgopt.run_now('x')), count(pgopt.reset_breaker('x')::text) FROM generate_series(1, 1000)",
        );
        gives(
            "SELECT string_agg(kind, ' ' ORDER BY kind) FROM pgopt.job_requests",
            "reset run",
        );
        // However many there are, some are taken up at a time, and the rest right after.
        run(
            "INSERT INTO pgopt.job_requests SELECT -i, 0, 'run' FROM generate_series(1, 1500) AS i",
        );
        assert_eq!(plan(now, 0).wake_at, Some(now));
        gives("SELECT count(*)::text FROM pgopt.job_requests", "502");
        assert_eq!(plan(now, 1).starts.len(), 1);
        gives("SELECT count(*)::text FROM pgopt.job_requests", "0");
    }

    #[pg_test]
    fn one_role_scheduled_jobs_without_end() {
        run(ROLES);
        run("SET pgopt.max_jobs_per_role = 2");
        let job = |name: &str| format!("schedule('{name}', '1 hour', 'SELECT 1')");
        assert_eq!(by("al", &job("a1")), "done");
        assert_eq!(by("al", &job("a2")), "done");
        assert_eq!(by("al", &job("a3")), "53400");
        assert_eq!(by("bo", &job("b1")), "done");
        assert_eq!(by("al", "unschedule('a1')"), "done");
        assert_eq!(by("al", &job("a3")), "done");
        for name in ["p1", "p2", "p3"] {
            run(&format!("SELECT pgopt.{}", job(name)));
        }
    }

    #[pg_test]
    fn one_role_blocked_the_jobs_of_another_with_its_key() {
        let now = begin();
        run(ROLES);
        let job =
            |name: &str| format!("schedule('{name}', '1 hour', 'SELECT 1', exclusion_key => 'k')");
        assert_eq!(by("al", &job("a1")), "done");
        assert_eq!(by("al", &job("a2")), "done");
        assert_eq!(by("bo", &job("b1")), "done");
        adopt(now);
        let mut names: Vec<String> = (start(now + 2 * HOUR, 10).into_iter())
            .map(|start| start.name)
            .collect();
        names.sort();
        assert_eq!(names, ["a1", "b1"]);
        assert!(start(now + 2 * HOUR, 10).is_empty());
    }

    #[pg_test]
    fn users_took_the_names_and_keys_of_pgopts_own_jobs() {
        run(ROLES);
        let named = |name: &str| format!("schedule('{name}', NULL, 'SELECT 1')");
        assert_eq!(by("al", &named("pgopt clean up 1")), "42939");
        assert_eq!(by("al", &named("pgopts own")), "done");
        assert_eq!(
            by("al", "alter_job('pgopts own', new_name => 'pgopt apply 7')"),
            "42939"
        );
        assert_eq!(
            by(
                "al",
                "alter_job('pgopts own', exclusion_key => 'pgopt:table:7')"
            ),
            "42939"
        );
        assert_eq!(
            by("al", "alter_job('pgopts own', exclusion_key => 'table:7')"),
            "done"
        );
        assert_eq!(
            by("al", "alter_job('pgopts own', priority => 101)"),
            "22023"
        );
    }

    #[pg_test]
    fn anybody_was_told_whose_a_job_is() {
        run(ROLES);
        run("GRANT pg_read_all_stats TO bo; CREATE ROLE cy LOGIN");
        assert_eq!(by("al", "schedule('a', NULL, 'SELECT 1')"), "done");
        for call in ["pause('a')", "pause('nowhere')"] {
            assert_eq!(by("cy", call), "42704", "{call}");
        }
        for call in ["unschedule('a')", "unschedule('nowhere')"] {
            assert_eq!(by("cy", call), "done", "{call}");
        }
        assert_eq!(shown("state", "a"), "on demand");
        // Who sees it in the view is told.
        assert_eq!(
            by("bo", "pause('a')") + &by("bo", "unschedule('a')"),
            "4250142501"
        );
    }

    #[pg_test]
    fn a_job_replaced_before_its_run_began_ran_as_its_former_owner() {
        let now = begin();
        run(ROLES);
        assert_eq!(
            by(
                "al",
                "schedule('a', NULL, 'SELECT 1', once => true, max_attempts => 1)"
            ),
            "done"
        );
        assert_eq!(by("al", "run_now('a')"), "done");
        let first = start_one(now);
        run(
            "SELECT pgopt.schedule('a', NULL, 'SELECT 2', once => true, max_attempts => 1, replace => true)",
        );
        let error = store::task(first.run).expect_err("no task");
        assert_eq!(error.sqlstate_text(), "40001");
        let ending = Ending::Failed {
            sqlstate: error.sqlstate_text(),
            message: error.message().to_owned(),
        };
        crate::jobs_support::end(&first, ending, now, now + SECOND);
        assert_eq!(
            log("a"),
            "skipped 1 40001 the job was changed before the run began"
        );
        adopt(now + SECOND);
        let second = start_one(now + 2 * SECOND);
        assert_eq!((second.owner, second.attempt), (10.into(), 1));
        let task = store::task(second.run).expect("task").expect("there");
        assert_eq!(task.commands, ["SELECT 2"]);
        // The same words from the job itself are a failure like any other.
        fail(&second, "40001", now, now + 3 * SECOND);
        gives("SELECT count(*)::text FROM pgopt.jobs", "0");
    }

    #[pg_test]
    fn identifiers_began_anew_with_the_extension() {
        for sequence in ["job_ids", "job_run_ids"] {
            gives(
                &format!(
                    "SELECT (last_value / 1000 BETWEEN extract(epoch FROM now()) - 1577836800 - 86400
                        AND extract(epoch FROM now()) - 1577836800 + 86400)::text FROM pgopt.{sequence}"
                ),
                "true",
            );
        }
    }

    #[pg_test]
    fn pending_jobs_for_once_were_dumped_and_the_owner_of_the_database_could_not_dump() {
        gives(
            "SELECT string_agg(condition, ' | ' ORDER BY condition) FROM pg_extension, unnest(extcondition) AS condition
              WHERE extname = 'pgopt' AND condition <> ''",
            "WHERE NOT once | WHERE job_id IN (SELECT id FROM pgopt.job_definitions WHERE NOT once)",
        );
        run(ROLES);
        let reads = "SELECT bool_and(has_table_privilege(c::oid, 'SELECT'))::text FROM pg_extension, unnest(extconfig) AS c
              WHERE extname = 'pgopt'";
        run("SET ROLE al");
        gives(reads, "false");
        run("RESET ROLE; ALTER DATABASE pgrx_tests OWNER TO al; SET ROLE al");
        gives(reads, "true");
        run("RESET ROLE");
    }
}
