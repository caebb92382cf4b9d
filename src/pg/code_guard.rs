//! Keeps the code of third roles from running while something is planned for its role.
//!
//! What a statement reaches can be told beforehand only as far as the catalogs say: the body of
//! a function, the check of a domain behind a literal, a search path that changed do not show.
//! The server asks before it looks up any function that is not built in, and before it inlines
//! one, and tells before it calls one with settings or an owner of its own; while a role is
//! guarded, the answer to a function of a third role is an error.

use std::cell::Cell;

use pgrx::prelude::*;
use pgrx::{PgSqlErrorCode, pg_sys};

/// OIDs fixed by `pg_language.dat`, whose macros the bindings leave out.
const INTERNAL_LANGUAGE: u32 = 12;
/// See above.
const C_LANGUAGE: u32 = 13;

thread_local! {
    static GUARDED: Cell<Option<pg_sys::Oid>> = const { Cell::new(None) };
}

/// While it lives, only built-in functions, those written in C, and those of superusers and of
/// the role are run.
pub(crate) struct CodeGuard(Option<pg_sys::Oid>);

impl CodeGuard {
    /// Guards `role`; `None` keeps what is in force.
    pub(crate) fn begin(role: Option<pg_sys::Oid>) -> Self {
        Self(GUARDED.replace(role.or(GUARDED.get())))
    }
}

impl Drop for CodeGuard {
    fn drop(&mut self) {
        GUARDED.set(self.0);
    }
}

/// Whether a role is guarded.
pub(crate) fn is_on() -> bool {
    GUARDED.get().is_some()
}

/// Raises an error if a role is guarded and `function` is somebody else's.
pub(crate) fn check(function: pg_sys::Oid) {
    let Some(role) = GUARDED.get() else { return };
    if is_trusted(function, role) {
        return;
    }
    ereport!(
        ERROR,
        PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
        format!(
            "statement may run untrusted function {} while it is planned",
            signature(function)
        )
    );
}

/// Whether a function is built in, written in C, or that of a superuser or of `role`.
pub(super) fn is_trusted(function: pg_sys::Oid, role: pg_sys::Oid) -> bool {
    if function.to_u32() < pg_sys::FirstNormalObjectId {
        return true;
    }
    // SAFETY: a catalog look-up; the tuple is read before it is released.
    let found = unsafe {
        let tuple = pg_sys::SearchSysCache1(
            pg_sys::SysCacheIdentifier::PROCOID as _,
            pg_sys::Datum::from(function),
        );
        if tuple.is_null() {
            return true; // The server raises its own error.
        }
        let form = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_proc>();
        let found = ((*form).prolang, (*form).proowner);
        pg_sys::ReleaseSysCache(tuple);
        found
    };
    let (language, owner) = found;
    let compiled = [INTERNAL_LANGUAGE, C_LANGUAGE].contains(&language.to_u32());
    // SAFETY: a look-up by role.
    compiled || owner == role || unsafe { pg_sys::superuser_arg(owner) }
}

fn signature(function: pg_sys::Oid) -> String {
    // SAFETY: the result is a string in the current context, for any OID.
    unsafe {
        std::ffi::CStr::from_ptr(pg_sys::format_procedure(function))
            .to_string_lossy()
            .into_owned()
    }
}
