//! How much a job, and a role, may ask for: what one row holds must never keep the worker from
//! all others.

use pgrx::{PgSqlErrorCode, pg_sys};

use super::definition::NewJob;
use crate::calendar::DAY;
use crate::error::{Error, Result, abbreviate};
use crate::pg::elevated::as_superuser;
use crate::pg::{place, roles, spi};
use crate::settings;

/// Keys that jobs of several owners share begin with it; users cannot name them.
pub(crate) const RESERVED_KEYS: &str = "pgopt:";
/// Names of jobs that pgopt schedules by itself begin with it.
const RESERVED_NAMES: &str = "pgopt ";

/// Bytes of a schedule.
const LONGEST_SCHEDULE: usize = 1024;
/// Bytes of an exclusion key.
const LONGEST_KEY: usize = 256;
/// Jobs that one lets go first.
const MOST_PREDECESSORS: usize = 1000;
/// Priorities are from minus this to this.
const HIGHEST_PRIORITY: i32 = 100;
/// Years 1000 and 4000, in microseconds since 2000: far enough from what a timestamp can hold for
/// whatever is added to it.
const EARLIEST: i64 = -365_243 * DAY;
const LATEST: i64 = 730_485 * DAY;

/// Sizes and ranges.
pub(super) fn check(job: &NewJob) -> Result<()> {
    let texts = [
        ("schedule", job.schedule.as_deref(), LONGEST_SCHEDULE),
        ("exclusion_key", job.exclusion_key.as_deref(), LONGEST_KEY),
    ];
    for (argument, text, most) in texts {
        bytes(argument, text.unwrap_or_default(), most)?;
    }
    if job.run_after.len() > MOST_PREDECESSORS {
        return Err(too_much(
            "run_after",
            &format!("{} jobs", job.run_after.len()),
            MOST_PREDECESSORS,
        ));
    }
    if !(-HIGHEST_PRIORITY..=HIGHEST_PRIORITY).contains(&job.priority) {
        return Err(Error::invalid_parameter(format!(
            "argument \"priority\" must be between -{HIGHEST_PRIORITY} and {HIGHEST_PRIORITY}"
        ))
        .detail(format!("It is {}.", job.priority))
        .hint("Leave it out for the default."));
    }
    job.starts.map_or(Ok(()), starts)
}

fn starts(starts: i64) -> Result<()> {
    if (EARLIEST..=LATEST).contains(&starts) {
        return Ok(());
    }
    Err(Error::new(
        PgSqlErrorCode::ERRCODE_DATETIME_FIELD_OVERFLOW,
        "argument \"starts\" is out of range",
    )
    .detail("Jobs start between the years 1000 and 4000.")
    .hint("Leave it out for now."))
}

fn bytes(argument: &str, text: &str, most: usize) -> Result<()> {
    if text.len() <= most {
        return Ok(());
    }
    Err(too_much(argument, &format!("{} bytes", text.len()), most))
}

fn too_much(argument: &str, found: &str, most: usize) -> Error {
    Error::new(
        PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
        format!("argument \"{argument}\" is too long"),
    )
    .detail(format!("It has {found}, and {most} are the most."))
    .hint("Pass a shorter one.")
}

/// An error for a name that a user may not give to a job.
pub(super) fn free_name(name: &str) -> Result<()> {
    if !name.starts_with(RESERVED_NAMES) {
        return Ok(());
    }
    Err(reserved(format!(
        "job name \"{}\" is reserved",
        abbreviate(name, 100)
    ))
    .detail("Names that begin with \"pgopt \" are those of pgopt's own jobs."))
}

/// Likewise for an exclusion key.
pub(super) fn free_key(key: &str) -> Result<()> {
    if !key.starts_with(RESERVED_KEYS) {
        return Ok(());
    }
    Err(reserved(format!(
        "exclusion key \"{}\" is reserved",
        abbreviate(key, 100)
    ))
    .detail("Keys that begin with \"pgopt:\" are those of pgopt's own jobs."))
}

fn reserved(message: String) -> Error {
    Error::new(PgSqlErrorCode::ERRCODE_RESERVED_NAME, message).hint("Choose another one.")
}

/// Whether the role may have one job more. Superusers may, and so may the worker for others.
pub(super) fn one_more(owner: pg_sys::Oid) -> Result<()> {
    let most = settings::max_jobs_per_role();
    if roles::is_superuser() {
        return Ok(());
    }
    let count: i64 = as_superuser(|| {
        spi::json_again(
            "SELECT to_jsonb(count(*)) FROM pgopt.job_definitions AS d
              WHERE d.owner_oid = $1 AND d.owner_place = $2",
            false,
            &[owner.into(), place::here().into()],
        )
    })?;
    if count < most {
        return Ok(());
    }
    Err(Error::new(
        PgSqlErrorCode::ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
        "role has too many jobs",
    )
    .detail(format!(
        "Role \"{}\" has {count} jobs in this database, and pgopt.max_jobs_per_role is {most}.",
        roles::name(owner).unwrap_or_default()
    ))
    .hint("Unschedule some, or have a superuser raise pgopt.max_jobs_per_role."))
}
