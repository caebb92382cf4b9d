//! `pgopt.explain_advice()`.

use pgrx::PgSqlErrorCode;
use pgrx::datum::Interval;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

use super::{request, rows};
use crate::advisor::explain::explain;
use crate::arguments::is_null;
use crate::settings;

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the row is the signature")]
fn explain_advice(
    query: Option<&str>,
    time_limit: Option<Interval>,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(candidate, String),
            name!(verdict, &'static str),
            name!(reason, String),
            name!(cost_before, Option<f64>),
            name!(cost_after, Option<f64>),
            name!(size_bytes, Option<i64>),
        ),
    >,
    ErrorReport,
> {
    settings::require_enabled()?;
    let query = query.ok_or_else(|| is_null("query"))?;
    let explanation = explain(query, request::time_limit_of(time_limit)?)?;
    if !explanation.complete {
        rows::tell_incomplete();
    }
    if let Some(left_out) = explanation.left_out {
        ereport!(
            PgLogLevel::NOTICE,
            PgSqlErrorCode::ERRCODE_WARNING,
            left_out
        );
    }
    let rows: Vec<_> = (explanation.rows.into_iter())
        .map(|row| {
            (
                row.candidate,
                row.verdict.name(),
                row.reason,
                row.cost_before,
                row.cost_after,
                row.size,
            )
        })
        .collect();
    Ok(TableIterator::new(rows))
}
