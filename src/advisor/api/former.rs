//! C symbols of functions whose rows had another shape. Objects that an older version of the
//! extension made still call them when the library is newer: that must be an error, not a crash.

#![allow(
    clippy::result_large_err,
    reason = "ErrorReport is what pgrx turns into the server's error"
)]

use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

use crate::error::Error;

/// 0.1.0: without `undo_steps`.
#[pg_extern(sql = false)]
fn recommend_for() -> std::result::Result<(), ErrorReport> {
    Err(older("recommend_for").into())
}

/// 0.1.0: without `undo_steps`.
#[pg_extern(sql = false)]
fn index_recommendations() -> std::result::Result<(), ErrorReport> {
    Err(older("index_recommendations").into())
}

fn older(function: &str) -> Error {
    Error::new(
        PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        format!("function \"{function}\" was made by an older version of pgopt"),
    )
    .detail("The library is newer than the extension's objects in this database.")
    .hint("Run ALTER EXTENSION pgopt UPDATE, or DROP EXTENSION pgopt and CREATE EXTENSION pgopt.")
}
