//! Which materialized views there are, who may refresh them, and which of them read others.

use pgrx::{PgSqlErrorCode, pg_sys};

use super::builtin::makes_text_of_any_type;
use super::order::{Reads, upstream as above};
use super::refresh::on_standby;
use crate::error::{Error, Result};
use crate::pg::catalog::{qualified_name, relation_kind};
use crate::pg::rollback::{Surroundings, rolled_back};
use crate::pg::{refresh_view, roles, spi, view_sources};

/// Milliseconds that a lock is waited for where nobody should have to wait for us.
pub(super) const BRIEFLY: i32 = 50;

/// Raises an error unless the current user may refresh `view` here.
pub(super) fn check_refreshable(view: pg_sys::Oid) -> Result<()> {
    let kind = relation_kind(view).ok_or_else(|| gone(view))?;
    let name = qualified_name(view).ok_or_else(|| gone(view))?;
    if kind != b'm' {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_WRONG_OBJECT_TYPE,
            format!("{name} is not a materialized view"),
        )
        .hint("Only materialized views are refreshed; pgopt.matview_status lists them."));
    }
    if roles::in_recovery() {
        return Err(on_standby());
    }
    if !refresh_view::may_refresh(view) {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            format!("must be owner of materialized view {name}"),
        )
        .hint("Ask its owner, or a member of the role that owns it."));
    }
    Ok(())
}

/// A view that is not there (any more).
pub(super) fn gone(view: pg_sys::Oid) -> Error {
    Error::new(
        PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE,
        format!(
            "materialized view with OID {} does not exist",
            view.to_u32()
        ),
    )
}

/// All materialized views that depend on `view` come after these: what it reads directly is given,
/// the rest is found.
pub(super) fn upstream(view: pg_sys::Oid, direct: &[u32]) -> Result<Vec<u32>> {
    let mut reads = Reads::from([(view.to_u32(), direct.to_vec())]);
    complete(&mut reads)?;
    Ok(above(view.to_u32(), &reads).into_iter().collect())
}

/// Which views `views` read, and those in turn.
pub(super) fn reads_of(views: &[u32]) -> Result<Reads> {
    let mut reads = Reads::new();
    for view in views {
        reads.insert(*view, direct(*view)?);
    }
    complete(&mut reads)?;
    Ok(reads)
}

fn complete(reads: &mut Reads) -> Result<()> {
    loop {
        let missing: Vec<u32> = (reads.values().flatten().copied())
            .filter(|view| !reads.contains_key(view))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        for view in missing {
            let found = direct(view)?;
            reads.insert(view, found);
        }
    }
}

/// The materialized views in the query of one.
fn direct(view: u32) -> Result<Vec<u32>> {
    let surroundings = Surroundings::default();
    let sources = rolled_back(&surroundings, || {
        Ok(view_sources::sources(
            pg_sys::Oid::from(view),
            makes_text_of_any_type,
        ))
    })?;
    Ok((sources.into_iter())
        .flat_map(|sources| sources.relations)
        .map(|relation| relation.oid)
        .filter(|oid| relation_kind(pg_sys::Oid::from(*oid)) == Some(b'm'))
        .collect())
}

/// Every materialized view of this database that the current user may refresh.
pub(super) fn refreshable() -> Result<Vec<u32>> {
    let all: Vec<u32> = spi::json(
        "SELECT coalesce(jsonb_agg(c.oid::int8 ORDER BY c.oid), '[]') FROM pg_class AS c WHERE c.relkind = 'm'",
        &[],
    )?;
    Ok(all
        .into_iter()
        .filter(|oid| refresh_view::may_refresh(pg_sys::Oid::from(*oid)))
        .collect())
}
