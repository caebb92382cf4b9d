//! Definitions of jobs: what can be asked for, and writing it down.

use pgrx::{JsonB, PgSqlErrorCode, pg_sys};
use serde::{Deserialize, Serialize};

use super::check::{self, Checked};
use super::decide::Overlap;
use super::limits;
use crate::calendar::{MINUTE, SECOND};
use crate::error::{Error, Result};
use crate::pg::elevated::as_superuser;
use crate::pg::{clock, place, roles, spi};

/// A job to be scheduled.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct NewJob {
    pub(crate) name: String,
    /// `None` for a job that runs on demand.
    pub(crate) schedule: Option<String>,
    /// `None` for the session's.
    pub(crate) time_zone: Option<String>,
    /// When intervals begin, in microseconds since 2000; `None` for now.
    pub(crate) starts: Option<i64>,
    pub(crate) commands: Vec<String>,
    #[serde(skip)]
    pub(crate) owner: pg_sys::Oid,
    pub(crate) enabled: bool,
    /// In ms; `None` for the owner's setting.
    pub(crate) statement_timeout: Option<i32>,
    pub(crate) lock_timeout: Option<i32>,
    pub(crate) max_attempts: i32,
    /// In microseconds, as the next two.
    pub(crate) backoff: i64,
    pub(crate) backoff_max: i64,
    /// 0 for never.
    pub(crate) breaker_failures: i32,
    /// In microseconds.
    pub(crate) breaker_cooldown: i64,
    pub(crate) overlap: Overlap,
    pub(crate) catch_up: bool,
    pub(crate) priority: i32,
    pub(crate) maintenance_window: bool,
    pub(crate) exclusion_key: Option<String>,
    /// Jobs that it lets go first.
    pub(crate) run_after: Vec<i64>,
    pub(crate) once: bool,
    pub(crate) slow_down: bool,
}

impl NewJob {
    /// A job on demand, with the defaults that `pgopt.schedule()` has.
    pub(crate) fn new(name: String, commands: Vec<String>, owner: pg_sys::Oid) -> Self {
        Self {
            name,
            schedule: None,
            time_zone: None,
            starts: None,
            commands,
            owner,
            enabled: true,
            statement_timeout: None,
            lock_timeout: None,
            max_attempts: 3,
            backoff: 10 * SECOND,
            backoff_max: 5 * MINUTE,
            breaker_failures: 5,
            breaker_cooldown: 10 * MINUTE,
            overlap: Overlap::Skip,
            catch_up: true,
            priority: 0,
            maintenance_window: false,
            exclusion_key: None,
            run_after: Vec::new(),
            once: false,
            slow_down: false,
        }
    }
}

/// Columns of a definition that a job sets, as a row to insert or to set them to.
macro_rules! columns {
    () => {
        "name, owner, owner_oid, owner_place, schedule, every, time_zone, starts, commands, enabled, statement_timeout,
         lock_timeout, max_attempts, backoff, backoff_max, breaker_failures, breaker_cooldown,
         overlap, catch_up, priority, maintenance_window, exclusion_key, run_after, once,
         slow_down, first_run"
    };
}

macro_rules! values {
    () => {
        "SELECT j.name, j.owner, j.owner_oid::oid, j.owner_place, j.schedule,
                make_interval(months => j.every_months, days => j.every_days)
                  + j.every_microseconds * interval '1 microsecond',
                j.time_zone, timestamptz '2000-01-01 00:00:00+00' + j.starts * interval '1 microsecond',
                j.commands, j.enabled, j.statement_timeout, j.lock_timeout, j.max_attempts,
                j.backoff * interval '1 microsecond', j.backoff_max * interval '1 microsecond',
                j.breaker_failures, j.breaker_cooldown * interval '1 microsecond', j.overlap,
                j.catch_up, j.priority, j.maintenance_window, j.exclusion_key, j.run_after, j.once,
                j.slow_down, timestamptz '2000-01-01 00:00:00+00' + j.first_run * interval '1 microsecond'
           FROM jsonb_to_record($1) AS j(name text, owner text, owner_oid int8, owner_place text, schedule text, every_months int,
                every_days int, every_microseconds int8, time_zone text, starts int8,
                commands text[], enabled boolean, statement_timeout int, lock_timeout int,
                max_attempts int, backoff int8, backoff_max int8, breaker_failures int,
                breaker_cooldown int8, overlap text, catch_up boolean, priority int,
                maintenance_window boolean, exclusion_key text, run_after int8[], once boolean,
                slow_down boolean, first_run int8)"
    };
}

/// Schedules a job, after all the checks of `pgopt.schedule()`; its identifier.
pub(crate) fn register(job: &NewJob) -> Result<i64> {
    let row = row(job, &check::check(job)?)?;
    limits::one_more(job.owner)?;
    let id: Option<i64> = as_superuser(|| {
        spi::json_by_index(
            concat!(
                "WITH made AS (INSERT INTO pgopt.job_definitions (",
                columns!(),
                ", created) SELECT j.*, timestamptz '2000-01-01 00:00:00+00' + $2 * interval '1 microsecond' FROM (",
                values!(),
                ") AS j ON CONFLICT (name) DO NOTHING RETURNING id)
                 SELECT coalesce((SELECT to_jsonb(id) FROM made), 'null')"
            ),
            true,
            &[JsonB(row).into(), clock::now().into()],
        )
    })?;
    id.ok_or_else(|| exists(&job.name))
}

/// Changes everything about a job, its name and owner included.
pub(crate) fn replace(job_id: i64, job: &NewJob) -> Result<()> {
    let row = row(job, &check::check(job)?)?;
    let done: Option<i64> = as_superuser(|| {
        spi::json_by_index(
            concat!(
                "WITH made AS (UPDATE pgopt.job_definitions SET (",
                columns!(),
                ") = (",
                values!(),
                "), version = version + 1 WHERE id = $2 RETURNING id)
                 SELECT coalesce((SELECT to_jsonb(id) FROM made), 'null')"
            ),
            true,
            &[JsonB(row).into(), job_id.into()],
        )
    })?;
    done.map(|_| ()).ok_or_else(|| no_such_id(job_id))
}

/// Removes a job; false if there is none. A run under way goes on, and is logged.
pub(crate) fn remove(job_id: i64) -> Result<bool> {
    check::require_preloaded()?;
    as_superuser(|| {
        spi::json_by_index(
            "WITH gone AS (DELETE FROM pgopt.job_definitions WHERE id = $1 RETURNING id)
             SELECT to_jsonb(EXISTS (SELECT FROM gone))",
            true,
            &[job_id.into()],
        )
    })
}

fn row(job: &NewJob, checked: &Checked) -> Result<serde_json::Value> {
    let mut row = serde_json::to_value(job).map_err(unreadable)?;
    let more = serde_json::json!({
        "owner": roles::name(job.owner),
        "owner_oid": job.owner.to_u32(),
        "owner_place": place::here(),
        "every_months": checked.every.map(|every| every.months),
        "every_days": checked.every.map(|every| every.days),
        "every_microseconds": checked.every.map(|every| every.microseconds),
        "time_zone": checked.time_zone,
        "starts": checked.starts,
        "first_run": checked.first_run,
    });
    if let (Some(row), serde_json::Value::Object(more)) = (row.as_object_mut(), more) {
        row.extend(more);
    }
    Ok(row)
}

pub(super) fn unreadable(error: serde_json::Error) -> Error {
    Error::new(
        PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
        "job cannot be written down",
    )
    .detail(error.to_string())
}

pub(super) fn exists(name: &str) -> Error {
    Error::new(
        PgSqlErrorCode::ERRCODE_DUPLICATE_OBJECT,
        format!("job \"{name}\" already exists"),
    )
    .detail("Names of jobs are unique in a database.")
    .hint("Choose another name, change the job with pgopt.alter_job(), or pass replace => true.")
}

fn no_such_id(job_id: i64) -> Error {
    Error::new(
        PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
        format!("job {job_id} does not exist"),
    )
    .hint("See the view pgopt.jobs.")
}
