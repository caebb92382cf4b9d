//! A worker's rounds with a clock of the test's, for the tests of jobs.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use crate::jobs::store::{self, Ended, Ending, Outcome, Plan, Start};
use crate::test_support::{run, value};

pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// A moment as the server reads it, in its microseconds.
pub(crate) fn at(text: &str) -> i64 {
    value(&format!(
        "SELECT ((extract(epoch FROM '{text}'::timestamptz) * 1000000)::int8 - 946684800000000)::text"
    ))
    .parse()
    .expect(text)
}

/// Midnight of a day in the future, UTC: the simulated clock begins there.
pub(crate) fn begin() -> i64 {
    run("SET TimeZone = 'UTC'");
    at("2031-01-01 00:00:00+00")
}

pub(crate) fn adopt(now: i64) {
    store::adopt(now).expect("adopt");
}

pub(crate) fn plan(now: i64, room: usize) -> Plan {
    store::plan(now, room, &mut |_| Ok(None)).expect("plan")
}

/// Plans and claims.
pub(crate) fn start(now: i64, room: usize) -> Vec<Start> {
    let plan = plan(now, room);
    store::claim(&plan.starts, now).expect("claim");
    plan.starts
}

/// Plans and claims the only job there is to start.
#[track_caller]
pub(crate) fn start_one(now: i64) -> Start {
    let mut starts = start(now, 10);
    assert_eq!(starts.len(), 1, "{starts:?}");
    starts.remove(0)
}

#[track_caller]
pub(crate) fn starts_nothing(now: i64) {
    let starts = start(now, 10);
    assert!(starts.is_empty(), "{starts:?}");
}

pub(crate) fn end(start: &Start, ending: Ending, started: i64, finished: i64) -> Vec<Ended> {
    let outcome = Outcome {
        run: start.run,
        job: start.job,
        ending,
        started,
        finished,
        rows: Some(3),
    };
    store::finish(&[outcome], finished).expect("finish")
}

pub(crate) fn succeed(start: &Start, started: i64, finished: i64) -> Vec<Ended> {
    end(start, Ending::Succeeded { remark: None }, started, finished)
}

pub(crate) fn fail(start: &Start, sqlstate: &str, started: i64, finished: i64) -> Vec<Ended> {
    let ending = Ending::Failed {
        sqlstate: sqlstate.to_owned(),
        message: "no luck".to_owned(),
    };
    end(start, ending, started, finished)
}

/// A column of the view of jobs, as text.
pub(crate) fn shown(column: &str, name: &str) -> String {
    value(&format!(
        "SELECT ({column})::text FROM pgopt.jobs WHERE name = '{name}'"
    ))
}

/// What the log has of a job, the oldest first.
pub(crate) fn log(name: &str) -> String {
    value(&format!(
        "SELECT string_agg(concat_ws(' ', status, nullif(attempt, 0), sqlstate, message), ', ' ORDER BY run)
           FROM pgopt.job_runs WHERE name = '{name}'"
    ))
}

/// How many runs of a job ended in each way.
pub(crate) fn tally(name: &str) -> String {
    value(&format!(
        "SELECT string_agg(status || ' ' || n, ', ' ORDER BY status) FROM (
           SELECT status, count(*) AS n FROM pgopt.job_runs WHERE name = '{name}' GROUP BY status) AS t"
    ))
}
