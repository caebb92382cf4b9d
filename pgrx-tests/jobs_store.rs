//! What the worker does when, with a clock of the test's: schedules over days, overlaps, missed
//! times, blocks, room.

#[allow(clippy::expect_used)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use pgrx::prelude::*;

    use crate::jobs::store;
    use crate::jobs_support::{
        DAY, HOUR, MINUTE, SECOND, adopt, at, begin, end, fail, log, plan, shown, start, start_one,
        starts_nothing, succeed, tally,
    };
    use crate::test_support::{gives, run, value};

    /// Lets the worker wake whenever it wants to, each run taking a second; how many there were.
    fn live(from: i64, until: i64) -> usize {
        let mut now = from;
        let mut runs = 0;
        while now < until {
            let plan = plan(now, 10);
            store::claim(&plan.starts, now).expect("claim");
            for start in &plan.starts {
                assert_eq!(succeed(start, now, now + SECOND).len(), 1);
                runs += 1;
            }
            match plan.wake_at {
                _ if !plan.starts.is_empty() => now += SECOND,
                Some(next) => now = next,
                None => break,
            }
        }
        runs
    }

    #[pg_test]
    fn three_days_of_schedules_run_as_often_as_they_should() {
        let now = begin();
        run(
            "SELECT pgopt.schedule('quarter', '15 minutes', 'SELECT 1', starts => '2031-01-01 00:00+00')",
        );
        run("SELECT pgopt.schedule('nightly', '30 2 * * *', 'SELECT 1')");
        run("SELECT pgopt.schedule('often', '*/10 * * * * *', 'SELECT 1', enabled => false)");
        run("SELECT pgopt.schedule('never', NULL, 'SELECT 1')");
        adopt(now);
        let runs = live(now, now + 3 * DAY);
        assert_eq!(runs, 3 * 96 - 1 + 3);
        assert_eq!(tally("quarter"), "succeeded 287");
        assert_eq!(tally("nightly"), "succeeded 3");
        gives(
            "SELECT string_agg(DISTINCT to_char(started, 'HH24:MI:SS'), ' ') FROM pgopt.job_runs WHERE name = 'nightly'",
            "02:30:00",
        );
        assert_eq!(tally("often") + &tally("never"), "");
    }

    #[pg_test]
    fn daylight_saving_runs_a_nightly_job_once_and_an_hourly_one_through() {
        run("SET TimeZone = 'UTC'");
        run(
            "SELECT pgopt.schedule('fixed', '30 2 * * *', 'SELECT 1', time_zone => 'Europe/Berlin')",
        );
        run(
            "SELECT pgopt.schedule('hourly', '30 * * * *', 'SELECT 1', time_zone => 'Europe/Berlin')",
        );
        // Clocks are put forward on 2031-03-30 and back on 2031-10-26.
        for (day, from, until) in [
            ("spring", "2031-03-29 23:00+00", "2031-03-30 22:00+00"),
            ("autumn", "2031-10-25 22:00+00", "2031-10-26 23:00+00"),
        ] {
            run("DELETE FROM pgopt.job_states; DELETE FROM pgopt.job_run_log");
            let now = at(from);
            adopt(now);
            live(now, at(until));
            let fixed = value(
                "SELECT string_agg(to_char(started, 'HH24:MI'), ' ' ORDER BY started) FROM pgopt.job_runs WHERE name = 'fixed'",
            );
            // Right after the gap; at the first of the two half past two.
            assert_eq!(
                fixed,
                if day == "spring" { "01:00" } else { "00:30" },
                "{day}"
            );
            let hours = if day == "spring" { 23 } else { 25 };
            assert_eq!(tally("hourly"), format!("succeeded {hours}"), "{day}");
        }
    }

    #[pg_test]
    fn looking_when_nothing_is_due_writes_nothing() {
        let now = begin();
        run(
            "SELECT pgopt.schedule('later', '1 hour', 'SELECT 1', starts => '2031-01-01 00:00+00')",
        );
        adopt(now);
        let versions = "SELECT string_agg(xmin::text || ctid::text, ' ') FROM pgopt.job_states";
        let before = value(versions);
        for minute in 1..59 {
            let plan = plan(now + minute * MINUTE, 10);
            assert!(plan.starts.is_empty());
            assert_eq!(plan.wake_at, Some(now + HOUR));
        }
        adopt(now + 59 * MINUTE);
        assert_eq!(value(versions), before);
    }

    #[pg_test]
    fn a_run_writes_two_versions_of_the_state_and_one_row_of_the_log() {
        let now = begin();
        run("SELECT pgopt.schedule('few', '1 hour', 'SELECT 1', starts => '2031-01-01 00:00+00')");
        adopt(now);
        let counts = "SELECT pg_stat_get_xact_tuples_updated('pgopt.job_states'::regclass) || ' '
            || pg_stat_get_xact_tuples_inserted('pgopt.job_run_log'::regclass) || ' '
            || pg_stat_get_xact_tuples_updated('pgopt.job_run_log'::regclass) || ' '
            || pg_stat_get_xact_tuples_deleted('pgopt.job_run_log'::regclass)";
        assert_eq!(value(counts), "0 0 0 0");
        let started = start_one(now + HOUR);
        succeed(&started, now + HOUR, now + HOUR + SECOND);
        plan(now + HOUR + SECOND, 10);
        assert_eq!(value(counts), "2 1 0 0");
        run("SET pgopt.job_history = 'errors'");
        let started = start_one(now + 2 * HOUR);
        succeed(&started, now + 2 * HOUR, now + 2 * HOUR + SECOND);
        assert_eq!(value(counts), "4 1 0 0");
    }

    #[pg_test]
    fn a_due_time_while_it_runs_is_skipped_and_said_so_once() {
        let now = begin();
        run(
            "SELECT pgopt.schedule('slow', '1 minute', 'SELECT 1', starts => '2031-01-01 00:00+00')",
        );
        adopt(now);
        let started = start_one(now + MINUTE);
        // Nothing is to be done before it ends.
        assert_eq!(plan(now + MINUTE, 10).wake_at, None);
        starts_nothing(now + 4 * MINUTE);
        let ended = now + 4 * MINUTE + 30 * SECOND;
        succeed(&started, now + MINUTE, ended);
        assert_eq!(
            log("slow"),
            "succeeded 1, skipped 3 times of the schedule were skipped because run ".to_owned()
                + &started.run.to_string()
                + " was under way"
        );
        assert_eq!(shown("skipped", "slow"), "3");
        starts_nothing(ended);
        start_one(now + 5 * MINUTE);
    }

    #[pg_test]
    fn a_due_time_while_it_runs_is_queued_once() {
        let now = begin();
        run(
            "SELECT pgopt.schedule('queued', '1 minute', 'SELECT 1', overlap => 'queue', starts => '2031-01-01 00:00+00')",
        );
        adopt(now);
        let started = start_one(now + MINUTE);
        let ended = now + 4 * MINUTE + 30 * SECOND;
        succeed(&started, now + MINUTE, ended);
        let again = start_one(ended);
        succeed(&again, ended, ended + SECOND);
        starts_nothing(ended + SECOND);
        assert_eq!(tally("queued"), "skipped 1, succeeded 2");
        assert_eq!(shown("skipped", "queued"), "2");
        start_one(now + 5 * MINUTE);
    }

    #[pg_test]
    fn times_missed_while_the_server_was_down_are_made_up_for_once_or_not_at_all() {
        let now = begin();
        for (name, catch_up) in [("yes", "true"), ("no", "false")] {
            run(&format!(
                "SELECT pgopt.schedule('{name}', '1 hour', 'SELECT 1', catch_up => {catch_up}, starts => '2031-01-01 00:00+00')"
            ));
        }
        adopt(now);
        assert_eq!(plan(now, 10).wake_at, Some(now + HOUR));
        // Nobody looked for five hours and a half.
        let late = now + 5 * HOUR + 30 * MINUTE;
        let started = start_one(late);
        assert_eq!(started.name, "yes");
        succeed(&started, late, late + SECOND);
        assert_eq!(log("yes"), "succeeded 1");
        assert_eq!(
            log("no"),
            "skipped 5 times of the schedule were skipped: due 16200 s ago, and missed runs are not made up for"
        );
        starts_nothing(late + SECOND);
        let names: Vec<String> = start(now + 6 * HOUR, 10)
            .into_iter()
            .map(|start| start.name)
            .collect();
        assert_eq!(names.len(), 2);
    }

    #[pg_test]
    fn a_job_that_waits_for_room_is_not_missed() {
        let now = begin();
        for name in ["a", "b"] {
            run(&format!(
                "SELECT pgopt.schedule('{name}', '1 hour', 'SELECT 1', catch_up => false, starts => '2031-01-01 00:00+00')"
            ));
        }
        adopt(now);
        plan(now, 1);
        let first = start(now + HOUR, 1);
        assert_eq!(first.len(), 1);
        let plan = plan(now + HOUR + MINUTE, 0);
        assert_eq!((plan.starts.len(), plan.waiting), (0, 1));
        // Ten minutes later there is room.
        let later = now + HOUR + 10 * MINUTE;
        succeed(&first[0], now + HOUR, later);
        let second = start_one(later);
        assert_eq!(second.name, "b");
    }

    #[pg_test]
    fn the_clock_goes_back_and_jobs_go_on() {
        let now = begin();
        run(
            "SELECT pgopt.schedule('c', '10 minutes', 'SELECT 1', starts => '2031-01-01 00:00+00')",
        );
        run(
            "SELECT pgopt.schedule('f', '10 minutes', 'SELECT 1', starts => '2031-01-01 00:00+00', backoff => '5 min')",
        );
        adopt(now);
        let ahead = now + 30 * DAY + 5 * MINUTE;
        for started in start(ahead, 10) {
            fail(&started, "40001", ahead, ahead + SECOND);
        }
        gives(
            "SELECT bool_and(next_run > '2031-01-31')::text FROM pgopt.jobs",
            "true",
        );
        // Somebody sets it right.
        let right = now + HOUR + MINUTE;
        plan(right, 10);
        gives(
            "SELECT bool_and(next_run <= '2031-01-01 01:10')::text FROM pgopt.jobs",
            "true",
        );
        assert_eq!(start(now + HOUR + 10 * MINUTE, 10).len(), 2);
    }

    #[pg_test]
    fn a_clock_that_stutters_runs_nothing_twice() {
        let now = begin();
        run("SELECT pgopt.schedule('s', '1 minute', 'SELECT 1', starts => '2031-01-01 00:00+00')");
        adopt(now);
        let due = now + MINUTE;
        let started = start_one(due + 1000);
        succeed(&started, due + 1000, due + 2000);
        starts_nothing(due - 5 * SECOND);
        adopt(due - 5 * SECOND);
        starts_nothing(due);
        starts_nothing(due + 30 * SECOND);
        start_one(due + MINUTE);
    }

    #[pg_test]
    fn a_run_longer_than_its_interval_slows_the_job_down() {
        let now = begin();
        run(
            "SELECT pgopt.schedule('heavy', '10 minutes', 'SELECT 1', slow_down => true, starts => '2031-01-01 00:00+00')",
        );
        adopt(now);
        let started = start_one(now + 10 * MINUTE);
        // 25 minutes of work, then 25 minutes of rest at least.
        succeed(&started, now + 10 * MINUTE, now + 35 * MINUTE);
        assert_eq!(shown("next_run", "heavy"), "2031-01-01 01:10:00+00");
        assert!(
            log("heavy").contains("succeeded 1 took 1500 s, longer than its interval"),
            "{}",
            log("heavy")
        );
        run("SELECT pgopt.schedule('another', NULL, 'SELECT 1')");
        adopt(now + 36 * MINUTE);
        assert_eq!(shown("next_run", "heavy"), "2031-01-01 01:10:00+00");
        starts_nothing(now + 65 * MINUTE);
        run("SELECT pgopt.unschedule('another')");
        let started = start_one(now + 70 * MINUTE);
        succeed(&started, now + 70 * MINUTE, now + 71 * MINUTE);
        assert_eq!(shown("next_run", "heavy"), "2031-01-01 01:20:00+00");
    }

    #[pg_test]
    fn restored_definitions_get_states_again() {
        let now = begin();
        run(
            "SELECT pgopt.schedule('hourly', '1 hour', 'SELECT 1', starts => '2031-01-01 00:00+00')",
        );
        run("SELECT pgopt.schedule('boot', '@reboot', 'SELECT 1')");
        adopt(now);
        // What pg_dump | psql leaves.
        run("DELETE FROM pgopt.job_states; DELETE FROM pgopt.job_run_log");
        assert_eq!(plan(now, 10).wake_at, None);
        adopt(now);
        assert_eq!(shown("next_run", "hourly"), "2031-01-01 01:00:00+00");
        starts_nothing(now);
        assert_eq!(start_one(now + HOUR).name, "hourly");
    }

    #[pg_test]
    fn a_definition_this_server_cannot_read_is_said_so_and_stops_no_other() {
        let now = begin();
        run("SELECT pgopt.schedule('strange', '0 3 * * *', 'SELECT 1')");
        run("SELECT pgopt.schedule('good', '1 hour', 'SELECT 1', starts => '2031-01-01 00:00+00')");
        run("UPDATE pgopt.job_definitions SET time_zone = 'Mars/Olympus' WHERE name = 'strange'");
        adopt(now);
        assert_eq!(
            log("strange"),
            "failed 22023 time zone \"Mars/Olympus\" not recognized"
        );
        assert_eq!(start_one(now + DAY).name, "good");
        adopt(now + DAY);
        assert_eq!(tally("strange"), "failed 1");
    }

    #[pg_test]
    fn a_job_for_the_start_of_the_server_runs_once_after_each() {
        let now = begin();
        run("SELECT pgopt.schedule('boot', '@reboot', 'SELECT 1')");
        adopt(now);
        starts_nothing(now);
        // As a state from before the last start looks.
        run("UPDATE pgopt.job_states SET booted = booted - interval '1 hour'");
        run("SELECT pgopt.schedule('poke', NULL, 'SELECT 1')");
        run("UPDATE pgopt.job_definitions SET version = version + 1");
        adopt(now + MINUTE);
        let started = start_one(now + MINUTE);
        assert_eq!(started.name, "boot");
        succeed(&started, now + MINUTE, now + 2 * MINUTE);
        adopt(now + 3 * MINUTE);
        starts_nothing(now + 3 * MINUTE);
    }

    #[pg_test]
    fn a_job_removed_while_it_runs_is_logged_and_leaves_nothing() {
        let now = begin();
        run("SELECT pgopt.schedule('gone', '1 hour', 'SELECT 1', starts => '2031-01-01 00:00+00')");
        adopt(now);
        let started = start_one(now + HOUR);
        run("SELECT pgopt.unschedule('gone')");
        adopt(now + HOUR);
        gives(
            "SELECT status FROM pgopt.job_runs WHERE name = 'gone'",
            "running",
        );
        assert!(store::task(started.run).expect("task").is_none());
        let reason = "the job was removed".to_owned();
        end(
            &started,
            crate::jobs::store::Ending::Skipped { reason },
            now + HOUR,
            now + HOUR + SECOND,
        );
        assert_eq!(log("gone"), "skipped 1 the job was removed");
        gives("SELECT count(*)::text FROM pgopt.job_states", "0");
    }

    #[pg_test]
    fn an_executor_reads_its_task() {
        let now = begin();
        run(
            "SELECT pgopt.schedule('t', '1 hour', ARRAY['SELECT 1', 'VACUUM'], statement_timeout => '5 s', starts => '2031-01-01 00:00+00')",
        );
        adopt(now);
        let started = start_one(now + HOUR);
        let task = store::task(started.run).expect("task").expect("there");
        assert_eq!(task.name, "t");
        assert_eq!(task.commands, ["SELECT 1", "VACUUM"]);
        assert_eq!(
            (task.statement_timeout, task.lock_timeout),
            (Some(5000), None)
        );
        assert!(store::task(started.run + 1).expect("task").is_none());
        // It may be read by the owner's own session, which has no right to the tables.
        run("CREATE ROLE job_poor; SET ROLE job_poor");
        assert!(store::task(started.run).expect("task").is_some());
        gives("SELECT current_user::text", "job_poor");
    }
}
