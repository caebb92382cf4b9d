//! The SQL functions of jobs; their declarations are in `sql/jobs.sql`.

#![allow(
    clippy::result_large_err,
    clippy::too_many_arguments,
    reason = "ErrorReport is what pgrx turns into the server's error; the arguments are the signature"
)]

use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{Array, pg_sys};

use super::change::{self, Changes};
use super::decide::Overlap;
use crate::arguments::{self, is_null};
use crate::calendar::DAY;
use crate::error::{Error, Result, abbreviate};
use crate::pg::{place, roles};
use crate::shmem::board;

/// No wait is longer than this, in microseconds.
const LONGEST: i64 = 366 * DAY;

/// A statement trigger, whose result the server does not look at as long as it is not null:
/// `false` is a null pointer to it, that is, no row.
#[pg_extern(sql = false)]
fn jobs_changed() -> bool {
    board::poke_at_commit();
    false
}

/// By name only where the OID is not one of this place: there it is somebody else's, or nobody's.
#[pg_extern(sql = false)]
fn job_owner(owner: &str, owner_oid: pg_sys::Oid, owner_place: &str) -> Option<pg_sys::Oid> {
    match owner_place == place::here() {
        true => Some(owner_oid),
        false => roles::named(owner),
    }
}

#[pg_extern(sql = false)]
fn schedule_command(
    name: Option<&str>,
    schedule: Option<&str>,
    command: Option<&str>,
    time_zone: Option<&str>,
    starts: Option<TimestampWithTimeZone>,
    statement_timeout: Option<Interval>,
    lock_timeout: Option<Interval>,
    max_attempts: Option<i32>,
    backoff: Option<Interval>,
    backoff_max: Option<Interval>,
    breaker_failures: Option<i32>,
    breaker_cooldown: Option<Interval>,
    overlap: Option<&str>,
    catch_up: Option<bool>,
    priority: Option<i32>,
    maintenance_window: Option<bool>,
    exclusion_key: Option<&str>,
    run_after: Option<Array<&str>>,
    once: Option<bool>,
    slow_down: Option<bool>,
    enabled: Option<bool>,
    replace: Option<bool>,
) -> std::result::Result<i64, ErrorReport> {
    let name = name.ok_or_else(|| is_null("name"))?;
    let changes = Changes {
        schedule: schedule.map(str::to_owned),
        commands: Some(vec![command.ok_or_else(|| is_null("command"))?.to_owned()]),
        time_zone: time_zone.map(str::to_owned),
        starts: starts.map(moment).transpose()?,
        statement_timeout: statement_timeout
            .map(|value| timeout("statement_timeout", &value))
            .transpose()?,
        lock_timeout: lock_timeout
            .map(|value| timeout("lock_timeout", &value))
            .transpose()?,
        max_attempts,
        backoff: backoff.map(|value| length("backoff", &value)).transpose()?,
        backoff_max: backoff_max
            .map(|value| length("backoff_max", &value))
            .transpose()?,
        breaker_failures,
        breaker_cooldown: breaker_cooldown
            .map(|value| length("breaker_cooldown", &value))
            .transpose()?,
        overlap: overlap.map(overlap_of).transpose()?,
        catch_up,
        priority,
        maintenance_window,
        exclusion_key: exclusion_key.map(str::to_owned),
        run_after: run_after.map(names).transpose()?,
        once,
        slow_down,
        enabled,
        ..Changes::default()
    };
    Ok(change::schedule(name, changes, replace.unwrap_or(false))?)
}

#[pg_extern(sql = false)]
fn schedule_commands(
    name: Option<&str>,
    schedule: Option<&str>,
    commands: Option<Array<&str>>,
    time_zone: Option<&str>,
    starts: Option<TimestampWithTimeZone>,
    statement_timeout: Option<Interval>,
    lock_timeout: Option<Interval>,
    max_attempts: Option<i32>,
    backoff: Option<Interval>,
    backoff_max: Option<Interval>,
    breaker_failures: Option<i32>,
    breaker_cooldown: Option<Interval>,
    overlap: Option<&str>,
    catch_up: Option<bool>,
    priority: Option<i32>,
    maintenance_window: Option<bool>,
    exclusion_key: Option<&str>,
    run_after: Option<Array<&str>>,
    once: Option<bool>,
    slow_down: Option<bool>,
    enabled: Option<bool>,
    replace: Option<bool>,
) -> std::result::Result<i64, ErrorReport> {
    let name = name.ok_or_else(|| is_null("name"))?;
    let changes = Changes {
        schedule: schedule.map(str::to_owned),
        commands: Some(texts(commands)?),
        time_zone: time_zone.map(str::to_owned),
        starts: starts.map(moment).transpose()?,
        statement_timeout: statement_timeout
            .map(|value| timeout("statement_timeout", &value))
            .transpose()?,
        lock_timeout: lock_timeout
            .map(|value| timeout("lock_timeout", &value))
            .transpose()?,
        max_attempts,
        backoff: backoff.map(|value| length("backoff", &value)).transpose()?,
        backoff_max: backoff_max
            .map(|value| length("backoff_max", &value))
            .transpose()?,
        breaker_failures,
        breaker_cooldown: breaker_cooldown
            .map(|value| length("breaker_cooldown", &value))
            .transpose()?,
        overlap: overlap.map(overlap_of).transpose()?,
        catch_up,
        priority,
        maintenance_window,
        exclusion_key: exclusion_key.map(str::to_owned),
        run_after: run_after.map(names).transpose()?,
        once,
        slow_down,
        enabled,
        ..Changes::default()
    };
    Ok(change::schedule(name, changes, replace.unwrap_or(false))?)
}

#[pg_extern(sql = false)]
fn alter_job(
    name: Option<&str>,
    new_name: Option<&str>,
    schedule: Option<&str>,
    command: Option<&str>,
    commands: Option<Array<&str>>,
    time_zone: Option<&str>,
    starts: Option<TimestampWithTimeZone>,
    statement_timeout: Option<Interval>,
    lock_timeout: Option<Interval>,
    max_attempts: Option<i32>,
    backoff: Option<Interval>,
    backoff_max: Option<Interval>,
    breaker_failures: Option<i32>,
    breaker_cooldown: Option<Interval>,
    overlap: Option<&str>,
    catch_up: Option<bool>,
    priority: Option<i32>,
    maintenance_window: Option<bool>,
    exclusion_key: Option<&str>,
    run_after: Option<Array<&str>>,
    once: Option<bool>,
    slow_down: Option<bool>,
    enabled: Option<bool>,
) -> std::result::Result<(), ErrorReport> {
    let name = name.ok_or_else(|| is_null("name"))?;
    let commands = match (command, commands) {
        (Some(_), Some(_)) => return Err(both().into()),
        (Some(command), None) => Some(vec![command.to_owned()]),
        (None, commands) => commands.map(|commands| texts(Some(commands))).transpose()?,
    };
    let changes = Changes {
        new_name: new_name.map(str::to_owned),
        schedule: schedule.map(str::to_owned),
        commands,
        time_zone: time_zone.map(str::to_owned),
        starts: starts.map(moment).transpose()?,
        statement_timeout: statement_timeout
            .map(|value| timeout("statement_timeout", &value))
            .transpose()?,
        lock_timeout: lock_timeout
            .map(|value| timeout("lock_timeout", &value))
            .transpose()?,
        max_attempts,
        backoff: backoff.map(|value| length("backoff", &value)).transpose()?,
        backoff_max: backoff_max
            .map(|value| length("backoff_max", &value))
            .transpose()?,
        breaker_failures,
        breaker_cooldown: breaker_cooldown
            .map(|value| length("breaker_cooldown", &value))
            .transpose()?,
        overlap: overlap.map(overlap_of).transpose()?,
        catch_up,
        priority,
        maintenance_window,
        exclusion_key: exclusion_key.map(str::to_owned),
        run_after: run_after.map(names).transpose()?,
        once,
        slow_down,
        enabled,
    };
    Ok(change::alter(name, changes)?)
}

#[pg_extern(sql = false)]
fn unschedule(name: Option<&str>) -> std::result::Result<bool, ErrorReport> {
    Ok(change::unschedule(name.ok_or_else(|| is_null("name"))?)?)
}

#[pg_extern(sql = false)]
fn run_now(name: Option<&str>) -> std::result::Result<i64, ErrorReport> {
    Ok(change::run_now(name.ok_or_else(|| is_null("name"))?)?)
}

#[pg_extern(sql = false)]
fn pause(name: Option<&str>) -> std::result::Result<(), ErrorReport> {
    Ok(change::pause(name.ok_or_else(|| is_null("name"))?)?)
}

#[pg_extern(sql = false)]
fn resume(name: Option<&str>) -> std::result::Result<(), ErrorReport> {
    let changes = Changes {
        enabled: Some(true),
        ..Changes::default()
    };
    Ok(change::alter(
        name.ok_or_else(|| is_null("name"))?,
        changes,
    )?)
}

#[pg_extern(sql = false)]
fn reset_breaker(name: Option<&str>) -> std::result::Result<(), ErrorReport> {
    Ok(change::reset_breaker(name.ok_or_else(|| is_null("name"))?)?)
}

/// The commands, none of which may be null.
fn texts(commands: Option<Array<&str>>) -> Result<Vec<String>> {
    let commands = commands.ok_or_else(|| is_null("commands"))?;
    arguments::texts("commands", Some(commands))
}

fn names(run_after: Array<&str>) -> Result<Vec<String>> {
    arguments::texts("run_after", Some(run_after))
}

fn moment(starts: TimestampWithTimeZone) -> Result<i64> {
    let moment: pg_sys::TimestampTz = starts.into();
    if moment == i64::MIN || moment == i64::MAX {
        return Err(
            Error::invalid_parameter("argument \"starts\" must be finite")
                .detail("Intervals are counted from it.")
                .hint("Leave it out for now."),
        );
    }
    Ok(moment)
}

/// An interval in microseconds, a month being 30 days.
fn length(argument: &str, interval: &Interval) -> Result<i64> {
    let length = i64::try_from(interval.as_micros()).ok();
    length.filter(|length| *length <= LONGEST).ok_or_else(|| {
        Error::invalid_parameter(format!("argument \"{argument}\" is too long"))
            .detail("A year is the most.")
            .hint("Leave it out for the default.")
    })
}

/// A timeout in ms; a negative one stands for the owner's setting.
fn timeout(argument: &str, interval: &Interval) -> Result<Option<i32>> {
    let length = length(argument, interval)?;
    if length < 0 {
        return Ok(None);
    }
    // Rounded up: less than one would be none.
    let milliseconds = i32::try_from((length + 999) / 1000);
    milliseconds.map(Some).map_err(|_| {
        Error::invalid_parameter(format!("argument \"{argument}\" is too long"))
            .detail(format!("{} ms (24.8 days) are the most.", i32::MAX))
            .hint("Pass 0 for none.")
    })
}

fn overlap_of(text: &str) -> Result<Overlap> {
    match text {
        "skip" => Ok(Overlap::Skip),
        "queue" => Ok(Overlap::Queue),
        other => Err(Error::invalid_parameter(format!(
            "unrecognized value for \"overlap\": \"{}\"",
            abbreviate(other, 100)
        ))
        .detail("It says what becomes of a job that is due while it runs.")
        .hint("Use \"skip\" or \"queue\".")),
    }
}

fn both() -> Error {
    Error::invalid_parameter("arguments \"command\" and \"commands\" exclude each other")
        .detail("A job has one list of commands.")
        .hint("Pass one of them.")
}
