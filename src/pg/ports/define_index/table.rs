//! The table of the index: who may ask about it, and what can be indexed at all.

use std::ffi::{CStr, c_void};

use pgrx::{PgRelation, PgSqlErrorCode, pg_guard, pg_sys};

use super::{is_partitioned, text};
use crate::error::{Error, Result};

/// Finds and locks the table that the command names, as `ProcessUtilitySlow` (`tcop/utility.c`)
/// does, but in `AccessShareLock` mode. The lock is held until the transaction ends.
pub(super) fn resolve(statement: &pg_sys::IndexStmt) -> pg_sys::Oid {
    // SAFETY: the grammar always fills `relation`; the callback takes no argument.
    unsafe {
        pg_sys::RangeVarGetRelidExtended(
            statement.relation,
            pg_sys::AccessShareLock as pg_sys::LOCKMODE,
            0,
            Some(range_var_callback_may_read_relation),
            std::ptr::null_mut(),
        )
    }
}

/// Stands in for `RangeVarCallbackOwnsRelation` (`commands/tablecmds.c`): the caller must be able
/// to read the table instead of owning it. Runs before the table is locked.
#[pg_guard]
unsafe extern "C-unwind" fn range_var_callback_may_read_relation(
    relation: *const pg_sys::RangeVar,
    table: pg_sys::Oid,
    _previous: pg_sys::Oid,
    _argument: *mut c_void,
) {
    if table == pg_sys::InvalidOid {
        return;
    }
    // SAFETY: RangeVarGetRelidExtended passes the RangeVar it was called with, and the OID of a
    // relation that exists in the catalog snapshot.
    let refused = unsafe {
        let verdict = pg_sys::pg_class_aclcheck(
            table,
            pg_sys::GetUserId(),
            pg_sys::ACL_SELECT as pg_sys::AclMode,
        );
        if verdict != pg_sys::AclResult::ACLCHECK_OK {
            let kind = pg_sys::get_relkind_objtype(pg_sys::get_rel_relkind(table));
            pg_sys::aclcheck_error(verdict, kind, (*relation).relname);
        }
        !pg_sys::allowSystemTableMods && is_system_class(table)
    };
    if refused {
        // SAFETY: as above.
        let name = text(unsafe { (*relation).relname });
        pgrx::ereport!(
            ERROR,
            PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            format!("permission denied: \"{name}\" is a system catalog")
        );
    }
}

/// Whether the relation is a system catalog or a TOAST table.
fn is_system_class(table: pg_sys::Oid) -> bool {
    // SAFETY: a lookup by OID; the tuple is released before its data could go away.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(
            pg_sys::SysCacheIdentifier::RELOID as i32,
            pg_sys::Datum::from(table),
        );
        if tuple.is_null() {
            return false;
        }
        let system = pg_sys::IsSystemClass(table, pg_sys::GETSTRUCT(tuple).cast());
        pg_sys::ReleaseSysCache(tuple);
        system
    }
}

/// Opens a table that [`resolve`] has locked; dropping it closes it and keeps the lock.
pub(super) fn open(table: pg_sys::Oid) -> PgRelation {
    // SAFETY: the relation is locked, so it exists; `table_open` refuses indexes itself and
    // returns a relation whose reference the PgRelation takes over.
    unsafe {
        PgRelation::from_pg_owned(pg_sys::table_open(
            table,
            pg_sys::NoLock as pg_sys::LOCKMODE,
        ))
    }
}

/// The fixed part of the table's `pg_class` row.
pub(super) fn class(table: &PgRelation) -> &pg_sys::FormData_pg_class {
    // SAFETY: `rd_rel` of an open relation is always set and lives as long as it is open.
    unsafe { &*table.rd_rel }
}

/// Refuses what `DefineIndex` refuses to index.
pub(super) fn check_kind(table: &PgRelation, statement: &pg_sys::IndexStmt) -> Result<()> {
    let class = class(table);
    let indexable = [
        pg_sys::RELKIND_RELATION,
        pg_sys::RELKIND_MATVIEW,
        pg_sys::RELKIND_PARTITIONED_TABLE,
    ];
    if !indexable.contains(&(class.relkind as u8)) {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_WRONG_OBJECT_TYPE,
            format!("cannot create index on relation \"{}\"", name(table)),
        )
        .detail(format!(
            "This operation is not supported for {}.",
            plural(class.relkind as u8)
        )));
    }
    if is_partitioned(table) && statement.concurrent {
        return Err(Error::unsupported(format!(
            "cannot create index on partitioned table \"{}\" concurrently",
            name(table)
        )));
    }
    if class.relpersistence as u8 == pg_sys::RELPERSISTENCE_TEMP && !table.rd_islocaltemp {
        return Err(Error::unsupported(
            "cannot create indexes on temporary tables of other sessions",
        ));
    }
    Ok(())
}

/// What the server calls relations of a kind, as in `errdetail_relkind_not_supported`.
fn plural(kind: u8) -> &'static str {
    match kind {
        pg_sys::RELKIND_SEQUENCE => "sequences",
        pg_sys::RELKIND_TOASTVALUE => "TOAST tables",
        pg_sys::RELKIND_VIEW => "views",
        pg_sys::RELKIND_COMPOSITE_TYPE => "composite types",
        pg_sys::RELKIND_FOREIGN_TABLE => "foreign tables",
        _ => "relations of this kind",
    }
}

/// The table's name without its schema.
pub(super) fn name(table: &PgRelation) -> String {
    text(class(table).relname.data.as_ptr())
}

/// What `index_create` refuses for catalogs; reached only under `allow_system_table_mods`.
pub(super) fn check_catalog_rules(table: &PgRelation, statement: &pg_sys::IndexStmt) -> Result<()> {
    // SAFETY: the relation is open; the setting is a plain variable.
    let (system, catalog, mods_allowed) = unsafe {
        (
            pg_sys::IsSystemRelation(table.as_ptr()),
            pg_sys::IsCatalogRelation(table.as_ptr()),
            pg_sys::allowSystemTableMods,
        )
    };
    if system && !mods_allowed {
        return Err(Error::unsupported(
            "user-defined indexes on system catalog tables are not supported",
        ));
    }
    if catalog && statement.concurrent {
        return Err(Error::unsupported(
            "concurrent index creation on system catalog tables is not supported",
        ));
    }
    if class(table).relisshared {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            "shared indexes cannot be created after initdb",
        ));
    }
    Ok(())
}

/// Whether the table's schema has a relation called `name`.
pub(super) fn name_is_taken(table: &PgRelation, name: &CStr) -> bool {
    // SAFETY: a catalog lookup by a terminated string.
    let found = unsafe { pg_sys::get_relname_relid(name.as_ptr(), table.namespace_oid()) };
    found != pg_sys::InvalidOid
}
