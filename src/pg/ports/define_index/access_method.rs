//! The access method of an index and what it can do.

use std::ffi::{CStr, CString, c_char};

use pgrx::{PgSqlErrorCode, pg_sys};

use crate::error::{Error, Result};

/// An index access method, with what `CREATE INDEX` asks about it.
pub(super) struct AccessMethod {
    /// `pg_am.oid`.
    pub(super) oid: pg_sys::Oid,
    /// `pg_am.amname`.
    pub(super) c_name: CString,
    /// Whether keys have a direction.
    pub(super) can_order: bool,
    /// Type stored for every key unless the operator class says otherwise, or `InvalidOid`.
    pub(super) key_type: pg_sys::Oid,
    /// Number of the operator class function that describes its options, or 0.
    pub(super) class_options_function: u16,
    /// Checks storage parameters.
    pub(super) options_function: pg_sys::amoptions_function,
    can_unique: bool,
    can_include: bool,
    can_have_many_columns: bool,
}

impl AccessMethod {
    /// The access method called `name`, with the substitution of GiST for R-tree that
    /// `DefineIndex` (`commands/indexcmds.c`) makes.
    pub(super) fn look_up(name: *const c_char) -> Result<Self> {
        // SAFETY: the grammar always fills in the name, by default "btree".
        let name = unsafe { CStr::from_ptr(name) };
        if let Some(found) = Self::find(name) {
            return Ok(found);
        }
        let mut missing = name;
        if name == c"rtree" {
            pgrx::ereport!(
                NOTICE,
                PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION,
                "substituting access method \"gist\" for obsolete method \"rtree\""
            );
            missing = c"gist";
            if let Some(found) = Self::find(missing) {
                return Ok(found);
            }
        }
        Err(Error::new(
            PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
            format!(
                "access method \"{}\" does not exist",
                missing.to_string_lossy()
            ),
        ))
    }

    fn find(name: &CStr) -> Option<Self> {
        // SAFETY: a catalog lookup by a terminated string; the row is read before it is released.
        let (oid, handler) = unsafe {
            let tuple = pg_sys::SearchSysCache1(
                pg_sys::SysCacheIdentifier::AMNAME as i32,
                pg_sys::Datum::from(name.as_ptr()),
            );
            if tuple.is_null() {
                return None;
            }
            let form = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_am>();
            let found = ((*form).oid, (*form).amhandler);
            pg_sys::ReleaseSysCache(tuple);
            found
        };
        // SAFETY: the handler of an access method; it raises an error if it is not an index's,
        // and otherwise returns a filled struct in the current memory context.
        let routine = unsafe { &*pg_sys::GetIndexAmRoutine(handler) };
        Some(Self {
            oid,
            c_name: name.to_owned(),
            can_order: routine.amcanorder,
            key_type: routine.amkeytype,
            class_options_function: routine.amoptsprocnum,
            options_function: routine.amoptions,
            can_unique: routine.amcanunique,
            can_include: routine.amcaninclude,
            can_have_many_columns: routine.amcanmulticol,
        })
    }

    /// The access method's name.
    pub(super) fn name(&self) -> String {
        self.c_name.to_string_lossy().into_owned()
    }

    /// Refuses what the access method cannot do at all.
    pub(super) fn check_features(&self, statement: &pg_sys::IndexStmt, keys: usize) -> Result<()> {
        let missing = if statement.unique && !self.can_unique {
            "unique indexes"
        } else if !statement.indexIncludingParams.is_null() && !self.can_include {
            "included columns"
        } else if keys > 1 && !self.can_have_many_columns {
            "multicolumn indexes"
        } else {
            return Ok(());
        };
        Err(self.does_not_support(missing))
    }

    /// The error for a feature that the access method lacks.
    pub(super) fn does_not_support(&self, feature: &str) -> Error {
        Error::unsupported(format!(
            "access method \"{}\" does not support {feature}",
            self.name()
        ))
    }
}
