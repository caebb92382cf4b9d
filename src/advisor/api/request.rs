//! Arguments that several functions share.

use std::time::Duration;

use pgrx::Array;
use pgrx::datum::Interval;

use crate::advisor::selection::Limits;
use crate::advisor::{Request, budget};
use crate::arguments::{is_null, null_element, texts};
use crate::error::{Error, Result};

/// The elements of the weights.
pub(super) fn numbers(array: Array<f64>) -> Result<Vec<f64>> {
    (array.iter())
        .map(|weight| weight.ok_or_else(|| null_element("weights")))
        .collect()
}

/// Checks the arguments that the functions share.
pub(super) fn read(
    storage_budget: Option<&str>,
    max_indexes: Option<i32>,
    min_benefit: Option<f64>,
    schemas: Option<Array<&str>>,
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
    let schemas = match schemas {
        Some(schemas) => Some(texts("schemas", Some(schemas))?),
        None => None,
    };
    Ok(Request {
        limits: Limits {
            budget,
            max_indexes,
            min_benefit,
        },
        schemas,
        time_limit: time_limit_of(time_limit)?,
    })
}

/// How long the advisor may take.
pub(super) fn time_limit_of(time_limit: Option<Interval>) -> Result<Duration> {
    duration(time_limit.ok_or_else(|| is_null("time_limit"))?)
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
