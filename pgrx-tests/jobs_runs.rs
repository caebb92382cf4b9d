//! What follows the end of a run: attempts, the breaker, what is lost, what is kept.

#[allow(clippy::expect_used)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use pgrx::prelude::*;

    use crate::jobs::store::{self, Ending};
    use crate::jobs::{self, NewJob};
    use crate::jobs_support::{
        DAY, HOUR, MINUTE, SECOND, adopt, begin, end, fail, log, plan, shown, start_one,
        starts_nothing, succeed, tally,
    };
    use crate::pg::roles;
    use crate::test_support::{gives, run, value};

    fn hourly(name: &str, policy: &str) {
        run(&format!(
            "SELECT pgopt.schedule('{name}', '1 hour', 'SELECT 1', starts => '2031-01-01 00:00+00'{policy})"
        ));
    }

    #[pg_test]
    fn what_can_pass_is_tried_again_and_counted() {
        let now = begin();
        hourly(
            "r",
            ", backoff => '1 min', backoff_max => '90 s', max_attempts => 3",
        );
        adopt(now);
        let mut at = now + HOUR;
        for attempt in 1..=3 {
            let started = start_one(at);
            assert_eq!(started.attempt, attempt);
            let ended = fail(&started, "40001", at, at + SECOND);
            assert_eq!(ended.len(), 1);
            assert!(!ended[0].succeeded);
            assert_eq!(ended[0].will_retry, attempt < 3);
            if attempt < 3 {
                assert_eq!(shown("state", "r"), "retrying");
                let next = plan(at + SECOND, 0).wake_at.unwrap_or(at + SECOND);
                let most = if attempt == 1 { 60 } else { 90 };
                assert!(
                    next - at <= (most + 1) * SECOND,
                    "attempt {attempt}: {}",
                    next - at
                );
                at = next;
            }
        }
        // The third was the last: the next time of the schedule is a first attempt again.
        assert_eq!(shown("next_run", "r"), "2031-01-01 02:00:00+00");
        gives(
            "SELECT string_agg(attempt || (next_try IS NOT NULL)::text, ' ' ORDER BY run) FROM pgopt.job_runs",
            "1true 2true 3false",
        );
        assert_eq!(shown("failures || state", "r"), "3scheduled");
        let started = start_one(now + 2 * HOUR);
        assert_eq!(started.attempt, 1);
        succeed(&started, now + 2 * HOUR, now + 2 * HOUR + SECOND);
        assert_eq!(shown("failures || last_status", "r"), "0succeeded");
    }

    #[pg_test]
    fn what_cannot_pass_is_not_tried_again() {
        let now = begin();
        hourly("r", "");
        adopt(now);
        let started = start_one(now + HOUR);
        let ended = fail(&started, "42P01", now + HOUR, now + HOUR + SECOND);
        assert!(!ended[0].will_retry);
        assert_eq!(log("r"), "failed 1 42P01 no luck");
        starts_nothing(now + 2 * HOUR - SECOND);
        assert_eq!(start_one(now + 2 * HOUR).attempt, 1);
    }

    #[pg_test]
    fn another_attempt_never_passes_the_next_time_of_the_schedule() {
        let now = begin();
        run("SELECT pgopt.schedule('quick', '1 minute', 'SELECT 1', backoff => '1 day', backoff_max => '1 day',
               max_attempts => 100, breaker_failures => 0, starts => '2031-01-01 00:00+00')");
        adopt(now);
        for minute in 1..20 {
            let at = now + minute * MINUTE;
            // Chance may make an attempt sooner; never is one later.
            let plan = plan(at, 10);
            store::claim(&plan.starts, at).expect("claim");
            for started in &plan.starts {
                fail(started, "40P01", at, at + SECOND);
            }
            let next = plan_wake(at + SECOND);
            assert!(next <= at + MINUTE, "{minute}");
        }
    }

    fn plan_wake(now: i64) -> i64 {
        plan(now, 0).wake_at.unwrap_or(now)
    }

    #[pg_test]
    fn a_cancelled_run_is_failed_and_neither_retried_nor_counted() {
        let now = begin();
        hourly("c", ", breaker_failures => 1");
        adopt(now);
        let started = start_one(now + HOUR);
        let ending = Ending::Failed {
            sqlstate: "57014".to_owned(),
            message: "canceling statement due to user request".to_owned(),
        };
        let ended = end(&started, ending, now + HOUR, now + HOUR + SECOND);
        assert!(!ended[0].will_retry && !ended[0].succeeded);
        assert_eq!(
            shown("failures || breaker || state || last_status", "c"),
            "0closedscheduledfailed"
        );
        // A timeout is another matter.
        let started = start_one(now + 2 * HOUR);
        let ending = Ending::Failed {
            sqlstate: "57014".to_owned(),
            message: "canceling statement due to statement timeout".to_owned(),
        };
        end(&started, ending, now + 2 * HOUR, now + 2 * HOUR + SECOND);
        assert_eq!(shown("failures || breaker", "c"), "1open");
    }

    #[pg_test]
    fn the_breaker_opens_lets_one_probe_through_and_closes() {
        let now = begin();
        hourly("b", ", breaker_failures => 3, breaker_cooldown => '90 min'");
        adopt(now);
        for hour in 1..=3 {
            assert_eq!(shown("breaker", "b"), "closed");
            let started = start_one(now + hour * HOUR);
            fail(&started, "42P01", now + hour * HOUR, now + hour * HOUR);
        }
        assert_eq!(
            shown("breaker || state || next_run", "b"),
            "openopen2031-01-01 04:30:00+00"
        );
        starts_nothing(now + 4 * HOUR);
        // The probe fails: open again, twice as long; nothing is logged for the times in between.
        let probe = start_one(now + 4 * HOUR + 30 * MINUTE);
        assert_eq!(shown("breaker || state", "b"), "half-openrunning");
        fail(
            &probe,
            "40001",
            now + 4 * HOUR + 30 * MINUTE,
            now + 4 * HOUR + 30 * MINUTE,
        );
        assert_eq!(
            shown("breaker || next_run", "b"),
            "open2031-01-01 07:30:00+00"
        );
        starts_nothing(now + 7 * HOUR);
        let probe = start_one(now + 7 * HOUR + 30 * MINUTE);
        succeed(
            &probe,
            now + 7 * HOUR + 30 * MINUTE,
            now + 7 * HOUR + 31 * MINUTE,
        );
        assert_eq!(
            shown("breaker || failures || next_run", "b"),
            "closed02031-01-01 08:00:00+00"
        );
        assert_eq!(tally("b"), "failed 4, succeeded 1");
    }

    #[pg_test]
    fn a_cooldown_doubles_up_to_a_day() {
        let now = begin();
        hourly(
            "d",
            ", breaker_failures => 1, breaker_cooldown => '10 hours'",
        );
        adopt(now);
        let mut at = now + HOUR;
        for hours in [10, 20, 24, 24] {
            let started = start_one(at);
            fail(&started, "42P01", at, at);
            assert_eq!(plan_wake(at), at + hours * HOUR);
            at += hours * HOUR;
        }
    }

    #[pg_test]
    fn a_breaker_is_reset_by_hand_and_a_request_is_its_probe() {
        let now = begin();
        hourly(
            "b",
            ", breaker_failures => 1, breaker_cooldown => '10 hours'",
        );
        adopt(now);
        let started = start_one(now + HOUR);
        fail(&started, "42P01", now + HOUR, now + HOUR);
        run("SELECT pgopt.reset_breaker('b')");
        assert_eq!(shown("breaker || failures", "b"), "closed0");
        starts_nothing(now + HOUR + MINUTE);
        assert_eq!(
            shown("breaker || failures || next_run", "b"),
            "closed02031-01-01 02:00:00+00"
        );
        let started = start_one(now + 2 * HOUR);
        fail(&started, "42P01", now + 2 * HOUR, now + 2 * HOUR);
        run("SELECT pgopt.run_now('b')");
        let probe = start_one(now + 2 * HOUR + MINUTE);
        succeed(&probe, now + 2 * HOUR + MINUTE, now + 2 * HOUR + MINUTE);
        assert_eq!(
            shown("breaker || next_run", "b"),
            "closed2031-01-01 03:00:00+00"
        );
    }

    #[pg_test]
    fn a_paused_job_runs_when_asked_and_is_paused_still() {
        let now = begin();
        hourly("p", "");
        adopt(now);
        run("SELECT pgopt.pause('p')");
        adopt(now);
        starts_nothing(now + 5 * HOUR);
        let asked = value("SELECT pgopt.run_now('p')::text");
        let started = start_one(now + 5 * HOUR);
        assert_eq!(started.run.to_string(), asked);
        fail(&started, "40001", now + 5 * HOUR, now + 5 * HOUR);
        assert_eq!(shown("concat(state, next_run)", "p"), "paused");
        starts_nothing(now + 9 * HOUR);
        // Resumed while nothing runs: from the next time on, not for those that passed.
        run("SELECT pgopt.resume('p')");
        adopt(now + 9 * HOUR + MINUTE);
        assert_eq!(shown("next_run", "p"), "2031-01-01 10:00:00+00");
    }

    #[pg_test]
    fn a_job_paused_while_it_runs_ends_and_stays_paused() {
        let now = begin();
        hourly("p", "");
        adopt(now);
        let started = start_one(now + HOUR);
        run("SELECT pgopt.pause('p')");
        adopt(now + HOUR);
        assert_eq!(shown("state", "p"), "running");
        succeed(&started, now + HOUR, now + 4 * HOUR);
        assert_eq!(shown("concat(state, next_run)", "p"), "paused");
        run("SELECT pgopt.resume('p')");
        adopt(now + 4 * HOUR + MINUTE);
        starts_nothing(now + 4 * HOUR + MINUTE);
    }

    #[pg_test]
    fn a_run_without_its_process_is_lost_and_made_again_after_a_minute() {
        let now = begin();
        hourly("l", ", backoff => '0'");
        adopt(now);
        let started = start_one(now + HOUR);
        assert!(
            store::recover(&[started.run], now + HOUR)
                .expect("recover")
                .is_empty()
        );
        let lost = store::recover(&[], now + HOUR + MINUTE).expect("recover");
        assert_eq!(lost.len(), 1);
        assert!(lost[0].will_retry && !lost[0].succeeded && lost[0].run == started.run);
        assert!(
            log("l").starts_with("lost 1 its process ended"),
            "{}",
            log("l")
        );
        starts_nothing(now + HOUR + 2 * MINUTE - SECOND);
        let again = start_one(now + HOUR + 2 * MINUTE);
        assert_eq!(again.attempt, 2);
        // The word of the first comes late: it is not this run's.
        assert!(succeed(&started, now + HOUR, now + HOUR + 3 * MINUTE).is_empty());
        assert_eq!(shown("state", "l"), "running");
        assert_eq!(
            succeed(&again, now + HOUR + 2 * MINUTE, now + HOUR + 3 * MINUTE).len(),
            1
        );
        assert_eq!(tally("l"), "lost 1, succeeded 1");
    }

    #[pg_test]
    fn a_job_that_takes_the_server_down_each_time_is_stopped_by_its_breaker() {
        let now = begin();
        run(
            "SELECT pgopt.schedule('bomb', '1 second', 'SELECT 1', starts => '2031-01-01 00:00+00')",
        );
        adopt(now);
        let mut at = now + SECOND;
        let mut runs = 0;
        while runs < 5 {
            runs += 1;
            start_one(at);
            store::recover(&[], at).expect("recover");
            assert_eq!(
                shown("breaker", "bomb"),
                if runs < 5 { "closed" } else { "open" }
            );
            // Looked at anew, as after a start of the server.
            run("UPDATE pgopt.job_definitions SET version = version + 1");
            adopt(at);
            let next = plan_wake(at);
            assert!(next >= at + MINUTE, "{}", next - at);
            at = next;
        }
        assert_eq!(tally("bomb"), "lost 5");
    }

    #[pg_test]
    fn a_job_for_once_is_gone_when_it_ended_for_good() {
        let now = begin();
        let mut job = NewJob::new(
            "once".to_owned(),
            vec!["SELECT 1".to_owned()],
            roles::current_user(),
        );
        job.once = true;
        job.max_attempts = 2;
        let id = jobs::register(&job).expect("register");
        let asked = jobs::request_run(id).expect("request_run");
        let started = start_one(now);
        assert_eq!((started.job, started.run), (id, asked));
        assert!(fail(&started, "55P03", now, now)[0].will_retry);
        gives("SELECT count(*)::text FROM pgopt.jobs", "1");
        let started = start_one(now + DAY);
        assert!(!fail(&started, "55P03", now + DAY, now + DAY)[0].will_retry);
        gives("SELECT count(*)::text FROM pgopt.jobs", "0");
        gives("SELECT count(*)::text FROM pgopt.job_states", "0");
        assert_eq!(tally("once"), "failed 2");
        assert!(!jobs::remove(id).expect("remove"));
    }

    #[pg_test]
    fn other_rooms_register_replace_and_remove_jobs() {
        let mut job = NewJob::new(
            "room".to_owned(),
            vec!["SELECT 1".to_owned()],
            roles::current_user(),
        );
        let id = jobs::register(&job).expect("register");
        assert!(jobs::register(&job).is_err());
        job.schedule = Some("1 day".to_owned());
        job.run_after = vec![id];
        jobs::replace(id, &job).expect("replace");
        assert_eq!(shown("schedule || state", "room"), "1 dayscheduled");
        assert!(jobs::replace(id + 1, &job).is_err());
        assert!(jobs::remove(id).expect("remove"));
    }

    #[pg_test]
    fn the_history_stays_within_its_bounds() {
        let now = begin();
        run("SET pgopt.job_history_max_rows = 5; SET pgopt.job_history_max_age = '2 d'");
        hourly("h", "");
        hourly("i", ", enabled => false");
        adopt(now);
        for hour in 1..=24 {
            let started = start_one(now + hour * HOUR);
            succeed(&started, now + hour * HOUR, now + hour * HOUR + SECOND);
        }
        store::trim_history(now + DAY).expect("trim");
        gives(
            "SELECT count(*) || ' ' || min(started) FROM pgopt.job_runs",
            "5 2031-01-01 20:00:00+00",
        );
        store::trim_history(now + 2 * DAY + 22 * HOUR).expect("trim");
        gives("SELECT count(*)::text FROM pgopt.job_runs", "3");
        run("SET pgopt.job_history_max_age = -1");
        store::trim_history(now + 900 * DAY).expect("trim");
        gives("SELECT count(*)::text FROM pgopt.job_runs", "3");
        run("SET pgopt.job_history_max_rows = 0");
        store::trim_history(now + 3 * DAY).expect("trim");
        gives("SELECT count(*)::text FROM pgopt.job_runs", "0");
    }

    #[pg_test]
    fn only_errors_are_kept_if_only_they_are_wanted() {
        let now = begin();
        hourly("e", "");
        adopt(now);
        for (hour, history) in ["errors", "none", "all"].iter().enumerate() {
            run(&format!("SET pgopt.job_history = '{history}'"));
            let at = now + (2 * hour as i64 + 1) * HOUR;
            let started = start_one(at);
            gives(
                "SELECT count(*)::text FROM pgopt.job_runs WHERE status = 'running'",
                "1",
            );
            succeed(&started, at, at + SECOND);
            let started = start_one(at + HOUR);
            fail(&started, "42P01", at + HOUR, at + HOUR + SECOND);
        }
        assert_eq!(tally("e"), "failed 2, succeeded 1");
        // The view of jobs knows the last run all the same.
        assert_eq!(
            shown("last_status || last_sqlstate || last_rows", "e"),
            "failed42P013"
        );
    }

    #[pg_test]
    fn a_long_command_is_cut_in_the_log_and_a_remark_is_kept() {
        let now = begin();
        run("SELECT pgopt.schedule('long', NULL, 'SELECT ''' || repeat('ü', 3000) || '''')");
        run("SELECT pgopt.run_now('long')");
        let started = start_one(now);
        let remark = Some("all went well".to_owned());
        end(&started, Ending::Succeeded { remark }, now, now + 1500);
        gives(
            "SELECT concat_ws(' ', length(command), message, rows, finished - started) FROM pgopt.job_runs",
            "1000 all went well 3 00:00:00.0015",
        );
    }
}
