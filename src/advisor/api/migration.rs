//! `pgopt.export_migration()` and `pgopt.export_migration_script()`.

use pgrx::Array;
use pgrx::datum::Interval;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

use super::{request, rows};
use crate::advisor::Request;
use crate::advisor::migration::{self, Direction, Migration};
use crate::advisor::recommend::recommend;
use crate::arguments::{is_null, null_element};
use crate::error::{Error, Result};
use crate::settings;
use crate::workload::source;

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the row is the signature")]
fn export_migration(
    ranks: Option<Array<i32>>,
    storage_budget: Option<&str>,
    max_indexes: Option<i32>,
    min_benefit: Option<f64>,
    schemas: Option<Array<&str>>,
    time_limit: Option<Interval>,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(direction, &'static str),
            name!(position, i32),
            name!(command, String),
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
    );
    let migration = advised(ranks, request)?;
    let rows: Vec<_> = [Direction::Up, Direction::Down]
        .into_iter()
        .flat_map(|direction| {
            let commands = migration.commands(direction).into_iter();
            (1..)
                .zip(commands)
                .map(move |(position, command)| (direction.name(), position, command))
        })
        .collect();
    Ok(TableIterator::new(rows))
}

#[pg_extern(sql = false)]
#[allow(clippy::too_many_arguments, reason = "those of the function in SQL")]
fn export_migration_script(
    ranks: Option<Array<i32>>,
    direction: Option<&str>,
    storage_budget: Option<&str>,
    max_indexes: Option<i32>,
    min_benefit: Option<f64>,
    schemas: Option<Array<&str>>,
    time_limit: Option<Interval>,
) -> std::result::Result<String, ErrorReport> {
    settings::require_enabled()?;
    let direction = direction.ok_or_else(|| is_null("direction"))?;
    let direction = Direction::parse(direction)?;
    let request = request::read(
        storage_budget,
        max_indexes,
        min_benefit,
        schemas,
        time_limit,
    );
    Ok(advised(ranks, request)?.script(direction))
}

/// What is advised now, those `ranks` of it.
fn advised(ranks: Option<Array<i32>>, request: Result<Request>) -> Result<Migration> {
    let ranks = ranks.map(numbers).transpose()?;
    let request = request?;
    let advice = recommend(&source::observed()?, &request, false)?;
    rows::tell(&advice);
    migration::of(advice, ranks.as_deref())
}

fn numbers(array: Array<i32>) -> Result<Vec<i32>> {
    let ranks = (array.iter())
        .map(|rank| rank.ok_or_else(|| null_element("ranks")))
        .collect::<Result<Vec<_>>>()?;
    match ranks.is_empty() {
        true => Err(Error::invalid_parameter("argument \"ranks\" is empty")
            .hint("Pass NULL for all recommendations, or their ranks, such as ARRAY[1, 2].")),
        false => Ok(ranks),
    }
}
