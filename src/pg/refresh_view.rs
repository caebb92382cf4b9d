//! `REFRESH MATERIALIZED VIEW`, and how many rows it wrote.

use pgrx::spi::Spi;
use pgrx::{PgSqlErrorCode, pg_sys};

use super::rollback::nested;
use crate::error::{Error, Result};

/// Takes the lock that a refresh takes, until the end of the transaction. It is taken at once and
/// not raised from a reader's: two sessions that did that would wait for each other.
pub(crate) fn lock(view: pg_sys::Oid, concurrently: bool) {
    let mode = match concurrently {
        true => pg_sys::ExclusiveLock,
        false => pg_sys::AccessExclusiveLock,
    };
    // SAFETY: waits for the lock like any command; raises the server's own errors.
    unsafe { pg_sys::LockRelationOid(view, mode as i32) }
}

/// Refreshes the view of that qualified name. Rows written: all of them, or, concurrently, those
/// that differed; `None` when the server does not count.
///
/// In a subtransaction: the server counts a plain refresh as a truncation, which takes back what
/// the same (sub)transaction has counted before, and insertions. In a new one that is nothing.
pub(crate) fn run(view: pg_sys::Oid, name: &str, concurrently: bool) -> Result<Option<i64>> {
    let word = if concurrently { "CONCURRENTLY " } else { "" };
    let command = format!("REFRESH MATERIALIZED VIEW {word}{name}");
    let before = changed_rows(view);
    let after = nested(|| {
        let outcome = Spi::connect_mut(|client| client.update(&command, None, &[]).map(|_| ()));
        outcome.map_err(|error| {
            Error::new(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR, "refresh failed")
                .detail(error.to_string())
        })?;
        Ok(changed_rows(view))
    })?;
    Ok(counts().then(|| match concurrently {
        true => after.all.saturating_sub(before.all),
        false => after.inserted.saturating_sub(before.inserted),
    }))
}

fn counts() -> bool {
    // SAFETY: a plain variable of this process.
    unsafe { pg_sys::pgstat_track_counts }
}

struct Changed {
    inserted: i64,
    all: i64,
}

/// Rows of a table that this transaction changed.
fn changed_rows(table: pg_sys::Oid) -> Changed {
    let of = |function: unsafe fn(pg_sys::FunctionCallInfo) -> pg_sys::Datum| {
        // SAFETY: the server's functions of one OID that return int8 and are never null.
        unsafe { pgrx::direct_function_call::<i64>(function, &[Some(pg_sys::Datum::from(table))]) }
            .unwrap_or(0)
    };
    let inserted = of(pg_sys::pg_stat_get_xact_tuples_inserted);
    let updated = of(pg_sys::pg_stat_get_xact_tuples_updated);
    let deleted = of(pg_sys::pg_stat_get_xact_tuples_deleted);
    Changed {
        inserted,
        all: inserted.saturating_add(updated).saturating_add(deleted),
    }
}

/// Whether the current user may refresh a materialized view: as its owner or, since 17, with the
/// privilege MAINTAIN.
pub(crate) fn may_refresh(view: pg_sys::Oid) -> bool {
    let Some(owner) = super::trusted_code::relation_owner(view) else {
        return false;
    };
    // SAFETY: look-ups of the current user and of a relation's owner.
    unsafe { pg_sys::has_privs_of_role(pg_sys::GetUserId(), owner) || may_maintain(view) }
}

#[cfg(any(feature = "pg15", feature = "pg16"))]
unsafe fn may_maintain(_view: pg_sys::Oid) -> bool {
    false
}

#[cfg(any(feature = "pg17", feature = "pg18"))]
unsafe fn may_maintain(view: pg_sys::Oid) -> bool {
    let privilege = pg_sys::ACL_MAINTAIN as pg_sys::AclMode;
    // SAFETY: a privilege look-up of the current user.
    unsafe {
        pg_sys::pg_class_aclcheck(view, pg_sys::GetUserId(), privilege)
            == pg_sys::AclResult::ACLCHECK_OK
    }
}

/// Whether the transaction keeps to the snapshot that it began with: then counters that are read
/// in it may be newer than the rows that a refresh sees.
pub(crate) fn one_snapshot_per_transaction() -> bool {
    // SAFETY: a plain variable of this process.
    unsafe { pg_sys::XactIsoLevel >= pg_sys::XACT_REPEATABLE_READ as i32 }
}

/// Whether the current user may change what `role` scheduled for a view.
pub(crate) fn acts_for(role: pg_sys::Oid, view: pg_sys::Oid) -> bool {
    let owner = super::trusted_code::relation_owner(view).unwrap_or(pg_sys::InvalidOid);
    // SAFETY: look-ups of the current user; a role that is gone has no members.
    unsafe {
        let user = pg_sys::GetUserId();
        pg_sys::superuser()
            || pg_sys::has_privs_of_role(user, role)
            || (owner != pg_sys::InvalidOid && pg_sys::has_privs_of_role(user, owner))
    }
}
