//! Which jobs go first, which wait, and for what, with a clock of the test's.

#[allow(clippy::expect_used)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use pgrx::prelude::*;

    use crate::jobs::store;
    use crate::jobs_support::{
        HOUR, MINUTE, SECOND, adopt, begin, log, plan, shown, start, start_one, starts_nothing,
        succeed,
    };
    use crate::test_support::{gives, run, value};

    #[pg_test]
    fn priorities_and_requests_come_first() {
        let now = begin();
        for (name, priority) in [("low", -1), ("high", 5), ("mid", 0)] {
            run(&format!(
                "SELECT pgopt.schedule('{name}', '1 hour', 'SELECT 1', priority => {priority}, starts => '2031-01-01 00:00+00')"
            ));
        }
        run("SELECT pgopt.schedule('asked', NULL, 'SELECT 1', priority => -9)");
        adopt(now);
        run("SELECT pgopt.run_now('asked')");
        let names: Vec<String> = (0..4)
            .flat_map(|_| start(now + HOUR, 1))
            .map(|start| start.name)
            .collect();
        assert_eq!(names, ["asked", "high", "mid", "low"]);
    }

    #[pg_test]
    fn two_jobs_with_the_same_key_never_run_at_once() {
        let now = begin();
        for name in ["a", "b", "c"] {
            let key = if name == "c" { "other" } else { "table" };
            run(&format!(
                "SELECT pgopt.schedule('{name}', '1 hour', 'SELECT 1', exclusion_key => '{key}', starts => '2031-01-01 00:00+00')"
            ));
        }
        adopt(now);
        let first = start(now + HOUR, 10);
        let names: Vec<&str> = first.iter().map(|start| start.name.as_str()).collect();
        assert_eq!(names, ["a", "c"]);
        let waits = plan(now + HOUR + SECOND, 10);
        assert_eq!((waits.starts.len(), waits.waiting), (0, 1));
        succeed(&first[0], now + HOUR, now + HOUR + MINUTE);
        assert_eq!(start_one(now + HOUR + MINUTE).name, "b");
    }

    #[pg_test]
    fn a_job_lets_those_go_first_that_it_runs_after() {
        let now = begin();
        run(
            "SELECT pgopt.schedule('base', '1 hour', 'SELECT 1', priority => -5, starts => '2031-01-01 00:00+00')",
        );
        run(
            "SELECT pgopt.schedule('middle', '1 hour', 'SELECT 1', run_after => '{base}', starts => '2031-01-01 00:00+00')",
        );
        run(
            "SELECT pgopt.schedule('top', '1 hour', 'SELECT 1', priority => 5, run_after => '{base,middle}', starts => '2031-01-01 00:00+00')",
        );
        adopt(now);
        let mut due = now + HOUR;
        for name in ["base", "middle", "top"] {
            let started = start_one(due);
            assert_eq!(started.name, name);
            starts_nothing(due + SECOND);
            succeed(&started, due, due + MINUTE);
            due += MINUTE;
        }
        starts_nothing(due);
    }

    #[pg_test]
    fn jobs_that_wait_for_each_other_do_not_wait_for_ever() {
        let now = begin();
        run("SELECT pgopt.schedule('hen', '1 hour', 'SELECT 1', starts => '2031-01-01 00:00+00')");
        run(
            "SELECT pgopt.schedule('egg', '1 hour', 'SELECT 1', run_after => '{hen}', starts => '2031-01-01 00:00+00')",
        );
        run("SELECT pgopt.alter_job('hen', run_after => '{egg}')");
        adopt(now);
        let first = start_one(now + HOUR);
        starts_nothing(now + HOUR);
        succeed(&first, now + HOUR, now + HOUR + SECOND);
        let second = start_one(now + HOUR + SECOND);
        assert_ne!(first.name, second.name);
    }

    #[pg_test]
    fn a_thousand_jobs_due_at_once_all_start_and_none_twice() {
        let now = begin();
        run(
            "SELECT pgopt.schedule('j' || i, '1 minute', 'SELECT 1', starts => '2031-01-01 00:00+00') FROM generate_series(1, 1000) AS i",
        );
        adopt(now);
        let mut due = now + MINUTE;
        let mut runs = 0;
        let begun = std::time::Instant::now();
        while runs < 1000 {
            let starts = start(due, 8);
            assert_eq!(starts.len(), 8);
            runs += starts.len();
            due += 10_000;
            for start in &starts {
                succeed(start, due - 10_000, due);
            }
        }
        let took = begun.elapsed();
        assert_eq!(plan(due, 8).waiting, 0);
        gives(
            "SELECT count(*) || ' ' || count(DISTINCT name) FROM pgopt.job_runs",
            "1000 1000",
        );
        // Two cores have a minute for it; a debug build in a test's transaction takes far less.
        assert!(took.as_secs() < 30, "{took:?}");
        pgrx::log!("1000 runs planned, claimed and finished in {took:?}");
    }

    #[pg_test]
    fn only_due_jobs_are_looked_at() {
        run(
            "SELECT pgopt.schedule('j' || i, '1 day', 'SELECT 1', starts => '2031-01-01 12:00+00') FROM generate_series(1, 3000) AS i",
        );
        let now = begin();
        adopt(now);
        run("ANALYZE pgopt.job_states");
        plan(now + MINUTE, 8);
        let reads =
            "SELECT coalesce(sum(pg_stat_get_xact_tuples_returned(c)), 0)::text FROM (VALUES
            ('pgopt.job_states'::regclass), ('pgopt.job_definitions'::regclass)) AS v(c)";
        run(
            "SELECT pgopt.schedule('due', '1 minute', 'SELECT 1', starts => '2031-01-01 00:00+00')",
        );
        adopt(now + MINUTE);
        let before = value(reads);
        for minute in 2..12 {
            let at = now + minute * MINUTE;
            let started = start_one(at);
            succeed(&started, at, at + SECOND);
        }
        // Sequential scans would have returned every row, in each round.
        let after = value(reads);
        let read = after.parse::<i64>().expect("number") - before.parse::<i64>().expect("number");
        assert!(read < 300, "{read} rows");
    }

    #[pg_test]
    fn a_skipped_precheck_is_recorded_and_starts_nothing() {
        let now = begin();
        run(
            "SELECT pgopt.schedule('fresh', '1 hour', 'SELECT 1', starts => '2031-01-01 00:00+00')",
        );
        adopt(now);
        let mut asked = Vec::new();
        let plan = store::plan(now + HOUR, 10, &mut |due| {
            asked.push((due.job, due.requested));
            Ok(Some("nothing changed".to_owned()))
        })
        .expect("plan");
        assert!(plan.starts.is_empty());
        assert_eq!(plan.wake_at, Some(now + 2 * HOUR));
        let job = value("SELECT id::text FROM pgopt.jobs WHERE name = 'fresh'");
        assert_eq!(asked, [(job.parse().expect("number"), false)]);
        assert_eq!(log("fresh"), "skipped nothing changed");
        assert_eq!(shown("last_status || state", "fresh"), "skippedscheduled");
        // A run that a user asked for is made whatever the check says.
        run("SELECT pgopt.run_now('fresh')");
        let plan =
            store::plan(now + HOUR + SECOND, 10, &mut |_| Ok(Some("no".to_owned()))).expect("plan");
        assert_eq!(plan.starts.len(), 1);
    }

    #[pg_test]
    fn a_job_waits_for_the_maintenance_window() {
        let now = begin();
        run("SET pgopt.maintenance_window = '22:00-04:00'");
        run(
            "SELECT pgopt.schedule('m', '1 hour', 'SELECT 1', maintenance_window => true, starts => '2031-01-01 00:00+00')",
        );
        adopt(now + 3 * HOUR + MINUTE);
        assert_eq!(shown("next_run", "m"), "2031-01-01 22:00:00+00");
        starts_nothing(now + 12 * HOUR);
        let started = start_one(now + 22 * HOUR);
        succeed(&started, now + 22 * HOUR, now + 22 * HOUR + MINUTE);
        assert_eq!(shown("next_run", "m"), "2031-01-01 23:00:00+00");
        // Too late for it: there was no room until it closed.
        starts_nothing(now + 28 * HOUR + MINUTE);
        assert_eq!(shown("next_run", "m"), "2031-01-02 22:00:00+00");
        // A request does not wait, and without a window nobody does.
        run("SELECT pgopt.run_now('m')");
        let started = start_one(now + 29 * HOUR);
        run("SET pgopt.maintenance_window = ''");
        succeed(&started, now + 29 * HOUR, now + 29 * HOUR + MINUTE);
        start_one(now + 30 * HOUR);
    }
}
