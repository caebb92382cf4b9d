//! Which databases there are, and the commands that need one for themselves.

use std::ffi::{CStr, c_char};

use pgrx::pg_sys::NodeTag::*;
use pgrx::{PgList, pg_sys};

use super::compat::tag;
use super::session;

/// Databases that a worker can connect to and that are no templates. Needs a transaction, and
/// works without a database.
pub(crate) fn connectable() -> Vec<u32> {
    let mut found = Vec::new();
    // SAFETY: a scan of a shared catalog, closed again; each row is looked at before the next.
    unsafe {
        let relation = pg_sys::table_open(pg_sys::DatabaseRelationId, ACCESS_SHARE);
        let scan = pg_sys::table_beginscan_catalog(relation, 0, std::ptr::null_mut());
        loop {
            let row = pg_sys::heap_getnext(scan, pg_sys::ScanDirection::ForwardScanDirection);
            if row.is_null() {
                break;
            }
            let header = (*row).t_data;
            let form = header
                .cast::<u8>()
                .add(usize::from((*header).t_hoff))
                .cast::<pg_sys::FormData_pg_database>();
            // A limit of -2 marks a database whose DROP was interrupted.
            if (*form).datallowconn && !(*form).datistemplate && (*form).datconnlimit != -2 {
                found.push((*form).oid.to_u32());
            }
        }
        pg_sys::table_endscan(scan);
        pg_sys::table_close(relation, ACCESS_SHARE);
    }
    found
}

unsafe extern "C-unwind" {
    // Without the frame that the bindings put around them: called in a hook, where an error passes
    // as the server raised it.
    fn get_database_oid(name: *const c_char, missing_ok: bool) -> pg_sys::Oid;
    fn defGetString(option: *mut pg_sys::DefElem) -> *mut c_char;
    #[cfg(feature = "pg15")]
    fn pg_database_ownercheck(database: pg_sys::Oid, user: pg_sys::Oid) -> bool;
    #[cfg(not(feature = "pg15"))]
    fn object_ownercheck(class: pg_sys::Oid, object: pg_sys::Oid, user: pg_sys::Oid) -> bool;
}

const ACCESS_SHARE: pg_sys::LOCKMODE = pg_sys::AccessShareLock as pg_sys::LOCKMODE;

/// What a command means for the background workers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Concern {
    /// Nothing.
    None,
    /// It needs this database to itself.
    Needs(u32),
    /// It may have changed which databases there are, or which can be connected to.
    Databases,
    /// It may have brought work into this database.
    Work,
    /// It may have brought work, or taken it away, where pgopt is known to be.
    Known,
}

/// What a utility command means for the background workers.
///
/// # Safety
/// `statement` must be the hook's argument, before the command is executed.
#[inline]
pub(crate) unsafe fn concern(statement: *const pg_sys::PlannedStmt) -> Concern {
    // SAFETY: a utility command always has its node.
    unsafe {
        let node = (*statement).utilityStmt;
        match tag(node) {
            T_DropdbStmt
            | T_RenameStmt
            | T_CreatedbStmt
            | T_AlterDatabaseStmt
            | T_CreateExtensionStmt
            | T_DropStmt
            | T_TransactionStmt => look_at(node),
            _ => Concern::None,
        }
    }
}

unsafe fn look_at(node: *mut pg_sys::Node) -> Concern {
    // SAFETY: the casts follow the tags.
    unsafe {
        match tag(node) {
            T_DropdbStmt => needs((*node.cast::<pg_sys::DropdbStmt>()).dbname),
            T_RenameStmt => {
                let rename = node.cast::<pg_sys::RenameStmt>();
                match (*rename).renameType == pg_sys::ObjectType::OBJECT_DATABASE {
                    true => needs((*rename).subname),
                    false => Concern::None,
                }
            }
            T_CreatedbStmt => {
                match option((*node.cast::<pg_sys::CreatedbStmt>()).options, c"template") {
                    Some(name) => needs(name),
                    None => needs(c"template1".as_ptr()),
                }
            }
            T_AlterDatabaseStmt => {
                let alter = node.cast::<pg_sys::AlterDatabaseStmt>();
                match option((*alter).options, c"tablespace") {
                    Some(_) => needs((*alter).dbname),
                    None => Concern::Databases,
                }
            }
            T_CreateExtensionStmt => {
                let name = (*node.cast::<pg_sys::CreateExtensionStmt>()).extname;
                match CStr::from_ptr(name) == c"pgopt" {
                    true => Concern::Work,
                    false => Concern::None,
                }
            }
            T_DropStmt => {
                let kind = (*node.cast::<pg_sys::DropStmt>()).removeType;
                match kind == pg_sys::ObjectType::OBJECT_EXTENSION {
                    true => Concern::Known,
                    false => Concern::None,
                }
            }
            T_TransactionStmt => {
                let kind = (*node.cast::<pg_sys::TransactionStmt>()).kind;
                match kind == pg_sys::TransactionStmtKind::TRANS_STMT_COMMIT_PREPARED {
                    true => Concern::Known,
                    false => Concern::None,
                }
            }
            _ => Concern::None,
        }
    }
}

/// The value of an option that is a name.
unsafe fn option(options: *mut pg_sys::List, wanted: &CStr) -> Option<*mut c_char> {
    // SAFETY: a list of options with names; `template` and `tablespace` take a name, or DEFAULT,
    // which has no value.
    unsafe {
        (PgList::<pg_sys::DefElem>::from_pg(options).iter_ptr())
            .filter(|option| CStr::from_ptr((**option).defname) == wanted)
            .filter(|option| !(**option).arg.is_null())
            .map(|option| defGetString(option))
            .next()
    }
}

/// The database of that name, if the current user may do such things with it: nobody else can make
/// workers go by a command that is refused.
unsafe fn needs(name: *const c_char) -> Concern {
    // SAFETY: look-ups in shared catalogs, in the transaction of the command.
    unsafe {
        let database = get_database_oid(name, true);
        match database != pg_sys::InvalidOid
            && database.to_u32() != session::database()
            && owns(database)
        {
            true => Concern::Needs(database.to_u32()),
            false => Concern::Databases,
        }
    }
}

/// Whether the current user owns a database, or is a superuser.
unsafe fn owns(database: pg_sys::Oid) -> bool {
    let user = pg_sys::Oid::from(session::current_role());
    // SAFETY: a look-up of an existing user; for a database that is gone it raises the error that
    // the command would raise.
    unsafe {
        #[cfg(feature = "pg15")]
        return pg_database_ownercheck(database, user);
        #[cfg(not(feature = "pg15"))]
        object_ownercheck(pg_sys::DatabaseRelationId, database, user)
    }
}
