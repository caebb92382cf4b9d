//! Where the index would be stored: tablespace and storage parameters.

use pgrx::{PgList, PgRelation, pg_sys};

use super::access_method::AccessMethod;
use super::{is_partitioned, table, text};
use crate::error::{Error, Result};

/// Checks that the tablespace exists and that the caller may create indexes there, as
/// `DefineIndex` does.
pub(super) fn check_tablespace(table: &PgRelation, statement: &pg_sys::IndexStmt) -> Result<()> {
    let class = table::class(table);
    let partitioned = is_partitioned(table);
    // SAFETY: the parser terminates its strings; the database's tablespace is a plain variable.
    let (tablespace, database_default) = unsafe {
        let chosen = if statement.tableSpace.is_null() {
            pg_sys::GetDefaultTablespace(class.relpersistence, partitioned)
        } else {
            pg_sys::get_tablespace_oid(statement.tableSpace, false)
        };
        (chosen, pg_sys::MyDatabaseTableSpace)
    };
    if partitioned && !statement.tableSpace.is_null() && tablespace == database_default {
        return Err(Error::unsupported(
            "cannot specify default tablespace for partitioned relations",
        ));
    }
    if tablespace != pg_sys::InvalidOid && tablespace != database_default {
        check_create_right(tablespace);
    }
    if tablespace == pg_sys::GLOBALTABLESPACE_OID && !class.relisshared {
        return Err(Error::invalid_parameter(
            "only shared relations can be placed in pg_global tablespace",
        ));
    }
    Ok(())
}

/// Raises the server's error when the caller may not create objects in a tablespace.
fn check_create_right(tablespace: pg_sys::Oid) {
    // SAFETY: catalog lookups by OID; the name is only read while the error is raised.
    unsafe {
        let verdict = tablespace_aclcheck(tablespace, pg_sys::GetUserId());
        if verdict != pg_sys::AclResult::ACLCHECK_OK {
            pg_sys::aclcheck_error(
                verdict,
                pg_sys::ObjectType::OBJECT_TABLESPACE,
                pg_sys::get_tablespace_name(tablespace),
            );
        }
    }
}

/// # Safety
/// Must be called inside a transaction.
#[cfg(feature = "pg15")]
unsafe fn tablespace_aclcheck(
    tablespace: pg_sys::Oid,
    role: pg_sys::Oid,
) -> pg_sys::AclResult::Type {
    // SAFETY: a catalog lookup by OID.
    unsafe {
        pg_sys::pg_tablespace_aclcheck(tablespace, role, pg_sys::ACL_CREATE as pg_sys::AclMode)
    }
}

/// # Safety
/// Must be called inside a transaction.
#[cfg(not(feature = "pg15"))]
unsafe fn tablespace_aclcheck(
    tablespace: pg_sys::Oid,
    role: pg_sys::Oid,
) -> pg_sys::AclResult::Type {
    // SAFETY: a catalog lookup by OID.
    unsafe {
        pg_sys::object_aclcheck(
            pg_sys::TableSpaceRelationId,
            tablespace,
            role,
            pg_sys::ACL_CREATE as pg_sys::AclMode,
        )
    }
}

/// Has the access method check the storage parameters, and returns them as given.
pub(super) fn check_options(
    statement: &pg_sys::IndexStmt,
    method: &AccessMethod,
) -> Result<Vec<(String, String)>> {
    let array = options_array(statement.options);
    // SAFETY: the array is what transformRelOptions made; the function is the access method's.
    unsafe { pg_sys::index_reloptions(method.options_function, array, true) };
    // SAFETY: the grammar fills `options` with DefElem nodes, whose names are terminated strings
    // and whose values defGetString accepted above.
    let options = unsafe {
        PgList::<pg_sys::DefElem>::from_pg(statement.options)
            .iter_ptr()
            .map(|option| (text((*option).defname), option_value(option)))
            .collect()
    };
    Ok(options)
}

/// # Safety
/// `option` must point to a DefElem of a storage parameter.
unsafe fn option_value(option: *mut pg_sys::DefElem) -> String {
    // SAFETY: see above.
    unsafe {
        if (*option).arg.is_null() {
            String::from("true")
        } else {
            text(pg_sys::defGetString(option))
        }
    }
}

/// Parameters as the text array that the catalogs store; a zero datum when there are none.
pub(super) fn options_array(options: *mut pg_sys::List) -> pg_sys::Datum {
    // SAFETY: a list of DefElem nodes from the parser; no old options and no namespaces.
    unsafe {
        pg_sys::transformRelOptions(
            pg_sys::Datum::from(0),
            options,
            std::ptr::null(),
            std::ptr::null_mut(),
            false,
            false,
        )
    }
}
