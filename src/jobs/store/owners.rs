//! Owners of jobs: who they are where a dump was restored, and what they are called.

use super::sql::owner;
use crate::error::Result;
use crate::pg::{place, spi};

/// Writes down the OIDs of owners that were found by name only, after a restore, and the names of
/// those that were renamed. Definitions that somebody holds are left for later.
pub(super) fn keep_up() -> Result<()> {
    let here = place::here();
    // First a look: an UPDATE wakes the worker even if it finds nothing.
    let wrong: Vec<i64> = spi::json_again(
        concat!(
            "SELECT coalesce(jsonb_agg(w.id), '[]') FROM (
               SELECT d.id FROM pgopt.job_definitions AS d JOIN pg_authid AS r ON r.oid = ",
            owner!("d"),
            " WHERE d.owner_place <> $1 OR d.owner <> r.rolname LIMIT 10000 FOR UPDATE OF d SKIP LOCKED) AS w"
        ),
        true,
        &[here.clone().into()],
    )?;
    if wrong.is_empty() {
        return Ok(());
    }
    let _count: i64 = spi::json_again(
        concat!(
            "WITH made AS (
               UPDATE pgopt.job_definitions AS d
                  SET owner = r.rolname, owner_oid = r.oid, owner_place = $1
                 FROM pg_authid AS r WHERE d.id = ANY ($2) AND r.oid = ",
            owner!("d"),
            " RETURNING 1) SELECT to_jsonb(count(*)) FROM made"
        ),
        true,
        &[here.into(), wrong.into()],
    )?;
    Ok(())
}
