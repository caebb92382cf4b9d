//! Catalog queries: SQL that returns one `jsonb`, read into a serde type.

use std::cell::RefCell;
use std::collections::HashMap;

use pgrx::datum::DatumWithOid;
use pgrx::spi::{OwnedPreparedStatement, Spi};
use pgrx::{JsonB, PgOid, PgSqlErrorCode, pg_sys};
use serde::de::DeserializeOwned;

use super::rollback::set_for_level;
use crate::error::{Error, Result};

/// Runs `sql`, which selects one `jsonb` value, with `search_path` pinned to the catalogs.
pub(crate) fn json<T: DeserializeOwned>(sql: &str, arguments: &[DatumWithOid]) -> Result<T> {
    value(sql, arguments, false)
}

/// The same for `sql` that changes something and returns a `jsonb` value of one row.
pub(crate) fn changed<T: DeserializeOwned>(sql: &str, arguments: &[DatumWithOid]) -> Result<T> {
    value(sql, arguments, true)
}

/// Runs a command of the caller's own rights, with names that are qualified.
pub(crate) fn run(sql: &str) -> Result<()> {
    Spi::run(sql).map_err(|error| internal(sql, &error.to_string()))
}

fn value<T: DeserializeOwned>(sql: &str, arguments: &[DatumWithOid], changes: bool) -> Result<T> {
    // SAFETY: the nest level is closed below; an error on the way unwinds to an abort that
    // closes it as well.
    let level = unsafe { pg_sys::NewGUCNestLevel() };
    set_for_level("search_path", "pg_catalog, pg_temp")?;
    let read = |rows: pgrx::spi::SpiTupleTable| rows.first().get_one::<JsonB>();
    let value: pgrx::spi::SpiResult<Option<JsonB>> = match changes {
        true => Spi::connect_mut(|client| read(client.update(sql, None, arguments)?)),
        false => Spi::connect(|client| read(client.select(sql, Some(1), arguments)?)),
    };
    // SAFETY: closes the level opened above.
    unsafe { pg_sys::AtEOXact_GUC(true, level) };
    let value = value.map_err(|error| internal(sql, &error.to_string()))?;
    let value = value.ok_or_else(|| internal(sql, "it returned no value"))?;
    serde_json::from_value(value.0).map_err(|error| internal(sql, &error.to_string()))
}

/// The same for a query of ours that is run again and again, and that may write: it is planned
/// once in a process. Only one that writes takes a transaction identifier.
pub(crate) fn json_again<T: DeserializeOwned>(
    sql: &'static str,
    writes: bool,
    arguments: &[DatumWithOid],
) -> Result<T> {
    again(sql, writes, arguments, &[])
}

/// The same for a query that touches few rows of tables that may be large, whatever the planner
/// makes of sets it knows no size of: by their indexes, planned once.
pub(crate) fn json_by_index<T: DeserializeOwned>(
    sql: &'static str,
    writes: bool,
    arguments: &[DatumWithOid],
) -> Result<T> {
    let settings = [
        ("enable_seqscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
        ("jit", "off"),
        ("plan_cache_mode", "force_generic_plan"),
    ];
    again(sql, writes, arguments, &settings)
}

fn again<T: DeserializeOwned>(
    sql: &'static str,
    writes: bool,
    arguments: &[DatumWithOid],
    settings: &[(&str, &str)],
) -> Result<T> {
    // SAFETY: as above.
    let level = unsafe { pg_sys::NewGUCNestLevel() };
    set_for_level("search_path", "pg_catalog, pg_temp")?;
    for (name, value) in settings {
        set_for_level(name, value)?;
    }
    let value = prepared(sql, writes, arguments);
    // SAFETY: closes the level opened above.
    unsafe { pg_sys::AtEOXact_GUC(true, level) };
    let value = value.map_err(|error| internal(sql, &error.to_string()))?;
    let value = value.ok_or_else(|| internal(sql, "it returned no value"))?;
    serde_json::from_value(value.0).map_err(|error| internal(sql, &error.to_string()))
}

thread_local! {
    /// Plans by their text; they stay as long as the process.
    static PLANS: RefCell<HashMap<&'static str, &'static OwnedPreparedStatement>> =
        RefCell::default();
}

fn prepared(
    sql: &'static str,
    writes: bool,
    arguments: &[DatumWithOid],
) -> pgrx::spi::SpiResult<Option<JsonB>> {
    Spi::connect_mut(|client| {
        let known = PLANS.with_borrow(|plans| plans.get(sql).copied());
        let plan = match known {
            Some(plan) => plan,
            None => {
                let types: Vec<PgOid> = (arguments.iter())
                    .map(|argument| PgOid::from(argument.oid()))
                    .collect();
                let plan: &_ = Box::leak(Box::new(client.prepare(sql, &types)?.keep()));
                PLANS.with_borrow_mut(|plans| plans.insert(sql, plan));
                plan
            }
        };
        let rows = match writes {
            true => client.update(plan, None, arguments)?,
            false => client.select(plan, None, arguments)?,
        };
        rows.first().get_one::<JsonB>()
    })
}

/// Runs a command of ours that returns nothing, with `search_path` pinned likewise.
pub(crate) fn run_with(sql: &str, arguments: &[DatumWithOid]) -> Result<()> {
    // SAFETY: as above.
    let level = unsafe { pg_sys::NewGUCNestLevel() };
    set_for_level("search_path", "pg_catalog, pg_temp")?;
    let done = Spi::connect_mut(|client| client.update(sql, None, arguments).map(|_| ()));
    // SAFETY: closes the level opened above.
    unsafe { pg_sys::AtEOXact_GUC(true, level) };
    done.map_err(|error| internal(sql, &error.to_string()))
}

fn internal(sql: &str, problem: &str) -> Error {
    Error::new(
        PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
        "catalog query failed",
    )
    .detail(format!(
        "{problem}; the query was: {}",
        crate::error::abbreviate(sql, 300)
    ))
}
