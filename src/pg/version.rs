//! Which server this library was built for.

use std::ffi::CStr;

use pgrx::pg_sys;

use super::local::Local;

/// Its version number, such as 150018 for 15.18 (the minor one of the build).
pub(crate) const SERVER: u32 = pg_sys::PG_VERSION_NUM;
/// The version of its system catalogs.
pub(crate) const CATALOG: u32 = pg_sys::CATALOG_VERSION_NO;

static RUNNING: Local<i32> = Local::new(0);

/// Notes which minor version is running, while the library is loaded.
pub(crate) fn note() {
    // SAFETY: a setting that every server has.
    let text = unsafe { pg_sys::GetConfigOption(c"server_version_num".as_ptr(), true, false) };
    if !text.is_null() {
        // SAFETY: the setting's value as a C string.
        let text = unsafe { CStr::from_ptr(text) }.to_str().unwrap_or_default();
        RUNNING.set(text.parse().unwrap_or(SERVER as i32));
    }
}

/// The version number of the server that runs, its minor one included.
pub(crate) fn running() -> i32 {
    RUNNING.get()
}
