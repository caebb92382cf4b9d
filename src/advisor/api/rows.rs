//! Advice as rows.

use pgrx::datum::Interval;
use pgrx::prelude::*;
use pgrx::{JsonB, PgSqlErrorCode, pg_sys};

use crate::advisor::advice::{Action, Advice, Recommendation};
use crate::error::{Error, Result};

/// One row of advice. `cargo pgrx` reads the columns from each signature and takes no alias there.
type Row = (
    i32,
    &'static str,
    pg_sys::Oid,
    Option<String>,
    Option<String>,
    Vec<String>,
    Vec<String>,
    Option<String>,
    &'static str,
    Option<i64>,
    Option<Interval>,
    Option<f64>,
    Option<f64>,
    Option<f64>,
    Option<f64>,
    Option<Interval>,
    i32,
    String,
    JsonB,
);

pub(super) fn of(advice: Advice) -> Result<TableIterator<'static, Row>> {
    tell(&advice);
    let rows = (1..)
        .zip(advice.recommendations)
        .map(|(rank, row)| to_row(rank, row));
    Ok(TableIterator::new(rows.collect::<Result<Vec<_>>>()?))
}

/// What the rows cannot say when there are none.
pub(super) fn tell(advice: &Advice) {
    if !advice.complete {
        tell_incomplete();
    }
    let Some(first) = advice.not_planned.first() else {
        return;
    };
    if (advice.recommendations.iter()).all(|row| row.action == Action::Hint) {
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

/// Says that time was up.
pub(super) fn tell_incomplete() {
    ereport!(
        PgLogLevel::NOTICE,
        PgSqlErrorCode::ERRCODE_WARNING,
        "time_limit was reached before every candidate was weighed",
        "The best configuration found so far is returned."
    );
}

fn to_row(rank: i32, row: Recommendation) -> Result<Row> {
    let evidence = serde_json::to_value(&row.evidence).map_err(|error| {
        Error::new(
            PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
            "evidence cannot be written as JSON",
        )
        .detail(error.to_string())
    })?;
    let command = |text: String| (!text.is_empty()).then_some(text);
    Ok((
        rank,
        row.action.name(),
        pg_sys::Oid::from(row.table),
        command(row.plan.ddl),
        command(row.plan.undo),
        row.plan.steps,
        row.plan.undo_steps,
        row.access_method,
        row.kind,
        row.size,
        row.build_seconds.map(seconds),
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
