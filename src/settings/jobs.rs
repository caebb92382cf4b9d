//! Settings of jobs. Only a superuser changes them; the workers read them at a reload, or as
//! `ALTER DATABASE … SET` has them.

use std::ffi::CString;

use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting, PostgresGucEnum};

use crate::calendar::Window;
use crate::pg::checked_setting::define_checked_text;

/// Which runs the log keeps.
#[derive(PostgresGucEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum History {
    /// Every run.
    #[name = c"all"]
    All,
    /// Those that failed or were lost.
    #[name = c"errors"]
    Errors,
    /// None.
    #[name = c"none"]
    None,
}

static HISTORY: GucSetting<History> = GucSetting::<History>::new(History::All);
/// A week: long enough to look back over a weekend.
static HISTORY_MAX_AGE: GucSetting<i32> = GucSetting::<i32>::new(7 * 24 * 60);
/// 1000: ten days of a job that runs every quarter of an hour.
static HISTORY_MAX_ROWS: GucSetting<i32> = GucSetting::<i32>::new(1000);
/// 1000: more than anybody writes by hand, and little to read for the worker.
static MAX_JOBS_PER_ROLE: GucSetting<i32> = GucSetting::<i32>::new(1000);
/// None: jobs that ask for a window run at once where there is none.
static MAINTENANCE_WINDOW: GucSetting<Option<CString>> =
    GucSetting::<Option<CString>>::new(Some(c""));

/// Defines them.
pub(super) fn define() {
    GucRegistry::define_enum_guc(
        c"pgopt.job_history",
        c"Which runs of jobs are kept in pgopt.job_runs.",
        c"all: every run; errors: those that failed or were lost; none: none.",
        &HISTORY,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"pgopt.job_history_max_age",
        c"How long ended runs are kept in pgopt.job_runs.",
        c"-1: for ever.",
        &HISTORY_MAX_AGE,
        -1,
        i32::MAX,
        GucContext::Suset,
        GucFlags::UNIT_MIN,
    );
    GucRegistry::define_int_guc(
        c"pgopt.job_history_max_rows",
        c"How many ended runs are kept in pgopt.job_runs, for each job.",
        c"-1: all.",
        &HISTORY_MAX_ROWS,
        -1,
        i32::MAX,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"pgopt.max_jobs_per_role",
        c"How many jobs a role that is no superuser may have in a database.",
        c"Jobs that there are already stay.",
        &MAX_JOBS_PER_ROLE,
        0,
        i32::MAX,
        GucContext::Suset,
        GucFlags::default(),
    );
    define_checked_text(
        c"pgopt.maintenance_window",
        c"Hours of the day that jobs with maintenance_window wait for, such as 01:00-05:00.",
        c"In each job's time zone; may cross midnight; empty: always open.",
        &MAINTENANCE_WINDOW,
        GucContext::Suset,
        |text| Window::parse(text).is_some(),
        c"It is two different times of day, such as \"01:00-05:00\", or empty.",
    );
}

/// Which runs the log keeps.
pub(crate) fn job_history() -> History {
    HISTORY.get()
}

/// How long, in microseconds, if not for ever.
pub(crate) fn job_history_max_age() -> Option<i64> {
    u32::try_from(HISTORY_MAX_AGE.get())
        .ok()
        .map(|minutes| i64::from(minutes) * 60_000_000)
}

/// How many of each job, if not all.
pub(crate) fn job_history_max_rows() -> Option<i64> {
    u32::try_from(HISTORY_MAX_ROWS.get()).ok().map(i64::from)
}

/// How many jobs a role may have that is no superuser.
pub(crate) fn max_jobs_per_role() -> i64 {
    MAX_JOBS_PER_ROLE.get().into()
}

/// The window that jobs wait for, if there is one.
pub(crate) fn maintenance_window() -> Option<Window> {
    let text = MAINTENANCE_WINDOW.get()?;
    Window::parse(text.to_str().ok()?)?
}
