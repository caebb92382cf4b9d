//! The SQL interface of jobs: what is scheduled, changed, shown, and to whom.

#[allow(clippy::expect_used)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use pgrx::prelude::*;

    use crate::jobs_support::{adopt, begin, shown};
    use crate::test_support::{gives, run, value};

    #[pg_test]
    fn a_scheduled_job_is_shown_with_its_defaults() {
        run("SET TimeZone = 'Europe/Berlin'");
        run("SELECT pgopt.schedule('clean', '15 minutes', 'DELETE FROM nowhere')");
        gives(
            "SELECT concat_ws('|', name, owner, schedule, time_zone, command, cardinality(commands), state,
                    next_run - starts, failures, breaker, statement_timeout, max_attempts, backoff,
                    backoff_max, breaker_failures, breaker_cooldown, overlap, catch_up, priority,
                    maintenance_window, once, slow_down, starts <= clock_timestamp())
               FROM pgopt.jobs",
            "clean|postgres|15 minutes|Europe/Berlin|DELETE FROM nowhere|1|scheduled|00:15:00|0|closed|3|00:00:10|00:05:00|5|00:10:00|skip|t|0|f|f|f|t",
        );
        gives("SELECT count(*)::text FROM pgopt.job_runs", "0");
    }

    #[pg_test]
    fn every_policy_can_be_given_and_changed() {
        run("SELECT pgopt.schedule('up', NULL, 'SELECT 1')");
        run("SELECT pgopt.schedule('all', '0 3 * * *', commands => ARRAY['SELECT 1', 'VACUUM'],
               time_zone => 'Asia/Kathmandu', starts => '2031-01-01 00:00+00', statement_timeout => '1500 ms',
               lock_timeout => '0', max_attempts => 7, backoff => '1 min', backoff_max => '1 hour',
               breaker_failures => 0, breaker_cooldown => '2 hours', overlap => 'queue', catch_up => false,
               priority => -5, maintenance_window => true, exclusion_key => 'k', run_after => '{up}',
               once => true, slow_down => true, enabled => false)");
        let all = "SELECT concat_ws('|', schedule, commands, time_zone, starts AT TIME ZONE 'UTC', statement_timeout, lock_timeout,
                max_attempts, backoff, backoff_max, breaker_failures, breaker_cooldown, overlap, catch_up,
                priority, maintenance_window, exclusion_key, run_after, once, slow_down, state, next_run)
               FROM pgopt.jobs WHERE name = 'all'";
        gives(
            all,
            "0 3 * * *|{\"SELECT 1\",VACUUM}|Asia/Kathmandu|2031-01-01 00:00:00|00:00:01.5|00:00:00|7|00:01:00|01:00:00|0|02:00:00|queue|f|-5|t|k|{up}|t|t|paused",
        );
        // Nothing named, nothing changed.
        run("SELECT pgopt.alter_job('all')");
        gives(
            all,
            "0 3 * * *|{\"SELECT 1\",VACUUM}|Asia/Kathmandu|2031-01-01 00:00:00|00:00:01.5|00:00:00|7|00:01:00|01:00:00|0|02:00:00|queue|f|-5|t|k|{up}|t|t|paused",
        );
        run("SELECT pgopt.alter_job('all', new_name => 'few', schedule => '', command => 'SELECT 2',
               time_zone => 'utc', statement_timeout => '-1 s', lock_timeout => '1 us', max_attempts => 1,
               backoff => '0', backoff_max => '0', breaker_failures => 1, breaker_cooldown => '1 s',
               overlap => 'skip', catch_up => true, priority => 9, maintenance_window => false,
               exclusion_key => '', run_after => '{}', once => false, slow_down => false, enabled => true)");
        gives(
            &all.replace("'all'", "'few'"),
            "{\"SELECT 2\"}|UTC|2031-01-01 00:00:00|00:00:00.001|1|00:00:00|00:00:00|1|00:00:01|skip|t|9|f|{}|f|f|on demand",
        );
    }

    #[pg_test]
    fn schedules_of_every_kind_are_read() {
        run("SET TimeZone = 'UTC'");
        let kinds = [
            ("@hourly", "date_trunc('hour', now()) + '1 h'"),
            ("@daily", "date_trunc('day', now()) + '1 d'"),
            ("@Midnight", "date_trunc('day', now()) + '1 d'"),
            ("@weekly", "date_trunc('week', now() + '1 d') + '6 d'"),
            ("@monthly", "date_trunc('month', now()) + '1 mon'"),
            ("@yearly", "date_trunc('year', now()) + '1 y'"),
            ("@annually", "date_trunc('year', now()) + '1 y'"),
            ("@reboot", "NULL"),
            ("  0 0 1 1 *  ", "date_trunc('year', now()) + '1 y'"),
            ("0 0 0 1 JAN *", "date_trunc('year', now()) + '1 y'"),
            ("00:00:01", "starts + '1 s'"),
            ("P1M", "starts + '1 mon'"),
            (
                "1 mon 2 days 3 hours 4 min 5 s",
                "starts + '1 mon 2 d 03:04:05'",
            ),
            ("1.5 hours", "starts + '90 min'"),
            ("@ 5 minutes", "starts + '5 min'"),
        ];
        for (schedule, next) in kinds {
            run(&format!(
                "SELECT pgopt.schedule('k', '{schedule}', 'SELECT 1', replace => true)"
            ));
            let wrong = value(&format!(
                "SELECT coalesce((SELECT concat(schedule, ' ', next_run, ' ', starts) FROM pgopt.jobs
                  WHERE name = 'k' AND next_run IS DISTINCT FROM {next}), '')"
            ));
            assert_eq!(wrong, "", "{schedule}");
        }
    }

    #[pg_test]
    fn next_run_is_right_before_the_worker_has_seen_a_change_and_after() {
        let now = begin();
        run("SELECT pgopt.schedule('n', '0 3 * * *', 'SELECT 1')");
        adopt(now);
        assert_eq!(shown("next_run", "n"), "2031-01-01 03:00:00+00");
        run("SELECT pgopt.pause('n')");
        assert_eq!(shown("concat(state, next_run)", "n"), "paused");
        adopt(now);
        assert_eq!(shown("concat(state, next_run)", "n"), "paused");
        run("SELECT pgopt.pause('n'); SELECT pgopt.resume('n')");
        assert_eq!(shown("state", "n"), "scheduled");
        assert_eq!(
            shown("next_run > now() AND next_run < now() + '25 hours'", "n"),
            "true"
        );
        adopt(now);
        assert_eq!(shown("next_run", "n"), "2031-01-01 03:00:00+00");
        run("SELECT pgopt.alter_job('n', schedule => '0 4 * * *', time_zone => 'Europe/Berlin')");
        adopt(now);
        assert_eq!(shown("next_run", "n"), "2031-01-01 03:00:00+00");
    }

    #[pg_test]
    fn replacing_keeps_the_job_and_its_identifier() {
        let first = value("SELECT pgopt.schedule('r', '1 hour', 'SELECT 1')::text");
        let second = value(
            "SELECT pgopt.schedule('r', '2 hours', 'SELECT 2', priority => 3, replace => true)::text",
        );
        assert_eq!(first, second);
        gives(
            "SELECT schedule || command || priority FROM pgopt.jobs",
            "2 hoursSELECT 23",
        );
        gives(
            "SELECT pgopt.unschedule('r')::text || pgopt.unschedule('r')::text",
            "truefalse",
        );
        gives("SELECT count(*)::text FROM pgopt.jobs", "0");
    }

    #[pg_test]
    fn a_second_request_before_the_first_began_is_the_same_run() {
        let now = begin();
        run("SELECT pgopt.schedule('twice', NULL, 'SELECT 1')");
        let run_id = value("SELECT pgopt.run_now('twice')::text");
        assert_eq!(value("SELECT pgopt.run_now('twice')::text"), run_id);
        assert_eq!(shown("state", "twice"), "requested");
        let started = crate::jobs_support::start_one(now);
        assert_eq!(started.run.to_string(), run_id);
        assert_eq!(
            shown("state || running_run", "twice"),
            format!("running{run_id}")
        );
        gives(
            "SELECT concat_ws(' ', name, command, status, attempt, finished) FROM pgopt.job_runs",
            "twice SELECT 1 running 1",
        );
        assert_ne!(value("SELECT pgopt.run_now('twice')::text"), run_id);
    }

    const ROLES: &str =
        "CREATE ROLE job_owner LOGIN; CREATE ROLE job_member LOGIN IN ROLE job_owner;
        CREATE ROLE job_other LOGIN; CREATE ROLE job_reader LOGIN IN ROLE pg_read_all_stats;
        GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pgopt TO job_owner, job_other, job_member;";

    /// What a role gets for a command: `done`, or the SQLSTATE.
    fn as_role(role: &str, command: &str) -> String {
        run(
            "CREATE OR REPLACE FUNCTION public.attempt(command text) RETURNS text LANGUAGE plpgsql AS
             $$ BEGIN EXECUTE command; RETURN 'done'; EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END $$;
             GRANT USAGE ON SCHEMA public TO PUBLIC",
        );
        run(&format!("SET ROLE {role}"));
        let outcome = value(&format!("SELECT public.attempt($a${command}$a$)"));
        run("RESET ROLE");
        outcome
    }

    #[pg_test]
    fn a_job_is_changed_by_its_owner_and_his_members_only() {
        run(ROLES);
        assert_eq!(
            as_role(
                "job_owner",
                "SELECT pgopt.schedule('o', '1 hour', 'SELECT 1')"
            ),
            "done"
        );
        assert_eq!(shown("owner", "o"), "job_owner");
        for command in [
            "alter_job('o', priority => 1)",
            "run_now('o')",
            "pause('o')",
            "resume('o')",
            "reset_breaker('o')",
        ] {
            let command = format!("SELECT pgopt.{command}");
            assert_eq!(as_role("job_other", &command), "42704", "{command}");
        }
        assert_eq!(
            as_role(
                "job_other",
                "SELECT pgopt.schedule('o', '1 hour', 'SELECT 2', replace => true)"
            ),
            "42501"
        );
        assert_eq!(as_role("job_other", "SELECT pgopt.unschedule('o')"), "done");
        assert_eq!(
            shown("concat(state, priority, command)", "o"),
            "scheduled0SELECT 1"
        );
        assert_eq!(
            as_role(
                "job_other",
                "SELECT pgopt.schedule('o', '1 hour', 'SELECT 1')"
            ),
            "42710"
        );
        assert_eq!(
            as_role(
                "job_other",
                "SELECT pgopt.schedule('p', '1 hour', 'SELECT 1', run_after => '{o}')"
            ),
            "42704"
        );
        assert_eq!(
            as_role("job_member", "SELECT pgopt.alter_job('o', priority => 1)"),
            "done"
        );
        // A superuser's change leaves the owner.
        run("SELECT pgopt.alter_job('o', priority => 2)");
        assert_eq!(shown("owner || priority::text", "o"), "job_owner2");
        // A member's replacement is the member's job.
        assert_eq!(
            as_role(
                "job_member",
                "SELECT pgopt.schedule('o', '1 hour', 'SELECT 3', replace => true)"
            ),
            "done"
        );
        assert_eq!(shown("owner", "o"), "job_member");
        assert_eq!(as_role("job_owner", "SELECT pgopt.pause('o')"), "42704");
        assert_eq!(
            as_role("job_member", "SELECT pgopt.unschedule('o')"),
            "done"
        );
    }

    #[pg_test]
    fn background_work_is_for_whom_the_database_owner_allows_it() {
        run("CREATE ROLE job_nobody LOGIN");
        for command in [
            "schedule('x', '1 hour', 'SELECT 1')",
            "schedule('x', '1 hour', ARRAY['SELECT 1'])",
            "alter_job('x')",
            "run_now('x')",
            "resume('x')",
            "reset_breaker('x')",
        ] {
            assert_eq!(
                as_role("job_nobody", &format!("SELECT pgopt.{command}")),
                "42501",
                "{command}"
            );
        }
        assert_eq!(
            as_role("job_nobody", "SELECT pgopt.unschedule('x')"),
            "done"
        );
        assert_eq!(as_role("job_nobody", "SELECT pgopt.pause('x')"), "42704");
        run("ALTER DATABASE pgrx_tests OWNER TO job_nobody");
        assert_eq!(
            as_role(
                "job_nobody",
                "SELECT pgopt.schedule('x', '1 hour', 'SELECT 1')"
            ),
            "done"
        );
    }

    #[pg_test]
    fn everybody_sees_his_own_jobs_and_runs_and_touches_no_table() {
        run(ROLES);
        assert_eq!(
            as_role("job_owner", "SELECT pgopt.schedule('o', NULL, 'SELECT 1')"),
            "done"
        );
        assert_eq!(as_role("job_owner", "SELECT pgopt.run_now('o')"), "done");
        let now = begin();
        let started = crate::jobs_support::start_one(now);
        crate::jobs_support::succeed(&started, now, now + 5);
        let sees = |role: &str| {
            run(&format!("SET ROLE {role}"));
            let seen = value(
                "SELECT (SELECT count(*) FROM pgopt.jobs) || ' ' || (SELECT count(*) FROM pgopt.job_runs)",
            );
            run("RESET ROLE");
            seen
        };
        assert_eq!(sees("job_owner"), "1 1");
        assert_eq!(sees("job_member"), "1 1");
        assert_eq!(sees("job_other"), "0 0");
        assert_eq!(sees("job_reader"), "1 1");
        assert_eq!(sees("postgres"), "1 1");
        for table in [
            "job_definitions",
            "job_states",
            "job_requests",
            "job_run_log",
        ] {
            for command in [
                "SELECT * FROM pgopt.$t",
                "DELETE FROM pgopt.$t",
                "TRUNCATE pgopt.$t",
                "LOCK pgopt.$t",
            ] {
                let command = command.replace("$t", table);
                assert_eq!(as_role("job_owner", &command), "42501", "{command}");
            }
        }
        assert_eq!(
            as_role("job_owner", "SELECT nextval('pgopt.job_ids')"),
            "42501"
        );
        // A function that a user puts in the way of the view sees no other's rows.
        run(
            "CREATE FUNCTION public.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS
             $$ BEGIN RAISE EXCEPTION 'leaked %', $1; END $$",
        );
        assert_eq!(
            as_role(
                "job_other",
                "SELECT * FROM pgopt.jobs WHERE public.leak(name)"
            ),
            "done"
        );
        assert_eq!(
            as_role(
                "job_other",
                "SELECT * FROM pgopt.job_runs WHERE public.leak(name)"
            ),
            "done"
        );
    }

    #[pg_test]
    fn the_views_survive_an_owner_that_was_dropped() {
        let now = begin();
        run(
            "CREATE ROLE job_gone LOGIN; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pgopt TO job_gone",
        );
        assert_eq!(
            as_role(
                "job_gone",
                "SELECT pgopt.schedule('g', '1 hour', 'SELECT 1')"
            ),
            "done"
        );
        run("DROP OWNED BY job_gone; DROP ROLE job_gone; CREATE ROLE job_stays LOGIN");
        adopt(now);
        let due = now + 2 * crate::jobs_support::HOUR;
        let plan = crate::jobs_support::plan(due, 5);
        assert!(plan.starts.is_empty());
        assert_eq!(plan.ended.len(), 1);
        gives(
            "SELECT string_agg(owner::text, '') ~ '^[0-9]+$' || '' FROM pgopt.jobs",
            "true",
        );
        gives(
            "SELECT status || sqlstate || (message = 'role \"job_gone\" does not exist') FROM pgopt.job_runs",
            "failed28000true",
        );
        run("SET ROLE job_stays");
        gives("SELECT count(*)::text FROM pgopt.jobs", "0");
        gives("SELECT count(*)::text FROM pgopt.job_runs", "0");
        run("RESET ROLE");
        // It can be given up, or taken over.
        run("SELECT pgopt.pause('g')");
        run("SELECT pgopt.schedule('g', '1 hour', 'SELECT 1', replace => true)");
        assert_eq!(shown("owner", "g"), "postgres");
    }

    #[pg_test]
    fn definitions_are_dumped_and_what_follows_from_them_is_not() {
        gives(
            "SELECT string_agg(c::regclass::text, ' ' ORDER BY c::regclass::text)
               FROM pg_extension, unnest(extconfig) AS c WHERE extname = 'pgopt' AND c::regclass::text LIKE 'pgopt.job%'",
            "pgopt.job_definitions pgopt.job_ids",
        );
    }
}
