//! INVALID indexes that interrupted runs leave behind.

use pgrx::PgSqlErrorCode;
use pgrx::datum::DatumWithOid;
use pgrx::pg_sys;

use super::checks::{self, Found};
use super::commands::{names, rest_name, rest_of};
use super::log::Action;
use crate::error::{Error, Result};
use crate::pg::{catalog, spi};

/// How long a lock on the table of an INVALID index is waited for: whoever holds it may be
/// building that index.
const LOCK_TIMEOUT: &str = "3s";

/// The INVALID indexes among an action's names that its runs left behind. With the index on a
/// partitioned table all below it are: those attached go with it.
pub(super) fn of(action: &Action) -> Result<Vec<Found>> {
    let plan = &action.plan;
    let found = checks::found_of(plan)?;
    let whole = plan.made.len() > 1 && (found.iter()).any(|found| found.place == 0 && !found.valid);
    Ok((found.into_iter())
        .filter(|found| match found.place < plan.made.len() {
            true => action.progress.owns_names && (whole || !found.valid),
            // Dropping one concurrently makes it INVALID first.
            false => {
                !found.valid
                    && (action.progress.owns_former_names
                        || (action.progress.dropped.iter()).any(|(_, oid)| *oid == found.oid))
            }
        })
        .collect())
}

/// Those that were given a name to be dropped under, and were not dropped yet.
pub(super) fn set_aside_before(action: &Action) -> Result<Vec<String>> {
    let rests: Vec<String> = (names(&action.plan).into_iter().enumerate())
        .map(|(place, name)| rest_of(action.id, place, name))
        .collect();
    let texts: Vec<&str> = rests.iter().map(String::as_str).collect();
    Ok((checks::found(&texts)?.iter())
        .filter_map(|found| rests.get(found.place).cloned())
        .collect())
}

/// Gives all of them names under which they are dropped.
pub(super) fn set_aside_all(action: &Action) -> Result<()> {
    let all = names(&action.plan);
    for found in of(action)? {
        if let Some(name) = all.get(found.place) {
            set_aside(action.id, name, &found)?;
        }
    }
    Ok(())
}

/// Gives an INVALID index such a name. One under construction is INVALID as well; its table is
/// locked, so this fails and is tried again.
pub(super) fn set_aside(id: i64, name: &str, found: &Found) -> Result<()> {
    let table = found.table.map(pg_sys::Oid::from);
    let Some(table) = table.and_then(catalog::qualified_name) else {
        return Err(checks::taken(name));
    };
    let before = found.oid;
    let valid = found.valid;
    spi::changed::<String>(
        "SELECT to_jsonb(set_config('lock_timeout', $1, true))",
        &[DatumWithOid::from(LOCK_TIMEOUT)],
    )?;
    spi::run(&format!(
        "LOCK TABLE {table} IN SHARE UPDATE EXCLUSIVE MODE"
    ))?;
    let now = checks::found(&[name])?;
    if !now
        .first()
        .is_some_and(|now| now.oid == before && now.valid == valid)
    {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE,
            format!("index {name} was being changed by somebody else"),
        ));
    }
    spi::run(&format!(
        "ALTER INDEX {name} RENAME TO {}",
        rest_name(id, found.place)
    ))
}
