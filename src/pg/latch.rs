//! Waking another process.

use pgrx::pg_sys;

/// This process's latch, as an address valid in every process of the server.
pub(crate) fn own() -> usize {
    // SAFETY: a process with shared memory has its latch there, mapped at the same address in
    // every process.
    unsafe { pg_sys::MyLatch as usize }
}

/// Sets a latch given by [`own`] in another process, which may be gone: then the latch is nobody's
/// or a successor's, and waking that one for nothing does no harm.
pub(crate) fn set(latch: usize) {
    unsafe extern "C-unwind" {
        // Without the frame that the bindings put around it: it raises no error.
        fn SetLatch(latch: *mut pg_sys::Latch);
    }
    if latch != 0 {
        // SAFETY: see `own`; the process array outlives every process.
        unsafe { SetLatch(latch as *mut pg_sys::Latch) }
    }
}
