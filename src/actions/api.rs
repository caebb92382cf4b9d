//! The SQL functions of actions; their declarations are in `sql/actions.sql`.

#![allow(
    clippy::result_large_err,
    reason = "ErrorReport is what pgrx turns into the server's error"
)]

use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

use super::state::Task;
use super::{apply as queue, runs};
use crate::arguments::is_null;
use crate::error::{Error, Result};
use crate::pg::session;
use crate::settings;

#[pg_extern(sql = false)]
fn apply(rank: Option<i32>) -> std::result::Result<i64, ErrorReport> {
    settings::require_enabled()?;
    Ok(queue::apply(rank.ok_or_else(|| is_null("rank"))?)?)
}

#[pg_extern(sql = false)]
fn undo(id: Option<i64>) -> std::result::Result<i64, ErrorReport> {
    settings::require_enabled()?;
    Ok(queue::undo(id.ok_or_else(|| is_null("id"))?)?)
}

#[pg_extern(sql = false)]
fn action_check(id: Option<i64>, task: Option<&str>) -> std::result::Result<(), ErrorReport> {
    let (id, task) = of_job(id, task)?;
    Ok(runs::check(id, task)?)
}

#[pg_extern(sql = false)]
fn action_built(id: Option<i64>, task: Option<&str>) -> std::result::Result<(), ErrorReport> {
    let (id, task) = of_job(id, task)?;
    Ok(runs::built(id, task)?)
}

#[pg_extern(sql = false)]
fn action_verify(id: Option<i64>, task: Option<&str>) -> std::result::Result<(), ErrorReport> {
    let (id, task) = of_job(id, task)?;
    Ok(runs::verify(id, task)?)
}

/// Only a job's own process may say how far an action has come.
fn of_job(id: Option<i64>, task: Option<&str>) -> Result<(i64, Task)> {
    if !session::is_background_worker() {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            "this is a command of the jobs of actions, and of no use anywhere else",
        )
        .hint("See pgopt.apply() and pgopt.undo()."));
    }
    let id = id.ok_or_else(|| is_null("id"))?;
    let task = task.ok_or_else(|| is_null("task"))?;
    let known = Task::of_name(task).ok_or_else(|| {
        Error::invalid_parameter(format!(
            "unrecognized value for argument \"task\": \"{task}\""
        ))
        .hint("Use \"apply\", \"undo\" or \"clean up\".")
    })?;
    Ok((id, known))
}
