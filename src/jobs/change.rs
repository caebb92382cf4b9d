//! What users do to jobs: schedule, change, remove, ask for a run.

use pgrx::{PgSqlErrorCode, pg_sys};
use serde::Deserialize;

use super::decide::Overlap;
use super::definition::{NewJob, exists, register, remove, replace};
use super::{check, limits, requests};
use crate::error::{Error, Result, abbreviate};
use crate::pg::elevated::as_superuser;
use crate::pg::{roles, spi};

/// What is to be different about a job; `None` for what is not.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) new_name: Option<String>,
    /// Empty for none: on demand.
    pub(super) schedule: Option<String>,
    pub(super) commands: Option<Vec<String>>,
    pub(super) time_zone: Option<String>,
    pub(super) starts: Option<i64>,
    /// `Some(None)` for the owner's setting.
    pub(super) statement_timeout: Option<Option<i32>>,
    pub(super) lock_timeout: Option<Option<i32>>,
    pub(super) max_attempts: Option<i32>,
    pub(super) backoff: Option<i64>,
    pub(super) backoff_max: Option<i64>,
    pub(super) breaker_failures: Option<i32>,
    pub(super) breaker_cooldown: Option<i64>,
    pub(super) overlap: Option<Overlap>,
    pub(super) catch_up: Option<bool>,
    pub(super) priority: Option<i32>,
    pub(super) maintenance_window: Option<bool>,
    /// Empty for none.
    pub(super) exclusion_key: Option<String>,
    /// Names of jobs.
    pub(super) run_after: Option<Vec<String>>,
    pub(super) once: Option<bool>,
    pub(super) slow_down: Option<bool>,
    pub(super) enabled: Option<bool>,
}

/// Schedules a job of the current user.
pub(super) fn schedule(name: &str, changes: Changes, may_replace: bool) -> Result<i64> {
    check::require_preloaded()?;
    limits::free_name(name)?;
    let mut job = NewJob::new(name.to_owned(), Vec::new(), roles::current_user());
    let before = find(name)?.filter(|_| may_replace);
    if let Some(before) = &before
        && !before.is_own()
    {
        return Err(foreign(before, name));
    }
    let id = before.as_ref().map(|before| before.id);
    if let Some(text) = changes.schedule.as_deref().filter(|text| text.is_empty()) {
        // An empty one takes a schedule away; here there is none yet.
        check::schedule(text)?;
    }
    apply(&mut job, changes, id)?;
    match id {
        Some(id) => replace(id, &job).map(|()| id),
        None => register(&job),
    }
}

/// Changes a job.
pub(super) fn alter(name: &str, changes: Changes) -> Result<()> {
    let known = own(name)?;
    if let Some(new_name) = &changes.new_name
        && new_name != name
    {
        limits::free_name(new_name)?;
        if find(new_name)?.is_some() {
            return Err(exists(new_name));
        }
    }
    let mut job = load(&known, name)?;
    apply(&mut job, changes, Some(known.id))?;
    replace(known.id, &job)
}

/// Removes a job; false if there is none.
pub(super) fn unschedule(name: &str) -> Result<bool> {
    check::require_preloaded()?;
    match find(name)? {
        Some(known) if known.is_own() => remove(known.id),
        Some(_) if roles::may_read_all_statistics() => own(name).map(|_| false),
        _ => Ok(false),
    }
}

/// Asks for a run; its identifier.
pub(super) fn run_now(name: &str) -> Result<i64> {
    requests::request_run(own(name)?.id)
}

/// Closes a job's breaker.
pub(super) fn reset_breaker(name: &str) -> Result<()> {
    requests::request_reset(own(name)?.id)
}

/// Keeps a job from coming due. Possible whatever has become of its owner or its schedule.
pub(super) fn pause(name: &str) -> Result<()> {
    let known = own(name)?;
    let _changed: i64 = as_superuser(|| {
        spi::json_by_index(
            "WITH made AS (UPDATE pgopt.job_definitions
                SET enabled = false, first_run = NULL, version = version + 1
              WHERE id = $1 AND enabled RETURNING 1)
             SELECT to_jsonb(count(*)) FROM made",
            true,
            &[known.id.into()],
        )
    })?;
    Ok(())
}

#[derive(Deserialize)]
struct Known {
    id: i64,
    owner: u32,
}

fn find(name: &str) -> Result<Option<Known>> {
    as_superuser(|| {
        spi::json_by_index(
            "SELECT coalesce((SELECT jsonb_build_object('id', id, 'owner',
                      coalesce(pgopt.job_owner(owner, owner_oid, owner_place), 0)::int8)
               FROM pgopt.job_definitions WHERE name = $1), 'null')",
            false,
            &[name.into()],
        )
    })
}

/// A job that the current user may change.
fn own(name: &str) -> Result<Known> {
    check::require_preloaded()?;
    match find(name)? {
        Some(known) if known.is_own() => Ok(known),
        // Others are told no more than the view shows them.
        Some(known) if roles::may_read_all_statistics() => Err(foreign(&known, name)),
        _ => Err(unknown(name)),
    }
}

impl Known {
    fn is_own(&self) -> bool {
        roles::has_privileges_of(pg_sys::Oid::from(self.owner))
    }
}

fn foreign(known: &Known, name: &str) -> Error {
    let error = Error::new(
        PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
        format!("must be owner of job \"{}\"", abbreviate(name, 100)),
    )
    .hint("Ask its owner, a member of that role, or a superuser.");
    if !roles::may_read_all_statistics() {
        return error;
    }
    let owner = pg_sys::Oid::from(known.owner);
    let owner = roles::name(owner).unwrap_or_else(|| known.owner.to_string());
    error.detail(format!("It belongs to role \"{owner}\"."))
}

fn unknown(name: &str) -> Error {
    Error::new(
        PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
        format!("job \"{}\" does not exist", abbreviate(name, 100)),
    )
    .hint("See the view pgopt.jobs; names are case-sensitive.")
}

/// The job as it is, held until the transaction ends.
fn load(known: &Known, name: &str) -> Result<NewJob> {
    let job: Option<NewJob> = as_superuser(|| {
        spi::json_by_index(
            "SELECT coalesce((SELECT to_jsonb(d) || jsonb_build_object(
                'starts', (extract(epoch FROM d.starts) * 1000000 - 946684800000000)::int8,
                'backoff', (extract(epoch FROM d.backoff) * 1000000)::int8,
                'backoff_max', (extract(epoch FROM d.backoff_max) * 1000000)::int8,
                'breaker_cooldown', (extract(epoch FROM d.breaker_cooldown) * 1000000)::int8)
               FROM pgopt.job_definitions AS d WHERE d.id = $1 FOR UPDATE), 'null')",
            true,
            &[known.id.into()],
        )
    })?;
    let mut job = job.ok_or_else(|| unknown(name))?;
    job.owner = pg_sys::Oid::from(known.owner);
    Ok(job)
}

fn apply(job: &mut NewJob, changes: Changes, id: Option<i64>) -> Result<()> {
    if let Some(names) = changes.run_after {
        job.run_after = predecessors(&names, id)?;
    }
    if let Some(schedule) = changes.schedule {
        let schedule = Some(schedule).filter(|schedule| !schedule.is_empty());
        if schedule.is_some() && job.schedule != schedule {
            // Intervals of another length are counted from now on.
            job.starts = None;
        }
        job.schedule = schedule;
    }
    job.starts = changes.starts.or(job.starts);
    job.time_zone = changes.time_zone.or(job.time_zone.take());
    if let Some(key) = changes.exclusion_key {
        limits::free_key(&key)?;
        job.exclusion_key = Some(key).filter(|key| !key.is_empty());
    }
    set(&mut job.name, changes.new_name);
    set(&mut job.commands, changes.commands);
    set(&mut job.statement_timeout, changes.statement_timeout);
    set(&mut job.lock_timeout, changes.lock_timeout);
    set(&mut job.max_attempts, changes.max_attempts);
    set(&mut job.backoff, changes.backoff);
    set(&mut job.backoff_max, changes.backoff_max);
    set(&mut job.breaker_failures, changes.breaker_failures);
    set(&mut job.breaker_cooldown, changes.breaker_cooldown);
    set(&mut job.overlap, changes.overlap);
    set(&mut job.catch_up, changes.catch_up);
    set(&mut job.priority, changes.priority);
    set(&mut job.maintenance_window, changes.maintenance_window);
    set(&mut job.once, changes.once);
    set(&mut job.slow_down, changes.slow_down);
    set(&mut job.enabled, changes.enabled);
    Ok(())
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// Identifiers of the jobs to be let go first.
fn predecessors(names: &[String], id: Option<i64>) -> Result<Vec<i64>> {
    let mut found = Vec::new();
    for name in names {
        let known = own(name)?;
        if Some(known.id) == id {
            return Err(Error::invalid_parameter("a job cannot wait for itself")
                .detail(format!("\"run_after\" has \"{name}\"."))
                .hint("Name other jobs."));
        }
        if !found.contains(&known.id) {
            found.push(known.id);
        }
    }
    Ok(found)
}
