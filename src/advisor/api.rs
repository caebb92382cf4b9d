//! The SQL functions of the advisor; their declarations are in `sql/advisor.sql`.

#![allow(
    clippy::result_large_err,
    reason = "ErrorReport is what pgrx turns into the server's error"
)]

mod explain;
mod former;
mod migration;
mod request;
mod rows;

use pgrx::datum::Interval;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{Array, JsonB, pg_sys};

use super::recommend::recommend;
use super::shown;
use crate::arguments::{empty, texts};
use crate::settings;
use crate::workload::source;

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the row is the signature")]
fn recommend_for_2(
    queries: Option<Array<&str>>,
    weights: Option<Array<f64>>,
    storage_budget: Option<&str>,
    max_indexes: Option<i32>,
    min_benefit: Option<f64>,
    time_limit: Option<Interval>,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(rank, i32),
            name!(action, &'static str),
            name!(table_name, pg_sys::Oid),
            name!(ddl, Option<String>),
            name!(undo_ddl, Option<String>),
            name!(steps, Vec<String>),
            name!(undo_steps, Vec<String>),
            name!(access_method, Option<String>),
            name!(kind, &'static str),
            name!(size_bytes, Option<i64>),
            name!(build_time, Option<Interval>),
            name!(benefit, Option<f64>),
            name!(write_penalty, Option<f64>),
            name!(cost_before, Option<f64>),
            name!(cost_after, Option<f64>),
            name!(time_saved, Option<Interval>),
            name!(statements, i32),
            name!(reason, String),
            name!(evidence, JsonB),
        ),
    >,
    ErrorReport,
> {
    settings::require_enabled()?;
    let queries = texts("queries", queries)?;
    if queries.is_empty() {
        return Err(empty("queries").into());
    }
    let weights = weights.map(request::numbers).transpose()?;
    let request = request::read(storage_budget, max_indexes, min_benefit, None, time_limit)?;
    let workload = source::given(&queries, weights.as_deref())?;
    Ok(rows::of(recommend(&workload, &request, true)?)?)
}

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the row is the signature")]
fn index_recommendations_2(
    storage_budget: Option<&str>,
    max_indexes: Option<i32>,
    min_benefit: Option<f64>,
    schemas: Option<Array<&str>>,
    time_limit: Option<Interval>,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(rank, i32),
            name!(action, &'static str),
            name!(table_name, pg_sys::Oid),
            name!(ddl, Option<String>),
            name!(undo_ddl, Option<String>),
            name!(steps, Vec<String>),
            name!(undo_steps, Vec<String>),
            name!(access_method, Option<String>),
            name!(kind, &'static str),
            name!(size_bytes, Option<i64>),
            name!(build_time, Option<Interval>),
            name!(benefit, Option<f64>),
            name!(write_penalty, Option<f64>),
            name!(cost_before, Option<f64>),
            name!(cost_after, Option<f64>),
            name!(time_saved, Option<Interval>),
            name!(statements, i32),
            name!(reason, String),
            name!(evidence, JsonB),
        ),
    >,
    ErrorReport,
> {
    settings::require_enabled()?;
    let request = request::read(
        storage_budget,
        max_indexes,
        min_benefit,
        schemas,
        time_limit,
    )?;
    let advice = recommend(&source::observed()?, &request, false)?;
    shown::remember(&request, &advice);
    Ok(rows::of(advice)?)
}
