//! Asking for shared memory and getting it.

use std::cell::Cell;
use std::sync::atomic::Ordering::Relaxed;

use pgrx::{pg_guard, pg_sys};

use crate::capture::keep;
use crate::pg::{clock, shared_memory};
use crate::settings;
use crate::shmem::header::Global;
use crate::shmem::{self, Sizes};

struct Previous {
    request: pg_sys::shmem_request_hook_type,
    startup: pg_sys::shmem_startup_hook_type,
}

thread_local! {
    static PREVIOUS: Cell<Option<&'static Previous>> = const { Cell::new(None) };
}

pub(super) fn install() {
    // SAFETY: _PG_init runs once, in the postmaster.
    unsafe {
        PREVIOUS.set(Some(Box::leak(Box::new(Previous {
            request: pg_sys::shmem_request_hook,
            startup: pg_sys::shmem_startup_hook,
        }))));
        pg_sys::shmem_request_hook = Some(request);
        pg_sys::shmem_startup_hook = Some(startup);
        pg_sys::EnableQueryId();
    }
}

fn sizes() -> Sizes {
    Sizes {
        statements: settings::max_statements(),
        text_bytes: settings::query_text_memory(),
        sessions: shared_memory::most_sessions(),
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn request() {
    if let Some(hook) = PREVIOUS.get().and_then(|previous| previous.request) {
        // SAFETY: the hook that was there before.
        unsafe { pg_sys::ffi::pg_guard_ffi_boundary(|| hook()) };
    }
    shared_memory::request(shmem::bytes(&sizes()));
}

#[pg_guard]
unsafe extern "C-unwind" fn startup() {
    if let Some(hook) = PREVIOUS.get().and_then(|previous| previous.startup) {
        // SAFETY: the hook that was there before.
        unsafe { pg_sys::ffi::pg_guard_ffi_boundary(|| hook()) };
    }
    let sizes = sizes();
    let (memory, is_new) = shared_memory::get(c"pgopt", shmem::bytes(&sizes));
    // SAFETY: that many bytes, zeroed or laid out before, and there as long as the server.
    let shared = unsafe { shmem::attach(memory, &sizes) };
    shmem::publish(shared);
    if is_new && shared_memory::is_owner() {
        shared
            .header
            .value(Global::Since)
            .store(clock::now() as u64, Relaxed);
        keep::load(shared);
        shared_memory::on_exit(save_at_shutdown);
    }
}

/// In the postmaster, when everybody else has gone. After a crash nothing in shared memory is to
/// be trusted.
#[pg_guard]
unsafe extern "C-unwind" fn save_at_shutdown(code: i32, _argument: pg_sys::Datum) {
    if code == 0
        && shared_memory::is_owner()
        && let Some(shared) = shmem::get()
    {
        keep::save(shared, 0);
    }
}
