//! Who this process is, at the cost of reading a variable.

use std::ffi::{CStr, c_char};

use pgrx::pg_sys;

pub(crate) use super::compat::session_number as number;

/// Its process identifier.
pub(crate) fn pid() -> i32 {
    // SAFETY: a plain variable of this process.
    unsafe { pg_sys::MyProcPid }
}

/// The database it is connected to; 0 for none.
#[inline]
pub(crate) fn database() -> u32 {
    // SAFETY: a plain variable of this process.
    unsafe { pg_sys::MyDatabaseId.to_u32() }
}

/// The current role.
#[inline]
pub(crate) fn current_role() -> u32 {
    unsafe extern "C-unwind" {
        // Without the frame that the bindings put around it: it returns a variable.
        fn GetUserId() -> pg_sys::Oid;
    }
    // SAFETY: reads backend-local state and raises no error.
    unsafe { GetUserId().to_u32() }
}

/// The transaction's identifier, if it has changed anything.
pub(crate) fn transaction() -> Option<u64> {
    // SAFETY: reads the state of this process's transaction.
    let id = unsafe { pg_sys::GetTopFullTransactionIdIfAny() }.value;
    (id != 0).then_some(id)
}

/// Lets what other sessions do be read anew in this transaction.
pub(crate) fn forget_activity() {
    // SAFETY: frees this process's copy; the next reader makes another.
    unsafe { pg_sys::pgstat_clear_backend_activity_snapshot() }
}

/// Whether this process works for another one's statement.
#[inline]
pub(crate) fn is_parallel_worker() -> bool {
    // SAFETY: a plain variable of this process.
    unsafe { pg_sys::ParallelWorkerNumber >= 0 }
}

/// Whether it is a background worker of an extension, such as those that run jobs.
pub(crate) fn is_background_worker() -> bool {
    // SAFETY: a plain variable of this process.
    unsafe { pg_sys::MyBackendType == pg_sys::BackendType::B_BG_WORKER }
}

/// Encoding of the database.
pub(crate) fn encoding() -> i32 {
    unsafe extern "C-unwind" {
        // As above.
        fn GetDatabaseEncoding() -> i32;
    }
    // SAFETY: reads backend-local state and raises no error.
    unsafe { GetDatabaseEncoding() }
}

/// Whether a client's command is under way.
pub(crate) fn has_command() -> bool {
    // SAFETY: a plain variable of this process.
    unsafe { !pg_sys::debug_query_string.is_null() }
}

/// Whether what is analysed, planned (with the source text `text`) or executed now is a client's
/// statement, if it is not nested in one. It is not when the end of a transaction runs a query of
/// its own, as a deferred constraint does: then there is no portal, and the text is another one.
#[inline]
pub(crate) fn serves_client(text: *const c_char) -> bool {
    // SAFETY: plain variables of this process.
    unsafe {
        !pg_sys::ActivePortal.is_null()
            || (!text.is_null() && std::ptr::eq(text, pg_sys::debug_query_string))
            || pg_sys::MyBackendType != pg_sys::BackendType::B_BACKEND
    }
}

/// The setting `search_path`.
pub(crate) fn search_path() -> &'static [u8] {
    // SAFETY: a setting's value, which stays until it is set anew; it is copied at once.
    unsafe { text(pg_sys::namespace_search_path) }
}

/// The setting `application_name`.
pub(crate) fn application() -> &'static [u8] {
    // SAFETY: as above.
    unsafe { text(pg_sys::application_name) }
}

/// The setting `standard_conforming_strings`.
pub(crate) fn standard_strings() -> bool {
    // SAFETY: a plain variable of this process.
    unsafe { pg_sys::standard_conforming_strings }
}

/// The settings `statement_timeout` and `lock_timeout` in milliseconds.
pub(crate) fn timeouts() -> (i32, i32) {
    // SAFETY: plain variables of this process.
    unsafe { (pg_sys::StatementTimeout, pg_sys::LockTimeout) }
}

/// Whether the server computes query identifiers.
pub(crate) fn has_query_ids() -> bool {
    // SAFETY: plain variables of this process.
    unsafe {
        pg_sys::query_id_enabled && pg_sys::compute_query_id != COMPUTE_QUERY_ID_OFF
            || pg_sys::compute_query_id == COMPUTE_QUERY_ID_ON
    }
}

const COMPUTE_QUERY_ID_OFF: i32 = pg_sys::ComputeQueryIdType::COMPUTE_QUERY_ID_OFF as i32;
const COMPUTE_QUERY_ID_ON: i32 = pg_sys::ComputeQueryIdType::COMPUTE_QUERY_ID_ON as i32;

unsafe fn text(value: *const c_char) -> &'static [u8] {
    if value.is_null() {
        return &[];
    }
    // SAFETY: the caller passes a C string.
    unsafe { CStr::from_ptr(value) }.to_bytes()
}

/// A setting as `SHOW` has it.
pub(crate) fn setting(name: &str) -> Option<String> {
    let name = std::ffi::CString::new(name).ok()?;
    // SAFETY: null for a setting that there is not; the value is copied at once.
    unsafe {
        copied(pg_sys::GetConfigOptionByName(
            name.as_ptr(),
            std::ptr::null_mut(),
            true,
        ))
    }
}

/// A setting as it was when the session began.
pub(crate) fn setting_at_start(name: &str) -> Option<String> {
    let name = std::ffi::CString::new(name).ok()?;
    // SAFETY: raises an error for a setting that there is not; the value is copied at once.
    unsafe { copied(pg_sys::GetConfigOptionResetString(name.as_ptr())) }
}

unsafe fn copied(value: *const c_char) -> Option<String> {
    if value.is_null() {
        return None;
    }
    // SAFETY: the caller passes a C string.
    Some(
        unsafe { CStr::from_ptr(value) }
            .to_string_lossy()
            .into_owned(),
    )
}
