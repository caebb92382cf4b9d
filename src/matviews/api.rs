//! The SQL functions of materialized views; their declarations are in `sql/matviews.sql`.

#![allow(
    clippy::result_large_err,
    reason = "ErrorReport is what pgrx turns into the server's error"
)]

use pgrx::datum::Interval;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{PgLogLevel, PgSqlErrorCode, pg_sys};

use super::method::Wish;
use super::refresh::{Ending, refresh};
use super::scheduling::{self, Made, Wanted};
use super::{all, scheduled, unique};
use crate::arguments::is_null;
use crate::error::{Error, Result};
use crate::pg::catalog::qualified_name;
use crate::settings;

#[pg_extern(sql = false)]
#[allow(
    clippy::too_many_arguments,
    reason = "they are those of the SQL function"
)]
fn refresh_every(
    view: Option<pg_sys::Oid>,
    schedule: Option<&str>,
    concurrently: Option<&str>,
    skip_unchanged: Option<bool>,
    time_zone: Option<&str>,
    statement_timeout: Option<Interval>,
    lock_timeout: Option<Interval>,
    maintenance_window: Option<bool>,
    priority: Option<i32>,
) -> std::result::Result<i64, ErrorReport> {
    settings::require_enabled()?;
    let view = view.ok_or_else(|| is_null("view"))?;
    let mut job = scheduling::template();
    job.schedule = Some(schedule.ok_or_else(|| is_null("schedule"))?.to_owned());
    job.time_zone = time_zone.map(str::to_owned);
    job.statement_timeout = milliseconds("statement_timeout", statement_timeout)?;
    job.lock_timeout = milliseconds("lock_timeout", lock_timeout)?;
    job.maintenance_window = maintenance_window.ok_or_else(|| is_null("maintenance_window"))?;
    job.priority = priority.ok_or_else(|| is_null("priority"))?;
    let made = scheduling::refresh_every(
        view,
        Wanted {
            wish: Wish::read(concurrently)?,
            skip_unchanged: skip_unchanged.ok_or_else(|| is_null("skip_unchanged"))?,
            job,
        },
    )?;
    if made.lacks_index && Wish::read(concurrently)? != Wish::Off {
        tell_of_index(view, &made);
    }
    Ok(made.job)
}

fn tell_of_index(view: pg_sys::Oid, made: &Made) {
    let name = qualified_name(view).unwrap_or_default();
    let message = format!(
        "refreshes of {name} will block its readers, as it has no unique index for CONCURRENTLY"
    );
    let hint = match &made.advice {
        Some(command) => format!("Create one: {command}"),
        None => "Create a unique index on columns that tell its rows apart.".to_owned(),
    };
    ErrorReport::new(
        PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION,
        message,
        "pgopt",
    )
    .set_hint(hint)
    .report(PgLogLevel::NOTICE);
}

/// A time limit as the server's settings have it; NULL leaves the owner's setting.
fn milliseconds(argument: &str, interval: Option<Interval>) -> Result<Option<i32>> {
    let Some(interval) = interval else {
        return Ok(None);
    };
    i32::try_from(interval.as_micros() / 1000)
        .ok()
        .filter(|milliseconds| *milliseconds >= 0)
        .map(Some)
        .ok_or_else(|| {
            Error::invalid_parameter(format!(
                "argument \"{argument}\" must be between 0 and 24 days"
            ))
            .hint("Pass an interval such as '30 s'; 0 is no limit, NULL the owner's setting.")
        })
}

#[pg_extern(sql = false)]
fn refresh_stop(view: Option<pg_sys::Oid>) -> std::result::Result<bool, ErrorReport> {
    settings::require_enabled()?;
    Ok(scheduled::stop(view.ok_or_else(|| is_null("view"))?)?)
}

#[pg_extern(sql = false)]
fn refresh_scheduled(id: i64) -> std::result::Result<String, ErrorReport> {
    settings::require_enabled()?;
    Ok(scheduled::run(id)?)
}

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the row is the signature")]
fn refresh_now(
    view: Option<pg_sys::Oid>,
    concurrently: Option<&str>,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(view, pg_sys::Oid),
            name!(action, &'static str),
            name!(duration, Interval),
            name!(rows, Option<i64>),
            name!(reason, String),
        ),
    >,
    ErrorReport,
> {
    settings::require_enabled()?;
    let view = view.ok_or_else(|| is_null("view"))?;
    let Ending::Refreshed(done) = refresh(view, Wish::read(concurrently)?, false)? else {
        return Ok(TableIterator::new([]));
    };
    let action = match done.concurrently {
        true => "refreshed concurrently",
        false => "refreshed",
    };
    Ok(TableIterator::once((
        view,
        action,
        Interval::from_micros(done.duration),
        done.rows,
        done.reason,
    )))
}

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the row is the signature")]
fn refresh_all() -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(view, pg_sys::Oid),
            name!(position, i32),
            name!(run, i64),
        ),
    >,
    ErrorReport,
> {
    settings::require_enabled()?;
    let asked = all::refresh_all()?;
    Ok(TableIterator::new(
        (asked.into_iter()).map(|asked| (asked.view, asked.position, asked.run)),
    ))
}

#[pg_extern(sql = false)]
fn unique_index_for(view: Option<pg_sys::Oid>) -> std::result::Result<Option<String>, ErrorReport> {
    let view = view.ok_or_else(|| is_null("view"))?;
    // Seen in a view of many rows, of which none may fail because another session has a lock.
    Ok(unique::advice(view).ok().flatten())
}
