//! The SQL functions of the advisor; their declarations are in `sql/advisor.sql`.

#![allow(
    clippy::result_large_err,
    reason = "ErrorReport is what pgrx turns into the server's error"
)]

use std::time::Duration;

use pgrx::datum::Interval;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{Array, JsonB, PgSqlErrorCode, pg_sys};

use super::recommend::{Advice, Recommendation, recommend};
use super::selection::Limits;
use super::{Request, budget};
use crate::arguments::{empty, is_null, null_element, texts};
use crate::error::{Error, Result};
use crate::settings;
use crate::workload::source;

/// One row of advice. `cargo pgrx` reads the columns from each signature and takes no alias there.
type Row = (
    i32,
    &'static str,
    pg_sys::Oid,
    String,
    String,
    Vec<String>,
    &'static str,
    &'static str,
    i64,
    Interval,
    f64,
    f64,
    f64,
    f64,
    Option<Interval>,
    i32,
    String,
    JsonB,
);

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the row is the signature")]
fn recommend_for(
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
            name!(ddl, String),
            name!(undo_ddl, String),
            name!(steps, Vec<String>),
            name!(access_method, &'static str),
            name!(kind, &'static str),
            name!(size_bytes, i64),
            name!(build_time, Interval),
            name!(benefit, f64),
            name!(write_penalty, f64),
            name!(cost_before, f64),
            name!(cost_after, f64),
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
    let weights = weights.map(numbers).transpose()?;
    let request = request(storage_budget, max_indexes, min_benefit, None, time_limit)?;
    let workload = source::given(&queries, weights.as_deref())?;
    Ok(rows(recommend(&workload, &request, true)?)?)
}

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the row is the signature")]
fn index_recommendations(
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
            name!(ddl, String),
            name!(undo_ddl, String),
            name!(steps, Vec<String>),
            name!(access_method, &'static str),
            name!(kind, &'static str),
            name!(size_bytes, i64),
            name!(build_time, Interval),
            name!(benefit, f64),
            name!(write_penalty, f64),
            name!(cost_before, f64),
            name!(cost_after, f64),
            name!(time_saved, Option<Interval>),
            name!(statements, i32),
            name!(reason, String),
            name!(evidence, JsonB),
        ),
    >,
    ErrorReport,
> {
    settings::require_enabled()?;
    let schemas = match schemas {
        Some(schemas) => Some(texts("schemas", Some(schemas))?),
        None => None,
    };
    let request = request(
        storage_budget,
        max_indexes,
        min_benefit,
        schemas,
        time_limit,
    )?;
    let workload = source::observed()?;
    Ok(rows(recommend(&workload, &request, false)?)?)
}

fn numbers(array: Array<f64>) -> Result<Vec<f64>> {
    array
        .iter()
        .map(|weight| weight.ok_or_else(|| null_element("weights")))
        .collect()
}

/// Checks the arguments that both functions share.
fn request(
    storage_budget: Option<&str>,
    max_indexes: Option<i32>,
    min_benefit: Option<f64>,
    schemas: Option<Vec<String>>,
    time_limit: Option<Interval>,
) -> Result<Request> {
    let budget = storage_budget
        .map(|text| budget::parse("storage_budget", text))
        .transpose()?;
    let max_indexes = max_indexes
        .map(|most| {
            usize::try_from(most).map_err(|_| {
                Error::invalid_parameter(format!("max_indexes must not be negative: {most}"))
                    .hint("Pass NULL for any number of indexes.")
            })
        })
        .transpose()?;
    let min_benefit = min_benefit.ok_or_else(|| is_null("min_benefit"))?;
    if !(0.0..=1.0).contains(&min_benefit) {
        return Err(Error::invalid_parameter(format!(
            "min_benefit must be between 0 and 1: {min_benefit}"
        ))
        .hint("It is the share of the workload's cost that each index must save, such as 0.01."));
    }
    Ok(Request {
        limits: Limits {
            budget,
            max_indexes,
            min_benefit,
        },
        schemas,
        time_limit: duration(time_limit.ok_or_else(|| is_null("time_limit"))?)?,
    })
}

fn duration(interval: Interval) -> Result<Duration> {
    let micros = interval.as_micros();
    if micros <= 0 {
        return Err(
            Error::invalid_parameter("time_limit must be greater than zero")
                .hint("Pass an interval such as '30 s'."),
        );
    }
    // The longest interval is longer than the longest duration.
    Ok(Duration::from_micros(
        u64::try_from(micros).unwrap_or(u64::MAX),
    ))
}

type Rows = TableIterator<'static, Row>;

fn rows(advice: Advice) -> Result<Rows> {
    tell(&advice);
    let rows = (1..)
        .zip(advice.recommendations)
        .map(|(rank, row)| to_row(rank, row));
    Ok(TableIterator::new(rows.collect::<Result<Vec<_>>>()?))
}

/// What the rows cannot say when there are none.
fn tell(advice: &Advice) {
    if !advice.complete {
        ereport!(
            PgLogLevel::NOTICE,
            PgSqlErrorCode::ERRCODE_WARNING,
            "time_limit was reached before every candidate was weighed",
            "The best configuration found so far is returned."
        );
    }
    let Some(first) = advice.not_planned.first() else {
        return;
    };
    if advice.recommendations.is_empty() {
        ereport!(
            PgLogLevel::NOTICE,
            PgSqlErrorCode::ERRCODE_WARNING,
            format!(
                "{} statements could not be planned",
                advice.not_planned_count
            ),
            format!("The first is \"{}\": {}", first.query, first.reason)
        );
    }
}

fn to_row(rank: i32, row: Recommendation) -> Result<Row> {
    let evidence = serde_json::to_value(&row.evidence).map_err(|error| {
        Error::new(
            PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
            "evidence cannot be written as JSON",
        )
        .detail(error.to_string())
    })?;
    Ok((
        rank,
        "create",
        pg_sys::Oid::from(row.table),
        row.commands.ddl,
        row.commands.undo,
        row.commands.steps,
        row.method,
        row.kind,
        row.size,
        seconds(row.build_seconds),
        row.benefit,
        row.write_penalty,
        row.cost_before,
        row.cost_after,
        row.seconds_saved.map(seconds),
        i32::try_from(row.statements).unwrap_or(i32::MAX),
        row.reason,
        JsonB(evidence),
    ))
}

fn seconds(seconds: f64) -> Interval {
    let micros = (seconds * 1e6).clamp(0.0, 9e18);
    Interval::from_micros(micros as i64)
}

/// What a person could do besides making indexes, for tests.
#[cfg(any(test, feature = "pg_test"))]
pub(crate) fn hints_for(query: &str) -> Result<Vec<super::hints::Hint>> {
    let limits = Limits {
        budget: None,
        max_indexes: None,
        min_benefit: 0.01,
    };
    let request = Request {
        limits,
        schemas: None,
        time_limit: Duration::from_secs(60),
    };
    let workload = source::given(&[query.to_owned()], None)?;
    Ok(recommend(&workload, &request, true)?.hints)
}
