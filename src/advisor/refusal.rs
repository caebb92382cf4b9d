//! Why a candidate is not even shown to the planner.

use pgrx::pg_sys;

use super::candidates::{Aim, Candidate, Knowledge, Shape};
use super::evidence::Rejected;
use super::long_values::LongValues;
use super::tables::{ExistingIndex, Table};
use crate::pg::catalog;
use crate::pg::operator_classes::{IndexMethod, Subject};
use crate::pg::statistic_slots::{Slot, numbers};
use crate::whatif::Hypothetical;

/// Average width above which a column may have values that no entry can hold.
const MAX_KEY_WIDTH: f64 = 255.0;

/// Share of the rows that each value must have for an index to be of no use.
const COMMON: f64 = 0.2;

/// Correlation up to which the rows with one value are all over the table.
const SCATTERED: f64 = 0.9;

/// The candidate, of which `ddl` is the command, with the reason if there is one; `sorted` says
/// whether a statement wants rows in its order, `long` which columns have values that do not fit.
pub(super) fn refusal(
    candidate: &Candidate,
    table: &Table,
    sorted: bool,
    ddl: &str,
    long: &LongValues,
) -> Option<Rejected> {
    if let Some(index) = serving(candidate, table) {
        return Some(Rejected::served(ddl.to_owned(), &index.name));
    }
    too_long(candidate, table, long)
        .or_else(|| (!sorted).then(|| too_common(candidate, table)).flatten())
        .map(|reason| Rejected::new(ddl.to_owned(), reason))
}

fn serving<'a>(candidate: &Candidate, table: &'a Table) -> Option<&'a ExistingIndex> {
    (table.indexes.iter()).find(|index| {
        candidate.is_served_by(Shape {
            method: index.method,
            keys: &index.keys(),
            columns: &index.columns(),
            predicate: index.predicate.as_deref(),
        })
    })
}

/// Methods that store values as they are, in an entry that must fit into a page.
fn too_long(candidate: &Candidate, table: &Table, long: &LongValues) -> Option<String> {
    let (what, method) = match (candidate.method, candidate.aim) {
        (IndexMethod::Btree, _) => ("values", "a B-tree"),
        (IndexMethod::Brin, _) => ("values", "a BRIN index"),
        (IndexMethod::Gin, Aim::Of(Subject::Array)) => ("elements", "a GIN index"),
        _ => return None,
    };
    let width = |column: i16| match what {
        "elements" => element_width(table, column),
        _ => table.width(column),
    };
    let wide = (candidate.keys.iter())
        .filter_map(|key| key.element.attribute())
        .find(|&column| {
            let most = table.most_bytes(column);
            let fits = most.is_some_and(|bytes| bytes <= 4.0 * MAX_KEY_WIDTH + 4.0);
            let is_wide = || width(column) > MAX_KEY_WIDTH;
            !fits && (is_wide() || what == "values" && most.is_none() && long.are_in(table, column))
        })?;
    Some(format!(
        "{what} of column {} may be too long for {method}",
        name(table, wide)
    ))
}

/// The same of the expressions of a B-tree, as far as is known of them.
pub(super) fn too_long_expression(index: &Hypothetical) -> Option<String> {
    let is_wide = |position: &usize| {
        (index.expression_width(*position)).is_some_and(|width| width > MAX_KEY_WIDTH)
    };
    let is_btree = index.definition.access_method == pg_sys::BTREE_AM_OID;
    (is_btree && (0..index.definition.keys.len()).any(|position| is_wide(&position)))
        .then(|| "values of the expression may be too long for a B-tree".to_owned())
}

/// Average width of an array's elements.
fn element_width(table: &Table, column: i16) -> f64 {
    let counts = numbers(pg_sys::Oid::from(table.oid), column, Slot::ElementCounts);
    table.width(column) / counts.last().copied().unwrap_or(1.0).max(1.0)
}

/// An index on nothing but a column of which every value is in many rows all over the table.
fn too_common(candidate: &Candidate, table: &Table) -> Option<String> {
    let ([key], IndexMethod::Btree) = (candidate.keys.as_slice(), candidate.method) else {
        return None;
    };
    let column = key.element.attribute()?;
    if !candidate.included.is_empty() || candidate.predicate.is_some() {
        return None;
    }
    let oid = pg_sys::Oid::from(table.oid);
    let statistics = catalog::column_statistics(oid, column)?;
    let shares = numbers(oid, column, Slot::CommonValues);
    let least = shares.iter().copied().fold(1.0, f64::min);
    let all_known = !shares.is_empty() && statistics.distinct == shares.len() as f64;
    let nulls_rare = statistics.null_fraction > 0.0 && statistics.null_fraction < COMMON;
    let scattered = (table.correlation(column)).is_some_and(|order| order.abs() < SCATTERED);
    (all_known && least >= COMMON && !nulls_rare && scattered).then(|| {
        format!(
            "each value of column {} is in {:.0} % of the rows or more, all over the table",
            name(table, column),
            least * 100.0
        )
    })
}

fn name(table: &Table, column: i16) -> String {
    let name = (table.columns.get(&column)).map(|column| column.name.as_str());
    format!("\"{}\"", name.unwrap_or_default())
}
