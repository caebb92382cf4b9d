//! Whether the library was loaded at server start.

use std::cell::Cell;

use pgrx::pg_sys;

thread_local! {
    static PRELOADED: Cell<bool> = const { Cell::new(false) };
}

/// Remembers how the library is being loaded; called by `_PG_init`.
pub(crate) fn note() {
    // SAFETY: a plain flag of the server.
    PRELOADED.set(unsafe { pg_sys::process_shared_preload_libraries_in_progress });
}

/// Whether `shared_preload_libraries` loaded it.
pub(crate) fn at_server_start() -> bool {
    PRELOADED.get()
}
