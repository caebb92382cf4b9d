//! Who is asking, and what they may see.

use std::ffi::{CStr, CString};

use pgrx::pg_sys;

/// Whether the current user may read everybody's statistics (`pg_read_all_stats`).
pub(crate) fn may_read_all_statistics() -> bool {
    // SAFETY: a role membership look-up on an existing user and a predefined role.
    unsafe {
        pg_sys::has_privs_of_role(
            pg_sys::GetUserId(),
            pg_sys::Oid::from(pg_sys::ROLE_PG_READ_ALL_STATS),
        )
    }
}

/// Whether the session's user may read the rows of a table, or statistics of everything.
pub(crate) fn may_read_table(table: pg_sys::Oid) -> bool {
    let user = session_user();
    // SAFETY: privilege look-ups of an existing user; a table that is gone raises an error.
    unsafe {
        let statistics = pg_sys::Oid::from(pg_sys::ROLE_PG_READ_ALL_STATS);
        pg_sys::has_privs_of_role(user, statistics)
            || pg_sys::pg_class_aclcheck(table, user, pg_sys::ACL_SELECT as pg_sys::AclMode)
                == pg_sys::AclResult::ACLCHECK_OK
    }
}

/// The user of the session, or the one it has become by `SET ROLE`: who is told, whoever it is
/// that something is done as.
pub(crate) fn session_user() -> pg_sys::Oid {
    // SAFETY: reads backend-local state.
    unsafe { pg_sys::GetOuterUserId() }
}

/// The current user's OID.
pub(crate) fn current_user() -> pg_sys::Oid {
    // SAFETY: reads backend-local state.
    unsafe { pg_sys::GetUserId() }
}

/// Whether the current user is a superuser.
pub(crate) fn is_superuser() -> bool {
    // SAFETY: a look-up of the current user.
    unsafe { pg_sys::superuser() }
}

/// Whether there is a role of that OID.
pub(crate) fn exists(role: pg_sys::Oid) -> bool {
    // SAFETY: a look-up that returns null for what is not there when told not to raise.
    unsafe { !pg_sys::GetUserNameFromId(role, true).is_null() }
}

/// Whether the server is a standby, on which nothing can be written.
pub(crate) fn in_recovery() -> bool {
    // SAFETY: reads shared state.
    unsafe { pg_sys::RecoveryInProgress() }
}

/// The name of a role, if it is there.
pub(crate) fn name(role: pg_sys::Oid) -> Option<String> {
    // SAFETY: a look-up that returns null for what is not there when told not to raise; the name
    // is copied.
    unsafe {
        let name = pg_sys::GetUserNameFromId(role, true);
        (!name.is_null()).then(|| CStr::from_ptr(name).to_string_lossy().into_owned())
    }
}

/// The role of that name, if there is one.
pub(crate) fn named(name: &str) -> Option<pg_sys::Oid> {
    let name = CString::new(name).ok()?;
    // SAFETY: a look-up that returns zero for what is not there when told not to raise.
    let role = unsafe { pg_sys::get_role_oid(name.as_ptr(), true) };
    (role != pg_sys::InvalidOid).then_some(role)
}

/// Whether there is such a role, and it may log in.
pub(crate) fn can_log_in(role: pg_sys::Oid) -> bool {
    // SAFETY: the tuple of the cache is released after its fixed part is read.
    unsafe {
        let cache = pg_sys::SysCacheIdentifier::AUTHOID as i32;
        let tuple = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(role));
        if tuple.is_null() {
            return false;
        }
        let row = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_authid>();
        let may = (*row).rolcanlogin;
        pg_sys::ReleaseSysCache(tuple);
        may
    }
}

/// Whether the current user has the privileges of a role, which need not be there any more.
pub(crate) fn has_privileges_of(role: pg_sys::Oid) -> bool {
    // SAFETY: a role membership look-up on an existing user.
    unsafe { pg_sys::has_privs_of_role(pg_sys::GetUserId(), role) }
}
